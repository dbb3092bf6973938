#include "regatta/train/network_spec.hpp"

#include <functional>
#include <numeric>
#include <type_traits>

#include "batch_norm_layer.hpp"
#include "convolution_layer.hpp"
#include "dense_layer.hpp"
#include "pool_layer.hpp"
#include "residual_layer.hpp"

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

template <class Spec>
struct LayerOf;
template <>
struct LayerOf<DenseSpec> : std::type_identity<DenseLayer> {};
template <>
struct LayerOf<ConvolutionSpec> : std::type_identity<ConvolutionLayer> {};
template <>
struct LayerOf<BatchNormSpec> : std::type_identity<BatchNormLayer> {};
template <>
struct LayerOf<PoolSpec> : std::type_identity<PoolLayer> {};
template <>
struct LayerOf<ResidualSpec> : std::type_identity<ResidualLayer> {};

}  // namespace

std::unique_ptr<Layer> make_layer(const LayerSpec& spec, const Shape& input) {
  return std::visit(
      [&]<class Spec>(const Spec& kind) -> std::unique_ptr<Layer> {
        return std::make_unique<typename LayerOf<Spec>::type>(kind, input);
      },
      spec);
}

}  // namespace regatta::train
