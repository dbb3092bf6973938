#include "device_evidence.hpp"

#include <algorithm>

namespace regatta::search {

device::EvidenceSolver* worthwhile(device::EvidenceSolver* solver, KernelKind kind, std::size_t n) {
  const bool product = kind == KernelKind::Matern52 || kind == KernelKind::Rbf;
  return product && n >= evidence_crossover && n <= device::EvidenceSolver::most_points ? solver : nullptr;
}

device::KernelProfile profile_of(KernelKind kind) {
  return kind == KernelKind::Rbf ? device::KernelProfile::Rbf : device::KernelProfile::Matern52;
}

std::optional<double> likelihood_by(device::EvidenceSolver& solver,
                                    const device::ObservedCovariance& covariance,
                                    std::span<const double> values, const FeatureGroups& groups,
                                    std::span<double> gradient) {
  const auto evidence = solver.evaluate(covariance, values, !gradient.empty());
  if (!evidence) return std::nullopt;
  if (gradient.empty()) return evidence->log_likelihood;
  std::ranges::fill(gradient, 0.0);
  for (std::size_t c = 0; c < groups.group_of.size(); ++c)
    gradient[groups.group_of[c]] += evidence->by_log_lengthscale[c];
  gradient[groups.groups] = evidence->by_log_variance;
  gradient[groups.groups + 1] = evidence->by_log_noise;
  return evidence->log_likelihood;
}

}  // namespace regatta::search
