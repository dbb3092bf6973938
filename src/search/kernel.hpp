#pragma once

#include <span>
#include <vector>

#include "kernel_points.hpp"
#include "regatta/device/linear_algebra.hpp"
#include "regatta/search/gaussian_process.hpp"

namespace regatta::search {

constexpr bool is_additive(KernelKind kind) {
  return kind == KernelKind::AdditiveMatern52 || kind == KernelKind::AdditiveRbf;
}

/// Covariances of unit variance between rows of features that are divided by their lengthscales.
///
/// Radial profiles: Matern 5/2: (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r); RBF: exp(-r^2 / 2) (Rasmussen
/// and Williams 2006, Gaussian Processes for Machine Learning, 4.2). A product kernel takes the profile of
/// the distance over all features; an additive one is the mean over the groups of the profile of the distance
/// within the group (Duvenaud, Nickisch, Rasmussen 2011, Additive Gaussian processes, NIPS 24, first order).
///
/// Derivatives of a product kernel go by its slopes, -2 dk / d(r^2), which come with the covariances;
/// additive kernels make theirs anew, and leave `slopes` alone.
class Kernel {
 public:
  Kernel(KernelKind kind, const FeatureGroups& groups) : kind_(kind), groups_(groups) {}

  /// @param k       a.rows x at most b.size(): covariances with the first points
  /// @param slopes  as large, or without data
  void values(device::Block<const double> a, const KernelPoints& b, device::Block<double> k,
              device::Block<double> slopes = {}) const;
  /// The lower triangle of values(a, a, k) without its diagonal.
  void lower_values(const KernelPoints& a, device::Block<double> k, device::Block<double> slopes = {}) const;
  /// Covariances between one row and the points from `first` on, each to the same bits whatever the others.
  void row_values(const double* a, const KernelPoints& b, std::size_t first, std::span<double> k) const;

  /// Covariances within group g alone, of which those of an additive kernel are the mean.
  /// @param k  a.size() x b.size()
  void group_values(std::size_t g, const KernelPoints& a, const KernelPoints& b,
                    device::Block<double> k) const;

  /// gradient(i, c) = sum over j of w(i, j) dk(a_i, b_j) / da(i, c).
  /// @param slopes    of values(a, b, k)
  /// @param w         a.rows x b.size() (overwritten)
  /// @param gradient  a.rows x features
  void pull(device::Block<const double> a, const KernelPoints& b, device::Block<const double> slopes,
            device::Block<double> w, device::Block<double> gradient) const;

  /// Adds to gradient[g] the sum over i > j of w(i, j) dk(a_i, a_j) / d ln(lengthscale g).
  /// @param slopes  of lower_values(a, k)
  /// @param w       a.size() x a.size() (overwritten)
  void add_lengthscale_gradient(const KernelPoints& a, device::Block<const double> slopes,
                                device::Block<double> w, std::span<double> gradient) const;

 private:
  void pull_product(device::Block<const double> a, const KernelPoints& b, device::Block<const double> slopes,
                    device::Block<double> w, device::Block<double> gradient) const;
  void pull_additive(device::Block<const double> a, const KernelPoints& b, device::Block<const double> w,
                     device::Block<double> gradient) const;
  void add_product_gradient(const KernelPoints& a, device::Block<const double> slopes,
                            device::Block<double> w, std::span<double> gradient) const;
  void add_additive_gradient(const KernelPoints& a, device::Block<const double> w,
                             std::span<double> gradient) const;
  bool additive() const { return is_additive(kind_); }
  bool rbf() const { return kind_ == KernelKind::Rbf || kind_ == KernelKind::AdditiveRbf; }

  KernelKind kind_;
  const FeatureGroups& groups_;
};

}  // namespace regatta::search
