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
  const SobolSequence sobol(p, random.bits());
  std::vector<double> points;
  space::UnitPoint unit(p);
  for (int i = 0; i < count; ++i) {
    sobol.point(static_cast<std::uint32_t>(i), unit);
    for (std::size_t k = 0; k < p; ++k) unit[k] = region.low[k] + unit[k] * (region.high[k] - region.low[k]);
    append(points, unit);
  }
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

class Search {
 public:
  Search(Landscape& landscape, const Region& region, const SearchEffort& effort, Random& random)
      : landscape_(landscape),
        region_(region),
        effort_(effort),
        random_(random),
        dimensions_(landscape.space().size()),
        embedding_(landscape.embedding()) {}

  std::vector<Minimum> run(const std::vector<double>& candidates) {
    std::vector<Minimum> best = best_of(candidates);
    refine(best);
    std::erase_if(best, [](const Minimum& minimum) { return !std::isfinite(minimum.value); });
    std::ranges::stable_sort(best, {}, &Minimum::value);
    return best;
  }

 private:
  std::vector<Minimum> best_of(const std::vector<double>& points) {
    const auto restarts = static_cast<std::size_t>(effort_.restarts);
    std::vector<double> values(points.size() / dimensions_);
    landscape_.sketch(points, values);
    if (!landscape_.dear()) return least(points, values, restarts);
    const std::vector<Minimum> promising = least(points, values, looks * restarts);
    std::vector<double> few;
    for (const Minimum& minimum : promising) append(few, minimum.point);
    values.resize(promising.size());
    landscape_(few, values, {});
    return least(few, values, restarts);
  }

  std::vector<Minimum> least(const std::vector<double>& points, const std::vector<double>& values,
                             std::size_t count) const {
    std::vector<Minimum> best;
    const std::vector<std::size_t> order = ascending(values);
    for (const std::size_t i : std::span(order).first(std::min(count, order.size()))) {
      const auto first = points.begin() + static_cast<std::ptrdiff_t>(i * dimensions_);
      best.push_back({{first, first + static_cast<std::ptrdiff_t>(dimensions_)}, values[i]});
    }
    return best;
  }

  void refine(std::vector<Minimum>& best) {
    const bool mixed = !embedding_.discrete().empty() && !embedding_.continuous().empty();
    for (int round = 0; round < (mixed ? alternations : 1); ++round) {
      if (!embedding_.continuous().empty()) descend(best);
      if (embedding_.discrete().empty() || !move(best)) return;
    }
  }

  void descend(std::vector<Minimum>& best) {
    std::vector<double> starts;
    for (const Minimum& minimum : best)
      if (std::isfinite(minimum.value)) append(starts, minimum.point);
    const auto function = [this](std::span<const double> points, std::span<double> values,
                                 std::span<double> gradients) { landscape_(points, values, gradients); };
    best = minimise(function, starts, region_.low, region_.high,
                    {.iterations = effort_.iterations,
                     .gradient_tolerance = 1e-8,
                     .value_tolerance = 1e-7,
                     .heat = landscape_.dear() ? short_heat : heat});
  }

  /// Moves each point to its best neighbour as long as that is better; false when none moved.
  bool move(std::vector<Minimum>& best) {
    bool any = false;
    for (int step = 0; step < most_moves; ++step) {
      std::vector<double> points;
      std::vector<std::size_t> owner;
      for (std::size_t i = 0; i < best.size(); ++i) add_neighbours(best[i].point, i, points, owner);
      if (owner.empty()) return any;
      std::vector<double> values(owner.size());
      landscape_(points, values, {});
      bool moved = false;
      for (std::size_t j = 0; j < owner.size(); ++j) {
        if (!(values[j] < best[owner[j]].value - 1e-9)) continue;
        const auto first = points.begin() + static_cast<std::ptrdiff_t>(j * dimensions_);
        best[owner[j]] = {{first, first + static_cast<std::ptrdiff_t>(dimensions_)}, values[j]};
        moved = any = true;
      }
      if (!moved) return any;
    }
    return any;
  }

  void add_neighbours(const space::UnitPoint& point, std::size_t index, std::vector<double>& points,
                      std::vector<std::size_t>& owner) {
    for (const std::size_t k : embedding_.discrete()) {
      const space::Parameter& parameter = landscape_.space().parameters()[k];
      const double own = parameter.decode(point[k]), count = parameter.cardinality().value_or(1);
      const auto add = [&](double value) {
        if (value == own || !parameter.contains(value)) return;
        const double unit = parameter.encode(value);
        if (unit < region_.low[k] || unit > region_.high[k]) return;
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
  const Region& region_;
  const SearchEffort& effort_;
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

std::vector<Minimum> minimise(Landscape& landscape, const Region& region,
                              const std::vector<space::UnitPoint>& centres, const SearchEffort& effort,
                              Random& random) {
  return Search(landscape, region, effort, random)
      .run(draw_candidates(landscape, region, centres, effort, random));
}

}  // namespace regatta::search
