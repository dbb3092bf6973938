#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace regatta::search {

/// A minimum that one of several problems has come to.
struct Minimum {
  std::vector<double> point;
  double value = 0;
};

struct LbfgsOptions {
  int iterations = 50;
  int memory = 8;
  double gradient_tolerance = 1e-6;  ///< largest entry of the projected gradient
  double value_tolerance = 1e-9;     ///< relative decrease
  int heat = 0;                      ///< rounds after which the worse half of the starts is given up, and so
                                     ///< on until two are left; 0: all go to the end
};

/// Values and gradients of several points at once.
/// @param points     rows of `dimensions` numbers
/// @param values     one per row; infinity where the function has no value
/// @param gradients  rows of `dimensions` numbers
using BatchFunction = std::function<void(std::span<const double> points, std::span<double> values,
                                         std::span<double> gradients)>;

/// Bounds of the coordinates.
struct Box {
  std::span<const double> low, high;
};

/// Minimises one function from several starts in lock step, so that each round evaluates all of them at once:
/// the limited-memory BFGS method (Nocedal and Wright 2006, Numerical Optimization, 7.2) with gradients
/// projected on a box and a backtracking line search.
/// @param starts  rows of coordinates inside their boxes
/// @param boxes   one per start; those of the same memory follow each other, and their starts compete in
/// heats
std::vector<Minimum> minimise(const BatchFunction& function, std::span<const double> starts,
                              std::span<const Box> boxes, const LbfgsOptions& options);
/// The same with one box for all starts.
std::vector<Minimum> minimise(const BatchFunction& function, std::span<const double> starts,
                              std::span<const double> low, std::span<const double> high,
                              const LbfgsOptions& options);

}  // namespace regatta::search
