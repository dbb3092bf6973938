#include "local_penalty.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "regatta/search/acquisition.hpp"

namespace regatta::search {
namespace {

using device::Block;

constexpr std::size_t global_probes = 128, local_probes = 16;
constexpr double flat = 1e-7, flat_slope = 10;  // a belief without slope says nothing of the objective's
constexpr double local_share = 0.1;             // a local constant is at least this part of the global one
constexpr double cone_power = -5;
constexpr double least_radius = 1e-9;

/// Largest slope of the mean at the rows of `points`, by the kernel's distance.
double largest_slope(const GaussianProcess& process, Block<const double> points) {
  const std::size_t m = points.rows, d = points.columns;
  Prediction prediction;
  process.predict(points, prediction, true);
  const std::vector<double> ones(m * process.fantasies(), 1.0 / static_cast<double>(process.fantasies())),
      zeros(m, 0.0);
  std::vector<double> gradient(m * d);
  process.pull_back(prediction, ones, zeros, {gradient.data(), m, d, d});
  double largest = 0;
  for (std::size_t i = 0; i < m; ++i) {
    double squared = 0;
    for (std::size_t c = 0; c < d; ++c) squared += std::pow(gradient[i * d + c] / process.scale()[c], 2);
    largest = std::max(largest, std::sqrt(squared));
  }
  return largest;
}

std::vector<double> uniform_probes(Block<const double> around, double width, std::size_t count,
                                   std::span<const double> scale, Random& random) {
  std::vector<double> probes;
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t c = 0; c < around.columns; ++c) {
      const double half = width > 0 ? 0.5 * std::min(1.0, width / scale[c]) : 0.5;
      const double centre = width > 0 ? around(0, c) : 0;
      probes.push_back(centre + half * (2 * random.uniform() - 1));
    }
  return probes;
}

}  // namespace

LocalPenalty::LocalPenalty(Form form, const GaussianProcess& process, Block<const double> pending,
                           double incumbent, Random& random)
    : form_(form),
      scale_(process.scale()),
      points_(pending.data, pending.data + pending.rows * pending.columns) {
  const std::size_t d = pending.columns;
  const auto slope_near = [&](Block<const double> around, double width, std::size_t count) {
    const std::vector<double> probes = uniform_probes(around, width, count, scale_, random);
    return largest_slope(process, {probes.data(), count, d, d});
  };
  const double global = std::max(slope_near(pending, 0, global_probes), largest_slope(process, pending));
  Prediction at;
  process.predict(pending, at);
  for (std::size_t j = 0; j < pending.rows; ++j) {
    double slope = global;
    if (form == Form::Hard)
      slope = std::max(slope_near(pending.part(j, 1), 1, local_probes), local_share * global);
    if (slope < flat) slope = flat_slope;
    const double sigma = std::sqrt(at.variance[j]);
    const double gap = std::abs(at.mean[j * process.fantasies()] - incumbent);
    balls_.push_back(form == Form::Hard ? Ball{(gap + sigma) / slope, 1}
                                        : Ball{gap / slope, std::max(sigma / slope, least_radius)});
  }
}

double LocalPenalty::operator()(std::span<const double> features, std::span<double> by_feature) const {
  const std::size_t d = features.size();
  double sum = 0;
  for (std::size_t j = 0; j < balls_.size(); ++j) {
    const double* point = points_.data() + j * d;
    double squared = 0;
    for (std::size_t c = 0; c < d; ++c) squared += std::pow((features[c] - point[c]) * scale_[c], 2);
    const double distance = std::sqrt(squared);
    double slope = 0;
    sum += form_ == Form::Soft ? soft(distance, balls_[j], slope) : hard(distance, balls_[j], slope);
    if (by_feature.empty() || distance == 0) continue;
    for (std::size_t c = 0; c < d; ++c)
      by_feature[c] += slope / distance * (features[c] - point[c]) * scale_[c] * scale_[c];
  }
  return sum;
}

double LocalPenalty::soft(double distance, const Ball& ball, double& slope) const {
  const double t = (distance - ball.radius) / ball.spread;
  const double value = log_normal_probability(t);
  slope = std::exp(-0.5 * t * t - 0.5 * std::log(2 * std::numbers::pi) - value) / ball.spread;
  return value;
}

/// ln of (u^p + 1)^(1/p) with u = distance / radius; its slope is u^(p-1) / (u^p + 1) / radius.
double LocalPenalty::hard(double distance, const Ball& ball, double& slope) const {
  const double u = std::max(distance / std::max(ball.radius, least_radius), 1e-12);
  const double power = std::pow(u, cone_power);
  slope = power / u / (power + 1) / std::max(ball.radius, least_radius);
  return std::log(power + 1) / cone_power;
}

}  // namespace regatta::search
