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

void loop_invert_lower(Block<double> l) {
  for (std::size_t j = 0; j < l.rows; ++j) {
    l(j, j) = 1 / l(j, j);
    for (std::size_t i = j + 1; i < l.rows; ++i) {
      double sum = 0;
      for (std::size_t k = j; k < i; ++k) sum += l(i, k) * l(k, j);
      l(i, j) = -sum / l(i, i);
    }
  }
}

/// l^T l in the place of l.
void loop_square(Block<double> l) {
  for (std::size_t i = 0; i < l.rows; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (std::size_t k = i; k < l.rows; ++k) sum += l(k, i) * l(k, j);
      l(i, j) = sum;
    }
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

// whiten() takes four rows of l at a time, each with up to three rows of x. All of them are vectors up to the last
// column that is a multiple of 8 and before the first row's diagonal, so that the order of additions depends on the
// row of l alone.
constexpr std::size_t lanes = 4, aligned_columns = 8;
using Vector [[gnu::vector_size(lanes * sizeof(double)), gnu::aligned(alignof(double)), gnu::may_alias]] = double;

/// v(p, i + r) = l_(i + r) x_p
template <std::size_t rows, std::size_t points>
[[gnu::always_inline]] inline void dots(Block<const double> l, std::size_t i, std::size_t width, Block<const double> x,
                                        Block<double> v) {
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

/// w_p += v(p, i + r) l_(i + r)
template <std::size_t rows, std::size_t points>
[[gnu::always_inline]] inline void spread(Block<const double> l, std::size_t i, std::size_t width,
                                          Block<const double> v, Block<double> w) {
  for (std::size_t j = 0; j < width; j += lanes) {
    Vector line[rows];
    for (std::size_t r = 0; r < rows; ++r) line[r] = *reinterpret_cast<const Vector*>(l.row(i + r) + j);
    for (std::size_t p = 0; p < points; ++p) {
      Vector& target = *reinterpret_cast<Vector*>(w.row(p) + j);
      Vector sum = target;
      for (std::size_t r = 0; r < rows; ++r) sum += v(p, i + r) * line[r];
      target = sum;
    }
  }
  for (std::size_t p = 0; p < points; ++p)
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t j = width; j <= i + r; ++j) w(p, j) += v(p, i + r) * l(i + r, j);
}

template <std::size_t rows>
[[gnu::always_inline]] inline void whiten_by(Block<const double> l, std::size_t i, Block<const double> x,
                                             Block<double> v, Block<double> w) {
  const std::size_t width = i / aligned_columns * aligned_columns;
  const auto part = [](auto block, std::size_t p) { return block.data ? block.part(p, 1) : block; };
  std::size_t p = 0;
  for (; p + 3 <= x.rows; p += 3) {
    dots<rows, 3>(l, i, width, part(x, p), part(v, p));
    if (w.data) spread<rows, 3>(l, i, width, part(v, p), part(w, p));
  }
  for (; p < x.rows; ++p) {
    dots<rows, 1>(l, i, width, part(x, p), part(v, p));
    if (w.data) spread<rows, 1>(l, i, width, part(v, p), part(w, p));
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void whiten_rows(
    Block<const double> l, Block<const double> x, Block<double> v, Block<double> w, std::size_t known) {
  std::size_t i = known;
  for (; i < l.rows && i % 4 != 0; ++i) whiten_by<1>(l, i, x, v, w);
  for (; i + 4 <= l.rows; i += 4) whiten_by<4>(l, i, x, v, w);
  for (; i < l.rows; ++i) whiten_by<1>(l, i, x, v, w);
}

}  // namespace

void whiten(Block<const double> l, Block<const double> x, Block<double> v, Block<double> w, std::size_t known) {
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
  if (!blas().dtrtri) return loop_invert_lower(l);
  const int n = as_int(l.rows), stride = as_int(l.stride);
  int info = 0;
  blas().dtrtri("U", "N", &n, l.data, &stride, &info);
}

void invert_product(Block<double> l) {
  if (l.rows == 0) return;
  if (!blas().dpotri) {
    loop_invert_lower(l);
    return loop_square(l);
  }
  const int n = as_int(l.rows), stride = as_int(l.stride);
  int info = 0;
  blas().dpotri("U", &n, l.data, &stride, &info);
}

}  // namespace regatta::device::algebra
