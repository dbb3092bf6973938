#include "regatta/device/linear_algebra.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../blas.hpp"
#include "regatta/device/large_pages.hpp"
#include "regatta/device/vectors.hpp"

// Seen by column-major LAPACK, a row-major lower triangle is the upper one of the same symmetric matrix:
// a = l l^T here is a = u^T u there.
namespace regatta::device::algebra {
namespace {

// Numbers of the C interface of BLAS.
constexpr int row_major = 101, plain = 111, transposed = 112, lower = 122, non_unit = 131, left = 141,
              right = 142;

constexpr std::size_t large = 400;  ///< rows from which on products of parts are faster than the loops here
constexpr std::size_t large_factor =
    300;  ///< rows from which on LAPACK finds a factor faster than wide vectors do

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

// whiten() takes four rows of l at a time, each with three rows of x, or two, or one. All of them are
// vectors, with zeros behind the diagonal, so that the order of additions depends on the row of l alone.
constexpr std::size_t aligned_columns = 8;  ///< a line of the cache

template <std::size_t lanes>
[[gnu::always_inline]] inline Vector<lanes>& vector_at(double* numbers) {
  return *reinterpret_cast<Vector<lanes>*>(numbers);
}
template <std::size_t lanes>
[[gnu::always_inline]] inline const Vector<lanes>& vector_at(const double* numbers) {
  return *reinterpret_cast<const Vector<lanes>*>(numbers);
}

template <std::size_t lanes>
[[gnu::always_inline]] inline double sum_of(const Vector<lanes>& numbers) {
  if constexpr (lanes == 8)
    return ((numbers[0] + numbers[4]) + (numbers[2] + numbers[6])) +
           ((numbers[1] + numbers[5]) + (numbers[3] + numbers[7]));
  else
    return (numbers[0] + numbers[2]) + (numbers[1] + numbers[3]);
}

/// Numbers j, j + 1, ... of a row of which `count` count: 0 in the place of the others.
template <std::size_t lanes>
[[gnu::always_inline]] inline Vector<lanes> first_of(const Vector<lanes>& numbers, std::size_t j,
                                                     std::size_t count) {
  Integers<lanes> places;
  for (std::size_t k = 0; k < lanes; ++k) places[k] = static_cast<std::int64_t>(j + k);
  return places < static_cast<std::int64_t>(count) ? numbers : Vector<lanes>{};
}

/// sums[r][p] += l_r x_p, the first `width` columns.
template <std::size_t lanes, std::size_t rows, std::size_t points>
[[gnu::always_inline]] inline void add_products(Block<const double> l, std::size_t width,
                                                Block<const double> x, Vector<lanes> (&sums)[rows][points]) {
  for (std::size_t j = 0; j < width; j += lanes) {
    Vector<lanes> line[rows];
    for (std::size_t r = 0; r < rows; ++r) line[r] = vector_at<lanes>(l.row(r) + j);
    for (std::size_t p = 0; p < points; ++p) {
      const Vector<lanes> other = vector_at<lanes>(x.row(p) + j);
      for (std::size_t r = 0; r < rows; ++r) sums[r][p] += line[r] * other;
    }
  }
}

/// w_p += sum over r of v_p(r) l_r, to the columns before `width`. v_p(r) lies at v.data[p * v.stride + r *
/// step].
template <std::size_t lanes, std::size_t rows, std::size_t points>
[[gnu::always_inline]] inline void spread(Block<const double> l, std::size_t width, Block<const double> v,
                                          std::size_t step, Block<double> w) {
  const auto factor = [&](std::size_t p, std::size_t r) { return v.data[p * v.stride + r * step]; };
  for (std::size_t j = 0; j < width; j += lanes) {
    Vector<lanes> line[rows];
    for (std::size_t r = 0; r < rows; ++r) line[r] = vector_at<lanes>(l.row(r) + j);
    for (std::size_t p = 0; p < points; ++p) {
      Vector<lanes>& target = vector_at<lanes>(w.row(p) + j);
      Vector<lanes> sum = target;
      for (std::size_t r = 0; r < rows; ++r) sum += factor(p, r) * line[r];
      target = sum;
    }
  }
}

/// Rows of l from the first column to the diagonal: `lines` up to `width` columns, the rest in `corner`.
template <std::size_t lanes, std::size_t rows>
struct RowsToDiagonal {
  [[gnu::always_inline]] RowsToDiagonal(Block<const double> l, std::size_t i)
      : lines(l.part(i, rows)), width(i / aligned_columns * aligned_columns) {
    const bool inside = width + aligned_columns <= l.columns;
    for (std::size_t r = 0; r < rows; ++r) {
      const double* rest = lines.row(r) + width;
      const std::size_t count = i + r + 1 - width;
      double copy[aligned_columns] = {};
      if (!inside) std::copy_n(rest, count, copy);
      for (std::size_t j = 0; j < aligned_columns; j += lanes)
        vector_at<lanes>(numbers + r * aligned_columns + j) =
            first_of<lanes>(vector_at<lanes>((inside ? rest : copy) + j), j, count);
    }
  }
  Block<const double> corner() const { return {numbers, rows, aligned_columns, aligned_columns}; }

  Block<const double> lines;
  std::size_t width;
  double numbers[rows * aligned_columns];
};

/// v_p(r) = l_r x_p
template <std::size_t lanes, std::size_t rows, std::size_t points>
[[gnu::always_inline]] inline void dots(const RowsToDiagonal<lanes, rows>& l, Block<const double> x,
                                        Block<double> v) {
  Vector<lanes> sums[rows][points] = {};
  add_products<lanes>(l.lines, l.width, x, sums);
  add_products<lanes>(l.corner(), aligned_columns, {x.data + l.width, points, aligned_columns, x.stride},
                      sums);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t p = 0; p < points; ++p) v(p, r) = sum_of<lanes>(sums[r][p]);
}

/// w_p += sum over r of v_p(r) l_r
template <std::size_t lanes, std::size_t rows, std::size_t points>
[[gnu::always_inline]] inline void spread_to_diagonal(const RowsToDiagonal<lanes, rows>& l,
                                                      Block<const double> v, Block<double> w) {
  spread<lanes, rows, points>(l.lines, l.width, v, 1, w);
  spread<lanes, rows, points>(l.corner(), aligned_columns, v, 1,
                              {w.data + l.width, points, aligned_columns, w.stride});
}

template <std::size_t lanes, std::size_t rows>
[[gnu::always_inline]] inline void whiten_by(Block<const double> l, std::size_t i, Block<const double> x,
                                             Block<double> v, Block<double> w) {
  const RowsToDiagonal<lanes, rows> next(l, i);
  const Block<double> products{v.data + i, v.rows, rows, v.stride};
  std::size_t p = 0;
  for (; p + 3 <= x.rows && p + 4 != x.rows; p += 3)
    dots<lanes, rows, 3>(next, x.part(p, 3), products.part(p, 3));
  for (; p + 2 <= x.rows; p += 2) dots<lanes, rows, 2>(next, x.part(p, 2), products.part(p, 2));
  if (p < x.rows) dots<lanes, rows, 1>(next, x.part(p, 1), products.part(p, 1));
  if (!w.data) return;
  for (p = 0; p + 3 <= x.rows && p + 4 != x.rows; p += 3)
    spread_to_diagonal<lanes, rows, 3>(next, products.part(p, 3), w.part(p, 3));
  for (; p + 2 <= x.rows; p += 2) spread_to_diagonal<lanes, rows, 2>(next, products.part(p, 2), w.part(p, 2));
  if (p < x.rows) spread_to_diagonal<lanes, rows, 1>(next, products.part(p, 1), w.part(p, 1));
}

/// x and w have whole vectors to the last column.
void whiten_rows(Block<const double> l, Block<const double> x, Block<double> v, Block<double> w,
                 std::size_t known) {
  with_widest_vectors([=]<std::size_t lanes>() __attribute__((always_inline)) {
    std::size_t i = known;
    for (; i < l.rows && i % 4 != 0; ++i) whiten_by<lanes, 1>(l, i, x, v, w);
    for (; i + 4 <= l.rows; i += 4) whiten_by<lanes, 4>(l, i, x, v, w);
    for (; i < l.rows; ++i) whiten_by<lanes, 1>(l, i, x, v, w);
  });
}

constexpr std::size_t block = 8;  ///< columns of a Cholesky factor that are found together

/// Puts the Cholesky factor l of `block` rows in their place, and gives its inverse, transposed.
/// @param inverse  zeros
[[gnu::always_inline]] inline bool factor_block(Block<double> l, double (&inverse)[block][block]) {
  for (std::size_t c = 0; c < block; ++c) {
    if (!(l(c, c) > 0) || !std::isfinite(l(c, c))) return false;
    l(c, c) = std::sqrt(l(c, c));
    inverse[c][c] = 1 / l(c, c);
    for (std::size_t i = c + 1; i < block; ++i) l(i, c) *= inverse[c][c];
    for (std::size_t i = c + 1; i < block; ++i)
      for (std::size_t j = c + 1; j <= i; ++j) l(i, j) -= l(i, c) * l(j, c);
  }
  for (std::size_t c = 0; c < block; ++c)
    for (std::size_t i = c + 1; i < block; ++i) {
      double sum = 0;
      for (std::size_t k = c; k < i; ++k) sum += l(i, k) * inverse[c][k];
      inverse[c][i] = -sum * inverse[i][i];
    }
  return true;
}

/// cholesky() of whole blocks: what is above the diagonal is lost. Block after block of columns is found and
/// taken from the rows below.
/// @param turned  `block` x a.columns (overwritten): a block of columns with its sign turned, as rows
template <std::size_t lanes>
[[gnu::always_inline]] inline bool cholesky_of_blocks(Block<double> a, Block<double> turned) {
  for (std::size_t first = 0; first < a.rows; first += block) {
    const std::size_t next = first + block;
    double inverse[block][block] = {}, corner[block][block];
    for (std::size_t i = 0; i < block; ++i) std::copy_n(a.row(first + i) + first, block, corner[i]);
    if (!factor_block({corner[0], block, block, block}, inverse)) return false;
    for (std::size_t i = 0; i < block; ++i) std::copy_n(corner[i], block, a.row(first + i) + first);
    for (std::size_t i = next; i < a.rows; ++i) {
      double found[block] = {};
      spread<lanes, block, 1>({inverse[0], block, block, block}, block, {a.row(i) + first, 1, block, block},
                              1, {found, 1, block, block});
      std::copy_n(found, block, a.row(i) + first);
      for (std::size_t k = 0; k < block; ++k) turned(k, i - next) = -found[k];
    }
    for (std::size_t i = next; i < a.rows; i += 4) {
      const std::size_t columns = (i + 4 - next + block - 1) / block * block;
      spread<lanes, block, 4>(turned, columns, {a.row(i) + first, 4, block, a.stride}, 1,
                              {a.row(i) + next, 4, columns, a.stride});
    }
  }
  return true;
}

bool cholesky_by_blocks(Block<double> a) {
  const std::size_t n = a.rows, width = (n + block - 1) / block * block;
  LargeVector numbers((width + block) * width);
  const Block<double> copy{numbers.data(), width, width, width}, turned{copy.row(width), block, width, width};
  for (std::size_t i = 0; i < n; ++i) std::copy_n(a.row(i), i + 1, copy.row(i));
  for (std::size_t i = n; i < width; ++i) copy(i, i) = 1;
  const bool found = with_widest_vectors([=]<std::size_t lanes>() __attribute__((always_inline)) {
    return cholesky_of_blocks<lanes>(copy, turned);
  });
  for (std::size_t i = 0; found && i < n; ++i) std::copy_n(copy.row(i), i + 1, a.row(i));
  return found;
}

/// Row i of the inverse is -1 / l_ii times the sum of l_ik times its rows k before. As many rows as there are
/// lanes are inverted together.
template <std::size_t lanes>
[[gnu::always_inline]] inline void invert_strips(Block<double> l) {
  const std::size_t n = l.rows, width = n + lanes;
  std::vector<double> sums(lanes * width),
      corners(lanes * width);  // corners: squares on the diagonal, above it 0
  for (std::size_t first = 0; first < n; first += lanes) {
    const std::size_t rows = std::min(lanes, n - first);
    // All of a strip, though rows are missing in the last one: its factors are there, in the rows before.
    const std::size_t top = first + rows < lanes ? 0 : first + rows - lanes;
    const Block<double> sum{sums.data(), lanes, width, width};
    std::ranges::fill(sums, 0.0);
    for (std::size_t k = 0; k < first; k += lanes) {
      const Block<const double> factors{l.row(top) + k, lanes, lanes, l.stride};
      const Block<const double> corner{corners.data() + k * lanes, lanes, lanes, lanes};
      spread<lanes, lanes, lanes>(l.part(k, lanes), k, factors, 1, sum);
      spread<lanes, lanes, lanes>(corner, lanes, factors, 1, {sum.data + k, lanes, lanes, width});
    }
    for (std::size_t row = first; row < first + rows; ++row) {
      double within[lanes] = {};
      std::copy_n(l.row(row) + first, row - first, within);
      std::copy_n(sum.row(row - top), first, l.row(row));
      std::fill_n(l.row(row) + first, row - first, 0.0);
      for (std::size_t k = first; k < row; ++k)
        for (std::size_t j = 0; j <= k; ++j) l(row, j) += within[k - first] * l(k, j);
      const double scale = 1 / l(row, row);
      for (std::size_t j = 0; j < row; ++j) l(row, j) *= -scale;
      l(row, row) = scale;
      std::copy_n(l.row(row) + first, row - first + 1, corners.data() + row * lanes);
    }
  }
}

void invert_rows(Block<double> l) {
  with_widest_vectors([=]<std::size_t lanes>() __attribute__((always_inline)) { invert_strips<lanes>(l); });
}

/// The same for square_lower(): row j of it is the sum of l_ij l_i over i >= j, so what comes later needs no
/// row before. As many rows as there are lanes are made together.
template <std::size_t lanes>
[[gnu::always_inline]] inline void square_strips(Block<double> l) {
  const std::size_t n = l.rows;
  std::vector<double> sums(lanes * (n + lanes));
  for (std::size_t first = 0; first < n; first += lanes) {
    const std::size_t rows = std::min(lanes, n - first), width = first + rows;
    const Block<double> sum{sums.data(), lanes, width, n + lanes};
    std::ranges::fill(sums, 0.0);
    for (std::size_t i = first; i < width; ++i)
      for (std::size_t j = first; j <= i; ++j)
        for (std::size_t c = 0; c <= j; ++c) sum(j - first, c) += l(i, j) * l(i, c);
    std::size_t i = width;
    for (; i + lanes <= n; i += lanes)
      spread<lanes, lanes, lanes>(l.part(i, lanes), width, {l.row(i) + first, 1, 1, 1}, l.stride, sum);
    for (; i < n; ++i)
      spread<lanes, 1, lanes>(l.part(i, 1), width, {l.row(i) + first, 1, 1, 1}, l.stride, sum);
    for (std::size_t j = 0; j < rows; ++j) std::copy_n(sum.row(j), first + j + 1, l.row(first + j));
  }
}

void square_rows(Block<double> l) {
  with_widest_vectors([=]<std::size_t lanes>() __attribute__((always_inline)) { square_strips<lanes>(l); });
}

/// A lower triangle in parts: two that are triangles, and what lies beside the lower one.
struct Parts {
  explicit Parts(Block<double> l) {
    const std::size_t half = l.rows / 2 / aligned_columns * aligned_columns, rest = l.rows - half;
    top = {l.data, half, half, l.stride};
    side = {l.row(half), rest, half, l.stride};
    bottom = {l.row(half) + half, rest, rest, l.stride};
  }
  Block<double> top, side, bottom;
};

/// b = factor form(l) b, or factor b form(l).
void multiply_triangle(int on_side, double factor, Block<const double> l, Form form, Block<double> b) {
  blas().dtrmm(row_major, on_side, lower, code(form), non_unit, as_int(b.rows), as_int(b.columns), factor,
               l.data, as_int(l.stride), b.data, as_int(b.stride));
}

/// l^T l in the place of l.
void square_lower(Block<double> l) {
  if (!blas().dtrmm || !blas().dsyrk || l.rows < large) return square_rows(l);
  const Parts parts(l);
  square_lower(parts.top);
  blas().dsyrk(row_major, lower, transposed, as_int(parts.top.rows), as_int(parts.side.rows), 1,
               parts.side.data, as_int(l.stride), 1, parts.top.data, as_int(l.stride));
  multiply_triangle(left, 1, parts.bottom, Form::Transposed, parts.side);
  square_lower(parts.bottom);
}

}  // namespace

void whiten(Block<const double> l, Block<const double> x, Block<double> v, Block<double> w,
            std::size_t known) {
  const std::size_t n = l.rows, width = (n + aligned_columns - 1) / aligned_columns * aligned_columns;
  LargeVector aligned((x.rows + w.rows) * width);  // whole vectors, none in two lines of the cache
  const Block<double> terms{aligned.data(), x.rows, width, width},
      sums{w.data ? terms.row(x.rows) : nullptr, w.rows, width, width};
  for (std::size_t p = 0; p < x.rows; ++p) std::copy_n(x.row(p), n, terms.row(p));
  for (std::size_t p = 0; p < w.rows; ++p) std::copy_n(w.row(p), known, sums.row(p));
  whiten_rows(l, terms, v, sums, known);
  for (std::size_t p = 0; p < w.rows; ++p) std::copy_n(sums.row(p), n, w.row(p));
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
    multiply_triangle(right, 1, l, form, b);
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
  static const std::size_t vector_lanes = with_widest_vectors([]<std::size_t lanes>() { return lanes; });
  if (!blas().dpotrf || (a.rows < large_factor && vector_lanes > 4)) return cholesky_by_blocks(a);
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
  if (!blas().dtrmm || l.rows < large) return invert_rows(l);
  const Parts parts(l);
  invert_lower(parts.top);
  invert_lower(parts.bottom);
  multiply_triangle(right, -1, parts.top, Form::Plain, parts.side);
  multiply_triangle(left, 1, parts.bottom, Form::Plain, parts.side);
}

void invert_product(Block<double> l) {
  invert_lower(l);
  square_lower(l);
}

}  // namespace regatta::device::algebra
