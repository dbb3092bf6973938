#pragma once

#include "regatta/device/buffer.hpp"
#include "regatta/train/layer.hpp"

namespace regatta::train {

/// The first layer of a network for tokens.
class EmbeddingLayer final : public Layer {
 public:
  EmbeddingLayer(const EmbeddingSpec& spec, const Shape& input);

  ParameterCounts counts() const override { return {spec_.tokens * spec_.width, 0, 0}; }
  Shape output() const override { return {steps_, spec_.width}; }
  double operations() const override { return 0; }
  void draw(Random& random, std::span<float> weights, std::span<float> biases,
            std::span<float> statistics) const override;
  void place(device::Backend& backend, const Places& places, std::size_t most_samples) override;
  device::MatrixView<const float> forward(device::MatrixView<const float> x, const Pass& pass) override;
  void backward(device::MatrixView<float> y, device::MatrixView<float> x) override;

 private:
  EmbeddingSpec spec_;
  std::size_t steps_;
  device::Backend* backend_ = nullptr;
  Places places_;
  device::Buffer<float> y_;
  device::Embedding last_;  ///< of the last forward pass
};

}  // namespace regatta::train
