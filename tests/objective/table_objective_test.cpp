#include "regatta/objective/table_objective.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>

#include "fixture.hpp"
#include "regatta/train/curve_table.hpp"
#include "regatta/train/import_curves.hpp"
#include "support/message_of.hpp"

namespace regatta::objective {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path shared_tables = std::filesystem::path(REGATTA_SHARED_DIR) / "data/hpo";

class TableObjectiveTest : public testing::Test {
 protected:
  /// Three rows over a list of words, a list of numbers and a real number.
  static train::CurveTable curves() {
    train::CurveTable table;
    table.columns = {{"rule", "choice(relu, tanh)", {0, 1, 1}},
                     {"units", "ordinal(8, 16, 512)", {0, 1, 2}},
                     {"lr", "loguniform(0.001, 0.1)", {0.001, 0.01, 0.1}}};
    table.rows = 3;
    table.epochs = 2;
    table.objective = {0.5, 0.4, 0.7, 0.9, NAN, 0.1};
    table.seconds = {1, 3, 10, 15, 2, 2};
    table.metric = "error";
    return table;
  }

  ObjectiveOptions options(const Texts& more = {}) const {
    Texts texts{{"table", "t.h5"}};
    texts.insert(texts.end(), more.begin(), more.end());
    ObjectiveOptions result = options_of(texts, folder.path());
    result.type = "table";
    return result;
  }
  void write(const train::CurveTable& table) const { train::write_curve_table(folder / "t.h5", table); }
  space::Space own_space() const {
    Texts texts;
    for (const space::Definition& line : default_space(options())) texts.emplace_back(line.name, line.text);
    return space_of(texts);
  }
  std::vector<double> values(const Texts& config, const Texts& more = {}) const {
    const auto space = own_space();
    Workshop workshop(options(more), space);
    std::vector<double> result;
    for (const Progress& progress : workshop.run(config)) result.push_back(progress.value);
    return result;
  }

  support::TemporaryFolder folder;
};

TEST_F(TableObjectiveTest, BringsItsSpaceItsMetricAndItsEpochs) {
  write(curves());

  const space::Space space = own_space();

  ASSERT_EQ(space.size(), 3u);
  EXPECT_EQ(space.parameters()[1].definition, "ordinal(8, 16, 512)");
  EXPECT_EQ(objective_metrics(options()), (std::vector<std::pair<std::string, bool>>{{"error", false}}));
  EXPECT_EQ(make_objective(options(), space)->epochs(), 2);
  EXPECT_THAT(problems_of(options(), space), ElementsAre());
}

TEST_F(TableObjectiveTest, GivesTheCurveOfAConfiguration) {
  write(curves());

  EXPECT_THAT(values({{"rule", "tanh"}, {"units", "16"}, {"lr", "0.01"}}), ElementsAre(0.7, 0.9));
  EXPECT_THAT(values({{"rule", "tanh"}, {"units", "16"}, {"lr", "0.01"}}, {{"report", "best"}}),
              ElementsAre(0.7, 0.7));
}

TEST_F(TableObjectiveTest, TakesTheNearestRowOrRefusesTheConfiguration) {
  write(curves());
  const Texts between{{"rule", "relu"}, {"units", "16"}, {"lr", "0.02"}};

  EXPECT_THAT(values(between), ElementsAre(0.5, 0.4)) << "a rule of another name is farther than any number";
  EXPECT_THAT(values({{"rule", "tanh"}, {"units", "16"}, {"lr", "0.01"}}, {{"match", "exact"}}),
              ElementsAre(0.7, 0.9));
  EXPECT_THAT(support::message_of<TrialFailure>([&] {
                values(between, {{"match", "exact"}});
              }),
              HasSubstr("the table does not hold rule=relu"));
}

TEST_F(TableObjectiveTest, TellsTheSecondsOfEachEpoch) {
  write(curves());
  Workshop workshop(options(), own_space());

  const auto trial = workshop.start({{"rule", "tanh"}, {"units", "16"}, {"lr", "0.01"}});

  EXPECT_EQ(trial->epoch_seconds(), 10);
  trial->advance();
  EXPECT_EQ(trial->epoch_seconds(), 5);
}

TEST_F(TableObjectiveTest, ReportsTheMeanOfRepeatsAndItsStandardError) {
  train::CurveTable table = curves();
  table.columns.pop_back();
  table.epochs = 1;
  table.seconds.clear();
  table.repeats = 2;
  table.repeated = {1, 3, 5, NAN, NAN, NAN};
  table.objective = train::means_of_repeats(table.repeated, 2);
  write(table);
  Workshop workshop(options(), own_space());

  const Progress both = workshop.run({{"rule", "relu"}, {"units", "8"}}).back();
  const Progress one = workshop.run({{"rule", "tanh"}, {"units", "16"}}).back();

  EXPECT_EQ(both.value, 2);
  EXPECT_EQ(both.standard_error, 1);
  EXPECT_EQ(one.value, 5);
  EXPECT_TRUE(std::isnan(one.standard_error));
  EXPECT_EQ(workshop.start({{"rule", "relu"}, {"units", "8"}})->epoch_seconds(), std::nullopt);
  EXPECT_THROW(workshop.start({{"rule", "relu"}, {"units", "512"}}), TrialFailure)
      << "all lists: auto is exact";
}

TEST_F(TableObjectiveTest, SearchesPartOfTheTableInAnotherOrder) {
  write(curves());
  const space::Space part =
      space_of({{"lr", "grid(0.01, 0.1)"}, {"units", "int(8, 20)"}, {"rule", "constant(tanh)"}});

  Workshop workshop(options(), part);

  EXPECT_EQ(workshop.run({{"lr", "0.01"}, {"units", "15"}, {"rule", "tanh"}}).front().value, 0.7);
}

TEST_F(TableObjectiveTest, SaysWhichParametersAndValuesDoNotFit) {
  write(curves());
  const space::Space strange =
      space_of({{"rule", "choice(relu, gelu)"}, {"unit", "int(1, 2)"}, {"lr", "uniform(0, 1)"}});

  EXPECT_THAT(problems_of(options(), strange),
              ElementsAre(HasSubstr("the table has no 'rule' = gelu: it knows choice(relu, tanh)"),
                          HasSubstr("the table's parameter 'units' is missing in [space]"),
                          HasSubstr("the table has no parameter 'unit'; did you mean 'units'?")));
}

TEST_F(TableObjectiveTest, RefusesAFileWhoseDefinitionsDoNotHold) {
  train::CurveTable outside = curves(), unreadable = curves();
  outside.columns[2].entries[1] = 7;
  unreadable.columns[2].definition = "loguniform(";
  const space::Space space =
      space_of({{"rule", "choice(relu)"}, {"units", "int(8, 9)"}, {"lr", "uniform(0, 1)"}});

  write(outside);
  EXPECT_THAT(problems_of(options(), space),
              ElementsAre(HasSubstr("/params/lr: row 1 (from 0) holds 7, outside loguniform(0.001, 0.1)")));
  write(unreadable);
  EXPECT_EQ(problems_of(options(), space).size(), 1u);
  EXPECT_THROW(make_objective(options(), space), InvalidInput);
}

/// The published tables: what their authors call the optimum is what a look at all rows finds.
class PublishedTables : public TableObjectiveTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(shared_tables)) GTEST_SKIP() << shared_tables << " is not there";
  }
  static double best(const train::CurveTable& table) {
    double found = table.maximize ? -HUGE_VAL : HUGE_VAL;
    for (std::size_t row = 0; row < table.rows; ++row) {
      const double last = table.curve(row).back();
      if (table.maximize ? last > found : last < found) found = last;
    }
    return found;
  }
};

TEST_F(PublishedTables, HoldTheOptimumOfAGridOfReallyTrainedNetworks) {
  const auto csv = folder / "naval.csv";
  const auto packed = shared_tables / "tabular/hpolib_naval_propulsion.csv.gz";
  ASSERT_EQ(std::system(concat("gzip -dc '", packed.string(), "' > '", csv.string(), "'").c_str()), 0);

  write(train::import_curves(csv, {{"repeats", "y_seed*"}}));

  EXPECT_NEAR(best(train::read_curve_table(folder / "t.h5")), 3.191e-05, 1e-8);
  EXPECT_EQ(own_space().cardinality(), 62208);
}

TEST_F(PublishedTables, HoldTheCurvesOfLcbench) {
  const auto from = shared_tables / "lcbench";
  write(
      train::import_curves(from / "configs.csv", {{"ignore", "config_id"},
                                                  {"objective", (from / "167168_val_accuracy.csv").string()},
                                                  {"seconds", (from / "167168_time_s.csv").string()},
                                                  {"log", "batch_size, learning_rate, max_units"},
                                                  {"direction", "maximize"}}));

  EXPECT_NEAR(best(train::read_curve_table(folder / "t.h5")), 85.545, 5e-4);
  EXPECT_EQ(own_space().parameters()[1].definition, "loguniform(1e-04, 0.1)");
}

TEST_F(PublishedTables, HoldTheCurvesOfTaskset) {
  const auto from = shared_tables / "taskset_rnn";
  train::CurveTable table = train::import_curves(
      from / "configs.csv",
      {{"ignore", "config_id"}, {"objective", (from / "patch128_LSTM128_bs64_valid_loss.csv").string()}});

  EXPECT_EQ(table.rows, 1000u);
  EXPECT_EQ(table.epochs, 51u);
  double least = HUGE_VAL;
  for (const double value : table.objective) least = std::min(least, value);
  EXPECT_NEAR(least, 0.3561, 1e-4);
}

TEST_F(TableObjectiveTest, ListsItsRowsWhereTheNearestIsTaken) {
  write(curves());
  const auto listed = [&](const std::string& match, const Texts& space) {
    return make_objective(options({{"match", match}}), space_of(space))->listed();
  };
  const Texts wide{
      {"lr", "uniform(0, 0.05)"}, {"units", "ordinal(8, 16, 512)"}, {"rule", "choice(tanh, relu)"}};

  EXPECT_EQ(listed("nearest", wide), (std::vector<space::Config>{{0.001, 0, 1}, {0.01, 1, 0}}))
      << "the third lies outside";
  EXPECT_TRUE(listed("exact", wide).empty());
}

}  // namespace
}  // namespace regatta::objective
