#pragma once

#include "regatta/train/layer_chain.hpp"

namespace regatta::train {

class ResidualLayer final : public Layer {
 public:
  ResidualLayer(const ResidualSpec& spec, const Shape& input);

  ParameterCounts counts() const override;
  Shape output() const override { return body_.output(); }
  double operations() const override { return body_.operations() + skip_.operations(); }
  std::size_t activations() const override;
  void draw(Random& random, std::span<float> weights, std::span<float> biases,
            std::span<float> statistics) const override;
  void place(device::Backend& backend, const Places& places, std::size_t most_samples) override;
  device::MatrixView<const float> forward(device::MatrixView<const float> x, const Pass& pass) override;
  void backward(device::MatrixView<float> y, device::MatrixView<float> x) override;
  void forward_nothing(const Pass& pass) override;
  void backward_nothing() override;
  double wait_seconds() const override { return body_.wait_seconds() + skip_.wait_seconds(); }

 private:
  LayerChain body_, skip_;
  std::size_t inputs_;
  device::Activation activation_;
  device::Backend* backend_ = nullptr;
  device::Buffer<float> y_;
  device::Buffer<float> body_slope_;  ///< dL/d(body(x))
  device::Buffer<float> skip_slope_;  ///< dL/dx by way of the skip; empty where that has no layers
  device::Sum last_;                  ///< of the last forward pass
};

}  // namespace regatta::train
