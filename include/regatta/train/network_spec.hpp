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

/// Every unit sees all numbers of a sample.
struct DenseSpec {
  std::size_t units = 0;
  device::Activation activation = device::Activation::Identity;
  float dropout = 0;  ///< after the activation, [0, 1)
  Init init = Init::Auto;
};

using LayerSpec = std::variant<DenseSpec>;

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
