#include "regatta/train/layer_chain.hpp"

#include <algorithm>

namespace regatta::train {
namespace {

std::span<float> take(std::span<float>& from, std::size_t count) {
  const auto first = from.first(count);
  from = from.subspan(count);
  return first;
}

}  // namespace

LayerChain::LayerChain(const std::vector<LayerSpec>& layers, const Shape& input) : output_(input) {
  for (const LayerSpec& layer : layers) {
    stages_.push_back({make_layer(layer, output_), size_of(output_)});
    output_ = stages_.back().layer->output();
  }
}

ParameterCounts LayerChain::counts() const {
  ParameterCounts sum;
  for (const Stage& stage : stages_) {
    const ParameterCounts counts = stage.layer->counts();
    sum.weights += counts.weights;
    sum.biases += counts.biases;
    sum.statistics += counts.statistics;
  }
  return sum;
}

double LayerChain::operations() const {
  double sum = 0;
  for (const Stage& stage : stages_) sum += stage.layer->operations();
  return sum;
}

std::size_t LayerChain::activations() const {
  std::size_t sum = 0;
  for (const Stage& stage : stages_) sum += stage.layer->activations();
  return sum;
}

void LayerChain::draw(std::uint64_t seed, std::span<float> weights, std::span<float> biases,
                      std::span<float> statistics) const {
  for (std::size_t l = 0; l < stages_.size(); ++l) {
    const ParameterCounts counts = stages_[l].layer->counts();
    Random random(seed, l);
    stages_[l].layer->draw(random, take(weights, counts.weights), take(biases, counts.biases),
                           take(statistics, counts.statistics));
  }
}

void LayerChain::place(device::Backend& backend, const Places& places, std::size_t most_samples) {
  Places next = places;
  std::size_t widest = 0;
  for (const Stage& stage : stages_) {
    stage.layer->place(backend, next, most_samples);
    const ParameterCounts counts = stage.layer->counts();
    next.weights += counts.weights;
    next.weight_gradients += counts.weights;
    next.biases += counts.biases;
    next.bias_gradients += counts.biases;
    next.statistics += counts.statistics;
    if (&stage != &stages_.front()) widest = std::max(widest, stage.inputs);
  }
  for (std::size_t i = 0; i < 2 && i + 1 < stages_.size(); ++i)
    slopes_[i] = device::Buffer<float>(backend, most_samples * widest);
}

device::MatrixView<const float> LayerChain::forward(device::MatrixView<const float> x, const Pass& pass) {
  Pass own = pass;
  for (std::size_t l = 0; l < stages_.size(); ++l) {
    own.key = derive_seed(pass.key, l);
    x = stages_[l].layer->forward(x, own);
  }
  return x;
}

void LayerChain::forward_nothing(const Pass& pass) {
  Pass own = pass;
  for (std::size_t l = 0; l < stages_.size(); ++l) {
    own.key = derive_seed(pass.key, l);
    stages_[l].layer->forward_nothing(own);
  }
}

void LayerChain::backward(device::MatrixView<float> y, device::MatrixView<float> x) {
  for (std::size_t l = stages_.size(); l-- > 0;) {
    const Stage& stage = stages_[l];
    const device::MatrixView<float> before =
        l > 0 ? device::MatrixView<float>{slopes_[(l - 1) % 2].data(), y.rows, stage.inputs} : x;
    stage.layer->backward(y, before);
    y = before;
  }
}

void LayerChain::backward_nothing() {
  for (std::size_t l = stages_.size(); l-- > 0;) stages_[l].layer->backward_nothing();
}

double LayerChain::wait_seconds() const {
  double sum = 0;
  for (const Stage& stage : stages_) sum += stage.layer->wait_seconds();
  return sum;
}

}  // namespace regatta::train
