#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "regatta/core/id.hpp"

namespace regatta::run {

/// Workers and the trials that wait for them, where trials need different numbers of workers at once.
///
/// Of the waiting trials the widest that fits starts, so that workers which have become free together stay
/// together and narrow trials fill what is left (backfilling). One that has been overtaken too often is the
/// next, and until it fits nothing else starts; so none waits for ever. A trial keeps to one node if any node
/// has enough workers for it.
///
/// Or teams are elastic: each trial that there is has a share of the workers, whatever width it was added
/// with. The first one that waits starts as soon as a worker is free, and misfits() says which running trials
/// should pause to start anew with their share.
class TeamSlots {
 public:
  struct Start {
    TrialId trial;
    std::vector<WorkerId> team;  ///< its leader first
  };

  /// @param nodes  by worker, any numbers; empty: all on one node
  TeamSlots(std::int32_t workers, std::vector<std::int32_t> nodes, bool elastic = false);

  /// Whether more trials to choose from would help.
  bool wants_more() const;
  bool waits(TrialId trial) const;
  std::size_t waiting() const { return waiting_.size(); }
  /// @param prefer  should lead it if it is free; may be none
  /// @throws InvalidInput  more workers than there are
  void add(TrialId trial, std::int32_t width, WorkerId prefer);
  /// Before all others, whether or not they have waited.
  void add_first(TrialId trial, std::int32_t width, WorkerId prefer);
  /// The next trial that can start, with workers that are its own until release(); none: nothing fits.
  std::optional<Start> next();
  /// The trial's workers are free again.
  void release(TrialId trial);

  /// Elastic: whether all trials that could start for now are here, so that workers left over may join them;
  /// at first not.
  void settle(bool all_here) { all_here_ = all_here; }
  /// Elastic: the share of a trial that starts before all that wait, its leader first. A worker must be free.
  /// @param prefer  should lead it if it is free; may be none
  std::vector<WorkerId> form(TrialId trial, WorkerId prefer);
  /// Elastic: the running trials that are to pause and start anew with form(), because another one waits for
  /// a worker of theirs, or else because they have less than their share while workers are free. Each is
  /// named once, until it has been released.
  /// @param ready  whether the trial may pause now
  std::vector<TrialId> misfits(const std::function<bool(TrialId)>& ready);

 private:
  struct Waiting {
    TrialId trial;
    std::int32_t width = 1;
    WorkerId prefer;
    std::size_t overtaken = 0;  ///< by trials that came later
  };

  std::optional<Start> next_of_equals();
  std::size_t share(std::size_t trials) const;
  std::size_t reach(const std::vector<WorkerId>& team, std::size_t wanted) const;
  void occupy(TrialId trial, const std::vector<WorkerId>& team);
  std::vector<WorkerId> team_for(const Waiting& trial) const;
  std::vector<WorkerId> free_on(std::int32_t node) const;

  std::vector<bool> free_;
  std::size_t free_count_;
  std::vector<std::int32_t> nodes_;  ///< by worker
  std::int32_t widest_node_ = 0;     ///< workers of the largest node
  std::deque<Waiting> waiting_;
  std::unordered_map<TrialId, std::vector<WorkerId>> teams_;  ///< of running trials
  bool elastic_;
  bool all_here_ = false;
  std::set<TrialId> leaving_;  ///< misfits that have been named
};

}  // namespace regatta::run
