#include "feasibility.hpp"

#include <cmath>

namespace regatta::search {
namespace {

constexpr double prior = 1;  ///< successes taken for granted

}  // namespace

void Feasibility::add(std::span<const double> features, bool failed) {
  std::vector<double>& points = failed ? failed_ : succeeded_;
  points.insert(points.end(), features.begin(), features.end());
}

void Feasibility::clear() {
  succeeded_.clear();
  failed_.clear();
}

/// The sum of all weights, and its derivatives where wanted.
double Feasibility::vote(const std::vector<double>& points, std::span<const double> features,
                         std::span<double> by_feature) const {
  double sum = 0;
  for (std::size_t first = 0; first < points.size(); first += features_) {
    double squared = 0;
    for (std::size_t c = 0; c < features_; ++c)
      squared += std::pow((features[c] - points[first + c]) / radius_, 2);
    const double weight = std::exp(-0.5 * squared);
    sum += weight;
    for (std::size_t c = 0; c < by_feature.size(); ++c)
      by_feature[c] -= weight * (features[c] - points[first + c]) / (radius_ * radius_);
  }
  return sum;
}

double Feasibility::operator()(std::span<const double> features, std::span<double> by_feature) const {
  std::vector<double> d_good(by_feature.size(), 0.0), d_bad(by_feature.size(), 0.0);
  const double good = prior + vote(succeeded_, features, d_good);
  const double bad = vote(failed_, features, d_bad);
  for (std::size_t c = 0; c < by_feature.size(); ++c)
    by_feature[c] += d_good[c] / good - (d_good[c] + d_bad[c]) / (good + bad);
  return std::log(good / (good + bad));
}

}  // namespace regatta::search
