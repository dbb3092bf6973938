#include "residual_layer.hpp"

#include "regatta/core/error.hpp"

namespace regatta::train {
namespace {

/// Streams of random numbers of the two ways.
enum Way : std::uint64_t { by_body = 0, by_skip = 1 };

Pass on(Way way, const Pass& pass) {
  Pass own = pass;
  own.key = derive_seed(pass.key, way);
  return own;
}

}  // namespace

ResidualLayer::ResidualLayer(const ResidualSpec& spec, const Shape& input)
    : body_(spec.body, input),
      skip_(spec.skip, input),
      inputs_(size_of(input)),
      activation_(spec.activation) {
  require(!body_.empty(), "a residual block needs layers");
  require(body_.output() == skip_.output(),
          "the body of a residual block and its skip must end in the same "
          "shape, got ",
          size_of(body_.output()), " and ", size_of(skip_.output()), " numbers");
}

ParameterCounts ResidualLayer::counts() const {
  ParameterCounts sum = body_.counts();
  return sum += skip_.counts();
}

std::size_t ResidualLayer::activations() const {
  return body_.activations() + skip_.activations() + size_of(output());
}

void ResidualLayer::draw(Random& random, std::span<float> weights, std::span<float> biases,
                         std::span<float> statistics) const {
  const ParameterCounts body = body_.counts();
  body_.draw(random.bits(), weights.first(body.weights), biases.first(body.biases),
             statistics.first(body.statistics));
  skip_.draw(random.bits(), weights.subspan(body.weights), biases.subspan(body.biases),
             statistics.subspan(body.statistics));
}

void ResidualLayer::place(device::Backend& backend, const Places& places, std::size_t most_samples) {
  backend_ = &backend;
  const ParameterCounts body = body_.counts();
  body_.place(backend, places, most_samples);
  skip_.place(
      backend,
      {places.weights + body.weights, places.weight_gradients + body.weights, places.biases + body.biases,
       places.bias_gradients + body.biases, places.statistics + body.statistics},
      most_samples);
  const std::size_t outputs = size_of(output());
  y_ = {backend, most_samples * outputs};
  body_slope_ = {backend, most_samples * outputs};
  if (!skip_.empty()) skip_slope_ = {backend, most_samples * inputs_};
}

device::MatrixView<const float> ResidualLayer::forward(device::MatrixView<const float> x, const Pass& pass) {
  const auto body = body_.forward(x, on(by_body, pass)), skip = skip_.forward(x, on(by_skip, pass));
  last_ = {body, skip, {y_.data(), x.rows, body.columns}, activation_};
  backend_->forward(last_);
  return last_.y;
}

void ResidualLayer::backward(device::MatrixView<float> y, device::MatrixView<float> x) {
  const device::MatrixView<float> slope{body_slope_.data(), y.rows, y.columns};
  backend_->backward(last_, y, slope, y);
  body_.backward(slope, x);
  device::MatrixView<float> by_skip = y;
  if (!skip_.empty()) {
    by_skip = {x.data ? skip_slope_.data() : nullptr, x.rows, x.columns};
    skip_.backward(y, by_skip);
  }
  if (x.data) backend_->forward(device::Sum{x, by_skip, x, device::Activation::Identity});
}

void ResidualLayer::forward_nothing(const Pass& pass) {
  body_.forward_nothing(on(by_body, pass));
  skip_.forward_nothing(on(by_skip, pass));
}

void ResidualLayer::backward_nothing() {
  body_.backward_nothing();
  skip_.backward_nothing();
}

}  // namespace regatta::train
