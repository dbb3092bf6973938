#include "regatta/train/lane_probe.hpp"

#include <algorithm>
#include <utility>

#include "regatta/core/random.hpp"

namespace regatta::train {
namespace {

constexpr std::size_t alone_at_most = 16;  ///< networks of which each is timed by itself
constexpr double making_at_most = 0.15;    ///< [s]

std::size_t rows_of(const DatasetInfo& data) {
  constexpr std::size_t most = 8192, numbers = std::size_t{4} << 20;
  return std::clamp<std::size_t>(numbers / data.features, 1, std::min(most, data.train_rows));
}

std::vector<float> random_numbers(std::size_t count, Random& random) {
  std::vector<float> numbers(count);
  for (float& number : numbers) number = static_cast<float>(2 * random.uniform() - 1);
  return numbers;
}

std::vector<std::int32_t> random_labels(std::size_t count, std::size_t classes, Random& random) {
  std::vector<std::int32_t> labels(classes > 0 ? count : 0);
  for (std::int32_t& label : labels) label = static_cast<std::int32_t>(random.below(classes));
  return labels;
}

}  // namespace

/// Lets each of them take steps.
/// @return seconds per sample, a mean over the trainings
double LaneProbe::one_stretch(std::span<const Training> trainings, double seconds) {
  std::vector<std::int64_t> before;
  for (const Training& each : trainings) before.push_back(each.trainer->steps());
  const auto taken = [&](std::size_t i) { return trainings[i].trainer->steps() - before[i]; };
  const Stopwatch clock;
  for (bool all = false; !all || clock.seconds() < seconds;) {
    all = true;
    for (std::size_t i = 0; i < trainings.size(); ++i) {
      trainings[i].trainer->advance();
      all = all && taken(i) > 0;
    }
  }
  const double whole = clock.seconds();
  double sum = 0;
  for (std::size_t i = 0; i < trainings.size(); ++i)
    sum += whole / (static_cast<double>(taken(i)) * trainings[i].batch);
  return sum / static_cast<double>(trainings.size());
}

/// The least of several stretches, because others use the machine too. The first one, for caches and
/// recordings, does not count.
double LaneProbe::seconds_per_sample(std::span<const Training> trainings, double seconds) {
  constexpr double stretches = 4;
  one_stretch(trainings, 0);
  const Stopwatch clock;
  double least = one_stretch(trainings, seconds / stretches);
  while (clock.seconds() < seconds) least = std::min(least, one_stretch(trainings, seconds / stretches));
  return least;
}

LaneProbe::LaneProbe(device::Backend& backend, const DatasetInfo& data, std::vector<TrainingSpec> networks)
    : backend_(backend), networks_(std::move(networks)), pack_(backend.make_lane_engine()) {
  const std::size_t rows = rows_of(data);
  Random random(1);
  x_ = random_numbers(rows * data.features, random);
  values_ = random_numbers(data.classes > 0 ? 0 : rows * data.outputs, random);
  labels_ = random_labels(rows, data.classes, random);
  data_.features = data.features;
  data_.classes = data.classes;
  data_.outputs = data.outputs;
  data_.shape = data.shape;
  data_.train = {rows, x_, labels_, values_, {}};
  placed_ = std::make_unique<DeviceData>(backend, data_);
  part_ = std::make_unique<Part>(placed_->train());
}

double LaneProbe::steps_per_second(std::size_t lanes, double seconds) {
  return lanes == 1 ? steps_alone(seconds) : steps_in_lanes(lanes, seconds);
}

double LaneProbe::steps_alone(double seconds) {
  std::vector<Training>& trainings = backend_.host_memory() ? alone_ : in_lanes_;
  const auto pack = backend_.host_memory() ? nullptr : &pack_;
  const std::size_t count = make(trainings, std::min(alone_at_most, networks_.size()), pack);
  const Stopwatch clock;
  double per_sample = 0, steps = 0;
  for (Training& each : std::span(trainings).first(count)) {
    if (steps > 0 && clock.seconds() > 2 * seconds) break;
    each.least = std::min(each.least, seconds_per_sample({&each, 1}, seconds / static_cast<double>(count)));
    per_sample += each.least;
    steps += 1 / each.batch;
  }
  return steps / per_sample;
}

double LaneProbe::steps_in_lanes(std::size_t lanes, double seconds) {
  const std::size_t count = make(in_lanes_, std::min(lanes, networks_.size()), &pack_);
  const auto trainings = std::span<const Training>(in_lanes_).first(count);
  one_stretch(trainings.subspan(count / 2), 0);  // trials do not begin together
  double steps = 0;
  for (const Training& each : trainings) steps += 1 / each.batch;
  return steps / seconds_per_sample(trainings, seconds);
}

/// Adds networks until there are `wanted`, or that takes too long.
/// @return how many of those that are wanted there are
std::size_t LaneProbe::make(std::vector<Training>& trainings, std::size_t wanted, LanePack* pack) {
  const Stopwatch making;
  while (trainings.size() < wanted && (trainings.empty() || making.seconds() < making_at_most)) {
    TrainingSpec spec = networks_[trainings.size()];
    spec.learning_rate = {ScheduleKind::Constant, 0};
    trainings.push_back(
        {std::make_unique<Trainer>(backend_, *part_, data_.classes, spec, Team{}, LanePlace{pack, {}}),
         static_cast<double>(std::min(spec.batch, part_->size()))});
  }
  return std::min(wanted, trainings.size());
}

}  // namespace regatta::train
