#pragma once

#include <cstddef>

#include "product_loops.hpp"

// Matrices whose elements are vectors, one number of each lane.
namespace regatta::device::loops {

/// Where the first lane's element (i, j) lies: data + i row + j column.
struct Interleaved {
  const float* data;
  std::size_t row, column;
};

struct ProductShape {
  std::size_t rows, columns, depth;
};

/// `rows` x `columns` sums from element (i, j) on, which stay in registers while k runs.
template <int lanes, int rows, int columns, class Begin, class Finish>
void multiply_tile(const Interleaved& a, const Interleaved& b, std::size_t i, std::size_t j,
                   std::size_t depth, const Begin& begin, const Finish& finish) {
  using Vector = typename Register<lanes>::Vector;
  const float *left = a.data + i * a.row, *right = b.data + j * b.column;
  Vector sum[rows][columns];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < columns; ++c)
      sum[r][c] = begin(i + static_cast<std::size_t>(r), j + static_cast<std::size_t>(c));
  for (std::size_t k = 0; k < depth; ++k, left += a.column, right += b.row) {
    Vector factor[rows], line;
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) load(factor[r], left + static_cast<std::size_t>(r) * a.row);
#pragma GCC unroll 8
    for (int c = 0; c < columns; ++c) {
      load(line, right + static_cast<std::size_t>(c) * b.column);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) sum[r][c] += factor[r] * line;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < columns; ++c)
      finish(i + static_cast<std::size_t>(r), j + static_cast<std::size_t>(c), sum[r][c]);
}

/// Columns from j on of some rows; the last tiles are narrower.
template <int lanes, int rows, int columns, class Begin, class Finish>
void multiply_rows(const Interleaved& a, const Interleaved& b, const ProductShape& shape, std::size_t i,
                   std::size_t j, const Begin& begin, const Finish& finish) {
  for (; j + columns <= shape.columns; j += columns)
    multiply_tile<lanes, rows, columns>(a, b, i, j, shape.depth, begin, finish);
  if constexpr (columns > 1) multiply_rows<lanes, rows, columns / 2>(a, b, shape, i, j, begin, finish);
}

/// finish(i, j, begin(i, j) + sum over k of a(i, k) b(k, j)) for all rows from i on; the last tiles are
/// lower.
template <int lanes, int rows, int columns, class Begin, class Finish>
void multiply_lanes(const Interleaved& a, const Interleaved& b, const ProductShape& shape, const Begin& begin,
                    const Finish& finish, std::size_t i = 0) {
  for (; i + rows <= shape.rows; i += rows)
    multiply_rows<lanes, rows, columns>(a, b, shape, i, 0, begin, finish);
  if constexpr (rows > 1) multiply_lanes<lanes, rows / 2, columns>(a, b, shape, begin, finish, i);
}

/// to[j][lane] = from[lane][j]; the last four j overlap with those before them.
template <int lanes>
void interleave(const float* const (&from)[lanes], std::size_t count, float* to) {
  if (count < 4) {
    for (std::size_t j = 0; j < count; ++j)
      for (int lane = 0; lane < lanes; ++lane) to[j * lanes + static_cast<std::size_t>(lane)] = from[lane][j];
    return;
  }
  for (std::size_t next = 0; next < count; next += 4) {
    const std::size_t j = next + 4 <= count ? next : count - 4;
    for (int lane = 0; lane < lanes; lane += 4)
      transpose_four({from[lane] + j, from[lane + 1] + j, from[lane + 2] + j, from[lane + 3] + j},
                     to + j * lanes + lane, lanes);
  }
}

}  // namespace regatta::device::loops
