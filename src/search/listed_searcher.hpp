#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "regatta/search/searcher.hpp"

namespace regatta::search {

/// Searches a list of configurations by another searcher, which knows nothing of the list: each of its
/// proposals gives way to the nearest configuration of the list that was not tried, in the unit cube, where
/// two values of a choice are as far apart as the ends of an axis.
class ListedSearcher final : public Searcher {
 public:
  /// @param listed  feasible configurations of `space`, at least one
  ListedSearcher(std::unique_ptr<Searcher> searcher, space::Space space, std::vector<Config> listed);

  std::optional<Config> propose(const History& history, TrialId trial,
                                const std::vector<Config>& avoid) override;
  bool learns() const override { return searcher_->learns(); }
  std::optional<double> promised() const override { return searcher_->promised(); }
  std::string exhausted_reason() const override;

 private:
  std::vector<double> coordinates(const Config& config) const;
  double distance(std::size_t index, const std::vector<double>& point) const;

  std::unique_ptr<Searcher> searcher_;
  space::Space space_;
  std::vector<Config> listed_;
  std::vector<double> coordinates_;  ///< [listed x parameters]
  bool all_tried_ = false;
};

}  // namespace regatta::search
