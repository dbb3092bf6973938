#pragma once

#include "regatta/device/buffer.hpp"
#include "regatta/train/layer.hpp"

namespace regatta::train {

class ConvolutionLayer final : public Layer {
 public:
  ConvolutionLayer(const ConvolutionSpec& spec, const Shape& input);

  ParameterCounts counts() const override;
  Shape output() const override;
  double operations() const override;
  void draw(Random& random, std::span<float> weights, std::span<float> biases,
            std::span<float> statistics) const override;
  void place(device::Backend& backend, const Places& places, std::size_t most_samples) override;
  device::MatrixView<const float> forward(device::MatrixView<const float> x, const Pass& pass) override;
  void backward(device::MatrixView<float> y, device::MatrixView<float> x) override;

 private:
  std::size_t terms() const;  ///< of one output: kernel x kernel x input channels

  ConvolutionSpec spec_;
  device::Windows windows_;
  device::Backend* backend_ = nullptr;
  Places places_;
  device::Buffer<float> z_, y_;  ///< y is empty where z is not needed
  device::Convolution last_;     ///< of the last forward pass
};

}  // namespace regatta::train
