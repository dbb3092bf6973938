#include "output_transform.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/space/parameter.hpp"

namespace regatta::search {
namespace {

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value / static_cast<double>(values.size());
  return sum;
}

double deviation_of(std::span<const double> values, double mean) {
  double sum = 0;
  for (const double value : values)
    sum += (value - mean) * (value - mean) / static_cast<double>(values.size());
  return std::sqrt(sum);
}

}  // namespace

OutputTransform::OutputTransform(Kind kind, std::span<const double> losses) : kind_(kind) {
  std::vector<double> sorted(losses.begin(), losses.end());
  std::ranges::sort(sorted);
  const std::size_t n = sorted.size();
  low_ = sorted.front();
  median_ = sorted[(n - 1) / 2];
  const double spread = median_ - low_ > 0 ? median_ - low_ : sorted.back() - low_;
  if (kind == Kind::Log) offset_ = spread;
  if (kind == Kind::LogSharp) offset_ = 0.1 * spread;
  if (!(offset_ > 0)) offset_ = 1;
  if (kind == Kind::HalfRank) {
    double squares = 0;
    std::size_t better = 0;
    for (const double loss : sorted)
      if (loss <= median_) squares += (loss - median_) * (loss - median_), ++better;
    const double good = std::sqrt(squares / static_cast<double>(better));
    const space::Parameter standard_normal{.kind = space::Kind::Normal, .low = 0, .high = 1};
    for (std::size_t i = better; i < n; ++i) {
      worse_.push_back(sorted[i]);
      placed_.push_back(
          median_ + good * standard_normal.decode((static_cast<double>(i) + 0.5) / static_cast<double>(n)));
    }
  }
  if (kind == Kind::None) return;
  std::vector<double> shaped;
  for (const double loss : losses) shaped.push_back(shape(loss));
  centre_ = mean_of(shaped);
  scale_ = deviation_of(shaped, centre_);
  if (!(scale_ > 1e-14 * std::max(1e-300, std::abs(centre_))))
    scale_ = std::max(1.0, std::abs(centre_));  // nothing but rounding
}

double OutputTransform::shape(double loss) const {
  switch (kind_) {
    case Kind::None:
    case Kind::Standard:
      return loss;
    case Kind::Log:
    case Kind::LogSharp:
      return std::log1p((loss - low_) / offset_);
    case Kind::HalfRank: {
      if (loss <= median_ || worse_.empty()) return loss;
      const auto place = std::ranges::lower_bound(worse_, loss) - worse_.begin();
      return placed_[std::min<std::size_t>(static_cast<std::size_t>(place), placed_.size() - 1)];
    }
  }
  return loss;
}

double OutputTransform::log_shape_slope(double loss) const {
  if (kind_ == Kind::Log || kind_ == Kind::LogSharp) return -std::log(loss - low_ + offset_);
  return 0;
}

double OutputTransform::operator()(double loss) const { return (shape(loss) - centre_) / scale_; }

double OutputTransform::log_slope(double loss) const { return log_shape_slope(loss) - std::log(scale_); }

}  // namespace regatta::search
