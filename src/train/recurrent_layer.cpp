#include "recurrent_layer.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"

namespace regatta::train {

using device::CellKind;
using device::Readout;

RecurrentLayer::RecurrentLayer(const RecurrentSpec& spec, const Shape& input, comm::Communicator* parts)
    : spec_(spec),
      steps_(input.size() == 2 ? input[0] : 0),
      inputs_(input.size() == 2 ? input[1] : 0),
      directions_(spec.bidirectional ? 2 : 1),
      parts_(parts),
      own_(share_of(spec.units, parts)),
      sum_over_parts_([this](std::span<float> values) { (*sum_)(values); }) {
  require(steps_ > 0 && inputs_ > 0,
          "a recurrent layer reads sequences of steps x channels, got samples with ", input.size(),
          input.size() == 1 ? " dimension" : " dimensions");
  require(spec.units > 0, "a recurrent layer needs units");
  require(spec.dropout >= 0 && spec.dropout < 1, "dropout must lie in [0, 1), got ", spec.dropout);
}

ParameterCounts RecurrentLayer::counts() const {
  return {directions_ * direction_weights(), directions_ * direction_biases(), 0};
}

ParameterCounts RecurrentLayer::whole_counts() const {
  return RecurrentLayer(spec_, {steps_, inputs_}).counts();
}

/// Of weights as of biases: rows hold the numbers of this rank's units, gate by gate.
std::size_t RecurrentLayer::number_in_whole(std::size_t number) const {
  return number / units() * spec_.units + own_.first + number % units();
}

std::size_t RecurrentLayer::weight_in_whole(std::size_t weight) const { return number_in_whole(weight); }
std::size_t RecurrentLayer::bias_in_whole(std::size_t bias) const { return number_in_whole(bias); }

Shape RecurrentLayer::output() const {
  const std::size_t numbers = directions_ * spec_.units;
  return spec_.readout == Readout::All ? Shape{steps_, numbers} : Shape{numbers};
}

double RecurrentLayer::operations() const {
  return 2.0 * static_cast<double>(steps_ * directions_) * static_cast<double>(direction_weights());
}

std::size_t RecurrentLayer::activations() const { return size_of(output()) + directions_ * direction_kept(); }

/// Draws the numbers of the whole layer and keeps its own, so that all divisions start from the same network.
void RecurrentLayer::draw(Random& random, std::span<float> weights, std::span<float> biases,
                          std::span<float>) const {
  const auto fill = [&](std::span<float> numbers, std::size_t inputs) {
    const double deviation =
        std::sqrt(initial_variance(Init::Xavier, device::Activation::Tanh, inputs, spec_.units));
    for (auto next = numbers.begin(); next != numbers.end();)
      for (std::size_t unit = 0; unit < spec_.units; ++unit) {
        const double number = random.normal();
        if (unit >= own_.first && unit < own_.end) *next++ = static_cast<float>(deviation * number);
      }
  };
  for (std::size_t d = 0; d < directions_; ++d) {
    const auto own = weights.subspan(d * direction_weights(), direction_weights());
    fill(own.first(inputs_ * columns()), inputs_);
    fill(own.subspan(inputs_ * columns()), spec_.units);
    if (spec_.kind != CellKind::Lstm) continue;
    const auto forget = biases.subspan(d * columns() + units(), units());
    std::ranges::fill(forget, 1.0f);
  }
}

void RecurrentLayer::place(device::Backend& backend, const Places& places, std::size_t most_samples) {
  backend_ = &backend;
  places_ = places;
  most_samples_ = most_samples;
  y_ = {backend, most_samples * size_of(output())};
  kept_ = {backend, most_samples * directions_ * direction_kept()};
  if (parts_) sum_.emplace(backend, *parts_, most_samples * std::max(spec_.units, steps_ * inputs_));
}

device::Recurrence RecurrentLayer::direction(std::size_t d, device::MatrixView<const float> x,
                                             const Pass& pass) {
  device::Recurrence layer;
  layer.kind = spec_.kind;
  layer.reverse = d == 1;
  layer.readout = spec_.readout;
  layer.steps = steps_;
  layer.x = x;
  layer.lengths = pass.lengths;
  const float* weights = places_.weights + d * direction_weights();
  layer.input_weights = {weights, inputs_, columns()};
  layer.recurrent_weights = {weights + inputs_ * columns(), spec_.units, columns()};
  layer.bias = places_.biases + d * direction_biases();
  layer.kept = kept_.data() + d * most_samples_ * direction_kept();
  layer.y = {y_.data(), x.rows, y_.size() / most_samples_};
  layer.y_first = d * spec_.units;
  layer.y_step = directions_ * spec_.units;
  layer.first_unit = own_.first;
  layer.sum_over_parts = parts_ ? &sum_over_parts_ : nullptr;
  return layer;
}

device::MatrixView<const float> RecurrentLayer::forward(device::MatrixView<const float> x, const Pass& pass) {
  for (std::size_t d = 0; d < directions_; ++d) {
    last_[d] = direction(d, x, pass);
    backend_->forward(last_[d]);
  }
  dropout_ = {pass.training ? spec_.dropout : 0.0f, pass.key, pass.first_sample};
  if (dropout_.rate > 0) backend_->drop(dropout_, last_[0].y);
  return last_[0].y;
}

void RecurrentLayer::backward(device::MatrixView<float> y, device::MatrixView<float> x) {
  if (dropout_.rate > 0) backend_->drop(dropout_, y);
  for (std::size_t d = 0; d < directions_; ++d) {
    float* weights = places_.weight_gradients + d * direction_weights();
    device::RecurrenceGradient gradient;
    gradient.y = y;
    gradient.input_weights = {weights, inputs_, columns()};
    gradient.recurrent_weights = {weights + inputs_ * columns(), spec_.units, columns()};
    gradient.bias = places_.bias_gradients + d * direction_biases();
    gradient.x = x;
    gradient.add_to_x = d > 0;
    backend_->backward(last_[d], gradient);
  }
  if (parts_ && x.data) (*sum_)({x.data, x.size()});
}

}  // namespace regatta::train
