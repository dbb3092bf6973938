#pragma once

#include <span>
#include <vector>

#include "acquisition_search.hpp"
#include "regatta/space/space.hpp"

namespace regatta::search {

/// A configuration as the tree sees it: unit coordinates, NaN for inactive parameters.
space::UnitPoint place_of(const space::Space& space, const space::Config& config);
/// A unit point of that configuration.
space::UnitPoint unit_at(space::UnitPoint place);
space::Config config_at(const space::Space& space, const space::UnitPoint& place);

/// The word of a choice at a unit coordinate.
std::size_t word_at(double unit, std::size_t words);

/// How a part of a space is cut into children, along one parameter. Every place has exactly one child.
struct Split {
  enum class Kind {
    None,
    Activity,  ///< child 0 where the parameter is active, child 1 where it is not
    Borders,   ///< child number = borders that are not above the unit coordinate; 0 where it is inactive
    Words,     ///< by the word of a choice; 0 where it is inactive
  };
  Kind kind = Kind::None;
  std::size_t parameter = 0;
  std::vector<double> borders;        ///< unit coordinates, ascending
  std::vector<std::size_t> child_of;  ///< by word
  std::vector<double> shares;         ///< of the part's volume, one per child, sum 1

  std::size_t children() const { return shares.size(); }
  std::size_t child(std::span<const double> place) const;
};

/// A part of a space: an interval of unit coordinates or a set of words for each parameter, and whether that
/// may be active and inactive there.
class Part {
 public:
  struct Side {
    double low = 0, high = 1;  ///< [low, high)
    std::vector<bool> words;   ///< of a choice: those it may be; empty: all
    bool may_be_active = true, may_be_inactive = true;

    double width() const { return high - low; }
  };

  Part() = default;
  explicit Part(const space::Space& space) : sides_(space.size()) {}

  bool contains(std::span<const double> place) const;
  /// The share of this part that one of the children of `split` is.
  Part child(const Split& split, std::size_t number) const;
  const Side& side(std::size_t parameter) const { return sides_[parameter]; }
  /// Whether the smallest box around it holds places that do not belong to it.
  bool is_box() const { return box_; }
  /// The smallest box around it, each side longer by `margin` of its width on both ends.
  Region box(double margin) const;
  /// Squared distance of a place to the box, each coordinate divided by the width of its side.
  double squared_distance(std::span<const double> place) const;

  /// Calls `visit` with all that it is made of, to write or to read it.
  template <class Visit>
  void visit_fields(Visit visit) {
    visit(sides_, box_);
  }

 private:
  std::vector<Side> sides_;
  bool box_ = true;
};

}  // namespace regatta::search
