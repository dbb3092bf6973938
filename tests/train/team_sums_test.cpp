#include "regatta/train/team_sums.hpp"

#include <dlfcn.h>

#include <cstdlib>

#include "device/cuda_tested_backend.hpp"
#include "device/fake_nccl.hpp"
#include "far_backend.hpp"
#include "regatta/core/error.hpp"
#include "team_training.hpp"

namespace regatta::train {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(SumPath, IsNcclWhereDevicesHaveJoined) {
  EXPECT_EQ(choose_path(SumPath::Auto, {true, true, 1, 2}), SumPath::Nccl);
  EXPECT_EQ(choose_path(SumPath::Nccl, {true, false}), SumPath::Nccl);
  EXPECT_EQ(choose_path(SumPath::Mpi, {true, true}), SumPath::Mpi);
  EXPECT_EQ(choose_path(SumPath::Staged, {true, true, 1, 2}), SumPath::Staged);
}

TEST(SumPath, IsMpiWhereThatIsFasterThanStaging) {
  EXPECT_EQ(choose_path(SumPath::Auto, {false, true, 1, 2}), SumPath::Mpi);
  EXPECT_EQ(choose_path(SumPath::Auto, {false, true, 2, 1}), SumPath::Staged);
  EXPECT_EQ(choose_path(SumPath::Mpi, {false, true, 2, 1}), SumPath::Mpi);
}

TEST(SumPath, IsStagedWhereWhatIsWantedCannotBe) {
  EXPECT_EQ(choose_path(SumPath::Auto, {}), SumPath::Staged);
  EXPECT_EQ(choose_path(SumPath::Nccl, {false, true, 1, 2}), SumPath::Staged);
  EXPECT_EQ(choose_path(SumPath::Mpi, {}), SumPath::Staged);
}

/// Devices of ranks that are different ones, and what else they say.
struct PlainTeams final : device::DeviceTeams {
  std::string uuid() const override { return name; }
  std::string absence() const override { return problem; }
  Meeting make_meeting() override { return {std::byte{7}, std::byte{255}}; }
  std::unique_ptr<device::DeviceTeam> join(const Meeting& meeting, int rank, int) override {
    met = meeting;
    if (rank == refused) throw SystemFailure("no");
    struct Member final : device::DeviceTeam {
      void sum(float*, std::size_t) override {}
      void sum_slices(float*, std::size_t) override {}
      void share_slices(float*, std::size_t) override {}
    };
    return std::make_unique<Member>();
  }

  std::string name, problem;
  int refused = -1;
  Meeting met{};
};

/// What two ranks find.
struct Found {
  SumPath path;
  std::string message;
  std::byte met;
};
std::vector<Found> find_ways(SumPath wanted,
                             const std::function<void(int rank, PlainTeams& teams)>& prepare) {
  comm::LocalGroup group(2);
  std::vector<Found> found(2);
  const auto work = [&](int rank) {
    PlainTeams teams;
    teams.name = concat("GPU-", rank);
    prepare(rank, teams);
    FarBackend backend;
    backend.device_teams = &teams;
    TeamSums sums(backend);
    std::vector<float> numbers(10);
    const TeamSums::Way& way = sums.way_of(group.at(Rank{rank}), wanted, numbers);
    EXPECT_EQ(&sums.way_of(group.at(Rank{rank}), wanted, numbers), &way);
    found[static_cast<std::size_t>(rank)] = {way.path, sums.take_message(), teams.met[1]};
    EXPECT_THAT(sums.take_message(), IsEmpty());
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  return found;
}

TEST(TeamSums, LetDevicesMeetWhereRankZeroSays) {
  for (const Found& rank : find_ways(SumPath::Auto, [](int, PlainTeams&) {})) {
    EXPECT_EQ(rank.path, SumPath::Nccl);
    EXPECT_EQ(rank.met, std::byte{255});
    EXPECT_THAT(rank.message, IsEmpty());
  }
}

TEST(TeamSums, DoNotLetADeviceMeetItself) {
  for (const Found& rank : find_ways(SumPath::Auto, [](int, PlainTeams& teams) { teams.name = "GPU"; })) {
    EXPECT_EQ(rank.path, SumPath::Staged);
    EXPECT_THAT(rank.message, IsEmpty());
  }
}

TEST(TeamSums, SayWhyDevicesDidNotMeet) {
  const auto absent = find_ways(
      SumPath::Auto, [](int rank, PlainTeams& teams) { teams.problem = rank == 1 ? "no library" : ""; });
  EXPECT_EQ(absent[0].path, SumPath::Staged);
  EXPECT_THAT(absent[0].message, HasSubstr("another of its ranks cannot"));
  EXPECT_EQ(absent[1].path, SumPath::Staged);
  EXPECT_THAT(absent[1].message, HasSubstr("no library"));
  const auto refused = find_ways(SumPath::Nccl, [](int, PlainTeams& teams) { teams.refused = 0; });
  EXPECT_EQ(refused[0].path, SumPath::Staged);
  EXPECT_THAT(refused[0].message, HasSubstr("GPU to GPU: no"));
  EXPECT_EQ(refused[1].path, SumPath::Staged);
  for (const Found& rank : find_ways(SumPath::Mpi, [](int, PlainTeams&) {}))
    EXPECT_THAT(rank.message, HasSubstr("MPI does not read that of the GPUs"));
}

/// The only rank of a group whose MPI reads devices; its sums double the numbers.
class DeviceReader final : public comm::Communicator {
 public:
  Rank rank() const override { return Rank{0}; }
  int size() const override { return 2; }
  void post(Rank, int, std::span<const std::byte>) override {}
  std::optional<comm::Envelope> poll() override { return std::nullopt; }
  bool drained() override { return true; }
  std::unique_ptr<comm::Pending> begin_sum(std::span<float> values) override {
    struct Done final : comm::Pending {
      bool test() override { return true; }
      void wait() override {}
    };
    for (float& value : values) value *= 2;
    return std::make_unique<Done>();
  }
  bool reads_devices() const override { return true; }
  void sum(std::span<float> values) override {
    if (values.size() == 1000) ++sums;
    begin_sum(values)->wait();
  }
  void send(Rank, std::span<const float>) override {}
  void receive(Rank, std::span<float>) override {}

  int sums = 0;  ///< of gradients
};

TEST(TeamSums, LetMpiReadDevicesAndTryIt) {
  FarBackend backend;
  DeviceReader team;
  TeamSums sums(backend);
  std::vector<float> numbers(1000);

  const TeamSums::Way& tried = sums.way_of(team, SumPath::Auto, numbers);

  EXPECT_THAT(tried.path, testing::AnyOf(SumPath::Mpi, SumPath::Staged));
  EXPECT_EQ(team.sums, 4);
  const TeamSums::Way& wanted = sums.way_of(team, SumPath::Mpi, numbers);
  GradientReducer reducer(backend, &team, 900, 1000, 100);
  reducer.take(wanted);
  numbers.assign(1000, 3.0f);
  for (const std::size_t first : {500, 0}) reducer.ready(numbers.data(), first);
  reducer.finish(numbers.data());
  EXPECT_EQ(reducer.path(), SumPath::Mpi);
  EXPECT_EQ(team.sums, 5);
  EXPECT_EQ(numbers, std::vector<float>(1000, 6.0f));
}

/// The CUDA module, played by the host, with a library that plays NCCL.
class NcclTeamTest : public testing::Test {
 protected:
  NcclTeamTest() {
    setenv("REGATTA_NCCL", REGATTA_FAKE_NCCL, 1);
    void* library = dlopen(REGATTA_FAKE_NCCL, RTLD_NOW | RTLD_LOCAL);
    nccl = reinterpret_cast<decltype(&fake_nccl)>(dlsym(library, "fake_nccl"))();
    *nccl = {put_on, [] { turns.unlock(); }, [] { turns.lock(); }};
    spec.network = mlp({6, {9, 8}, 3, device::Activation::Relu, 0.2f});
    spec.gradient_clip = 0.5;
    spec.batch = 16;
  }
  ~NcclTeamTest() override { nccl->refused_rank = -1; }

  TeamResult train(SumPath path, int ranks = 2) {
    spec.sum_path = path;
    return train_as_team(ranks, samples, spec, device::make_tested_backend, 1, Divided::ByWidth, true);
  }

  FakeNccl* nccl;
  Samples samples = clouds(45, 6, 3);  // batches of 16, 16 and 13
  TrainingSpec spec;
};

TEST_F(NcclTeamTest, SumsWithinRecordedStepsAndGivesTheBitsOfStaging) {
  const TeamResult staged = train(SumPath::Staged);
  EXPECT_EQ(nccl->sums, 0);
  const int before = *device::tested_graph_launches();

  const TeamResult summed = train(SumPath::Nccl);

  EXPECT_EQ(summed.path, SumPath::Nccl);
  EXPECT_EQ(summed.parameters, staged.parameters);
  EXPECT_EQ(summed.losses, staged.losses);
  // Of each rank: 12 steps, the first whole and the first short one by one, the second of each captured, the
  // others replayed.
  EXPECT_EQ(*device::tested_graph_launches() - before, 2 * (12 - 2));
  EXPECT_EQ(nccl->sums, 2 * (2 + 2));
}

/// Of 170 parameters: each of three ranks has 64, with the zeros behind them.
TEST_F(NcclTeamTest, UpdatesASliceOnEachDeviceAndGivesTheBitsOfStaging) {
  for (const device::OptimizerKind kind : {device::OptimizerKind::Sgd, device::OptimizerKind::Adam})
    for (const int ranks : {2, 3})
      for (const double clip : {0.0, 0.5}) {
        spec.optimizer.kind = kind;
        spec.optimizer.weight_decay = 0.01;
        spec.gradient_clip = clip;
        const TeamResult staged = train(SumPath::Staged, ranks);
        spec.sliced_from = 170 + 1;
        nccl->sums = nccl->scattered = nccl->gathered = 0;
        train(SumPath::Nccl, ranks);
        EXPECT_EQ(nccl->scattered, 0) << "of a network that is too small";
        spec.sliced_from = 170;
        nccl->sums = 0;
        const int before = *device::tested_graph_launches();

        const TeamResult sliced = train(SumPath::Nccl, ranks);

        EXPECT_EQ(sliced.path, SumPath::Nccl);
        if (clip == 0)
          EXPECT_EQ(sliced.saved, staged.saved);
        else
          EXPECT_THAT(sliced.parameters, testing::Pointwise(testing::FloatNear(1e-5f), staged.parameters));
        EXPECT_EQ(*device::tested_graph_launches() - before, ranks * (12 - 2));
        EXPECT_EQ(nccl->scattered, ranks * (2 + 2));
        EXPECT_EQ(nccl->sums, clip > 0 ? ranks * (2 + 2) : 0);
        EXPECT_EQ(nccl->gathered, ranks * (2 + 2 + 4 * 2));  // parameters of each step, moments of each epoch
      }
}

TEST_F(NcclTeamTest, GoesOnByWayOfTheHostWhereARankCannotJoin) {
  const TeamResult staged = train(SumPath::Staged);
  nccl->refused_rank = 1;

  const TeamResult fallen = train(SumPath::Nccl);

  EXPECT_EQ(fallen.path, SumPath::Staged);
  EXPECT_EQ(fallen.parameters, staged.parameters);
  EXPECT_EQ(nccl->sums, 0);
}

}  // namespace
}  // namespace regatta::train
