#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "command_slot.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/json.hpp"
#include "regatta/objective/objective.hpp"

namespace regatta::objective {

/// What the reports of a study's programs mean.
struct CommandMeasure {
  std::string metric;
  std::vector<std::string> metrics;  ///< further ones
  bool best = false;                 ///< the best report so far counts, not the last
  bool maximize = false;
  std::int32_t epochs = 0;    ///< of a full training; 0: not known
  double timeout = 0;         ///< of a trial [s]; 0: none
  double report_timeout = 0;  ///< between two reports [s]; 0: none
};

/// What a trial runs.
struct CommandJob {
  process::Program program;
  std::string input;  ///< line for a persistent program
  std::unique_ptr<ProgramOutput> output;
  std::filesystem::path config;      ///< file that ends with the trial; empty: none
  std::filesystem::path checkpoint;  ///< directory for what it needs to go on; empty: it saves nothing
  Json values = {};                  ///< hyperparameters by name
};

/// A trial that is a program of its own, or a piece of work for a persistent one.
class CommandTrial final : public Trainable {
 public:
  CommandTrial(CommandSlot& slot, const CommandTreatment& treatment, const CommandMeasure& measure,
               const space::Space& space, CommandJob job);
  ~CommandTrial() override;

  std::optional<Progress> advance() override;
  double idle_seconds() const override;
  void wait(double seconds) const override { slot_.wait(seconds); }
  bool saves_at_any_time() const override { return program_ && !job_.checkpoint.empty(); }
  /// Asks the program to save its work and to end, or to wait.
  Rest pause() override;
  /// Where the program waits: with its own work only.
  bool go_on(const space::Config& config, std::span<const std::byte> saved) override;
  /// What has been reported, and the directory of its checkpoint; empty where nothing is in that.
  std::vector<std::byte> save() const override;
  void load(std::span<const std::byte> saved) override;

 private:
  void begin();  ///< once its slot is vacant
  void read();
  void take(const Message& message);
  std::optional<Progress> next();
  /// Whether nothing more is to come.
  bool over() const { return done_ || program_->ending().has_value(); }
  bool is_last(const Progress& report) const { return measure_.epochs > 0 && report.epoch >= measure_.epochs; }
  /// Whether a report may be handed on. The last of a full training waits for the program's end, since it
  /// says that the trial is complete.
  bool has_next() const;
  bool succeeded() const;
  /// @throws TrialFailure  unless the program has ended well
  Progress conclude();
  TrialFailure failure() const;
  std::string with_last_lines(const std::string& text) const;
  double deadline() const;
  void check_time() const;

  CommandSlot& slot_;
  const CommandTreatment& treatment_;
  const CommandMeasure& measure_;
  const space::Space& space_;
  CommandJob job_;
  RunningProgram* program_ = nullptr;  ///< null: waits for its slot
  Stopwatch clock_;
  double begun_at_ = 0, reported_at_ = 0;  ///< by clock_ [s]

  std::map<std::string, double> values_;  ///< since the last report
  std::optional<std::int32_t> epoch_;     ///< since the last report
  std::int32_t first_epoch_ = 1;          ///< 0 where the program counts from there
  std::int32_t newest_ = 0;               ///< epoch of the last report
  std::deque<Progress> reports_;          ///< not handed on yet
  std::optional<Progress> last_;          ///< handed on
  bool answer_due_ = false;
  bool pausing_ = false, paused_ = false;  ///< it was asked to; it says that it waits
  bool done_ = false;
  std::string complaint_;  ///< of the program
};

}  // namespace regatta::objective
