// Every kind of bad input, given to the real program on three ranks: one message with file, line and rule,
// exit code 2, and nothing started.

#include <ostream>

#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace regatta {
namespace {

using support::ProcessResult;

struct BadInput {
  std::string name;
  std::string text;     ///< of the file x.ini; line 1 is "[objective]", line 3 "[space]"
  std::string message;  ///< after "x.ini"
};

std::ostream& operator<<(std::ostream& stream, const BadInput& input) { return stream << input.name; }

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t number = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++number;
  return number;
}

/// What three ranks say to the input file; no run directory may be left.
ProcessResult run_on_three_ranks(const support::TemporaryFolder& folder,
                                 const std::vector<std::string>& words) {
  std::vector<std::string> command{REGATTA_BINARY, "run"};
  command.insert(command.end(), words.begin(), words.end());
  const ProcessResult result = support::run_process(support::mpirun(3, command), {.cwd = folder.path()});
  EXPECT_FALSE(std::filesystem::exists(folder / "runs")) << result;
  return result;
}

class BadInputs : public testing::TestWithParam<BadInput> {};

TEST_P(BadInputs, AreToldOnceByAllRanksTogether) {
  const support::TemporaryFolder folder;
  folder.write("x.ini", GetParam().text);

  const ProcessResult result = run_on_three_ranks(folder, {"x.ini"});

  EXPECT_EQ(result.exit_code, 2) << result;
  EXPECT_EQ(count(result.err, "x.ini" + GetParam().message + "\n"), 1u) << result;
  EXPECT_EQ(count(result.err, "x.ini:"), 1u + count(GetParam().message, "x.ini:")) << result;
}

std::vector<BadInput> bad_inputs() {
  const std::string function = "[objective]\ntype = function\n";
  const std::string space = function + "[space]\n", study = function + "[study]\n";
  return {
      {"UnknownKey", study + "sede = 1\n", ":4: unknown key 'sede' in section [study]; did you mean 'seed'?"},
      {"UnknownSection", function + "[sarch]\n", ":3: unknown section [sarch]; did you mean 'search'?"},
      {"WrongType", study + "trials = many\n",
       ":4: trials must be a whole number or one of unlimited, got 'many'"},
      {"MinusOneForUnsigned", study + "seed = -1\n", ":4: seed must be at least 0, got -1"},
      {"DuplicateKey", study + "seed = 1\nseed = 2\n",
       ":5: duplicate key 'seed' in section [study]; first given as '1' at x.ini:4"},
      {"MissingValue", study + "seed =\n", ":4: missing value for 'seed' in section [study]"},
      {"KeyBeforeASection", "seed = 1\n" + function,
       ":1: 'seed' stands before any section; put it below a header such as [study]"},
      {"EmptyRange", space + "x = uniform(1, 0)\n",
       ":4: 'x': the range of uniform is empty: its low 1 is above its high 0"},
      {"LogarithmOfANonPositiveBound", space + "x = loguniform(0, 1)\n",
       ":4: 'x': loguniform needs bounds above 0, because it takes their logarithm; got 0"},
      {"ConditionOnAnUnknownParameter", space + "x = uniform(0, 1) if z == 1\n",
       ":4: 'x': unknown parameter 'z'"},
      {"ConditionOnALaterParameter", space + "x = uniform(0, 1) if y == 1\ny = int(0, 2)\n",
       ":4: 'x': the condition reads 'y', which is defined later (x.ini:5); conditions may read earlier "
       "parameters only"},
      {"Cycle", space + "x = int(0, 1) if y == 1\ny = int(0, 2) if x == 1\n",
       ":4: 'x': the conditions form a cycle: x -> y -> x"},
      {"UnsatisfiableConstraint",
       space + "x = uniform(0, 1)\ny = uniform(0, 1)\n[constraints]\nfar = x > y + 1\n",
       ":7: no configuration meets the constraint 'far = x > y + 1' (100000 random ones were tried)"},
      {"TrialOutsideTheSpace", space + "x = uniform(0, 1)\ny = uniform(0, 1)\n[trial]\nx = 2\ny = 1\n",
       ":6: 'x' = 2 lies outside uniform(0, 1)"},
      {"BinaryFile", std::string("\x89HDF\r\n\0\0", 8),
       ": is a binary file, expected the text of an input file"},
  };
}

INSTANTIATE_TEST_SUITE_P(EveryKind, BadInputs, testing::ValuesIn(bad_inputs()),
                         [](const testing::TestParamInfo<BadInput>& given) { return given.param.name; });

TEST(BadInput, OfTheCommandLineIsToldOnceToo) {
  const support::TemporaryFolder folder;
  folder.write("x.ini", "[objective]\ntype = function\n");

  const ProcessResult key = run_on_three_ranks(folder, {"x.ini", "study.sede=1"});
  const ProcessResult option = run_on_three_ranks(folder, {"x.ini", "--sede", "1"});
  const ProcessResult file = run_on_three_ranks(folder, {"y.ini"});

  for (const ProcessResult& result : {key, option, file}) EXPECT_EQ(result.exit_code, 2) << result;
  EXPECT_EQ(count(key.err, "command line: unknown key 'sede' in section [study]; did you mean 'seed'?\n"), 1u)
      << key;
  EXPECT_EQ(count(option.err, "regatta: error: unknown option '--sede'\n"), 1u) << option;
  EXPECT_EQ(count(file.err, "y.ini: cannot open y.ini: No such file or directory\n"), 1u) << file;
}

TEST(BadInput, TellsAllProblemsAtOnce) {
  const support::TemporaryFolder folder;
  folder.write("x.ini", "[objective]\ntype = function\n[study]\nseed = x\ntrials = 0\n[log]\nsync = often\n");

  const ProcessResult result = run_on_three_ranks(folder, {"x.ini"});

  EXPECT_EQ(result.exit_code, 2) << result;
  EXPECT_EQ(count(result.err, "x.ini:"), 3u) << result;
}

}  // namespace
}  // namespace regatta
