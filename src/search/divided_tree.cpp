#include "regatta/search/divided_tree.hpp"

#include "bayesian_searcher.hpp"
#include "top_tree.hpp"

namespace regatta::search {
namespace {

PostMessage encoded(PostTreeMessage post) {
  return [post = std::move(post)](int to, TreeMessage message) { post(to, encode(std::move(message))); };
}

}  // namespace

TreeKeeper::TreeKeeper(const SearcherOptions& options, const space::Space& space, int controllers,
                       PostTreeMessage post)
    : initial_trials_(search::initial_trials(options.bayesian, space)),
      options_(options.bayesian),
      top_(std::make_unique<TopTree>(options, space, controllers, encoded(std::move(post)))) {
  options_.initial_trials = initial_trials_;
}

TreeKeeper::~TreeKeeper() = default;

void TreeKeeper::update(const History& history) { top_->update(history); }

void TreeKeeper::ask(const History& history, std::int32_t number) {
  top_->ask(number, rule_of(options_, history, number));
}

std::optional<TreeOffer> TreeKeeper::take(int from, std::span<const std::byte> message) {
  auto offer = top_->take(from, decode_tree_message(message));
  if (!offer) return std::nullopt;
  return TreeOffer{offer->number, std::move(offer->config)};
}

int TreeKeeper::initial_trials() const { return initial_trials_; }
bool TreeKeeper::complete() const { return top_->complete(); }
std::size_t TreeKeeper::domains() const { return top_->domains(); }
std::size_t TreeKeeper::handed_over() const { return top_->handed_over(); }

SubController::SubController(const SearcherOptions& options, const space::Space& space, PostTreeMessage post)
    : owner_(std::make_unique<DomainOwner>(options, space, encoded(std::move(post)))) {}

SubController::~SubController() = default;

void SubController::take(std::span<const std::byte> message) { owner_->take(decode_tree_message(message)); }
bool SubController::work() { return owner_->work(); }
bool SubController::has_work() const { return owner_->has_work(); }
void SubController::tell() { owner_->tell(); }

}  // namespace regatta::search
