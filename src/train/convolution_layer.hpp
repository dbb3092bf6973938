#pragma once

#include "regatta/device/buffer.hpp"
#include "regatta/device/sample_bundles.hpp"
#include "regatta/train/layer.hpp"

namespace regatta::train {

class ConvolutionLayer final : public SampleLayer {
 public:
  ConvolutionLayer(const ConvolutionSpec& spec, const Shape& input);

  ParameterCounts counts() const override;
  Shape output() const override;
  double operations() const override;
  void draw(Random& random, std::span<float> weights, std::span<float> biases,
            std::span<float> statistics) const override;
  void place(device::Backend& backend, const Places& places, std::size_t most_samples) override;
  void place_groups() override;
  Bundles bundles() const override {
    return device::gains_in_bundles(windows_) ? Bundles::Gains : Bundles::Never;
  }
  device::MatrixView<const float> forward_group(device::MatrixView<const float> x, std::size_t first,
                                                bool bundled) override;
  void backward_group(device::MatrixView<float> y, device::MatrixView<float> x, std::size_t first,
                      bool adds) override;

 private:
  std::size_t terms() const;  ///< of one output: kernel x kernel x input channels
  device::Convolution group(std::size_t first, std::size_t count);

  ConvolutionSpec spec_;
  device::Windows windows_;
  device::Backend* backend_ = nullptr;
  Places places_;
  device::Buffer<float> z_, y_;      ///< y is empty where z is not needed
  device::Buffer<float> gradients_;  ///< of a group, where they are added
  const float* x_ = nullptr;         ///< of the last batch
  bool bundled_ = false;
};

}  // namespace regatta::train
