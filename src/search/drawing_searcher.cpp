#include "drawing_searcher.hpp"

#include <algorithm>

#include "regatta/core/error.hpp"

namespace regatta::search {
namespace {

constexpr std::uint64_t trial_streams = 0x7472;  // keeps these streams apart from others of the same seed
constexpr double walkable_cardinality = 1e7;
constexpr int redraws = 32;
const std::vector<Config> no_configs;

std::optional<Enumeration> enumeration_of(const space::Space& space) {
  const auto cardinality = space.cardinality();
  if (!cardinality || *cardinality > walkable_cardinality) return {};
  std::vector<Axis> axes;
  for (const space::Parameter& parameter : space.parameters()) axes.push_back(Axis::all(parameter));
  return Enumeration(space, std::move(axes));
}

}  // namespace

/// The configurations that need not be tried again.
struct DrawingSearcher::Seen {
  const History& history;
  const std::vector<Config>& avoid;

  bool contains(const Config& config) const { return holds(avoid, config) || history.contains(config); }

  /// Number of different configurations.
  std::size_t size() const {
    std::vector<Config> fresh;
    for (const Config& config : avoid) {
      if (!holds(fresh, config) && !history.contains(config)) fresh.push_back(config);
    }
    return history.distinct() + fresh.size();
  }
};

DrawingSearcher::DrawingSearcher(const SearcherOptions& options, space::Space space)
    : space_(std::move(space)),
      seed_(options.seed),
      unit_(space_.size()),
      enumeration_(enumeration_of(space_)) {}

std::optional<Config> DrawingSearcher::propose(const History& history, TrialId trial,
                                               const std::vector<Config>& avoid) {
  Random random(derive_seed(seed_, trial_streams), static_cast<std::uint64_t>(trial.value));
  const Seen seen{history, avoid};
  std::optional<Config> own = own_point(trial, random);
  if (own && !seen.contains(*own)) return own;
  if (!own && !enumeration_) throw_infeasible();
  const bool exhausted = feasible_count_ && history.distinct() + avoid.size() >= *feasible_count_ &&
                         seen.size() >= *feasible_count_;
  if (!exhausted) {
    if (auto other = redraw(seen, random)) return other;
    if (auto other = walk(seen, random)) return other;
  }
  if (own) return own;
  const History nothing;
  auto any = walk(Seen{nothing, no_configs}, random);
  if (!any) throw_infeasible();
  return any;
}

void DrawingSearcher::throw_infeasible() const {
  throw SystemFailure(concat("no configuration that meets the constraints was found in ", rejection_limit(),
                             " points in a row: make the constraints wider or the ranges narrower"));
}

std::uint64_t DrawingSearcher::rejection_limit() const { return enumeration_ ? 10'000 : 1'000'000; }

std::optional<Config> DrawingSearcher::random_config(Random& random, std::uint64_t limit) {
  for (std::uint64_t tries = 0; tries < limit; ++tries) {
    Config config = random_start(random);
    if (space_.feasible(config)) return config;
  }
  return {};
}

Config DrawingSearcher::random_start(Random& random) {
  for (double& coordinate : unit_) coordinate = random.uniform();
  return space_.decode(unit_);
}

std::optional<Config> DrawingSearcher::redraw(const Seen& seen, Random& random) {
  for (int tries = 0; tries < redraws; ++tries) {
    // Where the space can be walked through, that is cheaper than waiting for a rare feasible point.
    auto config = random_config(random, enumeration_ ? 100 : rejection_limit());
    if (!config) return {};
    if (!seen.contains(*config)) return config;
  }
  return {};
}

/// The next configuration in the order of enumeration, from a random one on, that is feasible and not seen.
std::optional<Config> DrawingSearcher::walk(const Seen& seen, Random& random) {
  if (!enumeration_) return {};
  enumeration_->seek(random_start(random));
  const Config start = enumeration_->config();
  std::size_t feasible = 0;
  do {
    const Config& config = enumeration_->config();
    if (space_.feasible(config)) {
      ++feasible;
      if (!seen.contains(config)) return config;
    }
    enumeration_->advance();
  } while (!same_config(enumeration_->config(), start));
  feasible_count_ = feasible;
  return {};
}

}  // namespace regatta::search
