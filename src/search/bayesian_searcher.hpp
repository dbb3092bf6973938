#pragma once

#include "regatta/search/searcher.hpp"
#include "sobol_searcher.hpp"
#include "surrogate.hpp"

namespace regatta::search {

/// Batch Bayesian optimisation, asynchronous: one new point given the running ones.
class BayesianSearcher final : public Searcher {
 public:
  BayesianSearcher(const SearcherOptions& options, space::Space space);

  std::optional<Config> propose(const History& history, TrialId trial, const std::vector<Config>& avoid) override;

  const Surrogate& surrogate() const { return surrogate_; }

 private:
  bool embedding_lengths_ok() const;
  bool stagnant(const Surrogate::Model& model) const;
  bool hill_to(const Surrogate::Model& model, const Config& config, double value, std::size_t b) const;
  template <class Allowed>
  std::optional<Config> scout(const Surrogate::Model& model, Random& random, const Allowed& allowed) const;
  bool hill_between(const Surrogate::Model& model, std::size_t a, std::size_t b) const;
  template <class Landscape, class Allowed>
  std::optional<Config> explore(const Surrogate::Model& model, Landscape& landscape, Random& random, const Allowed& allowed);

  space::Space space_;
  BayesianOptions options_;
  std::uint64_t seed_;
  SobolSearcher sobol_;
  Surrogate surrogate_;
};

}  // namespace regatta::search
