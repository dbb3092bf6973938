#include <gmock/gmock.h>

#include "regatta/core/error.hpp"
#include "regatta/report/table.hpp"

namespace regatta::report {
namespace {

TEST(Table, AlignsItsColumns) {
  Table table({{"trial"}, {"host", Align::Left}, {"x"}});
  table.add({"7", "node1", "0.5"});
  table.add({"12", "größer", "1"});

  EXPECT_EQ(table.text(),
            "  trial  host      x\n"
            "      7  node1   0.5\n"
            "     12  größer    1\n");
  EXPECT_EQ(table.width(), 18u);
}

TEST(Table, CutsItsWidestColumnToFit) {
  Table table({{"a", Align::Left}, {"b", Align::Left}});
  table.add({"0123456789012345", "short"});

  EXPECT_EQ(table.text(20, 0), "a              b\n0123456789...  short\n");
}

TEST(Table, KeepsARowInOneLine) {
  Table table({{"a"}});
  table.add({"two\nlines"});

  EXPECT_EQ(table.text(100, 0), "        a\ntwo lines\n");
}

TEST(Table, RejectsARowOfAnotherLength) {
  Table table({{"a"}, {"b"}});

  EXPECT_THROW(table.add({"1"}), InvalidInput);
}

TEST(Wrapped, BreaksAtBlanks) {
  EXPECT_EQ(wrapped("one two three", 7, 2), "one two\n  three");
  EXPECT_EQ(wrapped("unbreakable", 3, 2), "unbreakable");
  EXPECT_EQ(wrapped("", 10, 2), "");
}

}  // namespace
}  // namespace regatta::report
