#include "batch_norm_layer.hpp"

#include <algorithm>

#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/device/sample_bundles.hpp"

namespace regatta::train {

BatchNormLayer::BatchNormLayer(const BatchNormSpec& spec, const Shape& input) : spec_(spec), shape_(input) {
  require(!input.empty() && size_of(input) > 0, "a batch normalization needs samples with numbers");
}

void BatchNormLayer::draw(Random&, std::span<float>, std::span<float> biases,
                          std::span<float> statistics) const {
  std::ranges::fill(biases.subspan(channels()), 1.0f);      // scales; shifts are 0
  std::ranges::fill(statistics.subspan(channels()), 1.0f);  // variances; means are 0
}

void BatchNormLayer::place(device::Backend& backend, const Places& places, std::size_t most_samples) {
  backend_ = &backend;
  places_ = places;
  y_ = {backend, most_samples * size_of(shape_)};
  moments_ = {backend, 2 * channels()};
  sums_ = {backend, 2 * channels()};
  travelling_.resize(2 * channels());
}

device::BatchNorm BatchNormLayer::operation(device::MatrixView<const float> x, const Pass& pass) {
  const std::size_t lanes = pass.bundled ? device::samples_of_bundle() : 1, partial = x.rows % lanes;
  const std::size_t rows = (x.rows + lanes - 1) / lanes * pixels();
  team_ = pass.team;
  device::BatchNorm norm{{x.data, rows, channels()},
                         {y_.data(), rows, channels()},
                         places_.biases,
                         places_.statistics,
                         moments_.data(),
                         sums_.data(),
                         spec_.activation,
                         pass.training,
                         pass.batch * pixels()};
  norm.lanes = lanes;
  norm.partial_rows = partial > 0 ? pixels() : 0;
  norm.partial_lanes = partial;
  return norm;
}

/// Puts the sums of all ranks into sums_. @param own  on the backend; null: 0
void BatchNormLayer::sum_over_team(const float* own) {
  if (own)
    backend_->download(own, travelling_);
  else
    std::ranges::fill(travelling_, 0.0f);
  const Stopwatch clock;
  team_->begin_sum(travelling_)->wait();
  wait_seconds_ += clock.seconds();
  backend_->upload(travelling_, sums_.data());
}

device::MatrixView<const float> BatchNormLayer::forward(device::MatrixView<const float> x, const Pass& pass) {
  last_ = operation(x, pass);
  if (pass.training) backend_->sum_moments(last_);
  if (pass.training && team_) sum_over_team(sums_.data());
  backend_->forward(last_);
  return {y_.data(), x.rows, size_of(shape_)};
}

/// The running averages of all ranks stay the same.
void BatchNormLayer::forward_nothing(const Pass& pass) {
  last_ = operation({nullptr, 0, size_of(shape_)}, pass);
  sum_over_team(nullptr);
  backend_->forward(last_);
}

void BatchNormLayer::backward(device::MatrixView<float> y, device::MatrixView<float> x) {
  const auto rows = [&](const device::MatrixView<float>& view) {
    return device::MatrixView<float>{view.data, last_.x.rows, channels()};
  };
  const device::BatchNormGradient gradient{rows(y), places_.bias_gradients, rows(x)};
  backend_->sum_gradients(last_, gradient);
  last_.sums = places_.bias_gradients;
  if (team_) {
    sum_over_team(places_.bias_gradients);
    last_.sums = sums_.data();
  }
  if (x.data) backend_->backward(last_, gradient);
}

void BatchNormLayer::backward_nothing() { sum_over_team(nullptr); }

}  // namespace regatta::train
