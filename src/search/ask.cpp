#include "ask.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "order.hpp"
#include "trust_region.hpp"

namespace regatta::search {
namespace {

using device::Block;

constexpr std::size_t centres_at_most = 4;
constexpr int many_iterations = 50, few_iterations = 12;  // of a refinement; few where each is dear
constexpr std::size_t believed_centres = 2;               // beside them, drawn from the user's prior
constexpr std::size_t most_valleys = 4;
constexpr int scouts = 512;  // points from which one is drawn to find a new valley
constexpr std::size_t best_scouts = 20;
constexpr double unknown = 0.5;  // part of the variance that is left where little is known
constexpr double least_optimism = 0.5, more_optimism = 1.5;  // standard deviations
constexpr int valley_iterations = 30;
constexpr SearchEffort valley_effort{.raw_samples = 256, .near_samples = 64, .restarts = 5};

/// Configurations and their features at rows of unit points.
struct Candidates {
  Candidates(const Landscape& landscape, const std::vector<double>& units)
      : columns(landscape.embedding().features()) {
    const std::size_t p = landscape.space().size(), count = units.size() / p;
    features.resize(count * columns);
    for (std::size_t i = 0; i < count; ++i) {
      configs.push_back(landscape.space().decode({units.data() + i * p, p}));
      landscape.embedding().embed(configs.back(), {features.data() + i * columns, columns});
    }
  }
  Block<const double> block() const { return {features.data(), configs.size(), columns, columns}; }
  std::span<const double> row(std::size_t i) const { return {features.data() + i * columns, columns}; }

  std::size_t columns;
  std::vector<Config> configs;
  std::vector<double> features;
};

}  // namespace

space::UnitPoint believed_unit(const space::Space& space, const UserPrior& prior, Random& random) {
  space::UnitPoint unit(space.size());
  for (double& coordinate : unit) coordinate = random.uniform();
  prior.transform(unit);
  return unit;
}

Ask::Ask(const Surrogate& surrogate, Landscape& landscape, Setting setting, Random& random)
    : surrogate_(surrogate),
      landscape_(landscape),
      space_(landscape.space()),
      model_(landscape.model()),
      setting_(std::move(setting)),
      random_(random),
      valleys_(surrogate, model_),
      effort_{.raw_samples = setting_.options->raw_samples,
              .restarts = setting_.options->restarts,
              .iterations = landscape.dear() ? few_iterations : many_iterations} {
  if (setting_.place) effort_ = setting_.place->effort;
}

std::optional<Config> Ask::maximise() {
  const auto minima = this->minima();
  if (setting_.restless && exhausted(minima)) {
    std::optional<Config> elsewhere = setting_.scouting ? scout() : other_valley();
    if (!elsewhere) elsewhere = scout();
    if (elsewhere) return elsewhere;
  }
  return first_allowed(setting_.favour ? favoured(minima) : minima);
}

/// The same minima in the order of their values after the favour.
std::vector<Minimum> Ask::favoured(std::vector<Minimum> minima) const {
  for (Minimum& minimum : minima) minimum.value -= setting_.favour(minimum.point);
  std::ranges::stable_sort(minima, {}, &Minimum::value);
  return minima;
}

/// A draw of the latent function at the candidates: mean + L z with L L^T their covariance.
std::optional<Config> Ask::sample() {
  const Candidates candidates(landscape_,
                              draw_candidates(landscape_, regions().front(), centres(), effort_, random_));
  const std::size_t m = candidates.configs.size();
  std::vector<double> factor = model_.process->covariance(candidates.block(), candidates.block());
  device::algebra::cholesky_with_jitter({factor.data(), m, m, m}, 1e-10 * model_.process->variance());
  std::vector<double> values(m);
  for (double& value : values) value = random_.normal();
  device::algebra::multiply_lower({factor.data(), m, m, m}, device::algebra::Form::Plain, values);
  const std::vector<double> mean = model_.process->predict_mean(candidates.block());
  for (std::size_t i = 0; i < m; ++i) values[i] += mean[i];
  for (const std::size_t i : ascending(values))
    if (allowed(candidates.configs[i])) return candidates.configs[i];
  return std::nullopt;
}

std::optional<Config> Ask::most_promising() {
  const auto minima = minima_everywhere();
  return minima.empty() ? std::nullopt : std::optional(space_.decode(minima.front().point));
}

double Ask::largest_improvement() {
  const auto minima = minima_everywhere();
  return minima.empty() ? -std::numeric_limits<double>::infinity() : promise(minima.front());
}

std::vector<Minimum> Ask::minima_everywhere() {
  const Region region = setting_.place ? setting_.place->region : Region::everything(space_.size());
  return minimise(landscape_, {{region, centres()}}, effort_, random_);
}

bool Ask::allowed(const Config& config) const { return space_.feasible(config) && !setting_.seen(config); }

bool Ask::exhausted(const std::vector<Minimum>& minima) const {
  const double least = setting_.options->explore;
  const bool promises =
      !minima.empty() && (!setting_.improvement || promise(minima.front()) >= std::log(least));
  return !promises || valleys_.stagnant(least);
}

std::optional<Config> Ask::first_allowed(const std::vector<Minimum>& minima) const {
  for (const Minimum& minimum : minima) {
    Config config = space_.decode(minimum.point);
    if (allowed(config)) return config;
  }
  return std::nullopt;
}

std::vector<space::UnitPoint> Ask::centres() {
  if (setting_.place) return setting_.place->centres;
  const std::vector<std::size_t> order = ascending(model_.values);
  std::vector<space::UnitPoint> units;
  for (std::size_t i = 0; i < std::min(centres_at_most, order.size()); ++i)
    units.push_back(surrogate_.active().units[order[i]]);
  const UserPrior& prior = setting_.options->prior;
  for (std::size_t i = 0; i < believed_centres && !prior.empty() && setting_.regions == 0; ++i)
    units.push_back(believed_unit(space_, prior, random_));
  return units;
}

std::vector<Region> Ask::regions() const {
  if (setting_.place) return {setting_.place->region};
  if (setting_.regions == 0) return {Region::everything(space_.size())};
  return trust_regions(surrogate_, model_, setting_.regions);
}

std::vector<Minimum> Ask::minima() {
  const std::vector<Region> parts = regions();
  const std::vector<space::UnitPoint> best = centres();
  std::vector<Ground> grounds;
  for (const Region& part : parts) {
    std::vector<space::UnitPoint> inside = best;
    if (parts.size() > 1) std::erase_if(inside, [&](const auto& unit) { return !part.contains(unit); });
    grounds.push_back({part, std::move(inside)});
  }
  return minimise(landscape_, grounds, effort_, random_);
}

/// The best point of the best valley that still promises something, that of the best result left out.
std::optional<Config> Ask::other_valley() {
  SearchEffort effort = valley_effort;
  effort.iterations = std::min(valley_iterations, effort_.iterations);
  std::vector<std::size_t> mined{model_.best};
  while (mined.size() <= most_valleys) {
    const auto centre = valleys_.next(mined);
    if (!centre) return std::nullopt;
    landscape_.aim(model_.values[*centre]);
    const auto minima =
        minimise(landscape_, {{valleys_.region(*centre, mined), {surrogate_.active().units[*centre]}}},
                 effort, random_);
    const bool promises = !minima.empty() && promise(minima.front()) > std::log(setting_.options->explore);
    if (promises)
      if (auto config = first_allowed(minima)) return config;
    mined.push_back(*centre);
  }
  return std::nullopt;
}

/// A point outside the valley of the best result: the optimist's choice among points that are spread over the
/// inside of the space, since the belief is vaguest at its corners.
std::optional<Config> Ask::scout() {
  const SearchEffort spread{.raw_samples = scouts, .near_samples = 0};
  const Candidates candidates(
      landscape_, draw_candidates(landscape_, Region::everything(space_.size()), {}, spread, random_));
  Prediction prediction;
  landscape_.sketch(candidates.block(), prediction);
  const double optimism = least_optimism + more_optimism * random_.uniform();
  std::vector<double> bounds(candidates.configs.size());
  for (std::size_t i = 0; i < bounds.size(); ++i)
    bounds[i] = prediction.mean[i] - optimism * std::sqrt(prediction.variance[i]);
  const std::vector<std::size_t> order = ascending(bounds);
  for (const std::size_t i : std::span(order).first(std::min(best_scouts, order.size())))
    if (valleys_.hill_between(candidates.row(i), prediction.mean[i], model_.best) &&
        allowed(candidates.configs[i]))
      return candidates.configs[i];
  // All promising points lie in the valley of the best result, or the plain around it has no rim.
  for (const std::size_t i : order)
    if (setting_.scouting && setting_.regions == 0 &&
        prediction.variance[i] > unknown * model_.process->variance() && allowed(candidates.configs[i]))
      return candidates.configs[i];
  return std::nullopt;
}

}  // namespace regatta::search
