#include "objective/checkpoint_archive.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "regatta/core/file.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::objective {
namespace {

namespace fs = std::filesystem;

class CheckpointArchive : public testing::Test {
 protected:
  CheckpointArchive() {
    fs::create_directories(from / "deep/er");
    std::ofstream(from / "deep/er/weights", std::ios::binary) << std::string("a\0b", 3);
    std::ofstream(from / "run.sh") << "true";
    fs::permissions(from / "run.sh", fs::perms::owner_all);
    fs::create_symlink("deep/er/weights", from / "latest");
  }

  support::TemporaryFolder folder;
  fs::path from = folder / "from", to = folder / "to";
};

TEST_F(CheckpointArchive, BringsADirectoryToAnotherPlace) {
  fs::create_directories(to / "old");

  unpack_directory(pack_directory(from), to);

  EXPECT_EQ(read_file(to / "latest"), std::string("a\0b", 3));
  EXPECT_TRUE(fs::is_symlink(to / "latest"));
  EXPECT_EQ(fs::status(to / "run.sh").permissions(), fs::perms::owner_all);
  EXPECT_FALSE(fs::exists(to / "old"));
}

TEST_F(CheckpointArchive, BringsBackWhatHasChangedSince) {
  const auto packed = pack_directory(from);
  std::ofstream(from / "run.sh") << "false";

  unpack_directory(packed, from);

  EXPECT_EQ(read_file(from / "run.sh"), "true");
}

TEST_F(CheckpointArchive, KeepsOnlyThePlaceOfALargeOne) {
  const auto packed = pack_directory(from, 6);
  std::ofstream(from / "run.sh") << "false";

  unpack_directory(packed, to);
  unpack_directory(packed, from);

  EXPECT_LT(packed.size(), 1000u);
  EXPECT_EQ(read_file(to / "run.sh"), "false");
  EXPECT_EQ(read_file(from / "latest"), std::string("a\0b", 3));
}

TEST_F(CheckpointArchive, IsEmptyWhereThereIsNothing) {
  EXPECT_TRUE(pack_directory(to).empty());
  fs::create_directories(to / "empty");
  EXPECT_TRUE(pack_directory(to).empty());
}

}  // namespace
}  // namespace regatta::objective
