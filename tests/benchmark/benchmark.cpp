#include "benchmark.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <ctime>
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

double children_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// [s since the epoch]
double modification_time(const std::filesystem::path& file) {
  struct stat status {};
  require(::stat(file.c_str(), &status) == 0, "no file ", file.string());
  return static_cast<double>(status.st_mtim.tv_sec) + 1e-9 * static_cast<double>(status.st_mtim.tv_nsec);
}

}  // namespace

double quantile(std::vector<double> values, double fraction) {
  require(!values.empty() && 0 <= fraction && fraction <= 1, "a quantile needs a value and a fraction, got ",
          fraction);
  std::ranges::sort(values);
  const double place = fraction * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double rest = place - std::floor(place);
  if (rest == 0) return values[below];
  const double above = values[below + 1];
  return std::isinf(above) ? above : values[below] + rest * (above - values[below]);
}

double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

namespace {

double seconds_on(clockid_t clock) {
  std::timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

double thread_cpu_seconds() { return seconds_on(CLOCK_THREAD_CPUTIME_ID); }
double process_cpu_seconds() { return seconds_on(CLOCK_PROCESS_CPUTIME_ID); }

Json machine_facts() {
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

std::string facts_text(const Json& facts) {
  std::string text;
  for (const auto& [key, value] : facts.items())
    text += concat("  ", key, ": ", value.is_string() ? value.get<std::string>() : value.dump(), "\n");
  return text;
}

Arguments::Arguments(int argc, char** argv, std::vector<Argument> known)
    : program_(argv[0]), known_(std::move(known)) {
  for (int i = 1; i < argc; i += 2) {
    const auto found = std::ranges::find(known_, argv[i], &Argument::name);
    if (found == known_.end()) refuse(concat("unknown option ", argv[i]));
    if (i + 1 == argc || *argv[i + 1] == '\0') refuse(concat(argv[i], " needs a value"));
    found->fallback = argv[i + 1];
  }
}

const std::string& Arguments::text(const std::string& name) const {
  const auto found = std::ranges::find(known_, name, &Argument::name);
  require(found != known_.end(), "the benchmark has no option ", name);
  return found->fallback;
}

int Arguments::count(const std::string& name) const {
  const auto number = parse_integer(text(name));
  if (!number || *number < 1 || *number > 1'000'000)
    refuse(concat(name, " needs a whole number above 0, got ", text(name)));
  return static_cast<int>(*number);
}

std::vector<std::string> Arguments::words(const std::string& name,
                                          const std::vector<std::string>& allowed) const {
  if (text(name) == "all") return allowed;
  std::vector<std::string> given = split(text(name), ',');
  for (const std::string& word : given)
    if (std::ranges::find(allowed, word) == allowed.end())
      refuse(concat(name, " knows all and ", join(allowed, ", "), ", got '", word, "'",
                    suggestion(word, allowed)));
  return given;
}

void Arguments::refuse(const std::string& reason) const {
  std::cerr << reason << "\nusage: " << program_;
  for (const Argument& argument : known_)
    std::cerr << " [" << argument.name << ' ' << argument.meaning << ']';
  std::cerr << '\n';
  std::exit(2);
}

Report::Report(std::string name, int argc, char** argv, int repeats)
    : Report(std::move(name),
             Arguments(argc, argv, {{"--json", "", "FILE"}, {"--repeat", concat(repeats), "N"}})) {}

Report::Report(std::string name, const Arguments& arguments)
    : name_(std::move(name)), repeats_(arguments.count("--repeat")), json_(arguments.text("--json")) {}

void Report::finish() const {
  const Json facts = machine_facts();
  std::cout << "benchmark " << name_ << ": medians of " << repeats_ << " runs\n" << facts_text(facts);
  report::Table table({{"figure", report::Align::Left},
                       {"median"},
                       {"least"},
                       {"most"},
                       {"unit", report::Align::Left},
                       {"target", report::Align::Left},
                       {"note", report::Align::Left}});
  Json figures = Json::array();
  for (const Figure& figure : figures_) {
    const auto [least, most] = std::ranges::minmax(figure.values);
    table.add({figure.name, format_short(median(figure.values), 4), format_short(least, 4),
               format_short(most, 4), figure.unit, figure.target, figure.note});
    figures.push_back({{"name", figure.name},
                       {"median", median(figure.values)},
                       {"values", figure.values},
                       {"unit", figure.unit},
                       {"target", figure.target},
                       {"note", figure.note}});
  }
  std::cout << table.text(180) << std::flush;
  if (!json_.empty())
    replace_file(json_, Json{{"benchmark", name_}, {"machine", facts}, {"figures", figures}}.dump(2) + "\n",
                 false);
}

Run run_study(int ranks, const std::string& input, const std::vector<std::string>& overrides) {
  auto folder = std::make_shared<support::TemporaryFolder>();
  const auto directory = folder->path() / "run";
  std::vector<std::string> command{REGATTA_BINARY, "run",
                                   std::string(REGATTA_SOURCE_DIR) + "/inputs/" + input,
                                   "log.directory=" + directory.string(), "log.verbosity=0"};
  command.insert(command.end(), overrides.begin(), overrides.end());
  const double cpu_before = children_cpu_seconds();
  const auto result = support::run_process(support::mpirun(ranks, command), {.timeout_s = 600});
  if (result.exit_code != 0) {
    std::cerr << result;
    std::exit(1);
  }
  Run run{.folder = folder,
          .directory = directory,
          .study = log::read_study(directory),
          .wall_seconds = result.seconds,
          .cpu_seconds = children_cpu_seconds() - cpu_before};
  require(!run.study.attempts.empty(), "the run has no trials");
  for (const log::Attempt& attempt : run.study.attempts)
    if (attempt.end)
      run.tuning_seconds =
          std::max(run.tuning_seconds, attempt.end->time - run.study.attempts.front().start.time);
  run.logged_seconds = modification_time(directory / "regatta.h5") - run.study.attempts.front().start.time;
  return run;
}

}  // namespace regatta::benchmark
