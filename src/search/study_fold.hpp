#pragma once

#include <cstdint>
#include <vector>

#include "epoch_offsets.hpp"
#include "observed_tree.hpp"
#include "regatta/search/history.hpp"

namespace regatta::search {

/// Tells a tree what has happened in a study, so that the tree is a function of the outcomes in their order
/// and of what runs now, whenever it was told before.
///
/// A trial is a result from its first pause on, with its latest loss; while it runs, or goes on, it is a
/// running trial, whose reports are known, too. Losses of all epochs are made comparable by EpochOffsets.
/// Failed trials count with the worst loss before them; cancelled and lost ones do not count.
class StudyFold {
 public:
  /// Whether `history` has what was told.
  bool goes_on(const History& history) const;
  /// Tells what has begun, reported, paused and ended since the last call: O(log n) each, but for the losses
  /// of all, which change at numbers of outcomes that grow geometrically.
  void tell(const History& history, ObservedTree& tree);

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  static constexpr double offsets_growth = 0.25;  ///< outcomes since falls were measured, as a part of all
  static constexpr double largest_loss = 1e150;   ///< squares stay finite

  struct Told {
    TrialId trial;
    double value;
    std::int32_t epoch;
    std::uint64_t config;  ///< its hash
  };
  struct Known {
    std::size_t result = none;
    std::size_t reports = 0;  ///< of all trials, until its last outcome
    bool has_ended = false;   ///< or paused
    bool runs = false;
    Config config;  ///< with which it began to run
  };
  struct Result {
    double loss;  ///< as it is
    std::int32_t epoch;
    bool failed;
  };

  void take(const History& history, const Outcome& outcome, ObservedTree& tree);
  void take(const History& history, const CurvePoint& report, ObservedTree& tree);
  void begin(const Trial& trial, ObservedTree& tree);
  double aligned(double loss, std::int32_t epoch);
  void align_all(ObservedTree& tree);

  std::vector<Told> told_;     ///< outcomes
  std::vector<Known> trials_;  ///< those that have begun
  std::vector<Result> results_;
  std::vector<double> losses_;  ///< by result, as the tree knows them
  double worst_ = -largest_loss;
  EpochOffsets offsets_{offsets_growth};
  std::size_t reports_ = 0;  ///< told
};

}  // namespace regatta::search
