#include "regatta/search/gaussian_process.hpp"

#include <algorithm>
#include <numbers>
#include <numeric>

#include "input_warp.hpp"
#include "kernel.hpp"
#include "model_fit.hpp"
#include "numeric.hpp"
#include "regatta/core/error.hpp"

// Gaussian processes, their likelihood and the fit of their hyperparameters.
namespace regatta::search {
namespace {

using namespace numeric;

constexpr KernelKind kinds[] = {KernelKind::Matern52, KernelKind::Rbf, KernelKind::AdditiveMatern52,
                                KernelKind::AdditiveRbf};
const FeatureGroups line{{0}, 1};
/// Two features of one group, and one of another.
const FeatureGroups groups{{0, 0, 1}, 2};
constexpr std::size_t d = 3;
const Hyperparameters parameters{{-0.9, -0.4}, 0.3, -4};

GaussianProcess process_of(const std::vector<double>& points, const std::vector<double>& values,
                           const FeatureGroups& of = line,
                           const Hyperparameters& with = {{std::log(0.5)}, std::log(2), std::log(0.1)},
                           KernelKind kind = KernelKind::Matern52, const std::vector<double>& noise = {}) {
  GaussianProcess process(kind, of, with);
  process.set_points(rows_of(points, of.group_of.size()), noise);
  process.set_values(values);
  return process;
}

Prediction predicted(const GaussianProcess& process, const std::vector<double>& points) {
  Prediction prediction;
  process.predict(rows_of(points, process.features()), prediction, true);
  return prediction;
}

/// The covariance matrix of noisy values, entry by entry.
std::vector<double> dense_covariance(KernelKind kind, const FeatureGroups& of, const Hyperparameters& with,
                                     const std::vector<double>& points, const std::vector<double>& noise) {
  const std::size_t columns = of.group_of.size(), n = points.size() / columns;
  const auto profile = [&](double squared) {
    const double r = std::sqrt(5 * squared);
    const bool rbf = kind == KernelKind::Rbf || kind == KernelKind::AdditiveRbf;
    return rbf ? std::exp(-squared / 2) : (1 + r + r * r / 3) * std::exp(-r);
  };
  std::vector<double> result(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      std::vector<double> squared(of.groups);
      for (std::size_t c = 0; c < columns; ++c)
        squared[of.group_of[c]] += std::pow((points[i * columns + c] - points[j * columns + c]) /
                                                std::exp(with.log_lengthscales[of.group_of[c]]),
                                            2);
      double total = 0, mean = 0;
      for (const double part : squared) total += part, mean += profile(part) / static_cast<double>(of.groups);
      result[i * n + j] = std::exp(with.log_variance) * (is_additive(kind) ? mean : profile(total));
      if (i == j) result[i * n + j] += std::exp(with.log_noise) + (noise.empty() ? 0 : noise[i]);
    }
  return result;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& wanted, double tolerance) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], tolerance) << i;
}

// --- the process
// -----------------------------------------------------------------------------------------------------

TEST(GaussianProcess, HasThePosteriorOfOneTwoAndThreePoints) {
  // Lengthscale 0.5, variance 2, noise 0.1, at 0.6: solved by hand (one point) and by elimination elsewhere.
  struct Known {
    std::vector<double> points, values;
    double constant, mean, variance;
  };
  for (const Known& known :
       {Known{{0}, {1}, 1 / 3.1, 0.5907887146106814, 1.6708091364496362},
        Known{{0, 0.3}, {1, -0.5}, 0.08868414725084924, -0.7491203020324719, 0.7842735556221381},
        Known{{0, 0.3, 1}, {1, -0.5, 2}, 0.6009475578201451, 0.23400455960673328, 0.4771989176703464}}) {
    const GaussianProcess process = process_of(known.points, known.values);

    const Prediction prediction = predicted(process, {0.6});

    EXPECT_NEAR(process.mean(), known.constant, 1e-12);
    EXPECT_NEAR(prediction.mean[0], known.mean, 1e-12);
    EXPECT_NEAR(prediction.variance[0], known.variance, 1e-12);
    EXPECT_NEAR(process.predict_mean(rows_of(std::vector<double>{0.6}, 1))[0], known.mean, 1e-12);
  }
}

TEST(GaussianProcess, GoesThroughExactValuesAndForgetsFarAway) {
  const std::vector<double> points{-0.4, 0, 0.3}, values{1, -2, 0.5};
  const GaussianProcess process = process_of(points, values, line, {{std::log(0.2)}, 0, std::log(1e-12)});

  const Prediction at = predicted(process, points), far = predicted(process, {50});

  expect_near(at.mean, values, 1e-8);
  for (const double variance : at.variance) EXPECT_LT(variance, 1e-8);
  EXPECT_NEAR(far.mean[0], process.mean(), 1e-12);
  EXPECT_NEAR(far.variance[0], 1, 1e-12);
}

TEST(GaussianProcess, HasItsVarianceOnTheDiagonalOfItsCovariance) {
  const std::vector<double> points = centred_numbers(12 * d, 1), probes = centred_numbers(5 * d, 2);
  for (const KernelKind kind : kinds) {
    const GaussianProcess process = process_of(points, normal_numbers(12, 3), groups, parameters, kind);

    const std::vector<double> covariance = process.covariance(rows_of(probes, d), rows_of(probes, d));
    const Prediction prediction = predicted(process, probes);

    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_NEAR(covariance[i * 5 + i], prediction.variance[i], 1e-12);
      for (std::size_t j = 0; j < 5; ++j) EXPECT_NEAR(covariance[i * 5 + j], covariance[j * 5 + i], 1e-12);
    }
  }
}

TEST(GaussianProcess, WarpsPointsBeforeItComparesThem) {
  const FeatureGroups bent{{0, 0, 1}, 2, {0, 2}};
  Hyperparameters warped = parameters;
  warped.log_shapes = {0.3, -0.2, -0.5, 0.6};
  const InputWarp warp(bent, warped.log_shapes);
  const auto moved = [&](std::vector<double> points) {
    for (std::size_t i = 0; i < points.size(); i += d) warp.apply(std::span(points).subspan(i, d), {});
    return points;
  };
  const std::vector<double> points = centred_numbers(12 * d, 1), values = normal_numbers(12, 2),
                            probes = centred_numbers(5 * d, 3);

  const GaussianProcess process = process_of(points, values, bent, warped),
                        plain = process_of(moved(points), values, groups, parameters);

  const Prediction got = predicted(process, probes), wanted = predicted(plain, moved(probes));
  expect_near(got.mean, wanted.mean, 1e-12);
  expect_near(got.variance, wanted.variance, 1e-12);
  std::vector<double> by_mean{1, 0, 2, 0, 0}, by_variance{0, 1, -1, 0, 0}, gradient(5 * d);
  process.pull_back(got, by_mean, by_variance, rows_of(gradient, d));
  const auto weighed = [&](const std::vector<double>& at) {
    const Prediction there = predicted(process, at);
    return product(there.mean, by_mean) + product(there.variance, by_variance);
  };
  for (std::size_t k = 0; k < 5 * d; ++k)
    EXPECT_NEAR(gradient[k], derivative(weighed, probes, k), 1e-6 * (1 + std::abs(gradient[k]))) << k;
}

TEST(GaussianProcess, IsTheSameWhetherPointsComeOneByOneOrTogether) {
  constexpr std::size_t n = 40;
  const std::vector<double> points = centred_numbers(n * d, 1), values = normal_numbers(n, 2),
                            probes = centred_numbers(20 * d, 3);
  std::vector<double> noise = centred_numbers(n, 4);
  for (double& entry : noise) entry = 0.1 * (entry + 0.5);
  for (const KernelKind kind : kinds) {
    const GaussianProcess together = process_of(points, values, groups, parameters, kind, noise);
    GaussianProcess grown(kind, groups, parameters);
    grown.set_points({points.data(), 3, d, d}, std::span(noise).first(3));

    for (std::size_t i = 3; i < n; ++i) grown.append(std::span(points).subspan(i * d, d), noise[i]);
    grown.set_values(values);

    const Prediction wanted = predicted(together, probes), got = predicted(grown, probes);
    expect_near(got.mean, wanted.mean, 1e-9);
    expect_near(got.variance, wanted.variance, 1e-9);
    expect_near(grown.leave_one_out(), together.leave_one_out(), 1e-8);
    expect_near(grown.latent_values(), together.latent_values(), 1e-9);
  }
}

class PendingPoints : public testing::Test {
 protected:
  static constexpr std::size_t n = 15, q = 4;
  std::vector<double> points = centred_numbers(n * d, 1), values = normal_numbers(n, 2),
                      pending = centred_numbers(q * d, 3), probes = centred_numbers(10 * d, 4);
  GaussianProcess process = process_of(points, values, groups, parameters);
  Prediction before = predicted(process, probes);
};

TEST_F(PendingPoints, NarrowTheVarianceAndLeaveTheMean) {
  process.append_pending(rows_of(pending, d));

  const Prediction after = predicted(process, probes);
  expect_near(after.mean, before.mean, 1e-12);
  for (std::size_t i = 0; i < before.variance.size(); ++i) EXPECT_LT(after.variance[i], before.variance[i]);
  EXPECT_EQ(process.fantasies(), 1u);
  EXPECT_EQ(process.size(), n);
  const Prediction at = predicted(process, pending);
  for (const double variance : at.variance) EXPECT_LT(variance, process.noise());
}

TEST_F(PendingPoints, NarrowTheVarianceAsResultsWould) {
  process.append_pending(rows_of(pending, d));

  std::vector<double> all = points, results = values;
  all.insert(all.end(), pending.begin(), pending.end());
  results.resize(n + q);
  const Prediction wanted = predicted(process_of(all, results, groups, parameters), probes);
  expect_near(predicted(process, probes).variance, wanted.variance, 1e-10);
}

TEST_F(PendingPoints, AreSketchedExactlyByAsManyNeighboursAsThereArePoints) {
  Random random(7);
  process.append_pending(rows_of(pending, d));
  process.draw_fantasies(5, random);
  const Prediction exact = predicted(process, probes);

  Prediction sketch;
  process.sketch(rows_of(probes, d), std::span(points).first(d), n + q, sketch);

  expect_near(sketch.variance, exact.variance, 1e-10);
  for (std::size_t i = 0; i < sketch.mean.size(); ++i) {
    double sum = 0;
    for (std::size_t f = 0; f < 5; ++f) sum += exact.mean[i * 5 + f];
    EXPECT_NEAR(sketch.mean[i], sum / 5, 1e-10) << i;
  }
}

TEST_F(PendingPoints, AreSketchedFromAboveByTheNeighboursOfACentre) {
  process.append_pending(rows_of(pending, d));
  const Prediction exact = predicted(process, probes), there = predicted(process, pending);

  Prediction sketch, centre;
  process.sketch(rows_of(probes, d), std::span(pending).first(d), 6, sketch);
  process.sketch(rows_of(pending, d), std::span(pending).first(d), 6, centre);

  expect_near(sketch.mean, exact.mean, 1e-10);
  for (std::size_t i = 0; i < sketch.variance.size(); ++i)
    EXPECT_GE(sketch.variance[i], exact.variance[i] - 1e-12) << i;
  EXPECT_NEAR(centre.variance[0], there.variance[0], 0.1 * there.variance[0]);
}

TEST_F(PendingPoints, AreForgottenWithoutATrace) {
  Random random(7);
  process.append_pending(rows_of(pending, d));
  process.draw_fantasies(3, random);

  process.drop_pending();

  const Prediction after = predicted(process, probes);
  EXPECT_EQ(after.mean, before.mean);
  EXPECT_EQ(after.variance, before.variance);
  EXPECT_EQ(process.fantasies(), 1u);
}

TEST_F(PendingPoints, HaveTheSameBitsWhetherTheyWerePendingBeforeOrNot) {
  const std::span<const double> rows(pending);
  GaussianProcess used = process_of(points, values, groups, parameters);
  std::vector<double> grown = values;
  used.append_pending(rows_of(pending, d));
  used.drop_pending();

  for (const std::size_t i : {1, 0}) {  // two of them bring their results
    for (GaussianProcess* each : {&used, &process}) each->append(rows.subspan(i * d, d));
    grown.push_back(0.5);
  }
  for (GaussianProcess* each : {&used, &process}) {
    Random random(7);
    each->set_values(grown);
    each->append_pending({rows.data() + 2 * d, q - 2, d, d});
    each->draw_fantasies(3, random);
  }

  const Prediction got = predicted(used, probes), wanted = predicted(process, probes);
  EXPECT_EQ(got.mean, wanted.mean);
  EXPECT_EQ(got.variance, wanted.variance);
}

TEST_F(PendingPoints, MayBeTheSameManyTimes) {
  std::vector<double> same;
  for (int i = 0; i < 64; ++i) same.insert(same.end(), pending.begin(), pending.begin() + d);
  GaussianProcess exact = process_of(points, values, groups, {{-0.9, -0.4}, 0.3, -23});

  exact.append_pending(rows_of(same, d));

  const Prediction prediction = predicted(exact, probes);
  for (std::size_t i = 0; i < prediction.mean.size(); ++i) {
    EXPECT_TRUE(std::isfinite(prediction.mean[i]));
    EXPECT_GT(prediction.variance[i], 0);
  }
}

TEST_F(PendingPoints, HaveFantasiesWithTheMeanOfTheBelief) {
  constexpr std::size_t count = 4000;
  Random random(7);
  const std::vector<double> covariance = process.covariance(rows_of(pending, d), rows_of(pending, d));
  process.append_pending(rows_of(pending, d));

  process.draw_fantasies(count, random);

  ASSERT_EQ(process.fantasies(), count);
  const Prediction after = predicted(process, probes);
  ASSERT_EQ(after.mean.size(), 10 * count);
  for (std::size_t i = 0; i < 10; ++i) {
    double sum = 0;
    for (std::size_t f = 0; f < count; ++f) sum += after.mean[i * count + f];
    const double spread = std::sqrt(std::max(0.0, before.variance[i] - after.variance[i]));
    EXPECT_NEAR(sum / count, before.mean[i], 4 * spread / std::sqrt(count)) << i;
  }
}

TEST_F(PendingPoints, HaveFantasiesThatSpreadAsTheBeliefDoes) {
  constexpr std::size_t count = 4000;
  Random random(7);
  GaussianProcess exact = process_of(points, values, groups, {{-0.9, -0.4}, 0.3, -18});
  const std::vector<double> covariance = exact.covariance(rows_of(pending, d), rows_of(pending, d));
  const std::vector<double> mean = exact.predict_mean(rows_of(pending, d));
  exact.append_pending(rows_of(pending, d));

  const std::vector<double> least = exact.draw_fantasies(count, random);

  const Prediction at = predicted(exact, pending);
  for (std::size_t i = 0; i < q; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (std::size_t f = 0; f < count; ++f)
        sum += (at.mean[i * count + f] - mean[i]) * (at.mean[j * count + f] - mean[j]);
      const double scale = std::sqrt(covariance[i * q + i] * covariance[j * q + j]);
      EXPECT_NEAR(sum / count, covariance[i * q + j], 5 * scale / std::sqrt(count)) << i << " " << j;
    }
  for (std::size_t f = 0; f < count; f += 97) {
    double lowest = at.mean[f];
    for (std::size_t i = 1; i < q; ++i) lowest = std::min(lowest, at.mean[i * count + f]);
    EXPECT_NEAR(least[f], lowest, 1e-5);
  }
}

/// sum over points of by_mean . means + by_variance * variance, as a function of the points' features.
double weighed(const GaussianProcess& process, const std::vector<double>& points,
               const std::vector<double>& by_mean, const std::vector<double>& by_variance) {
  const Prediction prediction = predicted(process, points);
  return product(prediction.mean, by_mean) + product(prediction.variance, by_variance);
}

TEST_F(PendingPoints, AndFantasiesArePartOfTheDerivatives) {
  Random random(7);
  constexpr std::size_t few = 2, many = 20;  // points: one pass over the factor, or two products
  for (const KernelKind kind : kinds)
    for (const std::string with : {"nothing", "pending", "fantasies"}) {
      const std::size_t m = with == "pending" ? many : few;
      const std::vector<double> at = centred_numbers(m * d, 8), by_variance = normal_numbers(m, 9);
      GaussianProcess subject = process_of(points, values, groups, parameters, kind);
      if (with != "nothing") subject.append_pending(rows_of(pending, d));
      if (with == "fantasies") subject.draw_fantasies(5, random);
      const std::vector<double> by_mean = normal_numbers(m * subject.fantasies(), 10);
      std::vector<double> gradient(m * d, 99);

      subject.pull_back(predicted(subject, at), by_mean, by_variance, rows_of(gradient, d));

      const auto quantity = [&](const std::vector<double>& x) {
        return weighed(subject, x, by_mean, by_variance);
      };
      for (std::size_t k = 0; k < m * d; ++k)
        EXPECT_NEAR(gradient[k], derivative(quantity, at, k), 1e-7) << with << k;
    }
}

TEST(GaussianProcess, HasALatentValueForEachPointThatIsItsMeanThere) {
  const std::vector<double> points = centred_numbers(12 * d, 1), values = normal_numbers(12, 2),
                            noise(12, 0.3);
  const GaussianProcess process = process_of(points, values, groups, parameters, KernelKind::Rbf, noise);

  expect_near(process.latent_values(), predicted(process, points).mean, 1e-10);
}

/// Leaving out a value keeps hyperparameters and the constant mean, which has seen it: with n values it has
/// moved by about 1/n of its deviation. Estimated anew, it would have to take part in the variance as well.
TEST(GaussianProcess, LeavesOneOutUnderTheSameMean) {
  constexpr std::size_t n = 12;
  const std::vector<double> points = centred_numbers(n * d, 1), values = normal_numbers(n, 2), noise(n, 0.02);
  for (const KernelKind kind : kinds) {
    const GaussianProcess process = process_of(points, values, groups, parameters, kind, noise);

    const std::vector<double> density = process.leave_one_out();

    const std::vector<double> all = dense_covariance(kind, groups, parameters, points, noise);
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<double> others, k, residuals;
      for (std::size_t r = 0; r < n; ++r) {
        if (r == i) continue;
        k.push_back(all[r * n + i]);
        residuals.push_back(values[r] - process.mean());
        for (std::size_t c = 0; c < n; ++c)
          if (c != i) others.push_back(all[r * n + c]);
      }
      const std::vector<double> weights = solution(others, k).first;
      const double mean = process.mean() + product(weights, residuals),
                   variance = all[i * n + i] - product(weights, k);
      const double wanted =
          -0.5 * std::log(2 * std::numbers::pi * variance) - std::pow(values[i] - mean, 2) / (2 * variance);
      EXPECT_NEAR(density[i], wanted, 1e-9) << i;
    }
  }
}

TEST(GaussianProcess, LeavesOneOutAlmostAsIfItHadNeverSeenIt) {
  constexpr std::size_t n = 60;
  const std::vector<double> points = centred_numbers(n * d, 1);
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i)
    values.push_back(std::sin(5 * points[i * d]) + points[i * d + 1] * points[i * d + 2]);
  const GaussianProcess process = process_of(points, values, groups, parameters);

  const std::vector<double> density = process.leave_one_out();

  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double> other_points = points, other_values = values;
    other_points.erase(other_points.begin() + static_cast<std::ptrdiff_t>(i * d),
                       other_points.begin() + static_cast<std::ptrdiff_t>((i + 1) * d));
    other_values.erase(other_values.begin() + static_cast<std::ptrdiff_t>(i));
    const GaussianProcess others = process_of(other_points, other_values, groups, parameters);
    const Prediction prediction = predicted(others, {points[i * d], points[i * d + 1], points[i * d + 2]});
    const double variance = prediction.variance[0] + process.noise();
    const double wanted = -0.5 * std::log(2 * std::numbers::pi * variance) -
                          std::pow(values[i] - prediction.mean[0], 2) / (2 * variance);
    EXPECT_NEAR(density[i], wanted, 0.02 * (1 + std::abs(wanted))) << i;
  }
}

TEST(GaussianProcess, TakesAnyValuesAndPoints) {
  struct Case {
    std::string name;
    std::vector<double> points, values;
  };
  std::vector<double> near = centred_numbers(300, 1);
  for (double& x : near) x = 0.1 + 1e-9 * x;
  std::vector<double> one_outlier = normal_numbers(20, 3);
  one_outlier[7] = 1e30;
  const std::vector<double> twenty = centred_numbers(20, 2);
  for (const Case& the :
       {Case{"one", {0.1}, {3}}, Case{"constant", twenty, std::vector<double>(20, 4)},
        Case{"duplicates", std::vector<double>(20, 0.25), normal_numbers(20, 3)},
        Case{"large", twenty, std::vector<double>(20, 1e30)},
        Case{"small", twenty, std::vector<double>(20, 1e-30)}, Case{"outlier", twenty, one_outlier},
        Case{"near duplicates", near, normal_numbers(300, 4)}})
    for (const KernelKind kind : {KernelKind::Matern52, KernelKind::Rbf})
      for (const double lengthscale : {0.01, 1.0, 100.0}) {
        const GaussianProcess process =
            process_of(the.points, the.values, line, {{std::log(lengthscale)}, 0, std::log(1e-10)}, kind);

        const Prediction prediction = predicted(process, {0.1, 0.25, -0.4});

        for (const double mean : prediction.mean) EXPECT_TRUE(std::isfinite(mean)) << the.name;
        for (const double variance : prediction.variance) {
          EXPECT_GT(variance, 0) << the.name;
          EXPECT_LE(variance, 1) << the.name;
        }
        for (const double density : process.leave_one_out()) EXPECT_FALSE(std::isnan(density)) << the.name;
        for (const double value : process.latent_values()) EXPECT_TRUE(std::isfinite(value)) << the.name;
      }
}

TEST(GaussianProcess, GrowsByDuplicates) {
  GaussianProcess process =
      process_of({0.1}, {1}, line, {{std::log(0.3)}, 0, std::log(1e-10)}, KernelKind::Rbf);

  for (int i = 0; i < 50; ++i) process.append(std::vector<double>{0.1 + (i % 2 == 0 ? 0 : 1e-9)});
  process.set_values(std::vector<double>(51, 1));

  const Prediction prediction = predicted(process, {0.1, 0.4});
  EXPECT_NEAR(prediction.mean[0], 1, 1e-3);
  for (const double variance : prediction.variance) EXPECT_GT(variance, 0);
}

TEST(GaussianProcess, RefusesPointsAndValuesThatDoNotFit) {
  GaussianProcess process(KernelKind::Rbf, groups, parameters);

  EXPECT_THROW(process.set_points(rows_of(std::vector<double>(4), 2)), InvalidInput);
  process.set_points(rows_of(std::vector<double>(6), 3));
  EXPECT_THROW(process.set_values(std::vector<double>(3)), InvalidInput);
}

// --- the likelihood
// --------------------------------------------------------------------------------------------------

class MarginalLikelihoods : public testing::TestWithParam<bool> {
 protected:
  static constexpr std::size_t n = 14;
  std::vector<double> points = centred_numbers(n * d, 1), values = normal_numbers(n, 2), noise;

  MarginalLikelihoods() {
    if (!GetParam()) return;
    noise = normal_numbers(n, 3);
    for (double& entry : noise) entry = 0.1 * std::abs(entry);
  }
  double likelihood(KernelKind kind, const std::vector<double>& flat) const {
    return MarginalLikelihood(kind, groups, {rows_of(points, d), values, noise})(flat, {}).value();
  }
};

TEST_P(MarginalLikelihoods, AreThoseOfANormalDistributionAndOfThePriorOfItsMean) {
  for (const KernelKind kind : kinds) {
    const std::vector<double> k = dense_covariance(kind, groups, parameters, points, noise);
    const auto [by_values, log_determinant] = solution(k, values);
    const std::vector<double> ones(n, 1.0), by_ones = solution(k, ones).first;
    const double mean = product(ones, by_values) / (product(ones, by_ones) + 1);
    std::vector<double> residuals = values;
    for (double& residual : residuals) residual -= mean;

    const double wanted = -0.5 * product(residuals, solution(k, residuals).first) - 0.5 * log_determinant -
                          0.5 * n * std::log(2 * std::numbers::pi) - 0.5 * mean * mean;

    EXPECT_NEAR(likelihood(kind, parameters.flat()), wanted, 1e-7);
  }
}

TEST_P(MarginalLikelihoods, HaveTheirDerivatives) {
  for (const KernelKind kind : kinds)
    for (const Hyperparameters& at : {parameters, Hyperparameters{{0.5, -1.5}, -1, 0.3}}) {
      std::vector<double> gradient(4, 99);

      const auto value =
          MarginalLikelihood(kind, groups, {rows_of(points, d), values, noise})(at.flat(), gradient);

      EXPECT_EQ(value, likelihood(kind, at.flat()));
      for (std::size_t k = 0; k < 4; ++k)
        EXPECT_NEAR(gradient[k],
                    derivative([&](const auto& flat) { return likelihood(kind, flat); }, at.flat(), k),
                    1e-6 * (1 + std::abs(gradient[k])))
            << k;
    }
}

INSTANTIATE_TEST_SUITE_P(All, MarginalLikelihoods, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "KnownNoise" : "LearntNoise"; });

TEST_P(MarginalLikelihoods, HaveTheirDerivativesWithAWarp) {
  const FeatureGroups bent{{0, 0, 1}, 2, {0, 2}};
  const Hyperparameters at{{-0.9, -0.4}, 0.3, -4, {0.3, -0.2, -0.5, 0.6}};
  for (const KernelKind kind : kinds) {
    MarginalLikelihood likelihood(kind, bent, {rows_of(points, d), values, noise});
    std::vector<double> gradient(8, 99);

    likelihood(at.flat(), gradient);

    const auto value = [&](const std::vector<double>& flat) { return likelihood(flat, {}).value(); };
    for (std::size_t k = 0; k < 8; ++k)
      EXPECT_NEAR(gradient[k], derivative(value, at.flat(), k), 1e-6 * (1 + std::abs(gradient[k]))) << k;
  }
}

TEST(MarginalLikelihood, HasNoValueWhereTheMatrixIsNotPositiveDefinite) {
  const std::vector<double> points{0, 0, 0.1}, values{1, 2, 3}, noise{0, 0, -5};
  std::vector<double> gradient(3);

  EXPECT_FALSE(MarginalLikelihood(KernelKind::Rbf, line, {rows_of(points, 1), values, noise})(
      std::vector<double>{0, 0, -60}, gradient));
  EXPECT_FALSE(MarginalLikelihood(KernelKind::Rbf, line, {rows_of(points, 1), values, {}})(
      std::vector<double>{0, 800, -60}, {}));
}

// --- the fit
// ---------------------------------------------------------------------------------------------------------

/// Values of a process at the points, noise included.
std::vector<double> drawn_values(KernelKind kind, const FeatureGroups& of, const Hyperparameters& with,
                                 const std::vector<double>& points, std::uint64_t seed) {
  std::vector<double> k = dense_covariance(kind, of, with, points, {});
  const std::size_t n = points.size() / of.group_of.size();
  EXPECT_TRUE(device::algebra::cholesky({k.data(), n, n, n}));
  std::vector<double> values = normal_numbers(n, seed);
  device::algebra::multiply_lower({k.data(), n, n, n}, device::algebra::Form::Plain, values);
  return values;
}

TEST(ModelFit, FindsTheHyperparametersThatDrewTheData) {
  const std::vector<double> points = centred_numbers(60, 1);
  for (const KernelKind kind : {KernelKind::Matern52, KernelKind::Rbf})
    for (const double lengthscale : {0.05, 0.15})
      for (const std::uint64_t seed : {2, 3}) {
        const Hyperparameters truth{{std::log(lengthscale)}, 0, std::log(1e-3)};
        const std::vector<double> values = drawn_values(kind, line, truth, points, seed);

        const Hyperparameters found =
            fit_hyperparameters({kind, &line, true, {}}, {rows_of(points, 1), values, {}});

        EXPECT_NEAR(found.log_lengthscales[0], truth.log_lengthscales[0], std::numbers::ln2)
            << lengthscale << " " << seed;
        EXPECT_LT(found.log_noise, truth.log_noise + 1.5);
      }
}

TEST(ModelFit, GivesAnIrrelevantParameterALongLengthscale) {
  const FeatureGroups two{{0, 1}, 2};
  const std::vector<double> points = centred_numbers(2 * 30, 1);
  std::vector<double> values;
  for (std::size_t i = 0; i < 30; ++i) values.push_back(1.4 * std::sin(9 * points[2 * i]));
  for (const KernelKind kind : kinds) {
    const Hyperparameters found =
        fit_hyperparameters({kind, &two, true, {}}, {rows_of(points, 2), values, {}});

    EXPECT_LT(std::exp(found.log_lengthscales[0]), 0.7);
    EXPECT_GT(std::exp(found.log_lengthscales[1] - found.log_lengthscales[0]), 5);
  }
}

TEST(ModelFit, BendsAnAxisAlongWhichTheDataChangesAtOneEnd) {
  const FeatureGroups bent{{0}, 1, {0}};
  std::vector<double> points = centred_numbers(50, 1), values;
  for (const double x : points) values.push_back(std::sin(9 * std::pow(x + 0.5, 4)));
  const Observations observations{rows_of(points, 1), values, {}};
  FitSetting setting{KernelKind::Rbf, &bent, true, {}};

  const Hyperparameters plain = fit_hyperparameters(setting, observations);
  setting.warped = true;
  const Hyperparameters warped = fit_hyperparameters(setting, observations);

  EXPECT_TRUE(plain.log_shapes.empty());
  ASSERT_EQ(warped.log_shapes.size(), 2u);
  EXPECT_GT(warped.log_shapes[0], 0.2);
  MarginalLikelihood likelihood(KernelKind::Rbf, bent, observations);
  EXPECT_GT(likelihood(warped.flat(), {}).value(), likelihood(plain.flat(), {}).value() + 5);
}

TEST(ModelFit, TakesNoiseForNoise) {
  const std::vector<double> points = centred_numbers(80, 1), noise = normal_numbers(80, 2);
  std::vector<double> values;
  for (std::size_t i = 0; i < 80; ++i) values.push_back(1.4 * std::sin(6 * points[i]) + 0.3 * noise[i]);

  const Hyperparameters learnt =
      fit_hyperparameters({KernelKind::Matern52, &line, true, {}}, {rows_of(points, 1), values, {}});
  const Hyperparameters exact =
      fit_hyperparameters({KernelKind::Matern52, &line, false, {}}, {rows_of(points, 1), values, {}});

  EXPECT_NEAR(std::exp(0.5 * learnt.log_noise), 0.3, 0.1);
  EXPECT_LT(exact.log_noise, std::log(1e-8));
}

TEST(ModelFit, DoesNotTakeNoiseForTheWhimOfOneParameter) {
  const std::size_t axes = 10, results = 25;
  FeatureGroups ten{std::vector<std::size_t>(axes), axes};
  std::iota(ten.group_of.begin(), ten.group_of.end(), 0);
  const std::vector<double> points = centred_numbers(axes * results, 1);
  for (const std::uint64_t seed : {2, 3, 4}) {
    const std::vector<double> values = normal_numbers(results, seed);

    const Hyperparameters found =
        fit_hyperparameters({KernelKind::Matern52, &ten, true, {}}, {rows_of(points, axes), values, {}});

    const auto [shortest, longest] = std::ranges::minmax(found.log_lengthscales);
    EXPECT_LT(std::exp(longest - shortest), 4) << seed;
  }
}

TEST(ModelFit, BelievesInLengthscalesThatGrowWithTheDiameterOfTheCube) {
  for (const std::size_t axes : {1u, 4u, 25u}) {
    FeatureGroups each{std::vector<std::size_t>(axes), axes};
    std::iota(each.group_of.begin(), each.group_of.end(), 0);
    const std::vector<double> point(axes, 0.1), value{0};  // says nothing of lengthscales

    const Hyperparameters found =
        fit_hyperparameters({KernelKind::Matern52, &each, true, {}}, {rows_of(point, axes), value, {}});

    for (const double log_lengthscale : found.log_lengthscales)
      EXPECT_NEAR(std::exp(log_lengthscale), 0.4 * std::sqrt(static_cast<double>(axes)), 1e-6);
    EXPECT_LT(found.log_noise, std::log(1e-2)) << "little noise is believed in";
  }
}

TEST(ModelFit, IsTheSameFromTheSameStart) {
  const std::vector<double> points = centred_numbers(60 * d, 1);
  std::vector<double> values;
  for (std::size_t i = 0; i < 60; ++i) values.push_back(std::sin(9 * points[d * i]) + points[d * i + 1]);
  const Observations all{rows_of(points, d), values, {}},
      first{{points.data(), 55, d, d}, std::span(values).first(55), {}};
  const auto fit = [&] {
    const Hyperparameters earlier = fit_hyperparameters({KernelKind::Matern52, &groups, true, {}}, first);
    return fit_hyperparameters({KernelKind::Matern52, &groups, true, earlier}, all).flat();
  };

  const std::vector<double> warm = fit(), again = fit();
  const std::vector<double> cold = fit_hyperparameters({KernelKind::Matern52, &groups, true, {}}, all).flat();

  EXPECT_EQ(warm, again);
  for (std::size_t g = 0; g < 2; ++g) EXPECT_NEAR(warm[g], cold[g], 0.3);
}

TEST(ModelFit, SurvivesWhatNoModelFits) {
  std::vector<double> outlier(20, 0.1);
  outlier[3] = 1e30;
  for (const auto& values : {std::vector<double>(20, 0.0), std::vector<double>(20, 1e30),
                             std::vector<double>(20, -1e-30), outlier})
    for (const bool learn_noise : {true, false})
      for (const auto& points : {centred_numbers(20, 1), std::vector<double>(20, 0.25)}) {
        const Hyperparameters found =
            fit_hyperparameters({KernelKind::Rbf, &line, learn_noise, {}}, {rows_of(points, 1), values, {}});

        for (const double entry : found.flat()) EXPECT_TRUE(std::isfinite(entry));
        EXPECT_NO_THROW(process_of(points, values, line, found, KernelKind::Rbf));
      }
}

}  // namespace
}  // namespace regatta::search
