#pragma once

#include <vector>

#include "landscape.hpp"
#include "lbfgs.hpp"
#include "regatta/core/random.hpp"

namespace regatta::search {

/// A part of the unit cube, bounds included.
struct Region {
  space::UnitPoint low, high;

  static Region everything(std::size_t dimensions);
  bool contains(const space::UnitPoint& point) const;
};

struct SearchEffort {
  int raw_samples = 512;   ///< scrambled Sobol points in the region
  int near_samples = 128;  ///< perturbations of the centres
  int restarts = 10;       ///< the best of all these, refined
  int iterations = 50;     ///< of each refinement
};

/// Rows of unit points to begin with: raw samples in the region and perturbations of the centres.
std::vector<double> draw_candidates(const Landscape& landscape, const Region& region,
                                    const std::vector<space::UnitPoint>& centres, const SearchEffort& effort,
                                    Random& random);

/// Where to look: a region, and unit points with good results in it, the best first.
struct Ground {
  Region region;
  std::vector<space::UnitPoint> centres;
};

/// Minimises a landscape over regions that share the effort: raw samples and perturbations of the centres are
/// scored at once, and the best of each region are refined, all at once: continuous parameters by L-BFGS in
/// lock step, discrete ones by moves to their best neighbour, in turn, until nothing changes.
/// @return refined points, the best first; those without a value are left out
std::vector<Minimum> minimise(Landscape& landscape, const std::vector<Ground>& grounds,
                              const SearchEffort& effort, Random& random);

}  // namespace regatta::search
