#pragma once

#include <optional>

#include "regatta/device/buffer.hpp"
#include "regatta/train/layer.hpp"
#include "staged_sum.hpp"

namespace regatta::train {

/// Which side of its weights ranks have divided.
enum class Division {
  Columns,  ///< each rank has some units and gives their outputs; all have the whole input
  Rows,     ///< each rank has some inputs and the outputs are summed; all have the whole output
};

/// A dense layer of which each rank holds a part. A layer divided by columns and one divided by rows after it
/// need one sum over the ranks in each direction (Shoeybi et al. 2019, Megatron-LM).
class ParallelDenseLayer final : public Layer {
 public:
  /// @param input  of the whole layer, also where this rank gets a part of it
  ParallelDenseLayer(const DenseSpec& spec, const Shape& input, Division division, comm::Communicator& parts);

  ParameterCounts counts() const override;
  ParameterCounts whole_counts() const override;
  std::size_t weight_in_whole(std::size_t weight) const override;
  std::size_t bias_in_whole(std::size_t bias) const override { return first_unit() + bias; }
  Shape output() const override { return {units()}; }
  double operations() const override;
  void draw(Random& random, std::span<float> weights, std::span<float> biases,
            std::span<float> statistics) const override;
  void place(device::Backend& backend, const Places& places, std::size_t most_samples) override;
  device::MatrixView<const float> forward(device::MatrixView<const float> x, const Pass& pass) override;
  void backward(device::MatrixView<float> y, device::MatrixView<float> x) override;
  double wait_seconds() const override { return sum_ ? sum_->wait_seconds() : 0; }

 private:
  bool by_columns() const { return division_ == Division::Columns; }
  std::size_t inputs() const { return by_columns() ? inputs_ : own_.end - own_.first; }
  std::size_t units() const { return by_columns() ? own_.end - own_.first : spec_.units; }
  std::size_t first_unit() const { return by_columns() ? own_.first : 0; }

  DenseSpec spec_;
  std::size_t inputs_;
  Division division_;
  comm::Communicator& parts_;
  Share own_;  ///< this rank's units or inputs
  device::Backend* backend_ = nullptr;
  Places places_;
  device::Buffer<float> z_, y_;
  device::Dense last_;
  std::optional<StagedSum> sum_;  ///< over the parts
};

}  // namespace regatta::train
