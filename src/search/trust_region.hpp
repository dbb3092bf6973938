#pragma once

#include <span>
#include <vector>

#include "acquisition_search.hpp"
#include "surrogate.hpp"

namespace regatta::search {

/// The side of a trust region around the best of the results so far, in unit coordinates, as they came: twice
/// as long after `success_limit` improvements in a row, half as long after as many results inside it without
/// one as there are parameters (at least 5); begins anew when it has become too small. Eriksson et al.
/// (2019), Scalable global optimization via local Bayesian optimization, NeurIPS 32, made asynchronous: a
/// result counts when it comes.
/// @return  in [2^-7, 1.6]
double trust_length(const std::vector<space::UnitPoint>& units, std::span<const double> losses);

/// A box around a unit point.
/// @param length  geometric mean of its sides
/// @param scale   1 / lengthscale by feature: sides are longer along parameters with long lengthscales
Region trust_box(const Embedding& embedding, std::span<const double> scale, double length,
                 const space::UnitPoint& centre);

/// Boxes with such sides, longer along parameters with long lengthscales: the first around the best result of
/// a model, each further one around the best of the results that lie outside twice the boxes before, from
/// which it also learns its side.
/// @param count  at most; at least one is returned
std::vector<Region> trust_regions(const Surrogate& surrogate, const Surrogate::Model& model,
                                  std::size_t count);

}  // namespace regatta::search
