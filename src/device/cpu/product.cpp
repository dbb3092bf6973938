#include "product.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "../blas.hpp"

namespace regatta::device {
namespace {

/// As wide as a register: GCC 12 keeps wider ones in memory.
template <int lanes>
struct Register {
  typedef float Vector [[gnu::vector_size(lanes * sizeof(float))]];
};

template <class Vector>
[[gnu::always_inline]] inline void load(Vector& vector, const float* from) {
  std::memcpy(&vector, from, sizeof vector);
}
template <class Vector>
[[gnu::always_inline]] inline void store(const Vector& vector, float* to) {
  std::memcpy(to, &vector, sizeof vector);
}

/// `depth` x (vectors * lanes) numbers of b, rows `stride` apart.
struct Panel {
  const float* data;
  std::size_t stride;
};

/// The numbers of c that stay in registers while k runs: `rows` x `vectors` vectors, one load of b and one
/// broadcast of a for each fused multiply-add.
template <int lanes, int rows, int vectors>
[[gnu::always_inline]] inline void tile(const Product& p, std::size_t i, const Panel& b, float* c,
                                        std::size_t c_row) {
  using Vector = typename Register<lanes>::Vector;
  Vector sum[rows][vectors] = {};
  const float* a = p.a + i * p.a_row;
  for (std::size_t k = 0; k < p.depth; ++k) {
    Vector line[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) load(line[v], b.data + k * b.stride + v * lanes);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const float factor = a[r * p.a_row + k * p.a_step];
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] += factor * line[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) store(sum[r][v], c + r * c_row + v * lanes);
}

/// A tile with `count` <= `rows` rows.
template <int lanes, int rows, int vectors>
[[gnu::always_inline]] inline void tile_of(std::size_t count, const Product& p, std::size_t i, const Panel& b,
                                           float* c, std::size_t c_row) {
  if (count >= rows) return tile<lanes, rows, vectors>(p, i, b, c, c_row);
  if constexpr (rows > 1) tile_of<lanes, rows - 1, vectors>(count, p, i, b, c, c_row);
}

/// Columns [j, j + width) of b in rows without gaps, zeros up to `padded`.
inline Panel pack(const Product& p, std::size_t j, std::size_t width, std::size_t padded,
                  std::vector<float>& scratch) {
  if (scratch.size() < p.depth * padded) scratch.resize(p.depth * padded);
  for (std::size_t k = 0; k < p.depth; ++k) {
    float* row = scratch.data() + k * padded;
    const float* from = p.b + k * p.b_step + j * p.b_column;
    for (std::size_t column = 0; column < width; ++column) row[column] = from[column * p.b_column];
    for (std::size_t column = width; column < padded; ++column) row[column] = 0;
  }
  return {scratch.data(), padded};
}

template <int lanes, int rows, int vectors>
[[gnu::always_inline]] inline void multiply_columns(const Product& p, std::size_t j, std::size_t width,
                                                    std::vector<float>& scratch) {
  constexpr std::size_t padded = vectors * lanes;
  const bool direct = p.b_column == 1 && width == padded;
  const Panel b = direct ? Panel{p.b + j, p.b_step} : pack(p, j, width, padded, scratch);
  for (std::size_t i = 0; i < p.rows; i += rows) {
    const std::size_t count = std::min<std::size_t>(rows, p.rows - i);
    float* c = p.c + i * p.columns + j;
    if (width == padded) {
      tile_of<lanes, rows, vectors>(count, p, i, b, c, p.columns);
    } else {
      float part[rows * padded];
      tile_of<lanes, rows, vectors>(count, p, i, b, part, padded);
      for (std::size_t r = 0; r < count; ++r)
        std::memcpy(c + r * p.columns, part + r * padded, width * sizeof(float));
    }
  }
}

template <int lanes, int rows, int vectors>
[[gnu::always_inline]] inline void multiply_tiles(const Product& p, std::vector<float>& scratch) {
  constexpr std::size_t step = vectors * lanes;
  for (std::size_t j = 0; j < p.columns; j += step) {
    const std::size_t width = std::min(step, p.columns - j);
    if (width <= lanes)
      multiply_columns<lanes, rows, 1>(p, j, width, scratch);
    else
      multiply_columns<lanes, rows, vectors>(p, j, width, scratch);
  }
}

// Tiles that fill, but do not overflow, 32 registers of 16 numbers, 16 of 8, and 16 of 4.
[[gnu::target("arch=x86-64-v4")]] void multiply_avx512(const Product& p, std::vector<float>& scratch) {
  multiply_tiles<16, 8, 2>(p, scratch);
}
[[gnu::target("arch=x86-64-v3")]] void multiply_avx2(const Product& p, std::vector<float>& scratch) {
  multiply_tiles<8, 6, 2>(p, scratch);
}
void multiply_sse2(const Product& p, std::vector<float>& scratch) { multiply_tiles<4, 6, 2>(p, scratch); }

constexpr Multiply all_loops[] = {multiply_avx512, multiply_avx2, multiply_sse2};

/// Above this many multiply-adds the blocking of a library gains more than its call and its packing cost.
constexpr double library_pays = 256.0 * 256.0 * 256.0;

bool is_large(const Product& p) {
  constexpr std::size_t most = std::numeric_limits<int>::max();
  const double work =
      static_cast<double>(p.rows) * static_cast<double>(p.columns) * static_cast<double>(p.depth);
  return work > library_pays && std::max({p.rows, p.columns, p.depth}) <= most;
}

void multiply_by_library(Blas::Sgemm sgemm, const Product& p) {
  const auto whole = [](std::size_t n) { return static_cast<int>(n); };
  const bool a_turned = p.a_step != 1, b_turned = p.b_column != 1;
  sgemm(101, a_turned ? 112 : 111, b_turned ? 112 : 111, whole(p.rows), whole(p.columns), whole(p.depth),
        1.0f, p.a, whole(a_turned ? p.a_step : p.a_row), p.b, whole(b_turned ? p.b_column : p.b_step), 0.0f,
        p.c, whole(p.columns));
}

}  // namespace

std::span<const Multiply> multiply_loops() {
  static const bool avx512 = __builtin_cpu_supports("x86-64-v4"), avx2 = __builtin_cpu_supports("x86-64-v3");
  return std::span(all_loops).subspan(avx512 ? 0 : avx2 ? 1 : 2);
}

void multiply(const Product& product, std::vector<float>& scratch) {
  if (is_large(product))
    if (const Blas::Sgemm sgemm = blas().sgemm) return multiply_by_library(sgemm, product);
  multiply_loops().front()(product, scratch);
}

}  // namespace regatta::device
