#include "app/user_trials.hpp"

#include <gtest/gtest.h>

#include "regatta/core/error.hpp"

namespace regatta::app {
namespace {

space::Space make_space() {
  const std::vector<Entry> definitions = {{"x", "uniform(0, 1)", {"x.ini", 1}},
                                          {"kind", "choice(a, \"b, c\")", {"x.ini", 2}},
                                          {"n", "int(1, 5) if kind == a", {"x.ini", 3}}};
  Problems problems;
  space::Space space = space::Space::parse(definitions, {}, problems);
  EXPECT_TRUE(problems.empty()) << InvalidInputs(problems).what();
  return space;
}

/// The configurations as text, or what is wrong.
std::string told(const std::vector<WrittenTrial>& trials, Problems& problems) {
  const space::Space space = make_space();
  std::string all;
  for (const auto& config : configs_of(trials, space, problems))
    all += (all.empty() ? "" : " | ") + space.text(config);
  return problems.empty() ? all : InvalidInputs(problems).what();
}

std::string read_csv(std::string_view text) {
  Problems problems;
  const auto trials = read_csv_trials(text, "t.csv", make_space(), problems);
  return told(trials, problems);
}

std::string read_json(std::string_view text) {
  Problems problems;
  const auto trials = read_json_trials(text, "t.json", problems);
  return told(trials, problems);
}

TEST(UserTrials, ReadsACsvWithColumnsInAnyOrderAndOthersBeside) {
  EXPECT_EQ(read_csv("n,note,kind,x\n3,good,a,0.5\n"), "x=0.5 kind=a n=3");
}

TEST(UserTrials, ReadsQuotedCellsEmptyCellsWindowsLinesAndByteOrderMarks) {
  EXPECT_EQ(read_csv("\xEF\xBB\xBFx,kind,n\r\n0.5,\"b, c\",\r\n\r\n0.25,a,2"),
            "x=0.5 kind=\"b, c\" | x=0.25 kind=a n=2");
}

TEST(UserTrials, ReadsWhatTheExportWrites) {
  EXPECT_EQ(read_csv("trial,state,n,params_x,params_kind,params_n\n0,completed,9,0.5,a,3\n"),
            "x=0.5 kind=a n=3");
}

TEST(UserTrials, NamesTheLineOfAWrongRow) {
  EXPECT_EQ(read_csv("x,kind,n\n0.5,\"b, c\",\n0.5,a\n"),
            "t.csv:3: expected 3 cells as in the first line, got 2");
  EXPECT_EQ(read_csv("y,z\n1,2\n"),
            "t.csv: the first line must name parameters of [space]; none of them is there");
  EXPECT_EQ(read_csv(""), "t.csv: the first line must name parameters of [space]; none of them is there");
  EXPECT_EQ(read_csv("x,kind,n\n0.5,\"b, c\",\n2,a,3\n").substr(0, 9), "t.csv:3: ");
}

TEST(UserTrials, ReadsAJsonArrayOneObjectAndTheBestOfAStudy) {
  EXPECT_EQ(read_json(R"([{"x": 0.5, "kind": "a", "n": 3}, {"x": 1e-1, "kind": "b, c", "n": null}])"),
            "x=0.5 kind=a n=3 | x=0.1 kind=\"b, c\"");
  EXPECT_EQ(read_json(R"({"x": 0.5, "kind": "a", "n": 3})"), "x=0.5 kind=a n=3");
  EXPECT_EQ(read_json(R"({"study": "s", "trial": 4, "parameters": {"x": 0.5, "kind": "a", "n": 3}})"),
            "x=0.5 kind=a n=3");
}

TEST(UserTrials, NamesTheTrialOfAWrongJson) {
  EXPECT_EQ(read_json(R"([{"x": 0.5, "kind": "a", "n": 3}, {"x": 0.5, "kid": "a", "n": 3}])"),
            "t.json, trial 2: unknown parameter 'kid' in a trial; did you mean 'kind'?");
  EXPECT_EQ(read_json("[3]"), "t.json, trial 1: expected an object {\"parameter\": value}, got 3");
  EXPECT_EQ(read_json("3"), "t.json: expected a JSON array of objects {\"parameter\": value}");
  EXPECT_EQ(read_json("[{").substr(0, 8), "t.json: ");
}

}  // namespace
}  // namespace regatta::app
