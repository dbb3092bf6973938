#include "regatta/train/layer_chain.hpp"

#include <algorithm>

#include "parallel_dense_layer.hpp"
#include "recurrent_layer.hpp"
#include "regatta/device/sample_bundles.hpp"

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

/// As many samples and, in bundles, those that fill the last one.
std::size_t room(bool in_bundles, std::size_t samples) {
  const std::size_t of_bundle = in_bundles ? device::samples_of_bundle() : 1;
  return (samples + of_bundle - 1) / of_bundle * of_bundle;
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
  divide(backend, most_samples);
  Places next = places;
  for (const Run& run : runs_)
    for (std::size_t l = run.first; l < run.end; ++l) {
      const Link& link = links_[l];
      link.layer->place(backend, next, room(run.in_bundles, most_samples));
      const ParameterCounts counts = link.layer->counts();
      next.weights += counts.weights;
      next.weight_gradients += counts.weights;
      next.biases += counts.biases;
      next.bias_gradients += counts.biases;
      next.statistics += counts.statistics;
    }
  place_runs(backend, most_samples);
  std::size_t widest = 0, widest_group = 0;
  for (const Run& run : runs_) {
    if (run.first > 0)
      widest = std::max(widest, room(run.in_bundles, most_samples) * links_[run.first].inputs);
    for (std::size_t l = run.first + !run.enters; l < run.end + run.leaves; ++l)
      widest_group = std::max(widest_group, room(run.in_bundles, run.samples) * numbers_before(l));
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

/// Of one sample, before link `l` or behind all.
std::size_t LayerChain::numbers_before(std::size_t l) const {
  return l < links_.size() ? links_[l].inputs : size_of(output_);
}

/// Neighbours that all can, where one of them gains.
std::vector<bool> LayerChain::links_in_bundles(const device::Backend& backend) const {
  std::vector<bool> in_bundles(links_.size(), false);
  for (std::size_t first = 0, end; backend.host_memory() && first < links_.size(); first = end + 1) {
    bool gains = false;
    for (end = first; end < links_.size() && links_[end].layer->bundles() != Bundles::Never; ++end)
      gains |= links_[end].layer->bundles() == Bundles::Gains;
    for (std::size_t l = first; l < end; ++l) in_bundles[l] = gains;
  }
  return in_bundles;
}

/// Groups are as large as fits the cache with all that their layers keep, forward and back.
void LayerChain::divide(const device::Backend& backend, std::size_t most_samples) {
  const std::vector<bool> in_bundles = links_in_bundles(backend);
  runs_.clear();
  for (std::size_t l = 0; l < links_.size(); ++l)
    if (l > 0 && backend.host_memory() && links_[l - 1].by_sample && links_[l].by_sample &&
        in_bundles[l - 1] == in_bundles[l])
      runs_.back().end = l + 1;
    else
      runs_.push_back({l, l + 1, most_samples, in_bundles[l], false, false, {}, {}});
  for (Run& run : runs_) {
    run.enters = run.in_bundles && (run.first == 0 || !in_bundles[run.first - 1]);
    run.leaves = run.in_bundles && (run.end == links_.size() || !in_bundles[run.end]);
    if (run.end == run.first + 1) continue;
    std::size_t numbers = 0;
    for (std::size_t l = run.first; l < run.end; ++l)
      numbers += links_[l].inputs + links_[l].layer->activations();
    const std::size_t samples = std::max<std::size_t>(cached / sizeof(float) / numbers, 1);
    run.samples = std::min(room(run.in_bundles, samples), most_samples);
  }
}

void LayerChain::place_runs(device::Backend& backend, std::size_t most_samples) {
  for (Run& run : runs_) {
    for (std::size_t l = run.first; l < run.end && run.samples < most_samples; ++l)
      links_[l].by_sample->place_groups();
    if (run.enters) run.x = {backend, room(true, most_samples) * links_[run.first].inputs};
    if (run.leaves) run.y = {backend, most_samples * numbers_before(run.end)};
  }
}

ParameterCounts LayerChain::freeze(std::size_t layers) {
  frozen_ = layers;
  ParameterCounts sum;
  for (std::size_t l = 0; l < frozen_; ++l) sum += links_[l].layer->counts();
  return sum;
}

device::MatrixView<const float> LayerChain::forward(device::MatrixView<const float> x, const Pass& pass) {
  bundled_ = 2 * x.rows >= device::samples_of_bundle();
  for (Run& run : runs_) {
    Pass own = pass;
    own.key = derive_seed(pass.key, first_ + run.first);
    own.training = pass.training && run.first >= frozen_;
    own.team = run.first >= frozen_ ? pass.team : nullptr;
    own.bundled = run.in_bundles && bundled_;
    x = run.end > run.first + 1 || own.bundled ? forward_in_groups(run, x, own)
                                               : links_[run.first].layer->forward(x, own);
  }
  return x;
}

device::MatrixView<const float> LayerChain::forward_in_groups(Run& run, device::MatrixView<const float> x,
                                                              const Pass& pass) {
  device::MatrixView<const float> y{nullptr, x.rows, numbers_before(run.end)};
  const bool enters = pass.bundled && run.enters, leaves = pass.bundled && run.leaves;
  for (std::size_t first = 0; first < x.rows; first += run.samples) {
    device::MatrixView<const float> group = part_of(x, first, std::min(run.samples, x.rows - first));
    if (enters) {
      float* bundles = run.x.data() + first * group.columns;
      device::bundle(group, bundles);
      group.data = bundles;
    }
    for (std::size_t l = run.first; l < run.end; ++l)
      group = run.end == run.first + 1 ? links_[l].layer->forward(group, pass)
                                       : links_[l].by_sample->forward_group(group, first, pass.bundled);
    if (leaves) device::unbundle(group.data, {run.y.data() + first * y.columns, group.rows, y.columns});
    if (first == 0) y.data = leaves ? run.y.data() : group.data;
  }
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
    const Run& run = runs_[r];
    const std::size_t first = std::max(run.first, frozen_);
    device::MatrixView<float> before =
        r > 0 ? device::MatrixView<float>{slopes_[(r - 1) % 2].data(), y.rows, links_[first].inputs} : x;
    if (first > 0 && first == frozen_) before.data = nullptr;
    if (run.end > run.first + 1 || (run.in_bundles && bundled_))
      backward_in_groups(run, first, y, before);
    else
      links_[first].layer->backward(y, before);
    for (std::size_t l = run.end; ready && l-- > first;) ready(links_[l].first_weight);
    y = before;
  }
  if (ready && frozen_ > 0) ready(0);
}

/// Of the links from `first_link` on.
void LayerChain::backward_in_groups(const Run& run, std::size_t first_link, device::MatrixView<float> y,
                                    device::MatrixView<float> x) {
  const bool enters = bundled_ && run.enters && x.data, leaves = bundled_ && run.leaves;
  for (std::size_t first = 0; first < y.rows; first += run.samples) {
    const std::size_t count = std::min(run.samples, y.rows - first);
    const auto within = [&](std::size_t l) {
      return device::MatrixView<float>{group_slopes_[l % 2].data(), count, numbers_before(l)};
    };
    device::MatrixView<float> slope = part_of(y, first, count);
    const device::MatrixView<float> outside = part_of(x, first, count);
    if (leaves) {
      device::bundle({slope.data, slope.rows, slope.columns}, within(run.end).data);
      slope = within(run.end);
    }
    for (std::size_t l = run.end; l-- > first_link;) {
      const device::MatrixView<float> before = l > first_link || enters ? within(l) : outside;
      if (run.end == run.first + 1)
        links_[l].layer->backward(slope, before);
      else
        links_[l].by_sample->backward_group(slope, before, first, first > 0);
      slope = before;
    }
    if (enters) device::unbundle(slope.data, outside);
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
