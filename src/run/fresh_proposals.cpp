#include "regatta/run/fresh_proposals.hpp"

#include <algorithm>
#include <deque>
#include <set>

#include "background.hpp"
#include "event_kinds.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::run {
namespace {

using search::Config;

constexpr double patience_share = 0.003;    // of the mean trial
constexpr double longest_patience = 1;      // [s]
constexpr double patience_at_first = 0.02;  // [s]

}  // namespace

/// The searcher and the history belong to the thread; what else it shares with the controller is guarded by
/// the mutex. While there is a task, the searcher is asked without the lock, and nobody changes the history
/// or the task's list to avoid.
struct FreshProposals::Impl : Background {
  struct Item {
    std::int32_t number = 0;
    Proposal proposal;
    std::optional<double> outdated_at;  ///< when the first result arrived that it does not know
  };
  /// A proposal that is being made.
  struct Task {
    std::int32_t number = 0;
    bool anew = false;  ///< in the place of an outdated one
    double begun = 0;
    std::vector<Config> avoid;
    std::vector<Config> filled_in;      ///< proposed by the filler since
    std::optional<double> outdated_at;  ///< as of an item
  };

  Impl(std::unique_ptr<search::Searcher> the_searcher, std::unique_ptr<search::Searcher> the_filler,
       const FreshOptions& the_options)
      : searcher(std::move(the_searcher)),
        filler(std::move(the_filler)),
        options(the_options),
        ahead(static_cast<std::size_t>(std::max(1, options.ahead))),
        history(options.maximize) {}

  std::unique_ptr<search::Searcher> searcher, filler;
  FreshOptions options;
  std::size_t ahead;
  Stopwatch clock;
  search::History history;

  // Guarded by the mutex.
  std::deque<Item> ready;
  std::optional<Task> task;
  std::vector<search::Event> news;
  std::vector<Config> unborn;           ///< taken, but not in the history or the news yet
  std::int32_t next = 0;                ///< lowest number that was never given away
  std::set<std::int32_t> given_back;    ///< numbers below it that are free again
  std::optional<double> waiting_since;  ///< when take() first had nothing to give
  double patience = patience_at_first;
  double proposal_seconds = 0;  ///< that one takes, moving average
  std::string message;
  bool complained = false;
  std::string exhausted_reason;  ///< empty: there is more

  // By the controller.

  std::optional<Proposal> hand_out() {
    if (patience_left() > 0) return std::nullopt;
    Proposal proposal = std::move(ready.front().proposal);
    ready.pop_front();
    return proposal;
  }

  /// A proposal of the filler, where the searcher takes too long.
  std::optional<Proposal> fill_in() {
    if (!task || clock.seconds() - task->begun < options.time_limit) return std::nullopt;
    std::vector<Config> avoid = unborn;
    for (const search::Event& event : news)
      if (const auto* created = std::get_if<search::TrialCreated>(&event)) avoid.push_back(created->config);
    const std::int32_t number = reserve();
    auto config = filler->propose(history, TrialId{number}, avoid);
    if (!config || history.contains(*config) || search::holds(avoid, *config)) {
      given_back.insert(number);
      return std::nullopt;
    }
    complain();
    task->filled_in.push_back(*config);
    return Proposal{std::move(*config), history.events(), {}, Making{number, {}, true}};
  }

  void complain() {
    if (std::exchange(complained, true)) return;
    message = concat("search: a proposal took longer than ", format_duration(options.time_limit),
                     "; meanwhile free slots get simpler ones (search.time_limit)");
  }

  void observe(const search::Event& event) {
    news.push_back(event);
    if (is_proposal(event)) {
      erase_born(unborn, event);
    } else if (is_result(event)) {
      outdate();
    }
  }

  void outdate() {
    const double now = clock.seconds();
    for (Item& item : ready)
      if (!item.outdated_at) item.outdated_at = now;
    if (task && !task->outdated_at) task->outdated_at = now;
    exhausted_reason.clear();
  }

  // By either.

  /// How long the front is held back still; 0 for one that is up to date.
  double patience_left() const {
    const auto& outdated_at = ready.front().outdated_at;
    const double now = clock.seconds();
    return outdated_at ? std::max(0.0, patience - now + std::min(*outdated_at, waiting_since.value_or(now)))
                       : 0;
  }

  std::int32_t reserve() {
    if (given_back.empty()) return next++;
    return given_back.extract(given_back.begin()).value();
  }

  /// Takes back what lies ready from `first` on.
  void drop_from(std::deque<Item>::iterator first) {
    for (auto item = first; item != ready.end(); ++item) given_back.insert(item->number);
    ready.erase(first, ready.end());
  }

  // By the thread.

  std::deque<Item>::iterator first_outdated(std::ptrdiff_t from = 0) {
    return std::find_if(ready.begin() + from, ready.end(),
                        [](const Item& item) { return item.outdated_at.has_value(); });
  }

  bool hungry() {
    return exhausted_reason.empty() && (ready.size() < ahead || first_outdated() != ready.end());
  }

  /// What to make anew, or the end for one more. The front would be in vain when a slot takes it before the
  /// new one is made.
  std::deque<Item>::iterator most_urgent() {
    const auto first = first_outdated();
    const bool in_vain =
        waiting_since && !ready.empty() && first == ready.begin() && patience_left() < proposal_seconds;
    if (!in_vain) return first;
    const auto second = first_outdated(1);
    return second != ready.end() || ready.size() <= ahead ? second : first;
  }

  void fold_news(std::unique_lock<std::mutex>& lock) {
    while (!news.empty()) {
      const std::vector<search::Event> events = std::exchange(news, {});
      lock.unlock();
      for (const search::Event& event : events) history.record(event);
      lock.lock();
    }
  }

  void begin_task() {
    // A proposal that the controller has dropped, since the user's trial came first, is never born.
    std::erase_if(unborn, [this](const Config& config) { return history.contains(config); });
    task.emplace();
    task->avoid = unborn;
    const auto outdated = most_urgent();
    task->anew = outdated != ready.end();
    task->number = task->anew ? outdated->number : reserve();
    for (auto item = ready.begin(); item != outdated; ++item) task->avoid.push_back(item->proposal.config);
    task->begun = clock.seconds();
  }

  void end_task(std::optional<Config> config) {
    const Task done = *std::exchange(task, std::nullopt);
    const double seconds = clock.seconds() - done.begun;
    proposal_seconds = proposal_seconds > 0 ? 0.8 * proposal_seconds + 0.2 * seconds : seconds;
    const auto place = std::ranges::find(ready, done.number, &Item::number);
    if (!config) {
      give_up(done, place);
    } else if (!done.anew && search::holds(done.filled_in, *config)) {
      given_back.insert(done.number);
    } else if (!done.anew || place != ready.end()) {  // else the outdated one was taken
      put(Item{done.number,
               Proposal{std::move(*config), history.events(), searcher->promised(),
                        Making{done.number, done.avoid}},
               done.outdated_at},
          place);
    }
  }

  void give_up(const Task& done, std::deque<Item>::iterator place) {
    if (!done.anew) given_back.insert(done.number);
    drop_from(place);
    if (!done.outdated_at) exhausted_reason = searcher->exhausted_reason();
  }

  void put(Item item, std::deque<Item>::iterator place) {
    if (place == ready.end()) {
      ready.push_back(std::move(item));
      return;
    }
    *place = std::move(item);
    drop_from(std::find_if(place + 1, ready.end(), [&](const Item& other) {
      return search::same_config(other.proposal.config, place->proposal.config);
    }));
  }

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      wanted.wait(lock, [this] { return ending || hungry(); });
      if (ending) return;
      fold_news(lock);
      begin_task();
      lock.unlock();
      auto config = searcher->propose(history, TrialId{task->number}, task->avoid);
      lock.lock();
      end_task(std::move(config));
    }
  }
};

FreshProposals::FreshProposals(std::unique_ptr<search::Searcher> searcher,
                               std::unique_ptr<search::Searcher> filler, const FreshOptions& options,
                               std::span<const search::Event> earlier)
    : impl_(std::make_unique<Impl>(std::move(searcher), std::move(filler), options)) {
  impl_->news.assign(earlier.begin(), earlier.end());
  impl_->next = static_cast<std::int32_t>(std::ranges::count_if(earlier, is_proposal));
  impl_->start([impl = impl_.get()] { impl->run(); });
}

FreshProposals::~FreshProposals() { impl_->end(); }

std::optional<Proposal> FreshProposals::take() {
  std::unique_lock lock(impl_->mutex);
  if (impl_->failure) std::rethrow_exception(impl_->failure);
  auto proposal = impl_->ready.empty() ? impl_->fill_in() : impl_->hand_out();
  if (!proposal) {
    if (!impl_->waiting_since) impl_->waiting_since = impl_->clock.seconds();
    return std::nullopt;
  }
  impl_->waiting_since.reset();
  impl_->unborn.push_back(proposal->config);
  lock.unlock();
  impl_->wanted.notify_one();
  return proposal;
}

bool FreshProposals::exhausted() const {
  const std::lock_guard lock(impl_->mutex);
  return !impl_->exhausted_reason.empty() && impl_->ready.empty();
}

std::string FreshProposals::exhausted_reason() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->exhausted_reason;
}

void FreshProposals::observe(std::span<const search::Event> events) {
  {
    const std::lock_guard lock(impl_->mutex);
    for (const search::Event& event : events) impl_->observe(event);
  }
  impl_->wanted.notify_one();
}

void FreshProposals::pace(double trial_seconds) {
  const std::lock_guard lock(impl_->mutex);
  impl_->patience = std::min(patience_share * trial_seconds, longest_patience);
}

std::string FreshProposals::take_message() {
  const std::lock_guard lock(impl_->mutex);
  return std::exchange(impl_->message, {});
}

}  // namespace regatta::run
