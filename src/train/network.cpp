#include "regatta/train/network.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"

namespace regatta::train {
namespace {

/// inputs, hidden widths, outputs
std::vector<std::size_t> widths_of(const NetworkSpec& spec) {
  std::vector<std::size_t> widths{spec.inputs};
  widths.insert(widths.end(), spec.hidden.begin(), spec.hidden.end());
  widths.push_back(spec.outputs);
  return widths;
}

double variance(const NetworkSpec& spec, std::size_t inputs, std::size_t outputs) {
  const bool rectifier =
      spec.activation == device::Activation::Relu || spec.activation == device::Activation::Gelu;
  const Init init = spec.init != Init::Auto ? spec.init : rectifier ? Init::He : Init::Xavier;
  if (init == Init::He) return 2.0 / static_cast<double>(inputs);
  if (init == Init::Lecun) return 1.0 / static_cast<double>(inputs);
  return 2.0 / static_cast<double>(inputs + outputs);
}

void check(const NetworkSpec& spec) {
  require(spec.inputs > 0 && spec.outputs > 0, "a network needs inputs and outputs, got ", spec.inputs,
          " and ", spec.outputs);
  require(spec.dropout >= 0 && spec.dropout < 1, "dropout must lie in [0, 1), got ", spec.dropout);
  for (const std::size_t width : spec.hidden) require(width > 0, "a hidden layer needs units");
}

}  // namespace

std::size_t weight_count(const NetworkSpec& spec) {
  const auto widths = widths_of(spec);
  std::size_t count = 0;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) count += widths[l] * widths[l + 1];
  return count;
}

std::size_t parameter_count(const NetworkSpec& spec) {
  std::size_t count = weight_count(spec) + spec.outputs;
  for (const std::size_t width : spec.hidden) count += width;
  return count;
}

std::vector<float> initial_parameters(const NetworkSpec& spec, std::uint64_t seed) {
  check(spec);
  const auto widths = widths_of(spec);
  std::vector<float> parameters(parameter_count(spec), 0.0f);
  std::size_t next = 0;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    Random random(seed, l);
    const double deviation = std::sqrt(variance(spec, widths[l], widths[l + 1]));
    for (std::size_t i = 0; i < widths[l] * widths[l + 1]; ++i)
      parameters[next++] = static_cast<float>(deviation * random.normal());
  }
  return parameters;
}

Network::Network(device::Backend& backend, const NetworkSpec& spec, std::size_t most_samples,
                 std::uint64_t seed)
    : backend_(backend), weights_(weight_count(spec)), most_samples_(most_samples) {
  const std::size_t count = parameter_count(spec);
  gradients_ =
      device::Buffer<float>(backend, count);  // asks the device before the host draws as many numbers
  first_moment_ = device::Buffer<float>(backend, count);
  second_moment_ = device::Buffer<float>(backend, count);
  parameters_ = device::Buffer<float>(backend, initial_parameters(spec, seed));
  const auto widths = widths_of(spec);
  for (auto& slopes : slopes_)
    slopes =
        device::Buffer<float>(backend, most_samples * *std::max_element(widths.begin() + 1, widths.end()));
  std::size_t weight = 0, bias = weights_;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    const bool hidden = l + 2 < widths.size();
    Layer layer{widths[l],
                widths[l + 1],
                weight,
                bias,
                {backend, most_samples * widths[l + 1]},
                {},
                hidden ? spec.activation : device::Activation::Identity,
                hidden ? spec.dropout : 0.0f,
                {}};
    if (hidden) layer.y = device::Buffer<float>(backend, most_samples * widths[l + 1]);
    weight += layer.inputs * layer.outputs;
    bias += layer.outputs;
    layers_.push_back(std::move(layer));
  }
}

device::MatrixView<const float> Network::forward(device::MatrixView<const float> x) {
  return pass(x, false, 0, 0);
}

device::MatrixView<const float> Network::forward(device::MatrixView<const float> x, std::uint64_t key,
                                                 std::size_t first_sample) {
  return pass(x, true, key, first_sample);
}

device::MatrixView<const float> Network::pass(device::MatrixView<const float> x, bool training,
                                              std::uint64_t key, std::size_t first_sample) {
  require(x.rows <= most_samples_, "this network takes at most ", most_samples_, " samples at once, got ",
          x.rows);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    Layer& layer = layers_[l];
    float* y = layer.y.size() > 0 ? layer.y.data() : layer.z.data();
    layer.last = {x,
                  {parameters_.data() + layer.first_weight, layer.inputs, layer.outputs},
                  parameters_.data() + layer.first_bias,
                  {layer.z.data(), x.rows, layer.outputs},
                  {y, x.rows, layer.outputs},
                  layer.activation,
                  {training ? layer.dropout : 0.0f, derive_seed(key, l), first_sample}};
    backend_.forward(layer.last);
    x = layer.last.y;
  }
  return x;
}

device::MatrixView<float> Network::output_gradient() {
  const device::Dense& last = layers_.back().last;
  return {slopes_[0].data(), last.y.rows, last.y.columns};
}

void Network::backward(const std::function<void(std::size_t first)>& ready) {
  std::size_t current = 0;
  for (std::size_t l = layers_.size(); l-- > 0;) {
    Layer& layer = layers_[l];
    const std::size_t samples = layer.last.y.rows;
    float* before = l > 0 ? slopes_[1 - current].data() : nullptr;  // no gradient by the data
    backend_.backward(layer.last, {{slopes_[current].data(), samples, layer.outputs},
                                   {gradients_.data() + layer.first_weight, layer.inputs, layer.outputs},
                                   gradients_.data() + layer.first_bias,
                                   {before, samples, layer.inputs}});
    ready(layer.first_weight);
    current = 1 - current;
  }
}

void Network::backward_nothing(const std::function<void(std::size_t first)>& ready) {
  backend_.zero(gradients_.data(), gradients_.size());
  for (std::size_t l = layers_.size(); l-- > 0;) ready(layers_[l].first_weight);
}

void Network::update(const OptimizerSpec& optimizer, double rate, std::int64_t step) {
  device::Update update;
  update.kind = optimizer.kind;
  update.learning_rate = static_cast<float>(rate);
  update.momentum = static_cast<float>(optimizer.momentum);
  update.nesterov = optimizer.nesterov;
  update.beta1 = static_cast<float>(optimizer.beta1);
  update.beta2 = static_cast<float>(optimizer.beta2);
  update.epsilon = static_cast<float>(optimizer.epsilon);
  update.step = step;
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
  for (const auto* values : {&parameters_, &first_moment_, &second_moment_})
    writer.add_all<float>(values->download());
}

void Network::load(ByteReader& reader) {
  const auto count = reader.take<std::uint64_t>();
  require(count == parameters_.size(), "a network of ", parameters_.size(), " parameters cannot take over ",
          count);
  for (auto* values : {&parameters_, &first_moment_, &second_moment_})
    backend_.upload(reader.take_all<std::vector<float>>(count), values->data());
}

}  // namespace regatta::train
