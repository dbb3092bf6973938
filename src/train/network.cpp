#include "regatta/train/network.hpp"

#include <algorithm>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"

namespace regatta::train {
namespace {

using Layers = std::vector<std::unique_ptr<Layer>>;

Layers layers_of(const NetworkSpec& spec) {
  require(!spec.layers.empty(), "a network needs a layer");
  Layers layers;
  Shape shape = spec.input;
  for (const LayerSpec& layer : spec.layers) {
    layers.push_back(make_layer(layer, shape));
    shape = layers.back()->output();
  }
  return layers;
}

/// Sums of all layers.
ParameterCounts counts_of(const Layers& layers) {
  ParameterCounts sum;
  for (const auto& layer : layers) {
    const ParameterCounts counts = layer->counts();
    sum.weights += counts.weights;
    sum.biases += counts.biases;
    sum.statistics += counts.statistics;
  }
  return sum;
}

struct FirstValues {
  std::vector<float> parameters, statistics;
};

FirstValues first_values(const Layers& layers, std::uint64_t seed) {
  const ParameterCounts all = counts_of(layers);
  FirstValues values{std::vector<float>(all.weights + all.biases, 0.0f),
                     std::vector<float>(all.statistics, 0.0f)};
  std::span<float> weights(values.parameters.data(), all.weights);
  std::span<float> biases(values.parameters.data() + all.weights, all.biases);
  std::span<float> statistics(values.statistics);
  const auto next = [](std::span<float>& from, std::size_t count) {
    const auto first = from.first(count);
    from = from.subspan(count);
    return first;
  };
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const ParameterCounts counts = layers[l]->counts();
    Random random(seed, l);
    layers[l]->draw(random, next(weights, counts.weights), next(biases, counts.biases),
                    next(statistics, counts.statistics));
  }
  return values;
}

}  // namespace

std::size_t weight_count(const NetworkSpec& spec) { return counts_of(layers_of(spec)).weights; }

std::size_t parameter_count(const NetworkSpec& spec) {
  const ParameterCounts counts = counts_of(layers_of(spec));
  return counts.weights + counts.biases;
}

std::size_t activation_count(const NetworkSpec& spec) {
  std::size_t count = 0;
  for (const auto& layer : layers_of(spec)) count += size_of(layer->output());
  return count;
}

std::vector<float> initial_parameters(const NetworkSpec& spec, std::uint64_t seed) {
  return first_values(layers_of(spec), seed).parameters;
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
                 std::uint64_t seed, comm::Communicator* team, std::span<float> arena)
    : backend_(backend), team_(team), most_samples_(most_samples) {
  Layers layers = layers_of(spec);
  const ParameterCounts all = counts_of(layers);
  weights_ = all.weights;
  const std::size_t count = all.weights + all.biases;
  const ArenaLayout layout(count);
  arena_ = arena.empty() ? device::Buffer<float>(backend, layout.size)  // asks before the host draws as many numbers
                         : device::Buffer<float>::over(backend, arena);
  const auto part = [&](std::size_t first) {
    return device::Buffer<float>::over(backend, {arena_.data() + first, count});
  };
  parameters_ = part(0);
  gradients_ = part(layout.gradients);
  first_moment_ = part(layout.first_moment);
  second_moment_ = part(layout.second_moment);
  const FirstValues first = first_values(layers, seed);
  backend.upload(first.parameters, parameters_.data());
  statistics_ = device::Buffer<float>(backend, first.statistics);
  std::size_t inputs = size_of(spec.input), widest = 0, weight = 0, bias = weights_, statistic = 0;
  for (auto& layer : layers) {
    const ParameterCounts counts = layer->counts();
    layer->place(backend,
                 {parameters_.data() + weight, gradients_.data() + weight, parameters_.data() + bias,
                  gradients_.data() + bias, statistics_.data() + statistic},
                 most_samples);
    const std::size_t outputs = size_of(layer->output());
    layers_.push_back({std::move(layer), inputs, outputs, weight});
    widest = std::max(widest, outputs);
    inputs = outputs;
    weight += counts.weights;
    bias += counts.biases;
    statistic += counts.statistics;
  }
  for (auto& slopes : slopes_) slopes = device::Buffer<float>(backend, most_samples * widest);
}

double Network::operations() const {
  double sum = 0;
  for (const Stage& stage : layers_) sum += stage.layer->operations();
  return sum;
}

device::MatrixView<const float> Network::forward(device::MatrixView<const float> x) {
  return pass(x, {false, 0, 0, x.rows, nullptr});
}

device::MatrixView<const float> Network::forward(device::MatrixView<const float> x, std::uint64_t key,
                                                 std::size_t first_sample, std::size_t batch) {
  return pass(x, {true, key, first_sample, batch, team_});
}

device::MatrixView<const float> Network::pass(device::MatrixView<const float> x, const Pass& pass) {
  require(x.rows <= most_samples_, "this network takes at most ", most_samples_, " samples at once, got ",
          x.rows);
  x_ = x;
  Pass own = pass;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    own.key = derive_seed(pass.key, l);
    x = layers_[l].layer->forward(x, own);
  }
  return x;
}

device::MatrixView<float> Network::output_gradient() { return {slopes_[0].data(), x_.rows, outputs()}; }

void Network::backward(const std::function<void(std::size_t first)>& ready) {
  std::size_t current = 0;
  for (std::size_t l = layers_.size(); l-- > 0;) {
    const Stage& stage = layers_[l];
    float* before = l > 0 ? slopes_[1 - current].data() : nullptr;  // no gradient by the data
    stage.layer->backward({slopes_[current].data(), x_.rows, stage.outputs}, {before, x_.rows, stage.inputs});
    ready(stage.first_weight);
    current = 1 - current;
  }
}

void Network::learn_nothing(std::uint64_t key, std::size_t batch,
                            const std::function<void(std::size_t first)>& ready) {
  for (std::size_t l = 0; l < layers_.size(); ++l)
    layers_[l].layer->forward_nothing({true, derive_seed(key, l), 0, batch, team_});
  backend_.zero(gradients_.data(), gradients_.size());
  for (std::size_t l = layers_.size(); l-- > 0;) {
    layers_[l].layer->backward_nothing();
    ready(layers_[l].first_weight);
  }
}

void Network::update(const OptimizerSpec& optimizer, double rate, std::int64_t step) {
  update(optimizer, rate, step, 0, parameters_.size());
}

void Network::update(const OptimizerSpec& optimizer, double rate, std::int64_t step, std::size_t first,
                     std::size_t end) {
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
  update.penalised = weights_ > first ? weights_ - first : 0;
  update.parameters = parameters_.data() + first;
  update.gradients = gradients_.data() + first;
  update.first_moment = first_moment_.data() + first;
  update.second_moment = second_moment_.data() + first;
  update.count = end - first;
  backend_.update(update);
}

void Network::save(ByteWriter& writer) const {
  writer.add(static_cast<std::uint64_t>(parameters_.size()));
  writer.add(static_cast<std::uint64_t>(statistics_.size()));
  for (const auto* values : {&parameters_, &first_moment_, &second_moment_, &statistics_})
    writer.add_all<float>(values->download());
}

void Network::load(ByteReader& reader) {
  const auto count = reader.take<std::uint64_t>();
  require(count == parameters_.size(), "a network of ", parameters_.size(), " parameters cannot take over ",
          count);
  const auto statistics = reader.take<std::uint64_t>();
  require(statistics == statistics_.size(), "a network with ", statistics_.size(),
          " statistics cannot take over ", statistics);
  for (auto* values : {&parameters_, &first_moment_, &second_moment_, &statistics_})
    if (values->size() > 0)
      backend_.upload(reader.take_all<std::vector<float>>(values->size()), values->data());
}

}  // namespace regatta::train
