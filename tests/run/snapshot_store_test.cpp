#include "run/snapshot_store.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_folder.hpp"

namespace regatta::run {
namespace {

std::vector<std::byte> snapshot(std::size_t size, int content) {
  return {size, static_cast<std::byte>(content)};
}

class SnapshotStoreTest : public testing::Test {
 protected:
  std::size_t local_files() const {
    std::size_t count = 0;
    if (std::filesystem::exists(options.local))
      for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(options.local)) ++count;
    return count;
  }

  support::TemporaryFolder folder;
  CheckpointOptions options{100, folder / "local", folder / "run"};
};

TEST_F(SnapshotStoreTest, KeepsTheNewestInMemoryAndSpillsTheOldestToFiles) {
  SnapshotStore store(options);
  for (int trial = 0; trial < 3; ++trial) store.keep(TrialId{trial}, snapshot(40, trial));

  EXPECT_EQ(store.bytes_in_memory(), 80u);
  EXPECT_EQ(local_files(), 1u);
  for (int trial = 0; trial < 3; ++trial) EXPECT_EQ(store.find(TrialId{trial}), snapshot(40, trial));
  EXPECT_TRUE(store.find(TrialId{3}).empty());
}

TEST_F(SnapshotStoreTest, LeavesNoFileBehind) {
  {
    SnapshotStore store(options);
    for (int trial = 0; trial < 4; ++trial) store.keep(TrialId{trial}, snapshot(60, trial));
    EXPECT_EQ(local_files(), 3u);
    store.drop(TrialId{0});
    store.keep(TrialId{1}, snapshot(60, 9));
    EXPECT_EQ(store.find(TrialId{1}), snapshot(60, 9));
    EXPECT_EQ(store.bytes_in_memory(), 60u);
  }
  EXPECT_EQ(local_files(), 0u);
}

TEST_F(SnapshotStoreTest, SpillsToTheRunDirectoryWhereTheNodeHasNoPlace) {
  std::ofstream(folder / "file") << "no folder";
  options.local = folder / "file" / "local";
  SnapshotStore store(options);

  store.keep(TrialId{7}, snapshot(101, 1));

  EXPECT_EQ(store.find(TrialId{7}), snapshot(101, 1));
  EXPECT_TRUE(std::filesystem::exists(checkpoint_file(options.directory, TrialId{7})));
  store.drop(TrialId{7});
  EXPECT_FALSE(std::filesystem::exists(checkpoint_file(options.directory, TrialId{7})));
}

TEST_F(SnapshotStoreTest, HandsWhatItSavedToALaterJob) {
  {
    SnapshotStore store(options);
    for (int trial = 0; trial < 4; ++trial) store.keep(TrialId{trial}, snapshot(60, trial));
    store.drop(TrialId{2});
    store.save_all();
  }
  SnapshotStore later(options);

  for (int trial : {0, 1, 3}) EXPECT_EQ(later.find(TrialId{trial}), snapshot(60, trial));
  EXPECT_TRUE(later.find(TrialId{2}).empty());
}

TEST_F(SnapshotStoreTest, TakesADamagedFileForNone) {
  {
    SnapshotStore store(options);
    store.keep(TrialId{0}, snapshot(60, 1));
    store.save(TrialId{0});
  }
  const auto file = checkpoint_file(options.directory, TrialId{0});
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(50) << 'x';

  EXPECT_TRUE(SnapshotStore(options).find(TrialId{0}).empty());
  std::filesystem::resize_file(file, 10);
  EXPECT_TRUE(SnapshotStore(options).find(TrialId{0}).empty());
}

}  // namespace
}  // namespace regatta::run
