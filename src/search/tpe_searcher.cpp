#include "tpe_searcher.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "parzen.hpp"

namespace regatta::search {
namespace {

constexpr std::uint64_t tpe_stream = 0x747065;
constexpr std::size_t first_results = 10;  ///< before the first model
constexpr double good_share = 0.15;
constexpr int candidates = 64;

}  // namespace

TpeSearcher::TpeSearcher(const SearcherOptions& options, const space::Space& space)
    : SobolSearcher(options, space),
      by_epoch_(options.algorithm == "bohb"),
      random_share_(by_epoch_ ? 1.0 / 3 : 0) {}

std::optional<Config> TpeSearcher::propose(const History& history, TrialId trial,
                                           const std::vector<Config>& avoid) {
  Random random(derive_seed(seed(), tpe_stream), static_cast<std::uint64_t>(trial.value));
  std::vector<Result> ranked = results(history);
  if (ranked.size() < enough() || random.uniform() < random_share_)
    return SobolSearcher::propose(history, trial, avoid);
  std::ranges::stable_sort(ranked, {}, &Result::loss);
  const auto goods = static_cast<std::size_t>(std::ceil(good_share * static_cast<double>(ranked.size())));
  std::vector<Config> good, others = avoid;
  for (std::size_t i = 0; i < ranked.size(); ++i)
    (i < goods ? good : others).push_back(history[ranked[i].trial].config);
  for (const TrialId id : history.unfinished())
    if (history[id].state != TrialState::Paused) others.push_back(history[id].config);
  const Parzen likely(space(), good), unlikely(space(), others);
  std::optional<Config> best;
  double highest = -std::numeric_limits<double>::infinity();
  for (int i = 0; i < candidates; ++i) {
    Config config = likely.sample(random);
    if (!space().feasible(config) || history.contains(config) || holds(avoid, config)) continue;
    const double score = likely.log_density(config) - unlikely.log_density(config);
    if (score > highest) {
      highest = score;
      best = std::move(config);
    }
  }
  return best ? best : SobolSearcher::propose(history, trial, avoid);
}

std::size_t TpeSearcher::enough() const { return std::max(first_results, space().size() + 2); }

std::vector<TpeSearcher::Result> TpeSearcher::results(const History& history) {
  return by_epoch_ ? values_at_highest_epoch(history) : latest_values(history);
}

std::vector<TpeSearcher::Result> TpeSearcher::latest_values(const History& history) const {
  std::vector<Result> results;
  const auto take = [&](const Trial& trial) {
    if (trial.state == TrialState::Cancelled || trial.reason == Reason::Lost) return;
    const bool valued = trial.state != TrialState::Failed && std::isfinite(trial.objective);
    const double loss = history.maximize() ? -trial.objective : trial.objective;
    results.push_back({valued ? loss : std::numeric_limits<double>::infinity(), trial.id});
  };
  for (const TrialId id : history.finished()) take(history[id]);
  if (history.count(TrialState::Paused) == 0) return results;
  for (const TrialId id : history.unfinished())
    if (history[id].state == TrialState::Paused) take(history[id]);
  return results;
}

std::vector<TpeSearcher::Result> TpeSearcher::values_at_highest_epoch(const History& history) {
  if (reports_seen_ > history.reports().size()) {  // another history
    reports_seen_ = 0;
    by_epoch_seen_.clear();
  }
  for (; reports_seen_ < history.reports().size(); ++reports_seen_) {
    const CurvePoint& point = history.reports()[reports_seen_];
    const double loss = history.maximize() ? -point.value : point.value;
    by_epoch_seen_[point.epoch].push_back(
        {std::isfinite(loss) ? loss : std::numeric_limits<double>::infinity(), point.trial});
  }
  for (auto entry = by_epoch_seen_.rbegin(); entry != by_epoch_seen_.rend(); ++entry)
    if (entry->second.size() >= enough()) return entry->second;
  return {};
}

}  // namespace regatta::search
