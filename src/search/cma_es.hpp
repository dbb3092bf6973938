#pragma once

#include "lbfgs.hpp"
#include "regatta/core/random.hpp"

namespace regatta::search {

struct CmaEsOptions {
  int generations = 60;
  double step = 0.2;        ///< first standard deviation of the search, as a part of the box's sides
  double tolerance = 1e-9;  ///< ends the search when no deviation is larger [parts of the box's sides]
};

/// Minimises without gradients by the covariance matrix adaptation evolution strategy with a diagonal
/// covariance, whose cost grows linearly with the dimension: Hansen (2016), The CMA evolution strategy: a
/// tutorial, arXiv 1604.00772, with the learning rates of Ros and Hansen (2008), A simple modification in
/// CMA-ES achieving linear time and space complexity.
///
/// Each generation of 4 + floor(3 ln d) points is evaluated at once. Coordinates that fall outside the box
/// [low, high] are drawn again. Points without a value (infinite or not a number) rank last.
///
/// @param function  is given no room for gradients (an empty span)
/// @param start     inside the box; evaluated too, so that the result is never worse
/// @return the best point seen; its value is infinite where no point had one
Minimum minimise_by_evolution(const BatchFunction& function, std::span<const double> start,
                              std::span<const double> low, std::span<const double> high,
                              const CmaEsOptions& options, Random& random);

}  // namespace regatta::search
