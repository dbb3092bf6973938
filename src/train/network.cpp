#include "regatta/train/network.hpp"

#include "regatta/core/error.hpp"

namespace regatta::train {
namespace {

LayerChain chain_of(const NetworkSpec& spec, comm::Communicator* parts = nullptr) {
  require(!spec.layers.empty(), "a network needs a layer");
  return LayerChain(spec.layers, spec.input, parts);
}

struct FirstValues {
  std::vector<float> parameters, statistics;
};

FirstValues first_values(const LayerChain& layers, std::uint64_t seed) {
  const ParameterCounts all = layers.counts();
  FirstValues values{std::vector<float>(all.weights + all.biases, 0.0f),
                     std::vector<float>(all.statistics, 0.0f)};
  const std::span<float> parameters(values.parameters);
  layers.draw(seed, parameters.first(all.weights), parameters.subspan(all.weights), values.statistics);
  return values;
}

}  // namespace

std::size_t weight_count(const NetworkSpec& spec) { return chain_of(spec).counts().weights; }

std::size_t parameter_count(const NetworkSpec& spec, comm::Communicator* parts) {
  const ParameterCounts counts = chain_of(spec, parts).counts();
  return counts.weights + counts.biases;
}

std::size_t activation_count(const NetworkSpec& spec) { return chain_of(spec).activations(); }

std::vector<float> initial_parameters(const NetworkSpec& spec, std::uint64_t seed) {
  return first_values(chain_of(spec), seed).parameters;
}

ArenaLayout::ArenaLayout(std::size_t parameters) {
  constexpr std::size_t line = 64 / sizeof(float);
  const std::size_t padded = (parameters + line - 1) / line * line;
  gradients = padded;
  first_moment = 2 * padded;
  second_moment = 3 * padded;
  size = 4 * padded;
}

Network::Network(device::Backend& backend, const NetworkSpec& spec, std::size_t most_samples,
                 std::uint64_t seed, const Team& team, std::span<float> arena)
    : backend_(backend), team_(team), layers_(chain_of(spec, team.parts)), most_samples_(most_samples) {
  const ParameterCounts all = layers_.counts();
  weights_ = all.weights;
  const std::size_t count = all.weights + all.biases;
  const ArenaLayout layout(count);
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
  const FirstValues first = first_values(layers_, seed);
  backend.upload(first.parameters, parameters_.data());
  statistics_ = device::Buffer<float>(backend, first.statistics);
  layers_.place(backend,
                {parameters_.data(), gradients_.data(), parameters_.data() + weights_,
                 gradients_.data() + weights_, statistics_.data()},
                most_samples);
  squared_norm_ = device::Buffer<float>(backend, 1);
  output_slope_ = device::Buffer<float>(backend, most_samples * outputs());
}

device::MatrixView<const float> Network::forward(device::MatrixView<const float> x,
                                                 const std::int32_t* lengths) {
  return pass(x, {false, 0, 0, x.rows, nullptr, lengths});
}

device::MatrixView<const float> Network::forward(device::MatrixView<const float> x, std::uint64_t key,
                                                 std::size_t first_sample, std::size_t batch,
                                                 const std::int32_t* lengths) {
  return pass(x, {true, key, first_sample, batch, team_.replicas, lengths});
}

device::MatrixView<const float> Network::pass(device::MatrixView<const float> x, const Pass& pass) {
  require(x.rows <= most_samples_, "this network takes at most ", most_samples_, " samples at once, got ",
          x.rows);
  x_ = x;
  return layers_.forward(x, pass);
}

device::MatrixView<float> Network::output_gradient() { return {output_slope_.data(), x_.rows, outputs()}; }

void Network::backward(const std::function<void(std::size_t first)>& ready) {
  layers_.backward(output_gradient(), {nullptr, x_.rows, x_.columns}, ready);  // no gradient by the data
}

void Network::learn_nothing(std::uint64_t key, std::size_t batch,
                            const std::function<void(std::size_t first)>& ready) {
  layers_.forward_nothing({true, key, 0, batch, team_.replicas});
  backend_.zero(gradients_.data(), gradients_.size());
  layers_.backward_nothing(ready);
}

/// Of the whole network: what all parts have alike counts on the first one.
void Network::take_squared_norm() {
  float* sum = squared_norm_.data();
  backend_.zero(sum, 1);
  const bool first = !team_.parts || team_.parts->rank().value == 0;
  const float *weights = gradients_.data(), *biases = weights + weights_;
  layers_.each([&](const Layer& layer) {
    const ParameterCounts part = layer.counts(), whole = layer.whole_counts();
    if (part.weights > 0 && (first || part.weights < whole.weights))
      backend_.add_squares(weights, part.weights, sum);
    if (part.biases > 0 && (first || part.biases < whole.biases))
      backend_.add_squares(biases, part.biases, sum);
    weights += part.weights;
    biases += part.biases;
  });
  if (!team_.parts) return;
  std::vector<float> total = squared_norm_.download();
  team_.parts->begin_sum(total)->wait();
  backend_.upload(total, sum);
}

void Network::update(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip) {
  if (clip > 0) take_squared_norm();
  backend_.update(step_of(optimizer, rate, step, clip));
}

void Network::update(const OptimizerSpec& optimizer, double rate, std::int64_t step, std::size_t first,
                     std::size_t end) {
  backend_.update(placed(update_of(optimizer, rate, step, 0), first, end));
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
  std::size_t weight = 0, bias = weights_, whole_weight = 0, whole_bias = layers_.whole_counts().weights;
  layers_.each([&](const Layer& layer) {
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

std::size_t Network::whole_size() const {
  const ParameterCounts all = layers_.whole_counts();
  return all.weights + all.biases;
}

std::vector<float> Network::whole(const device::Buffer<float>& part) const {
  std::vector<float> own = part.download();
  if (!team_.parts) return own;
  std::vector<float> all(whole_size(), 0.0f);
  match([&](std::size_t place, std::size_t in_whole, bool counts) {
    if (counts) all[in_whole] = own[place];
  });
  team_.parts->begin_sum(all)->wait();
  return all;
}

void Network::take_part(const std::vector<float>& whole, device::Buffer<float>& part) {
  std::vector<float> own(part.size());
  match([&](std::size_t place, std::size_t in_whole, bool) { own[place] = whole[in_whole]; });
  backend_.upload(own, part.data());
}

void Network::save(ByteWriter& writer) const {
  writer.add(static_cast<std::uint64_t>(whole_size()));
  writer.add(static_cast<std::uint64_t>(statistics_.size()));
  for (const auto* values : {&parameters_, &first_moment_, &second_moment_})
    writer.add_all<float>(whole(*values));
  writer.add_all<float>(statistics_.download());
}

void Network::load(ByteReader& reader) {
  const std::size_t size = whole_size();
  const auto count = reader.take<std::uint64_t>(), statistics = reader.take<std::uint64_t>();
  require(count == size && statistics == statistics_.size(), "a network of ", size, " parameters and ",
          statistics_.size(), " statistics cannot take over ", count, " and ", statistics);
  for (auto* values : {&parameters_, &first_moment_, &second_moment_})
    take_part(reader.take_all<std::vector<float>>(size), *values);
  if (statistics > 0) backend_.upload(reader.take_all<std::vector<float>>(statistics), statistics_.data());
}

}  // namespace regatta::train
