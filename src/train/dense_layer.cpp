#include "dense_layer.hpp"

#include <cmath>

#include "regatta/core/error.hpp"

namespace regatta::train {

DenseLayer::DenseLayer(const DenseSpec& spec, const Shape& input)
    : spec_(spec), steps_(spec.per_step && !input.empty() ? input.front() : 1), inputs_(size_of(input) / steps_) {
  require(!spec.per_step || input.size() > 1, "a dense layer per step needs sequences of steps x channels");
  require(inputs_ > 0 && spec.units > 0, "a dense layer needs inputs and units, got ", inputs_, " and ",
          spec.units);
  require(spec.dropout >= 0 && spec.dropout < 1, "dropout must lie in [0, 1), got ", spec.dropout);
}

ParameterCounts DenseLayer::counts() const { return {inputs_ * spec_.units, spec_.units, 0}; }

double DenseLayer::operations() const {
  return 2.0 * static_cast<double>(steps_ * inputs_) * static_cast<double>(spec_.units);
}

void DenseLayer::draw(Random& random, std::span<float> weights, std::span<float>, std::span<float>) const {
  const double deviation = std::sqrt(initial_variance(spec_.init, spec_.activation, inputs_, spec_.units));
  for (float& weight : weights) weight = static_cast<float>(deviation * random.normal());
}

void DenseLayer::place(device::Backend& backend, const Places& places, std::size_t most_samples) {
  backend_ = &backend;
  places_ = places;
  const std::size_t most = most_samples * steps_ * spec_.units;
  z_ = {backend, most};
  if (spec_.activation == device::Activation::Gelu) y_ = {backend, most};
}

device::MatrixView<const float> DenseLayer::forward(device::MatrixView<const float> x, const Pass& pass) {
  float* y = y_.size() > 0 ? y_.data() : z_.data();
  const std::size_t rows = x.rows * steps_;
  last_ = {{x.data, rows, inputs_},
           {places_.weights, inputs_, spec_.units},
           places_.biases,
           {z_.data(), rows, spec_.units},
           {y, rows, spec_.units},
           spec_.activation,
           {pass.training ? spec_.dropout : 0.0f, pass.key, pass.first_sample * steps_}};
  backend_->forward(last_);
  return {y, x.rows, steps_ * spec_.units};
}

void DenseLayer::backward(device::MatrixView<float> y, device::MatrixView<float> x) {
  const std::size_t rows = last_.x.rows;
  backend_->backward(last_, {{y.data, rows, spec_.units},
                             {places_.weight_gradients, inputs_, spec_.units},
                             places_.bias_gradients,
                             {x.data, rows, inputs_}});
}

}  // namespace regatta::train
