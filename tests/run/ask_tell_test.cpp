// Ask and tell: the same contract for the controller, for regatta::Study in this process, and for `regatta
// serve` as a process.

#include "regatta/run/ask_tell.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <deque>
#include <map>

#include "regatta/core/json.hpp"
#include "regatta/log/study_reader.hpp"
#include "regatta/process/launcher.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::run {
namespace {

using search::TrialState;
using testing::HasSubstr;

constexpr int budget = 6;

StudyPlan plan() {
  StudyPlan plan;
  Problems problems;
  const std::vector<space::Definition> definitions{{"x", "uniform(-1, 1)", {}},
                                                   {"n", "int(1, 5) if x > 0", {}}};
  plan.space = space::Space::parse(definitions, {}, problems);
  plan.searcher.seed = plan.controller.seed = 3;
  plan.controller.trials = budget;
  return plan;
}

/// Whoever hands out trials. What cannot be done is thrown as InvalidInput.
class Desk {
 public:
  struct Given {
    int trial = -1;
    double x = 0;
    bool has_n = false;
  };
  virtual ~Desk() = default;
  virtual std::optional<Given> ask() = 0;
  virtual std::string report(int trial, int epoch, double value) = 0;  ///< the state
  virtual void tell(int trial, double value) = 0;
  virtual void fail(int trial) = 0;
  virtual int best() = 0;  ///< -1: none
  virtual int count(TrialState state) = 0;
  virtual bool over() = 0;
};

/// The controller, driven by hand with as many workers as there are trials.
class ControllerDesk final : public Desk, private Effects {
 public:
  std::optional<Given> ask() override {
    controller_.step(++now_);
    if (given_.empty()) return {};
    const Assign assign = given_.front();
    given_.pop_front();
    return Given{assign.trial.value, assign.config[0], !std::isnan(assign.config[1])};
  }
  std::string report(int trial, int epoch, double value) override {
    return receive(trial, TrialState::Running, epoch, value);
  }
  void tell(int trial, double value) override {
    receive(trial, std::isfinite(value) ? TrialState::Completed : TrialState::Failed, 1, value);
  }
  void fail(int trial) override { receive(trial, TrialState::Failed, 0, NAN); }
  int best() override { return controller_.history().incumbent().value_or(TrialId{}).value; }
  int count(TrialState state) override { return static_cast<int>(controller_.history().count(state)); }
  bool over() override {
    controller_.step(++now_);
    return controller_.finished();
  }

 private:
  std::string receive(int trial, TrialState state, int epoch, double value) {
    require(worker_.contains(trial), "trial ", trial, " is not running");
    Report report;
    report.trial = TrialId{trial};
    report.epoch = epoch;
    report.state = state;
    report.value = value;
    controller_.receive(worker_.at(trial), report, ++now_);
    return std::string(name_of(controller_.history()[TrialId{trial}].state));
  }
  void log(std::span<const search::Event>) override {}
  void send(WorkerId to, const Assign& message) override {
    worker_[message.trial.value] = to;
    given_.push_back(message);
  }
  void send(WorkerId, const Cancel&) override {}
  void send(WorkerId, const Hand&) override {}
  void send(WorkerId, const Checkpoint&) override {}

  StudyPlan plan_ = plan();
  ControllerOptions options() const {
    ControllerOptions options = plan_.controller;
    options.workers = budget;
    options.prefetch = 0;
    return options;
  }
  DirectProposals proposals_{search::make_searcher(plan_.searcher, plan_.space), false};
  std::unique_ptr<schedule::Scheduler> scheduler_ = schedule::make_scheduler({}, facts_of(plan_));
  Controller controller_{options(), proposals_, *scheduler_, *this};
  std::map<int, WorkerId> worker_;
  std::deque<Assign> given_;
  double now_ = 0;
};

class StudyDesk final : public Desk {
 public:
  std::optional<Given> ask() override {
    const auto asked = study_.ask();
    if (!asked) return {};
    return Given{asked->trial.value, std::get<double>(asked->values.at("x")), asked->values.contains("n")};
  }
  std::string report(int trial, int epoch, double value) override {
    return std::string(name_of(study_.report(TrialId{trial}, epoch, value)));
  }
  void tell(int trial, double value) override { study_.tell(TrialId{trial}, value); }
  void fail(int trial) override { study_.fail(TrialId{trial}, "no luck"); }
  int best() override { return study_.history().incumbent().value_or(TrialId{}).value; }
  int count(TrialState state) override { return static_cast<int>(study_.history().count(state)); }
  bool over() override { return study_.over(); }

 private:
  Study study_{plan()};
};

/// `regatta serve` at the other end of two pipes.
class ServeDesk final : public Desk {
 public:
  ServeDesk() {
    const std::string input =
        folder
            .write("x.ini",
                   "[study]\nseed = 3\ntrials = 6\n[space]\nx = uniform(-1, 1)\nn = int(1, 5) if x > 0\n"
                   "[objective]\ntype = external\nepochs = 9\n")
            .string();
    start({REGATTA_BINARY, "serve", input, "log.directory=" + (folder / "run").string()});
  }
  void start(const std::vector<std::string>& arguments) {
    channels_ = launcher_.start({arguments, {}, folder.path()});
  }
  /// Ends the study as the end of a script does; the exit code.
  int close() {
    channels_.input.close();
    while (true)
      if (const auto ending = launcher_.poll())
        return ending->code;
      else
        wait(launcher_.descriptor());
  }

  Json talk(const Json& request) {
    const std::string line = line_of(request) + "\n";
    EXPECT_EQ(::write(channels_.input.number(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
    std::string answer;
    for (char c = 0; c != '\n';) {
      wait(channels_.out.number());
      if (::read(channels_.out.number(), &c, 1) != 1) break;
      answer += c;
    }
    const Json json = parse_json(answer);
    if (json.contains("error")) throw InvalidInput(json["error"].get<std::string>());
    return json;
  }

  std::optional<Given> ask() override {
    const Json answer = talk({{"op", "ask"}});
    if (answer["trial"].is_null()) return {};
    return Given{answer["trial"].get<int>(), answer["config"]["x"].get<double>(),
                 answer["config"].contains("n")};
  }
  std::string report(int trial, int epoch, double value) override {
    return talk({{"op", "report"}, {"trial", trial}, {"epoch", epoch}, {"value", value}})["state"]
        .get<std::string>();
  }
  void tell(int trial, double value) override {
    talk({{"op", "tell"}, {"trial", trial}, {"value", std::isnan(value) ? Json("NaN") : Json(value)}});
  }
  void fail(int trial) override { talk({{"op", "tell"}, {"trial", trial}, {"failed", "no luck"}}); }
  int best() override {
    const Json answer = talk({{"op", "best"}});
    return answer["trial"].is_null() ? -1 : answer["trial"].get<int>();
  }
  int count(TrialState state) override {
    return talk({{"op", "status"}})[std::string(name_of(state))].get<int>();
  }
  bool over() override { return talk({{"op", "status"}})["over"].get<bool>(); }

  support::TemporaryFolder folder;

 private:
  static void wait(int descriptor) {
    pollfd watched{descriptor, POLLIN, 0};
    ASSERT_EQ(::poll(&watched, 1, 60'000), 1) << "no answer";
  }

  process::Launcher launcher_;
  process::Channels channels_;
};

template <class Kind>
std::unique_ptr<Desk> open_desk() {
  return std::make_unique<Kind>();
}

struct Entry {
  const char* name;
  std::unique_ptr<Desk> (*open)();
};

class AskAndTell : public testing::TestWithParam<Entry> {
 protected:
  std::unique_ptr<Desk> desk = GetParam().open();
};

TEST_P(AskAndTell, HandsOutWhatTheSearcherProposesWithinTheBudget) {
  const auto searcher = search::make_searcher(plan().searcher, plan().space);
  const search::History empty;
  for (int i = 0; i < budget; ++i) {
    const auto given = desk->ask();
    ASSERT_TRUE(given.has_value());
    EXPECT_EQ(given->trial, i);
    EXPECT_EQ(given->has_n, given->x > 0) << "only what is active";
    if (i == 0) {
      EXPECT_EQ(given->x, (*searcher->propose(empty, TrialId{0}, {}))[0]);
    }
  }

  EXPECT_FALSE(desk->ask().has_value());
  EXPECT_FALSE(desk->over()) << "results are missing";
  for (int i = 0; i < budget; ++i) desk->tell(i, 1);
  EXPECT_FALSE(desk->ask().has_value());
  EXPECT_TRUE(desk->over());
}

TEST_P(AskAndTell, TakesResultsInAnyOrderAndKnowsTheBest) {
  for (int i = 0; i < 3; ++i) desk->ask();
  EXPECT_EQ(desk->best(), -1);

  desk->tell(2, 0.5);
  desk->tell(0, 0.25);
  EXPECT_EQ(desk->best(), 0);
  desk->tell(1, -1);
  EXPECT_EQ(desk->best(), 1);
  EXPECT_EQ(desk->count(TrialState::Completed), 3);
}

TEST_P(AskAndTell, TakesReportsBeforeTheResult) {
  desk->ask();

  EXPECT_EQ(desk->report(0, 1, 3), "running");
  EXPECT_EQ(desk->report(0, 2, 2), "running");
  desk->tell(0, 2);

  EXPECT_EQ(desk->count(TrialState::Completed), 1);
}

TEST_P(AskAndTell, CountsFailuresAndNotANumberAsFailed) {
  for (int i = 0; i < 3; ++i) desk->ask();

  desk->fail(0);
  desk->tell(1, NAN);
  desk->tell(2, 7);

  EXPECT_EQ(desk->count(TrialState::Failed), 2);
  EXPECT_EQ(desk->best(), 2);
  EXPECT_TRUE(desk->ask().has_value());
}

TEST_P(AskAndTell, RefusesResultsOfTrialsThatDoNotRun) {
  desk->ask();
  desk->tell(0, 1);

  EXPECT_THROW(desk->tell(0, 2), InvalidInput);
  EXPECT_THROW(desk->tell(50, 2), InvalidInput);
  EXPECT_THROW(desk->report(0, 2, 2), InvalidInput);
  EXPECT_EQ(desk->count(TrialState::Completed), 1);
}

INSTANTIATE_TEST_SUITE_P(Run, AskAndTell,
                         testing::Values(Entry{"Controller", open_desk<ControllerDesk>},
                                         Entry{"Study", open_desk<StudyDesk>},
                                         Entry{"Serve", open_desk<ServeDesk>}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Serve, ExplainsWhatIsWrongWithARequestAndGoesOn) {
  ServeDesk desk;
  const auto complaint = [&](const Json& request) {
    try {
      return "no complaint: " + line_of(desk.talk(request));
    } catch (const InvalidInput& error) {
      return std::string(error.what());
    }
  };

  EXPECT_THAT(complaint("ask"), HasSubstr("a JSON object"));
  EXPECT_THAT(complaint({{"op", "aks"}}), HasSubstr("did you mean 'ask'?"));
  EXPECT_THAT(complaint({{"op", 3}}), HasSubstr("must be one of"));
  EXPECT_THAT(complaint({{"op", "tell"}, {"value", 1}}), HasSubstr("needs \"trial\""));
  EXPECT_THAT(complaint({{"op", "tell"}, {"trial", -2}, {"value", 1}}), HasSubstr("there is no trial -2"));
  EXPECT_THAT(complaint({{"op", "report"}, {"trial", 0}, {"epoch", 0.5}, {"value", 1}}),
              HasSubstr("counts from 1"));
  ASSERT_TRUE(desk.ask().has_value());
  EXPECT_THAT(complaint({{"op", "tell"}, {"trial", 0}}), HasSubstr("needs \"value\""));
  EXPECT_THAT(complaint({{"op", "tell"}, {"trial", 0}, {"failed", "x"}, {"reason", "oomm"}}),
              HasSubstr("did you mean 'oom'?"));
  EXPECT_EQ(desk.report(0, 1, 5), "running");
  EXPECT_THAT(complaint({{"op", "report"}, {"trial", 0}, {"epoch", 1}, {"value", 1}}),
              HasSubstr("has reported epoch 1 already"));
}

TEST(Serve, LogsAndGoesOnAfterAnEarlyEnd) {
  ServeDesk desk;
  for (int i = 0; i < 3; ++i) desk.ask();
  desk.tell(1, 0.5);
  ASSERT_EQ(desk.close(), 0);
  const log::Study first = log::read_study(desk.folder / "run");
  EXPECT_EQ(first.history.count(TrialState::Completed), 1u);
  EXPECT_EQ(first.history.count(TrialState::Queued), 2u);

  desk.start({REGATTA_BINARY, "serve", (desk.folder / "run").string(), "--resume"});
  EXPECT_EQ(desk.ask()->trial, 0);
  EXPECT_EQ(desk.ask()->trial, 2);
  EXPECT_EQ(desk.ask()->trial, 3);
  for (const int trial : {0, 2, 3}) desk.tell(trial, 1);
  EXPECT_EQ(desk.best(), 1);
  EXPECT_EQ(desk.close(), 0);

  EXPECT_EQ(log::read_study(desk.folder / "run").history.count(TrialState::Completed), 4u);
  const auto refused = support::run_process({REGATTA_BINARY, "run", (desk.folder / "x.ini").string()});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("regatta serve"));
}

}  // namespace
}  // namespace regatta::run
