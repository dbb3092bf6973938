#include "valleys.hpp"

#include <algorithm>
#include <cmath>

#include "order.hpp"

namespace regatta::search {
namespace {

constexpr std::size_t steps = 9;        // on a way between two points
constexpr double least_hill = 0.01;     // transformed loss
constexpr double near_squared = 0.25;   // distance by lengthscales of results near the best one
constexpr int enough_results = 5;       // near the best one, to call it exhausted
constexpr std::size_t most_tests = 20;  // of results that may lie in another valley
constexpr double reach = 0.25;          // half the side of a valley's box

}  // namespace

bool Valleys::stagnant(double fraction) const {
  const auto& active = surrogate_.active();
  const std::size_t n = active.losses.size();
  std::vector<double> sorted = active.losses;
  std::ranges::sort(sorted);
  int near = 0;
  std::size_t first = n;
  while (first > 0 && near < enough_results) near += close(--first, model_.best) ? 1 : 0;
  if (near < enough_results || first == 0) return false;
  const double before =
      *std::min_element(active.losses.begin(), active.losses.begin() + static_cast<std::ptrdiff_t>(first));
  return before - sorted[0] <= fraction * (sorted[n / 2] - sorted[0]);
}

bool Valleys::close(std::size_t result, std::size_t other) const {
  const std::vector<double>&features = surrogate_.active().features, &scale = model_.process->scale();
  double squared = 0;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double away = (features[result * scale.size() + c] - features[other * scale.size() + c]) * scale[c];
    squared += away * away;
  }
  return squared < near_squared;
}

bool Valleys::hill_between(std::span<const double> features, double mean, std::size_t result) const {
  const std::size_t d = features.size();
  std::vector<double> way(steps * d);
  for (std::size_t s = 0; s < steps; ++s) {
    const double share = static_cast<double>(s + 1) / (steps + 1);
    for (std::size_t c = 0; c < d; ++c)
      way[s * d + c] = (1 - share) * features[c] + share * surrogate_.active().features[result * d + c];
  }
  const double level = std::max(mean, model_.values[result]) + least_hill;
  return std::ranges::any_of(model_.process->predict_mean({way.data(), steps, d, d}),
                             [&](double value) { return value > level; });
}

std::optional<std::size_t> Valleys::next(const std::vector<std::size_t>& mined) const {
  const std::size_t d = surrogate_.embedding().features();
  std::size_t tests = 0;
  for (const std::size_t i : ascending(model_.values)) {
    if (std::ranges::any_of(mined, [&](std::size_t centre) { return close(i, centre); })) continue;
    if (++tests > most_tests) break;
    const std::span<const double> features(surrogate_.active().features.data() + i * d, d);
    const auto apart = [&](std::size_t centre) { return hill_between(features, model_.values[i], centre); };
    if (std::ranges::all_of(mined, apart)) return i;
  }
  return std::nullopt;
}

Region Valleys::region(std::size_t result, const std::vector<std::size_t>& others) const {
  const auto& units = surrogate_.active().units;
  const std::size_t p = units[result].size();
  Region region = Region::everything(p);
  for (std::size_t k = 0; k < p; ++k) {
    region.low[k] = std::max(region.low[k], units[result][k] - reach);
    region.high[k] = std::min(region.high[k], units[result][k] + reach);
  }
  const std::vector<double>& scale = model_.process->scale();
  for (const std::size_t other : others) {
    std::size_t widest = p;
    double most = 0;
    for (const std::size_t k : surrogate_.embedding().continuous()) {
      const double gap =
          std::abs(units[result][k] - units[other][k]) * scale[surrogate_.embedding().first_feature(k)];
      if (gap > most) most = gap, widest = k;
    }
    if (widest == p) continue;
    const double middle = 0.5 * (units[result][widest] + units[other][widest]);
    if (units[other][widest] > units[result][widest]) {
      region.high[widest] = std::min(region.high[widest], middle);
    } else {
      region.low[widest] = std::max(region.low[widest], middle);
    }
  }
  return region;
}

}  // namespace regatta::search
