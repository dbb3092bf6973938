#include "../activation_switch.hpp"
#include "../dropout_hash.hpp"
#include "../formulas.hpp"
#include "check.hpp"
#include "column_sums.hpp"
#include "kernels.hpp"
#include "lines.hpp"

namespace regatta::device::cuda {
namespace {

/// A Dropout with everything that is the same for all elements worked out; always the same where nothing is dropped.
struct Dropping {
  std::uint64_t key, first_sample;
  std::uint32_t threshold, first_unit;
  float scale, kept;

  explicit Dropping(const Dropout& dropout)
      : key(dropout.rate > 0 ? dropout.key : 0), first_sample(dropout.first_sample),
        threshold(dropout_threshold(dropout.rate)), first_unit(dropout.first_unit), scale(1.0f / (1.0f - dropout.rate)), kept(1.0f - dropout.rate) {}

  constexpr std::uint64_t row(std::size_t i) const { return threshold == 0 ? 0 : dropout_row(key, first_sample + i); }

  constexpr float factor(std::uint64_t row, std::size_t unit) const {
    if (threshold == 0) return 1.0f;
    return dropout_factor(row, first_unit + static_cast<std::uint32_t>(unit), threshold, scale);
  }
};

template <Activation kind>
__global__ void activate_rows(Dense layer, Dropping dropping) {
  const std::size_t i = line_of_thread(), j = number_in_line(), at = i * layer.z.columns + j;
  if (i >= layer.z.rows || j >= layer.z.columns) return;
  const float z = layer.z.data[at] + layer.bias[j];
  layer.z.data[at] = z;
  layer.y.data[at] = dropping.factor(dropping.row(i), j) * formulas::activate<kind>(z);
}

/// dL/dz of one element, which it overwrites.
template <Activation kind>
constexpr float element_gradient(const Dense& layer, const Dropping& dropping, float* gradient, std::size_t i,
                                 std::size_t j) {
  const std::size_t at = i * layer.z.columns + j;
  if (kind == Activation::Identity && dropping.threshold == 0) return gradient[at];
  const std::uint64_t row = dropping.row(i);
  const float slope = formulas::slope<kind>(layer.z.data[at], layer.y.data[at] * dropping.kept);
  return gradient[at] *= dropping.factor(row, j) * slope;
}

/// dL/dz, and its sums over the rows of a slice.
template <Activation kind>
__global__ void __launch_bounds__(threads_per_slice)
    gradient_rows(Dense layer, Dropping dropping, float* gradient, float* partial) {
  const std::size_t columns = layer.z.columns, j = slice_column();
  const SliceRows rows = slice_rows(layer.z.rows);
  float sum = 0;
  if (j < columns)
    for (std::size_t i = rows.first; i < rows.end; i += blockDim.y)
      sum += element_gradient<kind>(layer, dropping, gradient, i, j);
  sum = column_sum(sum);
  if (threadIdx.y == 0 && j < columns) partial[blockIdx.x * columns + j] = sum;
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

std::size_t gradient_slices(std::size_t samples) { return row_slices(samples); }

void activate(const Dense& layer, Stream& stream) {
  check(launch(stream, lines_shape(layer.z.rows, layer.z.columns), activate_kernel(layer.activation),
               without_dropout(layer), Dropping(layer.dropout)));
}

void activation_gradient(const Dense& layer, float* gradient, float* bias, float* partial, Stream& stream) {
  const std::size_t slices = gradient_slices(layer.z.rows), columns = layer.z.columns;
  float* sums = slices == 1 ? bias : partial;
  check(launch(stream, slices_shape(layer.z.rows, columns), gradient_kernel(layer.activation), without_dropout(layer),
               Dropping(layer.dropout), gradient, sums));
  if (slices > 1) add_slices(partial, slices, columns, bias, false, stream);
}

}  // namespace regatta::device::cuda
