#include "divided_proposals.hpp"

#include <algorithm>

#include "event_kinds.hpp"

namespace regatta::run {
namespace {

constexpr std::size_t workers_per_proposal_ahead = 128;
constexpr std::size_t least_ends = 128;
constexpr double patience = 0.02;  // part of the trials that may end while a proposal is waited for
constexpr std::size_t least_outcomes = 2;  // before them no sub-controller has anything to say

search::SearcherOptions design_of(const search::SearcherOptions& options) {
  search::SearcherOptions design = options;
  design.algorithm = options.bayesian.initial_design == "random" ? "random" : "sobol";
  return design;
}

}  // namespace

int sub_controllers(const StudyPlan& plan) {
  const search::SearcherOptions& searcher = plan.searcher;
  const bool divides = searcher.algorithm == "ais" && searcher.plugin.empty() && searcher.listed.empty();
  return divides ? searcher.tree.controllers : 0;
}

DividedProposals::DividedProposals(const StudyPlan& plan, std::size_t workers, search::PostTreeMessage post,
                                   std::span<const search::Event> earlier)
    : design_(search::make_searcher(design_of(plan.searcher), plan.space)),
      history_(plan.controller.maximize),
      keeper_(plan.searcher, plan.space, sub_controllers(plan), std::move(post)),
      ahead_(plan.ahead > 0 ? static_cast<std::size_t>(plan.ahead)
                            : std::max<std::size_t>(1, workers / workers_per_proposal_ahead)) {
  observe(earlier);
}

std::optional<Proposal> DividedProposals::take() {
  if (keeper_.complete()) end("the tree has reached search.max_height");
  while (exhausted_reason_.empty() && asked_.size() + ready_.size() < ahead_) ask();
  if (exhausted_reason_.empty() && ready_.empty() && late()) fill_in(next_++);
  if (ready_.empty()) return std::nullopt;
  Proposal proposal = std::move(ready_.front());
  ready_.pop_front();
  unborn_.push_back(proposal.config);
  return proposal;
}

void DividedProposals::ask() {
  const std::int32_t number = next_++;
  if (number < keeper_.initial_trials() || history_.outcomes().size() < least_outcomes)
    return fill_in(number);
  asked_[number] = history_.outcomes().size();
  keeper_.ask(history_, number);
}

/// So many trials have ended since the oldest proposal was asked for that their workers stand still.
bool DividedProposals::late() const {
  if (asked_.empty()) return false;
  const auto ended = static_cast<double>(history_.outcomes().size() - asked_.begin()->second);
  const auto running = static_cast<double>(history_.unfinished().size());
  return ended > std::max(static_cast<double>(least_ends), patience * running);
}

void DividedProposals::receive(int from, std::span<const std::byte> message) {
  const auto offer = keeper_.take(from, message);
  if (!offer) return;
  asked_.erase(offer->number);
  if (offer->config.empty() || tried(offer->config)) return fill_in(offer->number);
  ready_.push_back({offer->config, history_.events()});
}

bool DividedProposals::tried(const search::Config& config) const {
  return history_.contains(config) || search::holds(unborn_, config) ||
         std::ranges::any_of(ready_,
                             [&](const Proposal& each) { return search::same_config(each.config, config); });
}

/// A proposal of the initial design.
void DividedProposals::fill_in(std::int32_t number) {
  std::vector<search::Config> avoid = unborn_;
  for (const Proposal& proposal : ready_) avoid.push_back(proposal.config);
  if (auto config = design_->propose(history_, TrialId{number}, avoid))
    ready_.push_back({std::move(*config), history_.events()});
  else
    end(design_->exhausted_reason());
}

void DividedProposals::end(std::string reason) {
  exhausted_reason_ = std::move(reason);
  ready_.clear();
}

void DividedProposals::observe(std::span<const search::Event> events) {
  for (const search::Event& event : events) {
    history_.record(event);
    if (is_proposal(event) && !erase_born(unborn_, event)) ++next_;  // made by an earlier job
  }
  keeper_.update(history_);
}

}  // namespace regatta::run
