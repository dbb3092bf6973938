#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "regatta/comm/communicator.hpp"
#include "regatta/core/random.hpp"
#include "regatta/device/backend.hpp"
#include "regatta/train/network_spec.hpp"

namespace regatta::train {

/// What a layer may know of the batch that passes through it.
struct Pass {
  bool training = false;
  std::uint64_t key = 0;               ///< of this optimizer step and this layer: for dropout
  std::size_t first_sample = 0;        ///< place of the first row in the batch of the whole team
  std::size_t batch = 0;               ///< samples of the batch of the whole team
  comm::Communicator* team = nullptr;  ///< null: this rank is alone
  const std::int32_t* lengths = nullptr;  ///< on the backend, of each sequence of this batch; null: none is padded
  bool bundled = false;  ///< samples are in bundles, those of the outputs, too, and of the way back; for layers that can
};

/// Numbers of parameters of a layer.
struct ParameterCounts {
  std::size_t weights = 0;     ///< weight decay and L1 penalty act on these
  std::size_t biases = 0;      ///< trained without penalty
  std::size_t statistics = 0;  ///< kept and saved, but not trained: running means
};

inline ParameterCounts& operator+=(ParameterCounts& sum, const ParameterCounts& counts) {
  sum.weights += counts.weights;
  sum.biases += counts.biases;
  sum.statistics += counts.statistics;
  return sum;
}

/// The places of a layer in the arenas of its network, on the backend.
struct Places {
  float* weights = nullptr;
  float* weight_gradients = nullptr;
  float* biases = nullptr;
  float* bias_gradients = nullptr;
  float* statistics = nullptr;
};

class TeamSums;

/// The ranks that train one network together, as a grid. Null: this rank alone.
struct Team {
  comm::Communicator* replicas = nullptr;  ///< they hold the same parts of the model; each takes a share of every batch
  comm::Communicator* parts = nullptr;     ///< they hold the parts of one model and take the same samples
  comm::Communicator* stages = nullptr;    ///< they hold consecutive layers of one model instead, of the same samples
  TeamSums* sums = nullptr;  ///< the paths of this rank's teams, where gradients lie on GPUs; null: the training finds its own

  bool alone() const { return !replicas && !parts && !stages; }
};

/// Part [first, end) of some things.
struct Share {
  std::size_t first = 0, end = 0;
};
/// What this rank of a group has of `count` things: rank r of g those from n r / g to n (r + 1) / g, so that shares differ
/// by one at most.
/// @param group  null: this rank is alone
Share share_of(std::size_t count, const comm::Communicator* group);
/// What rank `rank` of `ranks` has.
Share share_of(std::size_t count, std::size_t rank, std::size_t ranks);

enum class Bundles { Never, Can, Gains };

/// One layer of a network. It owns what it needs between forward and backward pass, but neither its
/// parameters nor the slopes that pass through it.
///
/// A batch has at least one sample. Where this rank has none of the team's batch, the two ..._nothing() are
/// called, in the same order, so that a layer may sum over the team in both directions.
class Layer {
 public:
  virtual ~Layer() = default;

  virtual ParameterCounts counts() const = 0;
  virtual Shape output() const = 0;  ///< of one sample
  /// Floating-point operations of one sample in the forward pass.
  virtual double operations() const = 0;
  /// Numbers of one sample that a forward pass keeps.
  virtual std::size_t activations() const { return size_of(output()); }
  /// First values on the host; all are 0 before.
  virtual void draw(Random& random, std::span<float> weights, std::span<float> biases,
                    std::span<float> statistics) const = 0;
  /// Takes its places and the memory for `most_samples`; once, before the first pass.
  /// @throws device::OutOfDeviceMemory
  virtual void place(device::Backend& backend, const Places& places, std::size_t most_samples) = 0;

  /// Whether it can take bundles of samples (device/sample_bundles.hpp) in place of rows, and is faster then.
  virtual Bundles bundles() const { return Bundles::Never; }

  /// Outputs (samples x numbers) for `x`, which stays as it is until backward(). Valid until the next forward
  /// pass.
  virtual device::MatrixView<const float> forward(device::MatrixView<const float> x, const Pass& pass) = 0;
  /// Of the last forward pass: overwrites the gradients of the parameters.
  /// @param y  in: dL/dy, samples x outputs; may be overwritten
  /// @param x  out: dL/dx, samples x inputs; data null: not needed
  virtual void backward(device::MatrixView<float> y, device::MatrixView<float> x) = 0;

  /// Where ranks have divided a layer: what all parts have together, and the places of this part's numbers in the layer.
  virtual ParameterCounts whole_counts() const { return counts(); }
  virtual std::size_t weight_in_whole(std::size_t weight) const { return weight; }
  virtual std::size_t bias_in_whole(std::size_t bias) const { return bias; }

  /// Time spent in sums over ranks so far [s].
  virtual double wait_seconds() const { return 0; }

  virtual void forward_nothing(const Pass&) {}
  virtual void backward_nothing() {}  ///< the network sets the gradients to 0
};

/// A layer that knows of each sample only what belongs to it, so that a batch may pass in groups: one that is small enough
/// stays in the cache until the next layers have had it.
class SampleLayer : public Layer {
 public:
  /// Takes what it needs where batches may pass in several groups; once, after place().
  /// @throws device::OutOfDeviceMemory
  virtual void place_groups() {}
  /// Outputs of the samples from `first` on, which follow those of the group before; `x` has only theirs.
  /// @param bundled  samples are in bundles, those of the outputs, too, and of the way back
  virtual device::MatrixView<const float> forward_group(device::MatrixView<const float> x, std::size_t first,
                                                        bool bundled) = 0;
  /// As backward() of the samples from `first` on. Groups may go back in any order.
  /// @param adds  to the gradients of the parameters that are there
  virtual void backward_group(device::MatrixView<float> y, device::MatrixView<float> x, std::size_t first,
                              bool adds) = 0;

  device::MatrixView<const float> forward(device::MatrixView<const float> x, const Pass& pass) final {
    return forward_group(x, 0, pass.bundled);
  }
  void backward(device::MatrixView<float> y, device::MatrixView<float> x) final {
    backward_group(y, x, 0, false);
  }
};

/// The layer that `spec` describes, for samples of shape `input`.
/// @throws InvalidInput  it cannot be: no units, dropout outside [0, 1), samples of another kind
std::unique_ptr<Layer> make_layer(const LayerSpec& spec, const Shape& input);

}  // namespace regatta::train
