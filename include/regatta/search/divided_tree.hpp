#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "regatta/search/searcher.hpp"

/// The tree of `ais`, divided: a keeper has the study and the top of the tree, sub-controllers have its
/// subtrees, their results and their models. They talk in messages; neither knows a clock, a rank or a file.
namespace regatta::search {

/// Hands a message to another one of those that share a tree: the keeper is number 0, sub-controllers count
/// from 1. Messages from one to another arrive in their order.
using PostTreeMessage = std::function<void(int to, std::vector<std::byte> message)>;

class TopTree;
class DomainOwner;

/// A proposal of a sub-controller.
struct TreeOffer {
  std::int32_t number = 0;  ///< as it was asked for
  Config config;            ///< empty: there is nothing new where it looked
};

/// Says in which subtree the next trial shall be, by the same score as in one tree, from what the owners of
/// the subtrees have told last; tells them what happens there; and hands subtrees over when some owners are
/// asked more often than others.
class TreeKeeper {
 public:
  /// @param controllers  1 or more; the first one has the whole space to begin with
  TreeKeeper(const SearcherOptions& options, const space::Space& space, int controllers,
             PostTreeMessage post);
  ~TreeKeeper();

  /// Tells owners what has happened since the last call; `history` has only grown.
  void update(const History& history);
  /// Asks a sub-controller for a proposal; take() gives it some time.
  /// @param number  of the proposal, not below initial_trials()
  void ask(const History& history, std::int32_t number);
  /// Takes what sub-controller `from` says; gives its proposal if it is one.
  /// @throws InvalidInput  bytes that are no message
  std::optional<TreeOffer> take(int from, std::span<const std::byte> message);

  /// Trials of the initial design, which need no model.
  int initial_trials() const;
  /// The best result lies at search.max_height.
  bool complete() const;
  /// Subtrees that have an owner.
  std::size_t domains() const;
  /// How often one was handed to another owner.
  std::size_t handed_over() const;

 private:
  int initial_trials_;
  BayesianOptions options_;
  std::unique_ptr<TopTree> top_;
};

/// Has subtrees of the tree: grows them, and makes the proposals there. The same messages in the same order
/// give the same answers.
class SubController {
 public:
  SubController(const SearcherOptions& options, const space::Space& space, PostTreeMessage post);
  ~SubController();

  /// @throws InvalidInput  bytes that are no message
  void take(std::span<const std::byte> message);
  /// Makes one proposal that was asked for; false: there is none to make.
  bool work();
  bool has_work() const;
  /// Tells the keeper how those subtrees stand that have changed.
  void tell();

 private:
  std::unique_ptr<DomainOwner> owner_;
};

}  // namespace regatta::search
