#pragma once

#include "regatta/device/buffer.hpp"
#include "regatta/train/layer.hpp"

namespace regatta::train {

class PoolLayer final : public SampleLayer {
 public:
  PoolLayer(const PoolSpec& spec, const Shape& input);

  ParameterCounts counts() const override { return {}; }
  Shape output() const override;
  double operations() const override;
  void draw(Random&, std::span<float>, std::span<float>, std::span<float>) const override {}
  void place(device::Backend& backend, const Places& places, std::size_t most_samples) override;
  Bundles bundles() const override { return Bundles::Can; }
  device::MatrixView<const float> forward_group(device::MatrixView<const float> x, std::size_t first,
                                                bool bundled) override;
  void backward_group(device::MatrixView<float> y, device::MatrixView<float> x, std::size_t first,
                      bool adds) override;

 private:
  device::Pool group(std::size_t first, std::size_t count);

  device::PoolKind kind_;
  device::Windows windows_;
  device::Backend* backend_ = nullptr;
  device::Buffer<float> y_;
  const float* x_ = nullptr;  ///< of the last batch
  std::size_t lanes_ = 1;     ///< samples of a bundle, or 1
};

}  // namespace regatta::train
