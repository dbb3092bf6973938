#include "app/input_scanner.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "regatta/core/random.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::app {
namespace {

/// All entries as "section.name=text@line", blanks between them.
std::string scanned(std::string_view text) {
  Problems problems;
  std::string all;
  for (const Section& section : scan(text, "x.ini", problems))
    for (const Entry& entry : section.entries)
      all += concat(all.empty() ? "" : " ", section.name, ".", entry.name, "=", entry.text, "@",
                    entry.where.line);
  EXPECT_TRUE(problems.empty()) << InvalidInputs(problems).what();
  return all;
}

std::string complaint(std::string_view text) {
  Problems problems;
  scan(text, "x.ini", problems);
  return InvalidInputs(problems).what();
}

TEST(InputScanner, KeepsSectionNameTextAndLine) {
  EXPECT_EQ(scanned("[study]\n\nseed = 3\n[space]\n  x=uniform(0, 1) if y == 2\n"),
            "study.seed=3@3 space.x=uniform(0, 1) if y == 2@5");
}

TEST(InputScanner, TakesAHashAsCommentOnlyAtTheStartOrAfterABlank) {
  EXPECT_EQ(scanned("# one\n[study] # two\nname = a#b # three\n\t# four\n"), "study.name=a#b@3");
}

TEST(InputScanner, AcceptsWindowsLinesAByteOrderMarkAndNoFinalLineBreak) {
  EXPECT_EQ(scanned("\xEF\xBB\xBF[study]\r\nseed = 3\r\nname = y"), "study.seed=3@2 study.name=y@3");
}

TEST(InputScanner, KeepsRepeatedSectionsApart) {
  Problems problems;

  const std::vector<Section> sections = scan("[trial]\nx = 1\n[trial]\nx = 2\n", "x.ini", problems);

  ASSERT_EQ(sections.size(), 2u);
  EXPECT_EQ(sections[0].entries.front().text, "1");
  EXPECT_EQ(sections[1].entries.front().text, "2");
  EXPECT_EQ(sections[1].where.line, 3);
}

TEST(InputScanner, ReadsConstraintsWithAndWithoutAName) {
  EXPECT_EQ(scanned("[constraints]\nsize = a * b <= 3\na <= b\na == 1 or b == 2\nnot (a > b)\n"),
            "constraints.size=a * b <= 3@2 constraints.line_3=a <= b@3 constraints.line_4=a == 1 or b == 2@4 "
            "constraints.line_5=not (a > b)@5");
}

TEST(InputScanner, NamesTheRuleThatALineBreaks) {
  EXPECT_EQ(complaint("seed = 1\n"),
            "x.ini:1: 'seed' stands before any section; put it below a header such as [study]");
  EXPECT_EQ(complaint("[study\n"), "x.ini:1: section header without ']': '[study'");
  EXPECT_EQ(complaint("[study] seed = 1\n"),
            "x.ini:1: text after the section header [study]: 'seed = 1'; put it on a line of its own");
  EXPECT_EQ(complaint("[study]\nfoo bar\n"),
            "x.ini:2: expected 'name = value' or '[section]', got 'foo bar'");
  EXPECT_EQ(complaint("[study]\nseed =\n"), "x.ini:2: missing value for 'seed' in section [study]");
  EXPECT_EQ(complaint("[study]\nseed = # none\n"), "x.ini:2: missing value for 'seed' in section [study]");
  EXPECT_EQ(complaint("[study]\n; old\n"), "x.ini:2: comments start with '#', not with ';'");
  EXPECT_EQ(complaint("[study]\n2nd = 1\n"),
            "x.ini:2: '2nd' is no name: it must consist of letters, digits and underscores and must not "
            "start with a digit");
}

TEST(InputScanner, RefusesWhatIsNoTextFile) {
  const support::TemporaryFolder folder;
  const auto binary = folder.write("binary.ini", std::string_view("\x89HDF\0\0", 6));

  EXPECT_EQ(support::message_of<InvalidInput>([&] { read_input_text(binary); }),
            binary.string() + ": is a binary file, expected the text of an input file");
  EXPECT_EQ(support::message_of<InvalidInput>([&] { read_input_text(folder.path()); }),
            folder.path().string() + ": is a directory, expected an input file");
  EXPECT_EQ(support::message_of<InvalidInput>([&] { read_input_text(folder / "none.ini"); }),
            (folder / "none.ini").string() + ": cannot open " + (folder / "none.ini").string() +
                ": No such file or directory");
}

TEST(InputScanner, SurvivesAnyBytes) {
  Random random(1);
  const std::string_view alphabet = "[]=#;\n\r\t ab.\"'\xEF\xBB\xBF\x01";
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::uint64_t i = random.below(60); i > 0; --i) text += alphabet[random.below(alphabet.size())];
    Problems problems;
    for (const Section& section : scan(text, "x.ini", problems))
      for (const Entry& entry : section.entries) EXPECT_FALSE(entry.text.empty() || entry.name.empty());
  }
}

}  // namespace
}  // namespace regatta::app
