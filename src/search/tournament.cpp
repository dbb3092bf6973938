#include "tournament.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "regatta/core/random.hpp"

namespace regatta::search {
namespace {

constexpr std::size_t draw_count = 128;

}  // namespace

Extreme Extreme::from_moments(double mean, double deviation) {
  const double scale = deviation * std::sqrt(6.0) / std::numbers::pi;
  return {mean + std::numbers::egamma * scale, scale};
}

Extreme Extreme::of_least(double mean, double deviation, double count) {
  const double reach = std::sqrt(2 * std::log(count));
  return {mean - deviation * reach, deviation / reach};
}

double Extreme::quantile(double uniform) const { return location + scale * std::log(-std::log1p(-uniform)); }

std::vector<float> draws_of(const Extreme& extreme, std::uint64_t key) {
  Random random(key);
  std::vector<float> draws(draw_count);
  for (float& draw : draws) draw = static_cast<float>(extreme.quantile(std::max(0x1p-53, random.uniform())));
  return draws;
}

std::vector<double> winning_chances(std::span<const std::vector<float>* const> draws) {
  std::vector<double> wins(draws.size(), 0.5);
  for (std::size_t s = 0; s < draws.front()->size(); ++s) {
    std::size_t winner = 0;
    for (std::size_t c = 1; c < draws.size(); ++c)
      if ((*draws[c])[s] < (*draws[winner])[s]) winner = c;
    wins[winner] += 1;
  }
  const double all = static_cast<double>(draws.front()->size()) + 0.5 * static_cast<double>(draws.size());
  for (double& win : wins) win /= all;
  return wins;
}

std::vector<float> least_draws(std::span<const std::vector<float>* const> draws) {
  std::vector<float> least = *draws.front();
  for (const std::vector<float>* each : draws.subspan(1))
    for (std::size_t s = 0; s < least.size(); ++s) least[s] = std::min(least[s], (*each)[s]);
  return least;
}

double joined_entropy(std::span<const double> chances, std::span<const double> entropies) {
  double entropy = 0;
  for (std::size_t c = 0; c < chances.size(); ++c)
    if (chances[c] > 0) entropy += chances[c] * (entropies[c] - std::log(chances[c]));
  return entropy;
}

}  // namespace regatta::search
