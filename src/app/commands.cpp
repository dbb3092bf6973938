#include "commands.hpp"

#include <iostream>

#include "regatta/core/build_info.hpp"
#include "run_command.hpp"

namespace regatta::app {
namespace {

constexpr std::size_t any_number = 1'000'000;

std::vector<Option> options_of_check() {
  return {
      {"ranks", OptionType::Integer, "auto", "Ranks of the job that is planned; auto: as many as one trial needs.",
       {"auto"}, 1, 1e6},
      {"preview", OptionType::Flag, "false", "Shows how far how many trials would train."},
      {"epoch-time", OptionType::Duration, "1s", "With --preview: of an epoch.", {}, 1e-6, 1e9},
  };
}

std::vector<Option> options_of_simulate() {
  return {
      {"workers", OptionType::Integer, "8", "Virtual workers.", {}, 1, 1e6},
      {"latency", OptionType::Duration, "0s", "Of each message between controller and workers.", {}, 0, 1e6},
      {"speed-spread",
       OptionType::Number,
       "0",
       "How unequal the workers are: standard deviation of the logarithm of their times.",
       {},
       0,
       10},
      {"team-efficiency", OptionType::Number, "0.8",
       "With workers.elastic: n workers train a trial 1 + (n - 1) times this as fast as one.", {}, 0, 1},
      {"failures",
       OptionType::Duration,
       "0s",
       "Mean time until a worker fails, with the trial that it has; 0s: never.",
       {},
       0,
       1e12},
      {"repair",
       OptionType::Duration,
       "10min",
       "Until a worker that has failed is there again.",
       {},
       0,
       1e12},
      {"report-interval",
       OptionType::Duration,
       "0s",
       "Workers report at most once in this time; 0s: each epoch.",
       {},
       0,
       1e6},
      {"charge", OptionType::Flag, "false",
       "Lets the controller's own measured time pass in virtual time; no two runs are then the same."},
      {"compare", OptionType::Text, "",
       "Settings to compare, 'SECTION.KEY=VALUE ...; SECTION.KEY=VALUE ...', in place of one study."},
      {"replay", OptionType::Path, "",
       "Run directory of a study whose trainings are taken in place of the objective."},
      {"seeds", OptionType::Integer, "5", "With --compare: studies of each setting.", {}, 1, 10000},
      {"no-log", OptionType::Flag, "false", "Writes no run directory."},
  };
}

std::vector<Command> make_commands() {
  const Option format{
      "format", OptionType::Word, "ini", "How the configuration is written.", {"ini", "json", "shell"}};
  const Option csv{"csv", OptionType::Path, "", "Table of trials; - is the standard output."};
  const Option html{"html", OptionType::Path, "", "A page with plots for the browser, in place of text."};
  const Option h5{"h5", OptionType::Path, "", "Results file, made anew from the journal."};
  const Option weights{"weights", OptionType::Path, "",
                       "Weights of the best trial of those that objective.keep_weights has kept."};
  const Option markdown{"markdown", OptionType::Flag, "false", "With 'options': tables in Markdown."};
  const Option resume{"resume", OptionType::Flag, "false", "Goes on with a run; INPUT is then its directory."};
  const std::string input = "INPUT [SECTION.KEY=VALUE...]";
  return {
      {"run", input, 1, 1, "Runs the study of an input file.", run_command, {}, true},
      {"resume",
       "DIR [SECTION.KEY=VALUE...]",
       1,
       1,
       "Goes on with a run that was interrupted or killed.",
       resume_command,
       {},
       true},
      {"check", input, 1, 1, "Checks an input file and shows what would run.", check_command,
       options_of_check(), true},
      {"simulate", input, 1, 1, "Runs a study in virtual time: a function, or a table of trainings.",
       simulate_command, options_of_simulate(), true},
      {"serve",
       input,
       1,
       1,
       "Hands trials to another program and takes its results, as lines of JSON on standard input and output.",
       serve_command,
       {resume},
       true,
       serve_help},
      {"status", "DIR", 1, 1, "Shows how a run is going.", status_command},
      {"report", "DIR", 1, 1, "Shows trials, states and where time went.", report_command, {html}},
      {"best", "DIR", 1, 1, "Prints the best configuration.", best_command, {format}},
      {"export",
       "DIR --csv FILE | --h5 FILE | --weights FILE",
       1,
       1,
       "Writes a run's results to a file.",
       export_command,
       {csv, h5, weights}},
      {"enqueue", "DIR NAME=VALUE...", 2, any_number, "Gives a running study a configuration to try next.",
       enqueue_command},
      {"import",
       "data | curves IN... OUT.h5 [KEY=VALUE...]",
       2,
       any_number,
       "Makes a data set or a table of learning curves of files in other formats.",
       import_command,
       {},
       false,
       import_help},
      {"help", "[COMMAND | options | space]", 0, 1, "Explains.", help_command, {markdown}},
      {"version", "", 0, 0, "Prints version and build.", version_command},
  };
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> all = make_commands();
  return all;
}

int version_command(const Arguments&) {
  const BuildInfo& info = build_info();
  std::cout << "regatta " << info.version << " (commit " << info.git_commit << ", " << info.build_type << ", "
            << info.compiler << ", CUDA " << info.cuda_compiler << ")\n";
  return 0;
}

}  // namespace regatta::app
