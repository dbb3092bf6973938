#pragma once

#include <array>

#include "regatta/device/buffer.hpp"
#include "regatta/train/layer.hpp"

namespace regatta::train {

/// A recurrent layer in one direction or in two. Of each direction: weights of the inputs, then of the
/// states.
class RecurrentLayer final : public Layer {
 public:
  RecurrentLayer(const RecurrentSpec& spec, const Shape& input);

  ParameterCounts counts() const override;
  Shape output() const override;
  double operations() const override;
  std::size_t activations() const override;
  void draw(Random& random, std::span<float> weights, std::span<float> biases,
            std::span<float> statistics) const override;
  void place(device::Backend& backend, const Places& places, std::size_t most_samples) override;
  device::MatrixView<const float> forward(device::MatrixView<const float> x, const Pass& pass) override;
  void backward(device::MatrixView<float> y, device::MatrixView<float> x) override;

 private:
  std::size_t columns() const { return device::gates_of(spec_.kind) * spec_.units; }
  std::size_t direction_weights() const { return (inputs_ + spec_.units) * columns(); }
  std::size_t direction_kept() const {
    return device::kept_numbers(spec_.kind, steps_, inputs_, spec_.units);
  }
  device::Recurrence direction(std::size_t d, device::MatrixView<const float> x, const Pass& pass);

  RecurrentSpec spec_;
  std::size_t steps_, inputs_, directions_;
  device::Backend* backend_ = nullptr;
  Places places_;
  std::size_t most_samples_ = 0;
  device::Buffer<float> y_, kept_;
  std::array<device::Recurrence, 2> last_;  ///< of the last forward pass
  device::Dropout dropout_;
};

}  // namespace regatta::train
