#include "regatta/train/layer_chain.hpp"

#include <algorithm>

#include "parallel_dense_layer.hpp"
#include "recurrent_layer.hpp"

namespace regatta::train {
namespace {

constexpr std::size_t cached = 1 << 20;  // bytes of a group of samples, which stay in a core's cache

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

/// Rows [first, first + count).
template <class T>
device::MatrixView<T> part_of(const device::MatrixView<T>& rows, std::size_t first, std::size_t count) {
  return {rows.data ? rows.data + first * rows.columns : nullptr, count, rows.columns};
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
    auto* by_sample = dynamic_cast<SampleLayer*>(layer.get());
    links_.push_back({std::move(layer), inputs, first_weight, by_sample});
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
  for (const Link& link : links_) {
    link.layer->place(backend, next, most_samples);
    const ParameterCounts counts = link.layer->counts();
    next.weights += counts.weights;
    next.weight_gradients += counts.weights;
    next.biases += counts.biases;
    next.bias_gradients += counts.biases;
    next.statistics += counts.statistics;
  }
  divide(backend, most_samples);
  std::size_t widest = 0, widest_group = 0;
  for (const Run& run : runs_) {
    if (run.first > 0) widest = std::max(widest, most_samples * links_[run.first].inputs);
    for (std::size_t l = run.first + 1; l < run.end; ++l)
      widest_group = std::max(widest_group, run.samples * links_[l].inputs);
  }
  const auto take = [&](device::Buffer<float>& own, device::Buffer<float>* lent, std::size_t count) {
    own = lent ? device::Buffer<float>::over(backend, {lent->data(), lent->size()})
               : device::Buffer<float>(backend, count);
  };
  for (std::size_t i = 0; i < 2; ++i) {
    take(slopes_[i], lender ? &lender->slopes_[i] : nullptr, i + 1 < runs_.size() ? widest : 0);
    take(group_slopes_[i], lender ? &lender->group_slopes_[i] : nullptr, widest_group);
  }
}

/// Groups are as large as fits the cache with all that their layers keep, forward and back.
void LayerChain::divide(const device::Backend& backend, std::size_t most_samples) {
  runs_.clear();
  for (std::size_t l = 0; l < links_.size(); ++l)
    if (l > 0 && backend.host_memory() && links_[l - 1].by_sample && links_[l].by_sample)
      runs_.back().end = l + 1;
    else
      runs_.push_back({l, l + 1, most_samples});
  for (Run& run : runs_) {
    if (run.end == run.first + 1) continue;
    std::size_t numbers = 0;
    for (std::size_t l = run.first; l < run.end; ++l)
      numbers += links_[l].inputs + links_[l].layer->activations();
    run.samples = std::clamp<std::size_t>(cached / sizeof(float) / numbers, 1, most_samples);
    for (std::size_t l = run.first; l < run.end && run.samples < most_samples; ++l)
      links_[l].by_sample->place_groups();
  }
}

ParameterCounts LayerChain::freeze(std::size_t layers) {
  frozen_ = layers;
  ParameterCounts sum;
  for (std::size_t l = 0; l < frozen_; ++l) sum += links_[l].layer->counts();
  return sum;
}

device::MatrixView<const float> LayerChain::forward(device::MatrixView<const float> x, const Pass& pass) {
  Pass own = pass;
  for (const Run& run : runs_) {
    if (run.end > run.first + 1) {
      x = forward_in_groups(run, x);
      continue;
    }
    own.key = derive_seed(pass.key, first_ + run.first);
    own.training = pass.training && run.first >= frozen_;
    own.team = run.first >= frozen_ ? pass.team : nullptr;
    x = links_[run.first].layer->forward(x, own);
  }
  return x;
}

device::MatrixView<const float> LayerChain::forward_in_groups(const Run& run,
                                                              device::MatrixView<const float> x) {
  device::MatrixView<const float> y;
  for (std::size_t first = 0; first < x.rows; first += run.samples) {
    device::MatrixView<const float> group = part_of(x, first, std::min(run.samples, x.rows - first));
    for (std::size_t l = run.first; l < run.end; ++l)
      group = links_[l].by_sample->forward_group(group, first);
    if (first == 0) y = group;
  }
  y.rows = x.rows;
  return y;
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
  for (std::size_t r = runs_.size(); r-- > 0 && runs_[r].end > frozen_;) {
    const Run run{std::max(runs_[r].first, frozen_), runs_[r].end, runs_[r].samples};
    device::MatrixView<float> before =
        r > 0 ? device::MatrixView<float>{slopes_[(r - 1) % 2].data(), y.rows, links_[run.first].inputs} : x;
    if (run.first > 0 && run.first == frozen_) before.data = nullptr;
    if (run.end > run.first + 1)
      backward_in_groups(run, y, before);
    else
      links_[run.first].layer->backward(y, before);
    for (std::size_t l = run.end; ready && l-- > run.first;) ready(links_[l].first_weight);
    y = before;
  }
  if (ready && frozen_ > 0) ready(0);
}

void LayerChain::backward_in_groups(const Run& run, device::MatrixView<float> y,
                                    device::MatrixView<float> x) {
  for (std::size_t first = 0; first < y.rows; first += run.samples) {
    const std::size_t count = std::min(run.samples, y.rows - first);
    device::MatrixView<float> slope = part_of(y, first, count);
    for (std::size_t l = run.end; l-- > run.first;) {
      const device::MatrixView<float> before =
          l > run.first ? device::MatrixView<float>{group_slopes_[l % 2].data(), count, links_[l].inputs}
                        : part_of(x, first, count);
      links_[l].by_sample->backward_group(slope, before, first, first > 0);
      slope = before;
    }
  }
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
