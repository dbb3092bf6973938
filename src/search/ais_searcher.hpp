#pragma once

#include "bayesian_searcher.hpp"
#include "leaf_search.hpp"
#include "study_tree.hpp"

namespace regatta::search {

/// How much a tree favours a place among the best ones of a model of all results, beside its promise:
/// ln (p / (1 + N + O))^0.3 of its leaf, which has the chance p, N results and O running trials.
double favour_of(const RegionTree& tree, const Config& config);

/// Asynchronous iterative search: a tree over the space, grown by the results as they come, decides in which
/// part of it the next trial shall be; Gaussian processes decide where in that part.
///
/// While there are few results and few running trials, the models are those of `bo`, of all results; later
/// each proposal has a model of the results in and around its leaf, and costs the same however many there
/// are. The tree ends the study when the best result lies at its maximum height.
class AisSearcher final : public BayesianSearcher {
 public:
  AisSearcher(const SearcherOptions& options, space::Space space);

 private:
  std::optional<Config> ask(const History& history, TrialId trial, const std::vector<Config>& avoid) override;
  std::function<double(const space::UnitPoint&)> favour(TrialId trial) override;

  bool greedy(TrialId trial) const { return trial.value % turns == turns - 1; }
  std::size_t selected(TrialId trial) const;
  std::optional<Config> ask_locally(const History& history, TrialId trial, const std::vector<Config>& avoid);
  bool hopeless(std::size_t leaf, const LeafSearch::Wish& wish);

  const RegionTree& tree() const { return study_.tree(); }

  StudyTree study_;
  LeafSearch leaves_;
  std::size_t local_from_;
};

}  // namespace regatta::search
