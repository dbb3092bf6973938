#include "regatta/train/layer_chain.hpp"

#include <algorithm>

#include "parallel_dense_layer.hpp"
#include "recurrent_layer.hpp"

namespace regatta::train {
namespace {

/// The dense layer at this place, if it and the next one can be divided among `parts`.
const DenseSpec* first_of_pair(const std::vector<LayerSpec>& layers, std::size_t place,
                               const comm::Communicator* parts) {
  if (!parts || place + 1 >= layers.size()) return nullptr;
  const auto* first = std::get_if<DenseSpec>(&layers[place]);
  const auto* second = std::get_if<DenseSpec>(&layers[place + 1]);
  const bool pair = first && second && !first->per_step && !second->per_step;
  return pair && first->units >= static_cast<std::size_t>(parts->size()) ? first : nullptr;
}

/// The recurrent layer at this place, if `parts` divide its units.
const RecurrentSpec* divided_recurrence(const LayerSpec& layer, const comm::Communicator* parts) {
  const auto* recurrent = std::get_if<RecurrentSpec>(&layer);
  return recurrent && parts && recurrent->units >= static_cast<std::size_t>(parts->size()) ? recurrent
                                                                                           : nullptr;
}

std::span<float> take(std::span<float>& from, std::size_t count) {
  const auto first = from.first(count);
  from = from.subspan(count);
  return first;
}

}  // namespace

LayerChain::LayerChain(const std::vector<LayerSpec>& layers, const Shape& input, comm::Communicator* parts,
                       std::size_t first)
    : first_(first), output_(input) {
  std::size_t weight = 0;
  const auto add = [&](std::unique_ptr<Layer> layer) {
    const std::size_t inputs = size_of(output_), first_weight = weight;
    weight += layer->counts().weights;
    output_ = layer->output();
    links_.push_back({std::move(layer), inputs, first_weight});
  };
  while (links_.size() < layers.size()) {
    const std::size_t place = links_.size();
    if (const DenseSpec* columns = first_of_pair(layers, place, parts)) {
      const auto& second = std::get<DenseSpec>(layers[place + 1]);
      add(std::make_unique<ParallelDenseLayer>(*columns, output_, Division::Columns, *parts));
      add(std::make_unique<ParallelDenseLayer>(second, Shape{columns->units}, Division::Rows, *parts));
    } else if (const RecurrentSpec* recurrent = divided_recurrence(layers[place], parts)) {
      add(std::make_unique<RecurrentLayer>(*recurrent, output_, parts));
    } else {
      add(make_layer(layers[place], output_));
    }
  }
}

ParameterCounts LayerChain::counts() const {
  ParameterCounts sum;
  for (const Link& link : links_) sum += link.layer->counts();
  return sum;
}

ParameterCounts LayerChain::whole_counts() const {
  ParameterCounts sum;
  for (const Link& link : links_) sum += link.layer->whole_counts();
  return sum;
}

double LayerChain::operations() const {
  double sum = 0;
  for (const Link& link : links_) sum += link.layer->operations();
  return sum;
}

std::size_t LayerChain::activations() const {
  std::size_t sum = 0;
  for (const Link& link : links_) sum += link.layer->activations();
  return sum;
}

void LayerChain::draw(std::uint64_t seed, std::span<float> weights, std::span<float> biases,
                      std::span<float> statistics) const {
  for (std::size_t l = 0; l < links_.size(); ++l) {
    const ParameterCounts counts = links_[l].layer->counts();
    Random random(seed, first_ + l);
    links_[l].layer->draw(random, take(weights, counts.weights), take(biases, counts.biases),
                          take(statistics, counts.statistics));
  }
}

void LayerChain::place(device::Backend& backend, const Places& places, std::size_t most_samples,
                       LayerChain* lender) {
  Places next = places;
  std::size_t widest = 0;
  for (const Link& link : links_) {
    link.layer->place(backend, next, most_samples);
    const ParameterCounts counts = link.layer->counts();
    next.weights += counts.weights;
    next.weight_gradients += counts.weights;
    next.biases += counts.biases;
    next.bias_gradients += counts.biases;
    next.statistics += counts.statistics;
    if (&link != &links_.front()) widest = std::max(widest, link.inputs);
  }
  for (std::size_t i = 0; i < 2 && i + 1 < links_.size(); ++i)
    slopes_[i] =
        lender ? device::Buffer<float>::over(backend, {lender->slopes_[i].data(), lender->slopes_[i].size()})
               : device::Buffer<float>(backend, most_samples * widest);
}

ParameterCounts LayerChain::freeze(std::size_t layers) {
  frozen_ = layers;
  ParameterCounts sum;
  for (std::size_t l = 0; l < frozen_; ++l) sum += links_[l].layer->counts();
  return sum;
}

device::MatrixView<const float> LayerChain::forward(device::MatrixView<const float> x, const Pass& pass) {
  Pass own = pass;
  for (std::size_t l = 0; l < links_.size(); ++l) {
    own.key = derive_seed(pass.key, first_ + l);
    own.training = pass.training && l >= frozen_;
    own.team = l >= frozen_ ? pass.team : nullptr;
    x = links_[l].layer->forward(x, own);
  }
  return x;
}

void LayerChain::forward_nothing(const Pass& pass) {
  Pass own = pass;
  for (std::size_t l = frozen_; l < links_.size(); ++l) {
    own.key = derive_seed(pass.key, first_ + l);
    links_[l].layer->forward_nothing(own);
  }
}

void LayerChain::backward(device::MatrixView<float> y, device::MatrixView<float> x,
                          const std::function<void(std::size_t first)>& ready) {
  for (std::size_t l = links_.size(); l-- > frozen_;) {
    const Link& link = links_[l];
    device::MatrixView<float> before =
        l > 0 ? device::MatrixView<float>{slopes_[(l - 1) % 2].data(), y.rows, link.inputs} : x;
    if (l > 0 && l == frozen_) before.data = nullptr;
    link.layer->backward(y, before);
    if (ready) ready(link.first_weight);
    y = before;
  }
  if (ready && frozen_ > 0) ready(0);
}

void LayerChain::backward_nothing(const std::function<void(std::size_t first)>& ready) {
  for (std::size_t l = links_.size(); l-- > frozen_;) {
    links_[l].layer->backward_nothing();
    if (ready) ready(links_[l].first_weight);
  }
  if (ready && frozen_ > 0) ready(0);
}

double LayerChain::wait_seconds() const {
  double sum = 0;
  for (const Link& link : links_) sum += link.layer->wait_seconds();
  return sum;
}

}  // namespace regatta::train
