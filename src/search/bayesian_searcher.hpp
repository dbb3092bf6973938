#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "regatta/search/searcher.hpp"
#include "surrogate.hpp"

namespace regatta::search {

/// Trials before the first model: as the options say, or 5, or 4 more than there are parameters.
int initial_trials(const BayesianOptions& options, const space::Space& space);

/// Bayesian optimisation, asynchronous: each proposal is the best point of an acquisition given the results
/// and the running trials.
///
/// Proposals are made by one of the surrogate's models each, drawn by weight. Of four in a row one takes the
/// least mean, which makes the most of what is known; from eight parameters on the others keep to trust
/// regions, one and another one for every 32 running trials. Once the valley of the best result is exhausted,
/// three of four look for another one; with fewer than eight parameters two of these as if the results
/// outside of it were all there are, and as if it were not there.
///
/// A user's prior multiplies the acquisition, to the power prior_strength / results, so that a wrong one is
/// forgotten; every second initial trial is drawn from it. Hvarfner et al. (2022), piBO: augmenting
/// acquisition functions with user beliefs for Bayesian optimization, ICLR.
class BayesianSearcher : public Searcher {
 public:
  BayesianSearcher(const SearcherOptions& options, space::Space space);

  std::optional<Config> propose(const History& history, TrialId trial,
                                const std::vector<Config>& avoid) override;
  bool learns() const override { return true; }
  std::optional<double> promised() const override { return promised_; }
  std::string exhausted_reason() const override { return exhausted_reason_; }

 protected:
  /// What is added to the promise of places for this proposal; null: nothing.
  /// @param trial  number of the proposal; of `turns` in a row the last takes the least mean
  virtual std::function<double(const space::UnitPoint&)> favour(TrialId /*trial*/) { return nullptr; }
  /// A proposal of a model; none when there is no model yet.
  virtual std::optional<Config> ask(const History& history, TrialId trial, const std::vector<Config>& avoid);
  /// Ends the study.
  std::optional<Config> give_up(std::string reason);

  const space::Space& space() const { return space_; }
  const SearcherOptions& options() const { return options_; }
  const Surrogate& surrogate() const { return surrogate_; }

 private:
  std::optional<Config> believed(const History& history, TrialId trial,
                                 const std::vector<Config>& avoid) const;
  std::size_t regions(std::size_t running) const;
  Surrogate& belief(std::int32_t turn);
  bool in_left_valley(std::span<const double> features, const Surrogate& of);

  space::Space space_;
  SearcherOptions options_;
  std::unique_ptr<Searcher> initial_;
  Surrogate surrogate_;
  std::optional<double> promised_;
  std::string exhausted_reason_ = "every configuration tried";
  bool ended_ = false;  ///< the last proposal promised less than what is worth a trial
};

}  // namespace regatta::search
