#pragma once

#include "regatta/search/searcher.hpp"
#include "sobol_searcher.hpp"
#include "surrogate.hpp"

namespace regatta::search {

/// Bayesian optimisation, asynchronous: each proposal is the best point of an acquisition given the results and the running trials.
///
/// Proposals take turns among the surrogate's models by their weights. Once the valley of the best result is exhausted, three of
/// four proposals look for another one.
///
/// A user's prior multiplies the acquisition, to the power prior_strength / results, so that a wrong one is forgotten; every second
/// initial trial is drawn from it. Hvarfner et al. (2022), piBO: augmenting acquisition functions with user beliefs for Bayesian
/// optimization, ICLR.
class BayesianSearcher final : public Searcher {
 public:
  BayesianSearcher(const SearcherOptions& options, space::Space space);

  std::optional<Config> propose(const History& history, TrialId trial, const std::vector<Config>& avoid) override;
  bool learns() const override { return true; }
  std::optional<double> promised() const override { return promised_; }

 private:
  std::optional<Config> believed(const History& history, TrialId trial, const std::vector<Config>& avoid) const;
  std::optional<Config> ask(const History& history, TrialId trial, const std::vector<Config>& avoid);

  space::Space space_;
  BayesianOptions options_;
  std::uint64_t seed_;
  SobolSearcher sobol_;
  Surrogate surrogate_;
  std::optional<double> promised_;
};

}  // namespace regatta::search
