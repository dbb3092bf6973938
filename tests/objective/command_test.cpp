// Programs as objectives, through the objective's interface: real processes, real descriptors.

#include <sys/stat.h>

#include <cmath>
#include <fstream>
#include <set>
#include <thread>

#include "fixture.hpp"
#include "regatta/core/file.hpp"
#include "regatta/core/json.hpp"
#include "regatta/objective/command_objective.hpp"

namespace regatta::objective {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Runs programs as a worker does.
class CommandTest : public testing::Test {
 protected:
  /// @param values  options of [objective]; `metric` and `direction` are the study's
  void tune(Texts values, const Texts& parameters = {{"x", "int(0, 100)"}}) {
    space_ = space_of(parameters);
    options_ = options_of({}, folder.path());
    options_.type = "command";
    for (auto& [name, value] : values) {
      if (name == "metric")
        options_.metric = value;
      else if (name == "direction")
        options_.maximize = value == "maximize";
      else
        options_.values[name] = value;
    }
    objective_ = make_objective(options_, space_);
    WorkerContext context;
    context.place = {&launcher, folder / "run", 3, 2, 5, {"GPU-1", "GPU-2"}};
    objective_->prepare(context);
  }

  std::unique_ptr<Trainable> start(const Texts& values = {{"x", "1"}}, std::int32_t trial = 7) {
    return objective_->start(space_.read(values), {trial, 1, std::uint64_t{5} << 33});
  }
  /// The next report.
  static Progress next(Trainable& trial) {
    while (true) {
      if (const double idle = trial.idle_seconds(); idle > 0)
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      else if (auto progress = trial.advance())
        return *progress;
    }
  }
  /// The report of each epoch. That of the last one comes twice where the program goes on after it: then the
  /// second, which says that the trial is finished, stands for both.
  std::vector<Progress> run(const Texts& values = {{"x", "1"}}, std::int32_t trial = 7) {
    const auto running = start(values, trial);
    std::vector<Progress> reports;
    while (reports.empty() || !reports.back().finished) {
      const Progress progress = next(*running);
      if (progress.finished && !reports.empty() && reports.back().epoch == progress.epoch) reports.pop_back();
      reports.push_back(progress);
    }
    return reports;
  }
  TrialFailure failure(const Texts& values = {{"x", "1"}}) {
    try {
      run(values);
    } catch (const TrialFailure& caught) {
      return caught;
    }
    ADD_FAILURE() << "the trial did not fail";
    return {FailureKind::Crash, ""};
  }
  std::string printed(std::int32_t trial = 7) const {
    return read_file(folder / "run/trials" / concat(trial, ".log"));
  }
  std::vector<std::string> problems(Texts values) const {
    ObjectiveOptions options = options_of(values, folder.path());
    options.type = "command";
    options.metric = "loss";
    return problems_of(options, space_of({{"x", "int(0, 100)"}}));
  }

  process::Launcher launcher;
  support::TemporaryFolder folder;
  ObjectiveOptions options_;
  space::Space space_;
  std::unique_ptr<Objective> objective_;
};

TEST_F(CommandTest, ReadsTheLinesThatAProgramReports) {
  tune({{"command",
         "printf 'hello\nregatta: epoch=1 loss=3e-1 acc=0.5\nregatta: acc=0.75 other=9\nregatta:loss=0.2, "
         "epoch=2'"},
        {"metric", "loss"},
        {"metrics", "acc, speed"}});

  const auto reports = run();

  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].epoch, 1);
  EXPECT_EQ(reports[0].value, 0.3);
  EXPECT_EQ(reports[0].metrics[0], 0.5);
  EXPECT_TRUE(std::isnan(reports[0].metrics[1]));
  EXPECT_FALSE(reports[0].finished);
  EXPECT_EQ(reports[1].epoch, 2);
  EXPECT_EQ(reports[1].value, 0.2);
  EXPECT_EQ(reports[1].metrics[0], 0.75) << "from the line before";
  EXPECT_EQ(objective_->metrics(), (std::vector<std::string>{"acc", "speed"}));
}

TEST_F(CommandTest, ReadsAnUnchangedScriptByARegularExpression) {
  tune({{"command", R"(printf 'Epoch 0/9 - val loss: 0.5\rEpoch 1/9 - val loss: 0.25\nEpoch 2 is slow\n')"},
        {"pattern", R"(Epoch (?P<epoch>\d+)/(?:\d+) - val loss: (?<loss>[0-9.]+))"},
        {"metric", "loss"}});

  const auto reports = run();

  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].epoch, 1) << "the program counts from 0";
  EXPECT_EQ(reports[1].epoch, 2);
  EXPECT_EQ(reports[1].value, 0.25);
}

TEST_F(CommandTest, CountsReportsThatHaveNoEpochAndTakesASingleGroupForTheMetric) {
  tune({{"command", "printf 'accuracy 1\naccuracy nan of 3\naccuracy 5'"}, {"pattern", "accuracy ([0-9]+)"}});

  const auto reports = run();

  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[1].epoch, 2);
  EXPECT_EQ(reports[1].value, 5);
}

TEST_F(CommandTest, ReadsJsonLinesAndAnswersThem) {
  tune({{"command",
         "sh -c 'echo \"{\\\"epoch\\\": 1, \\\"value\\\": 0.5}\" >&$REGATTA_REPORT_FD; read answer "
         "<&$REGATTA_CONTROL_FD; "
         "echo $answer; echo nonsense >&3; echo \"{\\\"value\\\": 0.25}\" >&3'"}});

  const auto reports = run();

  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[1].epoch, 2);
  EXPECT_EQ(reports[1].value, 0.25);
  EXPECT_EQ(printed(), "continue\n");
}

TEST_F(CommandTest, AnswersTheLastReportOfAFullTrainingToo) {
  tune({{"command",
         "sh -c 'echo \"{\\\"value\\\": 2}\" >&3; read answer <&4; echo $answer'"}, {"epochs", "1"}});

  EXPECT_EQ(run().back().value, 2);
  EXPECT_EQ(printed(), "continue\n");
}

TEST_F(CommandTest, TakesNotANumberForWhatItIs) {
  tune({{"command", "printf 'regatta: value=NaN'"}});
  EXPECT_TRUE(std::isnan(run().front().value));
  tune({{"command", "sh -c 'echo \"{\\\"value\\\": -Infinity, \\\"note\\\": \\\"NaN\\\"}\" >&3'"}});
  EXPECT_EQ(run().front().value, -HUGE_VAL);
}

TEST_F(CommandTest, KeepsTheBestReportWhereItIsAskedTo) {
  tune({{"command", "printf 'regatta: value=2\nregatta: value=5\nregatta: value=4'"},
        {"report", "best"},
        {"direction", "maximize"}});
  EXPECT_EQ(run().back().value, 5);
}

TEST_F(CommandTest, PassesOverEpochsThatComeTwiceOrLate) {
  tune({{"command",
         "printf 'regatta: epoch=2 value=1\nregatta: epoch=2 value=9\nregatta: epoch=1 value=8\nregatta: "
         "epoch=4 value=3'"}});

  const auto reports = run();

  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].value, 1);
  EXPECT_EQ(reports[1].epoch, 4);
}

TEST_F(CommandTest, HoldsTheLastReportOfAFullTrainingUntilTheProgramHasEnded) {
  tune({{"command", "sh -c 'echo regatta: value=1; echo regatta: value=2; exit 3'"}, {"epochs", "2"}});
  const auto trial = start();

  EXPECT_FALSE(next(*trial).finished);
  EXPECT_FALSE(next(*trial).finished);
  EXPECT_THROW(next(*trial), TrialFailure);
}

/// Whatever is in a value reaches the program as it is, and as one argument.
class Quoting : public CommandTest, public testing::WithParamInterface<bool> {};

TEST_P(Quoting, KeepsValuesWhole) {
  const std::string odd = "a  b; touch gone $(touch gone) `touch gone` \\ * ~ {x}\n'";
  folder.write("show.py",
               "import os, sys\nprint(repr(sys.argv[1:] + "
               "[os.environ['REGATTA_PARAM_odd']]))\nprint('regatta: value=1')\n");
  tune({{"command", R"(python3 show.py {odd} a{odd}b "c {odd}" 'd "{odd}"' '' {{odd}} '{ 1 }')"},
        {"shell", GetParam() ? "true" : "false"}},
       {{"odd", "choice(\"" + odd + "\", 1)"}});

  run({{"odd", odd}});

  folder.write("expected.py", "odd = " + Json(odd).dump() +
                                  "\nprint(repr([odd, 'a' + odd + 'b', 'c ' + odd, 'd \"' + odd + '\"', '', "
                                  "'{odd}', '{ 1 }', odd]))\nprint('regatta: value=1')\n");
  const std::string shown = printed();
  tune({{"command", "python3 expected.py"}});
  run({{"x", "1"}}, 8);
  EXPECT_EQ(shown, printed(8));
  EXPECT_FALSE(std::filesystem::exists(folder / "gone"));
}

INSTANTIATE_TEST_SUITE_P(Command, Quoting, testing::Bool());

TEST_F(CommandTest, GivesAProgramAllThatItMayWantToKnow) {
  folder.write("show.py", R"(import json, os, sys
print(json.dumps([sys.argv[1:], json.load(open(sys.argv[1])), os.path.isdir(sys.argv[2]), os.getcwd(),
  {k: v for k, v in os.environ.items() if k.startswith(("REGATTA_", "CUDA_VISIBLE")) or k == "OMP_NUM_THREADS"}]))
print('regatta: value=1')
)");
  ::unsetenv("OMP_NUM_THREADS");
  tune({{"command",
         "python3 show.py {config} {checkpoint} {trial} {seed} {epochs} {gpu} {ranks} {port} --m {m} "
         "--mm={m} {n}"},
        {"epochs", "9"}},
       {{"n", "int(1, 5)"},
        {"r", "uniform(0, 1)"},
        {"w", "choice(relu, 'no one')"},
        {"m", "uniform(0, 1) if n == 1"}});

  run({{"n", "2"}, {"r", "0.5"}, {"w", "no one"}});

  const std::string trials = (folder / "run/trials").string();
  const Json shown = Json::parse(printed().substr(0, printed().find('\n')));
  EXPECT_EQ(shown[0],
            (Json{trials + "/7.json", trials + "/7", "7", "5", "9", "GPU-1,GPU-2", "2", "29503", "2"}))
      << "an inactive parameter is left out, with the option before it";
  EXPECT_EQ(shown[1], (Json{{"n", 2}, {"r", 0.5}, {"w", "no one"}}));
  EXPECT_EQ(shown[2], true);
  EXPECT_EQ(shown[3], std::filesystem::canonical(folder.path()).string());
  const auto& variables = shown[4];
  for (const auto& [name, value] : std::map<std::string, std::string>{{"REGATTA_PARAM_n", "2"},
                                                                      {"REGATTA_PARAM_w", "no one"},
                                                                      {"REGATTA_TRIAL", "7"},
                                                                      {"REGATTA_SEED", "5"},
                                                                      {"REGATTA_EPOCHS", "9"},
                                                                      {"REGATTA_CHECKPOINT", trials + "/7"},
                                                                      {"REGATTA_PORT", "29503"},
                                                                      {"REGATTA_REPORT_FD", "3"},
                                                                      {"CUDA_VISIBLE_DEVICES", "GPU-1,GPU-2"},
                                                                      {"OMP_NUM_THREADS", "5"}})
    EXPECT_EQ(variables.value(name, ""), value) << name;
  EXPECT_FALSE(variables.contains("REGATTA_PARAM_m"));
  EXPECT_FALSE(std::filesystem::exists(folder / "run/trials/7.json")) << "it ends with the trial";
}

TEST_F(CommandTest, AsksAProgramToStopAsItUnderstandsIt) {
  const std::string wait = "; while read word <&4; do echo $word; [ $word = stop ] && exit; done'";
  tune({{"command", "sh -c 'echo \"{\\\"value\\\": 1}\" >&3" + wait}, {"grace", "60s"}});
  auto trial = start();
  next(*trial);
  static_cast<void>(trial->advance());  // which answers
  trial.reset();
  objective_.reset();  // waits for the program
  EXPECT_EQ(printed(), "continue\nstop\n");

  tune({{"command",
         "sh -c 'trap \"echo saved; exit\" TERM; echo regatta: value=1; while :; do sleep 0.01; done'"},
        {"grace", "60s"}});
  trial = start();
  next(*trial);
  trial.reset();
  objective_.reset();
  EXPECT_THAT(printed(), HasSubstr("regatta: value=1\nsaved\n"));
}

/// Reports the sum of x over its epochs and saves it where it is asked to, in the way that `how` says.
constexpr const char* adder = R"(import json, os, signal, sys, time
how, state = sys.argv[1], os.path.join(sys.argv[2], 'state')
saved = json.load(open(state)) if os.path.exists(state) else {'epoch': 0, 'sum': 0}
x = float(sys.argv[3])
def save():
  os.makedirs(sys.argv[2], exist_ok=True)
  with open(state, 'w') as file: json.dump(saved, file)  # a signal while a file closes itself would be lost
def leave(*_):
  save()
  sys.exit(0)
signal.signal(signal.SIGTERM, leave)
def report():
  text = 'epoch=%d value=%r' % (saved['epoch'], saved['sum'])
  if how == 'signal': return print('regatta:', text)
  os.write(3, (json.dumps({'epoch': saved['epoch'], 'value': saved['sum']}) + '\n').encode())
words = os.fdopen(4) if how != 'signal' else None
while saved['epoch'] < 5:
  saved = {'epoch': saved['epoch'] + 1, 'sum': saved['sum'] + x}
  report()
  if how == 'signal':
    save()
    while saved['epoch'] == 2: time.sleep(0.01)
    continue
  word = words.readline().split(None, 1)
  print(*word)
  if word[0] == 'pause':
    save()
    if how == 'leaves': sys.exit(0)
    os.write(3, b'{"paused": true}\n')
    word = words.readline().split(None, 1)
    print(*word)
  if word[0] == 'perturb': x = json.loads(word[1])['x']
  if word[0] == 'stop': sys.exit(0)
)";

/// Where a trial that is paused comes to.
class Pausing : public CommandTest {
 protected:
  void tune_adder(const std::string& how) {
    folder.write("adder.py", adder);
    tune({{"command", "python3 adder.py " + how + " {checkpoint} {x}"}, {"grace", "60s"}});
  }
  static Rest paused(Trainable& trial) {
    Rest rest = trial.pause();
    for (; rest == Rest::NotYet; rest = trial.pause()) trial.wait(0.01);
    return rest;
  }
  /// Reports of a trial to its end, each once.
  static std::vector<Progress> rest_of(Trainable& trial) {
    std::vector<Progress> reports;
    while (reports.empty() || !reports.back().finished) {
      const Progress progress = next(trial);
      if (!reports.empty() && reports.back().epoch == progress.epoch) reports.pop_back();
      reports.push_back(progress);
    }
    return reports;
  }
};

TEST_F(Pausing, GoesOnInANewProgramByTheDirectoryForCheckpoints) {
  for (const std::string how : {"signal", "leaves"}) {
    tune_adder(how);
    const std::int32_t trial = how == "signal" ? 1 : 2;
    auto first = start({{"x", "1"}}, trial);
    next(*first);
    next(*first);
    ASSERT_EQ(paused(*first), Rest::Ready) << how;
    const std::vector<std::byte> saved = first->save();
    EXPECT_FALSE(first->go_on(space_.read(Texts{{"x", "1"}}), {}));
    first.reset();
    std::filesystem::remove_all(folder / "run/trials" / concat(trial));

    const auto second = start({{"x", "10"}}, how == "signal" ? trial : 3);
    second->load(saved);
    const auto reports = rest_of(*second);

    ASSERT_EQ(reports.size(), 3u) << how;
    EXPECT_EQ(reports[0].epoch, 3) << how;
    EXPECT_EQ(reports[2].value, 32) << how;
  }
}

TEST_F(Pausing, GoesOnInTheSameProgramWhereItWaits) {
  tune_adder("waits");
  const auto trial = start({{"x", "1"}}, 1);
  next(*trial);

  ASSERT_EQ(paused(*trial), Rest::Waiting);
  EXPECT_FALSE(trial->save().empty());
  ASSERT_TRUE(trial->go_on(space_.read(Texts{{"x", "1"}}), {}));
  next(*trial);
  ASSERT_EQ(paused(*trial), Rest::Waiting);
  EXPECT_FALSE(trial->go_on(space_.read(Texts{{"x", "10"}}), trial->save())) << "with the work of another trial";
  ASSERT_TRUE(trial->go_on(space_.read(Texts{{"x", "10"}}), {}));

  EXPECT_EQ(rest_of(*trial).back().value, 32);
  EXPECT_EQ(printed(1), "pause\ncontinue\npause\nperturb {\"x\":10}\n\ncontinue\ncontinue\ncontinue\n");
}

TEST_F(Pausing, StartsOverWhereAProgramSavesNothing) {
  tune({{"command", "sh -c 'echo regatta: value=1; sleep 600'"}});
  const auto trial = start();
  next(*trial);

  EXPECT_EQ(paused(*trial), Rest::Ready);
  EXPECT_TRUE(trial->save().empty());
}

TEST_F(Pausing, LosesNoReportOfAProgramThatRunsAhead) {
  tune({{"command",
         "sh -c '[ -e {checkpoint}/all ] && exit; for n in 1 2 3; do echo regatta: value=$n; done; touch "
         "{checkpoint}/all; sleep 600'"}});
  auto first = start({{"x", "1"}}, 1);
  next(*first);
  while (!std::filesystem::exists(folder / "run/trials/1/all")) first->wait(0.001);
  paused(*first);
  const std::vector<std::byte> saved = first->save();
  first.reset();
  const auto second = start({{"x", "1"}}, 1);
  second->load(saved);

  const auto reports = rest_of(*second);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].epoch, 2);
  EXPECT_EQ(reports[1].value, 3);
}

TEST_F(Pausing, KeepsTheProgramWhereItIsPersistent) {
  folder.write("serve.py", R"(import json, os, sys
words = os.fdopen(4)
for line in sys.stdin:
  job = json.loads(line)
  state = job['checkpoint'] + '/state'
  n = int(open(state).read()) if os.path.exists(state) else 0
  while n < 3:
    n += 1
    os.write(3, json.dumps({'epoch': n, 'value': os.getpid()}).encode() + b'\n')
    if words.readline().strip() == 'pause':
      os.makedirs(job['checkpoint'], exist_ok=True)
      open(state, 'w').write(str(n))
      break
  os.write(3, b'{"done": true}\n')
)");
  tune({{"command", "python3 serve.py"}, {"persistent", "true"}});
  auto first = start({{"x", "1"}}, 1);
  const Progress before = next(*first);
  ASSERT_EQ(paused(*first), Rest::Ready);
  const std::vector<std::byte> saved = first->save();
  first.reset();
  const auto second = start({{"x", "1"}}, 1);
  second->load(saved);

  const auto reports = rest_of(*second);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports.back().epoch, 3);
  EXPECT_EQ(reports.back().value, before.value) << "the same process";
}

TEST_F(CommandTest, StartsATrialOnceTheProgramOfTheLastOneHasEnded) {
  tune({{"command",
         "sh -c 'trap \"\" TERM; echo regatta: value={x}; [ {x} = 2 ] || while :; do sleep 0.01; done'"},
        {"grace", "100ms"}});
  auto deaf = start({{"x", "1"}});
  next(*deaf);
  deaf.reset();

  EXPECT_EQ(run({{"x", "2"}}).back().value, 2);
}

TEST_F(CommandTest, KeepsAProgramForManyTrialsWhereItIsPersistent) {
  folder.write("serve.py", R"(import json, os, sys
for line in sys.stdin:
  job = json.loads(line)
  print('at work on', job['trial'], job['seed'])
  if job['config']['x'] == 3: os._exit(4)
  if job['config']['x'] == 4: print('regatta: failed=too wide for me')
  print('regatta: value=%d' % os.getpid())
  print('regatta: epoch=2 value=%d done' % job['config']['x'])
)");
  tune({{"command", "python3 serve.py"}, {"persistent", "true"}});

  const auto first = run({{"x", "1"}}, 1), second = run({{"x", "2"}}, 2);
  EXPECT_EQ(first[1].value, 1);
  EXPECT_EQ(second[1].value, 2);
  EXPECT_EQ(first[0].value, second[0].value) << "the same process";
  EXPECT_EQ(printed(2).substr(0, 14), "at work on 2 5");
  EXPECT_EQ(failure({{"x", "3"}}).exit_code, 4);
  EXPECT_THAT(failure({{"x", "4"}}).what(), HasSubstr("too wide for me"));
  EXPECT_NE(run({{"x", "5"}}, 5)[0].value, first[0].value) << "a new one after its death";
}

TEST_F(CommandTest, ReplacesAPersistentProgramThatDoesNotStop) {
  folder.write("serve.py", R"(import json, os, sys, time
for line in sys.stdin:
  print('regatta: value=1')
  if json.loads(line)['config']['x'] == 1: time.sleep(600)
  print('regatta: epoch=2 value=2 done')
)");
  tune({{"command", "python3 serve.py"}, {"persistent", "true"}, {"grace", "50ms"}});
  auto stuck = start({{"x", "1"}});
  next(*stuck);
  stuck.reset();

  EXPECT_EQ(run({{"x", "2"}}).back().value, 2);
}

TEST_F(CommandTest, HasAProgramForEachLane) {
  folder.write("serve.py", R"(import json, os, sys
for line in sys.stdin: print('regatta: value=%d port=%s done' % (os.getpid(), os.environ['REGATTA_PORT']), flush=True)
)");
  tune({{"command", "python3 serve.py"}, {"persistent", "true"}, {"port", "9000"}, {"metrics", "port"}});
  std::vector<Place> places(2, Place{nullptr, folder / "run", 3});
  for (Place& place : places) place.launcher = &launcher.another();
  places[1].slot = 4;
  const auto start_at = [&](const Place& place) {
    TrialContext context{7 + place.slot};
    context.place = &place;
    return objective_->start(space_.read(Texts{{"x", "1"}}), context);
  };

  std::set<double> programs;
  for (int round = 0; round < 2; ++round) {
    const auto one = start_at(places[0]), other = start_at(places[1]);
    const Progress last = next(*other), first = next(*one);
    programs.insert({first.value, last.value});
    EXPECT_EQ(first.metrics[0], 9003);
    EXPECT_EQ(last.metrics[0], 9004);
  }
  EXPECT_EQ(programs.size(), 2u) << "one process for each lane";
}

TEST_F(CommandTest, BoundsWhatItKeepsOfTheOutput) {
  tune({{"command",
         "python3 -c \"print('a' * 999); [print('%09d' % i) for i in range(100000)]; print('regatta: "
         "value=1')\""},
        {"output", "4000"}});

  run();

  const std::string kept = printed();
  EXPECT_EQ(kept.substr(0, 1000), std::string(999, 'a') + "\n");
  EXPECT_THAT(kept, HasSubstr("\n[997017 bytes left out]\n"));
  EXPECT_THAT(kept, testing::EndsWith("000099998\n000099999\nregatta: value=1\n"));
  EXPECT_LT(kept.size(), 4100u);
}

TEST_F(CommandTest, GivesReasonAndLastLinesOfAProgramThatFails) {
  tune({{"command", "sh -c 'echo one; echo two >&2; exit 3'"}});
  const TrialFailure crash = failure();
  EXPECT_EQ(crash.kind, FailureKind::Crash);
  EXPECT_EQ(crash.exit_code, 3);
  EXPECT_THAT(crash.what(), testing::AllOf(HasSubstr("exit code 3"), HasSubstr("one"), HasSubstr("two")));

  tune({{"command", "sh -c 'echo torch.cuda.OutOfMemoryError: no; exit 1'"}});
  EXPECT_EQ(failure().kind, FailureKind::OutOfMemory);
  tune({{"command", "sh -c 'kill -KILL $$'"}});
  EXPECT_EQ(failure().kind, FailureKind::OutOfMemory);
  tune({{"command", "sh -c 'echo regatta: value=1; sleep 600'"}, {"report_timeout", "50ms"}, {"grace", "0"}});
  EXPECT_EQ(failure().kind, FailureKind::Timeout);
  tune({{"command", "sh -c 'while :; do echo regatta: value=1; sleep 0.01; done'"},
        {"timeout", "50ms"},
        {"grace", "0"}});
  EXPECT_THAT(failure().what(), HasSubstr("no end after 50 ms"));
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_F(CommandTest, LeavesNoDescriptorOpenWhateverAProgramDoes) {
  const auto run_all = [&](const std::vector<std::string>& scripts) {
    for (const std::string& script : scripts) {
      const bool reports = script.ends_with("value=1");
      tune({{"command", "{program} -c '" + script + "'"}, {"report_timeout", reports ? "10min" : "100ms"}, {"grace", "0"}},
           {{"program", "choice(sh, ./missing)"}});
      const std::string program = script == "missing" ? "./missing" : "sh";
      if (reports) {
        run({{"program", program}});
      } else {
        failure({{"program", program}});
      }
    }
    objective_.reset();
    return open_descriptors();
  };
  const std::size_t before = run_all({"echo regatta: value=1"});

  EXPECT_EQ(run_all({"exit 3", "kill -SEGV $$", "missing", "exec 0<&- 1>&- 2>&- 3>&- 4>&-; sleep 600", "sleep 600 & exit 1", "sleep 600",
                     "echo regatta: value=1"}),
            before);
}

TEST_F(CommandTest, SaysWhatIsWrongWithACommandBeforeAnythingStarts) {
  EXPECT_THAT(problems({{"command", "python3 t.py {y} {x}"}}),
              ElementsAre(HasSubstr("there is no parameter or value {y}")));
  EXPECT_THAT(problems({{"command", "python3 'a b"}}), ElementsAre(HasSubstr("has a ' that is not closed")));
  EXPECT_THAT(problems({}), ElementsAre(HasSubstr("objective.command must say what is run")));
  EXPECT_THAT(problems({{"command", "pyhton33 x"}}),
              ElementsAre(HasSubstr("there is no program 'pyhton33'")));
  EXPECT_THAT(problems({{"command", "./train.sh"}}),
              ElementsAre(HasSubstr("there is no program './train.sh' that can be run in ")));
  ::chmod(folder.write("train", "#!/bin/sh\n").c_str(), 0755);
  EXPECT_THAT(problems({{"command", "train {x}"}}), ElementsAre(HasSubstr("along PATH; that beside the input file is ./train")));
  EXPECT_THAT(problems({{"command", "python3 -u trian.py {x}"}}), ElementsAre(HasSubstr("there is no script \"trian.py\" in ")));
  EXPECT_THAT(problems({{"command", "python3 train_{x}.py"}}), ElementsAre());
  EXPECT_THAT(problems({{"command", "true"}, {"folder", "nowhere"}}),
              ElementsAre(HasSubstr("is no directory")));
  EXPECT_THAT(problems({{"command", "true {epochs}"}}),
              ElementsAre(HasSubstr("{epochs} needs objective.epochs")));
  EXPECT_THAT(problems({{"command", "true {x}"}, {"persistent", "true"}}),
              ElementsAre(HasSubstr("differs from trial to trial")));
  EXPECT_THAT(problems({{"command", "true"}, {"pattern", "(los"}}),
              ElementsAre(HasSubstr("is no regular expression")));
  EXPECT_THAT(problems({{"command", "true"}, {"pattern", "(?<acc>.*)"}}),
              ElementsAre(HasSubstr("needs a group for the study's metric")));
  EXPECT_THAT(problems({{"command", "sh -c 'echo {x} | awk \"{ print }\"'"}}), ElementsAre());
}

TEST_F(CommandTest, MinimisesAnyMetricButThoseThatAreKnownToGrow) {
  ObjectiveOptions options;
  options.type = "command";
  EXPECT_THAT(objective_metrics(options), ElementsAre(testing::Pair("value", false)));
  options.metric = "val_accuracy";
  EXPECT_THAT(objective_metrics(options), ElementsAre(testing::Pair("val_accuracy", true)));
  options.metric = "perplexity";
  EXPECT_THAT(objective_metrics(options), ElementsAre(testing::Pair("perplexity", false)));
}

}  // namespace
}  // namespace regatta::objective
