#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "regatta/search/gaussian_process.hpp"
#include "regatta/space/space.hpp"

namespace regatta::search {

/// Places configurations in a Euclidean space in which the distance of a stationary kernel respects every
/// kind of parameter:
///
/// - a number or an ordinal is its unit coordinate, that of the value itself (whole numbers stand in the
/// middle of their cell);
/// - the words of a choice have distance 1 from each other (Hamming);
/// - a parameter with a condition lies on an arc, (sin, cos)(pi rho u) / (pi rho), and at the centre where it
/// is inactive: all
///   active values are equally far from "inactive". Swersky et al. (2014), Raiders of the lost architecture,
///   with rho = 1/2. The words of a conditional choice have distance 1, and 1/sqrt(2) from "inactive".
class Embedding {
 public:
  explicit Embedding(const space::Space& space);

  const FeatureGroups& groups() const { return groups_; }
  std::size_t features() const { return groups_.group_of.size(); }
  /// Parameters whose features follow their unit coordinate smoothly.
  const std::vector<std::size_t>& continuous() const { return continuous_; }
  /// Parameters with a finite number of values, more than one.
  const std::vector<std::size_t>& discrete() const { return discrete_; }

  /// Column of the (first) feature of a parameter that has any.
  std::size_t first_feature(std::size_t parameter) const { return places_[parameter].first; }

  /// @param config    an assignment of the space
  /// @param features  features() numbers
  void embed(std::span<const double> config, std::span<double> features) const;
  /// Features of a unit point of a space of continuous parameters without conditions (plain()).
  void embed_plain(std::span<const double> unit, std::span<double> features) const;
  bool plain() const { return plain_; }

  /// Derivatives by the unit coordinates of the continuous parameters from those by the features.
  /// @param by_unit  one per parameter of the space; 0 for others
  void pull_back(std::span<const double> config, std::span<const double> unit,
                 std::span<const double> by_feature, std::span<double> by_unit) const;

 private:
  enum class Form { None, Line, Words, Arc, ArcWords };
  struct Place {
    Form form = Form::None;
    std::size_t first = 0, count = 0;  ///< features
  };

  space::Space space_;
  std::vector<Place> places_;
  FeatureGroups groups_;
  std::vector<std::size_t> continuous_, discrete_;
  bool plain_ = true;
};

}  // namespace regatta::search
