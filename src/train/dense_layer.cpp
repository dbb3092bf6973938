#include "dense_layer.hpp"

#include <cmath>

#include "regatta/core/error.hpp"

namespace regatta::train {

DenseLayer::DenseLayer(const DenseSpec& spec, const Shape& input) : spec_(spec), inputs_(size_of(input)) {
  require(inputs_ > 0 && spec.units > 0, "a dense layer needs inputs and units, got ", inputs_, " and ",
          spec.units);
  require(spec.dropout >= 0 && spec.dropout < 1, "dropout must lie in [0, 1), got ", spec.dropout);
}

ParameterCounts DenseLayer::counts() const { return {inputs_ * spec_.units, spec_.units, 0}; }

double DenseLayer::operations() const {
  return 2.0 * static_cast<double>(inputs_) * static_cast<double>(spec_.units);
}

void DenseLayer::draw(Random& random, std::span<float> weights, std::span<float>, std::span<float>) const {
  const double deviation = std::sqrt(initial_variance(spec_.init, spec_.activation, inputs_, spec_.units));
  for (float& weight : weights) weight = static_cast<float>(deviation * random.normal());
}

void DenseLayer::place(device::Backend& backend, const Places& places, std::size_t most_samples) {
  backend_ = &backend;
  places_ = places;
  z_ = {backend, most_samples * spec_.units};
  if (spec_.activation == device::Activation::Gelu) y_ = {backend, most_samples * spec_.units};
}

device::MatrixView<const float> DenseLayer::forward(device::MatrixView<const float> x, const Pass& pass) {
  float* y = y_.size() > 0 ? y_.data() : z_.data();
  last_ = {x,
           {places_.weights, inputs_, spec_.units},
           places_.biases,
           {z_.data(), x.rows, spec_.units},
           {y, x.rows, spec_.units},
           spec_.activation,
           {pass.training ? spec_.dropout : 0.0f, pass.key, pass.first_sample}};
  backend_->forward(last_);
  return last_.y;
}

void DenseLayer::backward(device::MatrixView<float> y, device::MatrixView<float> x) {
  backend_->backward(last_, {y, {places_.weight_gradients, inputs_, spec_.units}, places_.bias_gradients, x});
}

}  // namespace regatta::train
