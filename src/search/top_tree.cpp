#include "top_tree.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::search {
namespace {

constexpr std::uint64_t keeper_stream = 0x6b656570;
constexpr std::size_t scale_at_most = 256;  // losses by which others are transformed
constexpr double scale_growth = 0.05;       // results since the last such losses, as a part of all
constexpr double reach = 0.25;              // of the width of a domain, where results around it are told
constexpr std::size_t window = 32;          // asks per sub-controller by which loads are compared

/// At most `scale_at_most` of the losses, in even steps of their ranks, the least and the largest included.
std::vector<double> quantiles(std::vector<double> losses) {
  std::ranges::sort(losses);
  if (losses.size() <= scale_at_most) return losses;
  std::vector<double> few;
  for (std::size_t i = 0; i < scale_at_most; ++i)
    few.push_back(losses[i * (losses.size() - 1) / (scale_at_most - 1)]);
  return few;
}

}  // namespace

TopTree::TopTree(const SearcherOptions& options, const space::Space& space, int controllers, PostMessage post)
    : space_(space),
      options_(options),
      controllers_(controllers),
      post_(std::move(post)),
      top_(space, options.tree),
      domains_(1),
      domain_of_{{0, 0}} {
  post_(1, Subtree{0, {Part(space)}, {}, {}});
  top_.summarise(0, top_.summary());
}

// What happens in the study.

void TopTree::tell(Observation::Kind kind, const Config& config, double loss, std::size_t result) {
  const std::int32_t number = domain_at(top_.leaf_of(config));
  post_(domain(number).owner, Observation{kind, number, static_cast<std::int32_t>(result), loss, config});
}

void TopTree::tell_all(const TreeMessage& message) {
  for (int to = 1; to <= controllers_; ++to) post_(to, message);
}

void TopTree::add(const Config& config, double loss) {
  configs_.push_back(config);
  losses_.push_back(loss);
  scale_if_due(loss);
  tell(Observation::Kind::Result, config, loss, configs_.size() - 1);
  const space::UnitPoint place = place_of(space_, config);
  const std::size_t own = top_.leaf_of(config);
  for (const auto& [node, number] : domain_of_)
    if (node != own && top_.nodes()[node].part.squared_distance(place) <= reach * reach)
      post_(domain(number).owner, Observation{Observation::Kind::Outside, number, -1, loss, config});
}

void TopTree::change(std::size_t result, double loss) {
  losses_[result] = loss;
  scale_if_due(loss);
  tell(Observation::Kind::Change, configs_[result], loss, result);
}

void TopTree::change_all(const std::vector<double>& losses) {
  losses_ = losses;
  tell_all(AllLosses{losses_});
  scale();
}

void TopTree::scale_if_due(double loss) {
  if (losses_.size() >= next_scale_ || loss < best_) scale();
}

void TopTree::scale() {
  next_scale_ =
      losses_.size() + 1 + static_cast<std::size_t>(scale_growth * static_cast<double>(losses_.size()));
  const Scale told{quantiles(losses_)};
  best_ = told.losses.front();
  top_.scale(told.losses);
  tell_all(told);
}

// Selection.

std::size_t TopTree::selected(std::int32_t number) const {
  if (number % turns == turns - 1) return top_.best_leaf();
  return top_.choose(
      Random(derive_seed(options_.seed, keeper_stream), static_cast<std::uint64_t>(number)).uniform());
}

void TopTree::ask(std::int32_t number, Rule rule) {
  const std::size_t node = selected(number);
  const std::int32_t where = domain_at(node);
  asked_[number] = where;
  ++domain(where).asked;
  top_.count_running(node, true);
  post_(domain(where).owner, AskDomain{where, number, rule});
  count(where);
  balance();
}

bool TopTree::complete() const {
  return !losses_.empty() &&
         domains_[static_cast<std::size_t>(domain_at(top_.best_leaf()))].height >= options_.tree.max_height;
}

// What sub-controllers say.

std::optional<Offer> TopTree::take(int from, const TreeMessage& message) {
  if (const auto* offer = std::get_if<Offer>(&message)) return take(*offer);
  if (const auto* children = std::get_if<DomainChildren>(&message)) take(*children);
  const auto* summary = std::get_if<DomainSummary>(&message);
  if (summary && domain(summary->domain).owner == from) take(*summary);
  return std::nullopt;
}

std::optional<Offer> TopTree::take(const Offer& offer) {
  const std::int32_t where = asked_.extract(offer.number).mapped();
  if (where < 0) return offer;
  --domain(where).asked;
  top_.count_running(domain(where).node, false);
  return offer;
}

void TopTree::take(const DomainSummary& told) {
  Domain& own = domain(told.domain);
  RegionTree::Summary summary = told.summary;
  summary.in_flight += own.asked;
  top_.summarise(own.node, summary);
  own.has_children = summary.has_children;
  own.height = summary.height;
}

void TopTree::take(const DomainChildren& told) {
  const int owner = domain(told.domain).owner;
  const std::size_t node = domain(told.domain).node;
  domain(told.domain).divided = true;
  domain_of_.erase(node);
  for (auto& [number, where] : asked_)
    if (where == told.domain) where = -1;
  const std::size_t first = top_.divide(node, told.split);
  for (std::size_t c = 0; c < told.split.children(); ++c) {
    const std::int32_t number = told.first + static_cast<std::int32_t>(c);
    domain(number) = {.node = first + c, .owner = owner};
    domain_of_[first + c] = number;
  }
}

// Who has what.

/// Notes which domain was asked, and forgets what was asked long ago.
void TopTree::count(std::int32_t number) {
  last_asked_.push_back(number);
  ++domain(number).load;
  if (last_asked_.size() <= window * static_cast<std::size_t>(controllers_)) return;
  --domain(last_asked_.front()).load;
  last_asked_.pop_front();
}

/// Where one sub-controller is asked much more often than another, that one gets the domain that evens this
/// out best; a domain that is too large for that is divided.
void TopTree::balance() {
  if (controllers_ == 1 || ++since_balance_ < window / 2) return;
  since_balance_ = 0;
  std::vector<std::size_t> loads(static_cast<std::size_t>(controllers_) + 1);
  for (const Domain& each : domains_)
    if (!each.divided) loads[static_cast<std::size_t>(each.owner)] += each.load;
  const auto most = std::max_element(loads.begin() + 1, loads.end());
  const auto least = std::min_element(loads.begin() + 1, loads.end());
  const std::size_t gap = *most - *least;
  if (gap < window / 2) return;
  std::int32_t fits = -1, largest = -1;
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    const Domain& each = domains_[i];
    if (each.divided || each.dividing || each.owner != most - loads.begin() || each.load == 0) continue;
    const auto number = static_cast<std::int32_t>(i);
    if (each.load <= gap / 2 && (fits < 0 || each.load > domain(fits).load)) fits = number;
    if (each.has_children && (largest < 0 || each.load > domain(largest).load)) largest = number;
  }
  if (fits >= 0) {
    hand_over(fits, static_cast<int>(least - loads.begin()));
  } else if (largest >= 0) {
    divide(largest);
  }
}

void TopTree::hand_over(std::int32_t number, int to) {
  post_(domain(number).owner, GiveDomain{number, to});
  domain(number).owner = to;
  ++handed_over_;
}

/// Its children get numbers now.
void TopTree::divide(std::int32_t number) {
  domain(number).dividing = true;
  const auto first = static_cast<std::int32_t>(domains_.size());
  domains_.resize(domains_.size() + static_cast<std::size_t>(options_.tree.children),
                  Domain{.divided = true});
  post_(domain(number).owner, DivideDomain{number, first});
}

}  // namespace regatta::search
