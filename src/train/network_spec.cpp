#include "regatta/train/network_spec.hpp"

#include <functional>
#include <numeric>

#include "dense_layer.hpp"
#include "embedding_layer.hpp"
#include "recurrent_layer.hpp"

namespace regatta::train {

std::size_t size_of(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

Init resolved(Init init, device::Activation activation) {
  if (init != Init::Auto) return init;
  const bool one_sided = activation == device::Activation::Relu || activation == device::Activation::Gelu;
  return one_sided ? Init::He : Init::Xavier;
}

double initial_variance(Init init, device::Activation activation, std::size_t inputs, std::size_t outputs) {
  init = resolved(init, activation);
  if (init == Init::He) return 2.0 / static_cast<double>(inputs);
  if (init == Init::Lecun) return 1.0 / static_cast<double>(inputs);
  return 2.0 / static_cast<double>(inputs + outputs);
}

NetworkSpec mlp(const MlpSpec& spec) {
  NetworkSpec network{{spec.inputs}, {}};
  const Init init = resolved(spec.init, spec.activation);
  for (const std::size_t width : spec.hidden)
    network.layers.push_back(DenseSpec{width, spec.activation, spec.dropout, init});
  network.layers.push_back(DenseSpec{spec.outputs, device::Activation::Identity, 0, init});
  return network;
}

namespace {

std::unique_ptr<Layer> make(const DenseSpec& spec, const Shape& input) {
  return std::make_unique<DenseLayer>(spec, input);
}
std::unique_ptr<Layer> make(const RecurrentSpec& spec, const Shape& input) {
  return std::make_unique<RecurrentLayer>(spec, input);
}
std::unique_ptr<Layer> make(const EmbeddingSpec& spec, const Shape& input) {
  return std::make_unique<EmbeddingLayer>(spec, input);
}

}  // namespace

std::unique_ptr<Layer> make_layer(const LayerSpec& spec, const Shape& input) {
  return std::visit([&](const auto& one) { return make(one, input); }, spec);
}

}  // namespace regatta::train
