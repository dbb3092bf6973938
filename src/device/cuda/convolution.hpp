#pragma once

#include <optional>

#include "handles.hpp"
#include "regatta/device/image.hpp"

namespace regatta::device::cuda {

/// Convolutions as products of matrices. Where factors are rounded and the sizes suit they are those of
/// tiled_convolution.hpp; else the windows are unrolled in memory, as many samples at a time as a block of bounded size holds.
class Convolver {
 public:
  /// @param most_numbers  of unrolled windows
  explicit Convolver(Cublas& blas, std::size_t most_numbers = std::size_t{1} << 25)
      : blas_(blas), stream_(blas.stream()), most_numbers_(most_numbers) {}

  /// As Backend::forward and Backend::backward, for at least one sample.
  void forward(const Convolution& layer);
  void backward(const Convolution& layer, const ConvolutionGradient& gradient);

 private:
  /// The layer as one for the functions of tiled_convolution.hpp, where they take it. Windows of few numbers are unrolled, each
  /// to the pixel of an image of its own. None: it is for cuBLAS.
  std::optional<Convolution> for_tiles(const Convolution& layer);
  void activation_gradients(const Convolution& layer, const ConvolutionGradient& gradient);
  std::size_t samples_at_once(const Convolution& layer) const;
  MatrixView<const float> windows(const Convolution& layer, std::size_t first, std::size_t count);
  void weight_gradients(const Convolution& layer, const ConvolutionGradient& gradient);
  void input_gradients(const Convolution& layer, const ConvolutionGradient& gradient);

  Cublas& blas_;
  Stream& stream_;
  std::size_t most_numbers_;
  bool prepared_ = false;  ///< the device, for tiles
  Scratch<float> windows_{stream_}, partial_{stream_};
};

}  // namespace regatta::device::cuda
