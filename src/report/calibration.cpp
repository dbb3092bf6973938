#include "regatta/report/calibration.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/report/table.hpp"

namespace regatta::report {
namespace {

constexpr std::size_t least_for_quarters = 8;
constexpr std::array quarters = {"least promising quarter", "second quarter", "third quarter",
                                 "most promising quarter"};

struct Outcome {
  double promised;
  double realised;
};

/// What the trial was better by than the incumbent at its creation.
double realised_gain(const log::Study& study, const log::Promise& promise) {
  const search::Trial& trial = study.history[promise.trial];
  const bool better = search::succeeded(trial.state) && study.history.better(trial.objective, promise.incumbent);
  return better ? std::abs(trial.objective - promise.incumbent) : 0;
}

std::vector<Outcome> outcomes_of(const log::Study& study) {
  std::vector<Outcome> outcomes;
  for (const log::Promise& promise : study.promises) {
    const bool ended = search::is_final(study.history[promise.trial].state);
    if (ended && !std::isnan(promise.incumbent))
      outcomes.push_back({promise.gain, realised_gain(study, promise)});
  }
  return outcomes;
}

Calibration summed_up(const std::string& trials, std::span<const Outcome> outcomes) {
  Calibration sum{trials, outcomes.size(), 0, 0, 0};
  for (const Outcome& outcome : outcomes) {
    sum.promised += outcome.promised / static_cast<double>(outcomes.size());
    sum.realised += outcome.realised / static_cast<double>(outcomes.size());
    sum.improved += outcome.realised > 0 ? 1 : 0;
  }
  return sum;
}

}  // namespace

std::vector<Calibration> calibration_of(const log::Study& study) {
  std::vector<Outcome> outcomes = outcomes_of(study);
  if (outcomes.empty()) return {};
  std::vector<Calibration> rows{summed_up("all", outcomes)};
  if (outcomes.size() < least_for_quarters) return rows;
  std::ranges::stable_sort(outcomes, {}, &Outcome::promised);
  for (std::size_t i = 0; i < quarters.size(); ++i) {
    const std::size_t first = i * outcomes.size() / 4, last = (i + 1) * outcomes.size() / 4;
    rows.push_back(summed_up(quarters[i], std::span(outcomes).subspan(first, last - first)));
  }
  return rows;
}

std::string calibration_text(const log::Study& study, std::size_t width) {
  Table table({{"proposals", Align::Left}, {"trials"}, {"promised"}, {"realised"}, {"better"}});
  for (const Calibration& row : calibration_of(study))
    table.add({row.trials, std::to_string(row.count), format_short(row.promised, 3),
               format_short(row.realised, 3), std::to_string(row.improved)});
  if (table.empty()) return "";
  return concat("mean gain over the best result so far (", study.header.metric,
                "): what the searcher promised, and what came\n", table.text(width));
}

}  // namespace regatta::report
