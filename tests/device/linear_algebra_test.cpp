#include "regatta/device/linear_algebra.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "regatta/core/random.hpp"

// Compiled twice: in test_device with OpenBLAS where there is one, in test_plain_algebra with the loops that
// stand in for it.
namespace regatta::device::algebra {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t sizes[] = {0, 1, 5, 40};
constexpr std::size_t sizes_and_large[] = {0, 1, 5, 40, 413};  ///< with one for which triangles are divided
constexpr Form forms[] = {Form::Plain, Form::Transposed};

/// Random numbers in rows that are `gap` farther apart than they are long.
class Matrix {
 public:
  static constexpr std::size_t gap = 3;

  Matrix(std::size_t rows, std::size_t columns, std::uint64_t seed) : rows_(rows), columns_(columns) {
    numbers_.assign(rows * stride(), between);
    Random random(seed);
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j) block()(i, j) = random.normal();
  }

  /// l with a diagonal from 1 to 2 and numbers above it that nobody may use.
  static Matrix lower(std::size_t n, std::uint64_t seed) {
    Matrix result(n, n, seed);
    for (std::size_t i = 0; i < n; ++i) {
      result(i, i) = 1 + std::abs(std::remainder(result(i, i), 2.0));
      for (std::size_t j = 0; j < i; ++j) result(i, j) /= std::sqrt(static_cast<double>(n));
    }
    result.spoil_upper();
    return result;
  }

  /// l l^T, of which the upper triangle is nobody's.
  static Matrix positive(const Matrix& l) {
    Matrix result(l.rows_, l.rows_, 0);
    for (std::size_t i = 0; i < l.rows_; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        result(i, j) = 0;
        for (std::size_t k = 0; k <= j; ++k) result(i, j) += l(i, k) * l(j, k);
      }
    result.spoil_upper();
    return result;
  }

  double& operator()(std::size_t i, std::size_t j) { return numbers_[i * stride() + j]; }
  double operator()(std::size_t i, std::size_t j) const { return numbers_[i * stride() + j]; }
  Block<double> block() { return {numbers_.data(), rows_, columns_, stride()}; }
  Block<const double> block() const { return {numbers_.data(), rows_, columns_, stride()}; }
  /// Entry of the form, with zeros in the upper triangle of l.
  double of_lower(Form form, std::size_t i, std::size_t j) const {
    if (form == Form::Transposed) std::swap(i, j);
    return j <= i ? (*this)(i, j) : 0;
  }
  double of(Form form, std::size_t i, std::size_t j) const {
    return form == Form::Plain ? (*this)(i, j) : (*this)(j, i);
  }

  void spoil_upper() {
    for (std::size_t i = 0; i < rows_; ++i)
      for (std::size_t j = i + 1; j < columns_; ++j) (*this)(i, j) = nan;
  }
  bool upper_untouched() const {
    for (std::size_t i = 0; i < rows_; ++i)
      for (std::size_t j = i + 1; j < columns_; ++j)
        if (!std::isnan((*this)(i, j))) return false;
    return true;
  }
  bool gaps_untouched() const {
    for (std::size_t i = 0; i < rows_; ++i)
      for (std::size_t j = columns_; j < stride(); ++j)
        if (numbers_[i * stride() + j] != between) return false;
    return true;
  }

 private:
  static constexpr double between = 12345;
  std::size_t stride() const { return columns_ + gap; }

  std::size_t rows_, columns_;
  std::vector<double> numbers_;
};

std::vector<double> vector_of(std::size_t n, std::uint64_t seed) {
  std::vector<double> result(n);
  Random random(seed);
  for (double& number : result) number = random.normal();
  return result;
}

TEST(LinearAlgebra, AddsUpProductsOfAnyNumberOfEntries) {
  for (std::size_t n = 0; n <= 40; ++n) {
    const std::vector<double> a = vector_of(n, 1), b = vector_of(n, 2);

    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];

    EXPECT_NEAR(dot(a, b), sum, 1e-12) << n;
  }
}

TEST(LinearAlgebra, MultipliesMatricesInAllForms) {
  for (const std::size_t m : sizes)
    for (const std::size_t n : sizes)
      for (const std::size_t k : sizes)
        for (const Form form_a : forms)
          for (const Form form_b : forms) {
            const bool plain_a = form_a == Form::Plain, plain_b = form_b == Form::Plain;
            const Matrix a(plain_a ? m : k, plain_a ? k : m, 1), b(plain_b ? k : n, plain_b ? n : k, 2);
            const Matrix before(m, n, 3);
            Matrix c = before;

            multiply(0.7, a.block(), form_a, b.block(), form_b, -0.3, c.block());

            for (std::size_t i = 0; i < m; ++i)
              for (std::size_t j = 0; j < n; ++j) {
                double wanted = -0.3 * before(i, j);
                for (std::size_t l = 0; l < k; ++l) wanted += 0.7 * a.of(form_a, i, l) * b.of(form_b, l, j);
                ASSERT_NEAR(c(i, j), wanted, 1e-11) << m << " " << n << " " << k;
              }
            EXPECT_TRUE(c.gaps_untouched());
          }
}

TEST(LinearAlgebra, ForgetsWhatWasThereWhenBetaIsZero) {
  for (const std::size_t depth : {0, 4}) {
    const Matrix a(2, depth, 1), b(depth, 3, 2);
    Matrix c(2, 3, 3);
    for (std::size_t i = 0; i < 2; ++i) std::fill_n(c.block().row(i), 3, nan);

    multiply(1, a.block(), Form::Plain, b.block(), Form::Plain, 0, c.block());

    for (std::size_t i = 0; i < 2; ++i)
      for (std::size_t j = 0; j < 3; ++j) EXPECT_TRUE(std::isfinite(c(i, j)));
  }
}

TEST(LinearAlgebra, MultipliesAVectorInBothForms) {
  for (const std::size_t m : sizes)
    for (const std::size_t n : sizes)
      for (const Form form : forms) {
        const Matrix a(m, n, 1);
        const std::size_t in = form == Form::Plain ? n : m, out = form == Form::Plain ? m : n;
        const std::vector<double> x = vector_of(in, 2);
        std::vector<double> y(out, nan);

        multiply(a.block(), form, x, y);

        for (std::size_t i = 0; i < out; ++i) {
          double wanted = 0;
          for (std::size_t j = 0; j < in; ++j) wanted += a.of(form, i, j) * x[j];
          ASSERT_NEAR(y[i], wanted, 1e-12);
        }
      }
}

TEST(LinearAlgebra, ReadsTheLowerTriangleOfASymmetricMatrixOnly) {
  for (const std::size_t n : sizes)
    for (const std::size_t columns : sizes) {
      Matrix s(n, n, 1);
      s.spoil_upper();
      const Matrix x(n, columns, 2);
      Matrix c(n, columns, 3);

      multiply_symmetric(s.block(), x.block(), c.block());

      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < columns; ++j) {
          double wanted = 0;
          for (std::size_t k = 0; k < n; ++k) wanted += s(std::max(i, k), std::min(i, k)) * x(k, j);
          ASSERT_NEAR(c(i, j), wanted, 1e-12);
        }
      EXPECT_TRUE(c.gaps_untouched());
    }
}

TEST(LinearAlgebra, MultipliesRowsByALowerTriangleInBothForms) {
  for (const std::size_t n : sizes)
    for (const std::size_t rows : sizes)
      for (const Form form : forms) {
        const Matrix l = Matrix::lower(n, 1), before(rows, n, 2);
        Matrix b = before;

        multiply_by_lower(b.block(), l.block(), form);

        for (std::size_t i = 0; i < rows; ++i)
          for (std::size_t j = 0; j < n; ++j) {
            double wanted = 0;
            for (std::size_t k = 0; k < n; ++k) wanted += before(i, k) * l.of_lower(form, k, j);
            ASSERT_NEAR(b(i, j), wanted, 1e-12);
          }
        EXPECT_TRUE(b.gaps_untouched());
      }
}

TEST(LinearAlgebra, WhitensRowsAndBringsThemBackInOnePass) {
  for (const std::size_t n : sizes)
    for (const std::size_t rows : sizes) {
      const Matrix l = Matrix::lower(n, 1), x(rows, n, 2);
      Matrix v(rows, n, 3), alone(rows, n, 3), w(rows, n, 4), wanted_v = x;

      whiten(l.block(), x.block(), v.block(), w.block());
      whiten(l.block(), x.block(), alone.block(), {});

      multiply_by_lower(wanted_v.block(), l.block(), Form::Transposed);
      Matrix wanted_w = wanted_v;
      multiply_by_lower(wanted_w.block(), l.block(), Form::Plain);
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < n; ++j) {
          ASSERT_NEAR(v(i, j), wanted_v(i, j), 1e-12);
          ASSERT_EQ(alone(i, j), v(i, j));
          ASSERT_NEAR(w(i, j), wanted_w(i, j), 1e-12);
        }
      EXPECT_TRUE(v.gaps_untouched() && w.gaps_untouched());
    }
}

TEST(LinearAlgebra, WhitensOneRowAfterAnotherToTheSameBits) {
  constexpr std::size_t n = 45, rows = 5;
  const Matrix l = Matrix::lower(n, 1), x(rows, n, 2);
  Matrix v(rows, n, 3), w(rows, n, 4), single_v(rows, n, 5), single_w(rows, n, 6);
  const auto first = [](auto block, std::size_t columns) {
    block.columns = columns;
    return block;
  };

  whiten(l.block(), x.block(), v.block(), w.block());
  for (std::size_t p = 0; p < rows; ++p)
    for (std::size_t known = 0, next = 1; known < n;
         known = std::exchange(next, std::min(n, next + next % 7 + 1)))
      whiten(first(l.block().part(0, next), next), first(x.block().part(p, 1), next),
             first(single_v.block().part(p, 1), next), first(single_w.block().part(p, 1), next), known);

  for (std::size_t p = 0; p < rows; ++p)
    for (std::size_t j = 0; j < n; ++j) {
      ASSERT_EQ(single_v(p, j), v(p, j)) << p << ' ' << j;
      ASSERT_EQ(single_w(p, j), w(p, j)) << p << ' ' << j;
    }
}

TEST(LinearAlgebra, MultipliesALowerTriangleByAVectorInBothForms) {
  for (const std::size_t n : sizes)
    for (const Form form : forms) {
      const Matrix l = Matrix::lower(n, 1);
      const std::vector<double> before = vector_of(n, 2);
      std::vector<double> x = before;

      multiply_lower(l.block(), form, x);

      for (std::size_t i = 0; i < n; ++i) {
        double wanted = 0;
        for (std::size_t k = 0; k < n; ++k) wanted += l.of_lower(form, i, k) * before[k];
        ASSERT_NEAR(x[i], wanted, 1e-12);
      }
    }
}

TEST(LinearAlgebra, FindsTheCholeskyFactorAndLeavesTheUpperTriangleAlone) {
  for (const std::size_t n : sizes_and_large) {
    const Matrix l = Matrix::lower(n, 1);
    Matrix a = Matrix::positive(l);

    ASSERT_TRUE(cholesky(a.block()));

    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j <= i; ++j) ASSERT_NEAR(a(i, j), l(i, j), 1e-11);
    EXPECT_TRUE(a.upper_untouched());
    EXPECT_TRUE(a.gaps_untouched());
  }
}

TEST(LinearAlgebra, TakesAMatrixWithoutRowsForPositiveDefinite) {
  EXPECT_TRUE(cholesky({}));
  EXPECT_NO_THROW(invert_lower({}));
  EXPECT_NO_THROW(invert_product({}));
}

TEST(LinearAlgebra, HasNoCholeskyFactorOfAMatrixThatIsNotPositiveDefinite) {
  for (const std::size_t n : {std::size_t{1}, std::size_t{5}, std::size_t{40}})
    for (const double spoilt : {0.0, -1.0, nan, infinity, -infinity})
      for (const std::size_t where : {std::size_t{0}, n / 2, n - 1}) {
        Matrix a = Matrix::positive(Matrix::lower(n, 1));

        a(where, where) = spoilt;

        EXPECT_FALSE(cholesky(a.block())) << n << ": " << spoilt << " at " << where;
      }
}

TEST(LinearAlgebra, InvertsALowerTriangle) {
  for (const std::size_t n : sizes_and_large) {
    const Matrix l = Matrix::lower(n, 1);
    Matrix inverse = l;

    invert_lower(inverse.block());

    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (std::size_t k = j; k <= i; ++k) sum += l(i, k) * inverse(k, j);
        ASSERT_NEAR(sum, i == j ? 1 : 0, 1e-11);
      }
    EXPECT_TRUE(inverse.upper_untouched());
    EXPECT_TRUE(inverse.gaps_untouched());
  }
}

TEST(LinearAlgebra, InvertsAMatrixGivenItsCholeskyFactor) {
  for (const std::size_t n : sizes_and_large) {
    const Matrix l = Matrix::lower(n, 1), a = Matrix::positive(l);
    Matrix inverse = l;

    invert_product(inverse.block());

    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k < n; ++k)
          sum += a(std::max(i, k), std::min(i, k)) * inverse(std::max(k, j), std::min(k, j));
        ASSERT_NEAR(sum, i == j ? 1 : 0, 1e-10);
      }
    EXPECT_TRUE(inverse.upper_untouched());
    EXPECT_TRUE(inverse.gaps_untouched());
  }
}

}  // namespace
}  // namespace regatta::device::algebra
