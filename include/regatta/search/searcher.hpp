#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "regatta/core/random.hpp"
#include "regatta/search/bayesian_options.hpp"
#include "regatta/search/history.hpp"
#include "regatta/search/tree_options.hpp"
#include "regatta/space/space.hpp"

namespace regatta::search {

/// Decides which configuration to try next.
///
/// A searcher is a function of the history, the run's seed and the number of the trial to come: it knows no
/// clock, no rank and no file, and keeps nothing but caches. The same history and the same seed therefore
/// always give the same proposal.
class Searcher {
 public:
  virtual ~Searcher() = default;

  /// @param history  all trials, those still running among them
  /// @param trial    number of the trial to come; history.trials().size() or more (proposals are made ahead)
  /// @param avoid    proposals made ahead that are not in the history yet
  /// @return a feasible configuration that differs from all of `history` and `avoid` unless the space is
  ///         exhausted; none when there is nothing left to try (the study then ends)
  virtual std::optional<Config> propose(const History& history, TrialId trial,
                                        const std::vector<Config>& avoid) = 0;

  /// Whether proposals depend on results.
  virtual bool learns() const { return false; }
  /// Expected gain of the last proposal over the incumbent, in the unit of the objective; none where the
  /// searcher does not know.
  virtual std::optional<double> promised() const { return std::nullopt; }
  /// Why the last call of propose() gave none.
  virtual std::string exhausted_reason() const { return "every configuration tried"; }
};

struct SearcherOptions {
  std::string algorithm = "sobol";
  std::filesystem::path plugin =
      {};  ///< shared library with a searcher of the user's own, in place of `algorithm`
  std::uint64_t seed = 0;
  int grid_points = 5;  ///< points per continuous or long integer axis for `grid`
  BayesianOptions bayesian = {};  ///< of `bo` and `ais`
  TreeOptions tree = {};          ///< of `ais`
  std::vector<Config> listed = {};  ///< nothing else is proposed; empty: the whole space
  double min_gain = 0;  ///< bo: ends the study when the best proposal promises less [unit of the objective]
};

/// Names of all searchers, the first is the default.
const std::vector<std::string>& searcher_names();

/// What a plugin exports under the name regatta_make_searcher, with C linkage; the caller owns the searcher.
/// Built against the headers of the same version of Regatta.
using SearcherFactory = Searcher*(const SearcherOptions& options, const space::Space& space);

/// @throws InvalidInput  unknown algorithm, a plugin that cannot be loaded, or an algorithm that cannot
/// search this space
std::unique_ptr<Searcher> make_searcher(const SearcherOptions& options, const space::Space& space);

}  // namespace regatta::search
