#include "regatta/run/layout.hpp"

#include "regatta/core/error.hpp"

namespace regatta::run {
namespace {

RankInfo rank(const std::string& host, std::vector<std::string> gpus = {}, int cores = 4) {
  const std::vector<std::string> names(gpus.size(), "GPU");
  return {host, cores, std::move(gpus), names};
}

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

TEST(Layout, KnowsARankFromItsText) {
  const RankInfo info = RankInfo::decode(rank("node \"7\"", {"u0", "u1"}, 3).encode());

  EXPECT_EQ(info.host, "node \"7\"");
  EXPECT_EQ(info.cores, 3);
  EXPECT_EQ(info.gpu_uuids, (std::vector<std::string>{"u0", "u1"}));
}

}  // namespace
}  // namespace regatta::run
