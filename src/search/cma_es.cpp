#include "cma_es.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "order.hpp"

namespace regatta::search {
namespace {

constexpr int most_draws = 20;  // of a coordinate that falls outside the box

/// The constants of the strategy, by their names in the tutorial (table 1), for positive weights only.
struct Constants {
  explicit Constants(std::size_t dimensions)
      : lambda(4 + static_cast<std::size_t>(3 * std::log(dimensions))) {
    const double n = static_cast<double>(dimensions);
    for (std::size_t i = 1; i <= lambda / 2; ++i)
      weights.push_back(std::log((static_cast<double>(lambda) + 1) / 2) - std::log(i));
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    double squares = 0;
    for (double& weight : weights) {
      weight /= sum;
      squares += weight * weight;
    }
    mu = 1 / squares;
    c_sigma = (mu + 2) / (n + mu + 5);
    d_sigma = 1 + c_sigma + 2 * std::max(0.0, std::sqrt((mu - 1) / (n + 1)) - 1);
    c_c = (4 + mu / n) / (n + 4 + 2 * mu / n);
    const double separable = (n + 2) / 3;  // a diagonal is learnt faster
    c_1 = std::min(0.5, separable * 2 / ((n + 1.3) * (n + 1.3) + mu));
    c_mu = std::min(1 - c_1, separable * 2 * (mu - 2 + 1 / mu) / ((n + 2) * (n + 2) + mu));
    expected_length = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
  }

  std::size_t lambda;
  std::vector<double> weights;
  double mu, c_sigma, d_sigma, c_c, c_1, c_mu, expected_length;
};

/// The distribution from which generations are drawn, in the unit cube.
class Strategy {
 public:
  Strategy(std::vector<double> mean, double step)
      : constants_(mean.size()),
        mean_(std::move(mean)),
        sigma_(step),
        variance_(size(), 1),
        path_(size()),
        step_path_(size()) {}

  std::size_t size() const { return mean_.size(); }
  std::size_t population() const { return constants_.lambda; }
  double largest_deviation() const { return sigma_ * std::sqrt(*std::ranges::max_element(variance_)); }

  std::vector<double> draw(Random& random) const {
    std::vector<double> points;
    for (std::size_t k = 0; k < population(); ++k)
      for (std::size_t i = 0; i < size(); ++i) points.push_back(draw_coordinate(i, random));
    return points;
  }

  /// @param points  rows of the last generation
  /// @param order   its places, best first
  void adapt(std::span<const double> points, std::span<const std::size_t> order) {
    ++generation_;
    double length = 0;
    std::vector<double> shift(size());
    for (std::size_t i = 0; i < size(); ++i) {
      for (std::size_t k = 0; k < constants_.weights.size(); ++k)
        shift[i] += constants_.weights[k] * (points[order[k] * size() + i] - mean_[i]) / sigma_;
      step_path_[i] += -constants_.c_sigma * step_path_[i] +
                       fresh(constants_.c_sigma) * shift[i] / std::sqrt(variance_[i]);
      length += step_path_[i] * step_path_[i];
    }
    length = std::sqrt(length);
    adapt_variance(points, order, shift, length);
    for (std::size_t i = 0; i < size(); ++i) mean_[i] += sigma_ * shift[i];
    sigma_ *= std::exp(
        std::min(1.0, constants_.c_sigma / constants_.d_sigma * (length / constants_.expected_length - 1)));
    sigma_ = std::min(sigma_, 1.0);
  }

 private:
  double draw_coordinate(std::size_t i, Random& random) const {
    double x = 0;
    for (int draw = 0; draw < most_draws; ++draw) {
      x = mean_[i] + sigma_ * std::sqrt(variance_[i]) * random.normal();
      if (x >= 0 && x <= 1) return x;
    }
    return std::clamp(x, 0.0, 1.0);
  }

  /// What a path takes of the newest shift so that its variance stays.
  double fresh(double rate) const { return std::sqrt(rate * (2 - rate) * constants_.mu); }

  void adapt_variance(std::span<const double> points, std::span<const std::size_t> order,
                      std::span<const double> shift, double length) {
    const double n = static_cast<double>(size()), c_c = constants_.c_c, c_1 = constants_.c_1,
                 c_mu = constants_.c_mu;
    const double settled = std::sqrt(1 - std::pow(1 - constants_.c_sigma, 2 * generation_));
    const bool stalled = length / settled >= (1.4 + 2 / (n + 1)) * constants_.expected_length;
    for (std::size_t i = 0; i < size(); ++i) {
      path_[i] = (1 - c_c) * path_[i] + (stalled ? 0 : fresh(c_c) * shift[i]);
      double spread = 0;
      for (std::size_t k = 0; k < constants_.weights.size(); ++k) {
        const double step = (points[order[k] * size() + i] - mean_[i]) / sigma_;
        spread += constants_.weights[k] * step * step;
      }
      const double kept = 1 - c_1 - c_mu + (stalled ? c_1 * c_c * (2 - c_c) : 0);
      variance_[i] = kept * variance_[i] + c_1 * path_[i] * path_[i] + c_mu * spread;
    }
  }

  Constants constants_;
  std::vector<double> mean_;
  double sigma_;
  std::vector<double> variance_, path_, step_path_;  // diagonal of C, p_c, p_sigma
  int generation_ = 0;
};

std::vector<double> to_unit(std::span<const double> point, std::span<const double> low,
                            std::span<const double> high) {
  std::vector<double> unit;
  for (std::size_t i = 0; i < point.size(); ++i)
    unit.push_back(high[i] > low[i] ? (point[i] - low[i]) / (high[i] - low[i]) : 0.5);
  return unit;
}

std::vector<double> from_unit(std::span<const double> rows, std::span<const double> low,
                              std::span<const double> high) {
  std::vector<double> points;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t c = i % low.size();
    points.push_back(std::clamp(low[c] + rows[i] * (high[c] - low[c]), low[c], high[c]));
  }
  return points;
}

std::vector<double> evaluate(const BatchFunction& function, std::span<const double> points,
                             std::size_t count) {
  std::vector<double> values(count);
  function(points, values, {});
  for (double& value : values)
    if (std::isnan(value)) value = std::numeric_limits<double>::infinity();
  return values;
}

}  // namespace

Minimum minimise_by_evolution(const BatchFunction& function, std::span<const double> start,
                              std::span<const double> low, std::span<const double> high,
                              const CmaEsOptions& options, Random& random) {
  const std::size_t d = start.size();
  Minimum best{{start.begin(), start.end()}, evaluate(function, start, 1).front()};
  Strategy strategy(to_unit(start, low, high), options.step);
  std::vector<std::size_t> order(strategy.population());
  for (int generation = 0; generation < options.generations; ++generation) {
    if (!(strategy.largest_deviation() > options.tolerance)) break;
    const std::vector<double> rows = strategy.draw(random), points = from_unit(rows, low, high);
    const std::vector<double> values = evaluate(function, points, order.size());
    order = ascending(values);
    const double least = values[order.front()];
    if (std::isinf(least) && least > 0) continue;  // nothing learnt: draw again
    if (least < best.value) {
      const auto row = std::span(points).subspan(order.front() * d, d);
      best = {{row.begin(), row.end()}, least};
    }
    strategy.adapt(rows, order);
  }
  return best;
}

}  // namespace regatta::search
