#include "regatta/objective/function_objective.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <new>
#include <optional>
#include <stdexcept>

#include "regatta/core/bytes.hpp"
#include "regatta/core/random.hpp"
#include "regatta/core/text.hpp"
#include "regatta/objective/test_function.hpp"
#include "settings.hpp"
#include "sleep_time.hpp"

namespace regatta::objective {
namespace {

// Streams of a trial's seed.
constexpr std::uint64_t noise_stream = 1, sleep_stream = 2, curve_stream = 3, failure_stream = 4;

constexpr int default_dimensions = 2;

std::string text_of(const ObjectiveOptions& options, const std::string& name) {
  const auto found = options.values.find(name);
  return found != options.values.end() ? found->second : find_option(function_options(), name)->fallback;
}

/// The number of an option, or none when a word stands there.
std::optional<double> number(const ObjectiveOptions& options, const std::string& name) {
  const Option& option = *find_option(function_options(), name);
  const std::string text = text_of(options, name);
  if (std::ranges::find(option.words, text) != option.words.end()) return {};
  return number_of(option, text);
}

std::string word(const ObjectiveOptions& options, const std::string& name) {
  const std::string text = text_of(options, name);
  const std::string wrong = violation(*find_option(function_options(), name), text);
  require(wrong.empty(), wrong);
  return text;
}

/// Where the user wrote `name`, or the function's name, or nothing.
Location where(const ObjectiveOptions& options, const std::string& name) {
  for (const std::string& key : {name, std::string("function"), std::string("type")})
    if (const auto found = options.where.find(key); found != options.where.end()) return found->second;
  return {};
}

/// Dimensions as the options say; none for `auto` with a function that takes any number.
std::optional<int> stated_dimensions(const ObjectiveOptions& options) {
  const std::string name = word(options, "function");
  const auto fixed = TestFunction::fixed_dimensions(name);
  const auto stated = number(options, "dimensions");
  if (!stated) return fixed;
  const int dimensions = static_cast<int>(*stated);
  require(!fixed || *fixed == dimensions, name, " has ", fixed.value_or(0),
          " dimensions, got dimensions = ", dimensions);
  require(dimensions >= TestFunction::least_dimensions(name), name, " needs at least ",
          TestFunction::least_dimensions(name), " dimensions, got ", dimensions);
  return dimensions;
}

TestFunction make_function(const ObjectiveOptions& options, int dimensions) {
  const auto shift = number(options, "shift");
  const bool shifted = shift && *shift != 0;
  return TestFunction(word(options, "function"), dimensions,
                      shifted ? std::optional(static_cast<std::uint64_t>(*shift)) : std::nullopt,
                      {number(options, "low"), number(options, "high")});
}

/// The function whose domain is searched by default: its own where the options' domain lacks the minimum, so
/// that check_function comes to tell so.
TestFunction function_of_default_space(const ObjectiveOptions& options) {
  const int dimensions = stated_dimensions(options).value_or(default_dimensions);
  try {
    return make_function(options, dimensions);
  } catch (const InvalidInput&) {
    return TestFunction(word(options, "function"), dimensions);
  }
}

/// A parameter of the space that is one coordinate of the function.
struct Coordinate {
  std::size_t index = 0;       ///< in a Config
  std::vector<double> listed;  ///< the numbers of a choice by index; empty: the entry is the number

  double at(double entry) const { return listed.empty() ? entry : listed[static_cast<std::size_t>(entry)]; }
};

/// The numbers of a choice; none when one of them is a word.
std::optional<std::vector<double>> numbers_of(const std::vector<space::Value>& categories) {
  std::vector<double> numbers;
  for (const space::Value& value : categories) {
    if (const auto* whole = std::get_if<std::int64_t>(&value))
      numbers.push_back(static_cast<double>(*whole));
    else if (const auto* real = std::get_if<double>(&value))
      numbers.push_back(*real);
    else
      return {};
  }
  return numbers;
}

std::vector<Coordinate> coordinates_of(const space::Space& space) {
  std::vector<Coordinate> coordinates;
  for (std::size_t i = 0; i < space.size(); ++i) {
    const space::Parameter& parameter = space.parameters()[i];
    if (parameter.name == width_parameter) continue;
    if (!parameter.categorical()) {
      coordinates.push_back({i, {}});
    } else if (auto listed = numbers_of(parameter.categories)) {
      coordinates.push_back({i, std::move(*listed)});
    }
  }
  return coordinates;
}

/// What a trial does besides computing its value.
struct Behaviour {
  explicit Behaviour(const ObjectiveOptions& options)
      : epochs(static_cast<std::int32_t>(number(options, "epochs").value())),
        noise(number(options, "noise").value()),
        sleep(text_of(options, "sleep")),
        fail_rate(number(options, "fail_rate").value()),
        fault(word(options, "fault")),
        fault_trial(static_cast<std::int32_t>(number(options, "fault_trial").value())) {}

  /// The fault that this trial is to have; "none" for most.
  std::string fault_of(const TrialContext& context) const {
    if (fault != "none" && context.trial == fault_trial) return fault;
    return fail_rate > 0 && Random(context.seed, failure_stream).uniform() < fail_rate ? "throw" : "none";
  }

  std::int32_t epochs;
  double noise;
  SleepTime sleep;
  double fail_rate;
  std::string fault;
  std::int32_t fault_trial;
};

class FunctionTrial : public Trainable {
 public:
  FunctionTrial(const Behaviour& behaviour, const TrialContext& context, double value, double minimum)
      : behaviour_(behaviour),
        fault_(behaviour.fault_of(context)),
        seed_(context.seed),
        value_(value),
        minimum_(minimum) {
    Random random(seed_, sleep_stream);
    sleep_ = behaviour_.sleep.zero() ? 0 : behaviour_.sleep.draw(random);
    virtual_time_ = context.virtual_time;
    if (sleep_ > 0) start_ = Clock::now();
  }

  std::optional<Progress> advance() override {
    if (idle_seconds() > 0) return {};
    fail_if_told();
    Progress progress;
    progress.epoch = ++epoch_;
    progress.finished = epoch_ == behaviour_.epochs;
    progress.value = fault_ == "nan" ? std::numeric_limits<double>::quiet_NaN() : value_ + excess() + noise();
    progress.metrics = {value_ + excess() - minimum_};
    progress.standard_error = std::numeric_limits<double>::quiet_NaN();
    return progress;
  }

  double idle_seconds() const override {
    if (sleep_ <= 0 || virtual_time_) return 0;
    const double due = sleep_ * (epoch_ + 1) / behaviour_.epochs;
    return std::max(0.0, due - std::chrono::duration<double>(Clock::now() - start_).count());
  }

  /// The epoch is all that a function knows of its past.
  std::vector<std::byte> save() const override {
    ByteWriter writer;
    writer.add(epoch_);
    return writer.take();
  }

  void load(std::span<const std::byte> saved) override {
    epoch_ = ByteReader(saved).take<std::int32_t>();
    start_ -= std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(sleep_ * epoch_ / behaviour_.epochs));
  }

  std::optional<double> epoch_seconds() const override {
    return behaviour_.sleep.zero() ? std::nullopt : std::optional(sleep_ / behaviour_.epochs);
  }

 private:
  using Clock = std::chrono::steady_clock;

  void fail_if_told() const {
    if (fault_ == "throw") throw std::runtime_error("the function objective was told to fail this trial");
    if (fault_ == "memory") throw std::bad_alloc();
    if (fault_ == "worker") throw WorkerFailure("the function objective was told to break this worker");
  }

  /// What an unfinished training lacks: as 1/epoch, with a factor of the trial's own in [1, 2).
  double excess() const {
    if (behaviour_.epochs == 1) return 0;
    return (1 + Random(seed_, curve_stream).uniform()) * (1.0 / epoch_ - 1.0 / behaviour_.epochs);
  }

  double noise() const {
    if (behaviour_.noise == 0) return 0;
    return behaviour_.noise *
           Random(derive_seed(seed_, noise_stream), static_cast<std::uint64_t>(epoch_)).normal();
  }

  const Behaviour& behaviour_;  ///< of the objective, which lives longer
  std::string fault_;
  std::uint64_t seed_;
  double value_, minimum_;
  double sleep_ = 0;  ///< over all epochs [s]
  bool virtual_time_ = false;
  Clock::time_point start_;
  std::int32_t epoch_ = 0;
};

class FunctionObjective : public Objective {
 public:
  FunctionObjective(const ObjectiveOptions& options, const space::Space& space)
      : coordinates_(coordinates_of(space)),
        function_(make_function(options, static_cast<int>(coordinates_.size()))),
        behaviour_(options) {}

  std::vector<std::string> metrics() const override { return {"regret"}; }
  std::int32_t epochs() const override { return behaviour_.epochs; }
  void prepare(const WorkerContext&) override {}
  bool simulated() const override { return true; }

  std::unique_ptr<Trainable> start(const space::Config& config, const TrialContext& context) override {
    if (behaviour_.fault_of(context) == "invalid")
      throw TrialFailure(FailureKind::Invalid,
                         "the function objective was told to refuse this configuration");
    return std::make_unique<FunctionTrial>(behaviour_, context, function_(point(config)),
                                           function_.minimum());
  }

 private:
  /// The coordinates of `config`; the middle of the domain where a parameter is inactive.
  std::vector<double> point(const space::Config& config) const {
    std::vector<double> x(coordinates_.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double entry = config.at(coordinates_[i].index);
      const int dimension = static_cast<int>(i);
      x[i] = std::isnan(entry) ? (function_.low(dimension) + function_.high(dimension)) / 2
                               : coordinates_[i].at(entry);
    }
    return x;
  }

  std::vector<Coordinate> coordinates_;
  TestFunction function_;
  Behaviour behaviour_;
};

/// The option that a problem with the domain is told of.
std::string domain_option(const ObjectiveOptions& options) {
  return options.values.contains("low") ? "low" : "high";
}

/// Whether the options keep to their table; what does not is reported by whoever checks the table.
bool well_formed(const ObjectiveOptions& options) {
  return std::ranges::all_of(function_options(), [&](const Option& option) {
    return violation(option, text_of(options, option.name)).empty();
  });
}

}  // namespace

const std::vector<Option>& function_options() {
  using enum OptionType;
  static const std::vector<Option> options = {
      {"function", Word, "branin", "Which test function is minimised.", TestFunction::names()},
      {"dimensions",
       Integer,
       "auto",
       "Number of coordinates; auto: as many as [space] has numbers, else the function's own or 2.",
       {"auto"},
       1,
       1000},
      {"low", Number, "auto", "Lower bound of each coordinate; auto: the function's own.", {"auto"}},
      {"high", Number, "auto", "Upper bound of each coordinate; auto: the function's own.", {"auto"}},
      {"shift",
       Integer,
       "none",
       "Seed of an offset that moves the minimum from where the formula has it; none or 0: not moved.",
       {"none"},
       0},
      {"noise", Number, "0", "Standard deviation of normal noise that is added to each value.", {}, 0},
      {"epochs",
       Integer,
       "1",
       "Reports of each trial; the value comes down to the function's as 1/epoch.",
       {},
       1,
       1e6},
      {"sleep", Text, "0",
       "How long a trial takes: a duration, normal(mean, sd), uniform(low, high), exponential(mean) or "
       "lognormal(mu, sigma)."},
      {"fail_rate", Number, "0", "Fraction of the trials that fail with an exception.", {}, 0, 1},
      {"fault",
       Word,
       "none",
       "How trial `fault_trial` fails: by an exception, with NaN, as an invalid configuration, out of "
       "memory, or "
       "with its whole worker.",
       {"none", "throw", "nan", "invalid", "memory", "worker"}},
      {"fault_trial", Integer, "0", "Number of the trial that has the fault.", {}, 0, 2147483647},
  };
  return options;
}

void check_function(const ObjectiveOptions& options, const space::Space& space, Problems& problems) {
  if (!well_formed(options)) return;
  holds(where(options, "sleep"), problems, [&] { SleepTime{text_of(options, "sleep")}; });
  std::optional<int> stated;
  if (!holds(where(options, "dimensions"), problems, [&] { stated = stated_dimensions(options); })) return;
  const int dimensions = stated.value_or(
      std::max(default_dimensions, TestFunction::least_dimensions(word(options, "function"))));
  if (!holds(where(options, domain_option(options)), problems, [&] { make_function(options, dimensions); })) return;
  holds(where(options, "dimensions"), problems, [&] {
    const std::string name = word(options, "function");
    const int numbers = static_cast<int>(coordinates_of(space).size());
    require(!stated || *stated == numbers, name, " has ", stated.value_or(0), " dimensions, but [space] has ",
            numbers, " parameters that are numbers");
    require(numbers >= TestFunction::least_dimensions(name), name, " needs at least ",
            TestFunction::least_dimensions(name), " parameters that are numbers, but [space] has ", numbers);
  });
}

std::vector<space::Definition> function_space(const ObjectiveOptions& options) {
  try {
    const TestFunction function = function_of_default_space(options);
    std::vector<space::Definition> definitions;
    for (int i = 0; i < function.dimensions(); ++i)
      definitions.push_back({concat("x", i + 1), function.definition(i), where(options, "function")});
    return definitions;
  } catch (const InvalidInput&) {
    return {};
  }
}

std::unique_ptr<Objective> make_function_objective(const ObjectiveOptions& options,
                                                   const space::Space& space) {
  Problems problems;
  check_function(options, space, problems);
  if (!problems.empty()) throw InvalidInputs(problems);
  return std::make_unique<FunctionObjective>(options, space);
}

}  // namespace regatta::objective
