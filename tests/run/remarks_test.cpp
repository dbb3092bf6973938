#include "regatta/run/remarks.hpp"

#include <algorithm>
#include <map>
#include <thread>

#include "regatta/core/clock.hpp"
#include "regatta/core/random.hpp"
#include "regatta/run/controller.hpp"
#include "regatta/run/fresh_proposals.hpp"
#include "regatta/schedule/scheduler.hpp"
#include "run/event_kinds.hpp"

// Whether the log says enough of each proposal for it to be made again.
namespace regatta::run {
namespace {

using search::Config;
using Values = std::vector<double>;

class RemarksTest : public testing::Test {
 protected:
  /// Makes a trial of it, after what there is to be noted.
  std::vector<search::Note> born(double x, std::uint64_t seen, Making made) {
    const TrialId trial{static_cast<std::int32_t>(history.trials().size())};
    auto notes = remarks.on({{x}, seen, {}, std::move(made)}, trial, history);
    history.record(search::TrialCreated{trial, search::Origin::Searcher, 0, seen, {}, 0, {x}});
    return notes;
  }

  Remarks remarks;
  search::History history;
};

TEST_F(RemarksTest, AreNotNeededWhereTheLogTellsAll) {
  EXPECT_TRUE(born(1, 0, Making{0, {}}).empty());
  EXPECT_TRUE(born(2, 0, Making{1, {{1}}}).empty());
  EXPECT_TRUE(born(3, 1, Making{2, {{2}}}).empty());
  EXPECT_TRUE(born(4, 3, Making{3, {}}).empty());
  EXPECT_TRUE(born(5, 4, {}).empty());
}

TEST_F(RemarksTest, TellOfAProposalThatHasAvoidedAnother) {
  born(1, 0, Making{0, {}});
  born(2, 1, Making{1, {}});

  const auto notes = born(3, 0, Making{2, {{1}, {2.5}}});

  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].key, "search/avoided");
  EXPECT_EQ(notes[0].values, (Values{2, 2, 1, 2.5}));
  EXPECT_EQ(born(4, 2, Making{3, {}}).at(0).values, (Values{3, 3})) << "it did not know of the third";
}

TEST_F(RemarksTest, TellOfANumberThatIsNotThePlace) {
  EXPECT_EQ(born(1, 0, Making{1, {}}).at(0).values, (Values{0, 1}));
}

TEST_F(RemarksTest, GoOnAfterTheProposalsOfAnEarlierJob) {
  history.record(search::TrialCreated{TrialId{0}, search::Origin::Searcher, 0, 0, {}, 0, {9}});
  remarks.skip(1);

  EXPECT_TRUE(born(1, 1, Making{1, {}}).empty());
}

TEST_F(RemarksTest, TellWhoseProposalWasFilledIn) {
  const auto notes = born(1, 0, Making{3, {}, true});

  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].key, "search/filled_in");
  EXPECT_EQ(notes[0].values, (Values{0, 3}));
}

/// Keeps the log and what has been assigned.
class Desk final : public Effects {
 public:
  void log(std::span<const search::Event> events) override {
    logged.insert(logged.end(), events.begin(), events.end());
  }
  void send(WorkerId to, const Assign& message) override { running.emplace_back(to, message.trial); }
  void send(WorkerId, const Cancel&) override {}
  void send(WorkerId, const Hand&) override {}
  void send(WorkerId, const Checkpoint&) override {}

  std::vector<search::Event> logged;
  std::vector<std::pair<WorkerId, TrialId>> running;
};

constexpr int dimensions = 2, workers = 4;

space::Space plane() {
  const std::vector<space::Definition> parameters{{"x", "uniform(0, 1)", {}}, {"y", "uniform(0, 1)", {}}};
  Problems problems;
  return space::Space::parse(parameters, {}, problems);
}

std::unique_ptr<search::Searcher> searcher_of(const std::string& algorithm) {
  search::SearcherOptions options{.algorithm = algorithm, .seed = 5};
  options.bayesian.kernel = "rbf";  // one model, for speed
  options.bayesian.transform = "standard";
  return search::make_searcher(options, plane());
}

/// The log of a study by `bo` with trials that are now shorter, now longer than a proposal takes.
std::vector<search::Event> logged_study(double time_limit, std::uint64_t seed) {
  FreshProposals proposals(searcher_of("bo"), searcher_of("sobol"), {false, workers, time_limit});
  const auto scheduler = schedule::make_scheduler({}, {});
  Desk desk;
  Controller controller(ControllerOptions{.trials = 60, .workers = workers, .prefetch = 0}, proposals,
                        *scheduler, desk);
  controller.enqueue({{0.1, 0.1}, {0.9, 0.9}});
  Random random(seed);
  double now = 0;
  const Stopwatch watch;
  while (!controller.finished() && watch.seconds() < 60) {
    controller.step(++now);
    std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int>(3000 * random.uniform())));
    if (desk.running.empty()) continue;
    const auto place =
        static_cast<std::ptrdiff_t>(random.uniform() * static_cast<double>(desk.running.size()));
    const auto [worker, trial] = desk.running[static_cast<std::size_t>(place)];
    desk.running.erase(desk.running.begin() + place);
    const Config& config = controller.history()[trial].config;
    Report report;
    report.trial = trial;
    report.epoch = 1;
    report.state = search::TrialState::Completed;
    report.value = std::pow(config[0] - 0.3, 2) + std::pow(config[1] - 0.7, 2);
    report.seconds = 1e-3;
    controller.receive(worker, report, now);
  }
  EXPECT_TRUE(controller.finished());
  return desk.logged;
}

/// Makes each proposal again from the log alone.
class Replay {
 public:
  explicit Replay(const std::vector<search::Event>& log) : log_(log) {
    for (std::size_t i = 0; i < log.size(); ++i) {
      if (const auto* note = std::get_if<search::Note>(&log[i]))
        notes_[{note->key, note->values[0]}] = note->values;
      if (std::holds_alternative<search::TrialCreated>(log[i])) births_.push_back(i);
    }
  }

  /// @return proposals made again
  int check() {
    int place = 0;
    for (const std::size_t birth : births_)
      if (is_proposal(log_[birth])) check(birth, place++);
    return place;
  }

 private:
  void check(std::size_t birth, int place) {
    const auto& created = std::get<search::TrialCreated>(log_[birth]);
    search::History history;
    for (std::size_t i = 0; i < created.events_seen; ++i) history.record(log_[i]);
    const auto note_of = [&](const char* key) {
      const auto found = notes_.find({key, created.trial.value});
      return found == notes_.end() ? Values{} : found->second;
    };
    const Values filled = note_of(search::filled_note), avoided = note_of(search::avoided_note);
    int number = place;
    std::vector<Config> avoid;
    if (!avoided.empty()) {
      number = static_cast<int>(avoided[1]);
      for (auto entry = avoided.begin() + 2; entry != avoided.end(); entry += dimensions)
        avoid.emplace_back(entry, entry + dimensions);
    } else {
      if (!filled.empty()) number = static_cast<int>(filled[1]);
      for (const std::size_t other : births_)
        if (other >= created.events_seen && other < birth && (!filled.empty() || is_proposal(log_[other])))
          avoid.push_back(std::get<search::TrialCreated>(log_[other]).config);
    }
    search::Searcher& searcher = filled.empty() ? *bo_ : *filler_;
    const auto again = searcher.propose(history, TrialId{number}, avoid);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(*again, created.config)
        << "proposal " << place << ", number " << number << " from " << created.events_seen << " events";
  }

  const std::vector<search::Event>& log_;
  std::map<std::pair<std::string, double>, Values> notes_;
  std::vector<std::size_t> births_;
  std::unique_ptr<search::Searcher> bo_ = searcher_of("bo"), filler_ = searcher_of("sobol");
};

TEST(Log, SaysEnoughForEachProposalToBeMadeAgain) {
  for (const double time_limit : {1000.0, 5e-4})
    for (const std::uint64_t seed : {1, 2, 3}) {
      SCOPED_TRACE(testing::Message() << "time limit " << time_limit << ", seed " << seed);
      const auto log = logged_study(time_limit, seed);

      EXPECT_EQ(Replay(log).check(), 58);
    }
}

}  // namespace
}  // namespace regatta::run
