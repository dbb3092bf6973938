#include "verdict.hpp"

#include <cmath>
#include <new>

#include "regatta/core/error.hpp"
#include "regatta/device/devices.hpp"

namespace regatta::run {
namespace {

using search::Reason;
using search::TrialState;

constexpr std::size_t longest_message = 1000;  ///< [bytes]

Reason reason_of(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) || dynamic_cast<const device::OutOfDeviceMemory*>(&error))
    return Reason::OutOfMemory;
  const auto* failure = dynamic_cast<const objective::TrialFailure*>(&error);
  if (!failure) return Reason::Crash;
  switch (failure->kind) {
    case objective::FailureKind::Diverged:
      return Reason::Diverged;
    case objective::FailureKind::OutOfMemory:
      return Reason::OutOfMemory;
    case objective::FailureKind::Crash:
      return Reason::Crash;
    case objective::FailureKind::Timeout:
      return Reason::Timeout;
    case objective::FailureKind::Invalid:
      return Reason::Invalid;
  }
  return Reason::Crash;
}

}  // namespace

Verdict verdict_on(const objective::Progress& progress, std::int32_t until_epoch) {
  if (!std::isfinite(progress.value))
    return {TrialState::Failed, Reason::Diverged, concat("the metric is ", progress.value)};
  if (progress.finished) return {TrialState::Completed};
  if (until_epoch > 0 && progress.epoch >= until_epoch) return {TrialState::Paused};
  return {};
}

Verdict verdict_on(const std::exception& error) {
  const auto* failure = dynamic_cast<const objective::TrialFailure*>(&error);
  return {TrialState::Failed, reason_of(error), error.what(), failure ? failure->exit_code : 0};
}

void fill(Report& report, const objective::Progress& progress) {
  report.epoch = progress.epoch;
  report.value = progress.value;
  report.metrics = progress.metrics;
  report.standard_error = progress.standard_error;
  report.fold_scores = progress.fold_scores;
}

void fill(Report& report, const Verdict& verdict) {
  report.state = verdict.state;
  report.reason = verdict.reason;
  report.exit_code = verdict.exit_code;
  report.message = verdict.message.substr(0, longest_message);
}

}  // namespace regatta::run
