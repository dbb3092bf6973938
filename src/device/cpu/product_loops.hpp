#pragma once

#include <cstddef>
#include <cstring>
#include <vector>

#include "product.hpp"
#include "vectors.hpp"

// The loops of multiply() as templates, for the sources that are compiled for one instruction set each. All is
// inlined into functions with that set's attribute, so that no code for it can end up elsewhere.
//
// The blocking is that of Goto and van de Geijn (2008), Anatomy of high-performance matrix multiplication, as far as it
// pays for matrices that mostly fit into the second cache.
namespace regatta::device::loops {

/// a(i, k) of the rows of one tile.
struct Strip {
  const float* data;
  std::size_t row, step;
};

/// `depth` x (vectors * lanes) numbers of b, rows `stride` apart.
struct Panel {
  const float* data;
  std::size_t stride;
};

/// Where a tile's sums go.
struct Output {
  float* c;
  std::size_t stride;
  bool adds;          ///< to what is there, from earlier terms
  const float* bias;  ///< null: later terms will be added, or there is none
  float least;
};

/// The numbers of c that stay in registers while k runs: `rows` x `vectors` vectors, one load of b and one
/// broadcast of a for each fused multiply-add.
template <int lanes, int rows, int vectors>
[[gnu::always_inline]] inline void tile(const Strip& a, const Panel& b, std::size_t depth, const Output& to) {
  using Vector = typename Register<lanes>::Vector;
  Vector sum[rows][vectors] = {};
  if (to.adds)
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) load(sum[r][v], to.c + r * to.stride + v * lanes);
  for (std::size_t k = 0; k < depth; ++k) {
    Vector line[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) load(line[v], b.data + k * b.stride + v * lanes);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const float factor = a.data[r * a.row + k * a.step];
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] += factor * line[v];
    }
  }
  if (to.bias) {
    const Vector least = to.least - Vector{};
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      Vector bias;
      load(bias, to.bias + v * lanes);
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
        sum[r][v] += bias;
        sum[r][v] = least > sum[r][v] ? least : sum[r][v];
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) store(sum[r][v], to.c + r * to.stride + v * lanes);
}

/// A tile with `count` <= `rows` rows.
template <int lanes, int rows, int vectors>
[[gnu::always_inline]] inline void tile_of(std::size_t count, const Strip& a, const Panel& b, std::size_t depth,
                                           const Output& to) {
  if (count >= rows) return tile<lanes, rows, vectors>(a, b, depth, to);
  if constexpr (rows > 1) tile_of<lanes, rows - 1, vectors>(count, a, b, depth, to);
}

/// to[k stride + j] = rows[j][k] for four k and four j.
[[gnu::always_inline]] inline void transpose_four(const float* const (&rows)[4], float* to, std::size_t stride) {
  using Vector = Register<4>::Vector;
  Vector r0, r1, r2, r3;
  load(r0, rows[0]);
  load(r1, rows[1]);
  load(r2, rows[2]);
  load(r3, rows[3]);
  const Vector a = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), b = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
  const Vector c = __builtin_shufflevector(r0, r1, 2, 6, 3, 7), d = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
  store(__builtin_shufflevector(a, b, 0, 1, 4, 5), to);
  store(__builtin_shufflevector(a, b, 2, 3, 6, 7), to + stride);
  store(__builtin_shufflevector(c, d, 0, 1, 4, 5), to + 2 * stride);
  store(__builtin_shufflevector(c, d, 2, 3, 6, 7), to + 3 * stride);
}

/// Rows k < depth and columns j < width of a matrix with element(k, j) at from[k step + j column], in rows of `padded`
/// numbers; zeros beside them.
template <std::size_t padded>
[[gnu::always_inline]] inline void pack(const float* from, std::size_t step, std::size_t column, std::size_t depth,
                                        std::size_t width, float* to) {
  if (column == 1 && width == padded) {
    for (std::size_t k = 0; k < depth; ++k) std::memcpy(to + k * padded, from + k * step, padded * sizeof(float));
    return;
  }
  if (width < padded) std::memset(to, 0, depth * padded * sizeof(float));
  std::size_t packed = 0;  // columns
  for (; step == 1 && packed + 4 <= width; packed += 4) {
    const float* four = from + packed * column;
    std::size_t k = 0;
    for (; k + 4 <= depth; k += 4)
      transpose_four({four + k, four + column + k, four + 2 * column + k, four + 3 * column + k}, to + k * padded + packed, padded);
    for (; k < depth; ++k)
      for (std::size_t j = 0; j < 4; ++j) to[k * padded + packed + j] = four[k + j * column];
  }
  for (std::size_t k = 0; packed < width && k < depth; ++k)
    for (std::size_t j = packed; j < width; ++j) to[k * padded + j] = from[k * step + j * column];
}

/// c of a product with one column: a tile would leave all lanes but one idle.
template <int lanes>
[[gnu::always_inline]] inline void multiply_vector(const Product& p) {
  using Vector = typename Register<lanes>::Vector;
  const std::size_t whole = p.depth / lanes * lanes;
  for (std::size_t i = 0; i < p.rows; ++i) {
    const float* a = p.a + i * p.a_row;
    Vector even{}, odd{}, x, y;
    std::size_t k = 0;
    for (; k + 2 * lanes <= whole; k += 2 * lanes) {
      load(x, a + k);
      load(y, p.b + k);
      even += x * y;
      load(x, a + k + lanes);
      load(y, p.b + k + lanes);
      odd += x * y;
    }
    for (; k < whole; k += lanes) {
      load(x, a + k);
      load(y, p.b + k);
      even += x * y;
    }
    even += odd;
    float sum = 0;
    for (int l = 0; l < lanes; ++l) sum += even[l];
    for (; k < p.depth; ++k) sum += a[k] * p.b[k];
    if (p.bias) {
      sum += p.bias[0];
      sum = p.least > sum ? p.least : sum;
    }
    p.c[i] = sum;
  }
}

/// c of a product with one term: nothing is summed up, so a tile has no use.
[[gnu::always_inline]] inline void multiply_outer(const Product& p) {
  for (std::size_t i = 0; i < p.rows; ++i) {
    const float factor = p.a[i * p.a_row];
    float* c = p.c + i * p.columns;
#pragma GCC ivdep
    for (std::size_t j = 0; j < p.columns; ++j) c[j] = factor * p.b[j];
  }
}

/// Terms [first, first + depth) of a product.
struct Slice {
  std::size_t first, depth;
  bool last;
};

/// Few numbers: a call of memcpy would cost more than this loop, which the compiler is told not to make one.
[[gnu::always_inline]] inline void copy_few(const float* from, std::size_t count, float* to) {
  for (std::size_t j = 0; j < count; ++j) to[j] = from[j];
}

/// Columns [j, j + width) of c from one slice of the terms.
/// @param strips  a of the slice, tile by tile in rows of `rows` numbers; null: read where it lies
template <int lanes, int rows, int vectors>
[[gnu::always_inline]] inline void multiply_panel(const Product& p, const Slice& slice, const Panel& b, std::size_t j,
                                                  std::size_t width, const float* strips) {
  constexpr std::size_t padded = vectors * lanes;
  const bool whole = width == padded, finishes = p.bias && slice.last;
  float part[rows * padded], padded_bias[padded];
  const float* bias = finishes ? p.bias + j : nullptr;
  if (finishes && !whole) {
    copy_few(bias, width, padded_bias);
    for (std::size_t column = width; column < padded; ++column) padded_bias[column] = 0;
    bias = padded_bias;
  }
  for (std::size_t i = 0; i < p.rows; i += rows) {
    const std::size_t count = p.rows - i < rows ? p.rows - i : rows;
    const Strip a = strips ? Strip{strips + i * slice.depth, 1, rows}
                           : Strip{p.a + i * p.a_row + slice.first * p.a_step, p.a_row, p.a_step};
    float* c = p.c + i * p.columns + j;
    const bool adds = slice.first > 0 || p.adds;
    for (std::size_t r = 0; !whole && adds && r < count; ++r)
      copy_few(c + r * p.columns, width, part + r * padded);
    tile_of<lanes, rows, vectors>(count, a, b, slice.depth,
                                  {whole ? c : part, whole ? p.columns : padded, adds, bias, p.least});
    for (std::size_t r = 0; !whole && r < count; ++r) copy_few(part + r * padded, width, c + r * p.columns);
  }
}

/// Terms at a time: a panel of b and a strip of a stay in the first cache.
constexpr std::size_t most_depth = 256;
/// Operands that spread over more numbers are packed first: strided reads of them find neither cache nor page.
constexpr std::size_t widest_spread = 32 * 1024;

/// Room for a packed panel, and behind it for the strips of a slice, in numbers.
template <int lanes, int rows, int vectors>
[[gnu::always_inline]] inline float* room_for(const Product& p, std::size_t depth, std::vector<float>& scratch) {
  constexpr std::size_t line = 64 / sizeof(float);
  const std::size_t needed = depth * (vectors * lanes + p.rows + rows) + line;
  if (scratch.size() < needed) scratch.resize(needed);
  return scratch.data() + (-reinterpret_cast<std::size_t>(scratch.data()) & 63) / sizeof(float);
}

/// A panel of b, packed where that pays, times all rows of a.
template <int lanes, int rows, int vectors>
[[gnu::always_inline]] inline void multiply_columns(const Product& p, const Slice& slice, std::size_t j, std::size_t width,
                                                    float* packed, const float* strips) {
  constexpr std::size_t padded = vectors * lanes;
  Panel b{p.b + slice.first * p.b_step + j * p.b_column, p.b_step};
  const bool scattered = p.rows >= 4 * rows && slice.depth * p.b_step > widest_spread;
  if (p.b_column != 1 || width < padded || scattered) {
    pack<padded>(b.data, p.b_step, p.b_column, slice.depth, width, packed);
    b = {packed, padded};
  }
  multiply_panel<lanes, rows, vectors>(p, slice, b, j, width, strips);
}

/// @param room  of room_for()
template <int lanes, int rows, int vectors>
[[gnu::always_inline]] inline void multiply_slice(const Product& p, const Slice& slice, float* room) {
  constexpr std::size_t step = vectors * lanes;
  float* strips = nullptr;
  if (p.a_row == 1 && p.columns >= 4 * step && slice.depth * p.a_step > widest_spread) {
    strips = room + slice.depth * step;
    for (std::size_t i = 0; i < p.rows; i += rows)
      pack<rows>(p.a + i + slice.first * p.a_step, p.a_step, 1, slice.depth, p.rows - i < rows ? p.rows - i : rows,
                 strips + i * slice.depth);
  }
  for (std::size_t j = 0; j < p.columns; j += step) {
    const std::size_t width = p.columns - j < step ? p.columns - j : step;
    if (width <= lanes)
      multiply_columns<lanes, rows, 1>(p, slice, j, width, room, strips);
    else
      multiply_columns<lanes, rows, vectors>(p, slice, j, width, room, strips);
  }
}

/// A product whose depth is cut into equal slices.
template <int lanes, int rows, int vectors>
[[gnu::always_inline]] inline void multiply_tiles(const Product& product, std::vector<float>& scratch) {
  Product p = product;
  if (!p.adds) {
    if (p.columns == 1 && p.a_step == 1 && p.b_step == 1) return multiply_vector<lanes>(p);
    if (p.depth == 1 && p.b_column == 1 && !p.bias) return multiply_outer(p);
    if (p.columns == 1 && p.a_row == 1 && !p.bias)  // as a row
      p = {p.b, 0, p.b_step, p.a, p.a_step, 1, p.c, 1, p.rows, p.depth};
  }
  const std::size_t slices = p.depth <= most_depth ? 1 : (p.depth + most_depth - 1) / most_depth;
  const std::size_t longest = slices == 1 ? p.depth : p.depth / slices + 1;
  float* room = room_for<lanes, rows, vectors>(p, longest, scratch);
  for (std::size_t first = 0, s = 1; s <= slices; ++s) {
    const std::size_t end = s == slices ? p.depth : p.depth * s / slices;
    multiply_slice<lanes, rows, vectors>(p, {first, end - first, s == slices}, room);
    first = end;
  }
}

}  // namespace regatta::device::loops
