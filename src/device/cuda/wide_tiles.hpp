#pragma once

#include <cuda_runtime.h>

#include <cstdint>

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
  static constexpr unsigned high = high_;  ///< rows of a thread, in fours that lie rows / (high / 4) apart
  static constexpr unsigned threads = wide_threads / groups;
  static constexpr unsigned row_pitch = rows + 4, column_pitch = columns + 4;
  static constexpr unsigned group_numbers = chunk_depth * (row_pitch + column_pitch),
                            stage_numbers = groups * group_numbers;
  static constexpr unsigned numbers = 2 * stage_numbers;  ///< in shared memory
  static_assert(rows * columns == threads * high * 4 && (groups == 1 || groups == slices));

  static constexpr std::uint32_t across(const Sizes& sizes) {
    return (sizes.columns + columns - 1) / columns;
  }
  static constexpr std::uint32_t count(const Sizes& sizes) {
    return (sizes.rows + rows - 1) / rows * across(sizes);
  }
};
using SmallTile = Tile<slices, 32, 16, 4>;
using LargeTile = Tile<1, 128, 64, 8>;

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
    for (unsigned k = 0; k < chunk_depth; ++k) {
      const float4 right = *reinterpret_cast<const float4*>(columns + k * Kind::column_pitch);
      for (unsigned part = 0; part < Kind::high / 4; ++part) {
        const float4 left = *reinterpret_cast<const float4*>(rows + k * Kind::row_pitch +
                                                             part * (Kind::rows / (Kind::high / 4)));
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

/// Hands the elements of a tile to finish(row, column, sums), which gets an array of neighbours in a row;
/// some may lie beyond the product. All threads of the block call it.
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
  if constexpr (Kind::groups == 1) {
    for (unsigned r = 0; r < Kind::high; ++r)
      finish(first_row + row + r / 4 * (Kind::rows / (Kind::high / 4)) + r % 4, first_column + column,
             total.sums[r]);
  } else {
    constexpr unsigned elements = Kind::rows * Kind::columns, each = elements / wide_threads;
    for (unsigned r = 0; r < Kind::high; ++r)
      *reinterpret_cast<float4*>(shared + group * elements + (row + r) * Kind::columns + column) = {
          slice.sums[r][0], slice.sums[r][1], slice.sums[r][2], slice.sums[r][3]};
    __syncthreads();
    const unsigned first = threadIdx.x * each;
    float sums[each] = {};
    for (unsigned s = 0; s < slices; ++s)
      for (unsigned i = 0; i < each; ++i) sums[i] += shared[s * elements + first + i];
    finish(first_row + first / Kind::columns, first_column + first % Kind::columns, sums);
    __syncthreads();
  }
}

}  // namespace regatta::device::cuda
