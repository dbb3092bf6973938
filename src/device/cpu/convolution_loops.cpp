#include <algorithm>
#include <cstring>

#include "convolution.hpp"
#include "vectors.hpp"

// Direct convolution: the image is copied into a frame of zeros, and tiles of outputs stay in registers while
// the window runs. Nothing is unrolled into a matrix of windows, which would be side^2 times as large as the
// image.
namespace regatta::device {
namespace {

/// Rows of a tile that fills, but does not overflow, 32 registers of 16 numbers or 16 of fewer; each row
/// takes an address, too.
template <int lanes, int vectors>
constexpr std::size_t tile_rows = lanes == 16 || vectors == 1 ? 8 : 6;

/// How the terms of a sum lie: `segments` times `length` of them.
struct Terms {
  std::size_t segments, length;
  std::size_t a_step, a_jump;  ///< between factors within a segment, and from segment to segment
  std::size_t b_step;          ///< between rows of the other factors
};

/// What a tile does with its sums, and which vectors may have fewer numbers than lanes: their last ones.
enum class Sums {
  Stored,    ///< over c, whose rows may end within a vector
  Added,     ///< to c
  AddedFew,  ///< to c, from rows of b that end within a vector
};

/// c(r, .) = sum_k a_r[k] b(k, .) for `rows` rows of `vectors` registers, or on top of c.
/// @param last  numbers of the last vector
template <int lanes, int rows, int vectors, Sums sums>
[[gnu::always_inline]] inline void tile(const Terms& terms, const float* const* starts, const float* b,
                                        std::size_t last, float* c, std::size_t c_row) {
  using Vector = typename Register<lanes>::Vector;
  Vector sum[rows][vectors] = {};
  const float* a[rows];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) a[r] = starts[r];
  for (std::size_t segment = 0; segment < terms.segments; ++segment) {
    std::size_t at = segment * terms.a_jump;
    for (std::size_t k = 0; k < terms.length; ++k, at += terms.a_step, b += terms.b_step) {
      Vector line[vectors];
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v)
        if (sums == Sums::AddedFew && v == vectors - 1)
          load_few(line[v], b + v * lanes, last);
        else
          load(line[v], b + v * lanes);
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) sum[r][v] += a[r][at] * line[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) {
      float* to = c + r * c_row + v * lanes;
      if constexpr (sums != Sums::Stored) {
        Vector before;
        load(before, to);
        sum[r][v] += before;
      }
      if (sums == Sums::Stored && v == vectors - 1)
        store_few(sum[r][v], to, last);
      else
        store(sum[r][v], to);
    }
}

/// A tile with `count` <= `rows` rows.
template <int lanes, int rows, int vectors, Sums sums>
[[gnu::always_inline]] inline void tile_of(std::size_t count, const Terms& terms, const float* const* starts,
                                           const float* b, std::size_t last, float* c, std::size_t c_row) {
  if (count >= rows) return tile<lanes, rows, vectors, sums>(terms, starts, b, last, c, c_row);
  if constexpr (rows > 1) tile_of<lanes, rows - 1, vectors, sums>(count, terms, starts, b, last, c, c_row);
}

template <int lanes>
constexpr std::size_t padded(std::size_t channels) {
  return (channels + lanes - 1) / lanes * lanes;
}

/// Terms of one output.
std::size_t depth_of(const Windows& windows) { return windows.side * windows.side * windows.input.channels; }

/// Columns [j, j + vectors * lanes) of a matrix, row by row.
template <int lanes, int vectors>
[[gnu::always_inline]] inline void pack_panel(MatrixView<const float> matrix, std::size_t j, float* packed) {
  const std::size_t width = std::min<std::size_t>(vectors * lanes, matrix.columns - j);
  for (std::size_t k = 0; k < matrix.rows; ++k)
    std::memcpy(packed + matrix.rows * j + k * vectors * lanes, matrix.data + k * matrix.columns + j,
                width * sizeof(float));
}

/// Panels of two registers, the last one of one if that is enough; zeros beside them.
template <int lanes>
[[gnu::always_inline]] inline void pack_panels(MatrixView<const float> matrix, std::vector<float>& packed) {
  packed.assign(matrix.rows * padded<lanes>(matrix.columns), 0.0f);
  for (std::size_t j = 0; j < matrix.columns; j += 2 * lanes)
    if (matrix.columns - j <= lanes)
      pack_panel<lanes, 1>(matrix, j, packed.data());
    else
      pack_panel<lanes, 2>(matrix, j, packed.data());
}

template <int lanes, int vectors>
[[gnu::always_inline]] inline void convolve_panel(const Windows& windows, const Frame& frame,
                                                  const float* weights, std::size_t j, float* z) {
  constexpr std::size_t rows = tile_rows<lanes, vectors>;
  const std::size_t in = windows.input.channels, channels = windows.output.channels;
  const std::size_t last = std::min<std::size_t>(lanes, channels - j - (vectors - 1) * lanes);
  const Terms terms{windows.side, windows.side * in, 1, frame.width * in, vectors * lanes};
  const std::size_t pixels = windows.output.pixels();
  const float* starts[rows] = {};
  std::size_t line = 0, column = 0;
  for (std::size_t first = 0; first < pixels; first += rows) {
    const std::size_t count = std::min(rows, pixels - first);
    for (std::size_t r = 0; r < count; ++r) {
      starts[r] = frame.data + (line * frame.width + column) * windows.stride * in;
      if (++column == windows.output.width) column = 0, ++line;
    }
    tile_of<lanes, rows, vectors, Sums::Stored>(count, terms, starts, weights, last, z + first * channels + j,
                                                channels);
  }
}

template <int lanes>
[[gnu::always_inline]] inline void convolve_sample(const Windows& windows, std::size_t dilation,
                                                   const float* x, float* z, ConvolutionScratch& scratch) {
  const Frame frame = frame_of(windows, dilation, x, scratch.image);
  const std::size_t channels = windows.output.channels, depth = depth_of(windows);
  for (std::size_t j = 0; j < channels; j += 2 * lanes) {
    const float* weights = scratch.weights.data() + depth * j;
    if (channels - j <= lanes)
      convolve_panel<lanes, 1>(windows, frame, weights, j, z);
    else
      convolve_panel<lanes, 2>(windows, frame, weights, j, z);
  }
}

/// Output lines [top, top + lines) of one sample.
struct Band {
  std::size_t top, lines;
};

template <int lanes, int vectors>
[[gnu::always_inline]] inline void add_band_gradient(const Windows& windows, const Frame& frame,
                                                     const Band& band, const float* dz, std::size_t last,
                                                     float* weights, std::size_t row) {
  constexpr std::size_t rows = tile_rows<lanes, vectors>;
  const std::size_t in = windows.input.channels, line = windows.side * in, depth = depth_of(windows);
  const std::size_t jump = frame.width * in;  // from line to line of the frame
  const std::size_t channels = windows.output.channels;
  const Terms terms{band.lines, windows.output.width, windows.stride * in, windows.stride * jump, channels};
  dz += band.top * windows.output.width * channels;
  const float* first = frame.data + band.top * windows.stride * jump;
  for (std::size_t k = 0; k < depth; k += rows) {
    const std::size_t count = std::min(rows, depth - k);
    const float* starts[rows] = {};
    for (std::size_t r = 0; r < count; ++r) starts[r] = first + (k + r) / line * jump + (k + r) % line;
    if (last == lanes)
      tile_of<lanes, rows, vectors, Sums::Added>(count, terms, starts, dz, last, weights + k * row, row);
    else
      tile_of<lanes, rows, vectors, Sums::AddedFew>(count, terms, starts, dz, last, weights + k * row, row);
  }
}

template <int lanes>
[[gnu::always_inline]] inline void add_sample_gradient(const Windows& windows, const float* x,
                                                       const float* dz, float* weights,
                                                       ConvolutionScratch& scratch) {
  constexpr std::size_t cached_pixels = 256;  // so that dz comes from the first level of the cache
  const Image& out = windows.output;
  const Frame frame = frame_of(windows, 1, x, scratch.image);
  const std::size_t row = padded<lanes>(out.channels);
  const std::size_t lines = std::max<std::size_t>(1, cached_pixels / out.width);
  for (std::size_t top = 0; top < out.height; top += lines) {
    const Band band{top, std::min(lines, out.height - top)};
    for (std::size_t j = 0; j < out.channels; j += 2 * lanes)
      if (out.channels - j <= lanes)
        add_band_gradient<lanes, 1>(windows, frame, band, dz + j, out.channels - j, weights + j, row);
      else
        add_band_gradient<lanes, 2>(windows, frame, band, dz + j,
                                    std::min<std::size_t>(lanes, out.channels - j - lanes), weights + j, row);
  }
}

/// Adds to the frame what dz gives to columns [j, j + vectors * lanes) of the lines that windows see.
///
/// The rows of a tile are pixels of different lines, so that no sum waits for the one before it.
template <int lanes, int vectors>
[[gnu::always_inline]] inline void spread_panel(const Windows& windows, const float* weights, std::size_t j,
                                                const float* dz, float* frame, std::size_t frame_line) {
  constexpr std::size_t most = tile_rows<lanes, vectors>, row = vectors * lanes;
  const Image& out = windows.output;
  const Terms terms{1, out.channels, 1, 0, row};
  const std::size_t tiles = (out.height + most - 1) / most;
  for (std::size_t line = 0; line < windows.side; ++line)
    for (std::size_t t = 0; t < tiles; ++t) {
      const std::size_t top = out.height * t / tiles, count = out.height * (t + 1) / tiles - top;
      float* to = frame + (top * windows.stride + line) * frame_line + j;
      for (std::size_t column = 0; column < out.width; ++column) {
        const float* starts[most] = {};
        for (std::size_t r = 0; r < count; ++r)
          starts[r] = dz + ((top + r) * out.width + column) * out.channels;
        tile_of<lanes, most, vectors, Sums::Added>(
            count, terms, starts, weights + line * out.channels * row, lanes,
            to + column * windows.stride * windows.input.channels, windows.stride * frame_line);
      }
    }
}

template <int lanes>
[[gnu::always_inline]] inline void spread_sample(const Windows& windows, const float* dz, float* dx,
                                                 ConvolutionScratch& scratch) {
  const Image &in = windows.input, &out = windows.output, seen = windows.seen();
  const std::size_t line = seen.width * in.channels, terms = windows.side * in.channels;
  scratch.image.assign(seen.height * line + padded<lanes>(terms), 0.0f);
  for (std::size_t j = 0; j < terms; j += 2 * lanes) {
    const float* weights = scratch.weights.data() + windows.side * out.channels * j;
    if (terms - j <= lanes)
      spread_panel<lanes, 1>(windows, weights, j, dz, scratch.image.data(), line);
    else
      spread_panel<lanes, 2>(windows, weights, j, dz, scratch.image.data(), line);
  }
  take_image(windows, scratch.image.data(), dx);
}

[[gnu::target("arch=x86-64-v4")]] void pack_avx512(MatrixView<const float> matrix,
                                                   ConvolutionScratch& scratch) {
  pack_panels<16>(matrix, scratch.weights);
}
[[gnu::target("arch=x86-64-v4")]] void convolve_avx512(const Windows& windows, std::size_t dilation,
                                                       const float* x, float* z,
                                                       ConvolutionScratch& scratch) {
  convolve_sample<16>(windows, dilation, x, z, scratch);
}
[[gnu::target("arch=x86-64-v4")]] void gradient_avx512(const Windows& windows, const float* x,
                                                       const float* dz, float* weights,
                                                       ConvolutionScratch& scratch) {
  add_sample_gradient<16>(windows, x, dz, weights, scratch);
}
[[gnu::target("arch=x86-64-v4")]] void spread_avx512(const Windows& windows, const float* dz, float* dx,
                                                     ConvolutionScratch& scratch) {
  spread_sample<16>(windows, dz, dx, scratch);
}

[[gnu::target("arch=x86-64-v3")]] void pack_avx2(MatrixView<const float> matrix,
                                                 ConvolutionScratch& scratch) {
  pack_panels<8>(matrix, scratch.weights);
}
[[gnu::target("arch=x86-64-v3")]] void convolve_avx2(const Windows& windows, std::size_t dilation,
                                                     const float* x, float* z, ConvolutionScratch& scratch) {
  convolve_sample<8>(windows, dilation, x, z, scratch);
}
[[gnu::target("arch=x86-64-v3")]] void gradient_avx2(const Windows& windows, const float* x, const float* dz,
                                                     float* weights, ConvolutionScratch& scratch) {
  add_sample_gradient<8>(windows, x, dz, weights, scratch);
}
[[gnu::target("arch=x86-64-v3")]] void spread_avx2(const Windows& windows, const float* dz, float* dx,
                                                   ConvolutionScratch& scratch) {
  spread_sample<8>(windows, dz, dx, scratch);
}

void pack_sse2(MatrixView<const float> matrix, ConvolutionScratch& scratch) {
  pack_panels<4>(matrix, scratch.weights);
}
void convolve_sse2(const Windows& windows, std::size_t dilation, const float* x, float* z,
                   ConvolutionScratch& scratch) {
  convolve_sample<4>(windows, dilation, x, z, scratch);
}
void gradient_sse2(const Windows& windows, const float* x, const float* dz, float* weights,
                   ConvolutionScratch& scratch) {
  add_sample_gradient<4>(windows, x, dz, weights, scratch);
}
void spread_sse2(const Windows& windows, const float* dz, float* dx, ConvolutionScratch& scratch) {
  spread_sample<4>(windows, dz, dx, scratch);
}

constexpr ConvolutionLoops all_loops[] = {
    {pack_avx512, convolve_avx512, padded<16>, gradient_avx512, spread_avx512},
    {pack_avx2, convolve_avx2, padded<8>, gradient_avx2, spread_avx2},
    {pack_sse2, convolve_sse2, padded<4>, gradient_sse2, spread_sse2}};

}  // namespace

std::span<const ConvolutionLoops> convolution_loops() {
  return std::span(all_loops).subspan(best_instructions());
}

}  // namespace regatta::device
