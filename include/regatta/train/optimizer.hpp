#pragma once

#include <cstddef>
#include <cstdint>

#include "regatta/device/backend.hpp"

namespace regatta::train {

/// How parameters follow their gradients; formulas: device::Update.
struct OptimizerSpec {
  device::OptimizerKind kind = device::OptimizerKind::Adam;
  double momentum = 0;
  bool nesterov = false;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;
  double l1 = 0;
};

enum class ScheduleKind { Constant, Step, Cosine };

/// The learning rate over a training of `epochs` epochs.
struct LearningRate {
  ScheduleKind kind = ScheduleKind::Constant;
  double base = 1e-3;
  std::int32_t epochs = 1;
  std::int32_t step_epochs = 10;  ///< Step: multiplied by step_factor after each so many epochs
  double step_factor = 0.1;
  double warmup_epochs = 0;  ///< rises linearly from 0 to its full value; the schedule proper starts after it
  double minimum = 0;        ///< Cosine ends here, Step never falls below it

  /// @param step  optimizer steps done before, from 0
  /// @param steps_per_epoch  at least 1
  double at(std::int64_t step, std::int64_t steps_per_epoch) const;
};

/// What becomes of the learning rate where several ranks share a batch.
enum class TeamRate { Same, Root, Linear };

/// By how much it grows with `ranks`: not at all, by the root of their number, or by their number.
double team_rate_factor(TeamRate rule, std::size_t ranks);

}  // namespace regatta::train
