#include "split_search.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "order.hpp"
#include "regatta/search/sobol_sequence.hpp"

namespace regatta::search {
namespace {

constexpr double least_share = 0.15;      // of the width of a part that a child has
constexpr std::size_t least_members = 4;  // of a child
constexpr std::uint32_t probes = 1024;    // by which the volume where a parameter is active is measured
constexpr double least_probes = 16;       // of those that must lie in the part
constexpr double least_gain = 1e-12;      // of the sum of squares, for a cut to be worth it

/// Results in the order of a coordinate, with running sums of their values.
class Row {
 public:
  Row(const std::vector<double>& coordinates, const std::vector<double>& values) {
    for (const std::size_t i : ascending(coordinates)) {
      coordinates_.push_back(coordinates[i]);
      sums_.push_back(sums_.back() + values[i]);
    }
  }

  std::size_t size() const { return coordinates_.size(); }
  double coordinate(std::size_t i) const { return coordinates_[i]; }
  /// What the sum of squares around the mean falls by when [first, last) is cut at `middle`.
  double gain(std::size_t first, std::size_t middle, std::size_t last) const {
    const double left = static_cast<double>(middle - first), right = static_cast<double>(last - middle);
    const double difference = (sums_[middle] - sums_[first]) / left - (sums_[last] - sums_[middle]) / right;
    return left * right / (left + right) * difference * difference;
  }

 private:
  std::vector<double> coordinates_, sums_{0};
};

struct Cut {
  double gain = 0;
  std::vector<std::size_t> places;  ///< numbers of the first results behind the borders, ascending
};

/// Cuts a row again and again where that gains most.
/// @param allowed  whether a border may stand before a result, given the borders around it
template <class Allowed>
Cut cut_row(const Row& row, std::size_t children, std::size_t least, Allowed allowed) {
  Cut cut;
  std::vector<std::size_t> ends{0, row.size()};
  while (ends.size() <= children) {
    double most = least_gain;
    std::size_t best = 0;
    for (std::size_t e = 0; e + 1 < ends.size(); ++e)
      for (std::size_t i = ends[e] + least; i + least <= ends[e + 1]; ++i) {
        if (row.coordinate(i) == row.coordinate(i - 1) || !allowed(ends[e], i, ends[e + 1])) continue;
        if (const double gain = row.gain(ends[e], i, ends[e + 1]); gain > most) most = gain, best = i;
      }
    if (best == 0) break;
    cut.gain += most;
    cut.places.push_back(best);
    ends.insert(std::ranges::upper_bound(ends, best), best);
  }
  std::ranges::sort(cut.places);
  return cut;
}

/// Where one value of a parameter ends and the next begins, between the unit coordinates of two results.
double border_between(const space::Parameter& parameter, double low, double high) {
  if (!parameter.discrete()) return 0.5 * (low + high);
  const double below = parameter.decode(low);
  while (high - low > 1e-15) {
    const double middle = 0.5 * (low + high);
    if (middle == low || middle == high) break;
    (parameter.decode(middle) == below ? low : high) = middle;
  }
  return high;
}

class SplitSearch {
 public:
  SplitSearch(const space::Space& space, const Part& part, const PartResults& results, std::size_t children)
      : space_(space), part_(part), results_(results), children_(children) {
    const std::size_t count = results.members->size();
    least_ = std::max(least_members, count / (2 * children + 1));
    for (const std::size_t i : *results.members) values_.push_back((*results.values)[i]);
  }

  std::optional<Split> run() {
    for (std::size_t k = 0; k < space_.size(); ++k)
      if (mixed_activity(k)) return by_activity(k);
    double most = 0;
    std::optional<Split> best;
    for (std::size_t k = 0; k < space_.size(); ++k) {
      if (std::isnan(place(0)[k])) continue;  // inactive for all
      const bool choice = space_.parameters()[k].kind == space::Kind::Choice;
      double gain = 0;
      Split split = choice ? by_words(k, gain) : by_borders(k, gain);
      if (gain > most) most = gain, best = std::move(split);
    }
    return best;
  }

 private:
  const space::UnitPoint& place(std::size_t member) const {
    return (*results_.places)[(*results_.members)[member]];
  }

  bool mixed_activity(std::size_t k) const {
    std::size_t active = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) active += std::isnan(place(i)[k]) ? 0 : 1;
    return active > 0 && active < values_.size();
  }

  Split by_activity(std::size_t k) const {
    const SobolSequence sobol(space_.size());
    const Region box = part_.box(0);
    space::UnitPoint unit(space_.size());
    double inside = 0, active = 0;
    for (std::uint32_t i = 0; i < probes; ++i) {
      sobol.point(i, unit);
      for (std::size_t c = 0; c < unit.size(); ++c)
        unit[c] = box.low[c] + unit[c] * (box.high[c] - box.low[c]);
      const space::UnitPoint probe = place_of(space_, space_.decode(unit));
      if (!part_.contains(probe)) continue;
      ++inside;
      active += std::isnan(probe[k]) ? 0 : 1;
    }
    const double share = inside < least_probes ? 0.5 : (active + 0.5) / (inside + 1);
    return {Split::Kind::Activity, k, {}, {}, {share, 1 - share}};
  }

  Split by_borders(std::size_t k, double& gain) const {
    const Part::Side& side = part_.side(k);
    std::vector<double> coordinates;
    for (std::size_t i = 0; i < values_.size(); ++i) coordinates.push_back(place(i)[k]);
    const Row row(coordinates, values_);
    const auto border = [&](std::size_t i) {
      return border_between(space_.parameters()[k], row.coordinate(i - 1), row.coordinate(i));
    };
    // What an end of a child is: a border, or the end of the part.
    const auto end = [&](std::size_t i) {
      return i == 0 ? side.low : i == row.size() ? side.high : border(i);
    };
    const Cut cut = cut_row(row, children_, least_, [&](std::size_t from, std::size_t i, std::size_t to) {
      const double middle = 0.5 * (row.coordinate(i - 1) + row.coordinate(i));
      return middle - end(from) >= least_share * side.width() &&
             end(to) - middle >= least_share * side.width();
    });
    Split split{Split::Kind::Borders, k, {}, {}, {}};
    for (const std::size_t i : cut.places) split.borders.push_back(border(i));
    double before = side.low;
    for (const double each : split.borders) {
      split.shares.push_back((each - before) / side.width());
      before = each;
    }
    split.shares.push_back((side.high - before) / side.width());
    gain = cut.gain;
    return split;
  }

  Split by_words(std::size_t k, double& gain) const {
    const std::size_t words = space_.parameters()[k].categories.size();
    std::vector<std::size_t> word(values_.size());
    std::vector<double> sums(words), counts(words);
    for (std::size_t i = 0; i < word.size(); ++i) {
      word[i] = word_at(place(i)[k], words);
      sums[word[i]] += values_[i];
      counts[word[i]] += 1;
    }
    const double mean =
        std::accumulate(values_.begin(), values_.end(), 0.0) / static_cast<double>(word.size());
    std::vector<double> means(words, mean), rank(words), coordinates;
    for (std::size_t w = 0; w < words; ++w)
      if (counts[w] > 0) means[w] = sums[w] / counts[w];
    const std::vector<std::size_t> order = ascending(means);
    for (std::size_t r = 0; r < words; ++r) rank[order[r]] = static_cast<double>(r);
    for (const std::size_t w : word) coordinates.push_back(rank[w]);
    const Row row(coordinates, values_);
    const Cut cut = cut_row(row, children_, least_, [](auto, auto, auto) { return true; });
    gain = cut.gain;
    Split split{Split::Kind::Words, k, {}, std::vector<std::size_t>(words), {}};
    split.shares.assign(cut.places.size() + 1, 0);
    const std::vector<bool>& allowed = part_.side(k).words;
    double all = 0;
    for (std::size_t w = 0; w < words; ++w) {
      for (const std::size_t i : cut.places) split.child_of[w] += rank[w] >= row.coordinate(i) ? 1 : 0;
      const double counted = allowed.empty() || allowed[w] ? 1 : 0;
      split.shares[split.child_of[w]] += counted;
      all += counted;
    }
    for (double& share : split.shares) share /= all;
    return split;
  }

  const space::Space& space_;
  const Part& part_;
  const PartResults& results_;
  std::size_t children_, least_ = 0;
  std::vector<double> values_;
};

}  // namespace

std::optional<Split> find_split(const space::Space& space, const Part& part, const PartResults& results,
                                std::size_t children) {
  auto split = SplitSearch(space, part, results, children).run();
  return split && split->children() > 1 ? split : std::nullopt;
}

}  // namespace regatta::search
