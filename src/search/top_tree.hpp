#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "domain_owner.hpp"
#include "study_fold.hpp"

namespace regatta::search {

/// The top of a divided tree, whose leaves are the domains of sub-controllers: says in which domain the next
/// trial shall be, by the same score as in one tree, from what their owners have told last; hands on what
/// happens in a study to those whom it concerns; and hands domains over when some owners are asked more often
/// than others.
class TopTree final : private ObservedTree {
 public:
  /// @param controllers  numbered from 1; the first one gets the whole space to begin with
  TopTree(const SearcherOptions& options, const space::Space& space, int controllers, PostMessage post);

  /// Tells owners what has happened since the last call; `history` has only grown.
  void update(const History& history) { fold_.tell(history, *this); }
  /// Asks the owner of a domain for a proposal.
  void ask(std::int32_t number, Rule rule);
  /// Takes what sub-controller `from` says; gives its proposal if it is one.
  std::optional<Offer> take(int from, const TreeMessage& message);

  /// The best result lies at search.max_height.
  bool complete() const;
  std::size_t domains() const { return domain_of_.size(); }
  /// How many domains have been handed over.
  std::size_t handed_over() const { return handed_over_; }
  const RegionTree& top() const { return top_; }

 private:
  struct Domain {
    std::size_t node = 0;  ///< of the top
    int owner = 1;
    std::size_t asked = 0;  ///< not answered yet
    std::size_t load = 0;   ///< of the last asks
    bool has_children = false, dividing = false, divided = false;
    int height = 0;
  };

  void begin(const Config& config) override { tell(Observation::Kind::Begin, config); }
  void report(const Config& config, double loss) override { tell(Observation::Kind::Report, config, loss); }
  void end(const Config& config) override { tell(Observation::Kind::End, config); }
  void add(const Config& config, double loss) override;
  void change(std::size_t result, double loss) override;
  void change_all(const std::vector<double>& losses) override;

  void tell(Observation::Kind kind, const Config& config, double loss = 0, std::size_t result = 0);
  void tell_all(const TreeMessage& message);
  void scale();
  void scale_if_due(double loss);
  void take(const DomainSummary& told);
  void take(const DomainChildren& told);
  std::optional<Offer> take(const Offer& offer);
  std::size_t selected(std::int32_t number) const;
  Domain& domain(std::int32_t number) { return domains_[static_cast<std::size_t>(number)]; }
  std::int32_t domain_at(std::size_t node) const { return domain_of_.at(node); }
  void count(std::int32_t number);
  void balance();
  void divide(std::int32_t number);
  void hand_over(std::int32_t number, int to);

  space::Space space_;
  SearcherOptions options_;
  int controllers_;
  PostMessage post_;
  StudyFold fold_;
  RegionTree top_;
  std::vector<Domain> domains_;                    ///< by number
  std::map<std::size_t, std::int32_t> domain_of_;  ///< by leaf of the top
  std::map<std::int32_t, std::int32_t> asked_;     ///< domain by proposal; -1: divided since
  std::deque<std::int32_t> last_asked_;            ///< domains
  std::vector<Config> configs_;                    ///< of results
  std::vector<double> losses_;                     ///< of results
  double best_ = HUGE_VAL;
  std::size_t next_scale_ = 1, since_balance_ = 0, handed_over_ = 0;
};

}  // namespace regatta::search
