#include "cost_model.hpp"

#include <cmath>

#include "regatta/device/linear_algebra.hpp"

namespace regatta::search {
namespace {

constexpr double ridge =
    1;  // trials' worth of the belief that a feature does not matter, each at unit distance

}  // namespace

CostModel::CostModel(std::size_t features) : features_(features) { clear(); }

void CostModel::clear() {
  count_ = sum_ = 0;
  means_.assign(features_, 0);
  products_.assign(features_ * features_, 0);
  with_seconds_.assign(features_, 0);
  slope_.clear();
}

void CostModel::add(std::span<const double> features, double seconds) {
  const double log_seconds = std::log(seconds);
  count_ += 1;
  sum_ += log_seconds;
  for (std::size_t i = 0; i < features_; ++i) {
    means_[i] += features[i];
    with_seconds_[i] += features[i] * log_seconds;
    for (std::size_t j = 0; j <= i; ++j) products_[i * features_ + j] += features[i] * features[j];
  }
  slope_.clear();
}

/// (X^T X + ridge) slope = X^T y, with X and y about their means.
void CostModel::solve() const {
  const std::size_t d = features_;
  std::vector<double> matrix(products_);
  slope_ = with_seconds_;
  for (std::size_t i = 0; i < d; ++i) {
    slope_[i] -= means_[i] * sum_ / count_;
    for (std::size_t j = 0; j <= i; ++j) matrix[i * d + j] -= means_[i] * means_[j] / count_;
    matrix[i * d + i] += ridge;
  }
  device::algebra::cholesky_with_jitter({matrix.data(), d, d, d}, 1e-10);
  device::algebra::invert_lower({matrix.data(), d, d, d});
  device::algebra::multiply_lower({matrix.data(), d, d, d}, device::algebra::Form::Plain, slope_);
  device::algebra::multiply_lower({matrix.data(), d, d, d}, device::algebra::Form::Transposed, slope_);
}

double CostModel::operator()(std::span<const double> features, std::span<double> by_feature) const {
  if (count_ == 0) return 0;
  if (slope_.empty()) solve();
  double result = 0;
  for (std::size_t i = 0; i < features_; ++i) result += slope_[i] * (features[i] - means_[i] / count_);
  for (std::size_t i = 0; i < by_feature.size(); ++i) by_feature[i] += slope_[i];
  return result;
}

}  // namespace regatta::search
