#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "problems_of.hpp"
#include "regatta/core/random.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::app {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

/// The one complaint about a valid study with `line` added as line 8, in section [study].
std::string with_line(const std::string& line) {
  const auto problems = problems_of(valid_text + line + "\n");
  return problems.size() == 1 ? problems.front() : concat(problems.size(), " problems");
}

/// The complaints about a study whose [space] starts in line 4.
std::vector<std::string> with_space(const std::string& space) {
  return problems_of("[objective]\ntype = function\n[space]\n" + space + "\n");
}

TEST(StudyInputsErrors, AcceptsTheStudyThatTheOtherTestsSpoil) {
  EXPECT_THAT(problems_of(valid_text), IsEmpty());
}

TEST(StudyInputsErrors, NamesLineAndRuleOfAWrongOption) {
  EXPECT_EQ(with_line("sede = 1"), "x.ini:8: unknown key 'sede' in section [study]; did you mean 'seed'?");
  EXPECT_EQ(with_line("trials = many"),
            "x.ini:8: trials must be a whole number or one of unlimited, got 'many'");
  EXPECT_EQ(with_line("trials = 0"), "x.ini:8: trials must be at least 1, got 0");
  EXPECT_EQ(with_line("seed = -1"), "x.ini:8: seed must be at least 0, got -1");
  EXPECT_EQ(with_line("walltime = soon"),
            "x.ini:8: walltime must be a duration such as 90, 30min or 2h, got 'soon'");
  EXPECT_EQ(with_line("direction = maximise"),
            "x.ini:8: direction must be one of minimize, maximize, got 'maximise'; did you mean 'maximize'?");
  EXPECT_EQ(with_line("name = a/b"), "x.ini:8: name must be usable as the name of a folder, got 'a/b'");
  EXPECT_EQ(with_line("metric = acuracy"), "x.ini:8: metric must be one of value, got 'acuracy'");
  EXPECT_EQ(with_line("seed = 1\nseed = 2"),
            "x.ini:9: duplicate key 'seed' in section [study]; first given as '1' at x.ini:8");
  EXPECT_EQ(with_line("seed ="), "x.ini:8: missing value for 'seed' in section [study]");
  EXPECT_EQ(with_line("[sarch]\nalgorithm = grid"),
            "x.ini:8: unknown section [sarch]; did you mean 'search'?");
  EXPECT_EQ(with_line("[workers]\nlanes = 2000"), "x.ini:9: lanes must be at most 1024, got 2000");
  EXPECT_EQ(with_line("[workers]\nlanes = 2\nranks_per_trial = 2"),
            "x.ini:9: lanes must be 1 where several ranks train a trial together (ranks_per_trial, model_parallel, elastic), got 2");
  EXPECT_EQ(with_line("[log]\nverbosity = 4"), "x.ini:9: verbosity must be at most 3, got 4");
  EXPECT_EQ(
      with_line("[search]\nalgorithm = sobl"),
      "x.ini:9: algorithm must be one of sobol, random, grid, bo, ais, tpe, bohb, mobster, got 'sobl'; did "
      "you mean 'sobol'?");
}

TEST(StudyInputsErrors, SaysWhatNetworksAreNotDividedFor) {
  EXPECT_EQ(with_line("[workers]\npipeline = 2"), "x.ini:9: pipeline must divide ranks_per_trial (1), got 2");
  EXPECT_EQ(with_line("[workers]\nranks_per_trial = 4\npipeline = 2"),
            "x.ini:10: pipeline is for objectives of type network, not function");
  EXPECT_THAT(problems_of(valid_text + "[workers]\nranks_per_trial = 4\npipeline = 2\nmodel_parallel = 2\n"),
              Contains("x.ini:10: model_parallel and pipeline exclude each other"));
}

TEST(StudyInputsErrors, NamesTheDuplicateOfARepeatedSection) {
  EXPECT_EQ(with_line("seed = 1\n[study]\nseed = 2"),
            "x.ini:10: duplicate key 'seed' in section [study]; first given as '1' at x.ini:8");
}

TEST(StudyInputsErrors, CallsTheCommandLineByItsName) {
  EXPECT_THAT(problems_of(valid_text, {"study.sede=1"}),
              ElementsAre("command line: unknown key 'sede' in section [study]; did you mean 'seed'?"));
  EXPECT_THAT(problems_of(valid_text, {"stduy.seed=1"}),
              ElementsAre("command line: unknown section [stduy]; did you mean 'study'?"));
  EXPECT_THAT(
      problems_of(valid_text, {"study.seed=1", "study.seed=2"}),
      ElementsAre(
          "command line: duplicate key 'seed' in section [study]; first given as '1' at command line"));
  EXPECT_THAT(
      problems_of(valid_text, {"trial.x=1"}),
      ElementsAre("command line: trials to run first are given in the input file, as sections [trial]"));
}

TEST(StudyInputsErrors, TellsAllProblemsInTheOrderOfTheLines) {
  const auto problems = problems_of(
      "[study]\nseed = x\n[space]\nx = uniform(1, 0)\n[objective]\ntype = function\nfuncton = "
      "sphere\n[log]\nsync = often\n",
      {"study.trials=0"});

  EXPECT_THAT(problems,
              ElementsAre(testing::StartsWith("x.ini:2: seed must be"), testing::StartsWith("x.ini:4: "),
                          testing::StartsWith("x.ini:7: unknown key 'functon'"),
                          testing::StartsWith("x.ini:9: sync must be"),
                          testing::StartsWith("command line: trials must be at least 1")));
}

TEST(StudyInputsErrors, NamesLineAndRuleOfAWrongSpace) {
  EXPECT_THAT(with_space("x = uniform(1, 0)"),
              ElementsAre("x.ini:4: 'x': the range of uniform is empty: its low 1 is above its high 0"));
  EXPECT_THAT(
      with_space("x = loguniform(0, 1)"),
      ElementsAre("x.ini:4: 'x': loguniform needs bounds above 0, because it takes their logarithm; got 0"));
  EXPECT_THAT(with_space("x = unifrom(0, 1)"),
              ElementsAre("x.ini:4: 'x': unknown distribution 'unifrom'; did you mean 'uniform'?"));
  EXPECT_THAT(with_space("x = uniform(0, 1) if z == 1"), ElementsAre("x.ini:4: 'x': unknown parameter 'z'"));
  EXPECT_THAT(with_space("x = uniform(0, 1) if y == 1\ny = int(0, 2)"),
              ElementsAre("x.ini:4: 'x': the condition reads 'y', which is defined later (x.ini:5); "
                          "conditions may read earlier parameters only"));
  EXPECT_THAT(with_space("x = int(0, 1) if y == 1\ny = int(0, 2) if x == 1"),
              ElementsAre("x.ini:4: 'x': the conditions form a cycle: x -> y -> x"));
  EXPECT_THAT(
      with_space("x = uniform(0, 1)\nx = uniform(0, 2)"),
      ElementsAre(
          "x.ini:5: duplicate key 'x' in section [space]; first given as 'uniform(0, 1)' at x.ini:4"));
  EXPECT_THAT(with_space("x = uniform(0, 1)\ny = uniform(0, 1)\n[constraints]\nfar = x > y + 1"),
              ElementsAre("x.ini:7: no configuration meets the constraint 'far = x > y + 1' (100000 random "
                          "ones were tried)"));
  EXPECT_THAT(with_space("rate = uniform(0, 1)\n[constraints]\nfar = rat + 1 > 1"),
              ElementsAre("x.ini:6: 'far': unknown parameter 'rat'; did you mean 'rate'?"));
}

TEST(StudyInputsErrors, RefusesWhatDoesNotGoWithTrialsOfSeveralWidths) {
  const auto with_widths = [](const std::string& section) {
    return problems_of("[objective]\ntype = function\nfunction = sphere\ndimensions = 1\n[space]\nx = uniform(0, 1)\n"
                       "ranks_per_trial = choice(1, 2)\n[workers]\n" + section);
  };
  const std::string rule = "x.ini:7: with a parameter ranks_per_trial workers.in_flight must be all, and workers.move_stragglers false";
  EXPECT_THAT(with_widths(""), IsEmpty());
  EXPECT_THAT(with_widths("in_flight = 2\n"), ElementsAre(rule));
  EXPECT_THAT(with_widths("in_flight = auto\n"), ElementsAre(rule));
  EXPECT_THAT(with_widths("move_stragglers = true\n"), ElementsAre(rule));
}

TEST(StudyInputsErrors, RefusesElasticTeamsOfTrialsThatCannotGoOnWithOtherRanks) {
  const auto with_workers = [](const std::string& section) {
    return with_line("[workers]\nelastic = true\n" + section);
  };
  EXPECT_EQ(with_workers("ranks_per_trial = 2"), "x.ini:9: elastic needs ranks_per_trial = 1");
  EXPECT_EQ(with_workers("move_stragglers = true"), "x.ini:9: elastic needs in_flight = all and move_stragglers = false");
  EXPECT_THAT(problems_of("[space]\nx = uniform(0, 1)\n[objective]\ntype = command\ncommand = true\n[workers]\nelastic = true\n"),
              Contains("x.ini:7: elastic is for objectives of type network, not command"));
}

TEST(StudyInputsErrors, NamesLineAndRuleOfAWrongPrior) {
  const auto with_prior = [](const std::string& belief) {
    const auto problems =
        with_space("rate = loguniform(1e-3, 1)\nx = int(1, 3)\nact = choice(a, b, c)\n[prior]\n" + belief +
                   "\n[search]\nalgorithm = bo");
    return problems.size() == 1 ? problems.front() : concat(problems.size(), " problems");
  };
  EXPECT_EQ(with_prior("rat = normal(0.1, 1)"),
            "x.ini:8: unknown parameter 'rat' in section [prior]; did you mean 'rate'?");
  EXPECT_EQ(with_prior("x = 3"), "x.ini:8: 'x': a belief about int is normal(centre, sd), got '3'");
  EXPECT_EQ(with_prior("x = normal(3)"),
            "x.ini:8: 'x': a belief about int is normal(centre, sd), got 'normal(3)'");
  EXPECT_EQ(with_prior("x = weights(1, 2, 3)"),
            "x.ini:8: 'x': a belief about int is normal(centre, sd), got 'weights(1, 2, 3)'");
  EXPECT_EQ(with_prior("x = normal(2, 0)"), "x.ini:8: 'x': the standard deviation must be above 0, got 0");
  EXPECT_EQ(with_prior("rate = normal(0, 1)"),
            "x.ini:8: 'rate': the centre must be above 0, because loguniform takes its logarithm; got 0");
  EXPECT_EQ(with_prior("act = normal(1, 1)"),
            "x.ini:8: 'act': a belief about choice is weights(w1, w2, ...), got 'normal(1, 1)'");
  EXPECT_EQ(with_prior("act = weights(1, 2)"),
            "x.ini:8: 'act': expected 3 weights, one per entry of choice(a, b, c), got 2");
  EXPECT_EQ(with_prior("act = weights(1, -2, 1)"), "x.ini:8: 'act': weights must be above 0, got -2");
  EXPECT_EQ(with_prior("x = normal(2, 1)\nx = normal(3, 1)"),
            "x.ini:9: duplicate key 'x' in section [prior]; first given as 'normal(2, 1)' at x.ini:8");
}

TEST(StudyInputsErrors, RefusesAPriorThatTheSearcherDoesNotRead) {
  const auto with_searcher = [](const std::string& setting) {
    return problems_of(valid_text + "[prior]\nx = normal(0.5, 0.1)\n", {setting});
  };
  for (const std::string searcher : {"sobol", "random", "grid", "tpe", "bohb"})
    EXPECT_THAT(with_searcher("search.algorithm=" + searcher),
                ElementsAre("x.ini:9: section [prior] is for search.algorithm = bo, ais, mobster, not " + searcher));
  for (const std::string searcher : {"bo", "ais", "mobster"})
    EXPECT_THAT(with_searcher("search.algorithm=" + searcher), IsEmpty());
}

TEST(StudyInputsErrors, MissesTheSpaceOfAnObjectiveThatBringsNone) {
  EXPECT_THAT(problems_of("[objective]\ntype = network\n"),
              ElementsAre("x.ini: section [space] has no parameter; add one, as 'x = uniform(0, 1)'"));
}

TEST(StudyInputsErrors, JudgesTheObjective) {
  EXPECT_THAT(problems_of("[objective]\ntype = netwrk\ndata = x.h5\n[space]\nx = uniform(0, 1)\n"),
              ElementsAre("x.ini:2: type must be one of network, function, command, external, plugin, table, "
                          "got 'netwrk'; did you mean 'network'?"));
  EXPECT_THAT(problems_of("[objective]\ntype = network\n[space]\nlearning_rate = loguniform(0.001, 1)\n"),
              ElementsAre(testing::HasSubstr("needs a data set")));
}

TEST(StudyInputsErrors, MissesTheEpochsThatASchedulerDivides) {
  const auto with = [](const std::string& epochs, const std::string& scheduler) {
    return problems_of("[objective]\ntype = command\ncommand = true\n" + epochs +
                       "[space]\nx = uniform(0, 1)\n[scheduler]\nalgorithm = " + scheduler + "\n");
  };
  EXPECT_THAT(with("", "asha"), ElementsAre(testing::HasSubstr("x.ini:7: scheduler asha divides the epochs of a training")));
  EXPECT_THAT(with("epochs = 9\n", "asha"), ElementsAre());
  EXPECT_THAT(with("", "median"), ElementsAre());
}

TEST(StudyInputsErrors, JudgesTrialsOfTheUser) {
  EXPECT_EQ(with_line("[trial]\ny = 0.5"), "x.ini:9: unknown parameter 'y' in a trial; did you mean 'x'?");
  EXPECT_EQ(with_line("[trial]\nx = 2"), "x.ini:8: 'x' = 2 lies outside uniform(0, 1)");
  EXPECT_EQ(with_line("[trial]\nx = 0.1\nx = 0.2"),
            "x.ini:10: duplicate key 'x' in section [trial]; first given as '0.1' at x.ini:9");
  EXPECT_EQ(with_line("[trial]"), "x.ini:8: 'x' has no value");
}

TEST(StudyInputsErrors, SaysWhichFileOfTrialsCannotBeRead) {
  const support::TemporaryFolder folder;
  const auto file = folder.write("x.ini", valid_text + "initial = first.csv\n");
  const auto other = folder.write("y.ini", valid_text + "initial = first.txt\n");

  EXPECT_EQ(support::message_of<InvalidInput>([&] { read_inputs(file); }),
            file.string() + ":8: initial: cannot open " + (folder / "first.csv").string() +
                ": No such file or directory");
  EXPECT_EQ(support::message_of<InvalidInput>([&] { read_inputs(other); }),
            other.string() + ":8: initial must be a .csv or .json file, got '" +
                (folder / "first.txt").string() + "'");
}

TEST(StudyInputsErrors, SurvivesSpoiledInputs) {
  const std::string valid =
      valid_text +
      "trials = 7\n[constraints]\nsmall = x < 0.9\n[trial]\nx = 0.5\n[search]\nalgorithm = random\n";
  const std::string_view alphabet = "[]=#\n ,.()-e019xif\"";
  Random random(7);
  int refused = 0;
  for (int round = 0; round < 500; ++round) {
    std::string text = valid;
    for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits)
      text[random.below(text.size())] = alphabet[random.below(alphabet.size())];
    const auto problems = problems_of(text);
    refused += problems.empty() ? 0 : 1;
    for (const std::string& problem : problems) EXPECT_EQ(problem.substr(0, 5), "x.ini") << text;
  }
  EXPECT_GT(refused, 250);
}

}  // namespace
}  // namespace regatta::app
