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
#include "regatta/train/pipeline.hpp"
#include "regatta/train/saved_weights.hpp"

namespace regatta::train {

/// First values of all parameters: weights layer by layer, then biases layer by layer. The same seed gives
/// the same numbers everywhere.
std::vector<float> initial_parameters(const NetworkSpec& spec, std::uint64_t seed);

/// Number of weights and of weights and biases.
std::size_t weight_count(const NetworkSpec& spec);
/// @param team  of what this rank has where parts or stages divide the network
std::size_t parameter_count(const NetworkSpec& spec, const Team& team = {});

/// Of each layer of the network that has parameters; a residual block is one layer.
std::vector<ParameterCounts> layer_counts(const NetworkSpec& spec);
/// Number (from 0) of the first layer behind so many that have parameters and those without between them.
/// @throws InvalidInput  there is none
std::size_t layer_behind(const NetworkSpec& spec, std::size_t layers_with_parameters);

/// Numbers of a sample that all layers together keep of a forward pass.
std::size_t activation_count(const NetworkSpec& spec);

/// Where parameters, gradients and both moments ([all weights | all biases] each) begin in one block of numbers.
struct ArenaLayout {
  /// @param slices  of equal size can each of the four be cut into, with the zeros behind it
  explicit ArenaLayout(std::size_t parameters, std::size_t slices = 1);

  std::size_t gradients, first_moment, second_moment;  ///< parameters begin at 0
  std::size_t size;
  std::size_t slice;
};

/// The pieces of a batch that pass a network one after another; their gradients are added up.
struct MicroBatches {
  std::size_t most = 1;    ///< of a batch
  bool recompute = false;  ///< activations are kept of one only, and computed again for the way back of others
};

/// A chain of layers with everything that one training step needs, allocated once: parameters, gradients and
/// moments in one arena, and the activations of a batch.
class Network {
 public:
  /// @param most_samples  of one forward pass
  /// @param team          replicas: layers may sum over them in training; parts: pairs of dense layers and recurrent layers
  ///                      are divided among them, all other layers are the same on each; stages: each has some of the layers
  /// @param arena         zeros for the network's numbers, as long as an ArenaLayout with a slice for each replica; empty: it
  ///                      takes its own
  /// @throws InvalidInput              layers that do not fit each other
  /// @throws device::OutOfDeviceMemory
  Network(device::Backend& backend, const NetworkSpec& spec, std::size_t most_samples, std::uint64_t seed,
          const Team& team = {}, std::span<float> arena = {}, const MicroBatches& micro = {});

  /// The first `layers` layers with parameters begin with those of `weights`, where they have the same counts.
  void take(const SavedWeights& weights, std::size_t layers);
  /// The first `layers` layers of the whole network, with or without parameters, keep their parameters and statistics:
  /// they compute as in a trained network. Before the first pass.
  void freeze(std::size_t layers);

  /// Outputs (samples x outputs) of this rank's layers for `x`, as a trained network is used. Valid until the
  /// next call of forward.
  /// @param lengths  of the samples, on the backend; null: no sequence is padded
  device::MatrixView<const float> forward(device::MatrixView<const float> x,
                                          const std::int32_t* lengths = nullptr);
  /// As it is trained (with dropout), and kept for backward(), which reads `x` again.
  /// @param key           of this optimizer step
  /// @param first_sample  place of the first row in the batch of the team
  /// @param batch         samples of that batch
  /// @param micro         number of the micro-batch; a batch begins with 0
  device::MatrixView<const float> forward(device::MatrixView<const float> x, std::uint64_t key,
                                          std::size_t first_sample, std::size_t batch,
                                          const std::int32_t* lengths = nullptr, std::size_t micro = 0);
  /// Outputs of a micro-batch of this batch once more, for its way back; computed again where they were not
  /// kept.
  device::MatrixView<const float> recall(std::size_t micro);

  /// Where the loss, or the stage after this one, writes its gradient by the outputs of the micro-batch that
  /// was computed or recalled last.
  device::MatrixView<float> output_gradient();
  /// Fills gradients(), last layer first; when a layer is done, `ready(first)` tells that the gradients of
  /// all weights from number `first` on are final (biases only after the last call, with first = 0).
  /// Micro-batches go back the last one first; gradients are final after number 0.
  /// @return dL/dx where a stage before this one needs it
  device::MatrixView<const float> backward(const std::function<void(std::size_t first)>& ready);

  /// In place of both passes where this rank has no sample of the batch: gradients of 0, told in the same
  /// order.
  void learn_nothing(std::uint64_t key, std::size_t batch,
                     const std::function<void(std::size_t first)>& ready);

  /// One optimizer step with learning rate `rate`; weight decay and L1 penalty act on weights, not on biases.
  /// @param clip  the gradient is scaled down to this norm if its own is larger; 0: never. Collective over
  ///              parts or stages.
  void update(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip = 0);
  /// The same for some parameters only; where it clips, after take_squared_norm().
  void update(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip, Share part);
  /// Of the gradient of the whole network, of which this rank has some final numbers. Collective over parts or stages.
  /// @param add_others  adds what those find that have the other numbers, to a number on the backend; empty: none do
  void take_squared_norm(std::span<const Share> own, const std::function<void(float* squares)>& add_others);

  /// That step as an operation of the backend.
  device::Update step_of(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip);

  /// Parameters, moments and statistics of the whole network, as load() takes them into one of the same
  /// shape, however it is divided. Collective over parts or stages.
  void save(ByteWriter& writer) const;
  /// @throws InvalidInput  they are of another shape
  void load(ByteReader& reader);

  /// Of the whole network, as SavedWeights has them. Collective over parts or stages.
  std::vector<float> whole_parameters() const { return whole(parameters_); }
  std::vector<float> whole_statistics() const;

  device::Buffer<float>& arena() { return arena_; }  ///< an ArenaLayout with a slice for each replica
  device::Buffer<float>& gradients() { return gradients_; }
  const device::Buffer<float>& parameters() const { return parameters_; }
  std::size_t weights() const { return weights_; }
  std::vector<std::size_t> layer_starts() const;                ///< the first weight of each layer
  std::size_t inputs() const { return size_of(stage_.input); }  ///< of this rank's layers
  std::size_t outputs() const { return stage_.outputs; }        ///< of the whole network
  /// Floating-point operations of one sample in the forward pass of this rank's layers.
  double operations() const { return layers().operations(); }
  /// Time that layers have spent in sums over ranks so far [s].
  double wait_seconds() const { return layers().wait_seconds(); }

 private:
  /// What a forward pass was given and gave.
  struct Passed {
    device::MatrixView<const float> x, y;
    Pass pass;
  };

  const LayerChain& layers() const { return chains_.front(); }
  LayerChain& chain(std::size_t micro) { return chains_[micro % chains_.size()]; }
  comm::Communicator* divided() const { return team_.stages ? team_.stages : team_.parts; }
  void place_chains(const MicroBatches& micro);
  void add_gradients();
  void add_squares(std::size_t first, std::size_t end, std::span<const Share> own);
  template <class Visit>
  void match(Visit visit) const;
  std::size_t whole_size() const;
  device::Update update_of(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip);
  void update_trained(const device::Update& update, std::size_t first, std::size_t end);
  device::Update placed(device::Update update, std::size_t first, std::size_t end);
  std::vector<float> whole(const device::Buffer<float>& part) const;
  void take_part(const std::vector<float>& whole, device::Buffer<float>& part);
  device::MatrixView<const float> pass(device::MatrixView<const float> x, const Pass& pass,
                                       std::size_t micro);

  device::Backend& backend_;
  Team team_;
  Stage stage_;
  std::vector<LayerChain> chains_;  ///< the same layers, for the activations of as many micro-batches
  std::vector<Passed> passed_;      ///< by micro-batch of this batch
  std::size_t current_ = 0;         ///< micro-batch that was computed or recalled last
  std::size_t pieces_ = 1;          ///< micro-batches of this batch
  std::size_t weights_ = 0;
  ParameterCounts frozen_;  ///< the first ones of this rank
  device::Buffer<float> arena_;
  device::Buffer<float> parameters_, gradients_, first_moment_, second_moment_;  ///< parts of the arena
  device::Buffer<float> micro_gradients_;  ///< where layers write them; empty: into gradients_
  device::Buffer<float> statistics_;
  device::Buffer<float> squared_norm_;  ///< of the gradient, where it is clipped
  device::Buffer<float> output_slope_;  ///< dL/dy of the last layer
  device::Buffer<float> input_slope_;   ///< dL/dx of the first layer, where a stage is before it
  std::size_t most_samples_;
};

}  // namespace regatta::train
