#include <gtest/gtest.h>

#include <filesystem>

#include "problems_of.hpp"
#include "regatta/core/file.hpp"

namespace regatta::app {
namespace {

std::vector<std::filesystem::path> shipped_inputs() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(REGATTA_SOURCE_DIR "/inputs"))
    if (entry.path().extension() == ".ini") files.push_back(entry.path());
  return files;
}

TEST(InputsFolder, HoldsValidInputsOnly) {
  EXPECT_GE(shipped_inputs().size(), 5u);
  for (const auto& file : shipped_inputs()) EXPECT_NO_THROW(read_inputs(file)) << file;
}

TEST(InputsFolder, OpensEachFileWithWhatItShowsHowLongItTakesAndWhatToExpect) {
  for (const auto& file : shipped_inputs()) {
    const std::string text = read_file(file);
    EXPECT_EQ(text.rfind("# Shows:", 0), 0u) << file;
    EXPECT_NE(text.find("\n# Takes:"), std::string::npos) << file;
    EXPECT_NE(text.find("\n# Expect:"), std::string::npos) << file;
  }
}

}  // namespace
}  // namespace regatta::app
