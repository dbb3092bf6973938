#pragma once

#include <array>
#include <functional>
#include <optional>

#include "regatta/device/buffer.hpp"
#include "regatta/train/layer.hpp"
#include "staged_sum.hpp"

namespace regatta::train {

/// A recurrent layer in one direction or in two. Of each direction: weights of the inputs, then of the
/// states.
///
/// Ranks may divide its units: each has the gates of some of them, and after each step all learn the states
/// of all.
class RecurrentLayer final : public Layer {
 public:
  /// @param parts  the ranks that divide the units; null: this rank has all of them
  RecurrentLayer(const RecurrentSpec& spec, const Shape& input, comm::Communicator* parts = nullptr);

  ParameterCounts counts() const override;
  ParameterCounts whole_counts() const override;
  std::size_t weight_in_whole(std::size_t weight) const override;
  std::size_t bias_in_whole(std::size_t bias) const override;
  Shape output() const override;
  double operations() const override;
  std::size_t activations() const override;
  void draw(Random& random, std::span<float> weights, std::span<float> biases,
            std::span<float> statistics) const override;
  void place(device::Backend& backend, const Places& places, std::size_t most_samples) override;
  device::MatrixView<const float> forward(device::MatrixView<const float> x, const Pass& pass) override;
  void backward(device::MatrixView<float> y, device::MatrixView<float> x) override;
  double wait_seconds() const override { return sum_ ? sum_->wait_seconds() : 0; }

 private:
  std::size_t units() const { return own_.end - own_.first; }
  std::size_t columns() const { return device::gates_of(spec_.kind) * units(); }
  std::size_t direction_weights() const { return (inputs_ + spec_.units) * columns(); }
  std::size_t direction_biases() const { return device::cell_biases(spec_.kind, units()); }
  std::size_t direction_kept() const {
    return device::kept_numbers(spec_.kind, steps_, inputs_, units(), spec_.units);
  }
  std::size_t number_in_whole(std::size_t number) const;
  device::Recurrence direction(std::size_t d, device::MatrixView<const float> x, const Pass& pass);

  RecurrentSpec spec_;
  std::size_t steps_, inputs_, directions_;
  comm::Communicator* parts_;
  Share own_;  ///< units of this rank
  std::optional<StagedSum> sum_;  ///< over the parts
  std::function<void(std::span<float>)> sum_over_parts_;
  device::Backend* backend_ = nullptr;
  Places places_;
  std::size_t most_samples_ = 0;
  device::Buffer<float> y_, kept_;
  std::array<device::Recurrence, 2> last_;  ///< of the last forward pass
  device::Dropout dropout_;
};

}  // namespace regatta::train
