#include "search/device_evidence.hpp"

#include <cmath>

#include "device/plain_evidence.hpp"
#include "regatta/core/random.hpp"

namespace regatta::search {
namespace {

using device::Block;

constexpr std::size_t n = evidence_crossover, dimensions = 3;

/// Counts how often it is asked.
class CountingSolver final : public device::EvidenceSolver {
 public:
  std::optional<device::Evidence> evaluate(const device::ObservedCovariance& covariance,
                                           std::span<const double> values, bool with_gradient) override {
    ++asked;
    return plain_.evaluate(covariance, values, with_gradient);
  }
  bool factorise(const device::ObservedCovariance& covariance, Block<double> inverse_factor) override {
    ++asked;
    return asked > refusals && plain_.factorise(covariance, inverse_factor);
  }

  int asked = 0, refusals = 0;

 private:
  device::PlainEvidence plain_;
};

class DeviceEvidence : public testing::Test {
 protected:
  DeviceEvidence() {
    Random random(3);
    for (double& number : points) number = random.uniform();
    for (double& number : values) number = random.normal();
    for (double& number : noise) number = 0.1 * random.uniform();
  }

  Block<const double> first(std::size_t count) const {
    return {points.data(), count, dimensions, dimensions};
  }
  /// Two features of one group and one of another.
  FeatureGroups groups{{0, 0, 1}, 2};
  Hyperparameters parameters{{-0.5, 0.2}, 0.3, -2};
  std::vector<double> points = std::vector<double>(n * dimensions), values = std::vector<double>(n),
                      noise = std::vector<double>(n);
  CountingSolver solver;
};

TEST_F(DeviceEvidence, IsTheLikelihoodOfTheHost) {
  for (const KernelKind kind : {KernelKind::Matern52, KernelKind::Rbf}) {
    const Observations observations{first(n), values, noise};
    MarginalLikelihood host(kind, groups, observations), device(kind, groups, observations, &solver);
    std::vector<double> by_host(4), by_device(4);

    const double wanted = *host(parameters.flat(), by_host), got = *device(parameters.flat(), by_device);

    EXPECT_NEAR(got, wanted, 1e-8 * std::abs(wanted));
    for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(by_device[k], by_host[k], 1e-6) << k;
    EXPECT_NEAR(*device(parameters.flat(), {}), wanted, 1e-8 * std::abs(wanted));
  }
  EXPECT_EQ(solver.asked, 4);
}

TEST_F(DeviceEvidence, IsLeftToTheHostForFewPointsAndAdditiveKernels) {
  const std::span<const double> few(values.data(), 100);
  MarginalLikelihood small(KernelKind::Matern52, groups, {first(100), few, {}}, &solver);
  MarginalLikelihood additive(KernelKind::AdditiveRbf, groups, {first(100), few, {}}, &solver);
  GaussianProcess process(KernelKind::Rbf, groups, parameters);
  process.set_points(first(100), {}, &solver);

  EXPECT_TRUE(small(parameters.flat(), {}) && additive(parameters.flat(), {}));
  EXPECT_EQ(solver.asked, 0);
  EXPECT_EQ(worthwhile(&solver, KernelKind::AdditiveRbf, n), nullptr);
  EXPECT_EQ(worthwhile(&solver, KernelKind::AdditiveMatern52, n), nullptr);
  EXPECT_EQ(worthwhile(&solver, KernelKind::Rbf, n), &solver);
  EXPECT_EQ(worthwhile(&solver, KernelKind::Rbf, std::size_t{1} << 20), nullptr);
}

TEST_F(DeviceEvidence, GivesTheProcessItsFactor) {
  GaussianProcess host(KernelKind::Matern52, groups, parameters),
      device(KernelKind::Matern52, groups, parameters);
  host.set_points(first(n), noise);
  host.set_values(values);
  device.set_points(first(n), noise, &solver);
  device.set_values(values);

  const std::vector<double> wanted = host.predict_mean(first(20)), got = device.predict_mean(first(20));
  const std::vector<double> spread = host.covariance(first(20), first(20));
  const std::vector<double> same = device.covariance(first(20), first(20));

  for (std::size_t i = 0; i < 20; ++i) EXPECT_NEAR(got[i], wanted[i], 1e-9);
  for (std::size_t i = 0; i < spread.size(); ++i) EXPECT_NEAR(same[i], spread[i], 1e-9);
  EXPECT_EQ(solver.asked, 1);
}

TEST_F(DeviceEvidence, IsAskedAgainWithMoreJitter) {
  GaussianProcess process(KernelKind::Rbf, groups, parameters);
  solver.refusals = 2;

  process.set_points(first(n), noise, &solver);

  EXPECT_EQ(solver.asked, 3);
  EXPECT_NEAR(process.jitter(), 1e-11, 1e-20);
}

}  // namespace
}  // namespace regatta::search
