#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "launch.hpp"
#include "regatta/device/backend.hpp"
#include "wide_copies.hpp"

// Products of matrices in the memory of the device, a tile of the result at a time, each by a block of
// threads on the tensor cores. The sum of an element is that of eight slices of the depth, whichever kind of
// tile it lies in, so that the result is the same bit by bit.
namespace regatta::device::cuda {

constexpr unsigned slices = 8;

/// Sizes of a product.
struct Sizes {
  std::uint32_t rows, columns, depth;

  constexpr std::uint32_t chunks() const { return (depth + chunk_depth - 1) / chunk_depth; }
  constexpr std::uint32_t chunks_of_slice() const { return (chunks() + slices - 1) / slices; }
};

/// A kind of tile: `groups` of a block's threads add up slices of their own. A warp has 32 rows and 16 columns of it.
template <unsigned groups_, unsigned rows_, unsigned columns_, unsigned stages_>
struct Tile {
  static constexpr unsigned groups = groups_, rows = rows_, columns = columns_;
  static constexpr unsigned stages =
      stages_;  ///< chunks in shared memory: one is added up, the others are on their way
  static constexpr unsigned warp_rows = 32, warp_columns = 16;
  static constexpr unsigned threads = wide_threads / groups;
  static constexpr unsigned elements = rows * columns;
  template <bool along_depth>
  using Rows = Stage<along_depth, rows>;
  template <bool along_depth>
  using Columns = Stage<along_depth, columns>;
  static constexpr unsigned row_numbers =
      std::max(Rows<true>::lines * Rows<true>::pitch, Rows<false>::lines* Rows<false>::pitch);
  static constexpr unsigned group_numbers =
      row_numbers +
      std::max(Columns<true>::lines * Columns<true>::pitch, Columns<false>::lines* Columns<false>::pitch);
  static constexpr unsigned stage_numbers = groups * group_numbers;
  static constexpr unsigned numbers =
      std::max(stages * stage_numbers, groups* elements);  ///< in shared memory
  static_assert(elements / (warp_rows * warp_columns) * warp == threads && (groups == 1 || groups == slices));

  static constexpr std::uint32_t across(const Sizes& sizes) {
    return (sizes.columns + columns - 1) / columns;
  }
  static constexpr std::uint32_t count(const Sizes& sizes) {
    return (sizes.rows + rows - 1) / rows * across(sizes);
  }
  /// About how long a block takes for one [100 cycles].
  static constexpr std::uint32_t cost(const Sizes& sizes) {
    constexpr std::uint32_t chunk = groups > 1 ? 7 : 5, rest = 12 + elements / 256;
    return (groups == 1 ? sizes.chunks() : sizes.chunks_of_slice()) * chunk + rest;
  }
};
using SmallTile = Tile<slices, 32, 16, 3>;
using LargeTile = Tile<1, 64, 64, 4>;

/// Calls work(tile kind) with that which `members` blocks will soonest be done with, where there is one
/// product, or some of the same depth.
/// @param count_of(kind)  how many tiles there are
template <class CountOf, class Work>
__device__ void with_best_tile(const Sizes& sizes, unsigned members, const CountOf& count_of,
                               const Work& work) {
  const auto cost = [=](auto kind) { return (count_of(kind) + members - 1) / members * kind.cost(sizes); };
  if (cost(LargeTile()) <= cost(SmallTile()))
    work(LargeTile());
  else
    work(SmallTile());
}

/// The sums of a tile's elements, in shared memory, row by row. Some may lie beyond the product.
template <class Kind>
struct Finished {
  static constexpr unsigned elements = Kind::elements;

  const float* sums;  ///< those of the slices after one another, where groups of threads have added them up
  std::uint32_t first_row, first_column;

  __device__ std::uint32_t row(unsigned i) const { return first_row + i / Kind::columns; }
  __device__ std::uint32_t column(unsigned i) const { return first_column + i % Kind::columns; }
  __device__ float sum(unsigned i) const {
    float result = sums[i];
    for (unsigned slice = 1; slice < Kind::groups; ++slice) result += sums[i + slice * elements];
    return result;
  }
  /// Calls visit(row, column, sum) for those of the product; neighbouring threads get neighbours.
  template <class Visit>
  __device__ void each(Sizes sizes, const Visit& visit) const {
    const unsigned rows = std::min(sizes.rows - first_row, +Kind::rows);
    const unsigned columns = std::min(sizes.columns - first_column, +Kind::columns);
    const auto shift = static_cast<unsigned>(std::bit_width(columns - 1));
    const unsigned c = threadIdx.x % (1u << shift);
    if (c >= columns) return;
    REGATTA_UNROLL(1)
    for (unsigned r = threadIdx.x >> shift; r < rows; r += wide_threads >> shift)
      visit(first_row + r, first_column + c, sum(r * Kind::columns + c));
  }
};

#ifdef __CUDACC__
/// The part of a number that the tensor cores take, with 10 bits behind the point; the rest is cut off.
__device__ inline float large_part(float x) { return __uint_as_float(__float_as_uint(x) & 0xffffe000u); }
/// A number of which that is the nearest one to x.
__device__ inline float ready_to_cut(float x) { return __uint_as_float(__float_as_uint(x) + 0x1000u); }
/// The nearest such number.
__device__ inline float rounded(float x) { return large_part(ready_to_cut(x)); }

/// sums += a b, for 16 rows, 8 columns and 8 steps of the depth, by a warp (mma.m16n8k8 of the PTX manual).
__device__ inline void add_product(float (&sums)[4], const float (&a)[4], const float (&b)[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, "
      "%1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])),
        "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
}
/// The same for 16 steps of the depth (mma.m16n8k16), of pairs of numbers in bfloat16.
__device__ inline void add_product(float (&sums)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, "
      "%1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ inline std::uint32_t bf16_pair(float first, float second) {
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
}
#endif

/// What the factors of a product in Tf32 or Bf16 become.
template <Precision precision>
constexpr float factor(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if constexpr (precision == Precision::Tf32) return std::bit_cast<float>((bits + 0x1000) & 0xffffe000u);
  return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
}

/// Sums of the elements of a warp's part of a tile that one thread has: in each piece of 16 rows and 8
/// columns two neighbours of one row and two eight rows below.
template <class Kind>
class WarpSums {
  static constexpr unsigned high = Kind::warp_rows / 16, wide = Kind::warp_columns / 8;

 public:
  /// @param rows, columns  stages from the warp's first ones on
  /// @tparam exact         as in single precision: three products of large and small parts; else one of
  /// rounded numbers
  template <class Rows, class Columns, bool exact>
  __device__ void add_chunk(const float* rows, const float* columns) {
#ifdef __CUDACC__
    const unsigned line = threadIdx.x % warp / 4, step = threadIdx.x % 4;
#pragma unroll
    for (unsigned depth = 0; depth < chunk_depth; depth += 8) {
      float a[high][4], b[wide][2], rest_of_a[high][4], rest_of_b[wide][2];
      for (unsigned h = 0; h < high; ++h)
        for (unsigned i = 0; i < 4; ++i)
          divide<exact>(rows[Rows::at(16 * h + line + i % 2 * 8, depth + step + i / 2 * 4)], a[h][i],
                        rest_of_a[h][i]);
      for (unsigned w = 0; w < wide; ++w)
        for (unsigned i = 0; i < 2; ++i)
          divide<exact>(columns[Columns::at(8 * w + line, depth + step + i * 4)], b[w][i], rest_of_b[w][i]);
      if constexpr (exact) {
        add_products(rest_of_a, b);
        add_products(a, rest_of_b);
      }
      add_products(a, b);
    }
#else  // element by element
    each([&](unsigned row, unsigned column, float& sum, float& next) {
      for (unsigned depth = 0; depth < chunk_depth; ++depth) {
        sum += rows[Rows::at(row, depth)] * columns[Columns::at(column, depth)];
        next += rows[Rows::at(row, depth)] * columns[Columns::at(column + 1, depth)];
      }
    });
#endif
  }

  /// The same for factors of which the thread knows how to find its numbers.
  /// @param row     row(i, depth): of the i-th of its rows, each of which is 8 below the one before
  /// @param column  column(place, depth): of a column of the warp's
  template <Precision precision, class Row, class Column>
  __device__ void add_rounded_chunk(const Row& row, const Column& column) {
    static_assert(precision != Precision::Fp32);
#ifdef __CUDACC__
    if constexpr (precision == Precision::Bf16) return add_pairs(row, column);
    const unsigned line = threadIdx.x % warp / 4, step = threadIdx.x % 4;
#pragma unroll
    for (unsigned depth = 0; depth < chunk_depth; depth += 8) {
      float a[high][4], b[wide][2];
      for (unsigned h = 0; h < high; ++h)
        for (unsigned i = 0; i < 4; ++i) a[h][i] = ready_to_cut(row(2 * h + i % 2, depth + step + i / 2 * 4));
      for (unsigned w = 0; w < wide; ++w)
        for (unsigned i = 0; i < 2; ++i) b[w][i] = ready_to_cut(column(8 * w + line, depth + step + i * 4));
      add_products(a, b);
    }
#else  // element by element
    each([&](unsigned r, unsigned c, float& sum, float& next) {
      for (unsigned depth = 0; depth < chunk_depth; ++depth) {
        const float a = factor<precision>(row(r / 8, depth));
        sum += a * factor<precision>(column(c, depth));
        next += a * factor<precision>(column(c + 1, depth));
      }
    });
#endif
  }

  __device__ void add_slice(WarpSums& slice) {
    for (unsigned h = 0; h < high; ++h)
      for (unsigned w = 0; w < wide; ++w)
        for (unsigned i = 0; i < 4; ++i) sums_[h][w][i] += slice.sums_[h][w][i], slice.sums_[h][w][i] = 0;
  }

  /// Calls visit(row, column, sum, that of the next column).
  template <class Visit>
  __device__ void each(const Visit& visit) {
    REGATTA_UNROLL(high)
    for (unsigned h = 0; h < high; ++h)
      REGATTA_UNROLL(wide)
      for (unsigned w = 0; w < wide; ++w)
        REGATTA_UNROLL(2)
        for (unsigned i = 0; i < 4; i += 2)
          visit(16 * h + threadIdx.x % warp / 4 + 4 * i, 8 * w + threadIdx.x % 4 * 2, sums_[h][w][i],
                sums_[h][w][i + 1]);
  }

 private:
#ifdef __CUDACC__
  /// All steps of a chunk. Which of them make a pair is the same for both factors, and such that the threads of a warp
  /// read from different banks.
  template <class Row, class Column>
  __device__ void add_pairs(const Row& row, const Column& column) {
    static_assert(chunk_depth == 16);
    const unsigned line = threadIdx.x % warp / 4, step = threadIdx.x % 4;
    std::uint32_t a[high][4], b[wide][2];
    for (unsigned h = 0; h < high; ++h)
      for (unsigned i = 0; i < 4; ++i) {
        const unsigned own = 2 * h + i % 2, depth = step + i / 2 * 8;
        a[h][i] = bf16_pair(row(own, depth), row(own, depth + 4));
      }
    for (unsigned w = 0; w < wide; ++w)
      for (unsigned i = 0; i < 2; ++i) {
        const unsigned place = 8 * w + line, depth = step + i * 8;
        b[w][i] = bf16_pair(column(place, depth), column(place, depth + 4));
      }
    add_products(a, b);
  }

  template <bool exact>
  static __device__ void divide(float x, float& large, float& rest) {
    large = exact ? large_part(x) : rounded(x);
    rest = x - large;
  }
  /// One after another of the sums, none of which waits for the one before.
  template <class T>
  __device__ void add_products(const T (&a)[high][4], const T (&b)[wide][2]) {
    for (unsigned h = 0; h < high; ++h)
      for (unsigned w = 0; w < wide; ++w) add_product(sums_[h][w], a[h], b[w]);
  }
#endif

  float sums_[high][wide][4] = {};
};

/// Hands a tile to finish(tile), a Finished. All threads of the block call it. The launch has asked for at
/// least Kind::numbers in shared memory.
/// @tparam exact  as WarpSums
template <class Kind, bool exact, bool a_along_depth, bool b_along_depth, bool fours, class Finish>
__device__ void multiply_tile(std::uint32_t tile, Sizes sizes, Factor a, Factor b, const Finish& finish) {
  using Rows = typename Kind::template Rows<a_along_depth>;
  using Columns = typename Kind::template Columns<b_along_depth>;
  float* shared = shared_numbers();
  const std::uint32_t first_row = tile / Kind::across(sizes) * Kind::rows;
  const std::uint32_t first_column = tile % Kind::across(sizes) * Kind::columns;
  const unsigned group = threadIdx.x / Kind::threads, thread = threadIdx.x % Kind::threads;
  constexpr unsigned warps_across = Kind::columns / Kind::warp_columns;
  const unsigned row = thread / warp / warps_across * Kind::warp_rows;
  const unsigned column = thread / warp % warps_across * Kind::warp_columns;
  const std::uint32_t of_slice = sizes.chunks_of_slice(),
                      chunks = Kind::groups == 1 ? sizes.chunks() : of_slice;
  const Carrier<a_along_depth, fours, Kind::rows, Kind::threads> rows(a, first_row, thread);
  const Carrier<b_along_depth, fours, Kind::columns, Kind::threads> columns(b, first_column, thread);
  WarpSums<Kind> slice, total;
  const auto stage = [=](std::uint32_t chunk) {
    return shared + chunk % Kind::stages * Kind::stage_numbers + group * Kind::group_numbers;
  };
  const auto start = [&](std::uint32_t chunk) {
    const std::uint32_t depth = (group * of_slice + chunk) * chunk_depth;
    const auto left = static_cast<std::int32_t>(sizes.depth - depth);
    if (chunk < chunks) {
      rows.start(stage(chunk), depth, left);
      columns.start(stage(chunk) + Kind::row_numbers, depth, left);
    }
    end_group();
  };
  for (std::uint32_t chunk = 0; chunk + 1 < Kind::stages; ++chunk) start(chunk);
  REGATTA_UNROLL(1)
  for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
    wait_for_copies<Kind::stages - 2>();
    __syncthreads();
    start(chunk + Kind::stages - 1);
    slice.template add_chunk<Rows, Columns, exact>(stage(chunk) + Rows::at(row, 0),
                                                   stage(chunk) + Kind::row_numbers + Columns::at(column, 0));
    if (Kind::groups == 1 && ((chunk + 1) % of_slice == 0 || chunk + 1 == chunks)) total.add_slice(slice);
  }
  __syncthreads();
  float* own = shared + group * Kind::elements + row * Kind::columns + column;
  (Kind::groups == 1 ? total : slice).each([&](unsigned r, unsigned c, float sum, float next) {
    own[r * Kind::columns + c] = sum;
    own[r * Kind::columns + c + 1] = next;
  });
  __syncthreads();
  finish(Finished<Kind>{shared, first_row, first_column});
  __syncthreads();
}

}  // namespace regatta::device::cuda
