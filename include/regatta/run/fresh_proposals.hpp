#pragma once

#include "regatta/run/proposals.hpp"

namespace regatta::run {

struct FreshOptions {
  bool maximize = false;
  int ahead = 1;           ///< proposals that lie ready, at least 1
  double time_limit = 10;  ///< of one proposal, before a free slot gets one of the filler [s]
};

/// Proposals of a searcher that learns: made ahead by a thread with a history of its own, and made anew when
/// results arrive.
///
/// A result (the end of a trial, or a trial of the user) outdates what lies ready. take() then gives nothing
/// for a while, the patience, so that the thread can make the proposal anew, with the same number, from all
/// results; after that it gives the outdated one, so that no worker idles long. The patience is 0.3 % of the
/// mean trial, at most 1 s; 20 ms before any trial has ended. When nothing at all lies ready and the searcher
/// has been at one proposal for longer than the time limit, the filler proposes instead.
class FreshProposals final : public ProposalSource {
 public:
  /// @param filler   a cheap searcher, which is asked by the controller's thread
  /// @param earlier  what an earlier job has logged
  FreshProposals(std::unique_ptr<search::Searcher> searcher, std::unique_ptr<search::Searcher> filler,
                 const FreshOptions& options, std::span<const search::Event> earlier = {});
  ~FreshProposals() override;  ///< ends the thread after the proposal it is at

  std::optional<Proposal> take() override;
  bool exhausted() const override;
  std::string exhausted_reason() const override;
  void observe(std::span<const search::Event> events) override;
  void pace(double trial_seconds) override;
  std::string take_message() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace regatta::run
