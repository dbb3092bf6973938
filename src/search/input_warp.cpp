#include "input_warp.hpp"

#include <algorithm>
#include <cmath>

namespace regatta::search {
namespace {

constexpr double margin = 1e-6;  // of the unit interval, where the slope may be infinite

double unit_of(double feature) { return std::clamp(feature + 0.5, margin, 1 - margin); }

}  // namespace

InputWarp::InputWarp(const FeatureGroups& groups, std::span<const double> log_shapes) {
  for (std::size_t i = 0; 2 * i < log_shapes.size(); ++i)
    shapes_.push_back({groups.lines[i], std::exp(log_shapes[2 * i]), std::exp(log_shapes[2 * i + 1])});
}

void InputWarp::apply(std::span<double> features, std::span<double> slopes) const {
  std::ranges::fill(slopes, 1.0);
  for (const auto& [feature, a, b] : shapes_) {
    const double u = unit_of(features[feature]), power = std::pow(u, a), rest = std::pow(1 - power, b);
    features[feature] = 0.5 - rest;
    if (!slopes.empty()) slopes[feature] = a * b * power / u * rest / (1 - power);
  }
}

void InputWarp::pull_back(std::span<const double> features, std::span<const double> by_bent,
                          std::span<double> by_log_shapes) const {
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    const auto& [feature, a, b] = shapes_[i];
    const double u = unit_of(features[feature]), power = std::pow(u, a), rest = std::pow(1 - power, b);
    by_log_shapes[2 * i] += by_bent[feature] * b * rest / (1 - power) * power * std::log(u) * a;
    by_log_shapes[2 * i + 1] -= by_bent[feature] * rest * std::log1p(-power) * b;
  }
}

}  // namespace regatta::search
