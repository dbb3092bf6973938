#include "regatta/run/layout.hpp"

#include <functional>
#include <numeric>

#include "regatta/core/error.hpp"
#include "run/worker_loop.hpp"

namespace regatta::run {
namespace {

RankInfo rank(const std::string& host, std::vector<std::string> gpus = {}, std::vector<int> cores = {0, 1, 2, 3}) {
  const std::vector<std::string> names(gpus.size(), "GPU");
  return {host, std::move(cores), std::move(gpus), names};
}

RankInfo bound_rank(std::vector<int> cores) { return rank("a", {}, std::move(cores)); }

std::vector<int> leaders(const Layout& layout) {
  std::vector<int> ranks;
  for (const TeamPlan& team : layout.teams) ranks.push_back(team.ranks.front().value);
  return ranks;
}

TEST(Layout, KeepsRank0FreeToSteerOnHostsWithoutGpus) {
  const Layout layout = plan_layout({rank("a"), rank("a"), rank("b")}, {});

  EXPECT_EQ(leaders(layout), (std::vector<int>{1, 2}));
  EXPECT_EQ(layout.nodes, 2);
  EXPECT_FALSE(layout.team_of(Rank{0}).valid());
  EXPECT_EQ(layout.team_of(Rank{2}), WorkerId{1});
}

TEST(Layout, HasAWorkerForEachLaneOfARank) {
  LayoutOptions options;
  options.lanes = 3;
  const Layout layout = plan_layout({rank("a"), rank("a"), rank("b")}, options);

  EXPECT_EQ(leaders(layout), (std::vector<int>{1, 2, 1, 2, 1, 2})) << "few trials spread over all ranks";
  EXPECT_EQ(layout.teams[3].lane, 1);
  EXPECT_EQ(layout.lanes, 3);
  EXPECT_EQ(layout.team_of(Rank{2}), WorkerId{1});

  options.ranks_per_trial = 2;
  EXPECT_THROW(plan_layout({rank("a"), rank("a"), rank("b")}, options), InvalidInput);
}

/// Sixteen on processors for networks as small as a logistic regression of flowers.
TEST(Layout, HasLanesWhereEachOfARankThatWorksGetsEightTrials) {
  const objective::ObjectiveOptions flowers{.values = {{"data", "iris.h5"}, {"layers", "0"}, {"folds", "5"}},
                                            .folder = REGATTA_SOURCE_DIR "/inputs/data"};
  LayoutOptions options;
  options.lanes = 0;
  const auto lanes = [&](std::size_t ranks, std::int64_t trials) {
    return choose_lanes(options, std::vector(ranks, rank("a")), flowers, space::Space(), trials);
  };

  EXPECT_EQ(lanes(1, 128), 16);
  EXPECT_EQ(lanes(1, 127), 1);
  EXPECT_EQ(lanes(3, 256), 16) << "rank 0 only steers";
  EXPECT_EQ(lanes(3, 255), 1);
  EXPECT_EQ(lanes(3, 0), 16) << "no limit";
  options.rank0 = Rank0Choice::Yes;
  EXPECT_EQ(lanes(3, 256), 1);
  options.ranks_per_trial = 2;
  EXPECT_EQ(lanes(3, 256), 1);
  options.lanes = 5;
  EXPECT_EQ(lanes(3, 256), 5);
}

TEST(Layout, LetsALoneRankSteerAndWork) {
  EXPECT_EQ(leaders(plan_layout({rank("a")}, {})), (std::vector<int>{0}));
}

TEST(Layout, LetsRank0WorkWhereItsNodeHasNoMoreRanksThanGpus) {
  const std::vector<std::string> both{"u0", "u1"};
  const Layout layout = plan_layout({rank("a", both), rank("a", both)}, {});

  EXPECT_EQ(leaders(layout), (std::vector<int>{0, 1}));
  EXPECT_EQ(layout.gpu, (std::vector<int>{0, 1}));
}

TEST(Layout, GivesEachWorkerAGpuOfItsOwn) {
  const std::vector<std::string> both{"u0", "u1"};
  const Layout layout = plan_layout({rank("a", both), rank("a", both), rank("a", both)}, {});

  EXPECT_EQ(leaders(layout), (std::vector<int>{1, 2}));
  EXPECT_EQ(layout.gpu, (std::vector<int>{-1, 0, 1}));
}

TEST(Layout, TakesTheOnlyGpuThatARankSees) {
  const Layout layout = plan_layout({rank("a", {"u0"}), rank("a", {"u0"}), rank("a", {"u1"})}, {});

  EXPECT_EQ(layout.gpu, (std::vector<int>{-1, 0, 0}));
  EXPECT_EQ(leaders(layout), (std::vector<int>{1, 2}));
}

TEST(Layout, MakesRanksWithoutAGpuSpares) {
  const std::vector<std::string> two{"u0", "u1"};
  const Layout layout = plan_layout({rank("a", two), rank("a", two), rank("a", two), rank("a", two)}, {});

  EXPECT_EQ(leaders(layout), (std::vector<int>{1, 2}));
  EXPECT_EQ(layout.spares, (std::vector<Rank>{Rank{3}}));
  EXPECT_FALSE(layout.warnings.empty());
}

TEST(Layout, RefusesTwoWorkersOnOneGpuAndNamesRanksAndOption) {
  const std::vector<RankInfo> ranks{rank("a", {"GPU-7"}), rank("a", {"GPU-7"}), rank("a", {"GPU-7"})};
  try {
    plan_layout(ranks, {});
    FAIL() << "no exception";
  } catch (const InvalidInput& error) {
    EXPECT_STREQ(error.what(),
                 "ranks 1 and 2 on a both see only GPU GPU-7; start one rank per GPU, or set gpu.share = 2 or more");
  }
  LayoutOptions share;
  share.workers_per_gpu = 2;
  EXPECT_EQ(plan_layout(ranks, share).teams.size(), 2u);
}

TEST(Layout, SpreadsWorkersEvenlyOverGpusThatTheyShare) {
  LayoutOptions share;
  share.workers_per_gpu = 2;
  share.rank0 = Rank0Choice::No;
  const Layout layout = plan_layout(std::vector<RankInfo>(6, rank("a", {"u0", "u1"})), share);

  EXPECT_EQ(layout.gpu, (std::vector<int>{-1, 0, 1, 0, 1, -1})) << "two each, and the last rank has none";
  EXPECT_EQ(layout.spares, (std::vector<Rank>{Rank{5}}));
}

TEST(Layout, NeedsAsManyWorkersAsTheWidestTrial) {
  LayoutOptions options;
  options.widest = 3;
  EXPECT_THROW(plan_layout(std::vector<RankInfo>(3, rank("a")), options), InvalidInput);
  options.cores_per_trial = 1000;
  const Layout layout = plan_layout(std::vector<RankInfo>(4, rank("a")), options);
  EXPECT_EQ(layout.teams.size(), 3u);
  EXPECT_THAT(layout.warnings, testing::Contains(testing::HasSubstr("workers.cores_per_trial = 1000")));
}

TEST(Layout, FormsTeamsWithinANodeFirst) {
  LayoutOptions pairs;
  pairs.ranks_per_trial = 2;
  const Layout layout = plan_layout({rank("a"), rank("a"), rank("b"), rank("a"), rank("b"), rank("b")}, pairs);

  ASSERT_EQ(layout.teams.size(), 2u);
  EXPECT_EQ(layout.teams[0].ranks, (std::vector<Rank>{Rank{1}, Rank{3}}));
  EXPECT_EQ(layout.teams[1].ranks, (std::vector<Rank>{Rank{2}, Rank{4}}));
  EXPECT_EQ(layout.spares, (std::vector<Rank>{Rank{5}}));
}

TEST(Layout, SaysWhatIsMissing) {
  LayoutOptions wide, cuda, steering;
  wide.ranks_per_trial = 4;
  cuda.device = DeviceChoice::Cuda;
  steering.rank0 = Rank0Choice::No;

  EXPECT_THROW(plan_layout({rank("a"), rank("a")}, wide), InvalidInput);
  EXPECT_THROW(plan_layout({rank("a"), rank("a")}, cuda), Unavailable);
  EXPECT_THROW(plan_layout({rank("a")}, steering), InvalidInput);
}

using Shares = std::map<Rank, std::vector<int>>;

/// The shares of ranks of node a, of which the first only steers.
Shares shares_of(const std::vector<RankInfo>& ranks, const std::function<int(int)>& physical = std::identity()) {
  return divide_cores(ranks, plan_layout(ranks, {}), "a", physical);
}

TEST(Layout, TakesRanksWithoutOtherWorkForSubControllersFirst) {
  const RankInfo of_two = rank("a", {"u0", "u1"});
  LayoutOptions options{.rank0 = Rank0Choice::No, .sub_controllers = 2};
  const Layout layout = plan_layout({of_two, of_two, of_two, of_two, rank("b"), rank("b")}, options);

  EXPECT_EQ(layout.sub_controllers, (std::vector<Rank>{Rank{3}, Rank{5}})) << "a spare one, and one more";
  EXPECT_EQ(leaders(layout), (std::vector<int>{1, 2, 4}));
  EXPECT_TRUE(layout.spares.empty());

  options.sub_controllers = 5;
  EXPECT_THROW(plan_layout({rank("a"), rank("a"), rank("a")}, options), InvalidInput);
  options.sub_controllers = 2;
  EXPECT_THROW(plan_layout({rank("a"), rank("a"), rank("a")}, options), InvalidInput)
      << "nobody is left to work";
}

TEST(Layout, DividesTheCoresOfANodeAmongTheRanksThatWork) {
  EXPECT_EQ(shares_of({rank("a"), rank("a"), rank("b"), rank("a")}), (Shares{{Rank{1}, {0, 1}}, {Rank{3}, {2, 3}}}));
  EXPECT_EQ(shares_of({rank("a"), rank("a"), rank("a"), rank("a")}),
            (Shares{{Rank{1}, {0}}, {Rank{2}, {1}}, {Rank{3}, {2, 3}}}));
}

TEST(Layout, GivesTheHardwareThreadsOfACoreToOneRank) {
  EXPECT_EQ(shares_of({rank("a"), rank("a"), rank("a")}, [](int core) { return core % 2; }),
            (Shares{{Rank{1}, {0, 2}}, {Rank{2}, {1, 3}}}));
}

TEST(Layout, LeavesRanksThatTheLauncherHasBoundTheirCores) {
  EXPECT_EQ(shares_of({bound_rank({0}), bound_rank({1}), bound_rank({2, 3})}), (Shares{{Rank{1}, {1}}, {Rank{2}, {2, 3}}}));
  EXPECT_EQ(shares_of({bound_rank({0}), bound_rank({0, 1}), bound_rank({2, 3}), bound_rank({2, 3})}),
            (Shares{{Rank{1}, {0, 1}}, {Rank{2}, {2}}, {Rank{3}, {3}}}));
}

TEST(Layout, DividesNothingWhereRanksHaveLessThanACoreOrOverlap) {
  EXPECT_EQ(shares_of({rank("a"), bound_rank({0}), bound_rank({0})}), Shares{});
  EXPECT_EQ(shares_of({rank("a"), bound_rank({0, 1}), bound_rank({1, 2})}), Shares{});
}

/// What the program of the last rank's team is given: three ranks of node a work on four cores and three GPUs.
objective::Place place_with(const LayoutOptions& options, int lane = 0) {
  StudyPlan plan;
  plan.layout = options;
  plan.log.directory = "run";
  JobFacts facts;
  facts.ranks.assign(4, rank("a", {"GPU-0", "GPU-1", "GPU-2"}));
  facts.ranks.push_back(rank("b", {"GPU-3"}));
  facts.layout = plan_layout(facts.ranks, options);
  return place_of(plan, facts, Rank{3}, nullptr, lane);
}

TEST(Layout, SaysWhereTheProgramOfATeamRuns) {
  LayoutOptions options;
  objective::Place place = place_with(options);
  EXPECT_EQ(place.gpus, (std::vector<std::string>{"GPU-2"}));
  EXPECT_EQ(std::pair(place.slot, place.ranks), std::pair(2, 1));
  EXPECT_EQ(place.cores, 2);
  EXPECT_EQ(place.bound_to, (std::vector<int>{2, 3}));

  options.ranks_per_trial = 3;
  place = place_with(options);
  EXPECT_EQ(place.gpus, (std::vector<std::string>{"GPU-0", "GPU-1", "GPU-2"}));
  EXPECT_EQ(std::pair(place.slot, place.ranks), std::pair(0, 3));
  EXPECT_EQ(place.bound_to, (std::vector<int>{0, 1, 2, 3}));
}

TEST(Layout, BindsAProgramToCoresPerTrialWhereItHasThatMany) {
  LayoutOptions options;
  options.cores_per_trial = 1;
  EXPECT_EQ(place_with(options).bound_to, (std::vector<int>{2}));
  options.cores_per_trial = 3;
  EXPECT_EQ(place_with(options).bound_to, std::vector<int>());
  EXPECT_EQ(place_with(options).cores, 3);
  options = {};
  options.bind_cores = false;
  EXPECT_EQ(place_with(options).bound_to, std::vector<int>());
  EXPECT_EQ(place_with(options).cores, 2);
}

TEST(Layout, DividesTheCoresOfARankAmongItsLanes) {
  LayoutOptions options;
  options.lanes = 2;
  EXPECT_EQ(place_with(options, 0).bound_to, (std::vector<int>{2}));
  EXPECT_EQ(place_with(options, 1).bound_to, (std::vector<int>{3}));
  EXPECT_EQ(place_with(options, 1).slot, 5) << "two for each of the ranks before";
  options.lanes = 3;
  EXPECT_EQ(place_with(options, 2).bound_to, std::vector<int>());
}

TEST(Layout, KnowsARankFromItsText) {
  const RankInfo info = RankInfo::decode(rank("node \"7\"", {"u0", "u1"}, {0, 1, 2, 7, 9, 10}).encode());

  EXPECT_EQ(info.host, "node \"7\"");
  EXPECT_EQ(info.cores, (std::vector<int>{0, 1, 2, 7, 9, 10}));
  EXPECT_EQ(info.gpu_uuids, (std::vector<std::string>{"u0", "u1"}));
}

}  // namespace
}  // namespace regatta::run
