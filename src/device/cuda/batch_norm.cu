#include "../activation_switch.hpp"
#include "../formulas.hpp"
#include "../image_formulas.hpp"
#include "check.hpp"
#include "image_kernels.hpp"
#include "kernels.hpp"
#include "launch.hpp"

namespace regatta::device::cuda {
namespace {

constexpr std::size_t rows_per_slice = 256;

/// What one number adds to the two sums of its channel.
struct Terms {
  float first, second;
};

struct MomentTerms {
  BatchNorm layer;

  constexpr Terms at(std::size_t i, std::size_t c) const {
    const float term = layer.x.data[i * layer.x.columns + c] - layer.running[c];
    return {term, term * term};
  }
};

/// Also puts dL/d(scale n + shift) in the place of dL/dy.
template <Activation kind>
struct GradientTerms {
  BatchNorm layer;
  float* gradient;

  constexpr Terms at(std::size_t i, std::size_t c) const {
    const std::size_t place = i * layer.x.columns + c;
    const float n = formulas::normalisation(layer, c).at(layer.x.data[place]);
    const float slope = formulas::slope<kind>(formulas::affinity(layer, c).at(n), layer.y.data[place]);
    const float g = gradient[place] *= slope;
    return {g, g * n};
  }
};

/// One block per slice of rows and warp of channels; its threads take every eighth row, then the first adds up.
template <class Source>
__global__ void sum_rows(Source source, std::size_t rows, std::size_t channels, float* partial) {
  __shared__ float firsts[tile_rows][warp], seconds[tile_rows][warp];
  const std::size_t c = column_first(), first = blockIdx.x * rows_per_slice;
  const std::size_t last = std::min(first + rows_per_slice, rows);
  float sum = 0, product = 0;
  if (c < channels)
    for (std::size_t i = first + threadIdx.y; i < last; i += tile_rows) {
      const Terms terms = source.at(i, c);
      sum += terms.first;
      product += terms.second;
    }
  firsts[threadIdx.y][threadIdx.x] = sum;
  seconds[threadIdx.y][threadIdx.x] = product;
  __syncthreads();

  if (threadIdx.y > 0 || c >= channels) return;
  for (unsigned row = 1; row < tile_rows; ++row) {
    sum += firsts[row][threadIdx.x];
    product += seconds[row][threadIdx.x];
  }
  partial[blockIdx.x * 2 * channels + c] = sum;
  partial[blockIdx.x * 2 * channels + channels + c] = product;
}

template <class Source>
void sum(const Source& source, float* sums, float* partial, Stream& stream) {
  const std::size_t rows = source.layer.x.rows, channels = source.layer.x.columns, slices = norm_slices(rows);
  const Shape shape = {{static_cast<unsigned>(slices), static_cast<unsigned>(blocks_for(channels, warp))},
                       {warp, tile_rows}};
  check(launch(stream, shape, sum_rows<Source>, source, rows, channels, partial));
  add_slices(partial, slices, 2 * channels, sums, false, stream);
}

__global__ void take_all_moments(BatchNorm layer) {
  for (std::size_t c = line_first(); c < layer.x.columns; c += line_step()) formulas::take_moments(layer, c);
}

template <Activation kind>
__global__ void normalise_rows(BatchNorm layer) {
  const std::size_t i = row_of_thread(), channels = layer.x.columns;
  if (i >= layer.x.rows) return;
  for (std::size_t c = column_first(); c < channels; c += column_step()) {
    const float n = formulas::normalisation(layer, c).at(layer.x.data[i * channels + c]);
    layer.y.data[i * channels + c] = formulas::activate<kind>(formulas::affinity(layer, c).at(n));
  }
}

__global__ void gradient_rows(BatchNorm layer, BatchNormGradient gradient) {
  const std::size_t i = row_of_thread(), channels = layer.x.columns;
  if (i >= layer.x.rows) return;
  for (std::size_t c = column_first(); c < channels; c += column_step()) {
    const formulas::NormGradient to = formulas::norm_gradient(layer, c);
    const std::size_t place = i * channels + c;
    gradient.x.data[place] = to.g_factor * gradient.y.data[place] + to.line.at(layer.x.data[place]);
  }
}

auto normalise_kernel(Activation kind) {
  return with_constant(kind, [](auto constant) { return normalise_rows<constant>; });
}

}  // namespace

std::size_t norm_slices(std::size_t rows) { return blocks_for(rows, rows_per_slice); }

void sum_moments(const BatchNorm& layer, float* partial, Stream& stream) {
  sum(MomentTerms{layer}, layer.sums, partial, stream);
}

void sum_gradients(const BatchNorm& layer, const BatchNormGradient& gradient, float* partial, Stream& stream) {
  float *g = gradient.y.data, *sums = gradient.parameters;
  with_constant(layer.activation,
                [&](auto constant) { sum(GradientTerms<constant>{layer, g}, sums, partial, stream); });
}

void normalise(const BatchNorm& layer, Stream& stream) {
  check(launch(stream, line_shape(layer.x.columns), take_all_moments, layer));
  if (layer.x.rows > 0)
    check(launch(stream, matrix_shape(layer.x.rows, layer.x.columns), normalise_kernel(layer.activation), layer));
}

void norm_gradient(const BatchNorm& layer, const BatchNormGradient& gradient, Stream& stream) {
  check(launch(stream, matrix_shape(layer.x.rows, layer.x.columns), gradient_rows, layer, gradient));
}

}  // namespace regatta::device::cuda
