#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace regatta::objective {

/// A function with a known minimum, on which searchers are measured.
///
/// Formulas, domains and minima: Surjanovic and Bingham, Virtual library of simulation experiments; those of
/// log_*, mod_hartmann6, wang_freitas and cosines: De Ath et al. 2021, "Greed is good". All of them are
/// defined beyond their domain and nowhere below their minimum as far as a shift reaches, so that it is a
/// plain translation. Of the 8 coordinates of mixed_ackley two are whole numbers and three are codes of
/// categories.
class TestFunction {
 public:
  /// Half the width of the range in which a shift is drawn, as a fraction of the domain's width.
  static constexpr double shift_range = 0.25;
  /// A shifted minimiser keeps this fraction of the domain's width to each bound (or what the unshifted one
  /// keeps).
  static constexpr double shift_margin = 0.05;

  /// Bounds of every dimension that replace the function's own; a code keeps its values.
  struct Domain {
    std::optional<double> low, high;
  };

  /// Names of all test functions, the first is the default.
  static const std::vector<std::string>& names();
  /// The only number of dimensions that `name` has; none: any from least_dimensions() on.
  static std::optional<int> fixed_dimensions(const std::string& name);
  static int least_dimensions(const std::string& name);

  /// @param shift  moves the minimiser: f(x) becomes f(x - s) with s drawn from this seed; none: not moved.
  ///               Only real coordinates are moved.
  /// @throws InvalidInput  unknown name, dimensions that it does not have, or a domain without its minimum
  TestFunction(const std::string& name, int dimensions, std::optional<std::uint64_t> shift = {},
               const Domain& domain = {});

  double operator()(std::span<const double> x) const;
  int dimensions() const { return static_cast<int>(low_.size()); }
  double low(int dimension) const { return low_[static_cast<std::size_t>(dimension)]; }
  double high(int dimension) const { return high_[static_cast<std::size_t>(dimension)]; }
  /// The dimension in the space language.
  std::string definition(int dimension) const;
  /// The smallest value anywhere, the same with every shift.
  double minimum() const { return minimum_; }
  /// A point where the function has it, inside the domain; Branin has two more and the camel one.
  const std::vector<double>& minimiser() const { return minimiser_; }

 private:
  enum class Kind { Real, Whole, Code };

  static std::vector<Kind> mixed_kinds();
  void restrict_to(const Domain& domain, const std::string& name);
  void draw_shift(std::uint64_t seed);

  double (*formula_)(std::span<const double>);
  std::vector<double> low_, high_;
  std::vector<Kind> kinds_;
  std::vector<double> shift_;  ///< empty: none
  std::vector<double> minimiser_;
  double minimum_ = 0;
};

}  // namespace regatta::objective
