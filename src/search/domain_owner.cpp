#include "domain_owner.hpp"

#include <type_traits>
#include <utility>

namespace regatta::search {

DomainOwner::DomainOwner(const SearcherOptions& options, const space::Space& space, PostMessage post)
    : space_(space), options_(options), post_(std::move(post)) {}

void DomainOwner::take(TreeMessage message) {
  std::visit([this](auto& content) { on(std::move(content)); }, message);
}

bool DomainOwner::work() {
  if (asked_.empty()) return false;
  const AskDomain ask = asked_.front();
  asked_.pop_front();
  answer(ask);
  return true;
}

void DomainOwner::tell() {
  for (const std::int32_t number : std::exchange(changed_, {}))
    if (const auto found = domains_.find(number); found != domains_.end())
      post_(0, DomainSummary{number, found->second.tree().summary()});
}

std::int32_t DomainOwner::now(std::int32_t number, const Config* config) const {
  for (auto found = divided_.find(number); found != divided_.end(); found = divided_.find(number)) {
    const auto& [first, split] = found->second;
    number = first;
    if (config) {
      number += static_cast<std::int32_t>(split.child(place_of(space_, *config)));
      continue;
    }
    const auto value = [&](std::int32_t child) {
      const auto domain = domains_.find(child);
      return domain == domains_.end() ? HUGE_VAL : domain->second.tree().nodes().front().value;
    };
    for (std::size_t c = 1; c < split.children(); ++c)
      if (const std::int32_t child = first + static_cast<std::int32_t>(c); value(child) < value(number))
        number = child;
  }
  return number;
}

void DomainOwner::keep_for(std::int32_t domain, TreeMessage message) {
  early_[domain].push_back(std::move(message));
}

void DomainOwner::on(Observation observation) {
  const bool outside = observation.kind == Observation::Kind::Outside;
  if (outside && divided_.contains(observation.domain)) return;  // its parts know some already
  const std::int32_t number = now(observation.domain, &observation.config);
  const auto domain = domains_.find(number);
  if (domain == domains_.end()) return keep_for(number, std::move(observation));
  domain->second.take(observation);
  changed_.insert(number);
}

void DomainOwner::on(Scale scale) {
  scale_ = std::move(scale.losses);
  for (auto& [number, domain] : domains_) {
    domain.scale(scale_);
    changed_.insert(number);
  }
}

void DomainOwner::on(AllLosses all) {
  for (auto& [number, domain] : domains_) {
    domain.take(all);
    changed_.insert(number);
  }
}

void DomainOwner::on(AskDomain ask) {
  const std::int32_t number = now(ask.domain, nullptr);
  if (!domains_.contains(number)) return keep_for(number, ask);
  asked_.push_back(ask);
}

void DomainOwner::answer(const AskDomain& ask) {
  const std::int32_t number = now(ask.domain, nullptr);
  auto config = domains_.at(number).propose(TrialId{ask.number}, ask.rule);
  post_(0, Offer{number, ask.number, config ? std::move(*config) : Config{}});
  changed_.insert(number);
}

void DomainOwner::on(DivideDomain divide) {
  const auto domain = domains_.find(divide.domain);
  if (domain == domains_.end()) return keep_for(divide.domain, divide);
  const Split split = domain->second.split();
  std::vector<Subtree> children = domain->second.children(divide.first);
  domains_.erase(domain);
  divided_[divide.domain] = {divide.first, split};
  post_(0, DomainChildren{divide.domain, divide.first, split});
  for (Subtree& child : children) on(std::move(child));
}

/// What was asked there is answered here.
void DomainOwner::on(GiveDomain give) {
  const auto domain = domains_.find(give.domain);
  if (domain == domains_.end()) return keep_for(give.domain, give);
  for (const AskDomain& ask : std::exchange(asked_, {})) {
    if (now(ask.domain, nullptr) == give.domain) {
      answer(ask);
    } else {
      asked_.push_back(ask);
    }
  }
  post_(give.to, domain->second.content());
  domains_.erase(domain);
}

void DomainOwner::on(Subtree subtree) {
  const std::int32_t number = subtree.domain;
  domains_.try_emplace(number, options_, space_, std::move(subtree), scale_);
  changed_.insert(number);
  for (TreeMessage& message : std::exchange(early_[number], {})) take(std::move(message));
  early_.erase(number);
}

}  // namespace regatta::search
