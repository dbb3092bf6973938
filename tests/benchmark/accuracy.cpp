// What fixed networks reach on real data, trained by the program itself. Data that is not there is skipped,
// visibly.

#include <iostream>

#include "benchmark.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "support/process.hpp"

using namespace regatta;

namespace {

struct Case {
  const char* input;  ///< beside this file, in accuracy/
  const char* target;
};

constexpr Case mnist_cases[] = {{"mnist_mlp", ">= 98.3"}, {"mnist_cnn", ">= 99.2"}};

void run(const std::vector<std::string>& command) {
  const auto result = support::run_process(command, {.timeout_s = 7200});
  require(result.exit_code == 0, "a command failed: ", result.out, result.err);
}

/// The four files of MNIST as one data set without a validation part.
void import_mnist(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::vector<std::string> command{REGATTA_BINARY, "import", "data"};
  for (const char* name : {"train-images", "train-labels", "t10k-images", "t10k-labels"})
    command.push_back(
        (from / concat(name, std::string(name).ends_with("labels") ? "-idx1" : "-idx3", "-ubyte")).string());
  command.insert(command.end(), {to.string(), "valid_fraction=0"});
  run(command);
}

/// Adds accuracy and duration of one training.
void train(const Case& wanted, const std::filesystem::path& data, benchmark::Report& report) {
  benchmark::Figure accuracy{concat(wanted.input, ": test accuracy"), {}, "%", wanted.target, ""};
  benchmark::Figure duration{
      concat(wanted.input, ": training"), {}, "s", "", "one process, tests of each epoch included"};
  for (int i = 0; i < report.repeats(); ++i) {
    const support::TemporaryFolder folder;
    const std::string input = concat(REGATTA_SOURCE_DIR "/tests/benchmark/accuracy/", wanted.input, ".ini");
    const Stopwatch clock;
    run({REGATTA_BINARY, "run", input, "objective.data=" + data.string(), concat("study.seed=", i + 1),
         "log.directory=" + (folder / "run").string(), "log.verbosity=0"});
    duration.values.push_back(clock.seconds());
    const log::Study study = log::read_study(folder / "run");
    require(study.reports.size() > 0, wanted.input, " has no reports");
    accuracy.values.push_back(100 * study.reports.back().value);
  }
  report.add(accuracy);
  report.add(duration);
}

}  // namespace

int main(int argc, char** argv) {
  const benchmark::Arguments arguments(
      argc, argv,
      {{"--json", "", "FILE"}, {"--repeat", "1", "N"}, {"--mnist", "", "FOLDER of the unpacked IDX files"}});
  benchmark::Report report("accuracy", arguments);
  const std::filesystem::path mnist = arguments.text("--mnist");
  if (exists(mnist / "train-images-idx3-ubyte")) {
    const support::TemporaryFolder folder;
    import_mnist(mnist, folder / "mnist.h5");
    for (const Case& wanted : mnist_cases) train(wanted, folder / "mnist.h5", report);
  } else {
    std::cout << "SKIPPED: MNIST; give its four unpacked IDX files by --mnist FOLDER\n";
  }
  report.finish();
}
