#pragma once

#include <cstddef>
#include <vector>

#include "regatta/search/trial.hpp"

namespace regatta::search {

/// What a tree is told of a study. Losses: smaller is better.
class ObservedTree {
 public:
  virtual ~ObservedTree() = default;

  /// A trial begins to run.
  virtual void begin(const Config& config) = 0;
  /// A running trial has reached a loss, at whatever fidelity.
  virtual void report(const Config& config, double loss) = 0;
  /// A trial does not run any more; what it brought comes on its own.
  virtual void end(const Config& config) = 0;
  /// A result; they are numbered from 0 in this order.
  virtual void add(const Config& config, double loss) = 0;
  /// A result has another loss from now on.
  virtual void change(std::size_t result, double loss) = 0;
  /// All results have other losses from now on.
  virtual void change_all(const std::vector<double>& losses) = 0;
};

}  // namespace regatta::search
