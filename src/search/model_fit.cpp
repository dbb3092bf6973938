#include "model_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cma_es.hpp"
#include "lbfgs.hpp"

namespace regatta::search {
namespace {

constexpr double least_lengthscale = 0.01, most_lengthscale = 100;
constexpr double usual_lengthscale = 0.4;  // times sqrt(groups)
constexpr double common_deviation = 0.7, own_deviation = 0.5;  // of the logarithms of lengthscales
constexpr double least_variance = 1e-3, most_variance = 1e3, variance_deviation = 1.5;
constexpr double least_noise = 1e-10, most_noise = 1, usual_noise = 1e-6, noise_deviation = 4;
constexpr double first_noise =
    1e-2;  // a start with little noise ends at a short lengthscale that explains noise as signal
constexpr double little_noise = 1e-5;  // the other start: results without noise
constexpr double no_noise = 1e-9;
constexpr double most_shape = 5, shape_deviation = 0.75;  // of a warp; of the logarithm
constexpr int first_iterations = 40, warm_iterations = 30, late_iterations = 5;
constexpr std::size_t late = 100;               // observations from which on a fit changes little
constexpr std::size_t second_start_below = 30;  // observations
constexpr CmaEsOptions first_evolution{.generations = 60, .step = 0.1, .tolerance = 1e-4};
constexpr CmaEsOptions warm_evolution{.generations = 20, .step = 0.03, .tolerance = 1e-4};
constexpr std::uint64_t evolution_stream = 0x636d61;
constexpr double curvature_step = 0.1, least_spread = 0.05, most_spread = 1;  // of the logarithms

/// ln p of a normal belief without its constant; adds its derivative.
double log_prior(double x, double mean, double deviation, double& derivative) {
  const double z = (x - mean) / deviation;
  derivative -= z / deviation;
  return -0.5 * z * z;
}

class Posterior {
 public:
  Posterior(const FitSetting& setting, const Observations& observations)
      : setting_(setting),
        groups_(setting.groups->groups),
        shapes_(setting.warped ? 2 * setting.groups->lines.size() : 0),
        likelihood_(setting.kernel, *setting.groups, observations, setting.solver),
        length_mean_(
            std::log(usual_lengthscale * std::sqrt(static_cast<double>(std::max<std::size_t>(1, groups_))))) {
  }

  std::size_t size() const { return groups_ + 2 + shapes_; }
  std::size_t groups() const { return groups_; }

  /// Negative logarithms of the density at rows of parameters. Without room for gradients, values alone.
  void operator()(std::span<const double> points, std::span<double> values, std::span<double> gradients) {
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = negative(points.subspan(i * size(), size()),
                           gradients.empty() ? gradients : gradients.subspan(i * size(), size()));
  }

  std::vector<double> low() const {
    return bounds(least_lengthscale, least_variance, setting_.learn_noise ? least_noise : no_noise,
                  1 / most_shape);
  }
  std::vector<double> high() const {
    return bounds(most_lengthscale, most_variance, setting_.learn_noise ? most_noise : no_noise * (1 + 1e-9),
                  most_shape);
  }
  std::vector<double> mode() const {
    return bounds(std::exp(length_mean_), 1, setting_.learn_noise ? first_noise : no_noise, 1);
  }

 private:
  double negative(std::span<const double> parameters, std::span<double> gradient) {
    const auto likelihood = likelihood_(parameters, gradient);
    if (!likelihood) return std::numeric_limits<double>::infinity();
    std::vector<double> unused(gradient.empty() ? size() : 0);
    if (gradient.empty()) gradient = unused;
    double sum = *likelihood + log_prior_of_lengths(parameters.first(groups_), gradient.first(groups_));
    sum += log_prior(parameters[groups_], 0, variance_deviation, gradient[groups_]);
    if (setting_.learn_noise)
      sum +=
          log_prior(parameters[groups_ + 1], std::log(usual_noise), noise_deviation, gradient[groups_ + 1]);
    for (std::size_t i = groups_ + 2; i < size(); ++i)
      sum += log_prior(parameters[i], 0, shape_deviation, gradient[i]);
    for (double& entry : gradient) entry = -entry;
    return -sum;
  }

  /// A common length around the usual one, and each around that: their covariance is own^2 on the diagonal and
  /// common^2 everywhere, its inverse tells apart their mean and what they differ from it.
  double log_prior_of_lengths(std::span<const double> lengths, std::span<double> gradient) const {
    if (groups_ == 0) return 0;
    const double count = static_cast<double>(groups_);
    const double mean = std::accumulate(lengths.begin(), lengths.end(), 0.0) / count;
    const double own = own_deviation * own_deviation;
    const double shift = (mean - length_mean_) / (own + count * common_deviation * common_deviation);
    double sum = -0.5 * count * shift * (mean - length_mean_);
    for (std::size_t g = 0; g < groups_; ++g) {
      sum -= 0.5 * (lengths[g] - mean) * (lengths[g] - mean) / own;
      gradient[g] -= (lengths[g] - mean) / own + shift;
    }
    return sum;
  }

  std::vector<double> bounds(double lengthscale, double variance, double noise, double shape) const {
    std::vector<double> result(groups_, std::log(lengthscale));
    result.push_back(std::log(variance));
    result.push_back(std::log(noise));
    result.resize(size(), std::log(shape));
    return result;
  }

  const FitSetting& setting_;
  std::size_t groups_, shapes_;
  MarginalLikelihood likelihood_;
  double length_mean_;
};

Minimum evolve(Posterior& posterior, std::span<const double> start, const CmaEsOptions& options,
               std::size_t observations) {
  Random random(evolution_stream, observations);
  return minimise_by_evolution(std::ref(posterior), start, posterior.low(), posterior.high(), options,
                               random);
}

Minimum descend(Posterior& posterior, std::span<const double> starts, int iterations) {
  const auto minima =
      minimise(std::ref(posterior), starts, posterior.low(), posterior.high(),
               {.iterations = iterations, .gradient_tolerance = 1e-2, .value_tolerance = 1e-4});
  return *std::ranges::min_element(minima, {}, &Minimum::value);
}

/// Rows: the fit before and the prior's mode, inside their bounds.
std::vector<double> starts_of(const FitSetting& setting, const Posterior& posterior,
                              std::size_t observations) {
  const std::vector<double> low = posterior.low(), high = posterior.high();
  std::vector<double> starts;
  if (setting.previous) starts = setting.previous->flat();
  if (!setting.previous || observations < second_start_below) {
    for (const double noise : {first_noise, little_noise}) {
      std::vector<double> mode = posterior.mode();
      if (setting.learn_noise) mode[posterior.groups() + 1] = std::log(noise);
      starts.insert(starts.end(), mode.begin(), mode.end());
      if (!setting.learn_noise) break;
    }
  }
  for (std::size_t i = 0; i < starts.size(); ++i)
    starts[i] = std::clamp(starts[i], low[i % low.size()], high[i % low.size()]);
  return starts;
}

/// Standard deviation of one log hyperparameter by the slope of the gradient there.
double spread(Posterior& posterior, std::span<const double> mode, std::size_t axis) {
  const std::size_t d = mode.size();
  std::vector<double> points(mode.begin(), mode.end()), values(2), gradients(2 * d);
  points.insert(points.end(), mode.begin(), mode.end());
  points[axis] = std::max(mode[axis] - curvature_step, posterior.low()[axis]);
  points[d + axis] = std::min(mode[axis] + curvature_step, posterior.high()[axis]);
  posterior(points, values, gradients);
  const double curvature = (gradients[d + axis] - gradients[axis]) / (points[d + axis] - points[axis]);
  const bool peaked = std::isfinite(values[0]) && std::isfinite(values[1]) && curvature > 0;
  return peaked ? std::clamp(1 / std::sqrt(curvature), least_spread, most_spread) : most_spread;
}

}  // namespace

Hyperparameters fit_hyperparameters(const FitSetting& setting, const Observations& observations) {
  Posterior posterior(setting, observations);
  const std::size_t n = observations.values.size();
  std::vector<double> starts = starts_of(setting, posterior, n);
  if (setting.method == FitMethod::Evolution) {
    const auto first = std::span(starts).first(posterior.size());
    std::ranges::copy(evolve(posterior, first, setting.previous ? warm_evolution : first_evolution, n).point,
                      first.begin());
  }
  Minimum best = descend(posterior, starts,
                         !setting.previous ? first_iterations
                         : n < late        ? warm_iterations
                                           : late_iterations);
  if (!std::isfinite(best.value)) best = evolve(posterior, posterior.mode(), first_evolution, n);
  return Hyperparameters::from_flat(std::isfinite(best.value) ? best.point : posterior.mode(),
                                    posterior.groups());
}

std::vector<Hyperparameters> sample_hyperparameters(const FitSetting& setting,
                                                    const Observations& observations,
                                                    const Hyperparameters& mode, std::size_t count,
                                                    Random& random) {
  Posterior posterior(setting, observations);
  const std::vector<double> centre = mode.flat(), low = posterior.low(), high = posterior.high();
  std::vector<double> spreads;
  for (std::size_t axis = 0; axis < centre.size(); ++axis) spreads.push_back(spread(posterior, centre, axis));
  std::vector<Hyperparameters> samples;
  while (samples.size() < count) {
    std::vector<double> sample = centre;
    for (std::size_t i = 0; i < sample.size(); ++i)
      sample[i] = std::clamp(sample[i] + spreads[i] * random.normal(), low[i], high[i]);
    samples.push_back(Hyperparameters::from_flat(sample, posterior.groups()));
  }
  return samples;
}

}  // namespace regatta::search
