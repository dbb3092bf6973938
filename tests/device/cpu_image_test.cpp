#include <algorithm>
#include <cmath>
#include <limits>

#include "device/cpu/convolution.hpp"
#include "device/cpu/image_loops.hpp"
#include "regatta/core/random.hpp"
#include "regatta/device/backend.hpp"

namespace regatta::device {
namespace {

using Floats = std::vector<float>;

Floats normal_numbers(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  Floats numbers(count);
  for (float& number : numbers) number = static_cast<float>(random.normal());
  return numbers;
}

TEST(CpuImage, ConvolvesByHand) {
  const Windows windows{{2, 3, 1}, {2, 3, 1}, 3, 1, 1, 1};
  const Floats x{1, 2, 3, 4, 5, 6}, weights{0, 1, 0, 0, 2, 0, 0, 0, 3},
      bias{0.5f};  // above, here, right below
  Floats z(6);
  const MatrixView<float> y{z.data(), 1, 6};

  make_cpu_backend()->forward(Convolution{
      windows, {x.data(), 1, 6}, {weights.data(), 9, 1}, bias.data(), y, y, Activation::Identity});

  EXPECT_EQ(z, (Floats{2 + 15 + 0.5f, 4 + 18 + 0.5f, 6 + 0.5f, 1 + 8 + 0.5f, 2 + 10 + 0.5f, 3 + 12 + 0.5f}));
}

/// All that the loops of one instruction set make of one sample.
Floats results_of(const ConvolutionLoops& loops, const Windows& windows) {
  const std::size_t channels = windows.output.channels, padded = loops.padded(channels);
  const std::size_t depth = windows.side * windows.side * windows.input.channels;
  const Floats x = normal_numbers(windows.input.size(), 1), weights = normal_numbers(depth * channels, 2),
               dz = normal_numbers(windows.output.size(), 3);
  ConvolutionScratch scratch;
  Floats z(windows.output.size()), gradient(depth * padded);
  loops.pack({weights.data(), depth, channels}, scratch);
  loops.convolve(windows, 1, x.data(), z.data(), scratch);
  for (int i = 0; i < 2; ++i) loops.add_gradient(windows, x.data(), dz.data(), gradient.data(), scratch);
  for (std::size_t k = 0; k < depth; ++k)
    z.insert(z.end(), gradient.begin() + static_cast<long>(k * padded),
             gradient.begin() + static_cast<long>(k * padded + channels));
  Floats dx(windows.input.size());
  loops.pack({weights.data(), windows.side * channels, windows.side * windows.input.channels}, scratch);
  loops.spread(windows, dz.data(), dx.data(), scratch);
  z.insert(z.end(), dx.begin(), dx.end());
  return z;
}

TEST(CpuImage, ConvolvesAlikeWithEveryInstructionSet) {
  for (const std::size_t channels : {1, 4, 5, 8, 16, 17, 40})
    for (const Windows& windows :
         {Windows{{5, 23, 3}, {3, 12, channels}, 3, 2, 1, 1}, Windows{{5, 9, 1}, {3, 7, channels}, 3, 1},
          Windows{{2, 3, 2}, {2, 2, channels}, 2, 2, 1, 1}}) {
      const Floats fastest = results_of(convolution_loops().front(), windows);
      for (const ConvolutionLoops& loops : convolution_loops())
        EXPECT_THAT(results_of(loops, windows), testing::Pointwise(testing::FloatNear(2e-5f), fastest))
            << channels;
    }
}

/// All that the loops of one instruction set make of one bundle, whose last lane is empty; of the other
/// samples.
Floats results_of(const ConvolutionBundles& loops, const Windows& windows) {
  const std::size_t lanes = loops.samples, samples = lanes - 1, in = windows.input.size(),
                    out = windows.output.size();
  const std::size_t channels = windows.output.channels, line = windows.side * windows.input.channels;
  const Floats x = normal_numbers(samples * in, 1),
               weights = normal_numbers(windows.side * line * channels, 2),
               dz = normal_numbers(samples * out, 3), bias(channels);
  Floats x_bundle(lanes * in), z_bundle(lanes * out), z(samples * out), dx(samples * in),
      gradient(weights.size());
  BundleScratch scratch;
  loops.bundle(x.data(), in, samples, in, x_bundle.data());
  loops.convolve(windows, x_bundle.data(), weights.data(), bias.data(), z_bundle.data(), scratch);
  loops.unbundle(z_bundle.data(), out, out, samples, z.data());
  loops.bundle(dz.data(), out, samples, out, z_bundle.data());
  scratch.sums.assign(lanes * weights.size(), 0.0f);
  loops.add_gradient(windows, x_bundle.data(), z_bundle.data(), scratch);
  loops.add_lanes(scratch.sums.data(), weights.size(), gradient.data());
  loops.spread(windows, z_bundle.data(), weights.data(), x_bundle.data(), scratch);
  loops.unbundle(x_bundle.data(), in, in, samples, dx.data());
  z.insert(z.end(), dx.begin(), dx.end());
  z.insert(z.end(), gradient.begin(), gradient.end());
  return z;
}

/// The same, sample by sample.
Floats results_by_sample(const Windows& windows, std::size_t samples) {
  const ConvolutionLoops& loops = convolution_loops().front();
  const std::size_t in = windows.input.size(), out = windows.output.size(),
                    channels = windows.output.channels;
  const std::size_t line = windows.side * windows.input.channels, padded = loops.padded(channels);
  const Floats x = normal_numbers(samples * in, 1),
               weights = normal_numbers(windows.side * line * channels, 2),
               dz = normal_numbers(samples * out, 3);
  Floats z(samples * out), dx(samples * in), gradient(windows.side * line * padded);
  ConvolutionScratch forward, back;
  loops.pack({weights.data(), windows.side * line, channels}, forward);
  loops.pack({weights.data(), windows.side * channels, line}, back);
  for (std::size_t i = 0; i < samples; ++i) {
    loops.convolve(windows, 1, x.data() + i * in, z.data() + i * out, forward);
    loops.add_gradient(windows, x.data() + i * in, dz.data() + i * out, gradient.data(), forward);
    loops.spread(windows, dz.data() + i * out, dx.data() + i * in, back);
  }
  z.insert(z.end(), dx.begin(), dx.end());
  for (std::size_t k = 0; k < windows.side * line; ++k)
    z.insert(z.end(), gradient.begin() + static_cast<long>(k * padded),
             gradient.begin() + static_cast<long>(k * padded + channels));
  return z;
}

TEST(CpuImage, ConvolvesBundlesAsSamplesWithEveryInstructionSet) {
  for (const std::size_t channels : {1, 4, 5, 6, 7, 16, 17})
    for (const Windows& windows :
         {Windows{{5, 23, 3}, {3, 12, channels}, 3, 2, 1, 1}, Windows{{5, 9, 1}, {3, 7, channels}, 3, 1},
          Windows{{2, 3, 2}, {2, 2, channels}, 2, 2, 1, 1}, Windows{{6, 7, 7}, {2, 3, channels}, 2, 2}})
      for (const ConvolutionBundles& loops : convolution_bundles())
        EXPECT_THAT(
            results_of(loops, windows),
            testing::Pointwise(testing::FloatNear(1e-4f), results_by_sample(windows, loops.samples - 1)))
            << channels << ' ' << loops.samples;
}

TEST(CpuImage, ConvolvesByTransformedTilesAsDirectly) {
  for (const auto& [padding, tiles] : {std::pair{0ul, 1ul}, {1ul, 1ul}, {1ul, 2ul}}) {
    const Windows windows{
        {6 - 2 * padding, 2 + 4 * tiles - 2 * padding, 16}, {4, 4 * tiles, 32}, 3, 1, padding, padding};
    if (!winograd::suits(windows)) GTEST_SKIP() << "this processor has no AVX-512";
    const std::size_t samples = winograd::samples_at_once(windows) + 1;
    const ConvolutionLoops& loops = convolution_loops().front();
    const std::size_t in = windows.input.size(), out = windows.output.size(), depth = 9 * 16;
    const Floats x = normal_numbers(samples * in, 1), weights = normal_numbers(depth * 32, 2),
                 dz = normal_numbers(samples * out, 3);
    ConvolutionScratch scratch;
    Floats z(samples * out), direct_z(samples * out), gradient(depth * 32), direct_gradient(depth * 32);
    loops.pack({weights.data(), depth, 32}, scratch);
    for (std::size_t i = 0; i < samples; ++i) {
      loops.convolve(windows, 1, x.data() + i * in, direct_z.data() + i * out, scratch);
      loops.add_gradient(windows, x.data() + i * in, dz.data() + i * out, direct_gradient.data(), scratch);
    }

    winograd::transform_weights(windows, weights.data(), scratch.winograd);
    winograd::convolve(windows, samples, x.data(), z.data(), scratch.winograd);
    winograd::weight_gradient(windows, samples, x.data(), dz.data(), gradient.data(), scratch.winograd);

    EXPECT_THAT(z, testing::Pointwise(testing::FloatNear(1e-3f), direct_z));
    EXPECT_THAT(gradient, testing::Pointwise(testing::FloatNear(2e-3f), direct_gradient));
  }
}

/// Outputs and gradients of two samples with the loops of one instruction set.
Floats pooled_with(const PoolLoops& loops, PoolKind kind, const Windows& windows) {
  Floats x = normal_numbers(2 * windows.input.size(), 1), y(2 * windows.output.size());
  x[7] = std::numeric_limits<float>::quiet_NaN();
  const Floats dy = normal_numbers(y.size(), 2);
  Floats dx = normal_numbers(x.size(), 3);  // to be overwritten
  const Pool layer{kind, windows, {x.data(), 2, windows.input.size()}, {y.data(), 2, windows.output.size()}};
  loops.pool(layer);
  loops.gradient(layer, {dy.data(), 2, windows.output.size()}, {dx.data(), 2, windows.input.size()});
  y.insert(y.end(), dx.begin(), dx.end());
  return y;
}

TEST(CpuImage, PoolsAlikeWithEveryInstructionSet) {
  for (const std::size_t channels : {1, 6, 16, 21})
    for (const PoolKind kind : {PoolKind::Max, PoolKind::Average})
      for (const Windows& windows : {Windows{{4, 6, channels}, {2, 3, channels}, 2, 2},
                                     Windows{{5, 7, channels}, {3, 4, channels}, 3, 2, 1, 1}}) {
        const Floats fastest = pooled_with(pool_loops().front(), kind, windows);
        for (const PoolLoops& loops : pool_loops())
          EXPECT_THAT(pooled_with(loops, kind, windows),
                      testing::Pointwise(testing::NanSensitiveFloatNear(1e-6f), fastest))
              << channels;
      }
}

/// Rows of a batch that `augmentation` makes of one image, each time as another row.
std::vector<Floats> changed(const Floats& image, const Augmentation& augmentation, std::size_t rows) {
  Floats source, batch(rows * image.size());
  std::vector<std::int32_t> numbers(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    source.insert(source.end(), image.begin(), image.end());
    numbers[r] = static_cast<std::int32_t>(r);
  }
  make_cpu_backend()->gather(MatrixView<const float>{source.data(), rows, image.size()}, numbers.data(),
                             augmentation, {batch.data(), rows, image.size()});
  std::vector<Floats> all;
  for (std::size_t r = 0; r < rows; ++r)
    all.emplace_back(batch.begin() + static_cast<long>(r * image.size()),
                     batch.begin() + static_cast<long>((r + 1) * image.size()));
  return all;
}

TEST(CpuImage, CutsAnImageOutOfItsFrameAtEveryPlace) {
  std::vector<Floats> possible;
  for (int down = -1; down <= 1; ++down)
    for (int right = -1; right <= 1; ++right) {
      const auto at = [&](int i, int j) {
        const bool inside = i + down >= 0 && i + down < 2 && j + right >= 0 && j + right < 2;
        return inside ? static_cast<float>(1 + 2 * (i + down) + j + right) : 0.0f;
      };
      possible.push_back({at(0, 0), at(0, 1), at(1, 0), at(1, 1)});
    }

  std::vector<Floats> got = changed({1, 2, 3, 4}, {{2, 2, 1}, 1, false, 7}, 300);

  std::ranges::sort(possible);
  std::ranges::sort(got);
  got.erase(std::unique(got.begin(), got.end()), got.end());
  EXPECT_EQ(got, possible);
}

TEST(CpuImage, MirrorsHalfOfTheImages) {
  const auto got = changed({1, 2, 3, 4}, {{1, 2, 2}, 0, true, 7}, 300);

  const auto mirrored = std::ranges::count(got, Floats{3, 4, 1, 2});
  EXPECT_EQ(std::ranges::count(got, Floats{1, 2, 3, 4}), 300 - mirrored);
  EXPECT_NEAR(static_cast<double>(mirrored), 150, 40);
  EXPECT_EQ(got, changed({1, 2, 3, 4}, {{1, 2, 2}, 0, true, 7}, 300));
  EXPECT_NE(got, changed({1, 2, 3, 4}, {{1, 2, 2}, 0, true, 8}, 300));
}

}  // namespace
}  // namespace regatta::device
