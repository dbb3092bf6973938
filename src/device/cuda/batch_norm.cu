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

/// From dL/dy of a channel to dL/d(scale n + shift). What y was is made again of x, which is read anyway.
template <Activation kind>
struct ChannelSlope {
  formulas::Line normalisation, affinity;

  ChannelSlope() = default;
  constexpr ChannelSlope(const BatchNorm& layer, std::size_t c)
      : normalisation(formulas::normalisation(layer, c)), affinity(formulas::affinity(layer, c)) {}

  constexpr float at(float n, float gradient) const {
    const float z = affinity.at(n);
    return gradient * formulas::slope<kind>(z, formulas::activate<kind>(z));
  }
};

template <Activation kind>
struct GradientTerms {
  BatchNorm layer;
  const float* gradient;

  constexpr Terms at(std::size_t i, std::size_t c) const {
    const std::size_t place = i * layer.x.columns + c;
    const ChannelSlope<kind> slope(layer, c);
    const float n = slope.normalisation.at(layer.x.data[place]), g = slope.at(n, gradient[place]);
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

/// Some neighbouring channels of several rows per thread.
template <Activation kind, unsigned width>
__global__ void normalise_rows(BatchNorm layer) {
  const std::size_t columns = layer.x.columns, c = std::size_t{number_in_line()} * width;
  if (c >= columns) return;
  formulas::Line normalisations[width], affinities[width];
  for (unsigned k = 0; k < width; ++k) {
    normalisations[k] = formulas::normalisation(layer, c + k);
    affinities[k] = formulas::affinity(layer, c + k);
  }
  for (std::size_t i = line_of_thread(); i < layer.x.rows; i += lines_at_once()) {
    Numbers<width> numbers = Numbers<width>::of(layer.x.data + i * columns + c);
    for (unsigned k = 0; k < width; ++k)
      numbers.at[k] = formulas::activate<kind>(affinities[k].at(normalisations[k].at(numbers.at[k])));
    Numbers<width>::of(layer.y.data + i * columns + c) = numbers;
  }
}

template <Activation kind, unsigned width>
__global__ void gradient_rows(BatchNorm layer, BatchNormGradient gradient) {
  const std::size_t columns = layer.x.columns, c = std::size_t{number_in_line()} * width;
  if (c >= columns) return;
  ChannelSlope<kind> slopes[width];
  formulas::NormGradient gradients[width];
  for (unsigned k = 0; k < width; ++k) {
    slopes[k] = ChannelSlope<kind>(layer, c + k);
    gradients[k] = formulas::norm_gradient(layer, c + k);
  }
  for (std::size_t i = line_of_thread(); i < layer.x.rows; i += lines_at_once()) {
    const std::size_t place = i * columns + c;
    const Numbers<width> x = Numbers<width>::of(layer.x.data + place);
    Numbers<width> numbers = Numbers<width>::of(gradient.y.data + place);
    for (unsigned k = 0; k < width; ++k) {
      const float g = slopes[k].at(slopes[k].normalisation.at(x.at[k]), numbers.at[k]);
      numbers.at[k] = gradients[k].g_factor * g + gradients[k].line.at(x.at[k]);
    }
    Numbers<width>::of(gradient.x.data + place) = numbers;
  }
}

/// Calls work(kernel shape, activation, numbers per thread), the last two as constants.
template <class Work>
void with_rows(const BatchNorm& layer, std::initializer_list<const float*> blocks, const Work& work) {
  constexpr std::size_t rows_each = 4;  // what belongs to a channel is read and computed once for them
  with_width(layer.x.columns, blocks, [&](auto width) {
    const Shape shape = lines_shape(blocks_for(layer.x.rows, rows_each), layer.x.columns / width);
    with_constant(layer.activation, [&](auto kind) { work(shape, kind, width); });
  });
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
  if (layer.x.rows == 0) return;
  with_rows(layer, {layer.x.data, layer.y.data}, [&](const Shape& shape, auto kind, auto width) {
    check(launch(stream, shape, normalise_rows<kind, width>, layer));
  });
}

void norm_gradient(const BatchNorm& layer, const BatchNormGradient& gradient, Stream& stream) {
  with_rows(layer, {layer.x.data, gradient.y.data, gradient.x.data}, [&](const Shape& shape, auto kind, auto width) {
    check(launch(stream, shape, gradient_rows<kind, width>, layer, gradient));
  });
}

}  // namespace regatta::device::cuda
