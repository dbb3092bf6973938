#pragma once

#include <functional>
#include <optional>

#include "acquisition_search.hpp"
#include "valleys.hpp"

namespace regatta::search {

/// A draw from the user's prior.
space::UnitPoint believed_unit(const space::Space& space, const UserPrior& prior, Random& random);

/// One proposal of a Bayesian searcher.
class Ask {
 public:
  struct Setting {
    const BayesianOptions* options = nullptr;
    std::function<bool(const Config&)> seen;  ///< known or running configurations
    std::size_t regions = 0;                  ///< keep to as many trust regions; 0: everywhere
    /// Keep to a part of the cube, from these centres, with this effort; none: by the results of the surrogate.
    struct Place {
      Region region;
      std::vector<space::UnitPoint> centres;
      SearchEffort effort;
    };
    std::optional<Place> place = {};
    bool restless = false;    ///< look for another valley once that of the best result is exhausted
    bool scouting = false;    ///< and begin with a new one
    bool improvement = true;  ///< values of the landscape are logarithms of expected improvements
    /// What is added to the promise of each of the best places before one is chosen [nat]; null: nothing.
    std::function<double(const space::UnitPoint&)> favour = {};
  };

  Ask(const Surrogate& surrogate, Landscape& landscape, Setting setting, Random& random);

  /// The best configuration of the landscape that has not been seen; none when there is none.
  std::optional<Config> maximise();
  /// The best one under a joint sample of the belief (Thompson 1933).
  std::optional<Config> sample();
  /// The configuration with the largest expected improvement anywhere; none when there is none.
  std::optional<Config> most_promising();
  /// Logarithm of that improvement, transformed.
  double largest_improvement();

 private:
  bool allowed(const Config& config) const;
  bool exhausted(const std::vector<Minimum>& minima) const;
  /// What the model alone says of a minimum, so that the user's prior neither makes a valley hopeless nor
  /// keeps it alive.
  double promise(const Minimum& minimum) const { return -minimum.value - landscape_.prior(minimum.point); }
  std::vector<Minimum> favoured(std::vector<Minimum> minima) const;
  std::optional<Config> first_allowed(const std::vector<Minimum>& minima) const;
  /// The best results and, unless the proposal is local, where the user expects good ones.
  std::vector<space::UnitPoint> centres();
  std::vector<Region> regions() const;
  /// The minima of all regions, the best first; they share the effort.
  std::vector<Minimum> minima();
  std::vector<Minimum> minima_everywhere();
  std::optional<Config> other_valley();
  std::optional<Config> scout();

  const Surrogate& surrogate_;
  Landscape& landscape_;
  const space::Space& space_;
  const Surrogate::Model& model_;
  Setting setting_;
  Random& random_;
  Valleys valleys_;
  SearchEffort effort_;
};

}  // namespace regatta::search
