#include "regatta/run/proposals.hpp"

#include <algorithm>
#include <atomic>
#include <deque>

#include "background.hpp"
#include "event_kinds.hpp"

namespace regatta::run {

DirectProposals::DirectProposals(std::unique_ptr<search::Searcher> searcher, bool maximize,
                                 std::span<const search::Event> earlier)
    : searcher_(std::move(searcher)), history_(maximize) {
  observe(earlier);
}

std::optional<Proposal> DirectProposals::take() {
  if (exhausted_) return std::nullopt;
  auto config = searcher_->propose(history_, TrialId{next_}, {});
  exhausted_ = !config;
  if (exhausted_) return std::nullopt;
  return Proposal{std::move(*config), history_.events(), searcher_->promised()};
}

void DirectProposals::observe(std::span<const search::Event> events) {
  for (const search::Event& event : events) {
    history_.record(event);
    next_ += is_proposal(event) ? 1 : 0;
    if (is_result(event) && searcher_->learns()) exhausted_ = false;
  }
}

struct Proposer::Impl : Background {
  Impl(std::unique_ptr<search::Searcher> the_searcher, bool maximize, std::size_t how_many)
      : searcher(std::move(the_searcher)), history(maximize), ahead(how_many) {}

  std::unique_ptr<search::Searcher> searcher;
  search::History history;  ///< of the thread alone
  std::size_t ahead;

  // Guarded by the mutex, but for what is the thread's alone.
  std::deque<Proposal> ready;
  std::vector<search::Event> news;
  std::atomic<bool> exhausted = false;
  std::int32_t next = 0;                      ///< number of the proposal to come; of the thread alone
  std::vector<search::Config> unborn;         ///< proposed, not in the history yet; of the thread alone

  /// New proposals are made when half of the store is empty, so that a busy controller does not wake the thread each time.
  bool hungry() const { return ready.size() * 2 <= ahead && !exhausted && !failure; }

  void fold(const std::vector<search::Event>& events) {
    for (const search::Event& event : events) {
      history.record(event);
      if (is_proposal(event) && !erase_born(unborn, event)) ++next;  // made by an earlier job
    }
  }

  std::optional<Proposal> propose() {
    auto config = searcher->propose(history, TrialId{next}, unborn);
    if (!config) return std::nullopt;
    ++next;
    unborn.push_back(*config);
    return Proposal{std::move(*config), history.events(), searcher->promised()};
  }

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      wanted.wait(lock, [this] { return ending || hungry(); });
      if (ending) return;
      while (ready.size() < ahead && !ending) {
        const std::vector<search::Event> events = std::exchange(news, {});
        lock.unlock();
        fold(events);
        auto proposal = propose();
        lock.lock();
        if (!proposal) {
          exhausted = true;
          break;
        }
        ready.push_back(std::move(*proposal));
      }
    }
  }
};

Proposer::Proposer(std::unique_ptr<search::Searcher> searcher, bool maximize, int ahead,
                   std::span<const search::Event> earlier)
    : impl_(std::make_unique<Impl>(std::move(searcher), maximize, static_cast<std::size_t>(std::max(1, ahead)))) {
  impl_->news.assign(earlier.begin(), earlier.end());
  impl_->start([impl = impl_.get()] { impl->run(); });
}

Proposer::~Proposer() { impl_->end(); }

std::optional<Proposal> Proposer::take() {
  std::unique_lock lock(impl_->mutex);
  if (impl_->failure) std::rethrow_exception(impl_->failure);
  if (impl_->ready.empty()) return std::nullopt;
  Proposal proposal = std::move(impl_->ready.front());
  impl_->ready.pop_front();
  const bool hungry = impl_->hungry();
  lock.unlock();
  if (hungry) impl_->wanted.notify_one();
  return proposal;
}

bool Proposer::exhausted() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->exhausted && impl_->ready.empty();
}

void Proposer::observe(std::span<const search::Event> events) {
  const std::lock_guard lock(impl_->mutex);
  impl_->news.insert(impl_->news.end(), events.begin(), events.end());
}

}  // namespace regatta::run
