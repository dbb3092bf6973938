#pragma once

#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "regatta/device/backend.hpp"

namespace regatta::train {

/// Of one sample, outermost first; a sample is the row of numbers in that order.
using Shape = std::vector<std::size_t>;

/// Numbers of one sample: the product of the lengths.
std::size_t size_of(const Shape& shape);

/// How weights are drawn (normal, mean 0, this variance); biases start at 0.
enum class Init {
  Auto,    ///< He for relu and gelu, Xavier for the others
  He,      ///< 2 / inputs (He et al. 2015)
  Xavier,  ///< 2 / (inputs + outputs) (Glorot and Bengio 2010)
  Lecun,   ///< 1 / inputs (LeCun et al. 1998)
};

/// What Auto stands for with this activation.
Init resolved(Init init, device::Activation activation);

/// @param inputs, outputs  numbers that one output is made of, and that one input takes part in
double initial_variance(Init init, device::Activation activation, std::size_t inputs, std::size_t outputs);

/// Every unit sees all numbers of a sample, or of one step where the layer works step by step.
struct DenseSpec {
  std::size_t units = 0;
  device::Activation activation = device::Activation::Identity;
  float dropout = 0;  ///< after the activation, [0, 1)
  Init init = Init::Auto;
  bool per_step = false;  ///< the same for each step of {steps, ...} (sequence labelling)
};

/// Reads sequences of shape {steps, channels}. Input weights are drawn as Init::Xavier says for one gate, recurrent
/// ones likewise (variance 1 / units); forget gates start with a bias of 1 (Jozefowicz et al. 2015), all others with 0.
struct RecurrentSpec {
  device::CellKind kind = device::CellKind::Lstm;
  std::size_t units = 0;       ///< in each direction
  bool bidirectional = false;  ///< a second half of the outputs reads from the last step to the first
  device::Readout readout = device::Readout::Last;
  float dropout = 0;  ///< of the outputs, [0, 1)
};

/// Turns tokens, shape {steps}, into {steps, width}. First values: normal, variance 1.
struct EmbeddingSpec {
  std::size_t tokens = 0;
  std::size_t width = 0;
};

/// Filters over an image of shape {height, width, channels}; the output has one channel per filter.
struct ConvolutionSpec {
  std::size_t filters = 0;
  std::size_t kernel = 3;  ///< height and width of a filter [pixels]
  std::size_t stride = 1;  ///< the output has one pixel for so many, rounded up, in each direction
  bool padded = true;      ///< by zeros, so that windows are centred on pixels; else all windows lie in the image
  device::Activation activation = device::Activation::Identity;
  Init init = Init::Auto;
  /// Before a normalization, which takes them away, biases have no slope but that of rounding, which optimizers like Adam
  /// turn into steps of full length: running means are late then, and differ with the size of the team.
  bool trains_biases = true;
};

/// Batch normalization (Ioffe and Szegedy 2015) of each channel, the last length of a sample's shape, with a scale and a
/// shift that are trained without weight decay. Statistics are those of the batch of the whole team.
struct BatchNormSpec {
  device::Activation activation = device::Activation::Identity;  ///< after it
};

/// The largest number or the mean of windows of an image. The last windows may reach beyond the image and then count
/// what lies in it.
struct PoolSpec {
  device::PoolKind kind = device::PoolKind::Max;
  std::size_t window = 2;  ///< height and width [pixels]; 0: the whole image
  std::size_t stride = 2;
};

struct LayerSpec;

/// activation(body(x) + skip(x)) (He et al. 2016). Without layers the skip is x itself.
struct ResidualSpec {
  std::vector<LayerSpec> body, skip;
  device::Activation activation = device::Activation::Relu;
};

/// What one layer is made of.
struct LayerSpec : std::variant<DenseSpec, ConvolutionSpec, BatchNormSpec, PoolSpec, ResidualSpec, RecurrentSpec,
                                EmbeddingSpec> {
  using variant::variant;
};

/// A chain of layers.
struct NetworkSpec {
  Shape input;
  std::vector<LayerSpec> layers;
};

/// A multilayer perceptron with linear outputs. Without hidden layers it is linear or logistic regression.
struct MlpSpec {
  std::size_t inputs = 0;
  std::vector<std::size_t> hidden;  ///< width of each hidden layer
  std::size_t outputs = 0;
  device::Activation activation = device::Activation::Relu;  ///< of the hidden layers
  float dropout = 0;                                         ///< after each hidden layer
  Init init = Init::Auto;
};
NetworkSpec mlp(const MlpSpec& spec);

/// Blocks of convolutions and pooling over images, then a multilayer perceptron.
struct CnnSpec {
  Shape input;  ///< height, width, channels
  std::size_t blocks = 2;
  std::size_t convolutions = 1;  ///< of each block
  std::size_t channels = 16;     ///< of the first block
  double channel_factor = 2;     ///< from block to block
  std::size_t kernel = 3;        ///< height and width of filters [pixels]
  std::size_t stride = 1;        ///< of the first convolution of each block
  std::optional<device::PoolKind> pooling = device::PoolKind::Max;  ///< at the end of each block
  std::size_t pool_size = 2;    ///< window and stride [pixels]
  bool batch_norm = true;       ///< between convolution and activation
  bool residual = false;        ///< each block is a residual one, with a projection where shapes differ
  bool global_pooling = false;  ///< the head sees the mean of each channel
  MlpSpec head;                 ///< its activation and init are those of all layers; its inputs do not count
};
/// @throws InvalidInput  more than a million channels
NetworkSpec cnn(const CnnSpec& spec);

}  // namespace regatta::train
