#include <algorithm>
#include <cmath>
#include <limits>

#include "cuda_tested_backend.hpp"
#include "plain_evidence.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"

// The likelihood of a Gaussian process and its factor on the device against the same by LAPACK. Sizes: below
// and above a warp, a tile and a block.
namespace regatta::device {
namespace {

using Doubles = std::vector<double>;

/// Of the largest number: matrices with a condition number of some ten thousand.
constexpr double relative_tolerance = 1e-9;
constexpr std::size_t orders[] = {1, 2, 17, 100, 300};

/// Observations in [0, 2)^d with normal values, and known noise that may be used.
struct Sample {
  Sample(std::size_t n_, std::size_t d_) : n(n_), d(d_), points(n * (d + 1)), values(n), noise(n) {
    Random random(7 * n + d);
    for (double& number : points) number = 2 * random.uniform();
    for (double& number : values) number = random.normal() + 0.5;
    for (double& number : noise) number = 0.05 * random.uniform();
  }

  /// Rows lie one number further apart than they are long.
  ObservedCovariance covariance(KernelProfile profile, bool known) const {
    return {profile,
            {points.data(), n, d, d + 1},
            known ? std::span<const double>(noise) : std::span<const double>(),
            1.3,
            0.02,
            1e-12};
  }

  std::size_t n, d;
  Doubles points, values, noise;
};

void expect_agreement(const Doubles& got, const Doubles& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  double largest = 1;
  for (const double number : wanted) largest = std::max(largest, std::abs(number));
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], wanted[i], relative_tolerance * largest) << "at " << i;
}

Doubles flat(const Evidence& evidence) {
  Doubles all = evidence.by_log_lengthscale;
  all.insert(all.end(), {evidence.by_log_variance, evidence.by_log_noise, evidence.log_likelihood});
  return all;
}

/// The lower triangle of a matrix of n x n numbers.
Doubles lower(const Doubles& matrix, std::size_t n, std::size_t stride) {
  Doubles triangle;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) triangle.push_back(matrix[i * stride + j]);
  return triangle;
}

class EvidenceAgreement : public testing::Test {
 protected:
  void SetUp() override {
    if (!cuda) GTEST_SKIP() << tested_backend_absence();
  }

  void compare(const Sample& sample, KernelProfile profile, bool known) {
    SCOPED_TRACE(testing::Message() << sample.n << " points, " << sample.d << " features, profile "
                                    << static_cast<int>(profile) << (known ? ", known noise" : ""));
    const ObservedCovariance covariance = sample.covariance(profile, known);

    const std::optional<Evidence> got = cuda->evaluate(covariance, sample.values, true);
    const std::optional<Evidence> wanted = plain.evaluate(covariance, sample.values, true);

    ASSERT_TRUE(got && wanted);
    expect_agreement(flat(*got), flat(*wanted));
  }

  /// Central differences of the likelihood, in the order of flat().
  Doubles differences(const Sample& sample, KernelProfile profile) {
    constexpr double step = 1e-4;
    Doubles slopes;
    const auto add = [&](auto&& moved) {
      const double above = cuda->evaluate(moved(step), sample.values, false)->log_likelihood;
      slopes.push_back((above - cuda->evaluate(moved(-step), sample.values, false)->log_likelihood) /
                       (2 * step));
    };
    Sample scaled = sample;
    for (std::size_t c = 0; c < sample.d; ++c) {
      add([&](double by) {
        for (std::size_t i = 0; i < sample.n; ++i)
          scaled.points[i * (sample.d + 1) + c] = sample.points[i * (sample.d + 1) + c] * std::exp(-by);
        return scaled.covariance(profile, true);
      });
      scaled = sample;
    }
    ObservedCovariance moved = sample.covariance(profile, true);
    add([&](double by) { return moved.variance = 1.3 * std::exp(by), moved; });
    moved = sample.covariance(profile, true);
    add([&](double by) { return moved.noise = 0.02 * std::exp(by), moved; });
    return slopes;
  }

  std::unique_ptr<EvidenceSolver> cuda = make_tested_evidence_solver();
  PlainEvidence plain;
};

TEST_F(EvidenceAgreement, FindsLikelihoodAndGradient) {
  for (const std::size_t n : orders)
    for (std::size_t d = 1; d <= 8; ++d)
      for (const KernelProfile profile : {KernelProfile::Matern52, KernelProfile::Rbf})
        for (const bool known : {false, true})
          if (n <= 17 || d % 4 == (profile == KernelProfile::Rbf ? 1u : 0u) + (known ? 2u : 0u))
            compare({n, d}, profile, known);
}

TEST_F(EvidenceAgreement, TakesMoreFeaturesThanAThreadAddsUpAtOnce) {
  for (const std::size_t d : {9u, 16u, 19u}) compare({40, d}, KernelProfile::Matern52, true);
}

TEST_F(EvidenceAgreement, UsesItsMemoryAgainForProblemsOfAllSizes) {
  for (const std::size_t n : {100u, 2u, 17u, 120u, 17u}) compare({n, 3}, KernelProfile::Rbf, n == 17);
}

TEST_F(EvidenceAgreement, GivesTheSameBitsAgain) {
  const Sample sample(100, 4);
  const ObservedCovariance covariance = sample.covariance(KernelProfile::Matern52, true);

  const Doubles first = flat(*cuda->evaluate(covariance, sample.values, true));

  EXPECT_EQ(flat(*cuda->evaluate(covariance, sample.values, true)), first);
}

TEST_F(EvidenceAgreement, HasTheGradientOfItsLikelihood) {
  const Sample sample(17, 3);
  for (const KernelProfile profile : {KernelProfile::Matern52, KernelProfile::Rbf}) {
    Doubles gradient = flat(*cuda->evaluate(sample.covariance(profile, true), sample.values, true));
    gradient.pop_back();

    const Doubles slopes = differences(sample, profile);

    ASSERT_EQ(slopes.size(), gradient.size());
    for (std::size_t i = 0; i < slopes.size(); ++i) EXPECT_NEAR(slopes[i], gradient[i], 1e-5) << "at " << i;
  }
}

TEST_F(EvidenceAgreement, LeavesTheGradientOutWhereItIsNotAskedFor) {
  const Sample sample(17, 2);
  const ObservedCovariance covariance = sample.covariance(KernelProfile::Rbf, false);

  const Evidence with = *cuda->evaluate(covariance, sample.values, true);
  const Evidence without = *cuda->evaluate(covariance, sample.values, false);

  EXPECT_EQ(without.log_likelihood, with.log_likelihood);
  EXPECT_TRUE(without.by_log_lengthscale.empty());
}

TEST_F(EvidenceAgreement, FindsTheInverseOfTheFactor) {
  for (const std::size_t n : orders)
    for (const KernelProfile profile : {KernelProfile::Matern52, KernelProfile::Rbf}) {
      SCOPED_TRACE(n);
      const Sample sample(n, 3);
      const std::size_t stride = n + 5;
      Doubles got(n * stride), wanted(n * stride);

      ASSERT_TRUE(cuda->factorise(sample.covariance(profile, n > 50), {got.data(), n, n, stride}));
      ASSERT_TRUE(plain.factorise(sample.covariance(profile, n > 50), {wanted.data(), n, n, stride}));

      expect_agreement(lower(got, n, stride), lower(wanted, n, stride));
      for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(got[i * stride + n], 0) << "wrote beyond row " << i;
    }
}

TEST_F(EvidenceAgreement, SaysWhenTheMatrixIsNotPositiveDefinite) {
  Sample sample(40, 2);
  Doubles factor(40 * 40);
  const Block<double> block{factor.data(), 40, 40, 40};
  sample.noise[23] = -2;

  EXPECT_FALSE(cuda->evaluate(sample.covariance(KernelProfile::Rbf, true), sample.values, true));
  EXPECT_FALSE(cuda->evaluate(sample.covariance(KernelProfile::Rbf, true), sample.values, false));
  EXPECT_FALSE(cuda->factorise(sample.covariance(KernelProfile::Rbf, true), block));
  compare({40, 2}, KernelProfile::Rbf, true);
}

TEST_F(EvidenceAgreement, SaysWhenPointsAreNotNumbers) {
  Sample sample(40, 2);
  Doubles factor(40 * 40);
  sample.points[30] = std::numeric_limits<double>::quiet_NaN();

  EXPECT_FALSE(cuda->evaluate(sample.covariance(KernelProfile::Matern52, false), sample.values, true));
  EXPECT_FALSE(
      cuda->factorise(sample.covariance(KernelProfile::Matern52, false), {factor.data(), 40, 40, 40}));
}

TEST_F(EvidenceAgreement, RefusesValuesThatAreNotAsManyAsPoints) {
  const Sample sample(5, 2);

  EXPECT_THROW(cuda->evaluate(sample.covariance(KernelProfile::Rbf, false), {}, true), InvalidInput);
}

}  // namespace
}  // namespace regatta::device
