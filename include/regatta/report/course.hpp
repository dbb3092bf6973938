#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "regatta/search/event.hpp"

namespace regatta::report {

/// The best value that any trial of a study has reported so far, over time.
class Course {
 public:
  explicit Course(bool maximize = false) : maximize_(maximize) {}

  /// Takes the next event; those that are no reports, and values that are not finite, change nothing.
  void take(const search::Event& event);
  /// The best until `time` [s]; NaN before the first report.
  double at(double time) const;
  bool maximize() const { return maximize_; }

 private:
  bool maximize_;
  std::vector<std::pair<double, double>> steps_;  ///< time of each improvement, value
};

/// Several courses of one setting, which differ by their seeds.
struct Setting {
  std::string name;
  std::vector<Course> courses;

  /// Quantile of the values at `time`, between neighbours linearly, from the worst (0) to the best (1); NaN:
  /// no course has a value there yet.
  double quantile(double time, double fraction) const;
};

/// Medians of the settings over time as a plot for the terminal, a letter for each setting, and what they are
/// at 5, 10, 25, 50 and 100 % of the time, with the quartiles at the end.
/// @param end  of the time [s]
std::string comparison_text(std::span<const Setting> settings, double end);

}  // namespace regatta::report
