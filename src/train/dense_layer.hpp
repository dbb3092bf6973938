#pragma once

#include "regatta/device/buffer.hpp"
#include "regatta/train/layer.hpp"

namespace regatta::train {

class DenseLayer final : public Layer {
 public:
  DenseLayer(const DenseSpec& spec, const Shape& input);

  ParameterCounts counts() const override;
  Shape output() const override { return spec_.per_step ? Shape{steps_, spec_.units} : Shape{spec_.units}; }
  double operations() const override;
  void draw(Random& random, std::span<float> weights, std::span<float> biases,
            std::span<float> statistics) const override;
  void place(device::Backend& backend, const Places& places, std::size_t most_samples) override;
  device::MatrixView<const float> forward(device::MatrixView<const float> x, const Pass& pass) override;
  void backward(device::MatrixView<float> y, device::MatrixView<float> x) override;

 private:
  DenseSpec spec_;
  std::size_t steps_;   ///< that share the weights
  std::size_t inputs_;  ///< of one step
  device::Backend* backend_ = nullptr;
  Places places_;
  device::Buffer<float> z_, y_;  ///< y is empty where y = z
  device::Dense last_;           ///< of the last forward pass
};

}  // namespace regatta::train
