#include "regatta/device/linear_algebra.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "../blas.hpp"

// Seen by column-major LAPACK, a row-major lower triangle is the upper one of the same symmetric matrix:
// a = l l^T here is a = u^T u there.
namespace regatta::device::algebra {
namespace {

// Numbers of the C interface of BLAS.
constexpr int row_major = 101, plain = 111, transposed = 112, lower = 122, non_unit = 131, left = 141,
              right = 142;

constexpr std::size_t large = 700;  ///< rows from which on LAPACK inverts faster than the loops here

int code(Form form) { return form == Form::Plain ? plain : transposed; }
int as_int(std::size_t n) { return static_cast<int>(n); }

template <class T>
T entry(Block<T> a, Form form, std::size_t i, std::size_t j) {
  return form == Form::Plain ? a(i, j) : a(j, i);
}

void loop_multiply(double alpha, Block<const double> a, Form form_a, Block<const double> b, Form form_b,
                   double beta, Block<double> c) {
  const std::size_t depth = form_a == Form::Plain ? a.columns : a.rows;
  for (std::size_t i = 0; i < c.rows; ++i)
    for (std::size_t j = 0; j < c.columns; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < depth; ++k) sum += entry(a, form_a, i, k) * entry(b, form_b, k, j);
      c(i, j) = alpha * sum + (beta == 0 ? 0 : beta * c(i, j));
    }
}

/// row = form(l)^T row, which is row l for the plain form.
void loop_row_by_lower(double* row, Block<const double> l, Form form) {
  const std::size_t n = l.rows;
  if (form == Form::Plain) {  // entry j needs entries j.. of the old row
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t k = j; k < n; ++k) sum += row[k] * l(k, j);
      row[j] = sum;
    }
  } else {
    for (std::size_t j = n; j-- > 0;) {
      double sum = 0;
      for (std::size_t k = 0; k <= j; ++k) sum += row[k] * l(j, k);
      row[j] = sum;
    }
  }
}

bool loop_cholesky(Block<double> a) {
  for (std::size_t j = 0; j < a.rows; ++j) {
    double pivot = a(j, j);
    for (std::size_t k = 0; k < j; ++k) pivot -= a(j, k) * a(j, k);
    if (!(pivot > 0) || !std::isfinite(pivot)) return false;
    a(j, j) = std::sqrt(pivot);
    for (std::size_t i = j + 1; i < a.rows; ++i) {
      double sum = a(i, j);
      for (std::size_t k = 0; k < j; ++k) sum -= a(i, k) * a(j, k);
      a(i, j) = sum / a(j, j);
    }
  }
  return true;
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] double dot_of(const double* a,
                                                                                    const double* b,
                                                                                    std::size_t n) {
  // Eight sums at a time: the order of additions is fixed, and the loop becomes vector code.
  double sums[8] = {};
  const std::size_t blocks = n - n % 8;
  for (std::size_t i = 0; i < blocks; i += 8)
    for (std::size_t k = 0; k < 8; ++k) sums[k] += a[i + k] * b[i + k];
  double sum = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  for (std::size_t i = blocks; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// whiten() takes four rows of l at a time, each with three rows of x, or two, or one. All of them are vectors
// up to the last column that is a multiple of 8 and before the first row's diagonal, so that the order of
// additions depends on the row of l alone.
constexpr std::size_t lanes = 4, aligned_columns = 8;
using Vector [[gnu::vector_size(lanes * sizeof(double)), gnu::aligned(alignof(double)), gnu::may_alias]] =
    double;

/// v(p, i + r) = l_(i + r) x_p
template <std::size_t rows, std::size_t points>
[[gnu::always_inline]] inline void dots(Block<const double> l, std::size_t i, std::size_t width,
                                        Block<const double> x, Block<double> v) {
  Vector sums[rows][points] = {};
  for (std::size_t j = 0; j < width; j += lanes) {
    Vector line[rows];
    for (std::size_t r = 0; r < rows; ++r) line[r] = *reinterpret_cast<const Vector*>(l.row(i + r) + j);
    for (std::size_t p = 0; p < points; ++p) {
      const Vector other = *reinterpret_cast<const Vector*>(x.row(p) + j);
      for (std::size_t r = 0; r < rows; ++r) sums[r][p] += line[r] * other;
    }
  }
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t p = 0; p < points; ++p) {
      const Vector& s = sums[r][p];
      double sum = (s[0] + s[2]) + (s[1] + s[3]);
      for (std::size_t j = width; j <= i + r; ++j) sum += l(i + r, j) * x(p, j);
      v(p, i + r) = sum;
    }
}

/// w_p += sum over r of v_p(r) l_r, to the columns before `width`. v_p(r) lies at v.data[p * v.stride + r *
/// step].
template <std::size_t rows, std::size_t points>
[[gnu::always_inline]] inline void spread(Block<const double> l, std::size_t width, Block<const double> v,
                                          std::size_t step, Block<double> w) {
  const auto factor = [&](std::size_t p, std::size_t r) { return v.data[p * v.stride + r * step]; };
  for (std::size_t j = 0; j < width; j += lanes) {
    Vector line[rows];
    for (std::size_t r = 0; r < rows; ++r) line[r] = *reinterpret_cast<const Vector*>(l.row(r) + j);
    for (std::size_t p = 0; p < points; ++p) {
      Vector& target = *reinterpret_cast<Vector*>(w.row(p) + j);
      Vector sum = target;
      for (std::size_t r = 0; r < rows; ++r) sum += factor(p, r) * line[r];
      target = sum;
    }
  }
}

template <std::size_t rows>
[[gnu::always_inline]] inline void whiten_by(Block<const double> l, std::size_t i, Block<const double> x,
                                             Block<double> v, Block<double> w) {
  const std::size_t width = i / aligned_columns * aligned_columns;
  std::size_t p = 0;
  for (; p + 3 <= x.rows && p + 4 != x.rows; p += 3) dots<rows, 3>(l, i, width, x.part(p, 3), v.part(p, 3));
  for (; p + 2 <= x.rows; p += 2) dots<rows, 2>(l, i, width, x.part(p, 2), v.part(p, 2));
  if (p < x.rows) dots<rows, 1>(l, i, width, x.part(p, 1), v.part(p, 1));
  if (!w.data) return;
  const Block<const double> lines = l.part(i, rows);
  const auto factors = [&](std::size_t first) {
    return Block<const double>{v.row(first) + i, x.rows - first, rows, v.stride};
  };
  for (p = 0; p + 3 <= x.rows && p + 4 != x.rows; p += 3)
    spread<rows, 3>(lines, width, factors(p), 1, w.part(p, 3));
  for (; p + 2 <= x.rows; p += 2) spread<rows, 2>(lines, width, factors(p), 1, w.part(p, 2));
  if (p < x.rows) spread<rows, 1>(lines, width, factors(p), 1, w.part(p, 1));
  for (p = 0; p < x.rows; ++p)
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t j = width; j <= i + r; ++j) w(p, j) += v(p, i + r) * l(i + r, j);
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void whiten_rows(
    Block<const double> l, Block<const double> x, Block<double> v, Block<double> w, std::size_t known) {
  std::size_t i = known;
  for (; i < l.rows && i % 4 != 0; ++i) whiten_by<1>(l, i, x, v, w);
  for (; i + 4 <= l.rows; i += 4) whiten_by<4>(l, i, x, v, w);
  for (; i < l.rows; ++i) whiten_by<1>(l, i, x, v, w);
}

constexpr std::size_t strip = 4;  ///< rows of a triangle that are inverted or squared together

/// Row i of the inverse is -1 / l_ii times the sum of l_ik times its rows k before.
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void invert_rows(Block<double> l) {
  const std::size_t n = l.rows, width = n + strip;
  std::vector<double> sums(strip * width),
      corners(strip * width);  // corners: squares on the diagonal, above it 0
  for (std::size_t first = 0; first < n; first += strip) {
    const std::size_t rows = std::min(strip, n - first);
    // All of a strip, though a row is missing in the last one: its factors are there, in the rows before.
    const std::size_t top = first + rows < strip ? 0 : first + rows - strip;
    const Block<double> sum{sums.data(), strip, width, width};
    std::ranges::fill(sums, 0.0);
    for (std::size_t k = 0; k < first; k += strip) {
      const Block<const double> factors{l.row(top) + k, strip, strip, l.stride};
      const Block<const double> corner{corners.data() + k * strip, strip, strip, strip};
      spread<strip, strip>(l.part(k, strip), k, factors, 1, sum);
      spread<strip, strip>(corner, strip, factors, 1, {sum.data + k, strip, strip, width});
    }
    for (std::size_t row = first; row < first + rows; ++row) {
      double within[strip] = {};
      std::copy_n(l.row(row) + first, row - first, within);
      std::copy_n(sum.row(row - top), first, l.row(row));
      std::fill_n(l.row(row) + first, row - first, 0.0);
      for (std::size_t k = first; k < row; ++k)
        for (std::size_t j = 0; j <= k; ++j) l(row, j) += within[k - first] * l(k, j);
      const double scale = 1 / l(row, row);
      for (std::size_t j = 0; j < row; ++j) l(row, j) *= -scale;
      l(row, row) = scale;
      std::copy_n(l.row(row) + first, row - first + 1, corners.data() + row * strip);
    }
  }
}

/// l^T l in the place of l. Row j of it is the sum of l_ij l_i over i >= j, so what comes later needs no row
/// before.
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void square_rows(Block<double> l) {
  const std::size_t n = l.rows;
  std::vector<double> sums(strip * (n + strip));
  for (std::size_t first = 0; first < n; first += strip) {
    const std::size_t rows = std::min(strip, n - first), width = first + rows;
    const Block<double> sum{sums.data(), strip, width, n + strip};
    std::ranges::fill(sums, 0.0);
    for (std::size_t i = first; i < width; ++i)
      for (std::size_t j = first; j <= i; ++j)
        for (std::size_t c = 0; c <= j; ++c) sum(j - first, c) += l(i, j) * l(i, c);
    std::size_t i = width;
    for (; i + strip <= n; i += strip)
      spread<strip, strip>(l.part(i, strip), width, {l.row(i) + first, 1, 1, 1}, l.stride, sum);
    for (; i < n; ++i) spread<1, strip>(l.part(i, 1), width, {l.row(i) + first, 1, 1, 1}, l.stride, sum);
    for (std::size_t j = 0; j < rows; ++j) std::copy_n(sum.row(j), first + j + 1, l.row(first + j));
  }
}

}  // namespace

void whiten(Block<const double> l, Block<const double> x, Block<double> v, Block<double> w,
            std::size_t known) {
  for (std::size_t p = 0; p < w.rows; ++p) std::fill_n(w.row(p) + known, l.rows - known, 0.0);
  whiten_rows(l, x, v, w, known);
}

double dot(std::span<const double> a, std::span<const double> b) {
  return dot_of(a.data(), b.data(), a.size());
}

void multiply(double alpha, Block<const double> a, Form form_a, Block<const double> b, Form form_b,
              double beta, Block<double> c) {
  const std::size_t depth = form_a == Form::Plain ? a.columns : a.rows;
  if (c.rows == 0 || c.columns == 0) return;
  if (!blas().dgemm || depth == 0) return loop_multiply(alpha, a, form_a, b, form_b, beta, c);
  blas().dgemm(row_major, code(form_a), code(form_b), as_int(c.rows), as_int(c.columns), as_int(depth), alpha,
               a.data, as_int(a.stride), b.data, as_int(b.stride), beta, c.data, as_int(c.stride));
}

void multiply(Block<const double> a, Form form, std::span<const double> x, std::span<double> y) {
  if (a.rows == 0 || a.columns == 0) {
    std::ranges::fill(y, 0.0);
    return;
  }
  if (blas().dgemv) {
    blas().dgemv(row_major, code(form), as_int(a.rows), as_int(a.columns), 1, a.data, as_int(a.stride),
                 x.data(), 1, 0, y.data(), 1);
    return;
  }
  loop_multiply(1, a, form, {x.data(), x.size(), 1, 1}, Form::Plain, 0, {y.data(), y.size(), 1, 1});
}

void multiply_symmetric(Block<const double> s, Block<const double> x, Block<double> c) {
  if (c.rows == 0 || c.columns == 0) return;
  if (blas().dsymm) {
    blas().dsymm(row_major, left, lower, as_int(c.rows), as_int(c.columns), 1, s.data, as_int(s.stride),
                 x.data, as_int(x.stride), 0, c.data, as_int(c.stride));
    return;
  }
  for (std::size_t i = 0; i < c.rows; ++i)
    for (std::size_t j = 0; j < c.columns; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < s.rows; ++k) sum += s(std::max(i, k), std::min(i, k)) * x(k, j);
      c(i, j) = sum;
    }
}

void multiply_by_lower(Block<double> b, Block<const double> l, Form form) {
  if (b.rows == 0 || b.columns == 0) return;
  if (blas().dtrmm) {
    blas().dtrmm(row_major, right, lower, code(form), non_unit, as_int(b.rows), as_int(b.columns), 1, l.data,
                 as_int(l.stride), b.data, as_int(b.stride));
    return;
  }
  for (std::size_t i = 0; i < b.rows; ++i) loop_row_by_lower(b.row(i), l, form);
}

void multiply_lower(Block<const double> l, Form form, std::span<double> x) {
  // x = l x is x^T = x^T l^T.
  const Form other = form == Form::Plain ? Form::Transposed : Form::Plain;
  if (blas().dtrmv && l.rows > 0) {
    blas().dtrmv(row_major, lower, code(form), non_unit, as_int(l.rows), l.data, as_int(l.stride), x.data(),
                 1);
    return;
  }
  loop_row_by_lower(x.data(), l, other);
}

bool cholesky(Block<double> a) {
  if (a.rows == 0) return true;  // LAPACK refuses a stride of 0
  if (!blas().dpotrf) return loop_cholesky(a);
  const int n = as_int(a.rows), stride = as_int(a.stride);
  int info = 0;
  blas().dpotrf("U", &n, a.data, &stride, &info);
  if (info != 0) return false;
  for (std::size_t i = 0; i < a.rows; ++i)
    if (!std::isfinite(a(i, i))) return false;
  return true;
}

void cholesky_with_jitter(Block<double> a, double jitter) {
  std::vector<double> copy;
  for (std::size_t i = 0; i < a.rows; ++i) copy.insert(copy.end(), a.row(i), a.row(i) + a.columns);
  for (; !cholesky(a); jitter *= 10) {
    for (std::size_t i = 0; i < a.rows; ++i) {
      std::copy_n(copy.data() + i * a.columns, a.columns, a.row(i));
      a(i, i) += jitter;
    }
  }
}

void invert_lower(Block<double> l) {
  if (l.rows == 0) return;
  if (!blas().dtrtri || l.rows < large) return invert_rows(l);
  const int n = as_int(l.rows), stride = as_int(l.stride);
  int info = 0;
  blas().dtrtri("U", "N", &n, l.data, &stride, &info);
}

void invert_product(Block<double> l) {
  if (l.rows == 0) return;
  if (!blas().dpotri || l.rows < large) {
    invert_rows(l);
    return square_rows(l);
  }
  const int n = as_int(l.rows), stride = as_int(l.stride);
  int info = 0;
  blas().dpotri("U", &n, l.data, &stride, &info);
}

}  // namespace regatta::device::algebra
