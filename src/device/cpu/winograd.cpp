#include "winograd.hpp"

#include <algorithm>

#include "product.hpp"
#include "vectors.hpp"

namespace regatta::device::winograd {
namespace {

constexpr std::size_t lanes = 16, side = 6, points = side * side;
constexpr std::size_t step = 4;  ///< side of a tile of outputs
using Vector = Register<lanes>::Vector;

// One dimension of each transform, for the interpolation points 0, 1, -1, 2, -2 and infinity.

/// Pixels that a tile of outputs sees.
struct OfPixels {
  static constexpr std::size_t from = side, to = side;
  [[gnu::always_inline]] static void apply(const Vector (&d)[from], Vector (&t)[to]) {
    const Vector even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1], near = d[4] - d[2], far = 2 * (d[3] - d[1]);
    t[0] = 4 * d[0] - 5 * d[2] + d[4];
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = near + far;
    t[4] = near - far;
    t[5] = 4 * d[1] - 5 * d[3] + d[5];
  }
};

struct OfWeights {
  static constexpr std::size_t from = 3, to = side;
  [[gnu::always_inline]] static void apply(const Vector (&g)[from], Vector (&t)[to]) {
    const Vector even = (g[0] + g[2]) * (-1.0f / 6), odd = g[1] * (-1.0f / 6);
    const Vector even_of_two = g[0] * (1.0f / 24) + g[2] * (1.0f / 6), odd_of_two = g[1] * (1.0f / 12);
    t[0] = g[0] * 0.25f;
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = even_of_two + odd_of_two;
    t[4] = even_of_two - odd_of_two;
    t[5] = g[2];
  }
};

/// A tile of dz, which takes the place of weights where dW is the output.
struct OfSlopes {
  static constexpr std::size_t from = step, to = side;
  [[gnu::always_inline]] static void apply(const Vector (&g)[from], Vector (&t)[to]) {
    const Vector even = (g[0] + g[2]) * (-1.0f / 6), odd = (g[1] + g[3]) * (-1.0f / 6);
    const Vector even_of_two = g[0] * (1.0f / 24) + g[2] * (1.0f / 6),
                 odd_of_two = g[1] * (1.0f / 12) + g[3] * (1.0f / 3);
    t[0] = g[0] * 0.25f;
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = even_of_two + odd_of_two;
    t[4] = even_of_two - odd_of_two;
    t[5] = g[3];
  }
};

/// Sums back to a tile of outputs.
struct ToOutputs {
  static constexpr std::size_t from = side, to = step;
  [[gnu::always_inline]] static void apply(const Vector (&m)[from], Vector (&y)[to]) {
    const Vector even = m[1] + m[2], odd = m[1] - m[2], even_of_two = m[3] + m[4], odd_of_two = m[3] - m[4];
    y[0] = m[0] + even + even_of_two;
    y[1] = odd + 2 * odd_of_two;
    y[2] = even + 4 * even_of_two;
    y[3] = odd + 8 * odd_of_two + m[5];
  }
};

/// Sums back to weights.
struct ToWeights {
  static constexpr std::size_t from = side, to = 3;
  [[gnu::always_inline]] static void apply(const Vector (&m)[from], Vector (&y)[to]) {
    const Vector even = m[1] + m[2], odd = m[1] - m[2], even_of_two = m[3] + m[4], odd_of_two = m[3] - m[4];
    y[0] = m[0] + even + even_of_two;
    y[1] = odd + 2 * odd_of_two;
    y[2] = even + 4 * even_of_two + m[5];
  }
};

/// The transform along columns, then along rows. Number (i, j) is from[i * Transform::from + j] and to[i *
/// Transform::to + j], `offset` numbers behind.
template <class Transform>
[[gnu::always_inline]] inline void transform(const float* const* from, float* const* to, std::size_t offset) {
  Vector half[Transform::to][Transform::from];
#pragma GCC unroll 6
  for (std::size_t j = 0; j < Transform::from; ++j) {
    Vector column[Transform::from], turned[Transform::to];
#pragma GCC unroll 6
    for (std::size_t i = 0; i < Transform::from; ++i) load(column[i], from[i * Transform::from + j] + offset);
    Transform::apply(column, turned);
#pragma GCC unroll 6
    for (std::size_t i = 0; i < Transform::to; ++i) half[i][j] = turned[i];
  }
#pragma GCC unroll 6
  for (std::size_t i = 0; i < Transform::to; ++i) {
    Vector turned[Transform::to];
    Transform::apply(half[i], turned);
#pragma GCC unroll 6
    for (std::size_t j = 0; j < Transform::to; ++j) store(turned[j], to[i * Transform::to + j] + offset);
  }
}

/// Where one tile, or the weights of one input channel, have each of their numbers.
template <class Number, std::size_t count>
struct Places {
  Number* place[count];

  /// `distance` numbers apart.
  void spread(Number* first, std::size_t distance) {
    for (std::size_t p = 0; p < count; ++p) place[p] = first + p * distance;
  }
};

/// Tiles of an image.
std::size_t tiles_of(const Image& image) { return image.pixels() / (step * step); }

/// From one point's rows to the next one's: a line more than they take, so that the 36 do not meet in one set
/// of the cache.
std::size_t distance(std::size_t rows, std::size_t channels) { return rows * channels + lanes; }

float* room(std::vector<float>& numbers, std::size_t distance) {
  if (numbers.size() < points * distance) numbers.resize(points * distance);
  return numbers.data();
}

/// The pixels that tile `t` of a sample's outputs sees; those outside are at `zeros`.
void see(const Windows& windows, std::size_t t, const float* x, const float* zeros,
         Places<const float, points>& seen) {
  const Image& in = windows.input;
  const std::size_t across = windows.output.width / step, top = t / across * step, left = t % across * step;
  for (std::size_t i = 0; i < side; ++i)
    for (std::size_t j = 0; j < side; ++j) {
      const std::size_t row = top + i - windows.above,
                        column = left + j - windows.left;  // outside: no number is as large
      const bool inside = row < in.height && column < in.width;
      seen.place[i * side + j] = inside ? x + (row * in.width + column) * in.channels : zeros;
    }
}

/// The pixels of tile `t` of a sample.
template <class Number>
void find(const Image& image, std::size_t t, Number* y, Places<Number, step * step>& found) {
  const std::size_t across = image.width / step, top = t / across * step, left = t % across * step;
  for (std::size_t i = 0; i < step; ++i)
    for (std::size_t j = 0; j < step; ++j)
      found.place[i * step + j] = y + ((top + i) * image.width + left + j) * image.channels;
}

[[gnu::target("arch=x86-64-v4")]] void transform_pixels(const Windows& windows, std::size_t samples,
                                                        const float* x, std::vector<float>& transformed) {
  const std::size_t channels = windows.input.channels, tiles = tiles_of(windows.output);
  const std::size_t apart = distance(samples * tiles, channels);
  float* to = room(transformed, apart + channels);
  const float* zeros = std::fill_n(to + points * apart, channels, 0.0f) - channels;
  for (std::size_t t = 0; t < samples * tiles; ++t) {
    Places<const float, points> seen;
    Places<float, points> places;
    see(windows, t % tiles, x + t / tiles * windows.input.size(), zeros, seen);
    places.spread(to + t * channels, apart);
    for (std::size_t c = 0; c < channels; c += lanes) transform<OfPixels>(seen.place, places.place, c);
  }
}

[[gnu::target("arch=x86-64-v4")]] void transform_slopes(const Image& image, std::size_t samples,
                                                        const float* dz, std::vector<float>& transformed) {
  const std::size_t channels = image.channels, tiles = tiles_of(image),
                    apart = distance(samples * tiles, channels);
  float* to = room(transformed, apart);
  for (std::size_t t = 0; t < samples * tiles; ++t) {
    Places<const float, step * step> found;
    Places<float, points> places;
    find(image, t % tiles, dz + t / tiles * image.size(), found);
    places.spread(to + t * channels, apart);
    for (std::size_t c = 0; c < channels; c += lanes) transform<OfSlopes>(found.place, places.place, c);
  }
}

[[gnu::target("arch=x86-64-v4")]] void transform_outputs(const Image& image, std::size_t samples,
                                                         const std::vector<float>& sums, float* z) {
  const std::size_t channels = image.channels, tiles = tiles_of(image),
                    apart = distance(samples * tiles, channels);
  for (std::size_t t = 0; t < samples * tiles; ++t) {
    Places<const float, points> places;
    Places<float, step * step> found;
    places.spread(sums.data() + t * channels, apart);
    find(image, t % tiles, z + t / tiles * image.size(), found);
    for (std::size_t c = 0; c < channels; c += lanes) transform<ToOutputs>(places.place, found.place, c);
  }
}

}  // namespace

bool suits(const Windows& windows) {
  const Image &in = windows.input, &out = windows.output;
  return best_instructions() == 0 && windows.side == 3 && windows.stride == 1 && out.height % step == 0 &&
         out.width % step == 0 && in.channels % lanes == 0 && out.channels % lanes == 0;
}

std::size_t samples_at_once(const Windows& windows) {
  constexpr std::size_t most = 4096;  // numbers of one point
  const std::size_t numbers =
      tiles_of(windows.output) * std::max(windows.input.channels, windows.output.channels);
  return std::max<std::size_t>(1, most / numbers);
}

[[gnu::target("arch=x86-64-v4")]] void transform_weights(const Windows& windows, const float* weights,
                                                         Scratch& scratch) {
  const std::size_t in = windows.input.channels, out = windows.output.channels, apart = distance(in, out);
  float* to = room(scratch.weights, apart);
  for (std::size_t c = 0; c < in; ++c) {
    Places<const float, 9> from;
    Places<float, points> places;
    from.spread(weights + c * out, in * out);
    places.spread(to + c * out, apart);
    for (std::size_t j = 0; j < out; j += lanes) transform<OfWeights>(from.place, places.place, j);
  }
}

void convolve(const Windows& windows, std::size_t samples, const float* x, float* z, Scratch& scratch) {
  const std::size_t in = windows.input.channels, out = windows.output.channels,
                    rows = samples * tiles_of(windows.output);
  transform_pixels(windows, samples, x, scratch.x);
  float* sums = room(scratch.z, distance(rows, out));
  for (std::size_t p = 0; p < points; ++p)
    loops::multiply_avx512(
        {scratch.x.data() + p * distance(rows, in), in, 1, scratch.weights.data() + p * distance(in, out),
         out, 1, sums + p * distance(rows, out), rows, out, in},
        scratch.product);
  transform_outputs(windows.output, samples, scratch.z, z);
}

[[gnu::target("arch=x86-64-v4")]] void weight_gradient(const Windows& windows, std::size_t samples,
                                                       const float* x, const float* dz, float* weights,
                                                       Scratch& scratch) {
  const std::size_t in = windows.input.channels, out = windows.output.channels, apart = distance(in, out);
  float* sums = room(scratch.weights, apart);
  std::fill_n(sums, samples == 0 ? points * apart : 0, 0.0f);
  const std::size_t most = samples_at_once(windows);
  for (std::size_t first = 0; first < samples; first += most) {
    const std::size_t count = std::min(most, samples - first), rows = count * tiles_of(windows.output);
    transform_pixels(windows, count, x + first * windows.input.size(), scratch.x);
    transform_slopes(windows.output, count, dz + first * windows.output.size(), scratch.z);
    for (std::size_t p = 0; p < points; ++p) {
      Product product{scratch.x.data() + p * distance(rows, in),
                      1,
                      in,
                      scratch.z.data() + p * distance(rows, out),
                      out,
                      1,
                      sums + p * apart,
                      in,
                      out,
                      rows};
      product.adds = first > 0;
      loops::multiply_avx512(product, scratch.product);
    }
  }
  for (std::size_t c = 0; c < in; ++c) {
    Places<const float, points> places;
    Places<float, 9> to;
    places.spread(sums + c * out, apart);
    to.spread(weights + c * out, in * out);
    for (std::size_t j = 0; j < out; j += lanes) transform<ToWeights>(places.place, to.place, j);
  }
}

}  // namespace regatta::device::winograd
