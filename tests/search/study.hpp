#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "regatta/search/searcher.hpp"

/// Spaces and histories that the tests of searchers share.
namespace regatta::search::study {

inline space::Space space_of(const std::vector<space::Definition>& parameters,
                             const std::vector<space::Definition>& constraints = {}) {
  Problems problems;
  space::Space space = space::Space::parse(parameters, constraints, problems);
  EXPECT_TRUE(problems.empty()) << InvalidInputs(problems).what();
  return space;
}

/// Every kind of parameter, with conditions and a constraint.
inline space::Space mixed_space() {
  return space_of({{"rate", "loguniform(1e-4, 1e-1)", {}},
                   {"layers", "int(1, 3)", {}},
                   {"units", "logint(8, 256)", {}},
                   {"dropout", "quniform(0, 0.5, 0.1)", {}},
                   {"scale", "normal(0, 1)", {}},
                   {"optimizer", "choice(sgd, adam, lbfgs)", {}},
                   {"momentum", "uniform(0, 0.99) if optimizer == sgd", {}},
                   {"patience", "ordinal(1, 5, 10)", {}},
                   {"fixed", "constant(3)", {}}},
                  {{"small", "layers * units <= 400", {}}});
}

/// 3 + 3 * 4 = 15 configurations, of which 2 break the constraint.
inline space::Space tiny_space() {
  return space_of({{"optimizer", "choice(adam, sgd)", {}},
                   {"layers", "int(1, 3)", {}},
                   {"momentum", "grid(0, 0.5, 0.9, 0.99) if optimizer == sgd", {}}},
                  {{"calm", "layers < 3 or momentum < 0.7", {}}});
}

constexpr std::size_t tiny_count = 13;

/// A discrete space of 5000 configurations.
inline space::Space discrete_space() {
  return space_of({{"a", "int(1, 50)", {}}, {"b", "choice(p, q, r, s, t)", {}}, {"c", "logint(1, 20)", {}}});
}

/// Appends a queued trial.
inline void create(History& history, Config config, Origin origin = Origin::Searcher) {
  TrialCreated event;
  event.trial = TrialId{static_cast<std::int32_t>(history.trials().size())};
  event.origin = origin;
  event.config = std::move(config);
  history.record(event);
}

/// Brings the latest trial to `state`.
inline void finish(History& history, TrialState state, double objective = not_a_number,
                   double standard_error = not_a_number) {
  const TrialId id = history.trials().back().id;
  TrialStarted started;
  started.trial = id;
  history.record(started);
  if (state == TrialState::Running) return;
  TrialEnded ended;
  ended.trial = id;
  ended.state = state;
  ended.objective = objective;
  ended.standard_error = standard_error;
  history.record(ended);
}

inline TrialId next_trial(const History& history, std::size_t ahead = 0) {
  return TrialId{static_cast<std::int32_t>(history.trials().size() + ahead)};
}

/// Proposes and creates up to `count` trials, fewer when the searcher has no more.
inline void extend(Searcher& searcher, History& history, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    auto config = searcher.propose(history, next_trial(history), {});
    if (!config) return;
    create(history, std::move(*config));
  }
}

/// Proposes and evaluates `count` trials, one after another.
inline void evaluate(Searcher& searcher, History& history, std::size_t count,
                     const std::function<double(const Config&)>& objective) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto config = searcher.propose(history, next_trial(history), {});
    ASSERT_TRUE(config.has_value());
    create(history, *config);
    finish(history, TrialState::Completed, objective(*config));
  }
}

inline double best_of(const History& history) { return history[history.incumbent().value()].objective; }

inline void expect_feasible_and_different(const space::Space& space, const History& history) {
  for (const Trial& trial : history.trials()) EXPECT_EQ(space.violation(trial.config), "");
  EXPECT_EQ(history.distinct(), history.trials().size());
}

/// Configurations as text, which compares inactive entries too.
inline std::set<std::string> texts(const space::Space& space, const History& history) {
  std::set<std::string> result;
  for (const Trial& trial : history.trials()) result.insert(space.text(trial.config));
  return result;
}

}  // namespace regatta::search::study
