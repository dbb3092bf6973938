#pragma once

#include <cmath>
#include <memory>
#include <string>

#include "regatta/core/clock.hpp"
#include "running_program.hpp"

namespace regatta::objective {

/// How the programs of a study are treated.
struct CommandTreatment {
  ReportFormat format;
  bool persistent = false;
  enum class Control { Auto, Descriptor, Signal } control = Control::Auto;
  double grace = 10;  ///< [s]
};

/// The place of a worker's program: one at a time. A program whose trial was ended may still be busy saving
/// its work; the next trial waits for it.
class CommandSlot {
 public:
  CommandSlot(process::Launcher& launcher, const CommandTreatment& treatment)
      : launcher_(launcher), treatment_(treatment) {}
  CommandSlot(const CommandSlot&) = delete;
  CommandSlot& operator=(const CommandSlot&) = delete;
  ~CommandSlot();  ///< ends the program, and waits for that

  /// Whether a trial may begin. Reads what a program says that is about to leave.
  bool vacant();
  /// A program for a trial: a new one, or the persistent one that waits for work.
  /// @throws InvalidInput  its arguments are too long
  RunningProgram& occupy(const process::Program& program, std::unique_ptr<ProgramOutput> output);
  /// Asks the program to "stop" or to "pause": by that word where it reads them, else by SIGTERM. It has the
  /// grace to end after that or, if it is persistent, to be done with the trial.
  void ask(const char* word);
  /// It need not end after all.
  void keep();
  /// Ends a persistent program whose grace is over.
  void keep_time();
  /// Whether it is told words on its descriptor for control.
  bool reads_words() const;
  /// The trial is over. @param done  whether its program is, too (a persistent one waits for the next trial)
  void leave(bool done);
  /// Sleeps that long [s], or until the program has said something.
  void wait(double seconds) const;
  /// Whether there is something to do for its program, or none.
  bool ready() const { return !program_ || program_->ready() || clock_.seconds() >= give_up_at_; }
  bool leaving() const { return leaving_; }

 private:
  void ask_to_end(const char* word);

  process::Launcher& launcher_;
  const CommandTreatment& treatment_;
  std::unique_ptr<RunningProgram> program_;
  bool leaving_ = false;
  Stopwatch clock_;
  double give_up_at_ = HUGE_VAL;  ///< on a persistent program that was asked, by clock_ [s]
};

}  // namespace regatta::objective
