#include "acquisition_search.hpp"

#include <algorithm>
#include <cmath>

#include "order.hpp"
#include "regatta/search/sobol_sequence.hpp"

namespace regatta::search {
namespace {

constexpr double below_one = 1 - 0x1p-53;
constexpr std::size_t looks = 3;         // points per restart that pass the first look
constexpr int heat = 4, short_heat = 2;  // rounds of the starts against each other; short where each is dear
constexpr int alternations = 3;          // of continuous and discrete refinement
constexpr int most_moves = 8;            // of one discrete refinement
constexpr double all_values = 16;     // a parameter with at most as many values has all of them as neighbours
constexpr int random_values = 4;      // of the other parameters, beside steps up and down
constexpr double near_width = 0.2;    // largest perturbation, as a part of the lengthscale
constexpr double decades = 4;         // from the largest perturbation to the smallest
constexpr double moved_at_once = 20;  // coordinates of a perturbation, on average
constexpr double jump_chance = 0.3;   // a discrete coordinate that is moved changes its value

void append(std::vector<double>& points, const space::UnitPoint& point) {
  points.insert(points.end(), point.begin(), point.end());
}

/// The reach of the belief along a parameter, in unit coordinates.
double lengthscale(const Landscape& landscape, std::size_t k) {
  return std::min(0.5, 1 / landscape.model().process->scale()[landscape.embedding().first_feature(k)]);
}

std::vector<double> raw_samples(const Region& region, int count, Random& random) {
  const std::size_t p = region.low.size();
  std::vector<double> points = SobolSequence(p, random.bits()).first_points(static_cast<std::size_t>(count));
  for (std::size_t first = 0; first < points.size(); first += p)
    for (std::size_t k = 0; k < p; ++k)
      points[first + k] = region.low[k] + points[first + k] * (region.high[k] - region.low[k]);
  return points;
}

/// The centre with some of its coordinates moved, by steps of all sizes.
space::UnitPoint perturbed(const Landscape& landscape, const Region& region, space::UnitPoint unit,
                           Random& random) {
  const double width = near_width * std::pow(10.0, -decades * random.uniform());
  const double chance = std::min(1.0, moved_at_once / static_cast<double>(unit.size()));
  for (const std::size_t k : landscape.embedding().continuous())
    if (random.uniform() < chance)
      unit[k] = std::clamp(unit[k] + width * lengthscale(landscape, k) * random.normal(), region.low[k],
                           region.high[k]);
  for (const std::size_t k : landscape.embedding().discrete())
    if (random.uniform() < chance * jump_chance)
      unit[k] = region.low[k] + random.uniform() * (region.high[k] - region.low[k]);
  return unit;
}

/// A point on its way down, and the region that it keeps to.
struct Start {
  Minimum minimum;
  const Region* region;
};

class Search {
 public:
  Search(Landscape& landscape, const std::vector<Ground>& grounds, const SearchEffort& effort, Random& random)
      : landscape_(landscape),
        grounds_(grounds),
        effort_(effort),
        random_(random),
        dimensions_(landscape.space().size()),
        embedding_(landscape.embedding()) {
    const auto share = [&](int& whole) { whole = std::max(1, whole / static_cast<int>(grounds.size())); };
    share(effort_.raw_samples), share(effort_.near_samples), share(effort_.restarts);
  }

  std::vector<Minimum> run() {
    std::vector<Start> starts = this->starts();
    refine(starts);
    std::vector<Minimum> best;
    for (Start& start : starts)
      if (std::isfinite(start.minimum.value)) best.push_back(std::move(start.minimum));
    std::ranges::stable_sort(best, {}, &Minimum::value);
    return best;
  }

 private:
  /// The best samples of each region.
  std::vector<Start> starts() {
    std::vector<double> points;
    std::vector<const Region*> regions;
    for (const Ground& ground : grounds_) {
      const std::vector<double> drawn =
          draw_candidates(landscape_, ground.region, ground.centres, effort_, random_);
      points.insert(points.end(), drawn.begin(), drawn.end());
      regions.resize(points.size() / dimensions_, &ground.region);
    }
    const auto restarts = static_cast<std::size_t>(effort_.restarts);
    std::vector<double> values(regions.size());
    landscape_.sketch(points, values);
    if (!landscape_.dear()) return least(points, values, regions, restarts);
    std::vector<Start> promising = least(points, values, regions, looks * restarts);
    points.clear(), regions.clear();
    for (const Start& start : promising) append(points, start.minimum.point), regions.push_back(start.region);
    values.resize(regions.size());
    landscape_(points, values, {});
    return least(points, values, regions, restarts);
  }

  /// The first `count` of each region by their values.
  std::vector<Start> least(const std::vector<double>& points, const std::vector<double>& values,
                           const std::vector<const Region*>& regions, std::size_t count) const {
    std::vector<Start> best;
    const std::vector<std::size_t> order = ascending(values);
    for (const Ground& ground : grounds_) {
      std::size_t left = count;
      for (std::size_t k = 0; k < order.size() && left > 0; ++k) {
        const std::size_t i = order[k];
        if (regions[i] != &ground.region) continue;
        const auto first = points.begin() + static_cast<std::ptrdiff_t>(i * dimensions_);
        best.push_back({{{first, first + static_cast<std::ptrdiff_t>(dimensions_)}, values[i]}, regions[i]});
        --left;
      }
    }
    return best;
  }

  void refine(std::vector<Start>& best) {
    const bool mixed = !embedding_.discrete().empty() && !embedding_.continuous().empty();
    for (int round = 0; round < (mixed ? alternations : 1); ++round) {
      if (!embedding_.continuous().empty()) descend(best);
      if (embedding_.discrete().empty() || !move(best)) return;
    }
  }

  void descend(std::vector<Start>& best) {
    std::erase_if(best, [](const Start& start) { return !std::isfinite(start.minimum.value); });
    std::vector<double> starts;
    std::vector<Box> boxes;
    for (const Start& start : best) {
      append(starts, start.minimum.point);
      boxes.push_back({start.region->low, start.region->high});
    }
    const auto function = [this](std::span<const double> points, std::span<double> values,
                                 std::span<double> gradients) { landscape_(points, values, gradients); };
    std::vector<Minimum> minima = minimise(function, starts, boxes,
                                           {.iterations = effort_.iterations,
                                            .gradient_tolerance = 1e-8,
                                            .value_tolerance = 1e-7,
                                            .heat = landscape_.dear() ? short_heat : heat});
    for (std::size_t i = 0; i < best.size(); ++i) best[i].minimum = std::move(minima[i]);
  }

  /// Moves each point to its best neighbour as long as that is better; false when none moved.
  bool move(std::vector<Start>& best) {
    bool any = false;
    for (int step = 0; step < most_moves; ++step) {
      std::vector<double> points;
      std::vector<std::size_t> owner;
      for (std::size_t i = 0; i < best.size(); ++i) add_neighbours(best[i], i, points, owner);
      if (owner.empty()) return any;
      std::vector<double> values(owner.size());
      landscape_(points, values, {});
      bool moved = false;
      for (std::size_t j = 0; j < owner.size(); ++j) {
        Minimum& own = best[owner[j]].minimum;
        if (!(values[j] < own.value - 1e-9)) continue;
        const auto first = points.begin() + static_cast<std::ptrdiff_t>(j * dimensions_);
        own = {{first, first + static_cast<std::ptrdiff_t>(dimensions_)}, values[j]};
        moved = any = true;
      }
      if (!moved) return any;
    }
    return any;
  }

  void add_neighbours(const Start& start, std::size_t index, std::vector<double>& points,
                      std::vector<std::size_t>& owner) {
    const space::UnitPoint& point = start.minimum.point;
    const Region& region = *start.region;
    for (const std::size_t k : embedding_.discrete()) {
      const space::Parameter& parameter = landscape_.space().parameters()[k];
      const double own = parameter.decode(point[k]), count = parameter.cardinality().value_or(1);
      const auto add = [&](double value) {
        if (value == own || !parameter.contains(value)) return;
        const double unit = parameter.encode(value);
        if (unit < region.low[k] || unit > region.high[k]) return;
        append(points, point);
        points[points.size() - dimensions_ + k] = unit;
        owner.push_back(index);
      };
      if (count <= all_values) {
        for (double place = 0; place < count; ++place) add(parameter.nth(place));
        continue;
      }
      const double least_step = parameter.nth(1) - parameter.nth(0);
      for (const double step : {1.0, 2.0, 4.0, 8.0}) {
        add(own - step * least_step);
        add(own + step * least_step);
      }
      for (int i = 0; i < random_values; ++i) add(parameter.decode(random_.uniform()));
    }
  }

  Landscape& landscape_;
  const std::vector<Ground>& grounds_;
  SearchEffort effort_;  ///< of each region
  Random& random_;
  std::size_t dimensions_;
  const Embedding& embedding_;
};

}  // namespace

Region Region::everything(std::size_t dimensions) {
  return {space::UnitPoint(dimensions, 0.0), space::UnitPoint(dimensions, below_one)};
}

bool Region::contains(const space::UnitPoint& point) const {
  for (std::size_t k = 0; k < point.size(); ++k)
    if (point[k] < low[k] || point[k] > high[k]) return false;
  return true;
}

std::vector<double> draw_candidates(const Landscape& landscape, const Region& region,
                                    const std::vector<space::UnitPoint>& centres, const SearchEffort& effort,
                                    Random& random) {
  std::vector<double> points = raw_samples(region, effort.raw_samples, random);
  for (int i = 0; i < effort.near_samples && !centres.empty(); ++i)
    append(points,
           perturbed(landscape, region, centres[static_cast<std::size_t>(i) % centres.size()], random));
  return points;
}

std::vector<Minimum> minimise(Landscape& landscape, const std::vector<Ground>& grounds,
                              const SearchEffort& effort, Random& random) {
  return Search(landscape, grounds, effort, random).run();
}

}  // namespace regatta::search
