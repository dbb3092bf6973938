#pragma once

#include "regatta/device/buffer.hpp"
#include "regatta/train/layer.hpp"

namespace regatta::train {

class PoolLayer final : public Layer {
 public:
  PoolLayer(const PoolSpec& spec, const Shape& input);

  ParameterCounts counts() const override { return {}; }
  Shape output() const override;
  double operations() const override;
  void draw(Random&, std::span<float>, std::span<float>, std::span<float>) const override {}
  void place(device::Backend& backend, const Places& places, std::size_t most_samples) override;
  device::MatrixView<const float> forward(device::MatrixView<const float> x, const Pass& pass) override;
  void backward(device::MatrixView<float> y, device::MatrixView<float> x) override;

 private:
  device::PoolKind kind_;
  device::Windows windows_;
  device::Backend* backend_ = nullptr;
  device::Buffer<float> y_;
  device::Pool last_;  ///< of the last forward pass
};

}  // namespace regatta::train
