#include "regatta/train/network_spec.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <type_traits>

#include "batch_norm_layer.hpp"
#include "convolution_layer.hpp"
#include "dense_layer.hpp"
#include "embedding_layer.hpp"
#include "pool_layer.hpp"
#include "recurrent_layer.hpp"
#include "regatta/core/error.hpp"
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

/// One block of a CnnSpec but for its pooling.
class Block {
 public:
  Block(const CnnSpec& spec, std::size_t in, std::size_t out)
      : spec_(spec), in_(in), out_(out), init_(resolved(spec.head.init, spec.head.activation)) {}

  std::vector<LayerSpec> layers() const {
    std::vector<LayerSpec> layers;
    for (std::size_t i = 0; i < spec_.convolutions; ++i) {
      const bool before_sum = spec_.residual && i + 1 == spec_.convolutions;
      add(layers, spec_.kernel, i == 0 ? spec_.stride : 1,
          before_sum ? device::Activation::Identity : spec_.head.activation);
    }
    if (!spec_.residual) return layers;
    ResidualSpec block{std::move(layers), {}, spec_.head.activation};
    if (in_ != out_ || spec_.stride > 1) add(block.skip, 1, spec_.stride, device::Activation::Identity);
    return {block};
  }

 private:
  void add(std::vector<LayerSpec>& layers, std::size_t kernel, std::size_t stride,
           device::Activation activation) const {
    const bool norm = spec_.batch_norm;
    layers.push_back(ConvolutionSpec{out_, kernel, stride, true,
                                     norm ? device::Activation::Identity : activation, init_, !norm});
    if (norm) layers.emplace_back(BatchNormSpec{activation});
  }

  const CnnSpec& spec_;
  std::size_t in_, out_;  ///< channels
  Init init_;
};

}  // namespace

NetworkSpec cnn(const CnnSpec& spec) {
  require(!spec.input.empty(), "a network of images needs their shape");
  NetworkSpec network{spec.input, {}};
  std::size_t channels = spec.input.back();
  for (std::size_t b = 0; b < spec.blocks; ++b) {
    const double wanted = static_cast<double>(spec.channels) * std::pow(spec.channel_factor, b);
    require(wanted <= 1e6, "block ", b + 1, " would have ", wanted, " channels, at most a million can be");
    const auto next = static_cast<std::size_t>(std::max(1.0, std::round(wanted)));
    for (LayerSpec& layer : Block(spec, channels, next).layers()) network.layers.push_back(std::move(layer));
    if (spec.pooling) network.layers.push_back(PoolSpec{*spec.pooling, spec.pool_size, spec.pool_size});
    channels = next;
  }
  if (spec.global_pooling) network.layers.push_back(PoolSpec{device::PoolKind::Average, 0, 1});
  for (LayerSpec& layer : mlp(spec.head).layers) network.layers.push_back(std::move(layer));
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
template <>
struct LayerOf<RecurrentSpec> : std::type_identity<RecurrentLayer> {};
template <>
struct LayerOf<EmbeddingSpec> : std::type_identity<EmbeddingLayer> {};

}  // namespace

Share share_of(std::size_t count, const comm::Communicator* group) {
  if (!group) return {0, count};
  return share_of(count, static_cast<std::size_t>(group->rank().value),
                  static_cast<std::size_t>(group->size()));
}

Share share_of(std::size_t count, std::size_t rank, std::size_t ranks) {
  return {count * rank / ranks, count * (rank + 1) / ranks};
}

std::unique_ptr<Layer> make_layer(const LayerSpec& spec, const Shape& input) {
  return std::visit(
      [&]<class Spec>(const Spec& kind) -> std::unique_ptr<Layer> {
        return std::make_unique<typename LayerOf<Spec>::type>(kind, input);
      },
      spec);
}

}  // namespace regatta::train
