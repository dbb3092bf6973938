#include "regatta/core/file.hpp"

#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "support/temporary_folder.hpp"

namespace regatta {
namespace {

TEST(File, IsReplacedAsAWhole) {
  const support::TemporaryFolder folder;
  const auto path = folder.path() / "status.json";

  replace_file(path, "one");
  replace_file(path, "two");

  EXPECT_EQ(read_file(path), "two");
  EXPECT_FALSE(std::filesystem::exists(temporary_name(path)));
}

TEST(File, SaysWhatIsWrongWithAPath) {
  try {
    replace_file("/nonexistent-folder/file", "x");
    FAIL() << "no exception";
  } catch (const SystemFailure& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("/nonexistent-folder/"));
    EXPECT_THAT(error.what(), testing::HasSubstr("No such file"));
  }
}

TEST(File, HasAFingerprintThatFollowsItsContent) {
  EXPECT_EQ(fingerprint("a"), fingerprint("a"));
  EXPECT_NE(fingerprint("a"), fingerprint("b"));
  EXPECT_EQ(fingerprint("").size(), 16u);
}

TEST(Clock, WritesIsoTimesWithZone) {
  EXPECT_THAT(iso_time(0), testing::MatchesRegex("19(69|70)-..-..T..:..:..[+-]..:.."));
}

}  // namespace
}  // namespace regatta
