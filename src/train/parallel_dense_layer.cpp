#include "parallel_dense_layer.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"

namespace regatta::train {

ParallelDenseLayer::ParallelDenseLayer(const DenseSpec& spec, const Shape& input, Division division,
                                       comm::Communicator& parts)
    : spec_(spec), inputs_(size_of(input)), division_(division), parts_(parts) {
  const std::size_t all = by_columns() ? spec.units : inputs_;
  require(all >= static_cast<std::size_t>(parts.size()), "cannot divide ", all, by_columns() ? " units" : " inputs",
          " among ", parts.size(), " ranks");
  own_ = share_of(all, &parts);
}

ParameterCounts ParallelDenseLayer::counts() const { return {inputs() * units(), units(), 0}; }
ParameterCounts ParallelDenseLayer::whole_counts() const { return {inputs_ * spec_.units, spec_.units, 0}; }

std::size_t ParallelDenseLayer::weight_in_whole(std::size_t weight) const {
  const std::size_t row = weight / units(), column = weight % units();
  return by_columns() ? row * spec_.units + own_.first + column : (own_.first + row) * spec_.units + column;
}

double ParallelDenseLayer::operations() const {
  return 2.0 * static_cast<double>(inputs()) * static_cast<double>(units());
}

/// Draws the numbers of the whole layer and keeps its own, so that all divisions start from the same network.
void ParallelDenseLayer::draw(Random& random, std::span<float> weights, std::span<float>,
                              std::span<float>) const {
  const double deviation = std::sqrt(initial_variance(spec_.init, spec_.activation, inputs_, spec_.units));
  std::size_t next = 0;
  for (std::size_t weight = 0; weight < inputs_ * spec_.units; ++weight) {
    const double number = random.normal();
    if (next < weights.size() && weight_in_whole(next) == weight)
      weights[next++] = static_cast<float>(deviation * number);
  }
}

void ParallelDenseLayer::place(device::Backend& backend, const Places& places, std::size_t most_samples) {
  backend_ = &backend;
  places_ = places;
  z_ = {backend, most_samples * units()};
  y_ = {backend, most_samples * units()};
  sum_.emplace(backend, parts_, most_samples * std::max(inputs_, spec_.units));
}

device::MatrixView<const float> ParallelDenseLayer::forward(device::MatrixView<const float> x, const Pass& pass) {
  last_ = {x,
           {places_.weights, inputs(), units()},
           by_columns() ? places_.biases : nullptr,
           {z_.data(), x.rows, units()},
           {y_.data(), x.rows, units()},
           spec_.activation,
           {pass.training ? spec_.dropout : 0.0f, pass.key, pass.first_sample,
            static_cast<std::uint32_t>(first_unit())}};
  backend_->forward(last_);
  if (by_columns()) return last_.y;
  (*sum_)({last_.z.data, last_.z.size()});
  last_.bias = places_.biases;
  backend_->activate(last_);
  return last_.y;
}

void ParallelDenseLayer::backward(device::MatrixView<float> y, device::MatrixView<float> x) {
  backend_->backward(last_, {y, {places_.weight_gradients, inputs(), units()}, places_.bias_gradients, x});
  if (by_columns() && x.data) (*sum_)({x.data, x.size()});
}

}  // namespace regatta::train
