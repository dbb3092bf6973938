#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "surrogate.hpp"

namespace regatta::search {

/// The valleys of what is known. When that of the best result is exhausted it is filled up, and what is left
/// of the budget is a search of the rest: for a place better than the best one there, by a model of its own.
/// The models of all results have learnt their lengthscales in the valley and are too sure of what lies
/// beyond it.
class FilledValleys {
 public:
  explicit FilledValleys(const Surrogate& surrogate);

  /// Whether the last results near the best one have improved it by less than `fraction` of what lies between
  /// the best and the median loss.
  bool stagnant(double fraction) const { return stagnant(surrogate_.active().losses, fraction); }
  /// The losses of the active results, without the valley of the best one, and without those of the best of
  /// the rest as long as they are stagnant: a loss below what is usual far away, M, is raised by
  /// (M - loss) exp(-r^2 / (2 reach^2)), r the distance to the best result by lengthscales.
  std::vector<double> filled(double fraction) const;
  /// A belief about such losses, with the same lengthscale for all parameters. Beyond 256 results it sees
  /// those that are the farthest from the best one.
  Surrogate::Model rest(const std::vector<double>& filled) const;

 private:
  bool stagnant(std::span<const double> losses, double fraction) const;
  void fill(std::vector<double>& losses) const;
  /// By lengthscales, none longer than the side of the cube.
  double squared_distance(std::size_t result, std::size_t other) const;

  const Surrogate& surrogate_;
  const Surrogate::Model* shape_;  ///< has the lengthscales
};

}  // namespace regatta::search
