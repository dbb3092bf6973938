#include "convolution_bundles.hpp"

#include <algorithm>

#include "convolution.hpp"
#include "regatta/device/sample_bundles.hpp"
#include "vectors.hpp"

// Where lanes are samples, registers are full whatever the number of channels, and tiles have two sides: each
// factor that is read is one of four to six sums.
namespace regatta::device {
namespace {

/// Sums of a tile, which leave registers for their factors.
template <int lanes>
constexpr std::size_t tile_rows = lanes == 16 ? 4 : 3;
template <int lanes>
constexpr std::size_t tile_columns = lanes == 16 ? 6 : 4;

/// Part `i` of `count` things in parts of at most `most`, as even as can be.
struct Part {
  std::size_t first, count;
};
constexpr std::size_t parts_of(std::size_t count, std::size_t most) { return (count + most - 1) / most; }
constexpr Part part_of(std::size_t count, std::size_t most, std::size_t i) {
  const std::size_t parts = parts_of(count, most), first = count * i / parts;
  return {first, count * (i + 1) / parts - first};
}

/// How the terms of a sum lie: `segments` times `length` of them.
struct Terms {
  std::size_t segments, length;
  std::size_t a_step, a_jump;  ///< between factors within a segment, and from segment to segment
  std::size_t b_step;          ///< between those of the columns
};

/// Where the rows of a tile have their factors and their sums.
template <int lanes>
struct Rows {
  const float* a[tile_rows<lanes>];
  float* c[tile_rows<lanes>];
};

enum class Sums {
  OfScalars,       ///< column j has the factors b[j], and begins with initial[j]
  OfScalarsAdded,  ///< to what is there
  OfVectorsAdded,  ///< column j has a factor for each lane
};

/// c_r[j] = sum_k a_r[k] b_k[j] for `columns` columns side by side.
template <int lanes, int rows, int columns, Sums sums>
[[gnu::always_inline]] inline void tile(const Terms& terms, const Rows<lanes>& places, const float* b,
                                        const float* initial, std::size_t c_first) {
  using Vector = typename Register<lanes>::Vector;
  Vector sum[rows][columns] = {};
  const float* a[rows];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
    a[r] = places.a[r];
#pragma GCC unroll 8
    for (int j = 0; j < columns; ++j)
      if constexpr (sums == Sums::OfScalars)
        sum[r][j] += initial[j];
      else
        load(sum[r][j], places.c[r] + c_first + j * lanes);
  }
  for (std::size_t segment = 0; segment < terms.segments; ++segment) {
    std::size_t at = segment * terms.a_jump;
    for (std::size_t k = 0; k < terms.length; ++k, at += terms.a_step, b += terms.b_step) {
      Vector line[rows];
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) load(line[r], a[r] + at);
#pragma GCC unroll 8
      for (int j = 0; j < columns; ++j) {
        Vector factor;
        if constexpr (sums == Sums::OfVectorsAdded)
          load(factor, b + j * lanes);
        else
          factor = b[j] - Vector{};
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) sum[r][j] += line[r] * factor;
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int j = 0; j < columns; ++j) store(sum[r][j], places.c[r] + c_first + j * lanes);
}

/// A tile with `row_count` <= `rows` rows and as many of its columns.
template <int lanes, Sums sums, int rows = tile_rows<lanes>, int columns = tile_columns<lanes>>
[[gnu::always_inline]] inline void tile_of(std::size_t row_count, std::size_t column_count,
                                           const Terms& terms, const Rows<lanes>& places, const float* b,
                                           const float* initial, std::size_t c_first) {
  if constexpr (rows > 1)
    if (row_count < rows)
      return tile_of<lanes, sums, rows - 1, columns>(row_count, column_count, terms, places, b, initial,
                                                     c_first);
  if constexpr (columns > 1)
    if (column_count < columns)
      return tile_of<lanes, sums, rows, columns - 1>(row_count, column_count, terms, places, b, initial,
                                                     c_first);
  tile<lanes, rows, columns, sums>(terms, places, b, initial, c_first);
}

template <int lanes>
[[gnu::always_inline]] inline void convolve_bundle(const Windows& windows, const float* x,
                                                   const float* weights, const float* bias, float* z,
                                                   BundleScratch& scratch) {
  constexpr std::size_t most_rows = tile_rows<lanes>, most = tile_columns<lanes>;
  const Image& out = windows.output;
  const Frame frame = frame_of(of_bundle(windows, lanes), 1, x, scratch.frame);
  const std::size_t in = windows.input.channels;
  const Terms terms{windows.side, windows.side * in, lanes, frame.width * in * lanes, out.channels};
  std::size_t line = 0, column = 0;
  for (std::size_t first = 0; first < out.pixels(); first += most_rows) {
    const std::size_t count = std::min(most_rows, out.pixels() - first);
    Rows<lanes> rows;
    for (std::size_t r = 0; r < count; ++r) {
      rows.a[r] = frame.data + (line * frame.width + column) * windows.stride * in * lanes;
      rows.c[r] = z + (first + r) * out.channels * lanes;
      if (++column == out.width) column = 0, ++line;
    }
    for (std::size_t j = 0; j < parts_of(out.channels, most); ++j) {
      const Part part = part_of(out.channels, most, j);
      tile_of<lanes, Sums::OfScalars>(count, part.count, terms, rows, weights + part.first, bias + part.first,
                                      part.first * lanes);
    }
  }
}

/// Some output lines at a time, whose dz stays in the first level of the cache.
template <int lanes>
[[gnu::always_inline]] inline void add_bundle_gradient(const Windows& windows, const float* x,
                                                       const float* dz, BundleScratch& scratch) {
  constexpr std::size_t most_rows = tile_rows<lanes>, most = tile_columns<lanes>, cached = 4096;
  const Image& out = windows.output;
  const Frame frame = frame_of(of_bundle(windows, lanes), 1, x, scratch.frame);
  const std::size_t in = windows.input.channels, of_line = windows.side * in, depth = windows.side * of_line;
  const std::size_t pixel = out.channels * lanes, jump = frame.width * in * lanes;
  const std::size_t lines = std::max<std::size_t>(1, cached / (out.width * most * lanes));
  for (std::size_t top = 0; top < out.height; top += lines) {
    const Terms terms{std::min(lines, out.height - top), out.width, windows.stride * in * lanes,
                      windows.stride * jump, pixel};
    for (std::size_t j = 0; j < parts_of(out.channels, most); ++j) {
      const Part part = part_of(out.channels, most, j);
      for (std::size_t t = 0; t < parts_of(depth, most_rows); ++t) {
        const Part weights = part_of(depth, most_rows, t);
        Rows<lanes> rows;
        for (std::size_t r = 0; r < weights.count; ++r) {
          const std::size_t k = weights.first + r;
          rows.a[r] = frame.data + (top * windows.stride + k / of_line) * jump + k % of_line * lanes;
          rows.c[r] = scratch.sums.data() + k * pixel;
        }
        tile_of<lanes, Sums::OfVectorsAdded>(weights.count, part.count, terms, rows,
                                             dz + top * out.width * pixel + part.first * lanes, nullptr,
                                             part.first * lanes);
      }
    }
  }
}

/// The rows of a tile are pixels of different lines, so that no sum waits for the one before it.
template <int lanes>
[[gnu::always_inline]] inline void spread_bundle(const Windows& windows, const float* dz,
                                                 const float* weights, float* dx, BundleScratch& scratch) {
  constexpr std::size_t most_rows = tile_rows<lanes>, most = tile_columns<lanes>;
  const Image &in = windows.input, &out = windows.output;
  const bool in_place = windows.see_the_image();
  const std::size_t pixel = in.channels * lanes, frame_line = windows.seen().width * pixel;
  const std::size_t of_line = windows.side * in.channels;
  if (in_place)
    std::fill_n(dx, in.size() * lanes, 0.0f);
  else
    scratch.frame.assign(windows.seen().height * frame_line, 0.0f);
  float* sums = in_place ? dx : scratch.frame.data();
  const Terms terms{1, out.channels, lanes, 0, of_line};
  for (std::size_t line = 0; line < windows.side; ++line)
    for (std::size_t t = 0; t < parts_of(out.height, most_rows); ++t) {
      const Part lines = part_of(out.height, most_rows, t);
      for (std::size_t j = 0; j < parts_of(of_line, most); ++j) {
        const Part part = part_of(of_line, most, j);
        for (std::size_t column = 0; column < out.width; ++column) {
          Rows<lanes> rows;
          for (std::size_t r = 0; r < lines.count; ++r) {
            rows.a[r] = dz + ((lines.first + r) * out.width + column) * out.channels * lanes;
            rows.c[r] = sums + ((lines.first + r) * windows.stride + line) * frame_line +
                        column * windows.stride * pixel;
          }
          tile_of<lanes, Sums::OfScalarsAdded>(lines.count, part.count, terms, rows,
                                               weights + line * out.channels * of_line + part.first, nullptr,
                                               part.first * lanes);
        }
      }
    }
  if (!in_place) take_image(of_bundle(windows, lanes), sums, dx);
}

template <int lanes>
using Square = typename Register<lanes>::Vector[lanes];

/// In log2(lanes) steps, each of which changes blocks beside the diagonal.
template <int lanes>
[[gnu::always_inline]] inline void transpose(Square<lanes>& rows) {
  using Places = typename Register<lanes>::Places;
#pragma GCC unroll 4
  for (int half = lanes / 2; half > 0; half /= 2) {
    Places low, high;
#pragma GCC unroll 16
    for (int l = 0; l < lanes; ++l) {
      low[l] = l & half ? lanes + l - half : l;
      high[l] = l & half ? lanes + l : l + half;
    }
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i)
      if (!(i & half)) {
        const auto upper = rows[i], lower = rows[i + half];
        rows[i] = __builtin_shuffle(upper, lower, low);
        rows[i + half] = __builtin_shuffle(upper, lower, high);
      }
  }
}

/// The first `columns` numbers of `count` <= lanes rows as columns; zeros in the columns behind them.
/// @param width  of the rows that are written
template <int lanes>
[[gnu::always_inline]] inline void transpose_block(const float* from, std::size_t apart, std::size_t count,
                                                   std::size_t columns, float* to, std::size_t to_apart,
                                                   std::size_t width) {
  Square<lanes> rows;
  if (count == lanes && columns == lanes && width == lanes) {
#pragma GCC unroll 16
    for (std::size_t l = 0; l < lanes; ++l) load(rows[l], from + l * apart);
    transpose<lanes>(rows);
#pragma GCC unroll 16
    for (std::size_t l = 0; l < lanes; ++l) store(rows[l], to + l * to_apart);
    return;
  }
#pragma GCC unroll 16
  for (std::size_t l = 0; l < lanes; ++l)
    if (l < count)
      load_few(rows[l], from + l * apart, columns);
    else
      rows[l] = typename Register<lanes>::Vector{};
  transpose<lanes>(rows);
#pragma GCC unroll 16
  for (std::size_t l = 0; l < lanes; ++l)
    if (l < columns) store_few(rows[l], to + l * to_apart, width);
}

template <int lanes>
[[gnu::always_inline]] inline void bundle_of(const float* samples, std::size_t apart, std::size_t count,
                                             std::size_t numbers, float* bundle) {
  for (std::size_t k = 0; k < numbers; k += lanes)
    transpose_block<lanes>(samples + k, apart, count, std::min<std::size_t>(lanes, numbers - k),
                           bundle + k * lanes, lanes, lanes);
}

template <int lanes>
[[gnu::always_inline]] inline void samples_of(const float* bundle, std::size_t numbers, std::size_t apart,
                                              std::size_t count, float* samples) {
  for (std::size_t k = 0; k < numbers; k += lanes) {
    const std::size_t width = std::min<std::size_t>(lanes, numbers - k);
    transpose_block<lanes>(bundle + k * lanes, lanes, width, count, samples + k, apart, width);
  }
}

template <int lanes>
[[gnu::always_inline]] inline void add_lanes_of(const float* bundle, std::size_t numbers, float* to) {
  for (std::size_t k = 0; k < numbers; k += lanes) {
    const std::size_t width = std::min<std::size_t>(lanes, numbers - k);
    float block[lanes * lanes];
    samples_of<lanes>(bundle + k * lanes, width, lanes, lanes, block);
    for (std::size_t i = 0; i < width; ++i) {
      float sum = 0;
      for (std::size_t l = 0; l < lanes; ++l) sum += block[l * lanes + i];
      to[k + i] = sum;
    }
  }
}

[[gnu::target("arch=x86-64-v4")]] void convolve_avx512(const Windows& windows, const float* x,
                                                       const float* weights, const float* bias, float* z,
                                                       BundleScratch& scratch) {
  convolve_bundle<16>(windows, x, weights, bias, z, scratch);
}
[[gnu::target("arch=x86-64-v4")]] void gradient_avx512(const Windows& windows, const float* x,
                                                       const float* dz, BundleScratch& scratch) {
  add_bundle_gradient<16>(windows, x, dz, scratch);
}
[[gnu::target("arch=x86-64-v4")]] void spread_avx512(const Windows& windows, const float* dz,
                                                     const float* weights, float* dx,
                                                     BundleScratch& scratch) {
  spread_bundle<16>(windows, dz, weights, dx, scratch);
}
[[gnu::target("arch=x86-64-v4")]] void add_lanes_avx512(const float* bundle, std::size_t numbers, float* to) {
  add_lanes_of<16>(bundle, numbers, to);
}
[[gnu::target("arch=x86-64-v4")]] void bundle_avx512(const float* samples, std::size_t apart,
                                                     std::size_t count, std::size_t numbers, float* bundle) {
  bundle_of<16>(samples, apart, count, numbers, bundle);
}
[[gnu::target("arch=x86-64-v4")]] void unbundle_avx512(const float* bundle, std::size_t numbers,
                                                       std::size_t apart, std::size_t count, float* samples) {
  samples_of<16>(bundle, numbers, apart, count, samples);
}

[[gnu::target("arch=x86-64-v3")]] void convolve_avx2(const Windows& windows, const float* x,
                                                     const float* weights, const float* bias, float* z,
                                                     BundleScratch& scratch) {
  convolve_bundle<8>(windows, x, weights, bias, z, scratch);
}
[[gnu::target("arch=x86-64-v3")]] void gradient_avx2(const Windows& windows, const float* x, const float* dz,
                                                     BundleScratch& scratch) {
  add_bundle_gradient<8>(windows, x, dz, scratch);
}
[[gnu::target("arch=x86-64-v3")]] void spread_avx2(const Windows& windows, const float* dz,
                                                   const float* weights, float* dx, BundleScratch& scratch) {
  spread_bundle<8>(windows, dz, weights, dx, scratch);
}
[[gnu::target("arch=x86-64-v3")]] void add_lanes_avx2(const float* bundle, std::size_t numbers, float* to) {
  add_lanes_of<8>(bundle, numbers, to);
}
[[gnu::target("arch=x86-64-v3")]] void bundle_avx2(const float* samples, std::size_t apart, std::size_t count,
                                                   std::size_t numbers, float* bundle) {
  bundle_of<8>(samples, apart, count, numbers, bundle);
}
[[gnu::target("arch=x86-64-v3")]] void unbundle_avx2(const float* bundle, std::size_t numbers,
                                                     std::size_t apart, std::size_t count, float* samples) {
  samples_of<8>(bundle, numbers, apart, count, samples);
}

constexpr ConvolutionBundles all_bundles[] = {
    {16, convolve_avx512, gradient_avx512, spread_avx512, add_lanes_avx512, bundle_avx512, unbundle_avx512},
    {8, convolve_avx2, gradient_avx2, spread_avx2, add_lanes_avx2, bundle_avx2, unbundle_avx2},
    {4, convolve_bundle<4>, add_bundle_gradient<4>, spread_bundle<4>, add_lanes_of<4>, bundle_of<4>,
     samples_of<4>}};

}  // namespace

std::span<const ConvolutionBundles> convolution_bundles() {
  return std::span(all_bundles).subspan(best_instructions());
}

std::size_t samples_of_bundle() { return convolution_bundles().front().samples; }

/// Registers of channels are as full where there are many of them, or 32; sums of more weights leave the
/// cache.
bool gains_in_bundles(const Windows& windows) {
  constexpr std::size_t most_channels = 63, most_weights = std::size_t{1} << 15;
  const std::size_t channels = windows.output.channels;
  return channels <= most_channels && channels % 32 != 0 && !winograd::suits(windows) &&
         windows.side * windows.side * windows.input.channels * channels <= most_weights;
}

void bundle(MatrixView<const float> rows, float* bundles) {
  const ConvolutionBundles& loops = convolution_bundles().front();
  for (std::size_t first = 0; first < rows.rows; first += loops.samples)
    loops.bundle(rows.data + first * rows.columns, rows.columns, std::min(loops.samples, rows.rows - first),
                 rows.columns, bundles + first * rows.columns);
}

void unbundle(const float* bundles, MatrixView<float> rows) {
  const ConvolutionBundles& loops = convolution_bundles().front();
  for (std::size_t first = 0; first < rows.rows; first += loops.samples)
    loops.unbundle(bundles + first * rows.columns, rows.columns, rows.columns,
                   std::min(loops.samples, rows.rows - first), rows.data + first * rows.columns);
}

}  // namespace regatta::device
