#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "regatta/core/bytes.hpp"
#include "regatta/device/backend.hpp"
#include "regatta/device/buffer.hpp"
#include "regatta/train/optimizer.hpp"

namespace regatta::train {

/// How weights are drawn (normal, mean 0, this variance); biases start at 0.
enum class Init {
  Auto,    ///< He for relu and gelu, Xavier for the others
  He,      ///< 2 / inputs (He et al. 2015)
  Xavier,  ///< 2 / (inputs + outputs) (Glorot and Bengio 2010)
  Lecun,   ///< 1 / inputs (LeCun et al. 1998)
};

/// A multilayer perceptron. Without hidden layers it is linear or logistic regression.
struct NetworkSpec {
  std::size_t inputs = 0;
  std::vector<std::size_t> hidden;  ///< width of each hidden layer
  std::size_t outputs = 0;
  device::Activation activation = device::Activation::Relu;  ///< of the hidden layers; outputs are linear
  float dropout = 0;                                         ///< after each hidden layer, [0, 1)
  Init init = Init::Auto;
};

/// All weights, layer by layer (inputs x outputs each), then all biases. The same seed gives the same numbers
/// everywhere.
std::vector<float> initial_parameters(const NetworkSpec& spec, std::uint64_t seed);

/// Number of weights and of weights and biases.
std::size_t weight_count(const NetworkSpec& spec);
std::size_t parameter_count(const NetworkSpec& spec);

/// A network with everything that one training step needs, allocated once: parameters, gradients and moments
/// in one arena each ([all weights | all biases]), and the activations of a batch.
class Network {
 public:
  /// @param most_samples  of one forward pass
  /// @throws device::OutOfDeviceMemory
  Network(device::Backend& backend, const NetworkSpec& spec, std::size_t most_samples, std::uint64_t seed);

  /// Outputs (samples x outputs) for `x`, without dropout. Valid until the next call of forward.
  device::MatrixView<const float> forward(device::MatrixView<const float> x);
  /// With dropout, and kept for backward(), which reads `x` again.
  /// @param key           of this optimizer step
  /// @param first_sample  place of the first row in the global batch
  device::MatrixView<const float> forward(device::MatrixView<const float> x, std::uint64_t key,
                                          std::size_t first_sample);

  /// Where the loss writes its gradient by the outputs of the last forward pass.
  device::MatrixView<float> output_gradient();
  /// Fills gradients(), last layer first; when a layer is done, `ready(first)` tells that the gradients of
  /// all weights from number `first` on are final (biases only after the last call, with first = 0).
  void backward(const std::function<void(std::size_t first)>& ready);

  /// In place of a backward pass where this rank has no sample of the batch: gradients of 0, told in the same
  /// order.
  void backward_nothing(const std::function<void(std::size_t first)>& ready);

  /// One optimizer step with learning rate `rate`; weight decay and L1 penalty act on weights, not on biases.
  void update(const OptimizerSpec& optimizer, double rate, std::int64_t step);

  /// Parameters and moments, as load() takes them into a network of the same shape.
  void save(ByteWriter& writer) const;
  /// @throws InvalidInput  they are of another shape
  void load(ByteReader& reader);

  device::Buffer<float>& gradients() { return gradients_; }
  const device::Buffer<float>& parameters() const { return parameters_; }
  std::size_t weights() const { return weights_; }

 private:
  struct Layer {
    std::size_t inputs = 0, outputs = 0;
    std::size_t first_weight = 0, first_bias = 0;  ///< places in the arenas
    device::Buffer<float> z, y;                    ///< y is empty where y = z
    device::Activation activation = device::Activation::Identity;
    float dropout = 0;
    device::Dense last;  ///< of the last forward pass
  };

  device::MatrixView<const float> pass(device::MatrixView<const float> x, bool training, std::uint64_t key,
                                       std::size_t first_sample);

  device::Backend& backend_;
  std::size_t weights_;
  device::Buffer<float> parameters_, gradients_, first_moment_, second_moment_;
  device::Buffer<float> slopes_[2];  ///< dL/dy of a layer and of the one before it
  std::vector<Layer> layers_;
  std::size_t most_samples_;
};

}  // namespace regatta::train
