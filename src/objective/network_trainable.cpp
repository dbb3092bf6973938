#include "network_trainable.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <new>

#include "regatta/core/bytes.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/text.hpp"
#include "regatta/device/devices.hpp"
#include "regatta/objective/network_objective.hpp"
#include "regatta/train/folds.hpp"

namespace regatta::objective {
namespace {

constexpr double not_known = std::numeric_limits<double>::quiet_NaN();

const train::Part& part_of(train::Where where, const Division& division, const NetworkData& data) {
  if (where == train::Where::Train) return division.train;
  return where == train::Where::Valid ? division.judged : *data.test;
}

/// Where the networks of this division are judged.
std::vector<const train::Part*> judged_parts(const NetworkStudy& study, const Division& division, const NetworkData& data) {
  std::vector<const train::Part*> parts;
  for (const train::Metric& metric : study.metrics)
    if (const train::Part* part = &part_of(metric.where, division, data); std::ranges::find(parts, part) == parts.end())
      parts.push_back(part);
  return parts;
}

/// Runs `work`; memory that was not there is a failure of this trial, not of the worker.
template <class Work>
auto within_memory(Work work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    throw TrialFailure(FailureKind::OutOfMemory, "the host's memory does not hold this network and batch");
  } catch (const device::OutOfDeviceMemory& error) {
    throw TrialFailure(FailureKind::OutOfMemory, error.what());
  }
}

}  // namespace

std::filesystem::path kept_weights_file(const std::filesystem::path& run_directory, std::int32_t trial) {
  return run_directory / "weights" / concat("trial_", trial, ".h5");
}

void KeptWeights::offer(std::int32_t trial, double value, const train::SavedWeights& weights) {
  if (value_ && (maximize_ ? value <= *value_ : value >= *value_)) return;
  const std::filesystem::path file = kept_weights_file(run_directory_, trial);
  std::filesystem::create_directories(file.parent_path());
  train::write_weights(file, weights);
  if (!file_.empty() && file_ != file) std::filesystem::remove(file_);
  file_ = file;
  value_ = value;
}

NetworkTrainable::NetworkTrainable(const WorkerContext& worker, const NetworkData& data,
                                   const NetworkStudy& study, const train::TrainingSpec& spec, std::int32_t trial)
    : data_(data),
      study_(study),
      spec_(spec),
      trial_(trial),
      team_(worker.team && worker.team->size() > 1 ? worker.team : nullptr),
      spread_(team_ && study.folds > 0 && study.spread_folds),
      divided_(worker.parts || worker.stages),
      scores_(data.divisions.size()) {
  const auto ranks = team_ ? static_cast<std::size_t>(team_->size()) : 1;
  const auto rank = team_ ? static_cast<std::size_t>(team_->rank().value) : 0;
  train::Team team{team_, nullptr};
  if (divided_) team = {worker.replicas, worker.parts, worker.stages};
  if (spread_) team = {};
  team.sums = data.sums.get();
  within_memory([&] {
    for (std::size_t d = 0; d < data.divisions.size(); ++d) {
      if (spread_ && d % ranks != rank) continue;
      const Division& division = data.divisions[d];
      const train::LanePlace lane{data.lanes.get(), judged_parts(study, division, data)};
      runs_.push_back(
          {d, std::make_unique<train::Trainer>(*worker.backend, division.train, data.dataset.classes, spec_, team, lane)});
    }
  });
}

std::optional<Progress> NetworkTrainable::advance() {
  return within_memory([this] { return advance_runs(); });
}

std::optional<Progress> NetworkTrainable::advance_runs() {
  if (next_run_ < runs_.size()) {
    if (judge(runs_[next_run_])) ++next_run_;
    if (next_run_ < runs_.size()) return std::nullopt;
  }
  next_run_ = 0;
  if (spread_) exchange();
  if (failure_) throw *failure_;
  return combine();
}

/// Trains on; scores the epoch when it is over.
/// @return whether it is over
bool NetworkTrainable::judge(Run& run) {
  const auto loss = run.trainer->advance();
  if (!loss) return false;
  if (loss->diverged)
    failure_ = TrialFailure(FailureKind::Diverged, concat("the training loss is ", format_short(loss->mean),
                                                          " in epoch ", loss->epoch));
  else
    scores_[run.division] = scores(run);
  const bool known =
      std::ranges::all_of(scores_[run.division], [](double score) { return std::isfinite(score); });
  if (!known && !failure_)
    failure_ =
        TrialFailure(FailureKind::Diverged, concat("the outputs are not finite after epoch ", loss->epoch));
  if (failure_ && !spread_) throw *failure_;
  return true;
}

std::vector<double> NetworkTrainable::scores(Run& run) {
  const Division& division = data_.divisions[run.division];
  std::map<train::Where, std::vector<float>> outputs;
  std::vector<double> scores;
  const std::size_t columns = run.trainer->network().outputs() / data_.dataset.labels_per_sample;
  for (const train::Metric& metric : study_.metrics) {
    const train::Part& part = part_of(metric.where, division, data_);
    if (!outputs.contains(metric.where)) outputs[metric.where] = run.trainer->outputs(part);
    scores.push_back(train::score(metric.measure, {outputs[metric.where], columns, spec_.loss, part.labels(),
                                                   data_.dataset.classes, part.values()}));
  }
  return scores;
}

/// Every rank learns the scores of all folds, and whether any of them has failed. Each score travels as two
/// numbers, because a sum is one of floats.
void NetworkTrainable::exchange() {
  const Stopwatch clock;
  const std::size_t count = study_.metrics.size();
  std::vector<float> numbers(data_.divisions.size() * count * 2 + 1, 0.0f);
  numbers.back() = failure_ ? 1.0f : 0.0f;
  for (const Run& run : runs_)
    for (std::size_t m = 0; !failure_ && m < count; ++m) {
      const double score = scores_[run.division][m];
      float* pair = &numbers[(run.division * count + m) * 2];
      pair[0] = static_cast<float>(score);
      pair[1] = static_cast<float>(score - static_cast<double>(pair[0]));
    }
  team_->begin_sum(numbers)->wait();
  for (std::size_t d = 0; d < data_.divisions.size(); ++d) {
    scores_[d].resize(count);
    for (std::size_t m = 0; m < count; ++m) {
      const float* pair = &numbers[(d * count + m) * 2];
      scores_[d][m] = static_cast<double>(pair[0]) + static_cast<double>(pair[1]);
    }
  }
  if (numbers.back() > 0 && !failure_)
    failure_ = TrialFailure(FailureKind::Diverged, "a fold on another rank of the team has diverged");
  exchange_seconds_ += clock.seconds();
}

Progress NetworkTrainable::combine() {
  Progress progress;
  progress.epoch = ++epoch_;
  progress.finished = epoch_ >= spec_.learning_rate.epochs;
  progress.standard_error = not_known;
  std::vector<double> column(scores_.size());
  for (std::size_t m = 0; m < study_.metrics.size(); ++m) {
    for (std::size_t d = 0; d < scores_.size(); ++d) column[d] = scores_[d][m];
    const train::Summary summary = train::summarise(column);
    if (m > 0) {
      progress.metrics.push_back(summary.mean);
      continue;
    }
    progress.value = summary.mean;
    if (study_.folds == 0) continue;
    progress.standard_error = summary.standard_error;
    progress.fold_scores = column;
  }
  if (study_.best_epoch) remember_best(progress);
  if (progress.finished && study_.keep_weights) keep_weights(progress.value);
  return progress;
}

/// Those of the last epoch. All ranks that divide the network have a part in it, and the first of the team writes.
void NetworkTrainable::keep_weights(double value) const {
  const bool writes = !team_ || team_->rank().value == 0;
  if (!writes && !divided_) return;
  const train::Network& network = runs_.front().trainer->network();
  const std::vector<float> parameters = network.whole_parameters(), statistics = network.whole_statistics();
  if (writes) data_.kept->offer(trial_, value, {train::layer_counts(spec_.network), parameters, statistics});
}

/// Puts the best epoch's value in the place of this one's.
void NetworkTrainable::remember_best(Progress& progress) {
  const bool better =
      !best_ || (study_.maximize ? progress.value > best_->value : progress.value < best_->value);
  if (better) best_ = progress;
  progress.value = best_->value;
  progress.standard_error = best_->standard_error;
  progress.fold_scores = best_->fold_scores;
}

std::vector<std::byte> NetworkTrainable::save() const {
  if (spread_) return {};
  ByteWriter writer;
  writer.add(epoch_);
  writer.add(static_cast<std::uint64_t>(best_ ? best_->fold_scores.size() + 1 : 0));
  if (best_) {
    writer.add(best_->value);
    writer.add(best_->standard_error);
    writer.add_all<double>(best_->fold_scores);
  }
  for (const Run& run : runs_) run.trainer->save(writer);
  return writer.take();
}

void NetworkTrainable::load(std::span<const std::byte> saved) {
  ByteReader reader(saved);
  epoch_ = reader.take<std::int32_t>();
  if (const auto scores = reader.take<std::uint64_t>(); scores > 0) {
    best_.emplace();
    best_->value = reader.take<double>();
    best_->standard_error = reader.take<double>();
    best_->fold_scores = reader.take_all<std::vector<double>>(scores - 1);
  }
  for (const Run& run : runs_) run.trainer->load(reader);
  require(reader.left() == 0, "what a trial has saved has ", reader.left(), " bytes too many");
}

Sums NetworkTrainable::sums() const {
  if (runs_.empty() || !runs_.front().trainer->sums()) return Sums::None;
  const train::Trainer& trainer = *runs_.front().trainer;
  switch (trainer.sum_path()) {
    case train::SumPath::Nccl: return Sums::ByNccl;
    case train::SumPath::Mpi: return Sums::ByMpiOnGpus;
    case train::SumPath::Staged: return Sums::Staged;
    case train::SumPath::Auto: break;
  }
  if (!trainer.sums_in_memory()) return Sums::ByMessages;
  return trainer.sums_between_nodes() ? Sums::BetweenNodes : Sums::InMemory;
}

double NetworkTrainable::communicate_seconds() const {
  double seconds = exchange_seconds_;
  for (const Run& run : runs_) seconds += run.trainer->wait_seconds();
  return seconds;
}

}  // namespace regatta::objective
