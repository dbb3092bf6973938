#include "regatta/train/network.hpp"

#include <algorithm>
#include <new>

#include "regatta/core/error.hpp"
#include "regatta/core/memory.hpp"

namespace regatta::train {
namespace {

LayerChain chain_of(const NetworkSpec& spec) {
  require(!spec.layers.empty(), "a network needs a layer");
  return LayerChain(spec.layers, spec.input);
}

LayerChain chain_of(const Stage& stage, const Team& team) {
  require(!stage.layers.empty(), "a network needs a layer");
  return LayerChain(stage.layers, stage.input, team.parts, stage.first);
}

bool has_parameters(const Layer& layer) { return layer.counts().weights + layer.counts().biases > 0; }

struct FirstValues {
  std::vector<float> parameters, statistics;
};

/// @throws std::bad_alloc
FirstValues first_values(const LayerChain& layers, std::uint64_t seed) {
  const ParameterCounts all = layers.counts();
  if (!fits_memory((all.weights + all.biases) * sizeof(float))) throw std::bad_alloc();
  FirstValues values{std::vector<float>(all.weights + all.biases, 0.0f),
                     std::vector<float>(all.statistics, 0.0f)};
  const std::span<float> parameters(values.parameters);
  layers.draw(seed, parameters.first(all.weights), parameters.subspan(all.weights), values.statistics);
  return values;
}

}  // namespace

std::size_t weight_count(const NetworkSpec& spec) { return chain_of(spec).counts().weights; }

std::size_t parameter_count(const NetworkSpec& spec, const Team& team) {
  const ParameterCounts counts = chain_of(stage_of(spec, team.stages), team).counts();
  return counts.weights + counts.biases;
}

std::vector<ParameterCounts> layer_counts(const NetworkSpec& spec) {
  std::vector<ParameterCounts> counts;
  chain_of(spec).each([&](const Layer& layer) {
    if (has_parameters(layer)) counts.push_back(layer.counts());
  });
  return counts;
}

std::size_t layer_behind(const NetworkSpec& spec, std::size_t layers_with_parameters) {
  if (layers_with_parameters == 0) return 0;
  std::size_t place = 0, seen = 0, behind = 0;
  chain_of(spec).each([&](const Layer& layer) {
    if (has_parameters(layer) && seen++ == layers_with_parameters) behind = place;
    ++place;
  });
  require(behind > 0, "no layer is left to train behind ", layers_with_parameters, " of ", seen);
  return behind;
}

std::size_t activation_count(const NetworkSpec& spec) { return chain_of(spec).activations(); }

std::vector<float> initial_parameters(const NetworkSpec& spec, std::uint64_t seed) {
  return first_values(chain_of(spec), seed).parameters;
}

ArenaLayout::ArenaLayout(std::size_t parameters, std::size_t slices) {
  constexpr std::size_t line = 64 / sizeof(float);
  slice = (parameters + line * slices - 1) / (line * slices) * line;
  gradients = slices * slice;
  first_moment = 2 * gradients;
  second_moment = 3 * gradients;
  size = 4 * gradients;
}

Network::Network(device::Backend& backend, const NetworkSpec& spec, std::size_t most_samples,
                 std::uint64_t seed, const Team& team, std::span<float> arena, const MicroBatches& micro)
    : backend_(backend),
      team_(team),
      stage_(stage_of(spec, team.stages)),
      passed_(micro.most),
      most_samples_(most_samples) {
  const std::size_t chains = micro.recompute ? 1 : micro.most;
  while (chains_.size() < chains) chains_.push_back(chain_of(stage_, team));
  const ParameterCounts all = layers().counts();
  weights_ = all.weights;
  const std::size_t count = all.weights + all.biases;
  const ArenaLayout layout(count, team.replicas ? static_cast<std::size_t>(team.replicas->size()) : 1);
  arena_ = arena.empty()
               ? device::Buffer<float>(backend, layout.size)  // asks before the host draws as many numbers
               : device::Buffer<float>::over(backend, arena);
  const auto part = [&](std::size_t first) {
    return device::Buffer<float>::over(backend, {arena_.data() + first, count});
  };
  parameters_ = part(0);
  gradients_ = part(layout.gradients);
  first_moment_ = part(layout.first_moment);
  second_moment_ = part(layout.second_moment);
  const FirstValues first = first_values(layers(), seed);
  backend.upload(first.parameters, parameters_.data());
  statistics_ = device::Buffer<float>(backend, first.statistics);
  place_chains(micro);
  squared_norm_ = device::Buffer<float>(backend, 1);
}

void Network::place_chains(const MicroBatches& micro) {
  if (micro.most > 1) micro_gradients_ = device::Buffer<float>(backend_, gradients_.size());
  float* gradients = micro.most > 1 ? micro_gradients_.data() : gradients_.data();
  for (LayerChain& chain : chains_)
    chain.place(backend_,
                {parameters_.data(), gradients, parameters_.data() + weights_, gradients + weights_,
                 statistics_.data()},
                most_samples_, &chain == &chains_.front() ? nullptr : &chains_.front());
  output_slope_ = device::Buffer<float>(backend_, most_samples_ * size_of(layers().output()));
  if (stage_.first > 0) input_slope_ = device::Buffer<float>(backend_, most_samples_ * inputs());
}

void Network::take(const SavedWeights& weights, std::size_t layers) {
  ParameterCounts saved, taken;
  for (const ParameterCounts& layer : weights.layers) saved += layer;
  for (const ParameterCounts& layer : std::span(weights.layers).first(layers)) taken += layer;
  std::vector<float> own = parameters_.download();
  match([&](std::size_t place, std::size_t in_whole, bool) {
    const bool bias = in_whole >= stage_.whole.weights;
    const std::size_t number = bias ? in_whole - stage_.whole.weights : in_whole;
    if (number < (bias ? taken.biases : taken.weights))
      own[place] = weights.parameters[bias ? saved.weights + number : number];
  });
  backend_.upload(own, parameters_.data());
  std::vector<float> statistics = statistics_.download();
  for (std::size_t i = 0, at = stage_.before.statistics; i < statistics.size() && at < taken.statistics; ++i, ++at)
    statistics[i] = weights.statistics[at];
  if (!statistics.empty()) backend_.upload(statistics, statistics_.data());
}

void Network::freeze(std::size_t layers) {
  const std::size_t own = std::min(layers - std::min(layers, stage_.first), this->layers().size());
  for (LayerChain& chain : chains_) frozen_ = chain.freeze(own);
}

device::MatrixView<const float> Network::forward(device::MatrixView<const float> x,
                                                 const std::int32_t* lengths) {
  return pass(x, {false, 0, 0, x.rows, nullptr, lengths}, 0);
}

device::MatrixView<const float> Network::forward(device::MatrixView<const float> x, std::uint64_t key,
                                                 std::size_t first_sample, std::size_t batch,
                                                 const std::int32_t* lengths, std::size_t micro) {
  pieces_ = micro + 1;
  return pass(x, {true, key, first_sample, batch, team_.replicas, lengths}, micro);
}

device::MatrixView<const float> Network::pass(device::MatrixView<const float> x, const Pass& pass,
                                              std::size_t micro) {
  require(x.rows <= most_samples_, "this network takes at most ", most_samples_, " samples at once, got ",
          x.rows);
  current_ = micro;
  passed_.at(micro) = {x, chain(micro).forward(x, pass), pass};
  return passed_[micro].y;
}

device::MatrixView<const float> Network::recall(std::size_t micro) {
  const Passed& passed = passed_.at(micro);
  if (chains_.size() == 1 && current_ != micro) return pass(passed.x, passed.pass, micro);
  current_ = micro;
  return passed.y;
}

device::MatrixView<float> Network::output_gradient() {
  const auto& y = passed_[current_].y;
  return {output_slope_.data(), y.rows, y.columns};
}

device::MatrixView<const float> Network::backward(const std::function<void(std::size_t first)>& ready) {
  const auto& seen = passed_[current_].x;
  const device::MatrixView<float> x{input_slope_.data(), seen.rows, seen.columns};  // null: the first stage
  const bool pieces = micro_gradients_.size() > 0;
  chain(current_).backward(output_gradient(), x, pieces ? nullptr : ready);
  if (pieces) add_gradients();
  if (pieces && current_ == 0) ready(0);
  return x;
}

void Network::learn_nothing(std::uint64_t key, std::size_t batch,
                            const std::function<void(std::size_t first)>& ready) {
  chains_.front().forward_nothing({true, key, 0, batch, team_.replicas});
  backend_.zero(gradients_.data(), gradients_.size());
  const bool pieces = micro_gradients_.size() > 0;
  chains_.front().backward_nothing(pieces ? nullptr : ready);
  if (pieces) ready(0);
}

std::vector<std::size_t> Network::layer_starts() const {
  std::vector<std::size_t> starts;
  std::size_t weight = 0;
  layers().each([&](const Layer& layer) {
    starts.push_back(weight);
    weight += layer.counts().weights;
  });
  return starts;
}

/// Adds those of the micro-batch that has just gone back; the last one of a batch is the first to do so.
void Network::add_gradients() {
  if (current_ + 1 == pieces_) backend_.zero(gradients_.data(), gradients_.size());
  const device::MatrixView<float> sum{gradients_.data(), 1, gradients_.size()};
  backend_.forward(device::Sum{sum, {micro_gradients_.data(), 1, sum.columns}, sum});
}

/// What all parts have alike counts on the first one.
void Network::take_squared_norm(std::span<const Share> own, const std::function<void(float* squares)>& add_others) {
  float* squares = squared_norm_.data();
  backend_.zero(squares, 1);
  const bool first = !team_.parts || team_.parts->rank().value == 0;
  std::size_t weight = 0, bias = weights_;
  layers().each([&](const Layer& layer) {
    const ParameterCounts part = layer.counts(), whole = layer.whole_counts();
    if (first || part.weights < whole.weights) add_squares(weight, weight + part.weights, own);
    if (first || part.biases < whole.biases) add_squares(bias, bias + part.biases, own);
    weight += part.weights;
    bias += part.biases;
  });
  if (add_others) add_others(squares);
  if (!divided()) return;
  std::vector<float> total = squared_norm_.download();
  divided()->begin_sum(total)->wait();
  backend_.upload(total, squares);
}

/// Of those gradients [first, end) that this rank has.
void Network::add_squares(std::size_t first, std::size_t end, std::span<const Share> own) {
  for (const Share part : own) {
    const std::size_t begin = std::max(first, part.first), stop = std::min(end, part.end);
    if (begin < stop) backend_.add_squares(gradients_.data() + begin, stop - begin, squared_norm_.data());
  }
}

void Network::update(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip) {
  const Share all{0, parameters_.size()};
  if (clip > 0) take_squared_norm({&all, 1}, {});
  update(optimizer, rate, step, clip, all);
}

void Network::update(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip,
                     Share part) {
  update_trained(update_of(optimizer, rate, step, clip), part.first, part.end);
}

/// Those of [first, end) that are not frozen.
/// @param update  all but the places
void Network::update_trained(const device::Update& update, std::size_t first, std::size_t end) {
  if (frozen_.weights + frozen_.biases == 0) return backend_.update(placed(update, first, end));
  const Share trained[] = {{frozen_.weights, weights_}, {weights_ + frozen_.biases, parameters_.size()}};
  for (const Share& part : trained) {
    const std::size_t begin = std::max(first, part.first), stop = std::min(end, part.end);
    if (begin < stop) backend_.update(placed(update, begin, stop));
  }
}

device::Update Network::step_of(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip) {
  return placed(update_of(optimizer, rate, step, clip), 0, parameters_.size());
}

device::Update Network::update_of(const OptimizerSpec& optimizer, double rate, std::int64_t step,
                                  double clip) {
  device::Update update;
  update.kind = optimizer.kind;
  update.learning_rate = static_cast<float>(rate);
  update.momentum = static_cast<float>(optimizer.momentum);
  update.nesterov = optimizer.nesterov;
  update.beta1 = static_cast<float>(optimizer.beta1);
  update.beta2 = static_cast<float>(optimizer.beta2);
  update.epsilon = static_cast<float>(optimizer.epsilon);
  update.step = step;
  update.weight_decay = static_cast<float>(optimizer.weight_decay);
  update.l1 = static_cast<float>(optimizer.l1);
  update.clip = static_cast<float>(clip);
  update.squared_norm = squared_norm_.data();
  return update;
}

/// @param update  all but the places
device::Update Network::placed(device::Update update, std::size_t first, std::size_t end) {
  update.penalised = weights_ > first ? weights_ - first : 0;
  update.parameters = parameters_.data() + first;
  update.gradients = gradients_.data() + first;
  update.first_moment = first_moment_.data() + first;
  update.second_moment = second_moment_.data() + first;
  update.count = end - first;
  return update;
}

/// Calls visit(place in the part's arena, place in the whole network's, whether this rank's number counts)
/// for all parameters.
template <class Visit>
void Network::match(Visit visit) const {
  const bool first = !team_.parts || team_.parts->rank().value == 0;
  std::size_t weight = 0, bias = weights_, whole_weight = stage_.before.weights,
              whole_bias = stage_.whole.weights + stage_.before.biases;
  layers().each([&](const Layer& layer) {
    const ParameterCounts part = layer.counts(), whole = layer.whole_counts();
    const bool weights_count = first || part.weights < whole.weights,
               biases_count = first || part.biases < whole.biases;
    for (std::size_t i = 0; i < part.weights; ++i)
      visit(weight + i, whole_weight + layer.weight_in_whole(i), weights_count);
    for (std::size_t i = 0; i < part.biases; ++i)
      visit(bias + i, whole_bias + layer.bias_in_whole(i), biases_count);
    weight += part.weights;
    bias += part.biases;
    whole_weight += whole.weights;
    whole_bias += whole.biases;
  });
}

std::size_t Network::whole_size() const { return stage_.whole.weights + stage_.whole.biases; }

std::vector<float> Network::whole(const device::Buffer<float>& part) const {
  std::vector<float> own = part.download();
  if (!divided()) return own;
  std::vector<float> all(whole_size(), 0.0f);
  match([&](std::size_t place, std::size_t in_whole, bool counts) {
    if (counts) all[in_whole] = own[place];
  });
  divided()->begin_sum(all)->wait();
  return all;
}

/// Parts have the same ones, stages those of their layers.
std::vector<float> Network::whole_statistics() const {
  std::vector<float> own = statistics_.download();
  if (!team_.stages) return own;
  std::vector<float> all(stage_.whole.statistics, 0.0f);
  std::ranges::copy(own, all.begin() + static_cast<std::ptrdiff_t>(stage_.before.statistics));
  team_.stages->begin_sum(all)->wait();
  return all;
}

void Network::take_part(const std::vector<float>& whole, device::Buffer<float>& part) {
  std::vector<float> own(part.size());
  match([&](std::size_t place, std::size_t in_whole, bool) { own[place] = whole[in_whole]; });
  backend_.upload(own, part.data());
}

void Network::save(ByteWriter& writer) const {
  writer.add(static_cast<std::uint64_t>(whole_size()));
  writer.add(static_cast<std::uint64_t>(stage_.whole.statistics));
  for (const auto* values : {&parameters_, &first_moment_, &second_moment_})
    writer.add_all<float>(whole(*values));
  writer.add_all<float>(whole_statistics());
}

void Network::load(ByteReader& reader) {
  const std::size_t size = whole_size();
  const auto count = reader.take<std::uint64_t>(), statistics = reader.take<std::uint64_t>();
  require(count == size && statistics == stage_.whole.statistics, "a network of ", size, " parameters and ",
          stage_.whole.statistics, " statistics cannot take over ", count, " and ", statistics);
  for (auto* values : {&parameters_, &first_moment_, &second_moment_})
    take_part(reader.take_all<std::vector<float>>(size), *values);
  const auto all = reader.take_all<std::vector<float>>(statistics);
  if (statistics_.size() > 0)
    backend_.upload(std::span(all).subspan(stage_.before.statistics, statistics_.size()), statistics_.data());
}

}  // namespace regatta::train
