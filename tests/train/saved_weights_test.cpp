#include "regatta/train/saved_weights.hpp"

#include <limits>
#include <thread>

#include "regatta/core/error.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"
#include "two_rank_node.hpp"

namespace regatta::train {
namespace {

using support::message_of;
using support::TemporaryFolder;

/// A dense layer of two numbers and one output, and the normalization of that.
void write_some(const std::filesystem::path& file, float last) {
  const std::vector<float> parameters{1, 2, 3, 4, 5}, statistics{6, last};
  write_weights(file, {{{2, 1, 0}, {0, 2, 2}}, parameters, statistics});
}

TEST(SavedWeights, AreReadOnceForAllRanksOfANode) {
  const TemporaryFolder folder;
  write_some(folder / "w.h5", 7);
  Node node;
  NodeRank first(node, true), second(node, false);
  SavedWeights follower;

  std::thread other([&] { follower = load_weights(folder / "w.h5", second); });
  const SavedWeights leader = load_weights(folder / "w.h5", first);
  other.join();

  EXPECT_EQ(follower.parameters.data(), leader.parameters.data());
  EXPECT_THAT(follower.parameters, testing::ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(follower.statistics, testing::ElementsAre(6, 7));
  ASSERT_EQ(follower.layers.size(), 2u);
  EXPECT_EQ(follower.layers[1].statistics, 2u);
}

TEST(SavedWeights, TellAllRanksOfANodeWhatIsWrong) {
  const TemporaryFolder folder;
  write_some(folder / "bad.h5", std::numeric_limits<float>::quiet_NaN());
  for (const char* const name : {"bad.h5", "none.h5"}) {
    Node node;
    NodeRank first(node, true), second(node, false);
    std::string follower;
    std::thread other(
        [&] { follower = message_of<InvalidInput>([&] { load_weights(folder / name, second); }); });
    const std::string leader = message_of<InvalidInput>([&] { load_weights(folder / name, first); });
    other.join();

    EXPECT_THAT(leader, testing::HasSubstr(name));
    EXPECT_EQ(follower, leader);
  }
}

}  // namespace
}  // namespace regatta::train
