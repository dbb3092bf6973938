#include "listed_searcher.hpp"

#include <cmath>

namespace regatta::search {

ListedSearcher::ListedSearcher(std::unique_ptr<Searcher> searcher, space::Space space,
                               std::vector<Config> listed)
    : searcher_(std::move(searcher)), space_(std::move(space)), listed_(std::move(listed)) {
  for (const Config& config : listed_) {
    const std::vector<double> point = coordinates(config);
    coordinates_.insert(coordinates_.end(), point.begin(), point.end());
  }
}

std::optional<Config> ListedSearcher::propose(const History& history, TrialId trial,
                                              const std::vector<Config>& avoid) {
  all_tried_ = false;
  const auto wish = searcher_->propose(history, trial, avoid);
  if (!wish) return std::nullopt;
  const std::vector<double> point = coordinates(*wish);
  const Config* nearest = nullptr;
  double least = HUGE_VAL;
  for (std::size_t i = 0; i < listed_.size(); ++i) {
    const double gap = distance(i, point);
    if (gap >= least || history.contains(listed_[i]) || holds(avoid, listed_[i])) continue;
    nearest = &listed_[i];
    least = gap;
  }
  all_tried_ = nearest == nullptr;
  return nearest ? std::optional(*nearest) : std::nullopt;
}

std::string ListedSearcher::exhausted_reason() const {
  return all_tried_ ? Searcher::exhausted_reason() : searcher_->exhausted_reason();
}

/// Unit coordinates; of a choice its place.
std::vector<double> ListedSearcher::coordinates(const Config& config) const {
  std::vector<double> point = space_.encode(config);
  for (std::size_t i = 0; i < point.size(); ++i)
    if (space_.parameters()[i].kind == space::Kind::Choice) point[i] = config[i];
  return point;
}

/// Squared. Inactive parameters are alike.
double ListedSearcher::distance(std::size_t index, const std::vector<double>& point) const {
  double sum = 0;
  for (std::size_t i = 0; i < point.size(); ++i) {
    const double other = coordinates_[index * point.size() + i];
    if (std::isnan(other) && std::isnan(point[i])) continue;
    const bool choice = space_.parameters()[i].kind == space::Kind::Choice;
    sum += choice ? (other == point[i] ? 0 : 1) : std::pow(other - point[i], 2);
  }
  return sum;
}

}  // namespace regatta::search
