#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "acquisition_search.hpp"
#include "surrogate.hpp"

namespace regatta::search {

/// The valleys of a belief: a result lies in the valley of another one when the mean does not rise on the
/// straight way between them. When the valley of the best result is exhausted, what is left of the budget
/// looks for a better one.
class Valleys {
 public:
  explicit Valleys(const Surrogate& surrogate, const Surrogate::Model& model)
      : surrogate_(surrogate), model_(model) {}

  /// Whether the last results near the best one have improved it by less than `fraction` of what lies between
  /// the best and the median loss.
  bool stagnant(double fraction) const;
  /// Whether the mean rises on the way from a point to a result above both.
  /// @param mean  transformed loss there
  bool hill_between(std::span<const double> features, double mean, std::size_t result) const;
  /// The best result outside the valleys of `mined`; none when all lie in them.
  std::optional<std::size_t> next(const std::vector<std::size_t>& mined) const;
  /// A box around a result that ends half-way to those of other valleys.
  Region region(std::size_t result, const std::vector<std::size_t>& others) const;

 private:
  /// Whether two results lie within half a lengthscale of each other.
  bool close(std::size_t result, std::size_t other) const;

  const Surrogate& surrogate_;
  const Surrogate::Model& model_;
};

}  // namespace regatta::search
