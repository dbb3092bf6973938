#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "launch.hpp"

// Products of matrices in the memory of the device, a tile of the result at a time, each by a block of
// threads. The sum of an element is that of eight slices of the depth, whichever kind of tile it lies in, so
// that the result is the same bit by bit.
namespace regatta::device::cuda {

constexpr unsigned wide_threads = 256;  ///< of a block
constexpr unsigned slices = 8, chunk_depth = 16;

/// One factor of a product: lines of neighbouring numbers, of which those beyond its sizes are 0.
struct Factor {
  const float* numbers;
  std::uint32_t stride;  ///< between lines
  std::uint32_t lines, length;
  const std::int32_t* order = nullptr;  ///< which lines; null: 0, 1, ...

  __device__ float4 four(std::uint32_t line, std::uint32_t first) const {
    float4 result{0, 0, 0, 0};
    if (line >= lines || first >= length) return result;
    const float* from =
        numbers + static_cast<std::size_t>(order ? order[line] : static_cast<std::int32_t>(line)) * stride +
        first;
    if (first + 4 <= length && reinterpret_cast<std::uintptr_t>(from) % sizeof(float4) == 0)
      return *reinterpret_cast<const float4*>(from);
    result.x = from[0];
    if (first + 1 < length) result.y = from[1];
    if (first + 2 < length) result.z = from[2];
    if (first + 3 < length) result.w = from[3];
    return result;
  }
};

/// Sizes of a product.
struct Sizes {
  std::uint32_t rows, columns, depth;

  constexpr std::uint32_t chunks() const { return (depth + chunk_depth - 1) / chunk_depth; }
  constexpr std::uint32_t chunks_of_slice() const { return (chunks() + slices - 1) / slices; }
};

/// A kind of tile: `groups` of a block's threads add up slices of their own.
template <unsigned groups_, unsigned rows_, unsigned columns_, unsigned high_>
struct Tile {
  static constexpr unsigned groups = groups_, rows = rows_, columns = columns_;
  static constexpr unsigned high = high_;  ///< rows of a thread, in fours that lie fours_apart
  static constexpr unsigned fours_apart = rows / (high / 4);
  static constexpr unsigned threads = wide_threads / groups;
  static constexpr unsigned row_pitch = rows + 4, column_pitch = columns + 4;
  static constexpr unsigned group_numbers = chunk_depth * (row_pitch + column_pitch),
                            stage_numbers = groups * group_numbers;
  static constexpr unsigned numbers =
      std::max(2 * stage_numbers, groups* rows* columns);  ///< in shared memory
  static_assert(rows * columns == threads * high * 4 && (groups == 1 || groups == slices));

  static constexpr std::uint32_t across(const Sizes& sizes) {
    return (sizes.columns + columns - 1) / columns;
  }
  static constexpr std::uint32_t count(const Sizes& sizes) {
    return (sizes.rows + rows - 1) / rows * across(sizes);
  }
  /// About how long a block takes for one [quarters of the time that a chunk of four rows per thread takes].
  static constexpr std::uint32_t cost(const Sizes& sizes) {
    constexpr std::uint32_t waiting = 12, reduction = groups == 1 ? 0 : 8;
    return (groups == 1 ? sizes.chunks() : sizes.chunks_of_slice()) * (high == 4 ? 5 : high) + reduction +
           waiting;
  }
};
using SmallTile = Tile<slices, 32, 16, 4>;
using MediumTile = Tile<1, 64, 64, 4>;
using LargeTile = Tile<1, 128, 64, 8>;

/// Calls work(tile kind) with that which `members` blocks will soonest be done with, where there is one
/// product, or some of the same depth.
/// @param count_of(kind)  how many tiles there are
template <class CountOf, class Work>
__device__ void with_best_tile(const Sizes& sizes, unsigned members, const CountOf& count_of,
                               const Work& work) {
  const auto cost = [&](auto kind) { return (count_of(kind) + members - 1) / members * kind.cost(sizes); };
  const auto small = cost(SmallTile()), medium = cost(MediumTile()), large = cost(LargeTile());
  if (large <= medium && large <= small)
    work(LargeTile());
  else if (medium <= small)
    work(MediumTile());
  else
    work(SmallTile());
}

/// Four neighbours in a row of a product.
struct Sums {
  float values[4];
};

/// The sums of a tile's elements, in shared memory, rows Kind::columns apart.
template <class Kind>
struct Finished {
  const float* sums;  ///< those of the slices after one another, where groups of threads have added them up
  std::uint32_t first_row, first_column;

  /// Calls visit(row, column, sums) for four neighbours in a row at a time; neighbouring threads get
  /// neighbours. Some may lie beyond the product.
  template <class Visit>
  __device__ void each_four(const Visit& visit) const {
    constexpr unsigned across = Kind::columns / 4;
    REGATTA_UNROLL(1)
    for (unsigned i = threadIdx.x; i < elements / 4; i += wide_threads)
      visit(first_row + i / across, first_column + 4 * (i % across),
            Sums{{sum(4 * i), sum(4 * i + 1), sum(4 * i + 2), sum(4 * i + 3)}});
  }
  /// The same, visit(row, column, sum) for one at a time.
  template <class Visit>
  __device__ void each(const Visit& visit) const {
    REGATTA_UNROLL(1)
    for (unsigned i = threadIdx.x; i < elements; i += wide_threads)
      visit(first_row + i / Kind::columns, first_column + i % Kind::columns, sum(i));
  }

 private:
  static constexpr unsigned elements = Kind::rows * Kind::columns;

  __device__ float sum(unsigned i) const {
    float result = sums[i];
    for (unsigned slice = 1; slice < Kind::groups; ++slice) result += sums[i + slice * elements];
    return result;
  }
};

/// Numbers of `count` rows or columns at the steps of one chunk, on their way from memory to the tile's
/// stage.
/// @tparam along_depth  whether the factor's lines lie along the depth
template <bool along_depth, unsigned count, unsigned threads>
class Carried {
  static constexpr unsigned fours = chunk_depth * count / 4 / threads, pitch = count + 4;
  static_assert(fours > 0);

 public:
  __device__ void fetch(const Factor& factor, std::uint32_t first, std::uint32_t depth, unsigned thread) {
    for (unsigned i = 0; i < fours; ++i) {
      const unsigned at = thread + i * threads;
      if constexpr (along_depth)
        held_[i] = factor.four(first + at / (chunk_depth / 4), depth + 4 * (at % (chunk_depth / 4)));
      else
        held_[i] = factor.four(depth + at / (count / 4), first + 4 * (at % (count / 4)));
    }
  }
  __device__ void put(float* stage, unsigned thread) const {
    for (unsigned i = 0; i < fours; ++i) {
      const unsigned at = thread + i * threads;
      if constexpr (along_depth) {
        float* to = stage + 4 * (at % (chunk_depth / 4)) * pitch + at / (chunk_depth / 4);
        to[0] = held_[i].x, to[pitch] = held_[i].y, to[2 * pitch] = held_[i].z, to[3 * pitch] = held_[i].w;
      } else {
        *reinterpret_cast<float4*>(stage + at / (count / 4) * pitch + 4 * (at % (count / 4))) = held_[i];
      }
    }
  }

 private:
  float4 held_[fours];
};

/// Sums of the elements of a tile that one thread has.
template <class Kind>
struct TileSums {
  float sums[Kind::high][4] = {};

  __device__ void add_chunk(const float* rows, const float* columns) {
    REGATTA_UNROLL(4)
    for (unsigned k = 0; k < chunk_depth; ++k) {
      const float4 right = *reinterpret_cast<const float4*>(columns + k * Kind::column_pitch);
      for (unsigned part = 0; part < Kind::high / 4; ++part) {
        const float4 left =
            *reinterpret_cast<const float4*>(rows + k * Kind::row_pitch + part * Kind::fours_apart);
        add(sums[4 * part], left.x, right);
        add(sums[4 * part + 1], left.y, right);
        add(sums[4 * part + 2], left.z, right);
        add(sums[4 * part + 3], left.w, right);
      }
    }
  }
  __device__ void add_slice(TileSums& slice) {
    for (unsigned r = 0; r < Kind::high; ++r)
      for (unsigned c = 0; c < 4; ++c) sums[r][c] += slice.sums[r][c], slice.sums[r][c] = 0;
  }

 private:
  static __device__ void add(float (&row)[4], float left, const float4& right) {
    row[0] += left * right.x, row[1] += left * right.y, row[2] += left * right.z, row[3] += left * right.w;
  }
};

/// Hands a tile to finish(tile), a Finished. All threads of the block call it.
/// @param shared  Kind::numbers of them
template <class Kind, bool a_along_depth, bool b_along_depth, class Finish>
__device__ void multiply_tile(std::uint32_t tile, const Sizes& sizes, const Factor& a, const Factor& b,
                              float* shared, const Finish& finish) {
  const std::uint32_t first_row = tile / Kind::across(sizes) * Kind::rows,
                      first_column = tile % Kind::across(sizes) * Kind::columns;
  const unsigned group = threadIdx.x / Kind::threads, thread = threadIdx.x % Kind::threads;
  const unsigned row = thread / (Kind::columns / 4) * 4, column = thread % (Kind::columns / 4) * 4;
  const std::uint32_t of_slice = sizes.chunks_of_slice(),
                      chunks = Kind::groups == 1 ? sizes.chunks() : of_slice;
  const std::uint32_t first_depth = group * of_slice * chunk_depth;
  const auto stage = [&](std::uint32_t chunk) {
    return shared + chunk % 2 * Kind::stage_numbers + group * Kind::group_numbers;
  };
  Carried<a_along_depth, Kind::rows, Kind::threads> rows;
  Carried<b_along_depth, Kind::columns, Kind::threads> columns;
  TileSums<Kind> slice, total;
  const auto fetch = [&](std::uint32_t chunk) {
    rows.fetch(a, first_row, first_depth + chunk * chunk_depth, thread);
    columns.fetch(b, first_column, first_depth + chunk * chunk_depth, thread);
  };
  const auto put = [&](std::uint32_t chunk) {
    rows.put(stage(chunk), thread);
    columns.put(stage(chunk) + chunk_depth * Kind::row_pitch, thread);
    __syncthreads();
  };
  fetch(0);
  put(0);
  for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
    if (chunk + 1 < chunks) fetch(chunk + 1);
    slice.add_chunk(stage(chunk) + row, stage(chunk) + chunk_depth * Kind::row_pitch + column);
    if (Kind::groups == 1 && ((chunk + 1) % of_slice == 0 || chunk + 1 == chunks)) total.add_slice(slice);
    if (chunk + 1 < chunks) put(chunk + 1);
  }
  __syncthreads();
  const TileSums<Kind>& own = Kind::groups == 1 ? total : slice;
  for (unsigned r = 0; r < Kind::high; ++r)
    *reinterpret_cast<float4*>(
        shared + (group * Kind::rows + row + r / 4 * Kind::fours_apart + r % 4) * Kind::columns + column) = {
        own.sums[r][0], own.sums[r][1], own.sums[r][2], own.sums[r][3]};
  __syncthreads();
  finish(Finished<Kind>{shared, first_row, first_column});
  __syncthreads();
}

}  // namespace regatta::device::cuda
