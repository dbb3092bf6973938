#pragma once

#include <span>
#include <string>
#include <vector>

namespace regatta::report {

/// `text` as it stands in HTML and SVG.
std::string escaped(const std::string& text);

/// A colour from yellow (0) over green to dark blue (1), for a light background.
std::string shade(double share);

/// From where to where an axis goes.
struct Range {
  double low = 0, high = 1;
  /// Where `value` lies, 0 at the low end and 1 at the high one; beyond them the nearer end.
  double place(double value) const;
};

/// The finite ones of `values` without the worst quarter, so that a few bad trials do not flatten all others;
/// never of length 0.
/// @param maximize  the low values are the bad ones
Range range_of(std::vector<double> values, bool maximize);

/// A drawing of points over two axes as SVG.
class Plot {
 public:
  /// @param width, height  [pixel]
  Plot(double width, double height, Range x, Range y) : width_(width), height_(height), x_(x), y_(y) {}

  void point(double x, double y, const std::string& colour, bool filled, const std::string& tip);
  /// Horizontal and vertical pieces through the points, which are sorted by x.
  void steps(std::span<const std::pair<double, double>> points, const std::string& colour);
  /// @param x_labels  at the two ends of the axis
  std::string svg(const std::string& title, const std::string& x_low, const std::string& x_high) const;

 private:
  double across(double x) const;
  double down(double y) const;

  double width_, height_;
  Range x_, y_;
  std::string shapes_;
};

}  // namespace regatta::report
