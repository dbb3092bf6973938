#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "regatta/core/bytes.hpp"
#include "regatta/device/backend.hpp"
#include "regatta/device/buffer.hpp"
#include "regatta/train/layer_chain.hpp"
#include "regatta/train/optimizer.hpp"

namespace regatta::train {

/// First values of all parameters: weights layer by layer, then biases layer by layer. The same seed gives
/// the same numbers everywhere.
std::vector<float> initial_parameters(const NetworkSpec& spec, std::uint64_t seed);

/// Number of weights and of weights and biases.
std::size_t weight_count(const NetworkSpec& spec);
/// @param parts  the ranks that divide the network: of the part of this rank; null: of all of it
std::size_t parameter_count(const NetworkSpec& spec, comm::Communicator* parts = nullptr);

/// Numbers of a sample that all layers together keep of a forward pass.
std::size_t activation_count(const NetworkSpec& spec);

/// Where parameters, gradients and both moments ([all weights | all biases] each) begin in one block of numbers.
struct ArenaLayout {
  explicit ArenaLayout(std::size_t parameters);

  std::size_t gradients, first_moment, second_moment;  ///< parameters begin at 0
  std::size_t size;
};

/// A chain of layers with everything that one training step needs, allocated once: parameters, gradients and
/// moments in one arena, and the activations of a batch.
class Network {
 public:
  /// @param most_samples  of one forward pass
  /// @param team          replicas: layers may sum over them in training; parts: pairs of dense layers are divided
  ///                      among them, all other layers are the same on each
  /// @param arena         zeros for the network's numbers, as long as an ArenaLayout; empty: it takes its own
  /// @throws InvalidInput              layers that do not fit each other
  /// @throws device::OutOfDeviceMemory
  Network(device::Backend& backend, const NetworkSpec& spec, std::size_t most_samples, std::uint64_t seed,
          const Team& team = {}, std::span<float> arena = {});

  /// Outputs (samples x outputs) for `x`, as a trained network is used. Valid until the next call of forward.
  /// @param lengths  of the samples, on the backend; null: no sequence is padded
  device::MatrixView<const float> forward(device::MatrixView<const float> x,
                                          const std::int32_t* lengths = nullptr);
  /// As it is trained (with dropout), and kept for backward(), which reads `x` again.
  /// @param key           of this optimizer step
  /// @param first_sample  place of the first row in the batch of the team
  /// @param batch         samples of that batch
  device::MatrixView<const float> forward(device::MatrixView<const float> x, std::uint64_t key,
                                          std::size_t first_sample, std::size_t batch,
                                          const std::int32_t* lengths = nullptr);

  /// Where the loss writes its gradient by the outputs of the last forward pass.
  device::MatrixView<float> output_gradient();
  /// Fills gradients(), last layer first; when a layer is done, `ready(first)` tells that the gradients of
  /// all weights from number `first` on are final (biases only after the last call, with first = 0).
  void backward(const std::function<void(std::size_t first)>& ready);

  /// In place of both passes where this rank has no sample of the batch: gradients of 0, told in the same
  /// order.
  void learn_nothing(std::uint64_t key, std::size_t batch,
                     const std::function<void(std::size_t first)>& ready);

  /// One optimizer step with learning rate `rate`; weight decay and L1 penalty act on weights, not on biases.
  /// @param clip  the gradient is scaled down to this norm if its own is larger; 0: never. Collective over the parts.
  void update(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip = 0);
  /// The same for parameters [first, end) only, without clipping.
  void update(const OptimizerSpec& optimizer, double rate, std::int64_t step, std::size_t first, std::size_t end);

  /// That step as an operation of the backend.
  device::Update step_of(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip);

  /// Parameters, moments and statistics of the whole network, as load() takes them into one of the same shape,
  /// however it is divided. Collective over the parts.
  void save(ByteWriter& writer) const;
  /// @throws InvalidInput  they are of another shape
  void load(ByteReader& reader);

  device::Buffer<float>& gradients() { return gradients_; }
  const device::Buffer<float>& parameters() const { return parameters_; }
  std::size_t weights() const { return weights_; }
  std::size_t outputs() const { return size_of(layers_.output()); }
  /// Floating-point operations of one sample in the forward pass.
  double operations() const { return layers_.operations(); }
  /// Time that layers have spent in sums over ranks so far [s].
  double wait_seconds() const { return layers_.wait_seconds(); }

 private:
  void take_squared_norm();
  template <class Visit>
  void match(Visit visit) const;
  std::size_t whole_size() const;
  device::Update update_of(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip);
  device::Update placed(device::Update update, std::size_t first, std::size_t end);
  std::vector<float> whole(const device::Buffer<float>& part) const;
  void take_part(const std::vector<float>& whole, device::Buffer<float>& part);
  device::MatrixView<const float> pass(device::MatrixView<const float> x, const Pass& pass);

  device::Backend& backend_;
  Team team_;
  LayerChain layers_;
  std::size_t weights_ = 0;
  device::Buffer<float> arena_;
  device::Buffer<float> parameters_, gradients_, first_moment_, second_moment_;  ///< parts of the arena
  device::Buffer<float> statistics_;
  device::Buffer<float> squared_norm_;  ///< of the gradient, where it is clipped
  device::Buffer<float> output_slope_;  ///< dL/dy of the last layer
  device::MatrixView<const float> x_;   ///< of the last forward pass
  std::size_t most_samples_;
};

}  // namespace regatta::train
