#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "problems_of.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::app {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A value in force without its comment: the words of the lines must not depend on alignment.
std::string line_of(const std::string& used, const std::string& name) {
  const std::size_t start = used.find("\n" + name + " ");
  return start == std::string::npos ? "" : used.substr(start + 1, used.find('\n', start + 1) - start - 1);
}

TEST(UsedInputs, SayWhatIsInForceAndWhoSaidSo) {
  const std::string used = inputs_of(valid_text + "seed = 7\n", {"study.trials=9"}).used;

  EXPECT_THAT(line_of(used, "seed"), Not(HasSubstr("#")));
  EXPECT_THAT(line_of(used, "trials"), HasSubstr("= 9 "));
  EXPECT_THAT(line_of(used, "trials"), HasSubstr("# command line"));
  EXPECT_THAT(line_of(used, "metric"), HasSubstr("= value "));
  EXPECT_THAT(line_of(used, "metric"), HasSubstr("# default"));
  EXPECT_THAT(line_of(used, "directory"), HasSubstr("runs/x"));
}

TEST(UsedInputs, GiveTheSameStudyAgain) {
  const StudyInputs first = inputs_of(
      "[study]\nseed = 3\n[objective]\ntype = function\nfunction = sphere\n[space]\nx = uniform(0, 1)\n"
      "y = choice(1, none) if x > 0.5\n[constraints]\nx < 0.9\n"
      "[prior]\nx = normal(0.5, 0.1)\ny = weights(1, 3)\n[trial]\nx = 0.7\ny = none\n[trial]\nx = "
      "0.25\n[search]\nalgorithm = bo\n"
      "[workers]\ndevice = cpu\n",
      {"log.snapshot=2s"});

  const StudyInputs second = parse_inputs(first.used, "used_inputs.ini", {}, NamedFiles::Trust);

  EXPECT_EQ(second.fingerprint, first.fingerprint);
  EXPECT_EQ(second.name, first.name);
  EXPECT_EQ(second.metric, first.metric);
  EXPECT_EQ(second.user_trials.size(), 2u);
  EXPECT_TRUE(search::same_config(second.user_trials[1], first.user_trials[1]));
  EXPECT_EQ(second.log.snapshot_seconds, 2);
  EXPECT_EQ(second.space.constraints().size(), 1u);
  ASSERT_EQ(second.searcher.bayesian.prior.definitions().size(), 2u);
  EXPECT_EQ(second.searcher.bayesian.prior.definitions()[1].text, "weights(1, 3)");
  EXPECT_EQ(second.objective.values.at("function"), "sphere");
}

TEST(UsedInputs, NameFilesSoThatTheyAreFoundFromAnyFolder) {
  const std::string text =
      "[objective]\ntype = network\ndata = data/../d.h5\n[space]\nunits = int(1, 9)\n"
      "[study]\nmetric = val_loss\ndirection = minimize\n";

  const StudyInputs inputs = parse_inputs(text, "/somewhere/x.ini", {}, NamedFiles::Trust);

  EXPECT_THAT(line_of(inputs.used, "data"), HasSubstr("= /somewhere/d.h5"));
}

TEST(UsedInputs, LeaveOutDefaultsThatTheSpaceReplaces) {
  const std::string text =
      "[objective]\ntype = network\ndata = d.h5\n[space]\nunits = int(1, 9)\n"
      "[study]\nmetric = val_loss\ndirection = minimize\n";

  const std::string used = parse_inputs(text, "x.ini", {}, NamedFiles::Trust).used;

  EXPECT_EQ(line_of(used, "units"), "units = int(1, 9)");
  EXPECT_THAT(line_of(used, "layers"), HasSubstr("# default"));
}

TEST(UsedInputs, HaveAFingerprintOfWhatMustNotChangeBetweenRestarts) {
  const std::string first = inputs_of(valid_text).fingerprint;

  EXPECT_EQ(
      inputs_of(valid_text, {"study.trials=7", "log.directory=other", "workers.device=cpu", "study.name=b"})
          .fingerprint,
      first);
  EXPECT_NE(inputs_of(valid_text, {"study.seed=7"}).fingerprint, first);
  EXPECT_NE(inputs_of(valid_text, {"space.x=uniform(0, 2)"}).fingerprint, first);
  EXPECT_NE(inputs_of(valid_text, {"search.algorithm=random"}).fingerprint, first);
  EXPECT_NE(inputs_of(valid_text, {"study.direction=maximize"}).fingerprint, first);
  EXPECT_NE(inputs_of(valid_text, {"objective.function=ackley"}).fingerprint, first);
}

}  // namespace
}  // namespace regatta::app
