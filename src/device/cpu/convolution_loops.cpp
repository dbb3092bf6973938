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
  std::size_t b_step;          ///< between rows of the other factors, and without pairs no jumps
  std::size_t b_jump = 0;
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

/// Two pixels that have at most half a register of channels share one, in which their numbers alternate.
template <int lanes>
struct Pair {
  using Places = typename Register<lanes>::Places;

  std::size_t channels;
  std::size_t numbers;  ///< in a row of the other factors: of both pixels, or of one
  Places alternating;   ///< in such a row, of the numbers of a register
  Places in_turn;       ///< in a register, of the numbers of the first pixel and of those of the second one

  /// @param same  both pixels have the same row of other factors
  [[gnu::always_inline]] inline Pair(std::size_t channel_count, bool same)
      : channels(channel_count), numbers(same ? channels : 2 * channels) {
    const int count = static_cast<int>(channels);
    for (int l = 0; l < lanes; ++l) {
      alternating[l] = l / 2 + (same ? 0 : l % 2 * count);
      in_turn[l] = l < count ? 2 * l : 2 * (l - count) + 1;
    }
  }
};

/// As tile(), for pairs: factors of both pixels lie next to each other in a. Stored sums are those of both,
/// added ones those of both together.
/// @param c  place of each row
template <int lanes, int rows, Sums sums>
[[gnu::always_inline]] inline void pair_tile(const Terms& terms, const float* const* starts, const float* b,
                                             const Pair<lanes>& pair, float* const* c) {
  using Vector = typename Register<lanes>::Vector;
  Vector sum[rows] = {}, line, factor;
  const float* a[rows];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) a[r] = starts[r];
  for (std::size_t segment = 0; segment < terms.segments; ++segment) {
    const float* from = b + segment * terms.b_jump;
    std::size_t at = segment * terms.a_jump;
    for (std::size_t k = 0; k < terms.length; ++k, at += terms.a_step, from += terms.b_step) {
      load_few(line, from, pair.numbers);
      line = __builtin_shuffle(line, pair.alternating);
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
        load_two(factor, a[r] + at);
        sum[r] += factor * line;
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    Vector both = __builtin_shuffle(sum[r], pair.in_turn);
    if constexpr (sums == Sums::Added) {
      Vector before;
      load_few(before, c[r], pair.channels);
      both += before + __builtin_shuffle(sum[r], pair.in_turn + 1);
    }
    store_few(both, c[r], sums == Sums::Added ? pair.channels : 2 * pair.channels);
  }
}

template <int lanes, int rows, Sums sums>
[[gnu::always_inline]] inline void pair_tile_of(std::size_t count, const Terms& terms,
                                                const float* const* starts, const float* b,
                                                const Pair<lanes>& pair, float* const* c) {
  if (count >= rows) return pair_tile<lanes, rows, sums>(terms, starts, b, pair, c);
  if constexpr (rows > 1) pair_tile_of<lanes, rows - 1, sums>(count, terms, starts, b, pair, c);
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

/// Whether two pixels share a register; four numbers are too few for it.
template <int lanes>
bool pairs_up(const Windows& windows) {
  return 2 * windows.output.channels <= lanes && windows.output.width > 1;
}

/// Each number of the frame, and beside it the one that the next window sees in its place.
const float* pairs_of(const Windows& windows, const Frame& frame, std::vector<float>& memory) {
  const std::size_t next = windows.stride * windows.input.channels;
  const std::size_t count = frame.height * frame.width * windows.input.channels;
  memory.resize(2 * count);
  for (std::size_t i = 0; i + next < count; ++i) {
    memory[2 * i] = frame.data[i];
    memory[2 * i + 1] = frame.data[i + next];
  }
  for (std::size_t i = count - next; i < count; ++i) memory[2 * i] = frame.data[i], memory[2 * i + 1] = 0;
  return memory.data();
}

/// Where a line has an odd number of pixels, the last but one is in two pairs.
template <int lanes>
[[gnu::always_inline]] inline void convolve_pairs(const Windows& windows, const Frame& frame,
                                                  const float* weights, float* z,
                                                  ConvolutionScratch& scratch) {
  constexpr std::size_t rows = tile_rows<lanes, 1>;
  const Image& out = windows.output;
  const std::size_t in = windows.input.channels, segment = windows.side * in;
  const Terms terms{windows.side, segment, 2, 2 * frame.width * in, lanes, segment * lanes};
  const float* pairs = pairs_of(windows, frame, scratch.pairs);
  const Pair<lanes> pair(out.channels, true);
  const std::size_t of_line = (out.width + 1) / 2, all = out.height * of_line;
  const float* starts[rows] = {};
  float* outputs[rows] = {};
  for (std::size_t first = 0; first < all; first += rows) {
    const std::size_t count = std::min(rows, all - first);
    for (std::size_t r = 0; r < count; ++r) {
      const std::size_t line = (first + r) / of_line;
      const std::size_t column = std::min((first + r) % of_line * 2, out.width - 2);
      starts[r] = pairs + 2 * (line * frame.width + column) * windows.stride * in;
      outputs[r] = z + (line * out.width + column) * out.channels;
    }
    pair_tile_of<lanes, rows, Sums::Stored>(count, terms, starts, weights, pair, outputs);
  }
}

template <int lanes>
[[gnu::always_inline]] inline void convolve_sample(const Windows& windows, std::size_t dilation,
                                                   const float* x, float* z, ConvolutionScratch& scratch) {
  const Frame frame = frame_of(windows, dilation, x, scratch.image);
  if constexpr (lanes >= 8)
    if (pairs_up<lanes>(windows))
      return convolve_pairs<lanes>(windows, frame, scratch.weights.data(), z, scratch);
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

/// Of pixels [column, column + 2 pairs) of each line; where `lone`, of the one at `column`.
template <int lanes>
[[gnu::always_inline]] inline void add_pair_gradient(const Windows& windows, const Frame& frame,
                                                     const float* pairs, std::size_t column, bool lone,
                                                     const float* dz, float* weights) {
  constexpr std::size_t most = tile_rows<lanes, 1>;
  const Image& out = windows.output;
  const std::size_t in = windows.input.channels, step = 2 * windows.stride * in, depth = depth_of(windows);
  const Terms terms{out.height,         lone ? 1 : out.width / 2, 2 * step,
                    step * frame.width, 2 * out.channels,         out.width * out.channels};
  Pair<lanes> pair(out.channels, false);
  if (lone) pair.numbers = out.channels;
  const std::size_t tiles = (depth + most - 1) / most;
  for (std::size_t t = 0; t < tiles; ++t) {
    const std::size_t first = depth * t / tiles, count = depth * (t + 1) / tiles - first;
    const float* starts[most] = {};
    float* sums[most] = {};
    for (std::size_t r = 0; r < count; ++r) {
      const std::size_t term = first + r, line = windows.side * in;
      starts[r] = pairs + 2 * (term / line * frame.width * in + term % line) + column * step;
      sums[r] = weights + term * lanes;
    }
    pair_tile_of<lanes, most, Sums::Added>(count, terms, starts, dz + column * out.channels, pair, sums);
  }
}

template <int lanes>
[[gnu::always_inline]] inline void add_sample_gradient(const Windows& windows, const float* x,
                                                       const float* dz, float* weights,
                                                       ConvolutionScratch& scratch) {
  constexpr std::size_t cached_pixels = 256;  // so that dz comes from the first level of the cache
  const Image& out = windows.output;
  const Frame frame = frame_of(windows, 1, x, scratch.image);
  if constexpr (lanes >= 8)
    if (pairs_up<lanes>(windows)) {
      const float* pairs = pairs_of(windows, frame, scratch.pairs);
      add_pair_gradient<lanes>(windows, frame, pairs, 0, false, dz, weights);
      if (out.width % 2 == 1)
        add_pair_gradient<lanes>(windows, frame, pairs, out.width - 1, true, dz, weights);
      return;
    }
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
  const Image &in = windows.input, &out = windows.output;
  const std::size_t height = (out.height - 1) * windows.stride + windows.side;
  const std::size_t width = (out.width - 1) * windows.stride + windows.side;
  const std::size_t line = width * in.channels, terms = windows.side * in.channels;
  scratch.image.assign(height * line + padded<lanes>(terms), 0.0f);
  for (std::size_t j = 0; j < terms; j += 2 * lanes) {
    const float* weights = scratch.weights.data() + windows.side * out.channels * j;
    if (terms - j <= lanes)
      spread_panel<lanes, 1>(windows, weights, j, dz, scratch.image.data(), line);
    else
      spread_panel<lanes, 2>(windows, weights, j, dz, scratch.image.data(), line);
  }
  std::fill_n(dx, in.size(), 0.0f);
  const std::size_t columns = std::min(in.width, width - windows.left);
  for (std::size_t i = 0; i < in.height && windows.above + i < height; ++i)
    std::copy_n(scratch.image.data() + (windows.above + i) * line + windows.left * in.channels,
                columns * in.channels, dx + i * in.width * in.channels);
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
