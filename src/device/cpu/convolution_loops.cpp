#include <algorithm>
#include <cstring>

#include "convolution.hpp"

// Direct convolution: the image is copied into a frame of zeros, and tiles of outputs stay in registers while
// the window runs. Nothing is unrolled into a matrix of windows, which would be side^2 times as large as the
// image.
namespace regatta::device {
namespace {

/// As wide as a register: GCC 12 keeps wider ones in memory.
template <int lanes>
struct Register {
  typedef float Vector [[gnu::vector_size(lanes * sizeof(float))]];
};

/// Rows of a tile that fills, but does not overflow, 32 registers of 16 numbers or 16 of fewer; each row
/// takes an address, too.
template <int lanes, int vectors>
constexpr std::size_t tile_rows = lanes == 16 || vectors == 1 ? 8 : 6;

/// How the terms of a sum lie: `segments` times `length` of them.
struct Terms {
  std::size_t segments, length;
  std::size_t a_step, a_jump;  ///< between factors within a segment, and from segment to segment
  std::size_t b_step;          ///< between rows of the other factors, which have no segments
};

/// c(r, .) = sum_k a_r[k] b(k, .) for `rows` rows of `vectors` registers, on top of c where `adds`.
template <int lanes, int rows, int vectors, bool adds>
[[gnu::always_inline]] inline void tile(const Terms& terms, const float* const* starts, const float* b,
                                        float* c, std::size_t c_row) {
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
      for (int v = 0; v < vectors; ++v) std::memcpy(&line[v], b + v * lanes, sizeof(Vector));
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
      if constexpr (adds) {
        Vector before;
        std::memcpy(&before, to, sizeof before);
        sum[r][v] += before;
      }
      std::memcpy(to, &sum[r][v], sizeof(Vector));
    }
}

/// A tile with `count` <= `rows` rows.
template <int lanes, int rows, int vectors, bool adds>
[[gnu::always_inline]] inline void tile_of(std::size_t count, const Terms& terms, const float* const* starts,
                                           const float* b, float* c, std::size_t c_row) {
  if (count >= rows) return tile<lanes, rows, vectors, adds>(terms, starts, b, c, c_row);
  if constexpr (rows > 1) tile_of<lanes, rows - 1, vectors, adds>(count, terms, starts, b, c, c_row);
}

template <int lanes>
constexpr std::size_t padded(std::size_t channels) {
  return (channels + lanes - 1) / lanes * lanes;
}

/// Terms of one output.
std::size_t depth_of(const Windows& windows) { return windows.side * windows.side * windows.input.channels; }

/// Weights of the output channels from `j` on, in rows of `vectors` registers.
template <int lanes, int vectors>
[[gnu::always_inline]] inline void pack_panel(const Windows& windows, const float* weights, std::size_t j,
                                              std::vector<float>& packed) {
  const std::size_t channels = windows.output.channels, depth = depth_of(windows);
  const std::size_t width = std::min<std::size_t>(vectors * lanes, channels - j);
  for (std::size_t k = 0; k < depth; ++k)
    std::memcpy(packed.data() + depth * j + k * vectors * lanes, weights + k * channels + j,
                width * sizeof(float));
}

template <int lanes>
[[gnu::always_inline]] inline void pack_panels(const Windows& windows, const float* weights,
                                               ConvolutionScratch& scratch) {
  const std::size_t channels = windows.output.channels;
  scratch.weights.assign(depth_of(windows) * padded<lanes>(channels), 0.0f);
  for (std::size_t j = 0; j < channels; j += 2 * lanes)
    if (channels - j <= lanes)
      pack_panel<lanes, 1>(windows, weights, j, scratch.weights);
    else
      pack_panel<lanes, 2>(windows, weights, j, scratch.weights);
}

/// The image that all windows together see, zeros outside of x.
struct Frame {
  std::size_t height, width;
  const float* data;
};

Frame frame_of(const Windows& windows, std::size_t dilation, const float* x, std::vector<float>& memory) {
  const Image& in = windows.input;
  const std::size_t height = (windows.output.height - 1) * windows.stride + windows.side;
  const std::size_t width = (windows.output.width - 1) * windows.stride + windows.side;
  if (windows.above == 0 && windows.left == 0 && dilation == 1 && in.height >= height && in.width == width)
    return {height, width, x};
  memory.assign(height * width * in.channels, 0.0f);
  for (std::size_t i = 0; i < in.height && windows.above + i * dilation < height; ++i) {
    const float* from = x + i * in.width * in.channels;
    float* to = memory.data() + ((windows.above + i * dilation) * width + windows.left) * in.channels;
    const std::size_t columns = std::min(in.width, (width - windows.left + dilation - 1) / dilation);
    if (dilation == 1)
      std::copy_n(from, columns * in.channels, to);
    else
      for (std::size_t j = 0; j < columns; ++j)
        std::copy_n(from + j * in.channels, in.channels, to + j * dilation * in.channels);
  }
  return {height, width, memory.data()};
}

template <int lanes, int vectors>
[[gnu::always_inline]] inline void convolve_panel(const Windows& windows, const Frame& frame,
                                                  const float* weights, std::size_t j, float* z) {
  constexpr std::size_t rows = tile_rows<lanes, vectors>;
  const std::size_t in = windows.input.channels, channels = windows.output.channels;
  const std::size_t width = std::min<std::size_t>(vectors * lanes, channels - j);
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
    float* to = z + first * channels + j;
    if (width == vectors * lanes) {
      tile_of<lanes, rows, vectors, false>(count, terms, starts, weights, to, channels);
    } else {
      float part[rows * vectors * lanes];
      tile_of<lanes, rows, vectors, false>(count, terms, starts, weights, part, vectors * lanes);
      for (std::size_t r = 0; r < count; ++r)
        for (std::size_t c = 0; c < width; ++c) to[r * channels + c] = part[r * vectors * lanes + c];
    }
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

/// dz of one sample in rows of padded channels.
template <int lanes>
[[gnu::always_inline]] inline const float* padded_gradient(const Image& image, const float* dz,
                                                           std::vector<float>& memory) {
  const std::size_t channels = image.channels, row = padded<lanes>(channels);
  if (row == channels) return dz;
  memory.assign(image.pixels() * row, 0.0f);
  for (std::size_t p = 0; p < image.pixels(); ++p)
    std::memcpy(memory.data() + p * row, dz + p * channels, channels * sizeof(float));
  return memory.data();
}

/// Output lines [top, top + lines) of one sample.
struct Band {
  std::size_t top, lines;
};

template <int lanes, int vectors>
[[gnu::always_inline]] inline void add_band_gradient(const Windows& windows, const Frame& frame,
                                                     const Band& band, const float* dz, float* weights,
                                                     std::size_t row) {
  constexpr std::size_t rows = tile_rows<lanes, vectors>;
  const std::size_t in = windows.input.channels, line = windows.side * in, depth = depth_of(windows);
  const std::size_t jump = frame.width * in;  // from line to line of the frame
  const Terms terms{band.lines, windows.output.width, windows.stride * in, windows.stride * jump, row};
  const float* first = frame.data + band.top * windows.stride * jump;
  for (std::size_t k = 0; k < depth; k += rows) {
    const std::size_t count = std::min(rows, depth - k);
    const float* starts[rows] = {};
    for (std::size_t r = 0; r < count; ++r) starts[r] = first + (k + r) / line * jump + (k + r) % line;
    tile_of<lanes, rows, vectors, true>(count, terms, starts, dz + band.top * windows.output.width * row,
                                        weights + k * row, row);
  }
}

template <int lanes>
[[gnu::always_inline]] inline void add_sample_gradient(const Windows& windows, const float* x,
                                                       const float* dz, float* weights,
                                                       ConvolutionScratch& scratch) {
  constexpr std::size_t cached_pixels = 256;  // so that dz comes from the first level of the cache
  const Image& out = windows.output;
  const Frame frame = frame_of(windows, 1, x, scratch.image);
  dz = padded_gradient<lanes>(out, dz, scratch.gradient);
  const std::size_t row = padded<lanes>(out.channels);
  const std::size_t lines = std::max<std::size_t>(1, cached_pixels / out.width);
  for (std::size_t top = 0; top < out.height; top += lines) {
    const Band band{top, std::min(lines, out.height - top)};
    for (std::size_t j = 0; j < out.channels; j += 2 * lanes)
      if (out.channels - j <= lanes)
        add_band_gradient<lanes, 1>(windows, frame, band, dz + j, weights + j, row);
      else
        add_band_gradient<lanes, 2>(windows, frame, band, dz + j, weights + j, row);
  }
}

[[gnu::target("arch=x86-64-v4")]] void pack_avx512(const Windows& windows, const float* weights,
                                                   ConvolutionScratch& scratch) {
  pack_panels<16>(windows, weights, scratch);
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

[[gnu::target("arch=x86-64-v3")]] void pack_avx2(const Windows& windows, const float* weights,
                                                 ConvolutionScratch& scratch) {
  pack_panels<8>(windows, weights, scratch);
}
[[gnu::target("arch=x86-64-v3")]] void convolve_avx2(const Windows& windows, std::size_t dilation,
                                                     const float* x, float* z, ConvolutionScratch& scratch) {
  convolve_sample<8>(windows, dilation, x, z, scratch);
}
[[gnu::target("arch=x86-64-v3")]] void gradient_avx2(const Windows& windows, const float* x, const float* dz,
                                                     float* weights, ConvolutionScratch& scratch) {
  add_sample_gradient<8>(windows, x, dz, weights, scratch);
}

void pack_sse2(const Windows& windows, const float* weights, ConvolutionScratch& scratch) {
  pack_panels<4>(windows, weights, scratch);
}
void convolve_sse2(const Windows& windows, std::size_t dilation, const float* x, float* z,
                   ConvolutionScratch& scratch) {
  convolve_sample<4>(windows, dilation, x, z, scratch);
}
void gradient_sse2(const Windows& windows, const float* x, const float* dz, float* weights,
                   ConvolutionScratch& scratch) {
  add_sample_gradient<4>(windows, x, dz, weights, scratch);
}

constexpr ConvolutionLoops all_loops[] = {{pack_avx512, convolve_avx512, padded<16>, gradient_avx512},
                                          {pack_avx2, convolve_avx2, padded<8>, gradient_avx2},
                                          {pack_sse2, convolve_sse2, padded<4>, gradient_sse2}};

}  // namespace

std::span<const ConvolutionLoops> convolution_loops() {
  static const bool avx512 = __builtin_cpu_supports("x86-64-v4"), avx2 = __builtin_cpu_supports("x86-64-v3");
  return std::span(all_loops).subspan(avx512 ? 0 : avx2 ? 1 : 2);
}

}  // namespace regatta::device
