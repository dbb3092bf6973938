#pragma once

#include <cstddef>
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

using LayerSpec = std::variant<DenseSpec, RecurrentSpec, EmbeddingSpec>;

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

}  // namespace regatta::train
