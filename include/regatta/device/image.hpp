#pragma once

#include <cstddef>
#include <cstdint>

#include "regatta/device/activation.hpp"
#include "regatta/device/matrix_view.hpp"

// Operations on images. A sample is a row of height x width x channels numbers, channels innermost (NHWC).
namespace regatta::device {

struct Image {
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t channels = 0;

  constexpr std::size_t pixels() const { return height * width; }
  constexpr std::size_t size() const { return pixels() * channels; }
};

/// Where the windows of a convolution or a pooling lie: output pixel (i, j) sees `side` x `side` inputs, from row
/// i stride - above and column j stride - left on.
struct Windows {
  Image input, output;
  std::size_t side = 1;
  std::size_t stride = 1;
  std::size_t above = 0, left = 0;  ///< rows and columns outside the image that the first window covers; below `side`

  /// What all windows together see, zeros around the image included.
  constexpr Image seen() const {
    return {(output.height - 1) * stride + side, (output.width - 1) * stride + side, input.channels};
  }
  /// Whether its lines are those of the image.
  constexpr bool see_the_image() const {
    return above == 0 && left == 0 && input.width == seen().width && input.height >= seen().height;
  }
};

/// z = x * W + b, y = activation(z). Inputs outside the image are 0. As is usual for networks, W is not mirrored.
///
/// On the host samples may be in bundles (sample_bundles.hpp), those of their gradients, too: a last one that is not full
/// counts as if it were.
struct Convolution {
  Windows windows;
  MatrixView<const float> x;        ///< samples x input
  MatrixView<const float> weights;  ///< (side x side x input channels) x output channels
  const float* bias = nullptr;      ///< output channels
  MatrixView<float> z;              ///< samples x output, kept for the backward pass
  MatrixView<float> y;              ///< samples x output; may be the block of z unless the activation is Gelu
  Activation activation = Activation::Identity;
  bool bundled = false;
};

/// Gradients of the loss for one convolution.
struct ConvolutionGradient {
  MatrixView<float> y;        ///< in: dL/dy, out: dL/dz; samples x output
  MatrixView<float> weights;  ///< out: dL/dW (overwritten)
  float* bias = nullptr;      ///< out: dL/db, output channels (overwritten)
  MatrixView<float> x;        ///< out: dL/dx, samples x input; data may be null when not needed
};

/// Batch normalization of each column (Ioffe and Szegedy 2015): n = (x - mean) / sqrt(variance + epsilon),
/// y = activation(scale n + shift).
///
/// In training mean and variance are those of the batch of the whole team, and two sums over the team belong to each
/// pass: sum_moments(), the sum of `sums`, forward(); sum_gradients(), the sum of `sums`, backward().
struct BatchNorm {
  MatrixView<const float> x;          ///< rows x channels; a row is one pixel of one sample
  MatrixView<float> y;                ///< rows x channels
  const float* parameters = nullptr;  ///< [shifts | scales]
  float* running = nullptr;           ///< [means | variances], exponential averages: updated in training, else used
  float* moments = nullptr;           ///< [means | 1 / sqrt(variance + epsilon)] that y was made with
  float* sums = nullptr;              ///< 2 channels
  Activation activation = Activation::Identity;
  bool training = false;
  std::size_t team_rows = 0;  ///< rows of the whole team's batch
  float momentum = 0.1f;      ///< share of this batch in the running averages
  float epsilon = 1e-5f;
  std::size_t lanes = 1;  ///< numbers in the place of one: samples of a bundle (sample_bundles.hpp), on the host
  std::size_t partial_rows = 0, partial_lanes = 0;  ///< the last rows, of a bundle with so many samples: no others count
};

/// Gradients of the loss for one batch normalization.
struct BatchNormGradient {
  MatrixView<float> y;          ///< in: dL/dy; what sum_gradients() leaves there is for backward() alone; rows x channels
  float* parameters = nullptr;  ///< out of sum_gradients(): of this rank's rows, [shifts | scales] (overwritten)
  MatrixView<float> x;          ///< out of backward(): dL/dx, rows x channels; data may be null when not needed
};

enum class PoolKind : std::int32_t { Max, Average };

/// Per channel, the largest or the mean of those numbers of each window that lie in the image.
struct Pool {
  PoolKind kind = PoolKind::Max;
  Windows windows;            ///< as many channels out as in
  MatrixView<const float> x;  ///< samples x input
  MatrixView<float> y;        ///< samples x output
};

/// y = activation(a + b); y may be the block of a or b when the activation is Identity.
struct Sum {
  MatrixView<const float> a, b;
  MatrixView<float> y;
  Activation activation = Activation::Identity;
};

/// Random changes of images on their way into a batch: a frame of `crop` zeros around the image, of which a part of the
/// image's own size is cut out at a random place; and mirroring of left and right with probability 1/2.
struct Augmentation {
  Image image;
  std::size_t crop = 0;   ///< [pixels]
  bool flip = false;
  std::uint64_t key = 0;  ///< of (trial seed, epoch); with the number of a row it determines the row's changes
};

}  // namespace regatta::device
