#include "filled_valleys.hpp"

#include <algorithm>
#include <cmath>

#include "model_fit.hpp"
#include "order.hpp"

namespace regatta::search {
namespace {

constexpr double near_squared = 0.25;  // distance by lengthscales of results near the best one
constexpr int enough_results = 5;      // near the best one, to call it exhausted
constexpr double reach = 2;            // of what is filled, by lengthscales
constexpr double rougher = 0.8;  // Matern kernels have longer lengthscales than others for the same function
constexpr int most_valleys = 4;
constexpr double sooner = 10;              // by how much further valleys may still improve, to be given up
constexpr double usual_lengthscale = 0.2;  // times sqrt(groups)
constexpr double usual_noise = 1e-6;
constexpr std::size_t most_results = 256;

std::size_t place_of_least(std::span<const double> values) {
  return static_cast<std::size_t>(std::ranges::min_element(values) - values.begin());
}

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  return values[(values.size() - 1) / 2];
}

/// What says how far apart results are: the model that predicts best of those with one lengthscale each.
const Surrogate::Model* best_product(const std::vector<Surrogate::Model>& models) {
  return &*std::ranges::max_element(models, {}, [](const Surrogate::Model& model) {
    return !model.process ? -2.0 : is_additive(model.kernel) ? model.weight - 1 : model.weight;
  });
}

}  // namespace

FilledValleys::FilledValleys(const Surrogate& surrogate)
    : surrogate_(surrogate), shape_(best_product(surrogate.models())) {}

bool FilledValleys::stagnant(std::span<const double> losses, double fraction) const {
  const std::size_t best = place_of_least(losses);
  int near = 0;
  std::size_t first = losses.size();
  while (first > 0 && near < enough_results) near += squared_distance(--first, best) < near_squared ? 1 : 0;
  if (near < enough_results || first == 0) return false;
  const double before = *std::ranges::min_element(losses.first(first));
  return before - losses[best] <= fraction * (median_of({losses.begin(), losses.end()}) - losses[best]);
}

double FilledValleys::squared_distance(std::size_t result, std::size_t other) const {
  const std::vector<double>&features = surrogate_.active().features, &scale = shape_->process->scale();
  double squared = 0;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double away = features[result * scale.size() + c] - features[other * scale.size() + c];
    squared += std::pow(away * std::max(1.0, scale[c]), 2);
  }
  return squared;
}

std::vector<double> FilledValleys::filled(double fraction) const {
  std::vector<double> losses = surrogate_.active().losses;
  fill(losses);
  for (int valley = 1; valley < most_valleys && stagnant(losses, sooner * fraction); ++valley) fill(losses);
  return losses;
}

void FilledValleys::fill(std::vector<double>& losses) const {
  const std::size_t best = place_of_least(losses);
  const double width = shape_->kernel == KernelKind::Rbf ? reach : rougher * reach;
  std::vector<double> squared, far;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    squared.push_back(squared_distance(i, best) / (width * width));
    if (squared[i] > 4) far.push_back(losses[i]);
  }
  const double usual = median_of(far.empty() ? losses : far);
  for (std::size_t i = 0; i < losses.size(); ++i)
    losses[i] += std::exp(-0.5 * squared[i]) * std::max(0.0, usual - losses[i]);
}

Surrogate::Model FilledValleys::rest(const std::vector<double>& filled) const {
  const Surrogate::Results& results = surrogate_.active();
  const std::size_t n = filled.size(), d = surrogate_.embedding().features();
  const std::size_t best = place_of_least(results.losses);
  std::vector<double> nearness(n);
  for (std::size_t i = 0; i < n; ++i) nearness[i] = -squared_distance(i, best);
  std::vector<std::size_t> places = ascending(nearness);
  places.resize(std::min(n, most_results));
  std::ranges::sort(places);

  Surrogate::Model model{.kernel = KernelKind::Rbf};
  std::vector<double> losses, features, noise;
  for (const std::size_t i : places) losses.push_back(filled[i]);
  model.transform = OutputTransform(model.kind, losses);
  const double slope = std::exp(model.transform.log_slope(losses.front()));
  for (const std::size_t i : places) {
    const auto row = results.features.begin() + static_cast<std::ptrdiff_t>(i * d);
    features.insert(features.end(), row, row + static_cast<std::ptrdiff_t>(d));
    noise.push_back(std::pow(results.deviations[i] * slope, 2));
    model.values.push_back(model.transform(filled[i]));
  }
  const FeatureGroups& groups = surrogate_.embedding().groups();
  const double lengthscale = usual_lengthscale * std::sqrt(static_cast<double>(groups.groups));
  model.parameters.log_lengthscales.assign(groups.groups, std::log(lengthscale));
  model.parameters.log_noise = std::max(std::log(usual_noise), shape_->parameters.log_noise);
  model.process.emplace(model.kernel, groups, model.parameters);
  model.process->set_points({features.data(), places.size(), d, d}, noise);
  model.process->set_values(model.values);
  const std::vector<double> latent = model.process->latent_values();
  const std::size_t least = place_of_least(latent);
  model.best = places[least];
  model.incumbent = latent[least];
  return model;
}

}  // namespace regatta::search
