#pragma once

#include <deque>
#include <functional>
#include <set>

#include "domain.hpp"

namespace regatta::search {

/// Hands a message to another one of those that share a tree.
using PostMessage = std::function<void(int to, TreeMessage message)>;

/// Has domains of a divided tree: grows them with what the keeper tells it, makes the proposals there, and
/// says how they stand. It knows no clock and no rank: the same messages in the same order give the same
/// answers.
class DomainOwner {
 public:
  DomainOwner(const SearcherOptions& options, const space::Space& space, PostMessage post);

  void take(TreeMessage message);
  /// Makes one proposal that was asked for; false: there is none to make.
  bool work();
  bool has_work() const { return !asked_.empty(); }
  /// Tells the keeper how those domains stand that have changed.
  void tell();

 private:
  void on(Observation observation);
  void on(Scale scale);
  void on(AllLosses all);
  void on(AskDomain ask);
  void on(DivideDomain divide);
  void on(GiveDomain give);
  void on(Subtree subtree);
  void on(Offer) {}  // what follows is for the keeper
  void on(DomainSummary) {}
  void on(DomainChildren) {}

  /// What a domain has become since it was divided: the part where a configuration lies, or the one with the
  /// best result.
  std::int32_t now(std::int32_t number, const Config* config) const;
  /// Until that domain arrives.
  void keep_for(std::int32_t domain, TreeMessage message);
  void answer(const AskDomain& ask);

  space::Space space_;
  SearcherOptions options_;
  PostMessage post_;
  std::map<std::int32_t, Domain> domains_;
  std::vector<double> scale_;
  struct Division {
    std::int32_t first;
    Split split;
  };
  std::map<std::int32_t, Division> divided_;
  std::map<std::int32_t, std::vector<TreeMessage>> early_;  ///< for domains that are still on their way
  std::deque<AskDomain> asked_;
  std::set<std::int32_t> changed_;
};

}  // namespace regatta::search
