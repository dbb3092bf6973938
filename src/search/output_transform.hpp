#pragma once

#include <span>
#include <vector>

namespace regatta::search {

/// Makes losses fit for a Gaussian process: monotone, then mean 0 and standard deviation 1.
class OutputTransform {
 public:
  enum class Kind {
    None,      ///< as they are
    Standard,  ///< mean and deviation only
    HalfRank,  ///< the worse half by its ranks, as half a normal distribution with the spread of the better
               ///< half
    Log,       ///< ln(1 + (loss - least) / offset), offset = median - least
    LogSharp,  ///< with a tenth of that offset
  };

  OutputTransform() = default;
  /// Takes its constants from `losses`.
  OutputTransform(Kind kind, std::span<const double> losses);

  double operator()(double loss) const;
  /// Logarithm of the derivative there.
  double log_slope(double loss) const;
  Kind kind() const { return kind_; }

 private:
  double shape(double loss) const;
  double log_shape_slope(double loss) const;

  Kind kind_ = Kind::Standard;
  double low_ = 0, offset_ = 1, centre_ = 0, scale_ = 1;
  double median_ = 0;
  std::vector<double> worse_;   ///< losses above the median, ascending
  std::vector<double> placed_;  ///< what they become
};

}  // namespace regatta::search
