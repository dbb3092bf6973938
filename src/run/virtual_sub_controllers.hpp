#pragma once

#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "regatta/search/divided_tree.hpp"

namespace regatta::run {

/// Sub-controllers of a divided tree in virtual time: each works on one proposal after another, and what it
/// says leaves it when it is done.
class VirtualSubControllers {
 public:
  using Bytes = std::vector<std::byte>;
  using Receive = std::function<void(int from, std::span<const std::byte> message)>;

  /// @param charged  their CPU time passes in virtual time; else they take none
  VirtualSubControllers(const search::SearcherOptions& options, const space::Space& space, int count,
                        bool charged);

  /// A message to one of them, from 1 on.
  void post(int to, Bytes message) { member(to).inbox.push_back(std::move(message)); }
  /// When something happens next [s]; infinite: nothing does unless a message comes.
  double next() const;
  /// Lets time pass until `now`; the keeper receives what is said to it until then.
  void pass_until(double now, const Receive& receive);

  std::size_t proposals() const { return proposals_; }
  double seconds() const { return seconds_; }          ///< CPU time of all [s]
  double longest_seconds() const { return longest_; }  ///< of a turn [s]

 private:
  struct Member {
    std::unique_ptr<search::SubController> controller;
    std::deque<Bytes> inbox;
    double free_at = 0;
    bool waits() const { return !inbox.empty() || controller->has_work(); }
  };
  struct Letter {
    int from, to;
    Bytes message;
  };

  Member& member(int number) { return members_[static_cast<std::size_t>(number - 1)]; }
  void take_turn(int number, double now);

  std::vector<Member> members_;
  bool charged_;
  std::vector<Letter> written_;            ///< in the turn that is being taken
  std::multimap<double, Letter> letters_;  ///< by the time when they arrive
  std::size_t proposals_ = 0;
  double seconds_ = 0, longest_ = 0;
};

}  // namespace regatta::run
