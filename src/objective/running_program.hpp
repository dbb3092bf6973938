#pragma once

#include <bitset>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "program_output.hpp"
#include "regatta/process/launcher.hpp"
#include "report_reader.hpp"

namespace regatta::objective {

/// A program at work and all that it says. It never waits for the program, nor the program for it.
class RunningProgram {
 public:
  using Take = std::function<void(const Message&)>;

  /// @throws InvalidInput  its arguments are too long
  RunningProgram(process::Launcher& launcher, const process::Program& program, const ReportFormat& format);

  /// Where its output goes from now on.
  void print_to(std::unique_ptr<ProgramOutput> output) { output_ = std::move(output); }
  const ProgramOutput& output() const { return *output_; }

  /// Whether read() has something to do.
  bool ready() { return ready_.any() || wait(0); }
  /// Sleeps that long [s], or until it has. Whether it has.
  bool wait(double seconds);
  /// Takes what has come, within bounds, so that a flood does not keep the worker from its other duties.
  void read(const Take& take);
  /// How it ended, once all it has said is read.
  const std::optional<process::Ending>& ending() const { return ending_; }
  /// Whether it knows of us: it has written to the descriptor for reports.
  bool aware() const { return aware_; }

  void write_input(std::string_view text);  ///< lost where the program has ended
  void close_input() { channels_.input.close(); }
  void tell(std::string_view word);  ///< a line for its descriptor for control; lost where nobody reads them
  /// SIGTERM after `patience`, SIGKILL `grace` later [s]; infinite: takes an earlier call back.
  void end(double patience, double grace) { launcher_.end(patience, grace); }

 private:
  using Ready = std::bitset<4>;  ///< out, error, report, the helper

  Ready poll(double seconds) const;
  /// Reads a block of each descriptor that is ready. Which may have more.
  Ready read_some(Ready ready, const Take& take);
  /// Whether it was a full one.
  bool read_block(process::Descriptor& from, LineSplitter& lines,
                  const std::function<void(std::string_view)>& line);
  void take_line(std::string_view line, const Take& take) const;

  process::Launcher& launcher_;
  const ReportFormat& format_;
  process::Channels channels_;
  LineSplitter out_, error_, report_;
  std::unique_ptr<ProgramOutput> output_;
  Ready ready_;  ///< found by wait(), for the next read()
  std::optional<process::Ending> ending_;
  bool aware_ = false;
};

}  // namespace regatta::objective
