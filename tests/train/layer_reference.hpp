#pragma once

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "regatta/train/network_spec.hpp"

namespace regatta::train {

/// Layers in training, in double precision and as plainly as they are defined: to take differences of.
class LayerReference {
 public:
  using Numbers = std::vector<double>;

  LayerReference(const Numbers& weights, const Numbers& biases) : weights_(weights), biases_(biases) {}

  struct Batch {
    Shape shape;  ///< of one sample
    Numbers numbers;

    std::size_t samples() const { return numbers.size() / size_of(shape); }
    double& at(std::size_t s, std::size_t i, std::size_t j, std::size_t c) {
      return numbers[((s * shape[0] + i) * shape[1] + j) * shape[2] + c];
    }
  };

  Batch run(const std::vector<LayerSpec>& layers, Batch x) {
    for (const LayerSpec& layer : layers)
      x = std::visit([&](const auto& spec) { return apply(spec, x); }, layer);
    return x;
  }

 private:
  static double activate(device::Activation activation, double z) {
    switch (activation) {
      case device::Activation::Relu:
        return std::max(z, 0.0);
      case device::Activation::Tanh:
        return std::tanh(z);
      case device::Activation::Gelu:
        return 0.5 * z * (1 + std::tanh(std::sqrt(2 / M_PI) * (z + 0.044715 * z * z * z)));
      case device::Activation::Sigmoid:
        return 1 / (1 + std::exp(-z));
      default:
        return z;
    }
  }

  const double* take(const Numbers& from, std::size_t& place, std::size_t count) {
    place += count;
    return from.data() + place - count;
  }

  template <class Other>
  Batch apply(const Other&, Batch&) {
    throw std::logic_error("no reference for this layer");
  }

  Batch apply(const DenseSpec& spec, Batch& x) {
    const std::size_t inputs = size_of(x.shape), samples = x.samples();
    const double *w = take(weights_, weight_, inputs * spec.units), *b = take(biases_, bias_, spec.units);
    Batch y{{spec.units}, Numbers(samples * spec.units)};
    for (std::size_t s = 0; s < samples; ++s)
      for (std::size_t u = 0; u < spec.units; ++u) {
        double z = b[u];
        for (std::size_t i = 0; i < inputs; ++i) z += x.numbers[s * inputs + i] * w[i * spec.units + u];
        y.numbers[s * spec.units + u] = activate(spec.activation, z);
      }
    return y;
  }

  Batch apply(const ConvolutionSpec& spec, Batch& x) {
    const auto outputs = [&](std::size_t length) {
      return spec.padded ? (length + spec.stride - 1) / spec.stride
                         : (length - spec.kernel) / spec.stride + 1;
    };
    const auto before = [&](std::size_t length) {
      const long covered = static_cast<long>((outputs(length) - 1) * spec.stride + spec.kernel);
      return spec.padded ? std::max(0L, covered - static_cast<long>(length)) / 2 : 0;
    };
    const std::size_t in = x.shape[2], k = spec.kernel;
    const double *w = take(weights_, weight_, k * k * in * spec.filters),
                 *b = take(biases_, bias_, spec.filters);
    Batch y{{outputs(x.shape[0]), outputs(x.shape[1]), spec.filters}, {}};
    y.numbers.resize(x.samples() * size_of(y.shape));
    for (std::size_t s = 0; s < x.samples(); ++s)
      for (std::size_t i = 0; i < y.shape[0]; ++i)
        for (std::size_t j = 0; j < y.shape[1]; ++j)
          for (std::size_t f = 0; f < spec.filters; ++f) {
            double z = b[f];
            for (std::size_t a = 0; a < k * k * in; ++a) {
              const long row = static_cast<long>(i * spec.stride + a / in / k) - before(x.shape[0]),
                         column = static_cast<long>(j * spec.stride + a / in % k) - before(x.shape[1]);
              if (row < 0 || column < 0 || row >= static_cast<long>(x.shape[0]) ||
                  column >= static_cast<long>(x.shape[1]))
                continue;
              z += w[a * spec.filters + f] *
                   x.at(s, static_cast<std::size_t>(row), static_cast<std::size_t>(column), a % in);
            }
            y.at(s, i, j, f) = activate(spec.activation, z);
          }
    return y;
  }

  Batch apply(const BatchNormSpec& spec, Batch& x) {
    const std::size_t channels = x.shape.back(), rows = x.numbers.size() / channels;
    const double *shift = take(biases_, bias_, 2 * channels), *scale = shift + channels;
    Batch y = x;
    for (std::size_t c = 0; c < channels; ++c) {
      double mean = 0, variance = 0;
      for (std::size_t r = 0; r < rows; ++r) mean += x.numbers[r * channels + c];
      mean /= static_cast<double>(rows);
      for (std::size_t r = 0; r < rows; ++r) variance += std::pow(x.numbers[r * channels + c] - mean, 2);
      variance /= static_cast<double>(rows);
      for (std::size_t r = 0; r < rows; ++r) {
        const double n = (x.numbers[r * channels + c] - mean) / std::sqrt(variance + 1e-5);
        y.numbers[r * channels + c] = activate(spec.activation, scale[c] * n + shift[c]);
      }
    }
    return y;
  }

  Batch apply(const PoolSpec& spec, Batch& x) {
    const std::size_t side = spec.window > 0 ? spec.window : std::max(x.shape[0], x.shape[1]);
    const auto outputs = [&](std::size_t length) {
      std::size_t count = 1;
      while ((count - 1) * spec.stride + side < length && count * spec.stride < length) ++count;
      return count;
    };
    Batch y{{outputs(x.shape[0]), outputs(x.shape[1]), x.shape[2]}, {}};
    y.numbers.resize(x.samples() * size_of(y.shape));
    for (std::size_t s = 0; s < x.samples(); ++s)
      for (std::size_t i = 0; i < y.shape[0]; ++i)
        for (std::size_t j = 0; j < y.shape[1]; ++j)
          for (std::size_t c = 0; c < x.shape[2]; ++c) {
            double sum = 0, largest = -1e300, count = 0;
            for (std::size_t a = i * spec.stride; a < std::min(i * spec.stride + side, x.shape[0]); ++a)
              for (std::size_t b = j * spec.stride; b < std::min(j * spec.stride + side, x.shape[1]); ++b) {
                sum += x.at(s, a, b, c);
                largest = std::max(largest, x.at(s, a, b, c));
                ++count;
              }
            y.at(s, i, j, c) = spec.kind == device::PoolKind::Max ? largest : sum / count;
          }
    return y;
  }

  Batch apply(const ResidualSpec& spec, Batch& x) {
    Batch body = run(spec.body, x);
    const Batch skip = run(spec.skip, x);
    for (std::size_t i = 0; i < body.numbers.size(); ++i)
      body.numbers[i] = activate(spec.activation, body.numbers[i] + skip.numbers[i]);
    return body;
  }

  const Numbers &weights_, &biases_;
  std::size_t weight_ = 0, bias_ = 0;
};

}  // namespace regatta::train
