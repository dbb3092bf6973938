#pragma once

#include <cstddef>
#include <vector>

#include "regatta/device/large_pages.hpp"
#include "regatta/device/linear_algebra.hpp"
#include "regatta/search/gaussian_process.hpp"

namespace regatta::search {

/// Rows of scaled features, together with what covariances with them need again and again: their squared
/// norms, and each feature by points, so that loops over points are loops over memory.
class KernelPoints {
 public:
  /// @param kind  of the kernel that will use them
  KernelPoints(KernelKind kind, std::size_t features) : kind_(kind), features_(features) {}
  KernelPoints(KernelKind kind, device::Block<const double> rows) : KernelPoints(kind, rows.columns) {
    append(rows);
  }

  void append(device::Block<const double> rows);
  /// Forgets all but the first `count` points.
  void truncate(std::size_t count);

  std::size_t size() const { return reaches_.size(); }
  device::Block<const double> rows() const { return {rows_.data(), size(), features_, features_}; }
  /// What stands here and below by points can be read to the end of its last block.
  const double* norms() const { return norms_.data(); }
  /// Feature c of all points.
  const double* places(std::size_t c) const { return places_.data() + c * capacity_; }
  /// exp(-sqrt(5) x) and its inverse, of feature c of all points; for AdditiveMatern52 alone.
  const double* decays(std::size_t c) const { return decays_.data() + c * capacity_; }
  const double* growths(std::size_t c) const { return growths_.data() + c * capacity_; }
  /// Largest sqrt(5) |x| of any feature of any point.
  double most_reach() const { return reaches_.empty() ? 0 : reaches_.back(); }

 private:
  bool lines() const { return kind_ == KernelKind::AdditiveMatern52; }
  void reserve(std::size_t count);

  KernelKind kind_;
  std::size_t features_, capacity_ = 0;  ///< capacity_: whole blocks
  std::vector<double> rows_;
  std::vector<double> reaches_;                            ///< of the points up to each
  device::LargeVector norms_, places_, decays_, growths_;  ///< 1 or features x capacity_
};

}  // namespace regatta::search
