#include "regatta/train/trainer.hpp"

#include <array>
#include <cmath>
#include <thread>

#include "far_backend.hpp"
#include "regatta/train/lane_pack.hpp"
#include "regatta/train/metrics.hpp"
#include "samples.hpp"
#include "team_training.hpp"

namespace regatta::train {
namespace {

using device::Activation;
using device::LossKind;

std::unique_ptr<device::Backend> make_far_backend() { return std::make_unique<FarBackend>(); }

double accuracy(Trainer& trainer, const Part& part, std::size_t classes) {
  const auto outputs = trainer.outputs(part);
  return score(Measure::Accuracy, {outputs, classes, LossKind::CrossEntropy, part.labels(), classes, {}});
}

TEST(Trainer, LearnsToTellCloudsApart) {
  const Samples samples = clouds(500, 6, 4, 0.3);
  Bench bench(samples);
  Trainer trainer(*bench.backend, bench.train, 4, classifier(samples, {32}));

  const double first = epoch(trainer).mean;
  for (int e = 1; e < 15; ++e) epoch(trainer);

  EXPECT_LT(epoch(trainer).mean, 0.3 * first);
  EXPECT_GT(accuracy(trainer, bench.valid, 4), 0.9);
}

TEST(Trainer, GivesTheSameBitsForTheSameSeed) {
  const Samples samples = clouds(200, 6, 3);
  Bench bench(samples);
  TrainingSpec spec = classifier(samples, {16, 16}, 0.2f);
  const auto parameters = [&] {
    Trainer trainer(*bench.backend, bench.train, 3, spec);
    for (int e = 0; e < 3; ++e) epoch(trainer);
    return trainer.network().parameters().download();
  };

  const auto first = parameters(), again = parameters();
  spec.seed = 6;

  EXPECT_EQ(first, again);
  EXPECT_NE(first, parameters());
}

/// Ten small networks in lanes of the host, each with a rate, a width and a number of epochs of its own: where one has ended, the
/// next one takes its seat while the others go on.
TEST(Trainer, InALaneGivesWhatItGivesAlone) {
  const Samples samples = clouds(150, 6, 3);
  Bench bench(samples);
  std::deque<TrainingSpec> specs;
  for (std::size_t i = 0; i < 10; ++i) {
    specs.push_back(classifier(samples, {4 + i, 12}, i % 3 == 0 ? 0.2f : 0));
    specs.back().learning_rate.base = 0.002 * static_cast<double>(i + 1);
    specs.back().seed = i;
  }
  const auto epochs = [](std::size_t i) { return static_cast<std::int32_t>(1 + i % 4); };
  LanePack pack(bench.backend->make_lane_engine());
  std::vector<std::unique_ptr<Trainer>> trainers(7);
  std::vector<std::size_t> trials(trainers.size(), specs.size());
  std::vector<std::vector<float>> outputs(specs.size());

  std::size_t next = 0, ended = 0;
  while (ended < specs.size())
    for (std::size_t seat = 0; seat < trainers.size(); ++seat) {
      if (!trainers[seat] && next < specs.size()) {
        trials[seat] = next++;
        trainers[seat] = std::make_unique<Trainer>(*bench.backend, bench.train, 3, specs[trials[seat]], Team{},
                                                   LanePlace{&pack, {&bench.valid}});
        EXPECT_GT(trainers[seat]->lane_capacity(), 0u);
      }
      if (!trainers[seat] || !trainers[seat]->advance() || trainers[seat]->epochs() < epochs(trials[seat])) continue;
      outputs[trials[seat]] = trainers[seat]->outputs(bench.valid);
      trainers[seat].reset();
      ++ended;
    }

  for (std::size_t i = 0; i < specs.size(); ++i) {
    SCOPED_TRACE(i);
    Trainer alone(*bench.backend, bench.train, 3, specs[i]);
    for (std::int32_t e = 0; e < epochs(i); ++e) epoch(alone);
    EXPECT_THAT(outputs[i], testing::Pointwise(testing::FloatNear(1e-3f), alone.outputs(bench.valid)));
  }
}

TEST(Trainer, FindsTheLineOfALinearRegression) {
  const Samples samples = line(400, 3, 2, 0);
  Bench bench(samples);
  TrainingSpec spec;
  spec.network = mlp({3, {}, 2});
  spec.loss = LossKind::Squared;
  spec.learning_rate.base = 0.02;
  Trainer trainer(*bench.backend, bench.train, 0, spec);

  for (int e = 0; e < 200; ++e) epoch(trainer);

  const std::vector<float> right{0.5f, 1.5f, 1.5f, 2.5f, 2.5f, 0.5f, 1, 1};
  EXPECT_THAT(trainer.network().parameters().download(),
              testing::Pointwise(testing::FloatNear(1e-3f), right));
}

/// The weight of one feature x = 1 or 0 is the log of the odds: a logistic regression with a known answer.
TEST(Trainer, FindsTheLogOddsOfALogisticRegression) {
  Samples samples{1, 2, 0, {}, {}, {}};
  for (int i = 0; i < 400; ++i) {
    samples.train.x.push_back(i < 200 ? 1.0f : 0.0f);
    samples.train.labels.push_back(i < 200 ? i % 4 == 0 : i % 2 == 0);  // 1 with 1/4 and 1/2
  }
  Bench bench(samples);
  TrainingSpec spec = classifier(samples, {});
  spec.loss = LossKind::BinaryCrossEntropy;
  spec.network = mlp({samples.features, {}, 1});
  spec.optimizer.kind = device::OptimizerKind::Sgd;
  spec.learning_rate.base = 1;
  spec.batch = 400;
  Trainer trainer(*bench.backend, bench.train, 2, spec);

  for (int e = 0; e < 400; ++e) epoch(trainer);

  const std::vector<float> right{-std::log(3.0f), 0};
  EXPECT_THAT(trainer.network().parameters().download(),
              testing::Pointwise(testing::FloatNear(1e-3f), right));
}

TEST(Trainer, TakesEveryRowOncePerEpochTheLastBatchBeingShort) {
  const Samples samples = clouds(70, 2, 2);
  Bench bench(samples);
  TrainingSpec spec = classifier(samples, {});
  spec.learning_rate.base = 0;  // so that the mean loss of the epoch is that of the data
  Trainer trainer(*bench.backend, bench.train, 2, spec);

  const double trained = epoch(trainer).mean;

  const auto outputs = trainer.outputs(bench.train);
  const double judged =
      score(Measure::Loss, {outputs, 2, LossKind::CrossEntropy, bench.train.labels(), 2, {}});
  EXPECT_NEAR(trained, judged, 1e-6);
}

TEST(Trainer, TakesABatchOfMoreThanAllRowsAsAllRows) {
  const Samples samples = clouds(50, 2, 2);
  Bench bench(samples);
  TrainingSpec spec = classifier(samples, {8}), whole = spec;
  spec.batch = 1000000;
  whole.batch = 50;
  Trainer first(*bench.backend, bench.train, 2, spec), second(*bench.backend, bench.train, 2, whole);
  EXPECT_EQ(epoch(first).mean, epoch(second).mean);
}

TEST(Trainer, TellsThatATrainingHasDiverged) {
  const Samples samples = line(200, 3, 1, 0.1);
  Bench bench(samples);
  TrainingSpec spec;
  spec.network = mlp({3, {16}, 1});
  spec.loss = LossKind::Squared;
  spec.optimizer.kind = device::OptimizerKind::Sgd;
  spec.learning_rate.base = 100;
  Trainer trainer(*bench.backend, bench.train, 0, spec);

  bool diverged = false;
  for (int e = 0; e < 20 && !diverged; ++e) diverged = epoch(trainer).diverged;

  EXPECT_TRUE(diverged);
}

TEST(Trainer, EndsAnEpochAsSoonAsItsLossIsNoNumber) {
  Samples samples = clouds(20000, 6, 3);
  for (float& x : samples.train.x) x = std::nanf("");
  Bench bench(samples);
  Trainer trainer(*bench.backend, bench.train, 3, classifier(samples, {256, 256}));

  const auto loss = trainer.advance();

  ASSERT_TRUE(loss);
  EXPECT_TRUE(loss->diverged);
  EXPECT_EQ(trainer.epochs(), 0);
}

TEST(Trainer, TrainsOnTheRowsOfItsPartOnly) {
  Samples samples = clouds(60, 2, 2);
  for (std::size_t i = 40; i < 60; ++i) samples.train.x[2 * i] = std::nanf("");
  Bench bench(samples);
  std::vector<std::int32_t> rows(40);
  for (std::int32_t i = 0; i < 40; ++i) rows[static_cast<std::size_t>(i)] = i;
  const Part part(bench.placed.train(), rows);
  Trainer trainer(*bench.backend, part, 2, classifier(samples, {8}));

  EXPECT_FALSE(epoch(trainer).diverged);
  EXPECT_EQ(trainer.outputs(Part(bench.placed.train(), {3, 1})).size(), 4u);
}

TEST(Trainer, GivesAPartsOutputsInItsOrder) {
  const Samples samples = clouds(600, 2, 3);
  Bench bench(samples);
  Trainer trainer(*bench.backend, bench.train, 3, classifier(samples, {8}));
  const auto all = trainer.outputs(bench.valid);
  const Part some(bench.placed.valid(), {599, 0, 7});

  const auto outputs = trainer.outputs(some);

  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j)
      EXPECT_NEAR(outputs[i * 3 + j], all[static_cast<std::size_t>(some.rows()[i]) * 3 + j], 1e-6);
  EXPECT_EQ(some.labels()[1], samples.valid.labels[0]);
}

TEST(ClassWeights, MakeEveryClassCountTheSame) {
  const std::vector<std::int32_t> labels{0, 0, 0, 1, 3, 3};
  const auto weights = balanced_class_weights(labels, 4);
  EXPECT_THAT(weights, testing::Pointwise(testing::FloatNear(1e-6f), std::vector<float>{2.0f / 3, 2, 1, 1}));
}

TEST(ClassWeights, PullTheDecisionToTheRareClass) {
  Samples samples{1, 2, 0, {}, {}, {}};
  for (int i = 0; i < 100; ++i) {
    samples.train.x.push_back(0);
    samples.train.labels.push_back(i < 90 ? 0 : 1);
  }
  Bench bench(samples);
  TrainingSpec spec = classifier(samples, {});
  const auto gap = [&] {
    Trainer trainer(*bench.backend, bench.train, 2, spec);
    for (int e = 0; e < 100; ++e) epoch(trainer);
    const auto parameters = trainer.network().parameters().download();
    return parameters[2] - parameters[3];  // the biases
  };

  EXPECT_NEAR(gap(), std::log(9.0), 0.2);
  spec.balanced = true;
  EXPECT_NEAR(gap(), 0, 0.1);
}

/// A network's numbers, as a file would have them.
struct Numbers {
  explicit Numbers(const Trainer& trainer, const NetworkSpec& spec)
      : parameters(trainer.network().whole_parameters()),
        statistics(trainer.network().whole_statistics()),
        saved{layer_counts(spec), parameters, statistics} {}

  std::vector<float> parameters, statistics;
  SavedWeights saved;
};

TEST(Trainer, StartsFromGivenWeightsAndTrainsThoseThatAreNotFrozen) {
  const Samples samples = clouds(101, 6, 3);
  Bench bench(samples);
  TrainingSpec spec = classifier(samples, {16, 12}, 0.2f);
  Trainer first(*bench.backend, bench.train, 3, spec);
  epoch(first);
  const Numbers source(first, spec.network);
  spec.seed = 6;
  spec.initial = &source.saved;
  spec.frozen = 2;
  spec.optimizer.weight_decay = 0.1;

  Trainer tuned(*bench.backend, bench.train, 3, spec);

  EXPECT_EQ(tuned.outputs(bench.valid), first.outputs(bench.valid));
  epoch(tuned);
  const Numbers after(tuned, spec.network);
  constexpr std::size_t frozen = 6 * 16 + 16 * 12, weights = frozen + 12 * 3, biases = weights + 16 + 12;
  for (std::size_t i = 0; i < after.parameters.size(); ++i)
    EXPECT_EQ(after.parameters[i] == source.parameters[i], i < frozen || (i >= weights && i < biases)) << i;
  spec.frozen = 3;
  EXPECT_THROW(Trainer(*bench.backend, bench.train, 3, spec), InvalidInput);
}

TEST(Trainer, DrawsTheLayersThatTakeNoGivenWeights) {
  const Samples samples = clouds(50, 6, 3);
  Bench bench(samples);
  TrainingSpec spec = classifier(samples, {8}), other = classifier(samples, {8, 4});
  const Numbers source(Trainer(*bench.backend, bench.train, 3, spec), spec.network);
  other.seed = 9;
  const Numbers drawn(Trainer(*bench.backend, bench.train, 3, other), other.network);
  other.initial = &source.saved;
  other.initial_layers = 1;

  const Numbers mixed(Trainer(*bench.backend, bench.train, 3, other), other.network);

  for (std::size_t i = 0; i < mixed.parameters.size(); ++i)
    EXPECT_EQ(mixed.parameters[i], i < 6 * 8 ? source.parameters[i] : drawn.parameters[i]) << i;
}

class TeamOf : public testing::TestWithParam<int> {};

TEST_P(TeamOf, RanksEqualsOneRankWithinRounding) {
  const Samples samples =
      clouds(101, 6, 3);  // batches of 32, 32, 32 and 5: some ranks have nothing of the last
  TrainingSpec spec = classifier(samples, {16, 12}, 0.3f);
  spec.balanced = true;
  spec.optimizer.weight_decay = 0.01;
  spec.optimizer.l1 = 0.001;
  spec.optimizer.kind = device::OptimizerKind::Sgd;
  spec.optimizer.momentum = 0.9;

  const TeamResult alone = train_as_team(1, samples, spec), team = train_as_team(GetParam(), samples, spec);

  for (std::size_t e = 0; e < alone.losses.size(); ++e) EXPECT_NEAR(team.losses[e], alone.losses[e], 1e-5);
  EXPECT_THAT(team.parameters, testing::Pointwise(testing::FloatNear(2e-5f), alone.parameters));
  EXPECT_THAT(team.outputs, testing::Pointwise(testing::FloatNear(2e-4f), alone.outputs));
}

TEST(DividedNetwork, EqualsOneRankWithinRounding) {
  const Samples samples = clouds(101, 6, 3);
  TrainingSpec spec =
      classifier(samples, {16, 13}, 0.3f);  // a pair of layers is divided, the last one is not
  spec.optimizer.weight_decay = 0.01;
  spec.optimizer.kind = device::OptimizerKind::Sgd;
  spec.gradient_clip = 0.3;
  const TeamResult alone = train_as_team(1, samples, spec);
  const auto expect_equal = [&](const TeamResult& team) {
    for (std::size_t e = 0; e < alone.losses.size(); ++e) EXPECT_NEAR(team.losses[e], alone.losses[e], 1e-5);
    EXPECT_THAT(team.parameters, testing::Pointwise(testing::FloatNear(2e-5f), alone.parameters));
    EXPECT_THAT(team.outputs, testing::Pointwise(testing::FloatNear(2e-4f), alone.outputs));
  };

  expect_equal(train_as_team(1, samples, spec, device::make_cpu_backend, 2));
  expect_equal(train_as_team(1, samples, spec, device::make_cpu_backend, 4));
  expect_equal(train_as_team(1, samples, spec, make_far_backend, 3));
  expect_equal(train_as_team(2, samples, spec, device::make_cpu_backend, 2));
}

/// One rank saves after an epoch; two that have divided its network save the same, and go on as it does.
/// @return how many parameters each of the two has
std::array<std::size_t, 2> go_on_divided(const Samples& samples, const TrainingSpec& spec, Divided divided,
                                         double tolerance) {
  Bench bench(samples);
  Trainer alone(*bench.backend, bench.train, 3, spec);
  epoch(alone);
  ByteWriter writer;
  alone.save(writer);
  const auto saved = writer.take();
  const double expected = epoch(alone).mean;
  comm::LocalGroup group(2);
  std::array<std::size_t, 2> sizes{};
  const auto work = [&](int rank) {
    Bench own(samples);
    Trainer part(*own.backend, own.train, 3, spec, team_of(nullptr, group.at(Rank{rank}), divided));
    ByteReader reader(saved);
    part.load(reader);
    sizes[static_cast<std::size_t>(rank)] = part.network().parameters().size();
    ByteWriter again;
    part.save(again);
    EXPECT_EQ(again.take(), saved);
    EXPECT_NEAR(epoch(part).mean, expected, tolerance);
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  return sizes;
}

TEST(DividedNetwork, GoesOnFromWhatOneRankHasSaved) {
  const Samples samples = clouds(64, 6, 3);

  const auto sizes = go_on_divided(samples, classifier(samples, {8}), Divided::ByWidth, 1e-5);

  EXPECT_EQ(sizes[0], 6u * 4 + 4 * 3 + 4 + 3);  // half of the hidden units, and all biases of the outputs
  EXPECT_EQ(sizes[1], sizes[0]);
}

INSTANTIATE_TEST_SUITE_P(Sizes, TeamOf, testing::Values(2, 3, 7));

TEST(Team, EqualsOneRankForARegression) {
  const Samples samples = line(90, 4, 2, 0.1);
  TrainingSpec spec;
  spec.network = mlp({4, {10}, 2, Activation::Tanh});
  spec.loss = LossKind::Squared;
  spec.batch = 16;

  const TeamResult alone = train_as_team(1, samples, spec), team = train_as_team(3, samples, spec);

  EXPECT_THAT(team.parameters, testing::Pointwise(testing::FloatNear(1e-4f), alone.parameters));
}

/// Of the replicas of a divided network, too, and however gradients are summed.
TEST(Team, TakesLongerStepsWhereItsRateGrowsWithIt) {
  const Samples samples = clouds(90, 6, 3);
  TrainingSpec grown = classifier(samples, {10, 8});
  grown.optimizer.kind = device::OptimizerKind::Sgd;
  grown.learning_rate.kind = ScheduleKind::Cosine;
  grown.learning_rate.epochs = 4;
  TrainingSpec alone = grown;
  alone.learning_rate.base *= 4;
  grown.team_rate = TeamRate::Linear;

  const std::vector<float> wanted = train_as_team(1, samples, alone).parameters;

  for (const int parts : {1, 2})
    for (const bool shared : {true, false}) {
      grown.share_updates = shared;
      EXPECT_THAT(train_as_team(4, samples, grown, device::make_cpu_backend, parts).parameters,
                  testing::Pointwise(testing::FloatNear(1e-5f), wanted));
    }
}

TEST(Team, EqualsOneRankForSequencesOfDifferentLength) {
  const Samples samples = recalled();  // 84 rows: some ranks have nothing of the last batch

  const TeamResult alone = train_as_team(1, samples, recaller()), team = train_as_team(5, samples, recaller());

  for (std::size_t e = 0; e < alone.losses.size(); ++e) EXPECT_NEAR(team.losses[e], alone.losses[e], 1e-5);
  EXPECT_THAT(team.parameters, testing::Pointwise(testing::FloatNear(1e-4f), alone.parameters));
  EXPECT_EQ(alone.outputs, train_as_team(1, samples, recaller(), make_far_backend).outputs);
}

TEST(DividedNetwork, EqualsOneRankForRecurrentLayersDividedByUnits) {
  const Samples samples = recalled();
  TrainingSpec spec = recaller();
  spec.gradient_clip = 0.5;
  const TeamResult alone = train_as_team(1, samples, spec);

  for (const auto& [replicas, parts] : {std::pair{1, 2}, {1, 4}, {2, 2}}) {
    const TeamResult team = train_as_team(replicas, samples, spec, device::make_cpu_backend, parts);
    for (std::size_t e = 0; e < alone.losses.size(); ++e) EXPECT_NEAR(team.losses[e], alone.losses[e], 1e-5) << parts;
    EXPECT_THAT(team.parameters, testing::Pointwise(testing::FloatNear(1e-4f), alone.parameters)) << parts;
    EXPECT_THAT(team.outputs, testing::Pointwise(testing::FloatNear(1e-4f), alone.outputs)) << parts;
  }
}

TEST(DividedNetwork, HasAPartOfItsRecurrentLayersOnEachRank) {
  const auto sizes = go_on_divided(recalled(), recaller(), Divided::ByWidth, 1e-5);

  const std::size_t whole = 7 * 5 + 3 * (8 + 1), gru = 2 * ((5 + 6) * 3 * 6 + 4 * 6), lstm = (12 + 8) * 4 * 8 + 4 * 8;
  EXPECT_EQ(sizes[0], whole + gru / 2 + lstm / 2);
  EXPECT_EQ(sizes[1], sizes[0]);
}

TEST(Trainer, TellsTheMeanLossOfLabelledStepsAndJudgesAPartOfThem) {
  const Samples samples = recalled();
  Bench bench(samples);
  TrainingSpec spec = recaller();
  for (std::size_t l : {1, 2}) std::get<RecurrentSpec>(spec.network.layers[l]).dropout = 0;
  spec.balanced = false;
  spec.batch = 1000;
  spec.learning_rate.base = 0;
  Trainer trainer(*bench.backend, bench.train, 3, spec);

  const double trained = epoch(trainer).mean;

  const auto outputs = trainer.outputs(bench.train);
  const Answers answers{outputs, 3, LossKind::CrossEntropy, bench.train.labels(), 3, {}};
  EXPECT_NEAR(trained, score(Measure::Loss, answers), 1e-6);
  const Part some(bench.placed.train(), {7, 50});
  const auto of_some = trainer.outputs(some);
  for (std::size_t j = 0; j < 27; ++j) EXPECT_NEAR(of_some[j], outputs[7 * 27 + j], 1e-6);
  EXPECT_EQ(some.labels()[5], bench.train.labels()[7 * 9 + 5]);
}

TEST(Team, GivesTheSameBitsWhereTheHostCannotReadTheBackend) {
  const Samples classes = clouds(101, 6, 3), numbers = line(60, 4, 2, 0.1);
  TrainingSpec regression;
  regression.network = mlp({4, {}, 2});
  regression.loss = LossKind::Squared;
  for (const auto& [samples, spec] : {std::pair{&classes, classifier(classes, {16})}, {&numbers, regression}})
    for (const int ranks : {1, 3})
      EXPECT_EQ(train_as_team(ranks, *samples, spec).outputs,
                train_as_team(ranks, *samples, spec, make_far_backend).outputs);
}

TEST(Team, EqualsOneRankForImagesAlsoWhereRanksHaveNothing) {
  const Samples samples = clouds(101, 12, 3);  // the last batch has 5 rows
  TrainingSpec spec = image_classifier();

  const TeamResult alone = train_as_team(1, samples, spec), team = train_as_team(7, samples, spec);

  for (std::size_t e = 0; e < alone.losses.size(); ++e) EXPECT_NEAR(team.losses[e], alone.losses[e], 1e-4);
  EXPECT_THAT(team.parameters, testing::Pointwise(testing::FloatNear(5e-4f), alone.parameters));
  EXPECT_THAT(team.outputs, testing::Pointwise(testing::FloatNear(5e-3f), alone.outputs));
  spec.share_updates = false;
  EXPECT_THAT(train_as_team(3, samples, spec).outputs,
              testing::Pointwise(testing::FloatNear(1e-4f), train_as_team(3, samples, spec, make_far_backend).outputs));
}

/// Adam makes whole steps of the smallest slope, so none may be what rounding has left.
TEST(Team, EqualsOneRankForNormalizedImagesWithAdam) {
  const Samples samples = clouds(101, 12, 3);
  TrainingSpec spec = image_classifier();
  spec.optimizer.kind = device::OptimizerKind::Adam;
  spec.learning_rate.base = 0.01;
  spec.gradient_clip = 0;

  const std::vector<float> alone = train_as_team(1, samples, spec).outputs;

  for (const int ranks : {2, 3})
    EXPECT_THAT(train_as_team(ranks, samples, spec).outputs, testing::Pointwise(testing::FloatNear(1e-3f), alone));
}

/// Pipelines of two and four stages; replicas of two stages; with activations computed again, where the host cannot read them.
void expect_pipelines_equal_one_rank(const Samples& samples, TrainingSpec spec, float tolerance) {
  const auto pipeline = [&](int replicas, int stages, MakeBackend make = device::make_cpu_backend) {
    return train_as_team(replicas, samples, spec, make, stages, Divided::ByDepth);
  };
  const TeamResult alone = train_as_team(1, samples, spec);
  const TeamResult two = pipeline(1, 2);
  expect_equal(two, alone, tolerance);
  expect_equal(pipeline(1, 4), alone, tolerance);
  expect_equal(pipeline(6, 2), alone, tolerance);
  spec.recompute = true;
  EXPECT_THAT(pipeline(1, 2, make_far_backend).outputs,
              testing::Pointwise(testing::FloatNear(1e-4f), two.outputs));  // images pass in another order there
  spec.micro_batches = 7;
  expect_equal(pipeline(1, 4), alone, tolerance);
}

TEST(Pipeline, EqualsOneRankWithinRounding) {
  const Samples samples = clouds(101, 6, 3);  // batches of 32, 32, 32 and 5: some replicas have nothing of the last
  TrainingSpec spec = classifier(samples, {16, 12, 9}, 0.3f);
  spec.balanced = true;
  spec.optimizer.weight_decay = 0.01;
  spec.optimizer.l1 = 0.001;
  spec.optimizer.kind = device::OptimizerKind::Sgd;
  spec.optimizer.momentum = 0.9;
  spec.gradient_clip = 0.3;
  expect_pipelines_equal_one_rank(samples, spec, 2e-5f);
}

TEST(Pipeline, EqualsOneRankForSequencesOfDifferentLength) {
  expect_pipelines_equal_one_rank(recalled(), recaller(), 1e-4f);
}

TEST(Pipeline, EqualsOneRankForImagesWithAndWithoutBatchNormalization) {
  const Samples samples = clouds(101, 12, 3);
  expect_pipelines_equal_one_rank(samples, image_classifier(), 5e-4f);
  expect_pipelines_equal_one_rank(samples, image_classifier(false), 5e-5f);
}

/// With replicas that have nothing of a batch, parts, stages that have nothing to train, and running means that stay.
TEST(Trainer, FreezesTheSameLayersInEveryTeam) {
  const Samples samples = clouds(101, 12, 3);
  Bench bench(samples);
  for (TrainingSpec spec : {classifier(samples, {16, 12, 9}, 0.2f), image_classifier()}) {
    Trainer first(*bench.backend, bench.train, 3, spec);
    epoch(first);
    const Numbers source(first, spec.network);
    spec.seed = 6;
    spec.initial = &source.saved;
    spec.frozen = 2;
    spec.gradient_clip = 0.3;
    const TeamResult alone = train_as_team(1, samples, spec);

    expect_equal(train_as_team(6, samples, spec), alone, 1e-4f);
    expect_equal(train_as_team(1, samples, spec, device::make_cpu_backend, 2), alone, 1e-4f);
    expect_equal(train_as_team(1, samples, spec, device::make_cpu_backend, 4, Divided::ByDepth), alone, 1e-4f);
    spec.share_updates = false;
    expect_equal(train_as_team(6, samples, spec), alone, 1e-4f);
    spec.share_updates = true;
    spec.gradient_clip = 0;
    expect_equal(train_as_team(6, samples, spec), train_as_team(1, samples, spec), 1e-4f);
    const std::size_t frozen = layer_counts(spec.network)[0].weights;
    EXPECT_TRUE(std::equal(source.parameters.begin(), source.parameters.begin() + static_cast<std::ptrdiff_t>(frozen),
                           alone.parameters.begin()));
  }
}

TEST(Pipeline, GoesOnFromWhatOneRankHasSavedAlsoWithStatistics) {
  const Samples samples = clouds(64, 12, 3);
  const auto sizes = go_on_divided(samples, image_classifier(), Divided::ByDepth, 1e-4);
  EXPECT_EQ(sizes[0] + sizes[1], parameter_count(image_classifier().network));
}

TEST(Pipeline, WantsALayerForEachStage) {
  const Samples samples = clouds(20, 6, 3);
  const Bench bench(samples);
  comm::LocalGroup group(3);
  EXPECT_THROW(Trainer(*bench.backend, bench.train, 3, classifier(samples, {8}), {nullptr, nullptr, &group.at(Rank{0})}),
               InvalidInput);
}

TEST(Pipeline, DividesLayersByTheirOperations) {
  const NetworkSpec network{{9}, {EmbeddingSpec{7, 5}, RecurrentSpec{device::CellKind::Lstm, 20}, DenseSpec{20}, DenseSpec{3}}};
  comm::LocalGroup group(2);
  const Stage first = stage_of(network, &group.at(Rank{0})), second = stage_of(network, &group.at(Rank{1}));
  EXPECT_EQ(first.layers.size(), 2u);
  EXPECT_EQ(second.first, 2u);
  EXPECT_EQ(second.input, Shape{20});
  EXPECT_EQ(second.before.weights, 7u * 5 + 4 * 20 * (5 + 20));
}

/// What the largest stage of a training allocates beside the data [MB].
double megabytes(const Samples& samples, const TrainingSpec& spec, int stages) {
  comm::LocalGroup group(stages);
  const Dataset data = samples.dataset();
  std::size_t most = 0;
  for (int rank = 0; rank < stages; ++rank) {
    FarBackend backend;
    const DeviceData placed(backend, data);
    const std::size_t of_data = backend.allocated;
    const Part part(placed.train());
    const Trainer trainer(backend, part, samples.classes, spec, {nullptr, nullptr, &group.at(Rank{rank})});
    most = std::max(most, backend.allocated - of_data);
  }
  return 4e-6 * static_cast<double>(most);
}

/// The figures of src/README.md: a network with many parameters, and one with many activations.
TEST(Pipeline, DividesTheMemoryOfANetwork) {
  const Samples samples = clouds(512, 16 * 16, 10);
  TrainingSpec wide = classifier(samples, std::vector<std::size_t>(7, 512)), deep = classifier(samples, {});
  CnnSpec network{{16, 16, 1}, 4};
  network.channel_factor = 1;
  network.pooling.reset();
  network.batch_norm = false;
  network.head.outputs = 10;
  deep.network = cnn(network);
  wide.batch = deep.batch = 512;
  struct Row {
    int stages;
    bool recompute;
    double of_wide, of_deep;
  };
  for (const Row& row : {Row{1, false, 37.4, 51.7}, {2, false, 23.9, 32.1}, {4, false, 14.0, 19.4}, {2, true, 20.8, 15.6},
                         {4, true, 12.2, 11.6}}) {
    wide.recompute = deep.recompute = row.recompute;
    EXPECT_NEAR(megabytes(samples, wide, row.stages), row.of_wide, 0.05) << row.stages;
    EXPECT_NEAR(megabytes(samples, deep, row.stages), row.of_deep, 0.05) << row.stages;
  }
}

TEST(Trainer, GoesOnBitByBitWithTheStatisticsOfBatchNormalization) {
  const Samples samples = clouds(101, 12, 3);
  Bench bench(samples);
  Trainer first(*bench.backend, bench.train, 3, image_classifier());
  epoch(first);
  ByteWriter writer;
  first.save(writer);
  const auto saved = writer.take();
  Trainer second(*bench.backend, bench.train, 3, image_classifier());
  ByteReader reader(saved);
  second.load(reader);

  EXPECT_EQ(epoch(first).mean, epoch(second).mean);
  EXPECT_EQ(first.outputs(bench.valid), second.outputs(bench.valid));
}

TEST(Trainer, KeepsTheNormOfAGradientBelowItsLimit) {
  const Samples samples = line(64, 3, 1, 0.1);
  Bench bench(samples);
  TrainingSpec spec;
  spec.network = mlp({3, {}, 1});
  spec.loss = LossKind::Squared;
  spec.optimizer.kind = device::OptimizerKind::Sgd;
  spec.learning_rate.base = 1;
  spec.batch = 64;
  spec.gradient_clip = 0.01;
  Trainer trainer(*bench.backend, bench.train, 0, spec);
  const auto before = trainer.network().parameters().download();

  epoch(trainer);

  double square = 0;
  const auto after = trainer.network().parameters().download();
  for (std::size_t i = 0; i < after.size(); ++i)
    square += std::pow(static_cast<double>(after[i] - before[i]), 2);
  EXPECT_NEAR(std::sqrt(square), 0.01, 1e-6);
}

TEST(Trainer, OffersTheStepsOfOneRankAsWorkThatIsRepeated) {
  const Samples samples = clouds(50, 4, 3);
  FarBackend far;
  const Dataset data = samples.dataset();
  const DeviceData placed(far, data);
  const Part train(placed.train());
  Trainer trainer(far, train, 3, classifier(samples, {8}));

  epoch(trainer);

  EXPECT_EQ(far.repeated, 2u);  // batches of 32 and 18 rows
}

TEST(DeviceData, IsUploadedOnceWhereTheHostsMemoryIsNotTheBackends) {
  const Samples samples = clouds(50, 4, 3);
  const Dataset data = samples.dataset();
  FarBackend far;

  const DeviceData placed(far, data);

  EXPECT_EQ(far.uploaded, 3u * 50 * 4);
  EXPECT_NE(placed.valid().x.data, data.valid.x.data());
  EXPECT_EQ(placed.valid().x.data[7], data.valid.x[7]);
  EXPECT_EQ(placed.test().labels.data[3], data.test.labels[3]);
}

TEST(DeviceData, IsReadInPlaceByTheHostsOwnBackend) {
  const Samples samples = clouds(50, 4, 3);
  const Dataset data = samples.dataset();
  const auto backend = device::make_cpu_backend();
  EXPECT_EQ(DeviceData(*backend, data).train().x.data, data.train.x.data());
}

}  // namespace
}  // namespace regatta::train
