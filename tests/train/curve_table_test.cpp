#include "regatta/train/curve_table.hpp"

#include <cmath>
#include <fstream>

#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"
#include "regatta/h5/file.hpp"
#include "regatta/train/import_curves.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::train {
namespace {

using support::message_of;
using testing::HasSubstr;

CurveTable small_table() {
  CurveTable table;
  table.columns = {{"x", "uniform(0, 1)", {0.1, 0.9}}, {"rule", "choice(a, b)", {1, 0}}};
  table.rows = 2;
  table.epochs = 3;
  table.objective = {3, 2, 1, 5, NAN, NAN};
  table.seconds = {1, 2, 2, 4, 5, 6};
  table.metric = "loss";
  return table;
}

class CurveTableTest : public testing::Test {
 protected:
  std::string error_of(const CurveTable& table) const {
    return message_of<InvalidInput>([&] { check_curve_table(table, "t"); });
  }
  std::string reading_error() const {
    return message_of<InvalidInput>([&] { read_curve_table(file); });
  }
  CurveTable import(const std::string& csv, const std::map<std::string, std::string>& options) const {
    return import_curves(folder.write("c.csv", csv), options);
  }
  std::string import_error(const std::string& csv, const std::map<std::string, std::string>& options) const {
    return message_of<InvalidInput>([&] { import(csv, options); });
  }

  support::TemporaryFolder folder;
  std::filesystem::path file = folder / "t.h5";
};

TEST_F(CurveTableTest, ReadsWhatItHasWritten) {
  write_curve_table(file, small_table());

  const CurveTable read = read_curve_table(file);

  ASSERT_EQ(read.columns.size(), 2u);
  EXPECT_EQ(read.columns[1].name, "rule");
  EXPECT_EQ(read.columns[1].definition, "choice(a, b)");
  EXPECT_EQ(read.columns[1].entries, (std::vector<double>{1, 0}));
  EXPECT_EQ(read.curve(0)[2], 1);
  EXPECT_TRUE(std::isnan(read.curve(1)[1]));
  EXPECT_EQ(read.seconds, small_table().seconds);
  EXPECT_EQ(read.metric, "loss");
  EXPECT_FALSE(read.maximize);
}

TEST_F(CurveTableTest, TakesTheMeanOfTheRepeatsThatWereDone) {
  CurveTable table = small_table();
  table.epochs = 1;
  table.seconds.clear();
  table.repeats = 2;
  table.repeated = {1, 2, 7, NAN};
  table.objective = means_of_repeats(table.repeated, 2);
  write_curve_table(file, table);

  EXPECT_EQ(read_curve_table(file).objective, (std::vector<double>{1.5, 7}));
  EXPECT_TRUE(std::isnan(means_of_repeats(std::vector<double>{NAN, NAN}, 2).front()));
}

TEST_F(CurveTableTest, SaysWhatDoesNotFit) {
  CurveTable falling = small_table(), endless = small_table(), twice = small_table(),
             short_one = small_table();
  falling.seconds[1] = 0.5;
  endless.columns[0].entries[1] = INFINITY;
  twice.columns[1].name = "x";
  short_one.objective.pop_back();

  EXPECT_EQ(error_of(falling), "t: /seconds: row 0 (from 0) falls or is negative at epoch 2: 0.5 after 1");
  EXPECT_EQ(error_of(endless), "t: /params/x: row 1 (from 0) is not finite");
  EXPECT_EQ(error_of(twice), "t: parameter 'x' is there twice");
  EXPECT_EQ(error_of(short_one), "t: has 5 values of the objective, expected 2 x 3");
}

TEST_F(CurveTableTest, RefusesFilesThatAreNoTable) {
  EXPECT_THAT(reading_error(), HasSubstr("there is no such file"));
  h5::File::create(file).close();
  EXPECT_THAT(reading_error(), HasSubstr("is no table: its attribute regatta_table is missing"));

  h5::File made = h5::File::create(file);
  made.set_attribute("/", "regatta_table", std::string_view("1"));
  made.write("/objective", std::vector<double>{1, 2});
  made.write("/names", std::vector<std::string>{"../objective"});
  made.close();
  EXPECT_THAT(reading_error(), HasSubstr("'../objective' is no name of a parameter"));
}

TEST_F(CurveTableTest, RefusesFilesThatAreCutAnywhere) {
  write_curve_table(file, small_table());
  const std::string whole = read_file(file);

  for (std::size_t size = 0; size < whole.size(); size += 7) {
    std::ofstream(file, std::ios::binary) << whole.substr(0, size);
    EXPECT_THROW(read_curve_table(file), InvalidInput) << size;
  }
}

TEST_F(CurveTableTest, ImportsConfigurationsWithTheirCurves) {
  const auto curves = folder.write("o.csv", "1,2\nnan,inf\n3,4\n5,6\n");
  const auto seconds = folder.write("s.csv", "1,2\n2,1.5\n1,1\n1,9\n");

  const CurveTable table =
      import("id,lr,units,rule,one\n0,0.0123,8,relu,5\n1,0.5,16,\"a, b\",5\n2,0.97,8,7,5\n3,0.1,16,relu,5\n",
             {{"ignore", "id"},
              {"objective", curves.string()},
              {"seconds", seconds.string()},
              {"log", "lr"},
              {"metric", "accuracy"},
              {"direction", "maximize"}});

  ASSERT_EQ(table.columns.size(), 4u);
  EXPECT_EQ(table.columns[0].definition, "loguniform(0.012, 0.97)");
  EXPECT_EQ(table.columns[1].definition, "ordinal(8, 16)");
  EXPECT_EQ(table.columns[1].entries, (std::vector<double>{0, 1, 0, 1}));
  EXPECT_EQ(table.columns[2].definition, "choice(\"7\", \"a, b\", relu)");
  EXPECT_EQ(table.columns[3].definition, "constant(5)");
  EXPECT_EQ(table.epochs, 2u);
  EXPECT_TRUE(std::isnan(table.objective[2]) && std::isinf(table.objective[3]));
  EXPECT_EQ(table.seconds, (std::vector<double>{1, 2, 2, 2, 1, 1, 1, 9})) << "the largest so far counts";
  EXPECT_TRUE(table.maximize);
}

TEST_F(CurveTableTest, ImportsRepeatsFromColumnsOfTheTable) {
  const CurveTable table =
      import("x,y_0,y_1\n1,2,4\n2,6,\n3,1,1\n4,1,1\n", {{"repeats", "y_*"}, {"rows", "3"}});

  EXPECT_EQ(table.rows, 3u);
  EXPECT_EQ(table.repeats, 2u);
  EXPECT_EQ(table.objective, (std::vector<double>{3, 6, 1}));
  EXPECT_EQ(table.columns.front().definition, "int(1, 3)");
}

TEST_F(CurveTableTest, TellsWhereAnImportGoesWrong) {
  const auto curves = folder.write("o.csv", "1,2\nx,4\n");

  EXPECT_THAT(import_error("x,y\n1,2\n", {}), HasSubstr("either objective=FILE or repeats=COLUMNS"));
  EXPECT_THAT(import_error("x,y\n1,a\n", {{"repeats", "y"}}), HasSubstr("c.csv:2: column 'y' holds 'a'"));
  EXPECT_THAT(import_error("x,y\n1,2\n2,3\n", {{"objective", curves.string()}}),
              HasSubstr("o.csv:2: column 1 holds 'x'"));
  EXPECT_THAT(import_error("x,y\n1,2\n", {{"objective", curves.string()}}),
              HasSubstr("has 2 lines for 1 configurations"));
  EXPECT_THAT(import_error("x,y\n1,2\n", {{"objective", "a.csv.gz"}}), HasSubstr("gunzip"));
  EXPECT_THAT(import_error("x,y\n1,2\n", {{"repeat", "y"}}), HasSubstr("did you mean 'repeats'"));
}

}  // namespace
}  // namespace regatta::train
