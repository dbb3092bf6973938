#include "regatta/train/trainer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "image_shape.hpp"
#include "lane_steps.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"

namespace regatta::train {
namespace {

/// Streams of random numbers of one trial: never renumber, or the same seed trains another network.
enum Stream : std::uint64_t { initial_weights = 1, dropout = 2, order = 3, changes = 4 };

std::size_t batch_of(const TrainingSpec& spec, const Part& part) {
  const std::size_t batch = std::min(spec.batch, part.size());
  require(batch > 0, "training needs rows and a batch of at least 1, got ", part.size(), " and ", spec.batch);
  return batch;
}

std::size_t ranks_of(const comm::Communicator* group) {
  return group ? static_cast<std::size_t>(group->size()) : 1;
}

std::size_t divide_up(std::size_t count, std::size_t by) { return (count + by - 1) / by; }

/// How `rows` of a batch pass the network. Statistics are those of a batch as a whole, so it stays whole
/// where layers take any.
MicroBatches micro_batches_of(const TrainingSpec& spec, const Team& team, std::size_t rows) {
  if (!team.stages || stage_of(spec.network, nullptr).whole.statistics > 0) return {};
  return {std::min(spec.micro_batches > 0 ? spec.micro_batches : 2 * ranks_of(team.stages), rows),
          spec.recompute};
}

/// Rows of one forward pass without training, where a batch is not larger: many, but not more than 64 MB.
std::size_t rows_per_chunk(const NetworkSpec& spec) {
  constexpr std::size_t most = 512, numbers = std::size_t{1} << 24;
  return std::clamp(numbers / activation_count(spec), std::size_t{1}, most);
}

/// What one advance() does at most: about a hundredth of a second, so that messages are read in time. It ends by waiting for the
/// device, which should be seldom for one that works while it is given more.
struct Slice {
  double operations;  ///< floating-point
  std::size_t steps;
};
constexpr Slice host_slice{5e8, std::numeric_limits<std::size_t>::max()}, device_slice{2e10, 200};

/// Null for a group of one rank.
comm::Communicator* group_of(comm::Communicator* group) {
  return group && group->size() > 1 ? group : nullptr;
}

/// Lets the backend do something in the middle of its operations for as long as it lives.
class Interlude {
 public:
  Interlude(device::Backend& backend, std::function<void()> work) : backend_(backend) {
    backend_.set_interlude(std::move(work));
  }
  Interlude(const Interlude&) = delete;
  Interlude& operator=(const Interlude&) = delete;
  ~Interlude() { backend_.set_interlude({}); }

 private:
  device::Backend& backend_;
};

/// Batches whose samples are read together; 0: they all are in memory.
std::size_t window_batches_of(const Part& part, std::size_t batch, const Team& team) {
  if (!part.split().source) return 0;
  const std::size_t batches = batches_per_window(part.split().windows, part.size(), batch, ranks_of(team.replicas));
  return batches > 0 ? batches : divide_up(part.size(), batch);
}

std::vector<std::int32_t> counting_to(std::size_t count) {
  std::vector<std::int32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

std::vector<float> weights_for(const Part& part, std::size_t classes, bool balanced) {
  if (!balanced || part.labels().empty()) return {};
  return balanced_class_weights(part.labels(), classes);
}

std::optional<device::Augmentation> augmentation_of(const TrainingSpec& spec) {
  if (spec.random_crop == 0 && !spec.random_flip) return std::nullopt;
  return device::Augmentation{image_of(spec.network.input, "random_crop and random_flip"), spec.random_crop,
                              spec.random_flip, 0};
}

}  // namespace

std::vector<float> balanced_class_weights(std::span<const std::int32_t> labels, std::size_t classes) {
  std::vector<std::size_t> counts(classes, 0);
  double labelled = 0;
  for (const std::int32_t label : labels) {
    if (label == no_label) continue;
    ++counts[static_cast<std::size_t>(label)];
    ++labelled;
  }
  const auto present =
      static_cast<double>(classes) - static_cast<double>(std::ranges::count(counts, std::size_t{0}));
  std::vector<float> weights(classes, 1.0f);
  for (std::size_t c = 0; c < classes; ++c)
    if (counts[c] > 0)
      weights[c] = static_cast<float>(labelled / (present * static_cast<double>(counts[c])));
  return weights;
}

std::size_t training_numbers(const TrainingSpec& spec, std::size_t rows) {
  const Stage whole = stage_of(spec.network, nullptr);
  const std::size_t chunk = std::max(std::min(spec.batch, rows), rows_per_chunk(spec.network));
  const std::size_t kept = activation_count(spec.network), slopes = 2 * kept;
  return ArenaLayout(parameter_count(spec.network)).size + whole.whole.statistics +
         chunk * (size_of(spec.network.input) + kept + slopes + 2 * whole.outputs) +
         rows * (2 + whole.outputs);
}

Trainer::Trainer(device::Backend& backend, const Part& part, std::size_t classes, const TrainingSpec& spec,
                 const Team& team, const LanePlace& lane)
    : backend_(backend),
      part_(part),
      spec_(spec),
      team_{group_of(team.replicas), group_of(team.parts), group_of(team.stages), team.sums ? team.sums : &own_sums_},
      batch_(batch_of(spec, part)),
      own_rows_(divide_up(batch_, ranks_of(team_.replicas))),
      micro_(micro_batches_of(spec, team_, own_rows_)),
      chunk_(micro_.most > 1 ? divide_up(own_rows_, micro_.most)
                             : std::max(own_rows_, rows_per_chunk(spec.network))),
      shared_(backend, spec.share_updates ? team_.replicas : nullptr,
              team_.replicas ? parameter_count(spec.network, team_) : 0, spec.bucket),
      network_(backend, spec.network, chunk_, derive_seed(spec.seed, initial_weights), team_, shared_.arena(),
               micro_),
      pipeline_(backend, team_.stages),
      reducer_(backend, team_.replicas, network_.weights(), network_.parameters().size(), spec.bucket),
      augmentation_(augmentation_of(spec)),
      window_batches_(pipeline_.first() ? window_batches_of(part, batch_, team_) : 0),
      counting_(backend, counting_to(window_batches_ * own_rows_)),
      order_(part.rows().begin(), part.rows().end()),
      rows_(backend, std::max(order_.size(), chunk_)),
      labels_(backend, std::min(chunk_, own_rows_) * part.split().labels.columns),
      lengths_(backend, std::max(chunk_, own_rows_)),
      x_(backend, std::max(chunk_, own_rows_) * network_.inputs()),
      values_(backend, std::min(chunk_, own_rows_) * part.split().values.columns),
      loss_sum_(backend, 1),
      class_weights_(backend, weights_for(part, classes, spec.balanced)) {
  require(size_of(spec.network.input) == part.split().x.columns, "the network takes samples of ",
          size_of(spec.network.input), " numbers, the data has ", part.split().x.columns);
  if (spec.initial)
    network_.take(*spec.initial, spec.initial_layers > 0 ? spec.initial_layers : spec.initial->layers.size());
  network_.freeze(layer_behind(spec.network, spec.frozen));
  if (team_.alone())
    lane_ = LaneSteps::make(backend, lane, spec_, part, network_, class_weights_.data(), derive_seed(spec.seed, dropout));
}

Trainer::~Trainer() = default;

std::size_t Trainer::lane_capacity() const { return lane_ ? lane_->capacity() : 0; }

std::optional<EpochLoss> Trainer::advance() {
  if (lane_) return advance_in_lane();
  backend_.set_precision(spec_.precision);
  find_path();
  const double step_work = 3.0 * network_.operations() * static_cast<double>(batch_);
  if (!begun_) begin_epoch();
  const Slice& slice = backend_.host_memory() ? host_slice : device_slice;
  double work = 0;
  for (std::size_t steps = 0; steps < slice.steps && work < slice.operations && next_ < order_.size(); ++steps, work += step_work) {
    if (!window_ready()) return std::nullopt;
    step();
  }
  if (next_ == order_.size()) return end_epoch(loss_sum_.download()[0]);
  // A team learns of a loss that is no number at the end of the epoch, because all of it must end in the same
  // step.
  const double sum = team_.alone() ? static_cast<double>(loss_sum_.download()[0]) : 0;
  if (std::isfinite(sum)) return std::nullopt;
  return EpochLoss{epoch_ + 1, sum, true};
}

/// Lets a team on GPUs find out how to sum its gradients, before its first step.
void Trainer::find_path() {
  if (path_found_ || !team_.replicas || backend_.host_memory()) return;
  device::Buffer<float>& gradients = network_.gradients();
  const TeamSums::Way& way = team_.sums->way_of(*team_.replicas, spec_.sum_path, {gradients.data(), gradients.size()});
  reducer_.take(way);
  if (way.devices && gradients.size() >= spec_.sliced_from)
    sliced_.emplace(*way.devices, static_cast<std::size_t>(team_.replicas->rank().value), ranks_of(team_.replicas), network_);
  path_found_ = true;
}

/// Asks for steps, or learns what has come of those that it has asked for.
std::optional<EpochLoss> Trainer::advance_in_lane() {
  if (!lane_->idle()) {
    const auto steps = lane_->collect();
    if (!steps) return std::nullopt;
    steps_ += static_cast<std::int64_t>(*steps);
    next_ = std::min(next_ + *steps * batch_, order_.size());
    lane_loss_ += lane_->loss_sum();
    lane_judged_ = next_ == order_.size();
    if (lane_judged_) return end_epoch(lane_loss_);
    if (!std::isfinite(lane_loss_)) return EpochLoss{epoch_ + 1, static_cast<double>(lane_loss_), true};
  }
  if (next_ == 0) begin_epoch();
  lane_judged_ = false;
  lane_->submit(rows_.data(), next_, order_.size(), steps_);
  return std::nullopt;
}

void Trainer::begin_epoch() {
  begun_ = true;
  lane_loss_ = 0;
  if (lane_ && lane_->shuffle(order_seed(epoch_))) return;
  if (next_order_.empty()) {
    order_ = order_of(epoch_);
    stream_.reset();
    if (window_batches_ > 0) announce(order_);
  } else {
    order_ = std::exchange(next_order_, {});
  }
  if (augmentation_)
    augmentation_->key = derive_seed(derive_seed(spec_.seed, changes), static_cast<std::uint64_t>(epoch_));
  backend_.upload(order_, rows_.data());
  backend_.zero(loss_sum_.data(), 1);
}

std::uint64_t Trainer::order_seed(std::int32_t epoch) const {
  return derive_seed(derive_seed(spec_.seed, order), static_cast<std::uint64_t>(epoch));
}

std::vector<std::int32_t> Trainer::order_of(std::int32_t epoch) const {
  return epoch_order(part_.rows(), order_seed(epoch), part_.split().windows, batch_, ranks_of(team_.replicas));
}

/// Lets the samples of an epoch that this rank takes be read, after those announced before.
void Trainer::announce(std::span<const std::int32_t> order) {
  if (!stream_)
    stream_ = std::make_unique<SampleStream>(backend_, *part_.split().source, window_batches_ * own_rows_);
  const std::size_t window = window_batches_ * batch_;
  for (std::size_t first = 0; first < order.size(); first += window) {
    SampleStream::Rows rows;
    for (std::size_t start = first; start < std::min(first + window, order.size()); start += batch_) {
      const Share own = share_of(std::min(batch_, order.size() - start), team_.replicas);
      rows.insert(rows.end(), order.begin() + static_cast<std::ptrdiff_t>(start + own.first),
                  order.begin() + static_cast<std::ptrdiff_t>(start + own.end));
    }
    stream_->announce(std::move(rows));
  }
}

/// Whether the samples of the next batch have been read; waits a little for them. With the last window of an
/// epoch the next epoch is announced, so that its samples are read while this one ends and is judged.
bool Trainer::window_ready() {
  const std::size_t window = window_batches_ * batch_;
  if (window == 0 || next_ % window > 0) return true;
  if (!stream_->ready()) return false;
  window_ = stream_->next();
  window_place_ = 0;
  if (next_ + window >= order_.size() && epoch_ + 1 < spec_.learning_rate.epochs) {
    next_order_ = order_of(epoch_ + 1);
    announce(next_order_);
  }
  return true;
}

EpochLoss Trainer::end_epoch(float loss_sum) {
  next_ = 0;
  begun_ = false;
  std::array<float, 1> total{loss_sum};
  sum(total);
  shared_.complete();
  if (sliced_) sliced_->complete();
  EpochLoss result{++epoch_, static_cast<double>(total[0]) / static_cast<double>(targets_of(order_)), false};
  if (epoch_ == 1) first_loss_ = result.mean;
  const double limit = spec_.divergence_factor * std::max(first_loss_, 1e-6);
  result.diverged = !std::isfinite(result.mean) || result.mean > limit;
  return result;
}

/// Where the numbers of a team pass the host in the middle of a step, devices cannot start it as a whole.
void Trainer::step() {
  const bool on_device = reducer_.path() == SumPath::Nccl && !team_.parts && !team_.stages;
  if (!team_.alone() && !on_device) return train_batch();
  const bool whole = order_.size() - next_ >= batch_;
  backend_.repeat(whole ? whole_batch_ : last_batch_, [this] { train_batch(); });
}

void Trainer::train_batch() {
  const std::size_t first = next_, end = std::min(first + batch_, order_.size());
  std::optional<Interlude> interlude;
  if (sends_gradients()) interlude.emplace(backend_, [this] { move_sums(); });
  const Share own = share_of(end - first, team_.replicas);
  if (own.end > own.first)
    learn({first, end - first, {first + own.first, first + own.end}});
  else
    network_.learn_nothing(step_key(), end - first, [this](std::size_t weight) { gradients_ready(weight); });
  const auto per_epoch = static_cast<std::int64_t>((order_.size() + batch_ - 1) / batch_);
  const double rate = spec_.learning_rate.at(steps_++, per_epoch) *
                      team_rate_factor(spec_.team_rate, ranks_of(team_.replicas));
  next_ = end;
  window_place_ += own.end - own.first;
  if (shared_.active(network_)) return shared_.step(network_, spec_.optimizer, rate, steps_, spec_.gradient_clip);
  if (sliced_) return sliced_->step(spec_.optimizer, rate, steps_, spec_.gradient_clip);
  reducer_.finish(network_.gradients().data());
  network_.update(spec_.optimizer, rate, steps_, spec_.gradient_clip);
}

void Trainer::gradients_ready(std::size_t first_weight) {
  if (shared_.active(network_)) return shared_.ready(first_weight);
  reducer_.ready(network_.gradients().data(), first_weight);
}

/// Whether sums of gradients may be on their way between nodes or ranks while this rank computes.
bool Trainer::sends_gradients() const {
  return team_.replicas && backend_.host_memory() && (shared_.between_nodes() || !shared_.in_memory());
}

void Trainer::move_sums() {
  shared_.progress();
  reducer_.progress();
}

std::uint64_t Trainer::step_key() const {
  return derive_seed(derive_seed(spec_.seed, dropout), static_cast<std::uint64_t>(steps_));
}

/// Gradients of this rank's share of one batch, handed to the team layer by layer. Its micro-batches pass the
/// stages one after another, and go back in the opposite order.
void Trainer::learn(const Batch& batch) {
  const std::size_t count = batch.own.end - batch.own.first, pieces = std::min(micro_.most, count);
  const auto rows_of = [&](std::size_t micro) {
    const Share share = share_of(count, micro, pieces);
    return Share{batch.own.first + share.first, batch.own.first + share.end};
  };
  const std::size_t targets = targets_of(std::span(order_).subspan(batch.first, batch.rows));
  for (std::size_t micro = 0; micro < pieces; ++micro) forward(batch, micro, rows_of(micro));
  for (std::size_t micro = pieces; micro-- > 0;)
    backward(micro, rows_of(micro), 1.0f / static_cast<float>(targets));
}

void Trainer::forward(const Batch& batch, std::size_t micro, Share rows) {
  const std::size_t count = rows.end - rows.first, place = rows.first - batch.own.first;
  const device::MatrixView<float> x{x_.data() + place * network_.inputs(), count, network_.inputs()};
  gather_inputs(rows, place, x);
  pipeline_.send_outputs(network_.forward(x, step_key(), rows.first - batch.first, batch.rows,
                                          lengths_of(part_, rows_.data() + rows.first, count, place), micro));
}

void Trainer::backward(std::size_t micro, Share rows, float scale) {
  const auto outputs = network_.recall(micro);
  if (pipeline_.last())
    take_loss(outputs, rows, scale);
  else
    pipeline_.receive_slopes(network_.output_gradient());
  pipeline_.send_slopes(network_.backward([this](std::size_t weight) { gradients_ready(weight); }));
}

/// @param scale  of the loss of each target
void Trainer::take_loss(device::MatrixView<const float> outputs, Share share, float scale) {
  const DeviceSplit& split = part_.split();
  const std::size_t count = share.end - share.first;
  const std::int32_t* rows = rows_.data() + share.first;
  device::Targets targets{nullptr, nullptr, class_weights_.data(), static_cast<float>(spec_.label_smoothing)};
  const std::size_t per_sample = std::max<std::size_t>(split.labels.columns, 1);
  if (split.labels.data) {
    backend_.gather(split.labels, rows, {labels_.data(), count, per_sample});
    targets.labels = labels_.data();
  }
  if (split.values.data) {
    backend_.gather(split.values, rows, {values_.data(), count, split.values.columns});
    targets.values = values_.data();
  }
  const auto by_target = [&](auto matrix) {  // a row for each step that may have a label
    return decltype(matrix){matrix.data, count * per_sample, matrix.columns / per_sample};
  };
  backend_.loss(spec_.loss, by_target(outputs), targets, scale, by_target(network_.output_gradient()),
                loss_sum_.data());
}

/// Of `count` rows of the split, gathered.
/// @param place  among the rows of this rank
const std::int32_t* Trainer::lengths_of(const Part& part, const std::int32_t* rows, std::size_t count,
                                        std::size_t place) {
  const DeviceSplit& split = part.split();
  if (!split.lengths) return nullptr;
  std::int32_t* lengths = lengths_.data() + place;
  backend_.gather(device::MatrixView<const std::int32_t>{split.lengths, split.x.rows, 1}, rows,
                  {lengths, count, 1});
  return lengths;
}

/// How many terms the loss of these rows of the split has; at least 1.
std::size_t Trainer::targets_of(std::span<const std::int32_t> rows) const {
  const std::size_t per_sample = part_.split().labels.columns;
  if (per_sample <= 1) return rows.size();
  std::ptrdiff_t labelled = 0;
  for (const std::int32_t row : rows)
    labelled += std::ranges::count_if(
        part_.split().host.labels.subspan(static_cast<std::size_t>(row) * per_sample, per_sample),
        [](std::int32_t label) { return label != no_label; });
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(labelled, 1));
}

/// @param rows   of the order
/// @param place  of the first of them among those of this rank in the batch
void Trainer::gather_inputs(Share rows, std::size_t place, device::MatrixView<float> x) {
  if (!pipeline_.first()) return pipeline_.receive_inputs(x);
  const bool all = window_batches_ == 0;
  const device::MatrixView<const float> source = all ? part_.split().x : window_;
  const std::int32_t* from = all ? rows_.data() + rows.first : counting_.data() + window_place_ + place;
  if (augmentation_)
    backend_.gather(source, from, *augmentation_, x);
  else
    backend_.gather(source, from, x);
}

std::vector<float> Trainer::outputs(const Part& part) {
  const std::size_t columns = network_.outputs();
  if (const float* known = lane_judged_ ? lane_->outputs(part) : nullptr)
    return {known, known + part.size() * columns};
  backend_.set_precision(spec_.precision);
  std::vector<float> all(part.size() * columns, 0.0f);
  const Share share = share_of(part.size(), team_.replicas);
  const auto stream = stream_of(part, share);
  for (std::size_t first = share.first; first < share.end; first += chunk_) {
    const std::size_t count = std::min(chunk_, share.end - first);
    if (!part.whole()) backend_.upload(part.rows().subspan(first, count), rows_.data());
    const std::int32_t* lengths = part.split().lengths ? part.split().lengths + first : nullptr;
    if (!part.whole()) lengths = lengths_of(part, rows_.data(), count);
    const auto outputs = network_.forward(chunk_of(part, first, count, stream.get()), lengths);
    pipeline_.send_outputs(outputs);
    if (pipeline_.last())
      backend_.download(outputs.data, std::span(all).subspan(first * columns, count * columns));
  }
  sum(all);
  return all;
}

/// Rows [first, first + count) of a part, or what the stage before this one makes of them. Where the part is
/// not whole, rows_ begins with their numbers.
/// @param stream  null: all samples of the part are in memory
device::MatrixView<const float> Trainer::chunk_of(const Part& part, std::size_t first, std::size_t count,
                                                  SampleStream* stream) {
  if (stream) return stream->next();
  const device::MatrixView<const float> source = part.split().x;
  if (pipeline_.first() && part.whole()) return {source.data + first * source.columns, count, source.columns};
  const device::MatrixView<float> x{x_.data(), count, network_.inputs()};
  if (pipeline_.first())
    backend_.gather(source, rows_.data(), x);
  else
    pipeline_.receive_inputs(x);
  return x;
}

/// Of the samples of a part, a chunk each; null where all of them are in memory or another stage takes them.
std::unique_ptr<SampleStream> Trainer::stream_of(const Part& part, Share share) {
  if (!part.split().source || !pipeline_.first()) return nullptr;
  auto stream = std::make_unique<SampleStream>(backend_, *part.split().source, chunk_);
  for (std::size_t first = share.first; first < share.end; first += chunk_) {
    const auto rows = part.rows().subspan(first, std::min(chunk_, share.end - first));
    stream->announce({rows.begin(), rows.end()});
  }
  return stream;
}

void Trainer::save(ByteWriter& writer) const {
  writer.add(epoch_);
  writer.add(steps_);
  writer.add(first_loss_);
  network_.save(writer);
}

void Trainer::load(ByteReader& reader) {
  epoch_ = reader.take<std::int32_t>();
  steps_ = reader.take<std::int64_t>();
  first_loss_ = reader.take<double>();
  network_.load(reader);
  next_order_.clear();
  begun_ = false;
  lane_judged_ = false;
}

void Trainer::sum(std::span<float> values) {
  sum(team_.replicas, values);
  sum(team_.stages, values);  // all but the last one have zeros
}

void Trainer::sum(comm::Communicator* group, std::span<float> values) {
  if (!group || values.empty()) return;
  const Stopwatch clock;
  group->begin_sum(values)->wait();
  wait_seconds_ += clock.seconds();
}

}  // namespace regatta::train
