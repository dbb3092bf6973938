#pragma once

#include "sobol_searcher.hpp"

namespace regatta::search {

/// Tree-structured Parzen estimators (Bergstra et al. 2011): proposes what is likely among the good results
/// and unlikely among the others, by one density over all parameters for each. Of all results by their latest
/// value, whatever the epoch (Salinas et al. 2023), the best 15 % are good; running and failed trials belong
/// to the others. Sobol points before the first ten results.
///
/// As `bohb` (Falkner et al. 2018), its results are the values at the latest epoch at which enough trials
/// have reported, and one of three proposals is a Sobol point.
class TpeSearcher final : public SobolSearcher {
 public:
  TpeSearcher(const SearcherOptions& options, const space::Space& space);

  std::optional<Config> propose(const History& history, TrialId trial,
                                const std::vector<Config>& avoid) override;
  bool learns() const override { return true; }

 private:
  struct Result {
    double loss = 0;
    TrialId trial;
  };

  std::vector<Result> results(const History& history);
  std::vector<Result> latest_values(const History& history) const;
  std::vector<Result> values_at_highest_epoch(const History& history);
  std::size_t enough() const;

  bool by_epoch_;
  double random_share_;
  std::map<std::int32_t, std::vector<Result>> by_epoch_seen_;
  std::size_t reports_seen_ = 0;
};

}  // namespace regatta::search
