#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "regatta/search/searcher.hpp"

namespace regatta::run {

/// What a proposal was made from beside the history.
struct Making {
  /// Of the proposal; < 0: the next one, with nothing to avoid that the log does not tell.
  std::int32_t number = -1;
  std::vector<search::Config> avoided = {};  ///< other proposals that were not in the history
  bool filled_in = false;                    ///< by a cheaper searcher, since this one took too long
};

/// A configuration that waits to become a trial.
struct Proposal {
  search::Config config;
  std::uint64_t events_seen = 0;  ///< length of the history it was made from
  std::optional<double> promised = {};  ///< expected gain over the incumbent, where the searcher knows it
  Making made = {};
};

/// Where the controller gets configurations from.
class ProposalSource {
 public:
  virtual ~ProposalSource() = default;

  /// The next proposal; none when none is ready yet, or when nothing is left to try. Never blocks for long.
  /// @throws whatever the searcher threw
  virtual std::optional<Proposal> take() = 0;
  /// Nothing is left to try.
  virtual bool exhausted() const = 0;
  /// Why, when it is so.
  virtual std::string exhausted_reason() const { return "every configuration tried"; }
  /// Events that the history has grown by; called in order, before they take effect.
  virtual void observe(std::span<const search::Event> events) = 0;
  /// Whether results change what is proposed, so that a proposal should not wait for long.
  virtual bool learns() const { return true; }
  /// How long a trial takes on average [s]: what is worth waiting for depends on it.
  virtual void pace(double /*trial_seconds*/) {}
  /// What people should be told, once; empty when there is nothing.
  virtual std::string take_message() { return {}; }
};

/// Asks the searcher at the moment of need, with all events known: no speculation, the same on every run. Folds the events
/// into a history of its own.
class DirectProposals final : public ProposalSource {
 public:
  /// @param earlier  what an earlier job has logged
  DirectProposals(std::unique_ptr<search::Searcher> searcher, bool maximize,
                  std::span<const search::Event> earlier = {});

  std::optional<Proposal> take() override;
  bool exhausted() const override { return exhausted_; }
  std::string exhausted_reason() const override { return searcher_->exhausted_reason(); }
  void observe(std::span<const search::Event> events) override;
  bool learns() const override { return searcher_->learns(); }

 private:
  std::unique_ptr<search::Searcher> searcher_;
  search::History history_;
  std::int32_t next_ = 0;  ///< number of the proposal to come
  bool exhausted_ = false;
};

/// Proposals made ahead by a thread with a history of its own, so that a free slot never waits for a searcher. For searchers that
/// do not learn; see FreshProposals for the others.
class Proposer final : public ProposalSource {
 public:
  /// @param ahead    proposals that lie ready, at least 1
  /// @param earlier  what an earlier job has logged
  Proposer(std::unique_ptr<search::Searcher> searcher, bool maximize, int ahead,
           std::span<const search::Event> earlier = {});
  ~Proposer() override;  ///< ends the thread after the proposal it is at

  std::optional<Proposal> take() override;
  bool exhausted() const override;
  void observe(std::span<const search::Event> events) override;
  bool learns() const override { return false; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace regatta::run
