#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <thread>

#include "../../src/objective/sleep_time.hpp"
#include "regatta/core/random.hpp"
#include "regatta/objective/function_objective.hpp"
#include "regatta/objective/test_function.hpp"

namespace regatta::objective {
namespace {

struct Known {
  std::string name;
  int dimensions;
  double minimum;
  std::vector<double> minimiser;
};

/// Minima and minimisers from the literature; empty where only the value is stated there.
std::vector<Known> known_minima() {
  const auto all = [](int d, double x) { return std::vector<double>(static_cast<std::size_t>(d), x); };
  return {
      {"branin", 2, 0.397887357729738, {std::numbers::pi, 2.275}},
      {"branin", 2, 0.397887357729738, {-std::numbers::pi, 12.275}},
      {"branin", 2, 0.397887357729738, {3 * std::numbers::pi, 2.475}},
      {"goldstein_price", 2, 3, {0, -1}},
      {"log_goldstein_price", 2, 1.09861228866811, {0, -1}},
      {"six_hump_camel", 2, -1.031628453489877, {0.08984201310031806, -0.7126564030207396}},
      {"six_hump_camel", 2, -1.031628453489877, {-0.08984201310031806, 0.7126564030207396}},
      {"log_six_hump_camel", 2, -9.545162828516157, {}},
      {"wang_freitas", 1, -4, {0.9}},
      {"cosines", 2, -1.6, {0.3125, 0.3125}},
      {"mod_hartmann6", 6, -1.20067778513236, {}},
      {"log_rosenbrock", 10, -0.693147180559945, all(10, 1)},
      {"log_styblinski_tang", 10, 2.12086451105282, all(10, -2.903534027771177)},
      {"log_gsobol", 10, -6.93147180559945, all(10, 0.5)},
      {"mixed_ackley", 8, 0, all(8, 0)},
      {"hartmann3", 3, -3.86278214782076, {}},
      {"hartmann6", 6, -3.32236801141551, {}},
      {"sphere", 5, 0, all(5, 0)},
      {"ackley", 6, 0, all(6, 0)},
      {"levy", 6, 0, all(6, 1)},
      {"rosenbrock", 10, 0, all(10, 1)},
      {"styblinski_tang", 1, -39.16616570377142, all(1, -2.903534027771177)},
      {"styblinski_tang", 4, -4 * 39.16616570377142, all(4, -2.903534027771177)},
      {"rastrigin", 3, 0, all(3, 0)},
  };
}

TEST(TestFunction, HasItsKnownMinimumAtTheKnownMinimiser) {
  for (const Known& known : known_minima()) {
    const TestFunction function(known.name, known.dimensions);

    EXPECT_NEAR(function.minimum(), known.minimum, 1e-10) << known.name;
    EXPECT_NEAR(function(function.minimiser()), known.minimum, 1e-10) << known.name;
    if (!known.minimiser.empty()) {
      EXPECT_NEAR(function(known.minimiser), known.minimum, 1e-10) << known.name;
    }
  }
}

TEST(TestFunction, FindsTheMinimumOfMichalewiczInAnyDimension) {
  EXPECT_NEAR(TestFunction("michalewicz", 2).minimum(), -1.8013034, 1e-7);
  EXPECT_NEAR(TestFunction("michalewicz", 5).minimum(), -4.687658179, 1e-9);
  EXPECT_NEAR(TestFunction("michalewicz", 10).minimum(), -9.66015171564, 1e-10);
  EXPECT_NEAR(TestFunction("michalewicz", 2).minimiser()[0], 2.20290552, 1e-6);
  EXPECT_NEAR(TestFunction("michalewicz", 2).minimiser()[1], std::numbers::pi / 2, 1e-6);
}

TEST(TestFunction, HasHandComputedValuesAwayFromTheMinimum) {
  EXPECT_DOUBLE_EQ(TestFunction("sphere", 2)(std::vector{1.0, 2.0}), 5);
  EXPECT_DOUBLE_EQ(TestFunction("rosenbrock", 2)(std::vector{0.0, 1.0}), 101);
  EXPECT_DOUBLE_EQ(TestFunction("rastrigin", 1)(std::vector{0.5}), 20.25);
  EXPECT_DOUBLE_EQ(TestFunction("styblinski_tang", 1)(std::vector{1.0}), -5);
  EXPECT_NEAR(TestFunction("levy", 2)(std::vector{5.0, 1.0}), 1 * (1 + 10 * std::pow(std::sin(1.0), 2)),
              1e-12);
  EXPECT_NEAR(TestFunction("ackley", 1)(std::vector{1.0}), 20 * (1 - std::exp(-0.2)), 1e-12);
  EXPECT_NEAR(TestFunction("branin", 2)(std::vector{0.0, 6.0}), 20 - 10 / (8 * std::numbers::pi), 1e-12);
}

TEST(TestFunction, HasHandComputedValuesOfTheFormulasOfDeAth) {
  const auto at = [](const char* name, std::vector<double> x) {
    return TestFunction(name, static_cast<int>(x.size()))(x);
  };
  EXPECT_DOUBLE_EQ(at("goldstein_price", {0, 0}), 20 * 30);
  EXPECT_DOUBLE_EQ(at("goldstein_price", {1, 1}), (1 + 9 * 3) * (30 + 37));
  EXPECT_DOUBLE_EQ(at("log_goldstein_price", {0, 0}), std::log(600.0));
  EXPECT_NEAR(at("six_hump_camel", {1, 1}), 4 - 2.1 + 1.0 / 3 + 1, 1e-12);
  EXPECT_NEAR(at("log_six_hump_camel", {0, 0}), std::log(1.0317), 1e-12);
  EXPECT_NEAR(at("wang_freitas", {0}), -2 * std::exp(-0.5), 1e-12);
  EXPECT_NEAR(at("wang_freitas", {0.1}), -2, 1e-12);
  EXPECT_NEAR(at("cosines", {0, 0}), -1 + 2 * 0.25, 1e-12);
  EXPECT_DOUBLE_EQ(at("log_rosenbrock", {0, 1}), std::log(101.5));
  EXPECT_DOUBLE_EQ(at("log_styblinski_tang", {0, 0, 0}), std::log(120.0));
  EXPECT_NEAR(at("log_gsobol", {0.5, 1}), std::log(0.5 * 1.5), 1e-12);
  EXPECT_DOUBLE_EQ(at("mod_hartmann6", std::vector<double>(6, 0.5)),
                   -std::log(-at("hartmann6", std::vector<double>(6, 0.5))));
}

TEST(TestFunction, IsSearchedWhereItsDomainIsSaidToBe) {
  const TestFunction plain("ackley", 3), narrow("ackley", 3, {}, {-5, 10}), moved("ackley", 3, 4, {-5, 10});

  EXPECT_EQ(narrow.low(2), -5);
  EXPECT_EQ(narrow.high(2), 10);
  EXPECT_EQ(TestFunction("levy", 2, {}, {-5, {}}).high(0), 10);
  EXPECT_EQ(narrow(std::vector{1.0, 2.0, 3.0}), plain(std::vector{1.0, 2.0, 3.0}));
  for (const double x : moved.minimiser()) {
    EXPECT_GT(x, -5);
    EXPECT_LT(std::abs(x), TestFunction::shift_range * 15);
  }
}

TEST(TestFunction, RejectsADomainWithoutItsMinimum) {
  EXPECT_THROW(TestFunction("ackley", 2, {}, {1, {}}), InvalidInput);
  EXPECT_THROW(TestFunction("ackley", 2, {}, {{}, -1}), InvalidInput);
  EXPECT_THROW(TestFunction("levy", 2, {}, {1, 1}), InvalidInput);
  EXPECT_THROW(TestFunction("michalewicz", 2, {}, {0, 10}), InvalidInput);
  EXPECT_NO_THROW(TestFunction("michalewicz", 2, {}, {1, 3}));
}

class EveryTestFunction : public testing::TestWithParam<std::string> {
 protected:
  TestFunction function(std::optional<std::uint64_t> shift = {}) const {
    return TestFunction(GetParam(), TestFunction::fixed_dimensions(GetParam()).value_or(4), shift);
  }
};

TEST_P(EveryTestFunction, IsNowhereBelowItsMinimumShiftedOrNot) {
  for (const std::uint64_t shift : {0, 1, 2, 3}) {
    const TestFunction f = function(shift > 0 ? std::optional(shift) : std::nullopt);
    Random random(11, shift);
    std::vector<double> x(f.minimiser().size());
    for (int sample = 0; sample < 20'000; ++sample) {
      for (int i = 0; i < f.dimensions(); ++i)
        x[static_cast<std::size_t>(i)] = f.low(i) + random.uniform() * (f.high(i) - f.low(i));
      ASSERT_GE(f(x), f.minimum() - 1e-12) << "shift " << shift;
    }
  }
}

TEST_P(EveryTestFunction, HasALocalMinimumAtItsMinimiser) {
  const TestFunction f = function(5);
  for (std::size_t i = 0; i < f.minimiser().size(); ++i) {
    for (const double step : {-1e-3, 1e-3}) {
      std::vector<double> x = f.minimiser();
      x[i] += step;
      EXPECT_GT(f(x), f.minimum()) << "dimension " << i;
    }
  }
}

TEST_P(EveryTestFunction, KeepsItsMinimumExactlyUnderAShiftAndTheMinimiserInsideTheDomain) {
  const TestFunction plain = function();
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const TestFunction f = function(seed);

    EXPECT_EQ(f.minimum(), plain.minimum());
    EXPECT_NEAR(f(f.minimiser()), plain.minimum(), 1e-10);
    EXPECT_NE(f.minimiser(), plain.minimiser());
    EXPECT_EQ(f.minimiser(), function(seed).minimiser());
    EXPECT_NE(f.minimiser(), function(seed + 1).minimiser());
    for (int i = 0; i < f.dimensions(); ++i) {
      if (!f.definition(i).starts_with("uniform")) continue;
      EXPECT_GT(f.minimiser()[static_cast<std::size_t>(i)], f.low(i));
      EXPECT_LT(f.minimiser()[static_cast<std::size_t>(i)], f.high(i));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryTestFunction, testing::ValuesIn(TestFunction::names()),
                         [](const auto& instance) { return instance.param; });

TEST(TestFunction, RejectsDimensionsThatItDoesNotHave) {
  EXPECT_THROW(TestFunction("branin", 3), InvalidInput);
  EXPECT_THROW(TestFunction("rosenbrock", 1), InvalidInput);
  EXPECT_THROW(TestFunction("branyn", 2), InvalidInput);
}

double mean_of(const std::string& text) {
  const SleepTime sleep(text);
  Random random(3);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) sum += sleep.draw(random);
  return sum / 100'000;
}

TEST(SleepTime, DrawsFromItsDistribution) {
  EXPECT_DOUBLE_EQ(SleepTime("250ms").draw(*std::make_unique<Random>(1)), 0.25);
  EXPECT_NEAR(mean_of("normal(1, 0.2)"), 1, 0.005);
  EXPECT_NEAR(mean_of("uniform(500ms, 1.5s)"), 1, 0.005);
  EXPECT_NEAR(mean_of("exponential(2)"), 2, 0.04);
  EXPECT_NEAR(mean_of("lognormal(-0.5, 0.5)"), std::exp(-0.5 + 0.125), 0.01);
}

TEST(SleepTime, IsNeverNegative) {
  // A normal number with mean 0 that is cut off at 0 has the mean sd / sqrt(2 pi).
  EXPECT_NEAR(mean_of("normal(0, 1)"), 1 / std::sqrt(2 * std::numbers::pi), 0.01);
  EXPECT_THROW(SleepTime("-1"), InvalidInput);
}

TEST(SleepTime, RejectsWhatIsNoDistribution) {
  for (const char* text : {"", "soon", "normal(1)", "normal(1, 2", "uniform(2, 1)", "normal(a, b)",
                           "exponential(-1)", "lognormal(0, -1)", "gamma(1, 2)"})
    EXPECT_THROW(SleepTime{text}, InvalidInput) << text;
  EXPECT_TRUE(SleepTime("0").zero());
  EXPECT_FALSE(SleepTime("normal(0, 1)").zero());
}

ObjectiveOptions options(std::map<std::string, std::string> values) {
  ObjectiveOptions result;
  result.type = "function";
  for (const auto& [name, text] : values) result.where[name] = {"study.ini", 7};
  result.values = std::move(values);
  return result;
}

space::Space space_with(std::vector<space::Definition> definitions) {
  Problems problems;
  space::Space space = space::Space::parse(definitions, {}, problems);
  EXPECT_TRUE(problems.empty()) << InvalidInputs(problems).what();
  return space;
}

/// The reports of one trial that does not sleep.
std::vector<Progress> run(const ObjectiveOptions& choice, const space::Config& config,
                          TrialContext context = {0, 1, 1}) {
  const auto objective = make_function_objective(choice, space_with(function_space(choice)));
  const auto trial = objective->start(config, context);
  std::vector<Progress> reports;
  do reports.push_back(trial->advance().value());
  while (!reports.back().finished);
  EXPECT_EQ(reports.back().metrics.size(), objective->metrics().size());
  EXPECT_EQ(reports.size(), static_cast<std::size_t>(objective->epochs()));
  return reports;
}

TEST(FunctionObjective, ReportsTheValueOfItsFunctionAndTheRegret) {
  const auto reports = run(options({{"function", "sphere"}, {"dimensions", "3"}}), {1, 2, 3});

  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].epoch, 1);
  EXPECT_DOUBLE_EQ(reports[0].value, 14);
  EXPECT_DOUBLE_EQ(reports[0].metrics[0], 14);
  EXPECT_TRUE(std::isnan(reports[0].standard_error));
}

TEST(FunctionObjective, BringsItsOwnSpaceOverItsDomain) {
  const auto definitions = function_space(options({{"function", "branin"}}));

  ASSERT_EQ(definitions.size(), 2u);
  EXPECT_EQ(definitions[0].name, "x1");
  EXPECT_EQ(definitions[0].text, "uniform(-5, 10)");
  EXPECT_EQ(definitions[1].text, "uniform(0, 15)");
  EXPECT_EQ(function_space(options({{"function", "levy"}, {"dimensions", "7"}})).size(), 7u);
  EXPECT_EQ(function_space(options({{"function", "levy"}})).size(), 2u);
  EXPECT_TRUE(function_space(options({{"function", "branin"}, {"dimensions", "3"}})).empty());
}

TEST(FunctionObjective, BringsASpaceOverTheDomainThatTheOptionsSay) {
  const auto choice = options({{"function", "ackley"}, {"low", "-5"}, {"high", "10"}});

  EXPECT_EQ(function_space(choice).at(1).text, "uniform(-5, 10)");
  EXPECT_EQ(function_space(options({{"function", "levy"}, {"low", "-5"}})).at(0).text, "uniform(-5, 10)");
  EXPECT_EQ(function_space(options({{"function", "levy"}, {"low", "2"}})).at(0).text, "uniform(-10, 10)");
}

TEST(FunctionObjective, BringsAMixedSpaceForMixedAckley) {
  const auto choice = options({{"function", "mixed_ackley"}, {"shift", "3"}});
  const auto definitions = function_space(choice);

  ASSERT_EQ(definitions.size(), 8u);
  EXPECT_EQ(definitions[2].text, "uniform(-5, 10)");
  EXPECT_EQ(definitions[3].text, "int(-5, 10)");
  EXPECT_EQ(definitions[7].text, "choice(8, 1, 0, 4, 2)");
  space::Config best = TestFunction("mixed_ackley", 8, 3).minimiser();
  for (std::size_t i = 3; i < 5; ++i) EXPECT_EQ(best[i], 0);
  for (std::size_t i = 5; i < 8; ++i) best[i] = 2;  // the place of 0 in the choice
  EXPECT_NEAR(run(choice, best)[0].value, 0, 1e-12);
}

TEST(FunctionObjective, ComesDownToTheFunctionOverItsEpochs) {
  const auto reports = run(options({{"function", "sphere"}, {"epochs", "9"}}), {1, 2});

  ASSERT_EQ(reports.size(), 9u);
  for (std::size_t i = 1; i < reports.size(); ++i) EXPECT_LT(reports[i].value, reports[i - 1].value);
  EXPECT_DOUBLE_EQ(reports.back().value, 5);
  EXPECT_EQ(reports.back().epoch, 9);
}

TEST(FunctionObjective, AddsNoiseThatFollowsFromTheTrialsSeed) {
  const auto choice = options({{"function", "sphere"}, {"noise", "0.5"}});
  const auto objective = make_function_objective(choice, space_with(function_space(choice)));
  const auto value = [&](std::uint64_t seed) {
    return objective->start({1, 2}, {0, 1, seed})->advance().value().value - 5;
  };
  double sum = 0, squares = 0;
  constexpr int samples = 20'000;
  for (std::uint64_t seed = 0; seed < samples; ++seed) {
    sum += value(seed);
    squares += value(seed) * value(seed);
  }

  EXPECT_NEAR(sum / samples, 0, 0.02);
  EXPECT_NEAR(std::sqrt(squares / samples), 0.5, 0.01);
  EXPECT_EQ(value(3), value(3));
}

TEST(FunctionObjective, TellsHowLongItWaitsInsteadOfSleeping) {
  const auto choice = options({{"function", "sphere"}, {"sleep", "60ms"}, {"epochs", "2"}});
  const auto objective = make_function_objective(choice, space_with(function_space(choice)));
  const auto before = std::chrono::steady_clock::now();
  const auto trial = objective->start({0, 0}, {0, 1, 1});
  EXPECT_LE(trial->idle_seconds(), 0.030);

  int reports = 0;
  for (bool finished = false; !finished;) {
    const double wait = trial->idle_seconds();
    const auto progress = trial->advance();
    if (progress) {
      ++reports;
      finished = progress->finished;
    } else {
      EXPECT_GT(wait, 0);
      std::this_thread::sleep_for(std::chrono::duration<double>(trial->idle_seconds()));
    }
  }

  EXPECT_EQ(reports, 2);
  EXPECT_GE(std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count(), 0.060);
}

TEST(FunctionObjective, TakesTheNumbersOfTheSpaceAsCoordinatesInTheirOrder) {
  const auto space = space_with(
      {{"word", "choice(a, b)", {}}, {"first", "int(1, 3)", {}}, {"second", "choice(5, 10, 0.5)", {}}});
  const auto objective = make_function_objective(options({{"function", "sphere"}}), space);

  const auto progress = objective->start({1, 3, 1}, {})->advance();

  EXPECT_DOUBLE_EQ(progress.value().value, 9 + 100);
}

TEST(FunctionObjective, PutsAnInactiveCoordinateInTheMiddleOfTheDomain) {
  const auto space = space_with({{"x1", "uniform(-5, 10)", {}}, {"x2", "uniform(0, 15) if x1 > 0", {}}});
  const auto objective = make_function_objective(options({{"function", "branin"}}), space);

  const double value = objective->start({-1, std::nan("")}, {})->advance().value().value;

  EXPECT_DOUBLE_EQ(value, TestFunction("branin", 2)(std::vector{-1.0, 7.5}));
}

Problems function_problems(const ObjectiveOptions& choice, const space::Space& space) {
  Problems problems;
  check_function(choice, space, problems);
  return problems;
}

TEST(FunctionObjective, NamesTheNumberOfDimensionsThatItNeeds) {
  const auto space = space_with({{"a", "uniform(0, 1)", {}}, {"b", "choice(x, y)", {}}});

  const Problems problems = function_problems(options({{"function", "branin"}}), space);

  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].text, "branin has 2 dimensions, but [space] has 1 parameters that are numbers");
  EXPECT_EQ(problems[0].where.line, 7);
  EXPECT_EQ(function_problems(options({{"function", "rosenbrock"}}), space).size(), 1u);
  EXPECT_EQ(function_problems(options({{"function", "hartmann3"}, {"dimensions", "4"}}), space).size(), 1u);
  EXPECT_EQ(function_problems(options({{"function", "sphere"}, {"sleep", "a while"}}), space).size(), 1u);
  EXPECT_EQ(function_problems(options({{"function", "sphere"}, {"low", "2"}}), space).at(0).text,
            "the minimum of sphere, at 0 in dimension 1, must lie between low = 2 and high = 5.12");
  EXPECT_TRUE(function_problems(options({{"function", "sphere"}}), space).empty());
  EXPECT_THROW(make_function_objective(options({{"function", "branin"}}), space), InvalidInput);
  EXPECT_THROW(make_function_objective(options({{"noise", "-1"}}), space), InvalidInput);
}

TEST(FunctionObjective, FailsExactlyTheTrialThatItIsToldTo) {
  const auto fail = [](const std::string& fault, std::int32_t trial) {
    return run(options({{"function", "sphere"}, {"fault", fault}, {"fault_trial", "3"}}), {1, 2},
               {trial, 1, 1});
  };
  EXPECT_THROW(fail("throw", 3), std::runtime_error);
  EXPECT_THROW(fail("memory", 3), std::bad_alloc);
  EXPECT_THROW(fail("worker", 3), WorkerFailure);
  EXPECT_TRUE(std::isnan(fail("nan", 3).back().value));
  try {
    fail("invalid", 3);
    FAIL() << "expected TrialFailure";
  } catch (const TrialFailure& failure) {
    EXPECT_EQ(failure.kind, FailureKind::Invalid);
  }
  for (const char* fault : {"none", "throw", "memory", "worker", "nan", "invalid"})
    EXPECT_DOUBLE_EQ(fail(fault, 4).back().value, 5) << fault;
}

TEST(FunctionObjective, FailsASeededFractionOfTheTrials) {
  const auto choice = options({{"function", "sphere"}, {"fail_rate", "0.3"}});
  const auto objective = make_function_objective(choice, space_with(function_space(choice)));
  const auto fails = [&](std::uint64_t seed) {
    try {
      objective->start({1, 2}, {0, 1, seed})->advance();
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  };
  int failures = 0;
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) failures += fails(seed);

  EXPECT_NEAR(failures / 10'000.0, 0.3, 0.02);
  EXPECT_EQ(fails(5), fails(5));
}

}  // namespace
}  // namespace regatta::objective
