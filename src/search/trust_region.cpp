#include "trust_region.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::search {
namespace {

constexpr double first_length = 0.8, least_length = 0x1p-7, most_length = 1.6;
constexpr int success_limit = 3;
constexpr std::size_t least_failures = 5;
constexpr double improvement =
    1e-3;  ///< that counts, as a part of the distance between the best loss and the median
constexpr double least_weight = 0.5, most_weight = 2;

double median_of(std::span<const double> losses) {
  std::vector<double> sorted(losses.begin(), losses.end());
  std::ranges::sort(sorted);
  return sorted[sorted.size() / 2];
}

bool inside(const space::UnitPoint& unit, const space::UnitPoint& centre, double length) {
  for (std::size_t k = 0; k < unit.size(); ++k)
    if (std::abs(unit[k] - centre[k]) > length / 2) return false;
  return true;
}

/// Keeps the results outside a region, in their order.
void leave_out(const Region& region, std::vector<space::UnitPoint>& units, std::vector<double>& losses) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (region.contains(units[i])) continue;
    units[kept] = units[i];
    losses[kept++] = losses[i];
  }
  units.resize(kept);
  losses.resize(kept);
}

}  // namespace

double trust_length(const std::vector<space::UnitPoint>& units, std::span<const double> losses) {
  const double least_gain = improvement * (median_of(losses) - *std::ranges::min_element(losses));
  const std::size_t failure_limit = std::max(least_failures, units.front().size());
  double length = first_length;
  std::size_t best = 0, failures = 0;
  int successes = 0;
  for (std::size_t i = 1; i < losses.size(); ++i) {
    if (losses[i] < losses[best] - least_gain) {
      ++successes;
      failures = 0;
    } else if (inside(units[i], units[best], length)) {
      ++failures;
      successes = 0;
    }
    if (losses[i] < losses[best]) best = i;
    if (successes == success_limit) length = std::min(2 * length, most_length), successes = 0;
    if (failures == failure_limit) length /= 2, failures = 0;
    if (length < least_length) length = first_length;
  }
  return length;
}

Region trust_box(const Embedding& embedding, std::span<const double> scale, double length,
                 const space::UnitPoint& centre) {
  const std::vector<std::size_t>& continuous = embedding.continuous();
  double sum = 0;
  for (const std::size_t k : continuous) sum += std::log(scale[embedding.first_feature(k)]);
  const double mean = std::exp(sum / static_cast<double>(std::max<std::size_t>(1, continuous.size())));
  Region region = Region::everything(centre.size());
  for (const std::size_t k : continuous) {
    const double side =
        length * std::clamp(mean / scale[embedding.first_feature(k)], least_weight, most_weight);
    region.low[k] = std::max(region.low[k], centre[k] - side / 2);
    region.high[k] = std::min(region.high[k], centre[k] + side / 2);
  }
  return region;
}

std::vector<Region> trust_regions(const Surrogate& surrogate, const Surrogate::Model& model,
                                  std::size_t count) {
  const auto box = [&](double length, const space::UnitPoint& centre) {
    return trust_box(surrogate.embedding(), model.process->scale(), length, centre);
  };
  std::vector<space::UnitPoint> units = surrogate.active().units;
  std::vector<double> losses = surrogate.active().losses;
  space::UnitPoint centre = units[model.best];
  std::vector<Region> regions;
  while (true) {
    const double length = trust_length(units, losses);
    regions.push_back(box(length, centre));
    if (regions.size() == count) return regions;
    leave_out(box(2 * length, centre), units, losses);
    if (units.size() <= least_failures) return regions;
    centre = units[static_cast<std::size_t>(std::ranges::min_element(losses) - losses.begin())];
  }
}

}  // namespace regatta::search
