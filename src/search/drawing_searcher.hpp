#pragma once

#include <optional>

#include "enumeration.hpp"
#include "regatta/search/searcher.hpp"

namespace regatta::search {

/// What searchers have in common that draw their points: constraints are met by rejection, and a
/// configuration that was tried before gives way to one that was not, as long as the space has one.
class DrawingSearcher : public Searcher {
 public:
  DrawingSearcher(const SearcherOptions& options, space::Space space);

  /// Repeats configurations once the space is exhausted.
  /// @throws SystemFailure  when no feasible configuration is found
  std::optional<Config> propose(const History& history, TrialId trial,
                                const std::vector<Config>& avoid) override;

 protected:
  /// The feasible configuration of this trial's own point, seen before or not; none when constraints reject
  /// too many.
  /// @param random  the trial's own stream, which later draws go on with
  virtual std::optional<Config> own_point(TrialId trial, Random& random) = 0;

  const space::Space& space() const { return space_; }
  std::uint64_t seed() const { return seed_; }
  /// How many infeasible points in a row are drawn before giving up.
  std::uint64_t rejection_limit() const;
  /// A feasible configuration of random points, or none after `limit` infeasible ones.
  std::optional<Config> random_config(Random& random, std::uint64_t limit);

 private:
  struct Seen;
  std::optional<Config> redraw(const Seen& seen, Random& random);
  std::optional<Config> walk(const Seen& seen, Random& random);
  Config random_start(Random& random);
  [[noreturn]] void throw_infeasible() const;

  space::Space space_;
  std::uint64_t seed_;
  space::UnitPoint unit_;                      ///< scratch
  std::optional<Enumeration> enumeration_;     ///< of a space that is small enough to be walked through
  std::optional<std::size_t> feasible_count_;  ///< configurations that meet the constraints, once counted
};

}  // namespace regatta::search
