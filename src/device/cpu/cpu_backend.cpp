#include <immintrin.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../blas.hpp"
#include "convolution.hpp"
#include "elementwise.hpp"
#include "image_loops.hpp"
#include "lane_engine.hpp"
#include "product.hpp"
#include "recurrence.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/memory.hpp"
#include "regatta/core/text.hpp"
#include "regatta/device/backend.hpp"
#include "regatta/device/devices.hpp"
#include "regatta/device/lanes.hpp"
#include "regatta/device/large_pages.hpp"

namespace regatta::device {
namespace {

/// Large blocks in pages of 2 MB: steps read them from end to end.
void* allocate_zeroed(std::size_t bytes) {
  constexpr std::size_t line = 64, page = std::size_t{2} << 20;
  const std::size_t unit = bytes >= 2 * page ? page : line;
  const std::size_t padded = std::max(unit, (bytes + unit - 1) / unit * unit);
  void* block = padded >= bytes && fits_memory(padded) ? std::aligned_alloc(unit, padded) : nullptr;
  if (!block)
    throw OutOfDeviceMemory(
        concat("no host memory for a block of ", format_bytes(static_cast<double>(bytes))));
  if (unit == page) prefer_large_pages(block, padded);
  std::memset(block, 0, padded);
  return block;
}

std::size_t bytes_of(std::size_t count) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / sizeof(float) / 2;
  return std::min(count, most) * sizeof(float);
}

/// Numbers below 1e-38 cost a hundred times as much as others; optimizers of converged networks are full of
/// them.
void flush_denormals() {
  constexpr unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
  _mm_setcsr(_mm_getcsr() | flush_to_zero | denormals_are_zero);
}

template <class T>
void copy(std::span<const T> from, T* to) {
  if (!from.empty()) std::memcpy(to, from.data(), from.size_bytes());
}

template <class T>
void copy_rows(MatrixView<const T> source, const std::int32_t* rows, MatrixView<T> batch) {
  const std::size_t columns = source.columns;
  for (std::size_t i = 0; i < batch.rows; ++i)
    std::memcpy(batch.data + i * columns, source.data + static_cast<std::size_t>(rows[i]) * columns,
                columns * sizeof(T));
}

class CpuBackend final : public Backend {
 public:
  CpuBackend() { flush_denormals(); }

  std::string name() const override { return "cpu (" + blas_name() + ")"; }
  bool host_memory() const override { return true; }

  float* allocate(std::size_t count) override {
    return static_cast<float*>(allocate_zeroed(bytes_of(count)));
  }
  std::int32_t* allocate_indices(std::size_t count) override {
    return static_cast<std::int32_t*>(allocate_zeroed(bytes_of(count)));
  }
  void release(void* block) noexcept override { std::free(block); }
  double free_memory() override { return system_memory().available; }
  void upload(std::span<const float> host, float* block) override { copy(host, block); }
  void upload(std::span<const std::int32_t> host, std::int32_t* block) override { copy(host, block); }
  void download(const float* block, std::span<float> host) override {
    copy(std::span(block, host.size()), host.data());
  }
  void zero(float* block, std::size_t count) override { std::fill_n(block, count, 0.0f); }
  void synchronise() override {}

  void set_interlude(std::function<void()> interlude) override { interlude_ = std::move(interlude); }

  void gather(MatrixView<const float> source, const std::int32_t* rows, MatrixView<float> batch) override {
    gather_rows(source, rows, batch);
  }
  void gather(MatrixView<const std::int32_t> source, const std::int32_t* rows,
              MatrixView<std::int32_t> batch) override {
    copy_rows(source, rows, batch);
  }

  void forward(const Dense& layer) override {
    const std::size_t inputs = layer.weights.rows, outputs = layer.weights.columns;
    Product product{layer.x.data, inputs, 1, layer.weights.data, outputs, 1, layer.z.data, layer.x.rows, outputs,
                    inputs, layer.bias};
    const bool rectifies = layer.activation == Activation::Relu, shared = layer.y.data == layer.z.data;
    if (rectifies && shared) product.least = 0;
    multiply(product, scratch_);
    const bool done = shared && (rectifies || layer.activation == Activation::Identity);
    if (layer.bias && (!done || layer.dropout.rate > 0)) device::activate(layer);
  }

  void backward(const Dense& layer, const DenseGradient& gradient) override {
    const std::size_t inputs = layer.weights.rows, outputs = layer.weights.columns, samples = layer.x.rows;
    activation_gradient(layer, gradient.y, gradient.bias);
    multiply_in_strips({layer.x.data, 1, inputs, gradient.y.data, outputs, 1, gradient.weights.data, inputs, outputs,
                        samples});
    if (gradient.x.data)
      multiply_in_strips({gradient.y.data, outputs, 1, layer.weights.data, 1, outputs, gradient.x.data, samples, inputs,
                          outputs});
  }

  void forward(const Recurrence& layer) override { device::forward(layer, recurrence_); }
  void backward(const Recurrence& layer, const RecurrenceGradient& gradient) override {
    device::backward(layer, gradient, recurrence_, interlude_);
  }
  void forward(const Embedding& layer) override { device::forward(layer); }
  void backward(const Embedding& layer, MatrixView<const float> y, MatrixView<float> table) override {
    device::backward(layer, y, table);
  }
  void drop(const Dropout& dropout, MatrixView<float> values) override { drop_rows(dropout, values); }
  void activate(const Dense& layer) override {
    add_bias(layer.bias, layer.z);
    device::activate(layer);
  }
  void gather(MatrixView<const float> source, const std::int32_t* rows, const Augmentation& augmentation,
              MatrixView<float> batch) override {
    augment(source, rows, augmentation, batch);
  }
  void forward(const Convolution& layer) override { convolve(layer, convolution_scratch_); }
  void backward(const Convolution& layer, const ConvolutionGradient& gradient) override {
    convolution_gradient(layer, gradient, convolution_scratch_, interlude_);
  }
  void sum_moments(const BatchNorm& layer) override { device::sum_moments(layer, scratch_); }
  void forward(const BatchNorm& layer) override { normalise(layer, scratch_); }
  void sum_gradients(const BatchNorm& layer, const BatchNormGradient& gradient) override {
    sum_norm_gradients(layer, gradient, scratch_);
  }
  void backward(const BatchNorm& layer, const BatchNormGradient& gradient) override {
    norm_gradient(layer, gradient, scratch_);
  }
  void forward(const Pool& layer) override { pool(layer); }
  void backward(const Pool& layer, MatrixView<float> y, MatrixView<float> x) override {
    pool_gradient(layer, y, x);
  }
  void forward(const Sum& sum) override { add(sum); }
  void backward(const Sum& sum, MatrixView<const float> y, MatrixView<float> a, MatrixView<float> b) override {
    sum_gradient(sum, y, a, b);
  }

  void loss(LossKind kind, MatrixView<const float> outputs, const Targets& targets, float scale,
            MatrixView<float> gradient, float* sum) override {
    *sum += static_cast<float>(loss_sum(kind, outputs, targets, scale, gradient.data));
  }

  void add_squares(const float* numbers, std::size_t count, float* sum) override {
    *sum += static_cast<float>(sum_of_squares({numbers, count}));
  }
  void update(const Update& update) override { update_parameters(update); }

  std::unique_ptr<LaneEngine> make_lane_engine() override { return make_cpu_lane_engine(); }

 private:
  /// With an interlude after each strip of rows, where there is one. Strips are so high that packing the other operand for
  /// each costs nothing beside the work.
  void multiply_in_strips(const Product& product) {
    if (!interlude_) return multiply(product, scratch_);
    constexpr std::size_t least = 256;   ///< rows
    constexpr double work = 1e8;         ///< multiply-adds, about a millisecond
    const double of_row = static_cast<double>(product.columns) * static_cast<double>(product.depth);
    const std::size_t height = std::max(least, static_cast<std::size_t>(work / of_row) / least * least);
    for (std::size_t first = 0; first < product.rows; first += height) {
      Product strip = product;
      strip.a += first * product.a_row;
      strip.c += first * product.columns;
      strip.rows = std::min(height, product.rows - first);
      multiply(strip, scratch_);
      interlude_();
    }
  }

  static double loss_sum(LossKind kind, MatrixView<const float> outputs, const Targets& targets, float scale,
                         float* gradient) {
    if (kind == LossKind::CrossEntropy) return cross_entropy(outputs, targets, scale, gradient);
    if (kind == LossKind::BinaryCrossEntropy) return binary_cross_entropy(outputs, targets, scale, gradient);
    return regression_loss(kind, outputs, targets.values, scale, gradient);
  }

  std::vector<float> scratch_;  ///< of multiply() and of batch normalization
  ConvolutionScratch convolution_scratch_;
  RecurrenceScratch recurrence_;
  std::function<void()> interlude_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend() { return std::make_unique<CpuBackend>(); }

}  // namespace regatta::device
