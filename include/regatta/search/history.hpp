#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "regatta/search/event.hpp"

namespace regatta::search {

/// Hash of a configuration; equal for configurations that same_config calls the same.
std::uint64_t config_hash(std::span<const double> config);
/// Whether all entries are equal; inactive parameters (NaN) are equal to each other.
bool same_config(std::span<const double> a, std::span<const double> b);
/// Whether `configs` has one that is the same as `config`.
bool holds(std::span<const Config> configs, std::span<const double> config);

/// One value of a trial's learning curve.
struct CurvePoint {
  TrialId trial;
  std::int32_t epoch = 0;       ///< from 1
  double value = not_a_number;  ///< the study's metric
};

/// What a trial had reached when it gave its worker back, paused or for good.
struct Outcome {
  TrialId trial;
  TrialState state = TrialState::Completed;
  Reason reason = Reason::None;
  std::int32_t epoch = 0;
  double value = not_a_number;           ///< the study's metric
  double standard_error = not_a_number;  ///< of the value; NaN: not known
  double seconds = 0;                    ///< device time over all attempts [s]
  std::size_t reports = 0;               ///< of all trials, until then
};

/// A change of a trial's hyperparameters during its training.
struct Change {
  TrialId trial;
  TrialId donor;            ///< whose weights it took; itself: its own; none: fresh ones
  Config before;            ///< that was in force until then
  std::size_t reports = 0;  ///< of all trials, until then
};

/// All trials in order and what follows from them: the fold of the events. record() is O(log n) at most.
class History {
 public:
  explicit History(bool maximize = false) : maximize_(maximize) {}

  /// @throws InvalidInput  for an event that cannot follow: unknown trial, number out of order, final trial
  void record(const Event& event);

  const std::vector<Trial>& trials() const { return trials_; }
  const Trial& operator[](TrialId id) const;
  /// Number of events recorded.
  std::uint64_t events() const { return events_; }
  /// Trials in `state`.
  std::size_t count(TrialState state) const { return counts_[static_cast<std::size_t>(state)]; }
  /// Completed or stopped trial with the best objective (never NaN); the lowest number among equals.
  std::optional<TrialId> incumbent() const { return incumbent_; }
  /// Trials that hold or will hold a worker: queued, running, paused.
  const std::set<TrialId>& unfinished() const { return unfinished_; }
  /// Trials in a final state, in the order in which they came to it.
  const std::vector<TrialId>& finished() const { return finished_; }
  /// Each pause and each end of a trial, in order.
  const std::vector<Outcome>& outcomes() const { return outcomes_; }
  const std::vector<Change>& changes() const { return changes_; }
  /// All reports in the order in which they came.
  const std::vector<CurvePoint>& reports() const { return reports_; }
  /// Whether some trial has exactly this configuration, or had it before it changed.
  bool contains(const Config& config) const;
  /// Number of different configurations among the trials.
  std::size_t distinct() const { return by_config_.size(); }
  bool maximize() const { return maximize_; }
  /// Whether objective `a` is better than `b`; NaN is worse than all.
  bool better(double a, double b) const;
  /// Latest note with `key`, or none.
  const Note* note(std::string_view key) const;

 private:
  void apply(const TrialCreated&);
  void apply(const TrialStarted&);
  void apply(const TrialReported&);
  void apply(const TrialEnded&);
  void apply(const TrialRequeued&);
  void apply(const Note&);
  void apply(const TrialChanged&);
  template <class Other>
  void apply(const Other&) {}
  Trial& unfinished_trial(TrialId id);
  void move(Trial& trial, TrialState state);
  void consider(const Trial& trial);

  bool maximize_;
  std::vector<Trial> trials_;
  std::uint64_t events_ = 0;
  std::array<std::size_t, trial_state_count> counts_{};
  std::optional<TrialId> incumbent_;
  std::set<TrialId> unfinished_;
  std::vector<TrialId> finished_;
  std::vector<Outcome> outcomes_;
  std::vector<Change> changes_;
  std::vector<CurvePoint> reports_;
  /// The first trial of a configuration.
  struct Tried {
    TrialId trial;
    std::int64_t change = -1;  ///< place in changes_ of a configuration that it has no more
  };
  std::unordered_multimap<std::uint64_t, Tried> by_config_;  ///< by hash
  std::map<std::string, Note, std::less<>> notes_;           ///< latest by key
};

}  // namespace regatta::search
