#include "study_tree.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::search {
namespace {

constexpr double largest_loss = 1e150;  // squares stay finite

bool same_objective(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

double loss_of(const History& history, const Trial& trial) {
  return std::clamp(history.maximize() ? -trial.objective : trial.objective, -largest_loss, largest_loss);
}

}  // namespace

void StudyTree::begin(const std::vector<Config>& ahead) {
  for (const Config& config : ahead) tree_.begin(config);
}

void StudyTree::end(const std::vector<Config>& ahead) {
  for (const Config& config : ahead) tree_.end(config);
}

/// Whether the history has what was seen: looks at the last trial that ended, the one before, the fourth
/// last, the eighth last and so on.
bool StudyTree::goes_on(const History& history) const {
  const auto& finished = history.finished();
  if (ended_.size() > finished.size() || begun_ > history.trials().size()) return false;
  for (std::size_t back = 1; back <= ended_.size(); back *= 2) {
    const Ended& ended = ended_[ended_.size() - back];
    const Trial& trial = history[finished[ended_.size() - back]];
    if (trial.id != ended.trial || !same_objective(trial.objective, ended.objective) ||
        config_hash(trial.config) != ended.config)
      return false;
  }
  return std::ranges::all_of(
      running_, [&](const auto& running) { return running.second <= history[running.first].epochs; });
}

bool StudyTree::update(const History& history) {
  const bool same = goes_on(history);
  if (!same) *this = StudyTree(space_, options_);
  for (std::size_t i = ended_.size(); i < history.finished().size(); ++i)
    take(history, history[history.finished()[i]]);
  for (; begun_ < history.trials().size(); ++begun_) {
    const Trial& trial = history.trials()[begun_];
    if (is_final(trial.state)) continue;
    running_.emplace(trial.id, 0);
    tree_.begin(trial.config);
  }
  for (auto& [id, epochs] : running_) {
    const Trial& trial = history[id];
    if (trial.epochs == epochs || !std::isfinite(trial.objective)) continue;
    tree_.report(trial.config, loss_of(history, trial));
    epochs = trial.epochs;
  }
  return same;
}

/// Back-propagation of a result.
void StudyTree::take(const History& history, const Trial& trial) {
  ended_.push_back({trial.id, trial.objective, config_hash(trial.config)});
  if (running_.erase(trial.id) > 0) tree_.end(trial.config);
  if (trial.state == TrialState::Cancelled || trial.reason == Reason::Lost) return;
  const bool failed = trial.state == TrialState::Failed || !std::isfinite(trial.objective);
  if (failed && tree_.size() == 0) return;
  tree_.add(trial.config, failed ? tree_.worst() : loss_of(history, trial));
}

}  // namespace regatta::search
