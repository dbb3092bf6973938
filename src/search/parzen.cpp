#include "parzen.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace regatta::search {
namespace {

constexpr double below_one = 1 - 0x1p-53;

/// Words without an order; numbers in a list are taken in their order.
bool is_unordered(const space::Parameter& parameter) {
  const auto is_word = [](const space::Value& value) { return std::holds_alternative<std::string>(value); };
  return parameter.kind == space::Kind::Choice ||
         (parameter.categorical() && std::ranges::any_of(parameter.categories, is_word));
}

double normal_mass(double low, double high) {
  return 0.5 * (std::erf(high / std::numbers::sqrt2) - std::erf(low / std::numbers::sqrt2));
}

}  // namespace

Parzen::Parzen(const space::Space& space, std::span<const space::Config> observations)
    : space_(space), kernels_(observations.size() + 1) {
  for (std::size_t p = 0; p < space.size(); ++p) axes_.push_back(axis_of(p, observations));
}

Parzen::Axis Parzen::axis_of(std::size_t parameter, std::span<const space::Config> observations) const {
  const space::Parameter& definition = space_.parameters()[parameter];
  Axis axis;
  if (is_unordered(definition)) axis.categories = static_cast<double>(definition.categories.size());
  for (const space::Config& config : observations) {
    const double entry = config[parameter];
    axis.centres.push_back(std::isnan(entry) || axis.categories > 0 ? entry : definition.encode(entry));
  }
  if (axis.categories == 0) set_widths(axis, definition);
  return axis;
}

void Parzen::set_widths(Axis& axis, const space::Parameter& parameter) const {
  std::vector<std::size_t> order;
  for (std::size_t k = 0; k < axis.centres.size(); ++k)
    if (!std::isnan(axis.centres[k])) order.push_back(k);
  std::ranges::stable_sort(order, {}, [&](std::size_t k) { return axis.centres[k]; });
  const double half_cell = 0.5 / parameter.cardinality().value_or(1e9);
  const double least = std::max(half_cell, 1 / std::min(100.0, 1.0 + static_cast<double>(kernels_)));
  axis.widths.assign(axis.centres.size(), 1);
  axis.log_heights.assign(axis.centres.size(), 0);
  for (std::size_t place = 0; place < order.size(); ++place) {
    const double centre = axis.centres[order[place]];
    const double left = place > 0 ? centre - axis.centres[order[place - 1]] : 0;
    const double right = place + 1 < order.size() ? axis.centres[order[place + 1]] - centre : 0;
    const double alone = order.size() == 1 ? 1 : 0;
    const double width = std::clamp(std::max({left, right, alone}), least, 1.0);
    const double mass = normal_mass(-centre / width, (1 - centre) / width);
    axis.widths[order[place]] = width;
    axis.log_heights[order[place]] = -std::log(width * std::sqrt(2 * std::numbers::pi) * mass);
  }
}

space::Config Parzen::sample(Random& random) const {
  const std::size_t kernel = random.below(kernels_);
  space::UnitPoint unit(axes_.size());
  for (std::size_t p = 0; p < axes_.size(); ++p) {
    const double place = draw(axes_[p], kernel, random);
    unit[p] = axes_[p].categories > 0 ? (place + 0.5) / axes_[p].categories : place;
  }
  return space_.decode(unit);
}

double Parzen::draw(const Axis& axis, std::size_t kernel, Random& random) const {
  const bool uniform = kernel >= axis.centres.size() || std::isnan(axis.centres[kernel]);
  if (axis.categories > 0) {
    const double share = static_cast<double>(kernels_) / (static_cast<double>(kernels_) + axis.categories);
    if (!uniform && random.uniform() < share) return axis.centres[kernel];
    return static_cast<double>(random.below(static_cast<std::uint64_t>(axis.categories)));
  }
  if (uniform) return random.uniform();
  while (true) {  // at least a third of the mass lies inside
    const double place = axis.centres[kernel] + axis.widths[kernel] * random.normal();
    if (place >= 0 && place <= below_one) return place;
  }
}

double Parzen::log_kernel(const Axis& axis, std::size_t kernel, double place) const {
  const bool uniform = kernel >= axis.centres.size() || std::isnan(axis.centres[kernel]);
  if (axis.categories > 0) {
    const auto kernels = static_cast<double>(kernels_);
    const double hit = !uniform && axis.centres[kernel] == place ? kernels : 0;
    return uniform ? -std::log(axis.categories) : std::log((1 + hit) / (kernels + axis.categories));
  }
  if (uniform) return 0;
  const double distance = (place - axis.centres[kernel]) / axis.widths[kernel];
  return axis.log_heights[kernel] - 0.5 * distance * distance;
}

double Parzen::log_density(std::span<const double> config) const {
  std::vector<double> places(axes_.size());
  for (std::size_t p = 0; p < axes_.size(); ++p) {
    const bool plain = std::isnan(config[p]) || axes_[p].categories > 0;
    places[p] = plain ? config[p] : space_.parameters()[p].encode(config[p]);
  }
  std::vector<double> logs(kernels_, 0);
  for (std::size_t p = 0; p < axes_.size(); ++p)
    for (std::size_t k = 0; k < kernels_ && !std::isnan(places[p]); ++k)
      logs[k] += log_kernel(axes_[p], k, places[p]);
  const double largest = *std::ranges::max_element(logs);
  const double sum = std::accumulate(logs.begin(), logs.end(), 0.0, [&](double total, double log) {
    return total + std::exp(log - largest);
  });
  return largest + std::log(sum / static_cast<double>(kernels_));
}

}  // namespace regatta::search
