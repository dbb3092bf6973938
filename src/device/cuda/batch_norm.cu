#include "../activation_switch.hpp"
#include "../formulas.hpp"
#include "../image_formulas.hpp"
#include "check.hpp"
#include "column_sums.hpp"
#include "image_kernels.hpp"
#include "kernels.hpp"
#include "lines.hpp"

namespace regatta::device::cuda {
namespace {

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

/// dL/d(scale n + shift) of dL/dy. What y was is made again of x, which is read anyway.
template <Activation kind>
constexpr float slope_at(const BatchNorm& layer, std::size_t c, float n, float gradient) {
  const float z = formulas::affinity(layer, c).at(n);
  return gradient * formulas::slope<kind>(z, formulas::activate<kind>(z));
}

template <Activation kind>
struct GradientTerms {
  BatchNorm layer;
  const float* gradient;

  constexpr Terms at(std::size_t i, std::size_t c) const {
    const std::size_t place = i * layer.x.columns + c;
    const float n = formulas::normalisation(layer, c).at(layer.x.data[place]);
    const float g = slope_at<kind>(layer, c, n, gradient[place]);
    return {g, g * n};
  }
};

/// Both sums over the rows of a slice.
template <class Source>
__global__ void __launch_bounds__(threads_per_slice)
    sum_rows(Source source, std::size_t rows, std::size_t channels, float* partial) {
  const std::size_t c = slice_column();
  const SliceRows slice = slice_rows(rows);
  float first = 0, second = 0;
  if (c < channels)
    for (std::size_t i = slice.first; i < slice.end; i += blockDim.y) {
      const Terms terms = source.at(i, c);
      first += terms.first;
      second += terms.second;
    }
  first = column_sum(first);
  second = column_sum(second);
  if (threadIdx.y > 0 || c >= channels) return;
  partial[blockIdx.x * 2 * channels + c] = first;
  partial[blockIdx.x * 2 * channels + channels + c] = second;
}

template <class Source>
void sum(const Source& source, float* sums, float* partial, Stream& stream) {
  const std::size_t rows = source.layer.x.rows, channels = source.layer.x.columns, slices = norm_slices(rows);
  check(launch(stream, slices_shape(rows, channels), sum_rows<Source>, source, rows, channels, partial));
  add_slices(partial, slices, 2 * channels, sums, false, stream);
}

__global__ void take_all_moments(BatchNorm layer) {
  for (std::size_t c = line_first(); c < layer.x.columns; c += line_step()) formulas::take_moments(layer, c);
}

template <Activation kind>
__global__ void normalise_rows(BatchNorm layer) {
  const std::size_t i = line_of_thread(), c = number_in_line(), place = i * layer.x.columns + c;
  if (i >= layer.x.rows || c >= layer.x.columns) return;
  const float n = formulas::normalisation(layer, c).at(layer.x.data[place]);
  layer.y.data[place] = formulas::activate<kind>(formulas::affinity(layer, c).at(n));
}

template <Activation kind>
__global__ void gradient_rows(BatchNorm layer, BatchNormGradient gradient) {
  const std::size_t i = line_of_thread(), c = number_in_line(), place = i * layer.x.columns + c;
  if (i >= layer.x.rows || c >= layer.x.columns) return;
  const float x = layer.x.data[place];
  const float g = slope_at<kind>(layer, c, formulas::normalisation(layer, c).at(x), gradient.y.data[place]);
  const formulas::NormGradient to = formulas::norm_gradient(layer, c);
  gradient.x.data[place] = to.g_factor * g + to.line.at(x);
}

auto normalise_kernel(Activation kind) {
  return with_constant(kind, [](auto constant) { return normalise_rows<constant>; });
}

}  // namespace

std::size_t norm_slices(std::size_t rows) { return row_slices(rows); }

void sum_moments(const BatchNorm& layer, float* partial, Stream& stream) {
  sum(MomentTerms{layer}, layer.sums, partial, stream);
}

void sum_gradients(const BatchNorm& layer, const BatchNormGradient& gradient, float* partial, Stream& stream) {
  with_constant(layer.activation, [&](auto constant) {
    sum(GradientTerms<constant>{layer, gradient.y.data}, gradient.parameters, partial, stream);
  });
}

void normalise(const BatchNorm& layer, Stream& stream) {
  check(launch(stream, line_shape(layer.x.columns), take_all_moments, layer));
  if (layer.x.rows > 0)
    check(launch(stream, lines_shape(layer.x.rows, layer.x.columns), normalise_kernel(layer.activation), layer));
}

void norm_gradient(const BatchNorm& layer, const BatchNormGradient& gradient, Stream& stream) {
  const auto kernel = with_constant(layer.activation, [](auto constant) { return gradient_rows<constant>; });
  check(launch(stream, lines_shape(layer.x.rows, layer.x.columns), kernel, layer, gradient));
}

}  // namespace regatta::device::cuda
