#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "regatta/run/proposals.hpp"
#include "regatta/run/study.hpp"
#include "regatta/search/divided_tree.hpp"

namespace regatta::run {

/// Proposals of `ais` where its tree is divided among sub-controllers: they make them in their parts of the
/// tree, and the keeper, which is here, says in which part. So rank 0 makes no model, and as many proposals
/// are made at once as there are sub-controllers.
///
/// Nothing is asked before it is needed, but for a few where very many workers would otherwise wait for each
/// other. Where very many trials end at once, the initial design gives what sub-controllers are late with.
class DividedProposals final : public ProposalSource {
 public:
  /// @param workers  that ask
  /// @param earlier  what an earlier job has logged
  DividedProposals(const StudyPlan& plan, std::size_t workers, search::PostTreeMessage post,
                   std::span<const search::Event> earlier = {});

  std::optional<Proposal> take() override;
  bool exhausted() const override { return !exhausted_reason_.empty() && ready_.empty(); }
  std::string exhausted_reason() const override { return exhausted_reason_; }
  void observe(std::span<const search::Event> events) override;

  /// What sub-controller `from` says.
  void receive(int from, std::span<const std::byte> message);
  const search::TreeKeeper& keeper() const { return keeper_; }

 private:
  void ask();
  bool late() const;
  void fill_in(std::int32_t number);
  bool tried(const search::Config& config) const;
  void end(std::string reason);

  std::unique_ptr<search::Searcher> design_;  ///< of the first trials, and where nothing else is known
  search::History history_;
  search::TreeKeeper keeper_;
  std::size_t ahead_;
  std::deque<Proposal> ready_;
  std::vector<search::Config> unborn_;  ///< taken, not in the history yet
  std::map<std::int32_t, std::size_t> asked_;  ///< numbers not answered yet; outcomes when they were asked
  std::int32_t next_ = 0;               ///< number of the proposal to come
  std::string exhausted_reason_;
};

/// How many sub-controllers share the tree of a study; 0: its searcher is asked where it is.
int sub_controllers(const StudyPlan& plan);

}  // namespace regatta::run
