#pragma once

#include "regatta/space/parameter.hpp"

namespace regatta::space {

/// The values of a discrete numeric parameter: k * step for every whole k from `first` to `last`.
struct Lattice {
  double first;
  double last;
  double step;

  double count() const { return last - first + 1; }
  /// k * step, rounded once: 3 * 0.1 is 0.3 here.
  double at(double k) const;
  /// The k whose value is nearest to `value`, kept within first..last.
  double nearest(double value) const;
};

/// The values of an int, logint, quniform or qloguniform parameter; last < first where no multiple lies in
/// its range.
Lattice lattice_of(const Parameter& parameter);

}  // namespace regatta::space
