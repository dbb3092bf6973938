#pragma once

#include <span>
#include <vector>

#include "regatta/device/linear_algebra.hpp"
#include "regatta/search/gaussian_process.hpp"

namespace regatta::search {

/// Covariances of unit variance between rows of features that are divided by their lengthscales.
///
/// Radial profiles: Matern 5/2: (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r); RBF: exp(-r^2 / 2) (Rasmussen
/// and Williams 2006, Gaussian Processes for Machine Learning, 4.2). A product kernel takes the profile of
/// the distance over all features; an additive one is the mean over the groups of the profile of the distance
/// within the group (Duvenaud, Nickisch, Rasmussen 2011, Additive Gaussian processes, NIPS 24, first order).
class Kernel {
 public:
  Kernel(KernelKind kind, const FeatureGroups& groups) : kind_(kind), groups_(groups) {}

  /// @param k  a.rows x b.rows
  void values(device::Block<const double> a, device::Block<const double> b, device::Block<double> k) const;
  /// The lower triangle of values(a, a, k) without its diagonal.
  void lower_values(device::Block<const double> a, device::Block<double> k) const;

  /// gradient(i, c) = sum over j of w(i, j) dk(a_i, b_j) / da(i, c).
  /// @param w         a.rows x b.rows (overwritten)
  /// @param gradient  a.rows x features
  void pull(device::Block<const double> a, device::Block<const double> b, device::Block<double> w,
            device::Block<double> gradient) const;

  /// Adds to gradient[g] the sum over i > j of w(i, j) dk(a_i, a_j) / d ln(lengthscale g). Overwrites w.
  void add_lengthscale_gradient(device::Block<const double> a, device::Block<double> w,
                                std::span<double> gradient) const;

 private:
  void pull_product(device::Block<const double> a, device::Block<const double> b, device::Block<double> w,
                    device::Block<double> gradient) const;
  void pull_additive(device::Block<const double> a, device::Block<const double> b, device::Block<double> w,
                     device::Block<double> gradient) const;
  void add_product_gradient(device::Block<const double> a, device::Block<double> w,
                            std::span<double> gradient) const;
  void add_additive_gradient(device::Block<const double> a, device::Block<double> w,
                             std::span<double> gradient) const;
  bool additive() const { return kind_ == KernelKind::AdditiveMatern52 || kind_ == KernelKind::AdditiveRbf; }
  bool rbf() const { return kind_ == KernelKind::Rbf || kind_ == KernelKind::AdditiveRbf; }

  KernelKind kind_;
  const FeatureGroups& groups_;
};

}  // namespace regatta::search
