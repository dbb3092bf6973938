// README.md is true: its commands run, and what it repeats of the program and of other files is the same there.
//
// An HTML comment on the line before a code block says what the block is:
//   <!-- file: NAME -->      it is written to that file, beside which the later commands run
//   <!-- run -->             it is run by the shell; studies are cut short by further options
//   <!-- same as FILE -->    it is that file of the sources
//   <!-- print: COMMAND -->  it is what the command prints
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::support {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path sources = REGATTA_SOURCE_DIR;

std::string content(const fs::path& file) {
  std::ifstream stream(file);
  EXPECT_TRUE(stream) << file;
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// A code block, and the comment that stands before it.
struct Block {
  std::string mark;
  std::string text;
};

std::vector<Block> marked_blocks(const std::string& readme) {
  static const std::regex pattern("<!-- ([^\n]+) -->\n```[a-z]*\n((?:(?!```)[^\n]*\n)*)```\n");
  std::vector<Block> blocks;
  for (std::sregex_iterator match(readme.begin(), readme.end(), pattern), end; match != end; ++match)
    blocks.push_back({(*match)[1], (*match)[2]});
  return blocks;
}

/// What follows `prefix`; empty for other marks.
std::string after(const std::string& mark, const std::string& prefix) {
  return mark.rfind(prefix, 0) == 0 ? mark.substr(prefix.size()) : "";
}

class Readme : public testing::Test {
 protected:
  Readme() {
    fs::create_directory_symlink(sources / "inputs", folder / "inputs");
    options.cwd = folder.path();
    options.timeout_s = 150;
    const std::string programs = fs::path(REGATTA_BINARY).parent_path().string();
    options.environment["PATH"] = programs + ":" + std::getenv("PATH");
  }

  ProcessResult shell(const std::string& text) const { return run_process({"bash", "-euc", text}, options); }

  std::string readme = content(sources / "README.md");
  TemporaryFolder folder;
  ProcessOptions options;
};

TEST_F(Readme, ShowsCommandsThatWork) {
  static const std::regex study(R"((regatta run [^#\n]*))"), budget("study.trials=[0-9]+");
  int run = 0;
  for (const auto& [mark, text] : marked_blocks(readme)) {
    if (const std::string name = after(mark, "file: "); !name.empty()) folder.write(name, text);
    if (mark != "run") continue;
    ++run;
    const std::string short_text = std::regex_replace(text, budget, "study.trials=6");
    const ProcessResult result = shell(std::regex_replace(short_text, study, "$1 study.trials=4 objective.epochs=2 "));
    EXPECT_EQ(result.exit_code, 0) << text << result;
  }

  EXPECT_GE(run, 2);
  EXPECT_TRUE(fs::exists(folder / "trials.csv"));
  EXPECT_TRUE(fs::exists(folder / "flowers.h5"));
}

TEST_F(Readme, RepeatsFilesAndProgramsFaithfully) {
  int compared = 0;
  for (const auto& [mark, text] : marked_blocks(readme)) {
    if (const std::string file = after(mark, "same as "); !file.empty()) {
      EXPECT_EQ(text, content(sources / file)) << file;
      ++compared;
    } else if (const std::string command = after(mark, "print: "); !command.empty()) {
      EXPECT_EQ(text, shell(command).out) << command;
      ++compared;
    }
  }

  EXPECT_GE(compared, 2);
}

TEST_F(Readme, ListsAllOptions) {
  const std::string options_now = shell("regatta help options --markdown").out;

  ASSERT_THAT(options_now, HasSubstr("learning_rate"));
  EXPECT_THAT(readme, HasSubstr("<!-- options -->\n" + options_now + "<!-- end of options -->"))
      << "the table is made by: regatta help options --markdown";
}

TEST_F(Readme, NamesOnlyCommandsOfQuickstartThatExist) {
  const std::string help = run_process({(sources / "quickstart").string(), "help"}).out;
  static const std::regex command(R"(\./quickstart ([a-z]+))");
  for (std::sregex_iterator match(readme.begin(), readme.end(), command), end; match != end; ++match)
    EXPECT_TRUE((*match)[1] == "help" || help.find((*match)[0]) != std::string::npos) << (*match)[0];
}

}  // namespace
}  // namespace regatta::support
