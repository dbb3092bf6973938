// The test `architecture` would be worth nothing if it could not fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::support {
namespace {

using testing::HasSubstr;

class Architecture : public testing::Test {
 protected:
  /// The result for the tree, without CMake's line breaks.
  ProcessResult check() const {
    ProcessResult result = run_process({REGATTA_CMAKE, "-D", "ROOT=" + tree.path().string(), "-P",
                                        std::string(REGATTA_SOURCE_DIR) + "/cmake/check_rooms.cmake"});
    result.err = std::regex_replace(result.err, std::regex("\\s+"), " ");
    return result;
  }

  TemporaryFolder tree;
};

TEST_F(Architecture, AcceptsWhatTheMapAllows) {
  tree.write("src/search/searcher.cpp", "#include <vector>\n#include \"regatta/core/id.hpp\"\n");
  tree.write("include/regatta/comm/session.hpp", "#include <mpi.h>\n");

  EXPECT_EQ(check().exit_code, 0) << check();
}

TEST_F(Architecture, RefusesAnIncludeThatPointsUp) {
  tree.write("src/search/searcher.cpp", "#include \"regatta/run/controller.hpp\"\n");

  EXPECT_NE(check().exit_code, 0);
  EXPECT_THAT(check().err, HasSubstr("room 'search' may not know room 'run'")) << check();
}

TEST_F(Architecture, RefusesAForeignLibraryInTheWrongRoom) {
  tree.write("src/run/controller.cpp", "#include <mpi.h>\n");

  EXPECT_NE(check().exit_code, 0);
  EXPECT_THAT(check().err, HasSubstr("only room 'comm' may say")) << check();
}

TEST_F(Architecture, RefusesAFolderThatIsNoRoom) {
  tree.write("include/regatta/attic/old.hpp", "#include <vector>\n");
  tree.write("src/core/text.cpp", "#include <vector>\n");

  EXPECT_NE(check().exit_code, 0);
  EXPECT_THAT(check().err, HasSubstr("include/regatta/attic is no room")) << check();
}

TEST_F(Architecture, RefusesAnEmptyTree) { EXPECT_NE(check().exit_code, 0); }

}  // namespace
}  // namespace regatta::support
