// What a Gaussian process and a proposal of `bo` cost: CPU time of one thread; with `--device cuda` wall-clock time, and the likelihood
// by LAPACK and by cuSOLVER in turns, which tells from how many results on the GPU is worth it.
//
// Proposals are timed one after the other in a study that always has 64 running trials: before each, one of
// them brings its result, so that refits take part as often as they fall due. The mean is what a worker waits
// for in the long run.

#include <algorithm>
#include <cmath>
#include <deque>
#include <iostream>
#include <numeric>

#include "benchmark.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"
#include "regatta/core/text.hpp"
#include "regatta/device/evidence.hpp"
#include "regatta/search/gaussian_process.hpp"
#include "regatta/search/searcher.hpp"

using namespace regatta;

namespace {

constexpr std::size_t dimensions = 20;
constexpr std::size_t pending_trials = 64;
constexpr std::size_t predicted_points = 512;
constexpr std::uint64_t seed = 1;

/// CPU time of a call [ms].
template <class Call>
double milliseconds(const Call& call) {
  const double before = benchmark::thread_cpu_seconds();
  call();
  return 1e3 * (benchmark::thread_cpu_seconds() - before);
}

/// A bowl with unequal axes that lean on each other; its least value, 0, is at 0.3 everywhere.
double smooth(std::span<const double> x) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double away = x[i] - 0.3, next = x[(i + 1) % x.size()] - x[i];
    sum += static_cast<double>(i + 1) / static_cast<double>(x.size()) * away * away + 0.5 * next * next;
  }
  return sum;
}

/// Random points of the unit cube and their values.
struct Sample {
  explicit Sample(std::size_t count) : points(count * dimensions), values(count) {
    Random random(seed);
    for (double& x : points) x = random.uniform();
    for (std::size_t i = 0; i < count; ++i) values[i] = smooth(row(i));
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(count);
    for (double& value : values) value -= mean;
  }

  std::span<const double> row(std::size_t i) const {
    return std::span(points).subspan(i * dimensions, dimensions);
  }
  device::Block<const double> block(std::size_t count) const {
    return {points.data(), count, dimensions, dimensions};
  }

  std::vector<double> points, values;
};

search::FeatureGroups own_groups() {
  search::FeatureGroups groups{std::vector<std::size_t>(dimensions), dimensions};
  std::iota(groups.group_of.begin(), groups.group_of.end(), 0);
  return groups;
}

search::Hyperparameters plain_parameters() {
  return {std::vector<double>(dimensions, std::log(2.0)), 0, -10};
}

/// Tells on standard error how far the program is.
void add(benchmark::Report& report, benchmark::Figure figure) {
  std::cerr << figure.name << ": " << format_short(benchmark::median(figure.values), 4) << ' ' << figure.unit
            << std::endl;
  report.add(std::move(figure));
}

void time_likelihood(benchmark::Report& report, std::size_t n) {
  const Sample sample(n);
  const search::FeatureGroups groups = own_groups();
  search::MarginalLikelihood likelihood(search::KernelKind::Matern52, groups,
                                        {sample.block(n), sample.values, {}});
  const std::vector<double> parameters = plain_parameters().flat();
  std::vector<double> gradient(parameters.size());
  benchmark::Figure figure{concat("likelihood and its ", parameters.size(), " derivatives, n = ", n),
                           {},
                           "ms",
                           n == 1000 ? "<= 18" : "",
                           "Matern 5/2, d = 20"};
  for (int i = 0; i < report.repeats(); ++i)
    figure.values.push_back(milliseconds(
        [&] { require(likelihood(parameters, gradient).has_value(), "the covariance is indefinite"); }));
  add(report, figure);
}

/// Appends one row after another.
void time_append(benchmark::Report& report, std::size_t n) {
  const auto repeats = static_cast<std::size_t>(report.repeats());
  const Sample sample(n + repeats);
  search::GaussianProcess process(search::KernelKind::Matern52, own_groups(), plain_parameters());
  process.set_points(sample.block(n));
  benchmark::Figure figure{
      concat("append one result, n = ", n), {}, "ms", n == 5000 ? "<= 7" : "", "without new weights"};
  for (std::size_t i = n; i < n + repeats; ++i)
    figure.values.push_back(milliseconds([&] { process.append(sample.row(i)); }));
  add(report, figure);
}

/// The likelihood and its derivatives on the host and on the first GPU, in turns.
void time_crossover(benchmark::Report& report, std::size_t n) {
  const Sample sample(n);
  const search::FeatureGroups groups = own_groups();
  search::MarginalLikelihood host(search::KernelKind::Matern52, groups, {sample.block(n), sample.values, {}});
  const auto gpu = device::make_cuda_evidence_solver(0);
  const std::vector<double> parameters = plain_parameters().flat();
  std::vector<double> gradient(parameters.size());
  benchmark::Figure by_host{concat("likelihood by LAPACK, n = ", n), {}, "ms", "", ""};
  benchmark::Figure by_gpu{concat("likelihood by cuSOLVER, n = ", n), {}, "ms", "", ""};
  for (int i = 0; i < report.repeats(); ++i) {
    Stopwatch clock;
    host(parameters, gradient);
    by_host.values.push_back(1e3 * clock.seconds());
    clock = {};
    gpu->evaluate({device::KernelProfile::Matern52, sample.block(n), {}, 1, 1e-4, 1e-12}, sample.values, true);
    by_gpu.values.push_back(1e3 * clock.seconds());
  }
  by_gpu.note = concat(format_short(benchmark::median(by_host.values) / benchmark::median(by_gpu.values), 3),
                       " times as fast");
  add(report, by_host);
  add(report, by_gpu);
}

void time_prediction(benchmark::Report& report, std::size_t n) {
  const Sample sample(n + predicted_points);
  search::GaussianProcess process(search::KernelKind::Matern52, own_groups(), plain_parameters());
  process.set_points(sample.block(n));
  process.set_values(std::span(sample.values).first(n));
  search::Prediction prediction;
  benchmark::Figure figure{
      concat("predict ", predicted_points, " points, n = ", n), {}, "ms", "", "mean and variance"};
  const device::Block<const double> points{sample.row(n).data(), predicted_points, dimensions, dimensions};
  for (int i = 0; i < report.repeats(); ++i)
    figure.values.push_back(milliseconds([&] { process.predict(points, prediction); }));
  add(report, figure);
}

space::Space unit_cube() {
  std::vector<space::Definition> definitions;
  for (std::size_t i = 0; i < dimensions; ++i)
    definitions.push_back({concat("x", i + 1), "uniform(0, 1)", {}});
  Problems problems;
  space::Space cube = space::Space::parse(definitions, {}, problems);
  if (!problems.empty()) throw InvalidInputs(problems);
  return cube;
}

/// A study in which 64 trials are always running. Its trials are random points, but for those that are
/// proposed while the time is taken.
class RunningStudy {
 public:
  explicit RunningStudy(const std::string& device)
      : searcher_(search::make_searcher(options(device), unit_cube())) {
    while (running_.size() < pending_trials) start(random_point());
  }

  /// Goes on with random points.
  void grow_to(std::size_t results) {
    while (history_.finished().size() < results) {
      finish_oldest();
      start(random_point());
    }
  }

  /// One result comes in, and a free worker asks.
  double proposal_milliseconds() {
    finish_oldest();
    std::optional<search::Config> proposal;
    const TrialId next{static_cast<std::int32_t>(history_.trials().size())};
    const double taken = milliseconds([&] { proposal = searcher_->propose(history_, next, {}); });
    require(proposal.has_value(), "no proposal");
    start(*proposal);
    return taken;
  }

 private:
  static search::SearcherOptions options(const std::string& device) {
    search::SearcherOptions options{.algorithm = "bo", .seed = seed};
    options.bayesian.device = device;
    return options;
  }

  search::Config random_point() {
    search::Config point(dimensions);
    for (double& x : point) x = random_.uniform();
    return point;
  }

  void start(const search::Config& config) {
    const TrialId trial{static_cast<std::int32_t>(history_.trials().size())};
    history_.record(search::TrialCreated{.trial = trial, .config = config});
    history_.record(search::TrialStarted{.trial = trial, .worker = WorkerId{0}});
    running_.push_back(trial);
  }

  void finish_oldest() {
    const TrialId trial = running_.front();
    running_.pop_front();
    const double value = smooth(history_[trial].config);
    history_.record(search::TrialEnded{.trial = trial, .objective = value});
  }

  Random random_{seed};
  search::History history_;
  std::unique_ptr<search::Searcher> searcher_;
  std::deque<TrialId> running_;
};

/// Target and peers' times at so many results, d = 20 and 64 running trials.
struct Bar {
  std::size_t results = 0;
  std::string target, peers;
};

const std::vector<Bar> bars = {
    {100, "<= 1.5", "BoTorch 320, HEBO 2500, Optuna-GP 60, TuRBO 170, dlib 3.8, hyperopt 6"},
    {500, "<= 12", "BoTorch 7800, HEBO 5700, Optuna-GP 840, TuRBO 2900, dlib 10, hyperopt 11"},
    {1000, "<= 40", "BoTorch 24000, Optuna-GP 5500, TuRBO 18000, dlib 31, hyperopt 22"},
    {5000, "<= 400", ""},
};

/// Models are refitted when the results have grown by a fifth, all of them at every second time: while the
/// results grow by 45 %, or by the 400 after which those that the models see are chosen anew, each refit
/// falls due.
std::size_t proposals_at(std::size_t results) { return std::min<std::size_t>(results * 45 / 100, 400); }

void time_proposals(benchmark::Report& report, RunningStudy& study, const Bar& bar) {
  study.grow_to(bar.results);
  const double first = study.proposal_milliseconds();
  std::vector<double> times(proposals_at(bar.results));
  for (double& time : times) time = study.proposal_milliseconds();
  const double mean = std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(times.size());
  const std::string at = concat("n = ", bar.results);
  add(report, {concat("proposal, mean, ", at), {mean}, "ms", bar.target, bar.peers});
  add(report, {concat("  each of ", times.size(), " proposals, ", at), times, "ms", "", "refits included"});
  add(report, {concat("  the first, ", at), {first}, "ms", "", "learns from all results since the last one"});
}

}  // namespace

int main(int argc, char** argv) {
  const benchmark::Arguments arguments(
      argc, argv,
      {{"--json", "", "FILE"}, {"--repeat", "11", "N"}, {"--most", "5000", "RESULTS"}, {"--device", "cpu", "cpu|cuda"}});
  benchmark::Report report("gp", arguments);
  const auto most = static_cast<std::size_t>(arguments.count("--most"));
  const std::string device = arguments.words("--device", {"cpu", "cuda"}).front();
  for (const std::size_t n : {100, 200, 500, 1000, 2000})
    if (n <= most) time_likelihood(report, n);
  for (const std::size_t n : {200, 500, 1000, 2000, 5000})
    if (n <= most && device == "cuda") time_crossover(report, n);
  for (const std::size_t n : {1000, 5000})
    if (n <= most) time_append(report, n);
  if (most >= 1000) time_prediction(report, 1000);
  RunningStudy study(device);
  for (const Bar& bar : bars)
    if (bar.results <= most) time_proposals(report, study, bar);
  report.finish();
}
