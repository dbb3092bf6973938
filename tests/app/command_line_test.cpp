// The subcommands that need no run directory, as a user types them.

#include "program.hpp"
#include "support/temporary_folder.hpp"

namespace regatta {
namespace {

using support::ProcessResult;
using testing::HasSubstr;
using testing::StartsWith;

TEST(CommandLine, AloneShowsTheCommandsAndFails) {
  const ProcessResult result = regatta({});

  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("regatta run INPUT"));
  EXPECT_EQ(result.out, "");
}

TEST(CommandLine, ExplainsEveryCommand) {
  for (const std::string name : {"run", "check", "simulate", "serve", "status", "report", "best", "export", "enqueue",
                                 "import", "help", "version"}) {
    const ProcessResult asked = regatta({name, "--help"}), looked_up = regatta({"help", name});
    EXPECT_EQ(asked.exit_code, 0) << asked;
    EXPECT_THAT(asked.out, StartsWith("usage: regatta " + name));
    EXPECT_EQ(asked.out, looked_up.out);
    EXPECT_THAT(regatta({"help"}).out, HasSubstr("regatta " + name));
  }
}

TEST(CommandLine, ExplainsOptionsAndTheSpaceLanguage) {
  EXPECT_THAT(regatta({"help", "options"}).out, HasSubstr("learning_rate = number"));
  EXPECT_THAT(regatta({"help", "options", "--markdown"}).out, HasSubstr("| `learning_rate` | `0.001` |"));
  EXPECT_THAT(regatta({"help", "space"}).out, HasSubstr("loguniform(a, b)"));
  EXPECT_EQ(regatta({"help", "optoins"}).err,
            "regatta: error: there is no help on 'optoins'; did you mean 'options'?\n");
}

TEST(CommandLine, ExamplesOfTheSpaceHelpAreValid) {
  const support::TemporaryFolder folder;
  const std::string help = regatta({"help", "space"}).out;
  const std::size_t space = help.find("  [space]"), prose = help.find("Lines of [prior]");
  const std::string examples = help.substr(space, prose - space) + help.substr(help.find("  [prior]"));
  const auto file = folder.write("x.ini", "[objective]\ntype = function\nfunction = sphere\n" + examples);

  const ProcessResult result = regatta({"check", file.string()});

  EXPECT_EQ(result.exit_code, 0) << result;
}

TEST(CommandLine, TellsItsVersion) {
  EXPECT_THAT(regatta({"version"}).out, StartsWith("regatta 0."));
  EXPECT_EQ(regatta({"--version"}).out, regatta({"version"}).out);
}

TEST(CommandLine, NamesTheCommandThatWasMeant) {
  const ProcessResult result = regatta({"chekc", "x.ini"});

  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, "regatta: error: unknown command 'chekc'; did you mean 'check'?\n");
}

TEST(CommandLine, ChecksAnInputAndShowsWhatWouldRun) {
  const support::TemporaryFolder folder;

  const ProcessResult result =
      regatta({"check", inputs + "digits.ini", "--ranks", "5", "study.trials=7"}, {.cwd = folder.path()});

  EXPECT_EQ(result.exit_code, 0) << result;
  for (const char* part :
       {"7 parameters", "loguniform(1e-4, 1e-1)", "optimizer == sgd", "maximize val_accuracy",
        "3000 training, 823 validation, 1797 test rows", "7 trials", "4 workers", "runs/digits"})
    EXPECT_THAT(result.out, HasSubstr(part));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(CommandLine, CheckRefusesADirectoryAndAWrongLayout) {
  EXPECT_EQ(regatta({"check", inputs}).err, inputs + ": is a directory, expected an input file\n");
  EXPECT_EQ(regatta({"check", inputs + "branin.ini", "--ranks", "9", "workers.ranks_per_trial=9"}).exit_code, 2);
  EXPECT_EQ(regatta({"check", inputs + "branin.ini", "workers.ranks_per_trial=9"}).exit_code, 0);
  EXPECT_EQ(regatta({"check", inputs + "digits.ini", "space.ranks_per_trial=choice(1, 4)"}).exit_code, 0);
}

TEST(CommandLine, EndsWithExitCode3WhereTheMachineLacksADevice) {
  const ProcessResult result = regatta({"check", inputs + "branin.ini", "workers.device=cuda"},
                                       {.environment = {{"CUDA_VISIBLE_DEVICES", ""}}});

  EXPECT_EQ(result.exit_code, 3) << result;
}

TEST(CommandLine, ImportsATableAndMakesARegression) {
  const support::TemporaryFolder folder;
  std::string table = "a,b,kind\n";
  for (int i = 0; i < 30; ++i) table += std::to_string(i) + ",1.5," + (i % 2 ? "odd" : "even") + "\n";
  folder.write("t.csv", table);
  const support::ProcessOptions here{.cwd = folder.path()};

  const ProcessResult imported =
      regatta({"import", "data", "t.csv", "t.h5", "test_fraction=0.2", "valid_fraction=0.2"}, here);
  const ProcessResult made = regatta({"import", "regression", "r.h5", "samples=100", "features=3"}, here);

  EXPECT_EQ(imported.exit_code, 0) << imported;
  EXPECT_EQ(imported.out, "t.h5: 18 training, 6 validation, 6 test rows; 2 features, 2 classes\n");
  EXPECT_EQ(made.exit_code, 0) << made;
  EXPECT_EQ(made.out, "r.h5: 70 training, 15 validation, 15 test rows; 3 features, 1 outputs\n");
}

TEST(CommandLine, ImportRefusesWhatItDoesNotKnow) {
  EXPECT_EQ(regatta({"import", "regression", "r.h5", "sampels=3"}).err,
            "command line: unknown option 'sampels'; did you mean 'samples'?\n");
  EXPECT_EQ(regatta({"import", "date", "a.csv", "a.h5"}).err,
            "regatta: error: regatta import knows data, curves, regression and recall, got 'date'; did you mean 'data'?\n");
  EXPECT_EQ(regatta({"import", "data", "a.h5", "b.csv"}).err,
            "regatta: error: the last file is the one to write and must end in .h5, got 'b.csv'\n");
  EXPECT_EQ(regatta({"import", "data", "missing.csv", "/dev/null/a.h5"}).exit_code, 2);
}

}  // namespace
}  // namespace regatta
