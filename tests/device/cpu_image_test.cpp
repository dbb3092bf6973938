#include <algorithm>
#include <cmath>

#include "device/cpu/convolution.hpp"
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
  loops.pack(windows, weights.data(), scratch);
  loops.convolve(windows, 1, x.data(), z.data(), scratch);
  for (int i = 0; i < 2; ++i) loops.add_gradient(windows, x.data(), dz.data(), gradient.data(), scratch);
  for (std::size_t k = 0; k < depth; ++k)
    z.insert(z.end(), gradient.begin() + static_cast<long>(k * padded),
             gradient.begin() + static_cast<long>(k * padded + channels));
  return z;
}

TEST(CpuImage, ConvolvesAlikeWithEveryInstructionSet) {
  for (const std::size_t channels : {1, 5, 8, 16, 17, 40}) {
    const Windows windows{{5, 23, 3}, {3, 12, channels}, 3, 2, 1, 1};
    const Floats fastest = results_of(convolution_loops().front(), windows);
    for (const ConvolutionLoops& loops : convolution_loops())
      EXPECT_THAT(results_of(loops, windows), testing::Pointwise(testing::FloatNear(2e-5f), fastest))
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
