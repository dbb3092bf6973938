#include "virtual_sub_controllers.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "cpu_time.hpp"

namespace regatta::run {

VirtualSubControllers::VirtualSubControllers(const search::SearcherOptions& options,
                                             const space::Space& space, int count, bool charged)
    : members_(static_cast<std::size_t>(count)), charged_(charged) {
  for (int number = 1; number <= count; ++number)
    member(number).controller =
        std::make_unique<search::SubController>(options, space, [this, number](int to, Bytes message) {
          written_.push_back({number, to, std::move(message)});
        });
}

double VirtualSubControllers::next() const {
  double next = letters_.empty() ? HUGE_VAL : letters_.begin()->first;
  for (const Member& each : members_)
    if (each.waits()) next = std::min(next, each.free_at);
  return next;
}

void VirtualSubControllers::pass_until(double now, const Receive& receive) {
  while (next() <= now) {
    while (!letters_.empty() && letters_.begin()->first <= now) {
      Letter letter = std::move(letters_.begin()->second);
      letters_.erase(letters_.begin());
      if (letter.to == 0) {
        receive(letter.from, letter.message);
      } else {
        post(letter.to, std::move(letter.message));
      }
    }
    for (int number = 1; number <= static_cast<int>(members_.size()); ++number)
      if (member(number).waits() && member(number).free_at <= now) take_turn(number, now);
  }
}

/// Reads all its messages and makes at most one proposal.
void VirtualSubControllers::take_turn(int number, double now) {
  Member& own = member(number);
  const double before = cpu_seconds();
  for (const Bytes& message : std::exchange(own.inbox, {})) own.controller->take(message);
  if (own.controller->work()) ++proposals_;
  own.controller->tell();
  const double taken = cpu_seconds() - before;
  seconds_ += taken;
  longest_ = std::max(longest_, taken);
  own.free_at = std::max(own.free_at, now) + (charged_ ? taken : 0);
  for (Letter& letter : std::exchange(written_, {})) letters_.emplace(own.free_at, std::move(letter));
}

}  // namespace regatta::run
