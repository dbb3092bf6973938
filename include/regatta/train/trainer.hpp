#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "regatta/comm/communicator.hpp"
#include "regatta/device/backend.hpp"
#include "regatta/train/device_data.hpp"
#include "regatta/train/gradient_reducer.hpp"
#include "regatta/train/network.hpp"
#include "regatta/train/optimizer.hpp"
#include "regatta/train/pipeline.hpp"
#include "regatta/train/shared_update.hpp"
#include "regatta/train/sliced_update.hpp"
#include "regatta/train/team_sums.hpp"

namespace regatta::train {

/// Everything that determines one training, besides the data.
struct TrainingSpec {
  NetworkSpec network;
  device::LossKind loss = device::LossKind::CrossEntropy;
  bool balanced = false;  ///< weigh each class by rows / (classes * rows of the class)
  double label_smoothing = 0;  ///< share of a label that is spread over all classes, of a classification
  double gradient_clip = 0;    ///< most norm of the gradient of a step, of the whole team; 0: not limited
  std::size_t random_crop = 0;  ///< of images: pixels of the frame that a random part is cut out of
  bool random_flip = false;     ///< of images: every other one is mirrored left to right
  OptimizerSpec optimizer;
  LearningRate learning_rate;
  TeamRate team_rate = TeamRate::Same;  ///< of the ranks that share a batch
  device::Precision precision = device::Precision::Fp32;  ///< of products, where the backend has a choice
  std::size_t batch = 64;         ///< of the whole team; more than the rows counts as all rows
  SumPath sum_path = SumPath::Auto;  ///< of gradients that a team has on GPUs
  bool share_updates = true;      ///< by the ranks of each node, in its memory; false: all gradients are summed by messages
  std::size_t bucket = 128 * 1024;  ///< numbers of a message of a team's sum, at least
  std::size_t sliced_from = std::size_t{1} << 22;  ///< parameters: with NCCL each device of a team updates a slice of them
  std::size_t micro_batches = 0;  ///< of a pipeline, as MicroBatches::most; 0: two a stage. 1 with statistics
  bool recompute = false;         ///< as MicroBatches has it
  const SavedWeights* initial = nullptr;  ///< what the network starts from; null: weights are drawn. Outlives the training
  std::size_t initial_layers = 0;  ///< so many of its first layers with parameters take those; 0: all
  std::size_t frozen = 0;          ///< so many of its first layers with parameters keep them
  double divergence_factor = 10;  ///< a mean loss above this times that of the first epoch has diverged
  std::uint64_t seed = 0;
};

/// What one epoch has come to. Diverged: the mean loss is not finite or has passed its limit.
struct EpochLoss {
  std::int32_t epoch = 0;  ///< from 1
  double mean = 0;  ///< over the samples (labelled steps in sequence labelling) as trained on: with dropout and class weights, without penalties
  bool diverged = false;
};

class LanePack;
class LaneSteps;

/// Where a small network trains together with others.
struct LanePlace {
  LanePack* pack = nullptr;          ///< null: nowhere
  std::vector<const Part*> judged;   ///< that outputs() will be asked for after each epoch, at most 3
};

/// Trains one network, alone or as one rank of a team: each replica of the network takes a share of every
/// batch. Where the network is divided into stages the share passes them in micro-batches (Huang et al. 2019,
/// GPipe).
///
/// Each epoch takes the rows in an order drawn from (seed, epoch), in batches, the last one as short as it
/// comes; epoch_order() says which orders there are where samples are read window by window. In a team each
/// rank computes a contiguous share of every batch, and the gradients are summed: in the same order the result is
/// that of one rank but for rounding. The same seed, data and team give the same bits.
class Trainer {
 public:
  /// Collective over the team from the first advance() on, but not here. All arguments outlive this object.
  /// @throws device::OutOfDeviceMemory
  Trainer(device::Backend& backend, const Part& part, std::size_t classes, const TrainingSpec& spec,
          const Team& team = {}, const LanePlace& lane = {});
  ~Trainer();

  /// Some optimizer steps (about 0.5 GFLOP), or none while samples are being read; what the epoch has come to
  /// when it is over. A rank alone ends an epoch as soon as its loss is no finite number.
  /// @throws InvalidInput  samples cannot be read, or are not as load_dataset() wants them
  std::optional<EpochLoss> advance();

  /// Outputs for the rows of `part`, rows x outputs, without dropout. Collective over the team: each rank
  /// computes a share and all have all of them.
  std::vector<float> outputs(const Part& part);

  /// All that load() needs to go on bit by bit; called between two epochs. Collective over the parts or
  /// stages of a network.
  void save(ByteWriter& writer) const;
  /// @throws InvalidInput  of a network of another shape
  void load(ByteReader& reader);

  /// How many such networks the device trains at once, each in a lane; 0: this one has none.
  std::size_t lane_capacity() const;
  std::int32_t epochs() const { return epoch_; }  ///< completed
  std::int64_t steps() const { return steps_; }   ///< of the optimizer, completed
  /// Whether this rank adds up gradients with others; from the first step on, whether in the memory of their nodes, and
  /// then whether also between nodes.
  bool sums() const { return team_.replicas != nullptr; }
  bool sums_in_memory() const { return shared_.in_memory(); }
  bool sums_between_nodes() const { return shared_.between_nodes(); }
  /// Where gradients lie on a GPU, from the first step on; before and elsewhere Auto.
  SumPath sum_path() const { return path_found_ ? reducer_.path() : SumPath::Auto; }
  const Network& network() const { return network_; }
  double wait_seconds() const {
    return reducer_.wait_seconds() + shared_.wait_seconds() + network_.wait_seconds() +
           pipeline_.wait_seconds() + wait_seconds_;
  }

 private:
  /// Rows [first, first + rows) of the order, and those of them that this rank takes.
  struct Batch {
    std::size_t first = 0, rows = 0;
    Share own;
  };

  std::optional<EpochLoss> advance_in_lane();
  void begin_epoch();
  std::uint64_t order_seed(std::int32_t epoch) const;
  std::vector<std::int32_t> order_of(std::int32_t epoch) const;
  void announce(std::span<const std::int32_t> order);
  bool window_ready();
  EpochLoss end_epoch(float loss_sum);
  void find_path();
  void step();
  void train_batch();
  void learn(const Batch& batch);
  void forward(const Batch& batch, std::size_t micro, Share rows);
  void backward(std::size_t micro, Share rows, float scale);
  void take_loss(device::MatrixView<const float> outputs, Share rows, float scale);
  void gradients_ready(std::size_t first_weight);
  bool sends_gradients() const;
  void move_sums();
  void gather_inputs(Share rows, std::size_t place, device::MatrixView<float> x);
  device::MatrixView<const float> chunk_of(const Part& part, std::size_t first, std::size_t count,
                                           SampleStream* stream);
  std::unique_ptr<SampleStream> stream_of(const Part& part, Share share);
  std::uint64_t step_key() const;
  const std::int32_t* lengths_of(const Part& part, const std::int32_t* rows, std::size_t count,
                                 std::size_t place = 0);
  std::size_t targets_of(std::span<const std::int32_t> rows) const;
  void sum(std::span<float> values);
  void sum(comm::Communicator* group, std::span<float> values);

  device::Backend& backend_;
  TeamSums own_sums_{backend_};  ///< where the team has none; outlives what is repeated
  const Part& part_;
  TrainingSpec spec_;
  Team team_;  ///< groups of one rank are null
  std::size_t batch_;
  std::size_t own_rows_;  ///< of a batch at most
  MicroBatches micro_;
  std::size_t chunk_;  ///< rows of one forward pass at most
  SharedUpdate shared_;
  Network network_;
  Pipeline pipeline_;
  GradientReducer reducer_;  ///< where updates are not shared
  std::optional<SlicedUpdate> sliced_;  ///< among devices
  bool path_found_ = false;
  std::optional<device::Augmentation> augmentation_;
  float lane_loss_ = 0;      ///< of this epoch so far, in a lane
  bool lane_judged_ = false;  ///< the lane has the outputs of the network as it is
  std::size_t window_batches_;  ///< of the epoch, whose samples are read together; 0: all samples are in memory
  std::unique_ptr<SampleStream> stream_;
  device::MatrixView<const float> window_;  ///< samples of this rank, in their order
  std::size_t window_place_ = 0;            ///< of the next batch in it
  device::Buffer<std::int32_t> counting_;   ///< 0, 1, 2, ...: places in a window
  std::vector<std::int32_t> order_;  ///< of this epoch
  std::vector<std::int32_t> next_order_;  ///< of the next one, whose windows have been announced; or empty
  device::Buffer<std::int32_t> rows_, labels_, lengths_;
  device::Buffer<float> x_;  ///< inputs of this rank's layers
  device::Buffer<float> values_, loss_sum_, class_weights_;
  std::unique_ptr<device::Repetition> whole_batch_, last_batch_;
  bool begun_ = false;    ///< this epoch
  std::size_t next_ = 0;  ///< place in the order
  std::int64_t steps_ = 0;
  std::int32_t epoch_ = 0;
  double first_loss_ = 0;
  double wait_seconds_ = 0;
  std::unique_ptr<LaneSteps> lane_;  ///< null: one operation after another
};

/// Numbers that a Trainer of a rank alone and its lane take on the backend at most, where samples are in
/// memory.
/// @param rows  that it trains on or is judged by
std::size_t training_numbers(const TrainingSpec& spec, std::size_t rows);

/// rows / (classes that occur * rows of the class); 1 for a class without rows. Steps without a label do not count.
std::vector<float> balanced_class_weights(std::span<const std::int32_t> labels, std::size_t classes);

}  // namespace regatta::train
