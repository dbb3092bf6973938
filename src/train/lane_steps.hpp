#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "regatta/device/buffer.hpp"
#include "regatta/train/lane_pack.hpp"
#include "regatta/train/trainer.hpp"

namespace regatta::train {

/// The steps of one trainer, done by a lane of a pack instead of one operation after another.
class LaneSteps {
 public:
  /// Null where the pack cannot train this network: it takes small ones of dense layers. All arguments outlive the object.
  /// @param class_weights  on the backend, or null
  /// @param seed           as Lane::seed
  static std::unique_ptr<LaneSteps> make(device::Backend& backend, const LanePlace& place, const TrainingSpec& spec,
                                         const Part& part, Network& network, const float* class_weights,
                                         std::uint64_t seed);

  std::size_t capacity() const { return pack_.capacity(lane_); }
  bool idle() const { return seat_.idle(); }
  /// Asks for steps from the given row of the order on, as many as take about a millisecond and at most to its end.
  /// @param order       of the epoch, on the backend
  /// @param steps_done  by the trainer so far
  void submit(std::int32_t* order, std::size_t next, std::size_t rows, std::int64_t steps_done);
  /// Has the lane make the order of an epoch that is to begin, as Random(seed).shuffle() of the part's rows would. False: it
  /// cannot.
  bool shuffle(std::uint64_t seed);
  /// The number of steps, once they are done.
  std::optional<std::size_t> collect();
  /// Of the samples of the steps that collect() has told last.
  float loss_sum() const { return seat_.loss_sum(); }
  /// For the rows of this part at the end of the epoch; null: it is not one of those that are judged.
  const float* outputs(const Part& part) const;

 private:
  LaneSteps(device::Backend& backend, const LanePlace& place, const TrainingSpec& spec, const Part& part,
            const device::Lane& lane, double step_work);

  void set_rates(std::size_t steps, std::int64_t done, std::size_t per_epoch);

  const TrainingSpec& spec_;
  double step_work_;  ///< floating-point operations of a step
  const LanePack& pack_;
  const Part& part_;
  device::Lane lane_;  ///< but for what changes from one submit() to the next
  std::size_t outputs_;
  std::vector<const Part*> judged_;
  std::vector<device::Buffer<std::int32_t>> judged_rows_;
  device::Buffer<std::int32_t> part_rows_;  ///< empty: all
  LaneSeat seat_;
  std::vector<float> rates_;
};

}  // namespace regatta::train
