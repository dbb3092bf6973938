#include "surrogate.hpp"

#include <algorithm>
#include <numeric>

#include "numeric.hpp"
#include "study.hpp"

namespace regatta::search {
namespace {

using namespace numeric;
using namespace study;

space::Space plane() { return space_of({{"x", "uniform(0, 1)", {}}, {"y", "uniform(0, 1)", {}}}); }

double flat_bowl(const Config& config) {
  return std::pow(config[0] - 0.3, 2) + 0.5 * std::pow(config[1] - 0.7, 2);
}

/// The first `count` of a fixed row of random configurations of the plane, completed.
History results(std::size_t count, double sign = 1, bool maximize = false) {
  History history(maximize);
  for (std::size_t i = 0; i < count; ++i) {
    const std::vector<double> centred = centred_numbers(2, 100 + i);
    create(history, {centred[0] + 0.5, centred[1] + 0.5});
    finish(history, TrialState::Completed, sign * flat_bowl(history.trials().back().config));
  }
  return history;
}

/// One kernel and one transform.
BayesianOptions single() {
  BayesianOptions options;
  options.kernel = "rbf";
  options.transform = "standard";
  return options;
}

void expect_same(Surrogate& a, Surrogate& b) {
  ASSERT_EQ(a.models().size(), b.models().size());
  EXPECT_EQ(a.size(), b.size());
  EXPECT_EQ(a.active().losses, b.active().losses);
  EXPECT_EQ(a.active().features, b.active().features);
  for (std::size_t i = 0; i < a.models().size(); ++i) {
    EXPECT_EQ(a.models()[i].parameters.flat(), b.models()[i].parameters.flat());
    EXPECT_EQ(a.models()[i].weight, b.models()[i].weight);
    EXPECT_EQ(a.models()[i].densities, b.models()[i].densities);
  }
  const std::vector<double> probes = centred_numbers(14, 1);
  for (double uniform = 0; uniform < 1; uniform += 0.1) {
    const Surrogate::Model &first = a.draw(uniform), &second = b.draw(uniform);
    EXPECT_EQ(first.values, second.values);
    EXPECT_EQ(first.incumbent, second.incumbent);
    Prediction by_first, by_second;
    first.process->predict(rows_of(probes, 2), by_first);
    second.process->predict(rows_of(probes, 2), by_second);
    EXPECT_EQ(by_first.mean, by_second.mean);
    EXPECT_EQ(by_first.variance, by_second.variance);
  }
}

double total_weight(const Surrogate& surrogate) {
  double sum = 0;
  for (const Surrogate::Model& model : surrogate.models()) sum += model.weight;
  return sum;
}

TEST(Surrogate, HasWeightsThatSumToOne) {
  Surrogate surrogate(plane(), {});
  for (const std::size_t count : {1, 2, 3, 7, 12, 25}) {
    surrogate.update(results(count));

    EXPECT_NEAR(total_weight(surrogate), 1, 1e-12) << count;
    for (const Surrogate::Model& model : surrogate.models()) EXPECT_GT(model.weight, 0);
  }
}

TEST(Surrogate, HasAModelForEachKernelAndTransformThatTheOptionsLeave) {
  const auto count = [](const std::string& kernel, const std::string& transform, const space::Space& space) {
    BayesianOptions options;
    options.kernel = kernel;
    options.transform = transform;
    Surrogate surrogate(space, options);
    surrogate.update(results(3));
    return surrogate.models().size();
  };

  EXPECT_EQ(count("auto", "auto", plane()), 16u);
  EXPECT_EQ(count("rbf", "standard", plane()), 1u);
  EXPECT_EQ(count("additive", "log", plane()), 4u);
  EXPECT_EQ(count("matern52", "none", plane()), 1u);
}

/// Weight of the warped models after 40 results of a function of the first coordinate.
double weight_of_warps(const std::string& warp, double (*function)(double)) {
  History history;
  for (std::size_t i = 0; i < 40; ++i) {
    const std::vector<double> centred = centred_numbers(2, 100 + i);
    create(history, {centred[0] + 0.5, centred[1] + 0.5});
    finish(history, TrialState::Completed, function(history.trials().back().config[0]));
  }
  BayesianOptions options = single();
  options.warp = warp;
  Surrogate surrogate(plane(), options);
  surrogate.update(history);
  double sum = 0;
  for (const Surrogate::Model& model : surrogate.models()) sum += model.warped ? model.weight : 0;
  return sum;
}

TEST(Surrogate, WarpsItsInputsWhereThatPredictsBetter) {
  const auto bent = [](double x) { return std::sin(9 * std::pow(x, 5)); };
  const auto even = [](double x) { return std::sin(9 * x); };

  EXPECT_GT(weight_of_warps("auto", bent), 0.5);
  EXPECT_LT(weight_of_warps("auto", even), 0.3);
  EXPECT_EQ(weight_of_warps("false", bent), 0);
  EXPECT_EQ(weight_of_warps("true", even), 1);
}

TEST(Surrogate, DrawsModelsByTheirWeights) {
  Surrogate surrogate(plane(), {});
  surrogate.update(results(12));

  std::vector<double> shares(surrogate.models().size());
  for (int i = 0; i < 1000; ++i) {
    const Surrogate::Model& drawn = surrogate.draw((i + 0.5) / 1000);
    shares[static_cast<std::size_t>(&drawn - surrogate.models().data())] += 1e-3;
  }

  for (std::size_t i = 0; i < shares.size(); ++i) EXPECT_NEAR(shares[i], surrogate.models()[i].weight, 2e-3);
}

TEST(Surrogate, IsTheSameWhetherResultsComeOneByOneOrTogether) {
  Surrogate together(plane(), {}), step_by_step(plane(), {}), asked(plane(), {});

  together.update(results(27));
  for (std::size_t count = 0; count <= 27; ++count) {
    step_by_step.update(results(count));
    asked.update(results(count));
    if (count > 1) asked.draw(std::fmod(0.37 * static_cast<double>(count), 1));
  }

  expect_same(together, step_by_step);
  expect_same(together, asked);
}

/// Two valleys, the deeper one at (0.25, 0.25).
double two_valleys(const Config& config) {
  const auto valley = [&](double centre) {
    return std::exp(-30 * (std::pow(config[0] - centre, 2) + std::pow(config[1] - centre, 2)));
  };
  return -valley(0.25) - 0.9 * valley(0.75);
}

/// All over the plane first, then ever closer to the bottom of the deeper valley.
History exhausted_valley(std::size_t scattered, std::size_t close) {
  History history;
  for (std::size_t i = 0; i < scattered + close; ++i) {
    std::vector<double> point = centred_numbers(2, 100 + i);
    for (double& coordinate : point)
      coordinate = i < scattered ? coordinate + 0.5 : 0.25 + 0.02 * coordinate / static_cast<double>(i);
    create(history, point);
    finish(history, TrialState::Completed, two_valleys(point));
  }
  return history;
}

TEST(Surrogate, LeavesAValleyThatIsExhausted) {
  Surrogate subject(plane(), {});
  subject.update(exhausted_valley(30, 4));
  EXPECT_EQ(subject.rest(), nullptr);

  subject.update(exhausted_valley(30, 8));

  ASSERT_NE(subject.rest(), nullptr);
  const auto in_valley = [&](double x, double y) {
    std::vector<double> features(subject.embedding().features());
    subject.embedding().embed(Config{x, y}, features);
    return subject.in_left_valley(features);
  };
  EXPECT_TRUE(in_valley(0.25, 0.25));
  EXPECT_TRUE(in_valley(0.3, 0.2));
  EXPECT_FALSE(in_valley(0.75, 0.75));
  EXPECT_FALSE(in_valley(0.7, 0.8));
  EXPECT_EQ(subject.active().losses.size(), 38u);
  for (const space::UnitPoint& point : subject.rest()->active().units)
    EXPECT_GT(std::hypot(point[0] - 0.25, point[1] - 0.25), 0.1);
  EXPECT_GT(subject.rest()->size(), 5u);
  EXPECT_GT(subject.rest()->least_loss(), subject.least_loss());
}

TEST(Surrogate, TellsTheRestWhatEndsOutsideOfTheValley) {
  History history = exhausted_valley(30, 8);
  Surrogate subject(plane(), {});
  subject.update(history);
  ASSERT_NE(subject.rest(), nullptr);
  const std::size_t before = subject.rest()->size();

  for (const Config& config : {Config{0.75, 0.75}, Config{0.251, 0.249}}) {
    create(history, config);
    finish(history, TrialState::Completed, two_valleys(config));
  }
  subject.update(history);

  EXPECT_EQ(subject.size(), 40u);
  EXPECT_EQ(subject.rest()->size(), before + 1);
  EXPECT_EQ(subject.rest()->least_loss(), two_valleys({0.75, 0.75}));
}

TEST(Surrogate, LeavesTheSameValleyWheneverItIsAsked) {
  const History all = exhausted_valley(30, 12);
  Surrogate together(plane(), {}), asked(plane(), {});

  together.update(all);
  for (std::size_t close = 0; close <= 12; ++close) {
    asked.update(exhausted_valley(30, close));
    asked.draw(std::fmod(0.37 * static_cast<double>(close), 1));
    if (asked.rest()) asked.rest()->draw(0.5);
  }

  expect_same(together, asked);
  ASSERT_NE(together.rest(), nullptr);
  ASSERT_NE(asked.rest(), nullptr);
  expect_same(*together.rest(), *asked.rest());
}

TEST(Surrogate, StaysInItsValleyWhereNothingIsToBeExplored) {
  BayesianOptions options;
  options.explore = 0;
  Surrogate subject(plane(), options);

  subject.update(exhausted_valley(30, 12));

  EXPECT_EQ(subject.rest(), nullptr);
}

TEST(Surrogate, BeginsAnewWithAnotherHistory) {
  Surrogate used(plane(), {}), fresh(plane(), {});
  used.update(results(15));
  History other;
  for (std::size_t i = 0; i < 6; ++i) create(other, {0.1 * static_cast<double>(i), 0.5});
  for (std::int32_t i = 5; i >= 0; --i) {  // ended in another order
    TrialStarted started;
    started.trial = TrialId{i};
    other.record(started);
    TrialEnded ended;
    ended.trial = TrialId{i};
    ended.objective = i;
    other.record(ended);
  }

  used.update(other);
  fresh.update(other);

  EXPECT_EQ(used.size(), 6u);
  expect_same(used, fresh);
}

TEST(Surrogate, ForgetsWhatAShorterHistoryDoesNotHold) {
  Surrogate used(plane(), {}), fresh(plane(), {});
  used.update(results(15));

  used.update(results(9));
  fresh.update(results(9));

  expect_same(used, fresh);
}

TEST(Surrogate, LooksForTheLargestValueWhenTheStudyMaximizes) {
  Surrogate minimising(plane(), {}), maximising(plane(), {});

  minimising.update(results(14));
  maximising.update(results(14, -1, true));

  expect_same(minimising, maximising);
}

TEST(Surrogate, LearnsFromFailuresWhereTrialsFail) {
  Surrogate surrogate(plane(), single());
  History history = results(6);
  create(history, {0.9, 0.1});
  finish(history, TrialState::Failed);
  create(history, {0.92, 0.12});
  finish(history, TrialState::Completed, not_a_number);
  create(history, {0.94, 0.1});
  finish(history, TrialState::Completed, std::numeric_limits<double>::infinity());

  surrogate.update(history);

  const auto& losses = surrogate.active().losses;
  ASSERT_EQ(surrogate.size(), 9u);
  for (std::size_t i = 6; i < 9; ++i)
    EXPECT_EQ(losses[i], *std::max_element(losses.begin(), losses.begin() + 6));
  EXPECT_FALSE(surrogate.feasibility().trivial());
  EXPECT_LT(surrogate.feasibility()(std::vector<double>{0.42, -0.4}, {}), std::log(0.5));
  EXPECT_GT(surrogate.feasibility()(std::vector<double>{-0.3, 0.3}, {}), std::log(0.8));
}

TEST(Surrogate, LearnsNothingFromCancelledAndLostTrials) {
  Surrogate surrogate(plane(), single());
  History history = results(3);
  create(history, {0.9, 0.1});
  finish(history, TrialState::Cancelled);
  create(history, {0.8, 0.1});
  TrialStarted started;
  started.trial = history.trials().back().id;
  history.record(started);
  TrialEnded lost;
  lost.trial = started.trial;
  lost.state = TrialState::Failed;
  lost.reason = Reason::Lost;
  history.record(lost);

  surrogate.update(history);

  EXPECT_EQ(surrogate.size(), 3u);
  EXPECT_TRUE(surrogate.feasibility().trivial());
}

TEST(Surrogate, TakesTheBestResultForItsIncumbent) {
  Surrogate surrogate(plane(), {});
  surrogate.update(results(30));
  const auto& losses = surrogate.active().losses;

  const auto best = static_cast<std::size_t>(std::ranges::min_element(losses) - losses.begin());

  for (double uniform = 0.05; uniform < 1; uniform += 0.1) {
    const Surrogate::Model& model = surrogate.draw(uniform);
    EXPECT_LT(losses[model.best] - losses[best], 0.02);
    EXPECT_LT(model.incumbent, 0);
  }
}

TEST(Surrogate, DoubtsAResultWithALargeStandardError) {
  Surrogate surrogate(plane(), single());
  History history = results(20);
  create(history, {0.9, 0.1});
  finish(history, TrialState::Completed, -1, 5);

  surrogate.update(history);

  EXPECT_NE(surrogate.draw(0.5).best, 20u);
}

TEST(Surrogate, KnowsAConstantObjective) {
  Surrogate surrogate(plane(), {});
  History history;
  for (int i = 0; i < 12; ++i) {
    create(history, {0.05 * i, 0.5});
    finish(history, TrialState::Completed, 1e20);
  }

  surrogate.update(history);
  EXPECT_TRUE(surrogate.constant());
  EXPECT_NEAR(total_weight(surrogate), 1, 1e-12);

  create(history, {0.9, 0.5});
  finish(history, TrialState::Completed, 2e20);
  surrogate.update(history);
  EXPECT_FALSE(surrogate.constant());
}

TEST(Surrogate, SurvivesAnyLossesAndStandardErrors) {
  const std::vector<std::vector<double>> cases{
      {1e30, 1, 2, 3, 4, 5},      {1e308, -1e308, 0, 1, 2, 3},       {0, 5e-324, 0, 1e-320, 0, 0},
      {1, 1 + 1e-15, 1, 1, 1, 1}, {1e30, 1e30, 1e30, 1, 1e30, 1e30}, {-1e-30, 1e-30, 0, 0, 0, 0}};
  for (const auto& losses : cases)
    for (const double error : {not_a_number, 0.0, 1e-200, 1.0, 1e200, 1e308})
      for (const std::string noise : {"learnt", "exact", "fixed"}) {
        BayesianOptions options;
        options.noise = noise;
        options.noise_deviation = 0.1;
        Surrogate surrogate(plane(), options);
        History history;
        for (std::size_t i = 0; i < losses.size(); ++i) {
          create(history, {0.1 * static_cast<double>(i), 0.5 - 0.07 * static_cast<double>(i)});
          finish(history, TrialState::Completed, losses[i], error);
        }

        ASSERT_NO_THROW(surrogate.update(history))
            << losses[0] << " " << losses[1] << " +- " << error << " " << noise;

        EXPECT_NEAR(total_weight(surrogate), 1, 1e-9) << losses[0] << " +- " << error << " " << noise;
        const Surrogate::Model& model = surrogate.draw(0.5);
        EXPECT_TRUE(std::isfinite(model.incumbent)) << losses[0] << " +- " << error << " " << noise;
      }
}

TEST(Surrogate, SeesWhatLiesAroundTheBestOfVeryManyResults) {
  BayesianOptions options = single();
  options.noise = "exact";
  Surrogate surrogate(plane(), options);
  History history = results(1000);
  surrogate.update(history);
  ASSERT_EQ(surrogate.active().losses.size(), 1000u);
  const auto& losses = surrogate.active().losses;

  while (losses.size() == surrogate.size() && surrogate.size() < 1200) {  // until the next fit
    const std::vector<double> centred = centred_numbers(2, 100 + surrogate.size());
    create(history, {centred[0] + 0.5, centred[1] + 0.5});
    finish(history, TrialState::Completed, flat_bowl(history.trials().back().config));
    surrogate.update(history);
  }

  EXPECT_LT(losses.size(), 1000u);
  const double best = history[*history.incumbent()].objective;
  EXPECT_EQ(*std::ranges::min_element(losses), best);
  const Surrogate::Model& model = surrogate.draw(0.5);
  EXPECT_EQ(model.process->size(), losses.size());
  EXPECT_EQ(losses[model.best], best);
}

/// Reports at the end of a stretch, and a pause or an end there.
void bring(History& history, TrialId trial, std::int32_t epoch, double value, TrialState state) {
  TrialStarted started;
  started.trial = trial;
  history.record(started);
  TrialReported report;
  report.trial = trial;
  report.epoch = epoch;
  report.value = value;
  history.record(report);
  TrialEnded ended;
  ended.trial = trial;
  ended.state = state;
  ended.epochs = epoch;
  ended.objective = value;
  history.record(ended);
}

/// Six trials that pause after an epoch; the two best go on for three.
History with_pauses() {
  History history;
  for (int i = 0; i < 6; ++i) {
    create(history, {0.15 * i, 0.1 * i});
    bring(history, TrialId{i}, 1, 10.0 + i, TrialState::Paused);
  }
  bring(history, TrialId{0}, 3, 4, TrialState::Paused);
  bring(history, TrialId{1}, 3, 6, TrialState::Completed);
  return history;
}

TEST(Surrogate, SeesPausedTrialsByTheirLatestValues) {
  Surrogate surrogate(plane(), {});

  surrogate.update(with_pauses());

  EXPECT_EQ(surrogate.active().losses, (std::vector<double>{4, 6, 12, 13, 14, 15}));
  EXPECT_EQ(surrogate.draw(0.5).incumbent, surrogate.draw(0.5).incumbent);
}

TEST(Surrogate, TakesATrialThatFailedAfterAPauseForAsBadAsTheWorst) {
  History history = with_pauses();
  bring(history, TrialId{0}, 4, 1, TrialState::Failed);
  bring(history, TrialId{3}, 4, 1, TrialState::Failed);
  Surrogate surrogate(plane(), {});

  surrogate.update(history);

  EXPECT_EQ(surrogate.active().losses, (std::vector<double>{6, 6, 12, 12, 14, 15}));
}

TEST(Surrogate, LowersValuesOfShorterTrainingsByTheMedianFall) {
  BayesianOptions options;
  options.align_epochs = true;
  Surrogate surrogate(plane(), options);

  surrogate.update(with_pauses());

  EXPECT_EQ(surrogate.active().losses, (std::vector<double>{4, 6, 6, 7, 8, 9})) << "falls of 5 and 6";
}

TEST(Surrogate, BelievesTheSameWheneverItIsAskedAboutTrialsThatPause) {
  for (const bool align : {false, true}) {
    BayesianOptions options = single();
    options.align_epochs = align;
    Surrogate at_once(plane(), options), again_and_again(plane(), options);
    History history;
    Random random(5);
    for (int i = 0; i < 30; ++i) {
      create(history, {random.uniform(), random.uniform()});
      bring(history, TrialId{i}, 1, random.uniform(), TrialState::Paused);
      if (i % 3 == 2) bring(history, TrialId{i - 1}, 3, random.uniform(), TrialState::Stopped);
      if (i % 4 == 1) again_and_again.update(history), again_and_again.draw(0.3);
    }

    again_and_again.update(history);
    at_once.update(history);

    expect_same(at_once, again_and_again);
  }
}

TEST(CostModel, LearnsHowAnEpochsTimeDependsOnTheConfiguration) {
  CostModel costs(2);
  EXPECT_EQ(costs(std::vector<double>{0.5, 0.5}, {}), 0);
  for (int i = 0; i < 100; ++i) {
    const std::vector<double> features{0.1 * (i % 10), 0.1 * (i / 10)};
    costs.add(features, 2 * std::exp(3 * features[0]));
  }
  std::vector<double> slopes{1, 1};

  const double dear = costs(std::vector<double>{1, 0.5}, slopes);

  EXPECT_NEAR(dear - costs(std::vector<double>{0, 0.5}, {}), 3, 0.4) << "logarithms";
  EXPECT_NEAR(slopes[0], 1 + 3, 0.4);
  EXPECT_NEAR(slopes[1], 1, 0.1);
}

}  // namespace
}  // namespace regatta::search
