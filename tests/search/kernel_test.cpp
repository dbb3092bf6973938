#include "kernel.hpp"

#include <algorithm>

#include "line_tables.hpp"
#include "numeric.hpp"

namespace regatta::search {
namespace {

using namespace numeric;

constexpr KernelKind kinds[] = {KernelKind::Matern52, KernelKind::Rbf, KernelKind::AdditiveMatern52,
                                KernelKind::AdditiveRbf};

/// Two features of one group, one of another and three of a third.
const FeatureGroups groups{{0, 0, 1, 2, 2, 2}, 3};
constexpr std::size_t d = 6;

bool is_rbf(KernelKind kind) { return kind == KernelKind::Rbf || kind == KernelKind::AdditiveRbf; }

double profile(KernelKind kind, double r) {
  if (is_rbf(kind)) return std::exp(-r * r / 2);
  return (1 + std::sqrt(5) * r + 5 * r * r / 3) * std::exp(-std::sqrt(5) * r);
}

/// The formulas of kernel.hpp, one point after another.
double covariance(KernelKind kind, const double* a, const double* b) {
  double squared[3] = {};
  for (std::size_t c = 0; c < d; ++c) squared[groups.group_of[c]] += (a[c] - b[c]) * (a[c] - b[c]);
  if (kind == KernelKind::Matern52 || kind == KernelKind::Rbf)
    return profile(kind, std::sqrt(squared[0] + squared[1] + squared[2]));
  double sum = 0;
  for (const double part : squared) sum += profile(kind, std::sqrt(part)) / 3;
  return sum;
}

KernelPoints points_of(KernelKind kind, const std::vector<double>& rows, std::size_t features) {
  return {kind, rows_of(rows, features)};
}

double value_at(KernelKind kind, const FeatureGroups& of, const std::vector<double>& a,
                const std::vector<double>& b) {
  double k = 0;
  Kernel(kind, of).values(rows_of(a, a.size()), points_of(kind, b, b.size()), {&k, 1, 1, 1});
  return k;
}

TEST(Kernel, HasTheKnownValuesOfItsProfiles) {
  const FeatureGroups one{{0}, 1};

  EXPECT_DOUBLE_EQ(value_at(KernelKind::Matern52, one, {0.7}, {0.7}), 1);
  EXPECT_NEAR(value_at(KernelKind::Matern52, one, {0}, {1}), 0.52399410883182, 1e-14);
  EXPECT_NEAR(value_at(KernelKind::Matern52, one, {-1}, {2}), 0.02772342188, 1e-10);
  EXPECT_DOUBLE_EQ(value_at(KernelKind::Rbf, one, {0.7}, {0.7}), 1);
  EXPECT_NEAR(value_at(KernelKind::Rbf, one, {0}, {1}), 0.60653065971263, 1e-14);
  EXPECT_NEAR(value_at(KernelKind::Rbf, one, {-1}, {2}), 0.01110899653824, 1e-14);
}

TEST(Kernel, TakesTheDistanceOverAllFeaturesOrTheMeanOverGroups) {
  const FeatureGroups two{{0, 0, 1}, 2};
  const std::vector<double> origin{0, 0, 0}, point{1.8, 2.4, 1};  // distances 3 and 1, together sqrt(10)

  for (const KernelKind kind : {KernelKind::Matern52, KernelKind::Rbf})
    EXPECT_NEAR(value_at(kind, two, origin, point), profile(kind, std::sqrt(10)), 1e-14);
  for (const KernelKind kind : {KernelKind::AdditiveMatern52, KernelKind::AdditiveRbf})
    EXPECT_NEAR(value_at(kind, two, origin, point), 0.5 * (profile(kind, 3) + profile(kind, 1)), 1e-14);
}

TEST(Kernel, HasTheExponentialFunctionToTheLastDigitsAndNothingFarAway) {
  const FeatureGroups one{{0}, 1};

  for (double r = 0; r < 37; r += 0.37)
    EXPECT_NEAR(value_at(KernelKind::AdditiveRbf, one, {0}, {r}) / std::exp(-r * r / 2), 1, 1e-14) << r;
  for (const KernelKind kind : kinds) EXPECT_LT(value_at(kind, one, {0}, {1e9}), 1e-200);
}

TEST(Kernel, IsRightForManyPointsOfManyFeatures) {
  const std::vector<double> a = normal_numbers(7 * d, 1), b = normal_numbers(19 * d, 2);
  for (const KernelKind kind : kinds) {
    std::vector<double> k(7 * 19), lower(19 * 19);

    Kernel(kind, groups).values(rows_of(a, d), points_of(kind, b, d), rows_of(k, 19));
    Kernel(kind, groups).lower_values(points_of(kind, b, d), rows_of(lower, 19));

    for (std::size_t j = 0; j < 19; ++j) {
      for (std::size_t i = 0; i < 7; ++i)
        EXPECT_NEAR(k[i * 19 + j], covariance(kind, &a[i * d], &b[j * d]), 1e-13);
      for (std::size_t i = j + 1; i < 19; ++i)
        EXPECT_NEAR(lower[i * 19 + j], covariance(kind, &b[i * d], &b[j * d]), 1e-13);
    }
  }
}

TEST(Kernel, IsTheMeanOfItsGroups) {
  const std::vector<double> a = normal_numbers(3 * d, 1), b = normal_numbers(19 * d, 2);
  for (const KernelKind kind : {KernelKind::AdditiveMatern52, KernelKind::AdditiveRbf}) {
    const Kernel kernel(kind, groups);
    std::vector<double> k(3 * 19), mean(3 * 19), part(3 * 19);
    kernel.values(rows_of(a, d), points_of(kind, b, d), rows_of(k, 19));

    for (std::size_t g = 0; g < groups.groups; ++g) {
      kernel.group_values(g, points_of(kind, a, d), points_of(kind, b, d), rows_of(part, 19));
      for (std::size_t i = 0; i < k.size(); ++i) mean[i] += part[i] / 3;
    }

    for (std::size_t i = 0; i < k.size(); ++i) EXPECT_NEAR(mean[i], k[i], 1e-14) << i;
  }
}

TEST(LineTables, SayOfManyPointsWhatTheirCovariancesSay) {
  const FeatureGroups lines{{0, 1, 2}, 3};
  const std::vector<double> known = centred_numbers(40 * 3, 1), weights = normal_numbers(40, 2);
  const std::vector<double> points = centred_numbers(200 * 3, 3);
  const std::vector<std::size_t> chosen{0, 7, 39};
  for (const KernelKind kind : {KernelKind::AdditiveMatern52, KernelKind::AdditiveRbf}) {
    const KernelPoints of_known = points_of(kind, known, 3);
    std::vector<double> k(200 * 40), looked_up(200 * 4);
    Kernel(kind, lines).values(rows_of(points, 3), of_known, rows_of(k, 40));

    const LineTables tables(kind, lines, of_known, weights, chosen, rows_of(points, 3));
    tables.look_up(rows_of(points, 3), rows_of(looked_up, 4));

    for (std::size_t i = 0; i < 200; ++i) {
      const std::span<const double> row(k.data() + i * 40, 40);
      const std::span<const double> entries(looked_up.data() + i * 4, 4);
      for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(entries[j], row[chosen[j]], 1e-6);
      EXPECT_NEAR(entries[3], device::algebra::dot(row, weights), 1e-5);
    }
  }
}

TEST(LineTables, AreMadeWhereThereAreFewerNodesThanPoints) {
  const FeatureGroups lines{{0, 1, 2}, 3};
  std::vector<double> points = centred_numbers(200 * 3, 3);

  EXPECT_TRUE(LineTables::worthwhile(KernelKind::AdditiveRbf, lines, rows_of(points, 3)));
  EXPECT_FALSE(LineTables::worthwhile(KernelKind::Rbf, lines, rows_of(points, 3)));
  EXPECT_FALSE(LineTables::worthwhile(KernelKind::AdditiveRbf, {{0, 0, 1}, 2}, rows_of(points, 3)));
  points[0] = 50;
  EXPECT_FALSE(LineTables::worthwhile(KernelKind::AdditiveRbf, lines, rows_of(points, 3)));
}

TEST(Kernel, HasNoValuesOfNoPoints) {
  const std::vector<double> a = normal_numbers(2 * d, 1), none;
  std::vector<double> nothing;
  for (const KernelKind kind : kinds) {
    EXPECT_NO_THROW(
        Kernel(kind, groups).values(rows_of(a, d), points_of(kind, none, d), {nothing.data(), 2, 0, 0}));
    EXPECT_NO_THROW(Kernel(kind, groups).lower_values(points_of(kind, none, d), {nothing.data(), 0, 0, 0}));
  }
}

TEST(Kernel, PullsWeightsBackToPoints) {
  constexpr std::size_t m = 3, n = 11;
  const std::vector<double> a = normal_numbers(m * d, 1), b = normal_numbers(n * d, 2),
                            w = normal_numbers(m * n, 3);
  for (const KernelKind kind : kinds) {
    std::vector<double> weights = w, gradient(m * d, 99), values(m * n), slopes(m * n);
    const KernelPoints known = points_of(kind, b, d);

    Kernel(kind, groups).values(rows_of(a, d), known, rows_of(values, n), rows_of(slopes, n));
    Kernel(kind, groups)
        .pull(rows_of(a, d), known, rows_of(slopes, n), rows_of(weights, n), rows_of(gradient, d));

    const auto weighed = [&](const std::vector<double>& at) {
      double sum = 0;
      for (std::size_t i = 0; i < m; ++i)
        for (std::size_t j = 0; j < n; ++j) sum += w[i * n + j] * covariance(kind, &at[i * d], &b[j * d]);
      return sum;
    };
    for (std::size_t i = 0; i < m * d; ++i) EXPECT_NEAR(gradient[i], derivative(weighed, a, i), 1e-9) << i;
  }
}

TEST(Kernel, HasTheSameBitsForAPointWhateverTheOthers) {
  constexpr std::size_t n = 21;
  const std::vector<double> a = normal_numbers(d, 1), b = normal_numbers(n * d, 2);
  for (const FeatureGroups& each : {groups, FeatureGroups{{0, 1, 2, 3, 4, 5}, 6}})
    for (const KernelKind kind : kinds) {
      std::vector<double> whole(n), single(n), wanted(n);
      KernelPoints points(kind, d);

      Kernel(kind, each).row_values(a.data(), points_of(kind, b, d), 0, whole);
      for (std::size_t j = 0; j < n; ++j) {
        points.append({&b[j * d], 1, d, d});
        Kernel(kind, each).row_values(a.data(), points, j, std::span(single).subspan(j, 1));
      }

      Kernel(kind, each).values(rows_of(a, d), points, rows_of(wanted, n));
      EXPECT_EQ(single, whole);
      for (std::size_t j = 0; j < n; ++j) EXPECT_NEAR(whole[j], wanted[j], 1e-13);
    }
}

TEST(KernelPoints, ForgetsWhatCameAfter) {
  const std::vector<double> rows = normal_numbers(4 * d, 1), far(d, 1e9);
  KernelPoints points = points_of(KernelKind::AdditiveMatern52, rows, d);
  const double reach = points.most_reach();

  points.append(rows_of(far, d));
  points.truncate(4);
  points.append({rows.data(), 1, d, d});

  EXPECT_EQ(points.size(), 5);
  EXPECT_EQ(points.most_reach(), reach);
  for (std::size_t c = 0; c < d; ++c) {
    EXPECT_EQ(points.places(c)[3], rows[3 * d + c]);
    EXPECT_EQ(points.places(c)[4], rows[c]);
    EXPECT_NEAR(points.decays(c)[4] * points.growths(c)[4], 1, 1e-15);
  }
}

TEST(Kernel, PullsNothingWherePointsCoincide) {
  const std::vector<double> a = normal_numbers(d, 1);
  for (const KernelKind kind : kinds) {
    std::vector<double> weight{1}, gradient(d, 99), k(1), slope(1);
    const KernelPoints points = points_of(kind, a, d);

    Kernel(kind, groups).values(rows_of(a, d), points, rows_of(k, 1), rows_of(slope, 1));
    Kernel(kind, groups)
        .pull(rows_of(a, d), points, rows_of(slope, 1), rows_of(weight, 1), rows_of(gradient, d));

    for (const double entry : gradient) EXPECT_NEAR(entry, 0, 1e-14);
  }
}

TEST(Kernel, AddsTheDerivativesByLogarithmsOfLengthscales) {
  constexpr std::size_t n = 9;
  const std::vector<double> points = normal_numbers(n * d, 1), w = normal_numbers(n * n, 2);
  for (const KernelKind kind : kinds) {
    std::vector<double> weights = w, gradient{10, 20, 30}, values(n * n), slopes(n * n);
    const KernelPoints own = points_of(kind, points, d);

    Kernel(kind, groups).lower_values(own, rows_of(values, n), rows_of(slopes, n));
    Kernel(kind, groups).add_lengthscale_gradient(own, rows_of(slopes, n), rows_of(weights, n), gradient);

    const auto weighed = [&](const std::vector<double>& log_lengthscales) {
      std::vector<double> scaled = points;
      for (std::size_t i = 0; i < n * d; ++i) scaled[i] /= std::exp(log_lengthscales[groups.group_of[i % d]]);
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < i; ++j)
          sum += w[i * n + j] * covariance(kind, &scaled[i * d], &scaled[j * d]);
      return sum;
    };
    for (std::size_t g = 0; g < 3; ++g)
      EXPECT_NEAR(gradient[g], 10.0 * static_cast<double>(g + 1) + derivative(weighed, {0, 0, 0}, g), 1e-9)
          << g;
  }
}

}  // namespace
}  // namespace regatta::search
