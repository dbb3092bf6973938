#include "benchmark.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <thread>

#include "regatta/core/build_info.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/file.hpp"
#include "regatta/core/text.hpp"
#include "regatta/device/devices.hpp"
#include "regatta/report/table.hpp"
#include "support/process.hpp"

namespace regatta::benchmark {
namespace {

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return std::string(trim(line.substr(line.find(':') + 1)));
  return "unknown";
}

Json machine() {
  utsname system{};
  uname(&system);
  return {{"processor", processor()},
          {"cores", std::thread::hardware_concurrency()},
          {"system", concat(system.sysname, " ", system.release)},
          {"compiler", build_info().compiler},
          {"build", build_info().build_type},
          {"commit", build_info().git_commit},
          {"blas", device::blas_name()},
          {"cuda", device::cuda_status()},
          {"date", iso_time(wall_time())}};
}

double children_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// [s since the epoch]
double modification_time(const std::filesystem::path& file) {
  struct stat status {};
  require(::stat(file.c_str(), &status) == 0, "no file ", file.string());
  return static_cast<double>(status.st_mtim.tv_sec) + 1e-9 * static_cast<double>(status.st_mtim.tv_nsec);
}

}  // namespace

double median(std::vector<double> values) {
  require(!values.empty(), "a median needs a value");
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

Report::Report(std::string name, int argc, char** argv, int repeats) : name_(std::move(name)), repeats_(repeats) {
  for (int i = 1; i < argc; i += 2) {
    const std::string option = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    const auto count = parse_integer(value);
    if (option == "--json" && !value.empty()) {
      json_ = value;
    } else if (option == "--repeat" && count && *count > 0) {
      repeats_ = static_cast<int>(*count);
    } else {
      std::cerr << "usage: " << argv[0] << " [--json FILE] [--repeat N]\n";
      std::exit(2);
    }
  }
}

void Report::finish() const {
  const Json facts = machine();
  std::cout << "benchmark " << name_ << ": medians of " << repeats_ << " runs\n";
  for (const auto& [key, value] : facts.items())
    std::cout << "  " << key << ": " << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
  report::Table table({{"figure", report::Align::Left}, {"median"}, {"least"}, {"most"}, {"unit", report::Align::Left},
                       {"target", report::Align::Left}, {"note", report::Align::Left}});
  Json figures = Json::array();
  for (const Figure& figure : figures_) {
    const auto [least, most] = std::ranges::minmax(figure.values);
    table.add({figure.name, format_short(median(figure.values), 4), format_short(least, 4), format_short(most, 4),
               figure.unit, figure.target, figure.note});
    figures.push_back({{"name", figure.name}, {"median", median(figure.values)}, {"values", figure.values},
                       {"unit", figure.unit}, {"target", figure.target}, {"note", figure.note}});
  }
  std::cout << table.text(140) << std::flush;
  if (!json_.empty())
    replace_file(json_, Json{{"benchmark", name_}, {"machine", facts}, {"figures", figures}}.dump(2) + "\n", false);
}

Run run_study(int ranks, const std::string& input, const std::vector<std::string>& overrides) {
  auto folder = std::make_shared<support::TemporaryFolder>();
  const auto directory = folder->path() / "run";
  std::vector<std::string> command{REGATTA_BINARY, "run", std::string(REGATTA_SOURCE_DIR) + "/inputs/" + input,
                                   "log.directory=" + directory.string(), "log.verbosity=0"};
  command.insert(command.end(), overrides.begin(), overrides.end());
  const double cpu_before = children_cpu_seconds();
  const auto result = support::run_process(support::mpirun(ranks, command), {.timeout_s = 600});
  if (result.exit_code != 0) {
    std::cerr << result;
    std::exit(1);
  }
  Run run{.folder = folder, .directory = directory, .study = log::read_study(directory), .wall_seconds = result.seconds,
          .cpu_seconds = children_cpu_seconds() - cpu_before};
  require(!run.study.attempts.empty(), "the run has no trials");
  for (const log::Attempt& attempt : run.study.attempts)
    if (attempt.end)
      run.tuning_seconds = std::max(run.tuning_seconds, attempt.end->time - run.study.attempts.front().start.time);
  run.logged_seconds = modification_time(directory / "regatta.h5") - run.study.attempts.front().start.time;
  return run;
}

}  // namespace regatta::benchmark
