#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "regatta/objective/objective.hpp"
#include "regatta/run/controller.hpp"
#include "regatta/run/simulator.hpp"

namespace regatta::run {

/// The workers of a simulation: what the controller sends starts trials at once, whose reports fall due in
/// virtual time.
class VirtualWorkers final : public Effects {
 public:
  using Mail = std::vector<std::pair<WorkerId, Report>>;

  VirtualWorkers(objective::Objective& objective, const SimulationOptions& options);
  ~VirtualWorkers() override;

  void log(std::span<const search::Event> events) override;
  void send(WorkerId to, const Assign& message) override;
  void send(WorkerId to, const Cancel& message) override;
  void send(WorkerId, const Hand&) override {}  // every worker finds what any of them keeps
  void send(WorkerId, const Checkpoint&) override {}

  /// Takes away what the worker holds and keeps.
  void fail(WorkerId worker);

  /// When the next report falls due [s]; infinite: never.
  double next() const;
  /// Lets time pass until `now`, which must not lie behind next().
  void pass_until(double now) { now_ = now; }
  /// The reports that are due now, by worker.
  Mail collect();
  /// Time in which workers had a trial, over all attempts that have ended [s].
  double busy_seconds() const { return busy_seconds_; }

 private:
  struct Running;
  struct VirtualWorker {
    std::deque<Assign> inbox;
    std::unique_ptr<Running> running;
    double due = 0;  ///< when its next report arrives
    double reported = 0;  ///< when the last one did
    double slowness = 1;
  };

  VirtualWorker& worker(WorkerId id) { return workers_[static_cast<std::size_t>(id.value)]; }
  void begin(WorkerId id, double time);
  void take_up(Running& running);
  void schedule(WorkerId id, double time);
  double next_epoch_seconds(WorkerId id) const;
  std::optional<Report> report(WorkerId id);
  void advance(Running& running);

  objective::Objective& objective_;
  const SimulationOptions& options_;
  std::vector<VirtualWorker> workers_;
  std::set<std::pair<double, WorkerId>> due_;  ///< (time, worker) of each that has a trial
  Mail answers_;                               ///< of trials that were called in before they began
  struct Kept {
    WorkerId keeper;
    std::vector<std::byte> bytes;
  };
  std::map<TrialId, Kept> kept_;  ///< what trials need to go on
  double now_ = 0;
  double busy_seconds_ = 0;
};

}  // namespace regatta::run
