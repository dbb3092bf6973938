#include "regatta/train/network.hpp"

#include <algorithm>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"

namespace regatta::train {
namespace {

LayerChain layers_of(const NetworkSpec& spec) {
  require(!spec.layers.empty(), "a network needs a layer");
  return {spec.layers, spec.input};
}

struct FirstValues {
  std::vector<float> parameters, statistics;
};

FirstValues first_values(const LayerChain& layers, std::uint64_t seed) {
  const ParameterCounts counts = layers.counts();
  FirstValues values{std::vector<float>(counts.weights + counts.biases, 0.0f),
                     std::vector<float>(counts.statistics, 0.0f)};
  const std::span<float> parameters(values.parameters);
  layers.draw(seed, parameters.first(counts.weights), parameters.subspan(counts.weights), values.statistics);
  return values;
}

}  // namespace

std::size_t weight_count(const NetworkSpec& spec) { return layers_of(spec).counts().weights; }

std::size_t parameter_count(const NetworkSpec& spec) {
  const ParameterCounts counts = layers_of(spec).counts();
  return counts.weights + counts.biases;
}

std::size_t activation_count(const NetworkSpec& spec) { return layers_of(spec).activations(); }

std::vector<float> initial_parameters(const NetworkSpec& spec, std::uint64_t seed) {
  return first_values(layers_of(spec), seed).parameters;
}

Network::Network(device::Backend& backend, const NetworkSpec& spec, std::size_t most_samples,
                 std::uint64_t seed, comm::Communicator* team)
    : backend_(backend),
      team_(team),
      layers_(layers_of(spec)),
      weights_(layers_.counts().weights),
      most_samples_(most_samples) {
  const std::size_t count = weights_ + layers_.counts().biases;
  gradients_ =
      device::Buffer<float>(backend, count);  // asks the device before the host draws as many numbers
  first_moment_ = device::Buffer<float>(backend, count);
  second_moment_ = device::Buffer<float>(backend, count);
  const FirstValues first = first_values(layers_, seed);
  parameters_ = device::Buffer<float>(backend, first.parameters);
  statistics_ = device::Buffer<float>(backend, first.statistics);
  layers_.place(backend,
                {parameters_.data(), gradients_.data(), parameters_.data() + weights_,
                 gradients_.data() + weights_, statistics_.data()},
                most_samples);
  output_gradient_ = device::Buffer<float>(backend, most_samples * outputs());
  squared_norm_ = device::Buffer<float>(backend, 1);
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
  samples_ = x.rows;
  return layers_.forward(x, pass);
}

device::MatrixView<float> Network::output_gradient() {
  return {output_gradient_.data(), samples_, outputs()};
}

void Network::backward(const std::function<void(std::size_t first)>& ready) {
  layers_.backward(output_gradient(), {}, ready);
}

void Network::learn_nothing(std::uint64_t key, std::size_t batch,
                            const std::function<void(std::size_t first)>& ready) {
  layers_.forward_nothing({true, key, 0, batch, team_});
  backend_.zero(gradients_.data(), gradients_.size());
  layers_.backward_nothing(ready);
}

void Network::update(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip) {
  device::Update update;
  update.kind = optimizer.kind;
  update.learning_rate = static_cast<float>(rate);
  update.momentum = static_cast<float>(optimizer.momentum);
  update.nesterov = optimizer.nesterov;
  update.beta1 = static_cast<float>(optimizer.beta1);
  update.beta2 = static_cast<float>(optimizer.beta2);
  update.epsilon = static_cast<float>(optimizer.epsilon);
  update.step = step;
  if (clip > 0) {
    backend_.zero(squared_norm_.data(), 1);
    backend_.add_squares(gradients_.data(), gradients_.size(), squared_norm_.data());
    update.clip = static_cast<float>(clip);
    update.squared_norm = squared_norm_.data();
  }
  const auto apply = [&](std::size_t first, std::size_t count, double decay, double l1) {
    update.weight_decay = static_cast<float>(decay);
    update.l1 = static_cast<float>(l1);
    update.parameters = parameters_.data() + first;
    update.gradients = gradients_.data() + first;
    update.first_moment = first_moment_.data() + first;
    update.second_moment = second_moment_.data() + first;
    update.count = count;
    backend_.update(update);
  };
  apply(0, weights_, optimizer.weight_decay, optimizer.l1);
  apply(weights_, parameters_.size() - weights_, 0, 0);
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
