#include "app/study_inputs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "problems_of.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::app {
namespace {

TEST(StudyInputs, FillsInEveryDefault) {
  const StudyInputs inputs = inputs_of(valid_text);

  EXPECT_EQ(inputs.name, "x");
  EXPECT_EQ(inputs.metric, "value");
  EXPECT_FALSE(inputs.maximize);
  EXPECT_EQ(inputs.trials, 100);
  EXPECT_EQ(inputs.walltime, 0);
  EXPECT_EQ(inputs.seed, 1u);
  EXPECT_EQ(inputs.searcher.algorithm, "sobol");
  EXPECT_EQ(inputs.searcher.seed, 1u);
  EXPECT_EQ(inputs.scheduler.algorithm, "fifo");
  EXPECT_FALSE(inputs.deterministic);
  EXPECT_EQ(inputs.ahead, 0);
  EXPECT_EQ(inputs.time_limit, 10);
  EXPECT_EQ(inputs.searcher.min_gain, 0);
  EXPECT_EQ(inputs.layout.device, run::DeviceChoice::Auto);
  EXPECT_EQ(inputs.layout.rank0, run::Rank0Choice::Auto);
  EXPECT_EQ(inputs.layout.ranks_per_trial, 1);
  EXPECT_EQ(inputs.layout.workers_per_gpu, 1);
  EXPECT_EQ(inputs.layout.widest, 0);
  EXPECT_EQ(inputs.prefetch, -1);
  EXPECT_EQ(inputs.log.directory, "runs/x");
  EXPECT_EQ(inputs.log.sync, log::Sync::Second);
  EXPECT_EQ(inputs.log.snapshot_seconds, 5);
  EXPECT_EQ(inputs.verbosity, 1);
  EXPECT_FALSE(inputs.progress.has_value());
  EXPECT_TRUE(inputs.user_trials.empty());
}

TEST(StudyInputs, TakesQuotesAroundAWholeTextAwayButNotThoseWithinIt) {
  const std::string text = "[space]\nx = uniform(0, 1)\n[objective]\ntype = command\ncommand = ";

  EXPECT_EQ(inputs_of(text + "\"true {x}\"\n").objective.values.at("command"), "true {x}");
  EXPECT_EQ(inputs_of(text + "'true' 'a {x}'\n").objective.values.at("command"), "'true' 'a {x}'");
}

TEST(StudyInputs, ReadsEveryOption) {
  const StudyInputs inputs = inputs_of(
      valid_text +
      "name = \"my study\"\nmetric = value\ndirection = maximize\ntrials = 1e3\nwalltime = 30min\nseed = 7\n"
      "[search]\nalgorithm = grid\ngrid_points = 9\ndeterministic = yes\nahead = 3\ntime_limit = 1min\nmin_gain = 0.01\n[scheduler]\nalgorithm = "
      "fifo\n"
      "[workers]\nranks_per_trial = 2\ncores_per_trial = 4\nbind_cores = false\nrank0 = false\ndevice = cpu\nlanes = 1\nprefetch = 2\n[gpu]\nshare = "
      "3\n"
      "[log]\ndirectory = out/a\nsync = event\nsnapshot = 250ms\nverbosity = 3\nprogress = false\n");

  EXPECT_EQ(inputs.name, "my study");
  EXPECT_TRUE(inputs.maximize);
  EXPECT_TRUE(inputs.objective.maximize);
  EXPECT_EQ(inputs.objective.metric, "value");
  EXPECT_EQ(inputs.trials, 1000);
  EXPECT_EQ(inputs.walltime, 1800);
  EXPECT_EQ(inputs.seed, 7u);
  EXPECT_EQ(inputs.searcher.algorithm, "grid");
  EXPECT_EQ(inputs.searcher.grid_points, 9);
  EXPECT_EQ(inputs.searcher.seed, 7u);
  EXPECT_TRUE(inputs.deterministic);
  EXPECT_EQ(inputs.ahead, 3);
  EXPECT_EQ(inputs.time_limit, 60);
  EXPECT_EQ(inputs.searcher.min_gain, 0.01);
  EXPECT_EQ(inputs.layout.ranks_per_trial, 2);
  EXPECT_EQ(inputs.layout.rank0, run::Rank0Choice::No);
  EXPECT_EQ(inputs.layout.device, run::DeviceChoice::Cpu);
  EXPECT_EQ(inputs.layout.workers_per_gpu, 3);
  EXPECT_EQ(inputs.layout.cores_per_trial, 4);
  EXPECT_FALSE(inputs.layout.bind_cores);
  EXPECT_EQ(inputs.prefetch, 2);
  EXPECT_EQ(inputs.log.directory, "out/a");
  EXPECT_EQ(inputs.log.sync, log::Sync::Event);
  EXPECT_EQ(inputs.log.snapshot_seconds, 0.25);
  EXPECT_EQ(inputs.verbosity, 3);
  EXPECT_EQ(inputs.progress, std::optional(false));
}

TEST(StudyInputs, TakesUnlimitedTrialsAsNoLimit) {
  EXPECT_EQ(inputs_of(valid_text + "trials = unlimited\n").trials, 0);
}

TEST(StudyInputs, PutsTheCommandLineBeforeTheFile) {
  const StudyInputs inputs = inputs_of(valid_text + "seed = 7\n", {"study.seed=8", "log.verbosity=2"});

  EXPECT_EQ(inputs.seed, 8u);
  EXPECT_EQ(inputs.verbosity, 2);
}

TEST(StudyInputs, LetsNoTrialWaitAtAWorkerWhereProposalsKnowAllResults) {
  EXPECT_EQ(inputs_of(valid_text + "[search]\ndeterministic = true\n").prefetch, 0);
  EXPECT_EQ(inputs_of(valid_text + "[search]\ndeterministic = true\n[workers]\nprefetch = 2\n").prefetch, 2);
}

TEST(StudyInputs, ReplacesADefinitionInItsPlaceAndAddsNewOnesBehind) {
  const StudyInputs inputs = inputs_of(
      "[objective]\ntype = function\nfunction = sphere\n[space]\nx = uniform(0, 1)\ny = uniform(0, 1)\n",
      {"space.x=int(1, 3)", "space.z=uniform(0, 2)"});

  const auto& parameters = inputs.space.parameters();
  ASSERT_EQ(parameters.size(), 3u);
  EXPECT_EQ(parameters[0].definition, "int(1, 3)");
  EXPECT_EQ(parameters[2].name, "z");
}

TEST(StudyInputs, UsesTheSpaceThatTheObjectiveBrings) {
  const StudyInputs inputs = inputs_of("[objective]\ntype = function\nfunction = branin\n");

  ASSERT_EQ(inputs.space.size(), 2u);
  EXPECT_EQ(inputs.space.parameters()[1].definition, "uniform(0, 15)");
}

TEST(StudyInputs, KeepsConstraintsOfBothForms) {
  const StudyInputs inputs = inputs_of(
      "[objective]\ntype = function\n[space]\nx = uniform(0, 1)\ny = uniform(0, 1)\n"
      "[constraints]\norder = x <= y\nx + y <= 1.5\n");

  EXPECT_TRUE(inputs.space.feasible(std::vector<double>{0.2, 0.3}));
  EXPECT_FALSE(inputs.space.feasible(std::vector<double>{0.3, 0.2}));
  EXPECT_FALSE(inputs.space.feasible(std::vector<double>{0.8, 0.9}));
}

TEST(StudyInputs, ReadsTheOptionsOfBayesianOptimisation) {
  const StudyInputs inputs = inputs_of(valid_text + R"(
[search]
algorithm       = bo
acquisition     = ucb
beta            = 2
beta_decay      = 0.5
jitter          = 0.05
pending         = believer
kernel          = rbf
transform       = log
warp            = false
noise           = fixed
noise_deviation = 0.1
fit             = cma
initial_trials  = 9
initial_design  = random
raw_samples     = 300
restarts        = 4
fantasies       = 8
trust_regions   = 2
explore         = 0.01
min_gain        = 0.2
time_limit      = 3s
batch           = 6
)");

  const search::BayesianOptions& bo = inputs.searcher.bayesian;
  EXPECT_EQ(inputs.searcher.algorithm, "bo");
  EXPECT_EQ((std::vector{bo.acquisition, bo.pending, bo.kernel, bo.transform, bo.warp, bo.noise, bo.fit,
                         bo.initial_design}),
            (std::vector<std::string>{"ucb", "believer", "rbf", "log", "false", "fixed", "cma", "random"}));
  EXPECT_EQ((std::vector{bo.initial_trials, bo.raw_samples, bo.restarts, bo.fantasies, bo.trust_regions}),
            (std::vector{9, 300, 4, 8, 2}));
  EXPECT_EQ((std::vector{bo.beta, bo.beta_decay, bo.jitter, bo.noise_deviation, bo.explore}),
            (std::vector{2.0, 0.5, 0.05, 0.1, 0.01}));
  EXPECT_EQ(inputs.searcher.min_gain, 0.2);
  EXPECT_EQ(inputs.time_limit, 3);
  EXPECT_EQ(inputs.batch, 6);
  EXPECT_EQ(inputs_of(valid_text + "[search]\nnormalize = false\n").searcher.bayesian.transform, "none");
}

TEST(StudyInputs, ReadsBeliefsOfTheFileAndOfTheCommandLine) {
  const StudyInputs inputs =
      inputs_of(valid_text + "[prior]\nx = normal(0.5, 0.1)\n[search]\nalgorithm = bo\nprior_strength = 3\n",
                {"prior.x=normal(0.25, 0.1)"});

  const search::UserPrior& prior = inputs.searcher.bayesian.prior;
  EXPECT_GT(prior.log_density(space::Config{0.25}, {}), prior.log_density(space::Config{0.5}, {}));
  EXPECT_EQ(inputs.searcher.bayesian.prior_strength, 3);
}

TEST(StudyInputs, ReadsTrialsOfSectionsAndFiles) {
  const support::TemporaryFolder folder;
  folder.write("first.csv", "x,note\n0.25,good\n0.75,\n");
  const auto file = folder.write("x.ini", valid_text + "initial = first.csv\n[trial]\nx = 0.5\n");

  const StudyInputs inputs = read_inputs(file);

  EXPECT_EQ(inputs.user_trials, (std::vector<space::Config>{{0.5}, {0.25}, {0.75}}));
}

TEST(StudyInputs, FindsAFileOfTheCommandLineWhereTheUserStands) {
  const support::TemporaryFolder folder;
  const auto trials = folder.write("elsewhere/first.csv", "x\n0.25\n");
  const auto file = folder.write("x.ini", valid_text);

  const auto relative = std::filesystem::relative(trials).string();

  EXPECT_EQ(read_inputs(file, overrides_of({"study.initial=" + relative})).user_trials.size(), 1u);
}

}  // namespace
}  // namespace regatta::app
