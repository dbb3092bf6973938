#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "regatta/search/history.hpp"

namespace regatta::schedule {

/// The value as a loss: lower is better, NaN and infinity worst.
double loss_of(const search::History& history, double value);

/// first, first * eta, first * eta^2, ... rounded, below `last`.
std::vector<std::int32_t> geometric_milestones(double first, double eta, std::int32_t last);

/// The losses at one milestone, parted into the best ones and the rest. All in O(log n).
class Rung {
 public:
  using Entry = std::pair<double, TrialId>;  ///< among equals the older trial is the better

  /// @param eta    one of `eta` is among the best, rounded down
  /// @param least  but so many at least
  Rung(double eta, std::size_t least) : eta_(eta), least_(least) {}

  void insert(Entry entry);
  bool among_best(const Entry& entry) const { return best_.contains(entry); }
  std::size_t size() const { return best_.size() + rest_.size(); }

  /// Entries of the best that were not yet set aside, the best first.
  const std::set<Entry>& candidates() const { return candidates_; }
  /// `entry` is no candidate any more.
  void set_aside(const Entry& entry) { candidates_.erase(entry); }

 private:
  void raise();

  double eta_;
  std::size_t least_;
  std::set<Entry> best_, rest_, candidates_;
};

}  // namespace regatta::schedule
