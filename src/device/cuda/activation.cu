#include "../activation_switch.hpp"
#include "../dropout_hash.hpp"
#include "../formulas.hpp"
#include "check.hpp"
#include "kernels.hpp"
#include "launch.hpp"

namespace regatta::device::cuda {
namespace {

constexpr std::size_t rows_per_slice = 256;  ///< batches up to this need one kernel for both gradients

/// A Dropout with everything that is the same for all elements worked out; always the same where nothing is dropped.
struct Dropping {
  std::uint64_t key, first_sample;
  std::uint32_t threshold, first_unit;
  float scale, kept;

  explicit Dropping(const Dropout& dropout)
      : key(dropout.rate > 0 ? dropout.key : 0), first_sample(dropout.first_sample), threshold(dropout_threshold(dropout.rate)),
        first_unit(dropout.first_unit), scale(1.0f / (1.0f - dropout.rate)), kept(1.0f - dropout.rate) {}

  constexpr std::uint64_t row(std::size_t i) const { return threshold == 0 ? 0 : dropout_row(key, first_sample + i); }

  constexpr float factor(std::uint64_t row, std::size_t unit) const {
    if (threshold == 0) return 1.0f;
    return dropout_factor(row, first_unit + static_cast<std::uint32_t>(unit), threshold, scale);
  }
};

template <Activation kind>
__global__ void activate_rows(Dense layer, Dropping dropping) {
  const std::size_t i = row_of_thread(), columns = layer.z.columns;
  if (i >= layer.z.rows) return;
  const std::uint64_t row = dropping.row(i);
  for (std::size_t j = column_first(); j < columns; j += column_step()) {
    const std::size_t at = i * columns + j;
    const float z = layer.z.data[at] + layer.bias[j];
    layer.z.data[at] = z;
    layer.y.data[at] = dropping.factor(row, j) * formulas::activate<kind>(z);
  }
}

/// dL/dz of one element, which it overwrites.
template <Activation kind>
constexpr float element_gradient(const Dense& layer, const Dropping& dropping, float* gradient, std::size_t i,
                                 std::size_t j) {
  const std::size_t at = i * layer.z.columns + j;
  const std::uint64_t row = dropping.row(i);
  const float slope = formulas::slope<kind>(layer.z.data[at], layer.y.data[at] * dropping.kept);
  return gradient[at] *= dropping.factor(row, j) * slope;
}

/// One block per slice of rows and warp of columns; its threads take every eighth row, then the first adds up.
template <Activation kind>
__global__ void gradient_rows(Dense layer, Dropping dropping, float* gradient, float* partial) {
  __shared__ float terms[tile_rows][warp];
  const std::size_t columns = layer.z.columns, j = column_first();
  const std::size_t first = blockIdx.x * rows_per_slice, last = std::min(first + rows_per_slice, layer.z.rows);
  float sum = 0;
  if (j < columns)
    for (std::size_t i = first + threadIdx.y; i < last; i += tile_rows)
      sum += element_gradient<kind>(layer, dropping, gradient, i, j);
  terms[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();

  if (threadIdx.y > 0 || j >= columns) return;
  for (unsigned row = 1; row < tile_rows; ++row) sum += terms[row][threadIdx.x];
  partial[blockIdx.x * columns + j] = sum;
}

/// What kernels need besides Dropping.
Dense without_dropout(Dense layer) {
  layer.dropout = {};
  return layer;
}

auto activate_kernel(Activation kind) {
  return with_constant(kind, [](auto constant) { return activate_rows<constant>; });
}

auto gradient_kernel(Activation kind) {
  return with_constant(kind, [](auto constant) { return gradient_rows<constant>; });
}

}  // namespace

std::size_t gradient_slices(std::size_t samples) { return blocks_for(samples, rows_per_slice); }

void activate(const Dense& layer, Stream& stream) {
  check(launch(stream, matrix_shape(layer.z.rows, layer.z.columns), activate_kernel(layer.activation),
               without_dropout(layer), Dropping(layer.dropout)));
}

void activation_gradient(const Dense& layer, float* gradient, float* bias, float* partial, Stream& stream) {
  const std::size_t slices = gradient_slices(layer.z.rows), columns = layer.z.columns;
  const Shape shape = {{static_cast<unsigned>(slices), static_cast<unsigned>(blocks_for(columns, warp))},
                       {warp, tile_rows}};
  float* sums = slices == 1 ? bias : partial;
  check(launch(stream, shape, gradient_kernel(layer.activation), without_dropout(layer), Dropping(layer.dropout), gradient, sums));
  if (slices > 1) add_slices(partial, slices, columns, bias, false, stream);
}

}  // namespace regatta::device::cuda
