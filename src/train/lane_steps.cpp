#include "lane_steps.hpp"

#include <algorithm>

#include "regatta/device/host_lanes.hpp"

namespace regatta::train {
namespace {

std::size_t judged_numbers(const std::vector<const Part*>& judged, std::size_t outputs) {
  std::size_t count = 0;
  for (const Part* part : judged) count += part->size() * outputs;
  return count;
}

/// Where a part's rows lie in its split; empty: it has all of them.
device::Buffer<std::int32_t> rows_of(device::Backend& backend, const Part& part) {
  return part.whole() ? device::Buffer<std::int32_t>() : device::Buffer<std::int32_t>(backend, part.rows());
}

/// The layers, if all of them are dense.
bool describe_layers(const NetworkSpec& network, device::Lane& lane) {
  if (network.layers.size() > device::Lane::most_layers) return false;
  lane.inputs = static_cast<std::uint32_t>(size_of(network.input));
  for (const LayerSpec& layer : network.layers) {
    const auto* dense = std::get_if<DenseSpec>(&layer);
    if (!dense || dense->per_step) return false;
    lane.layers[lane.layer_count++] = {static_cast<std::uint32_t>(dense->units), dense->activation, dense->dropout};
  }
  return true;
}

}  // namespace

std::size_t useful_lanes(const TrainingSpec& spec, bool on_gpu) {
  constexpr std::size_t room_of_core = 50000, most_parameters = 4000000;
  device::Lane lane;
  if (spec.random_crop > 0 || spec.random_flip || spec.frozen > 0 || !describe_layers(spec.network, lane)) return 1;
  if (!on_gpu) return device::gains_in_lanes(lane) ? widest_vector : 1;
  std::size_t widest = 0;
  for (std::size_t l = 0; l < lane.layer_count; ++l) widest = std::max<std::size_t>(widest, lane.layers[l].units);
  const std::size_t per_sample = lane.inputs + activation_count(spec.network) + 2 * widest;
  const std::size_t parameters = parameter_count(spec.network);
  if (parameters + spec.batch * per_sample <= room_of_core) return 256;
  const bool few_outputs = lane.layers[lane.layer_count - 1].units <= device::Lane::most_outputs;
  return few_outputs && parameters <= most_parameters ? 32 : 1;
}

std::unique_ptr<LaneSteps> LaneSteps::make(device::Backend& backend, const LanePlace& place, const TrainingSpec& spec,
                                           const Part& part, Network& network, const float* class_weights,
                                           std::uint64_t seed) {
  const DeviceSplit& split = part.split();
  const bool plain = !split.source && !split.lengths && split.labels.columns <= 1 && spec.random_crop == 0 && !spec.random_flip;
  device::Lane lane;
  if (!place.pack || !plain || spec.frozen > 0 || place.judged.size() > device::Lane::most_judgements) return nullptr;
  if (!describe_layers(spec.network, lane)) return nullptr;
  lane.loss = spec.loss;
  lane.precision = spec.precision;
  lane.x = split.x.data;
  lane.targets = {split.labels.data, split.values.data, class_weights, static_cast<float>(spec.label_smoothing)};
  lane.batch = static_cast<std::uint32_t>(std::min(spec.batch, part.size()));
  lane.seed = seed;
  lane.update = network.step_of(spec.optimizer, 0, 1, spec.gradient_clip);
  if (place.pack->capacity(lane) == 0) return nullptr;
  return std::unique_ptr<LaneSteps>(new LaneSteps(backend, place, spec, part, lane, 3.0 * network.operations() * lane.batch));
}

LaneSteps::LaneSteps(device::Backend& backend, const LanePlace& place, const TrainingSpec& spec, const Part& part,
                     const device::Lane& lane, double step_work)
    : spec_(spec),
      step_work_(step_work),
      pack_(*place.pack),
      part_(part),
      lane_(lane),
      outputs_(lane.layers[lane.layer_count - 1].units),
      judged_(place.judged),
      part_rows_(rows_of(backend, part)),
      seat_(*place.pack, judged_numbers(place.judged, outputs_)) {
  for (const Part* each : judged_) judged_rows_.push_back(rows_of(backend, *each));
}

bool LaneSteps::shuffle(std::uint64_t seed) {
  lane_.rows = static_cast<std::uint32_t>(part_.size());
  lane_.shuffles = pack_.shuffles(lane_);
  lane_.shuffle_seed = seed;
  lane_.shuffled = part_rows_.data();
  return lane_.shuffles;
}

void LaneSteps::set_rates(std::size_t steps, std::int64_t done, std::size_t per_epoch) {
  const LearningRate& rate = spec_.learning_rate;
  rates_.assign(steps, static_cast<float>(rate.base));
  if (rate.kind == ScheduleKind::Constant && rate.warmup_epochs <= 0) return;
  for (std::size_t s = 0; s < steps; ++s)
    rates_[s] = static_cast<float>(rate.at(done + static_cast<std::int64_t>(s), static_cast<std::int64_t>(per_epoch)));
}

void LaneSteps::submit(std::int32_t* order, std::size_t next, std::size_t rows, std::int64_t steps_done) {
  const auto steps_of = [this](std::size_t count) { return (count + lane_.batch - 1) / lane_.batch; };
  const std::size_t left = steps_of(rows - next);
  const auto most = static_cast<std::size_t>(std::max(1.0, pack_.operations_per_round(lane_) / step_work_));
  const std::size_t rounds = (left + most - 1) / most;
  const std::size_t steps =
      (left + rounds - 1) / rounds;  // rounds as long as each other: lanes side by side wait for the longest
  set_rates(steps, steps_done, steps_of(rows));
  lane_.order = order + next;
  lane_.rows = static_cast<std::uint32_t>(rows - next);
  lane_.steps = static_cast<std::uint32_t>(steps);
  lane_.update.step = steps_done + 1;
  lane_.rates = rates_.data();
  lane_.judgements = {};
  float* results = seat_.results();
  for (std::size_t i = 0; steps == left && i < judged_.size(); ++i) {
    const Part& part = *judged_[i];
    lane_.judgements[i] = {part.split().x.data, judged_rows_[i].data(), static_cast<std::uint32_t>(part.size()), results};
    results += part.size() * outputs_;
  }
  seat_.submit(lane_);
  lane_.shuffles = false;
}

std::optional<std::size_t> LaneSteps::collect() {
  if (!seat_.collect()) return std::nullopt;
  return lane_.steps;
}

const float* LaneSteps::outputs(const Part& part) const {
  const auto found = std::ranges::find(judged_, &part);
  return found == judged_.end() ? nullptr : lane_.judgements[static_cast<std::size_t>(found - judged_.begin())].outputs;
}

}  // namespace regatta::train
