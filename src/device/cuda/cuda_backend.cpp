#include "cuda_backend.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "check.hpp"
#include "convolution.hpp"
#include "handles.hpp"
#include "image_kernels.hpp"
#include "kernels.hpp"
#include "lane_engine.hpp"
#include "nccl.hpp"
#include "product.hpp"
#include "recurrence.hpp"
#include "uploader.hpp"

namespace regatta::device::cuda {
namespace {

std::string device_name(int ordinal) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, ordinal));
  return properties.name;
}

/// A size that no device has instead of an overflow.
std::size_t bytes_of(std::size_t count) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / sizeof(float) / 2;
  return std::clamp<std::size_t>(count, 1, most) * sizeof(float);
}

/// One stream of work on one device.
class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int ordinal) : ordinal_(ordinal), device_(ordinal), name_(device_name(ordinal)), blas_(stream_) {}
  ~CudaBackend() override { device_.use(); }

  std::string name() const override { return name_; }
  bool host_memory() const override { return false; }

  float* allocate(std::size_t count) override { return static_cast<float*>(zeroed(bytes_of(count))); }
  std::int32_t* allocate_indices(std::size_t count) override {
    return static_cast<std::int32_t*>(zeroed(bytes_of(count)));
  }
  void release(void* block) noexcept override {
    device_.use();
    memory_.release(block);
  }
  double free_memory() override {
    device_.use();
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total));
    return static_cast<double>(free);
  }

  float* allocate_host(std::size_t count) override {
    device_.use();
    return static_cast<float*>(allocate_staging(bytes_of(count)));
  }
  void release_host(float* block) noexcept override {
    device_.use();
    release_staging(block);
  }
  void upload(std::span<const float> host, float* block) override { copy_in(host.data(), block, host.size_bytes()); }
  void upload(std::span<const std::int32_t> host, std::int32_t* block) override {
    copy_in(host.data(), block, host.size_bytes());
  }
  std::unique_ptr<Uploader> make_uploader() override {
    device_.use();
    return cuda::make_uploader(ordinal_, stream_);
  }
  void download(const float* block, std::span<float> host) override {
    device_.use();
    stream_.settle();
    check(cudaMemcpyAsync(host.data(), block, host.size_bytes(), cudaMemcpyDeviceToHost, stream_));
    synchronise();
  }
  void zero(float* block, std::size_t count) override { clear(block, count * sizeof(float)); }
  void synchronise() override {
    stream_.settle();
    check(cudaStreamSynchronize(stream_));
  }
  void set_precision(Precision precision) override { blas_.precision = precision; }
  void repeat(std::unique_ptr<Repetition>& repetition, const std::function<void()>& work) override {
    device_.use();
    stream_.repeat(repetition, work);
  }

  void gather(MatrixView<const float> source, const std::int32_t* rows, MatrixView<float> batch) override {
    device_.use();
    gather_rows(source, rows, batch, stream_);
  }
  void gather(MatrixView<const std::int32_t> source, const std::int32_t* rows,
              MatrixView<std::int32_t> batch) override {
    device_.use();
    gather_rows(source, rows, batch, stream_);
  }

  void forward(const Dense& layer) override {
    if (layer.z.size() == 0) return;
    device_.use();
    multiply(blas_, layer.x, layer.weights, layer.z);
    if (layer.bias) cuda::activate(layer, stream_);
  }

  void backward(const Dense& layer, const DenseGradient& gradient) override {
    if (gradient.y.size() == 0) return backward_of_nothing(gradient);
    device_.use();
    activation_gradient(layer, gradient.y.data, gradient.bias, partial(gradient.y), stream_);
    weight_gradient(blas_, layer.x, gradient.y, gradient.weights);
    if (gradient.x.data) input_gradient(blas_, gradient.y, layer.weights, gradient.x);
  }

  void forward(const Recurrence& layer) override {
    device_.use();
    cuda::forward(layer, recurrence_, blas_, stream_);
  }
  void backward(const Recurrence& layer, const RecurrenceGradient& gradient) override {
    device_.use();
    cuda::backward(layer, gradient, recurrence_, blas_, stream_);
  }
  void forward(const Embedding& layer) override {
    device_.use();
    embed(layer, stream_);
  }
  void backward(const Embedding& layer, MatrixView<const float> y, MatrixView<float> table) override {
    device_.use();
    embedding_gradient(layer, y, table, stream_);
  }
  void drop(const Dropout& dropout, MatrixView<float> values) override {
    device_.use();
    cuda::drop(dropout, values, stream_);
  }

  void gather(MatrixView<const float> source, const std::int32_t* rows, const Augmentation& augmentation,
              MatrixView<float> batch) override {
    if (batch.size() == 0) return;
    device_.use();
    augment(source, rows, augmentation, batch, stream_);
  }
  void forward(const Convolution& layer) override {
    device_.use();
    convolver_.forward(layer);
  }
  void backward(const Convolution& layer, const ConvolutionGradient& gradient) override {
    device_.use();
    convolver_.backward(layer, gradient);
  }
  void sum_moments(const BatchNorm& layer) override {
    device_.use();
    cuda::sum_moments(layer, norm_partial(layer), stream_);
  }
  void forward(const BatchNorm& layer) override {
    device_.use();
    normalise(layer, stream_);
  }
  void sum_gradients(const BatchNorm& layer, const BatchNormGradient& gradient) override {
    device_.use();
    cuda::sum_gradients(layer, gradient, norm_partial(layer), stream_);
  }
  void backward(const BatchNorm& layer, const BatchNormGradient& gradient) override {
    device_.use();
    norm_gradient(layer, gradient, stream_);
  }
  void forward(const Pool& layer) override {
    device_.use();
    pool(layer, stream_);
  }
  void backward(const Pool& layer, MatrixView<float> y, MatrixView<float> x) override {
    device_.use();
    pool_gradient(layer, y.data, x.data, stream_);
  }
  void forward(const Sum& sum) override {
    device_.use();
    add(sum, stream_);
  }
  void backward(const Sum& sum, MatrixView<const float> y, MatrixView<float> a, MatrixView<float> b) override {
    device_.use();
    sum_gradient(sum, y.data, a.data, b.data, stream_);
  }
  void activate(const Dense& layer) override {
    device_.use();
    cuda::activate(layer, stream_);
  }

  void loss(LossKind kind, MatrixView<const float> outputs, const Targets& targets, float scale,
            MatrixView<float> gradient, float* sum) override {
    if (outputs.size() == 0) return;
    device_.use();
    cuda::loss(kind, outputs, targets, scale, gradient.data, sum, scratch_.at_least(loss_slices(outputs.rows)), stream_);
  }

  void add_squares(const float* numbers, std::size_t count, float* sum) override {
    device_.use();
    cuda::add_squares(numbers, count, sum, scratch_.at_least(square_slices(count)), stream_);
  }

  void update(const Update& update) override {
    device_.use();
    cuda::update(update, stream_);
  }

  std::unique_ptr<LaneEngine> make_lane_engine() override {
    device_.use();
    return cuda::make_lane_engine(ordinal_, stream_);
  }

  DeviceTeams* teams() override { return &teams_; }

 private:
  void clear(void* block, std::size_t bytes) {
    device_.use();
    cuda::clear(block, bytes, stream_);
  }

  void* zeroed(std::size_t bytes) {
    device_.use();
    stream_.settle();
    void* block = memory_.allocate(bytes);
    clear(block, bytes);
    return block;
  }

  /// Waits, since the caller may change or free its numbers right after.
  void copy_in(const void* host, void* block, std::size_t bytes) {
    device_.use();
    stream_.settle();
    check(cudaMemcpyAsync(block, host, bytes, cudaMemcpyHostToDevice, stream_));
    synchronise();
  }

  /// Room for the sums over slices of samples.
  float* partial(MatrixView<const float> gradient) {
    return scratch_.at_least(gradient_slices(gradient.rows) * gradient.columns);
  }

  float* norm_partial(const BatchNorm& layer) {
    return scratch_.at_least(norm_slices(layer.x.rows) * 2 * layer.x.columns);
  }

  /// A rank of a team may have no samples in the last batch; its gradients are zero all the same.
  void backward_of_nothing(const DenseGradient& gradient) {
    clear(gradient.weights.data, gradient.weights.size() * sizeof(float));
    clear(gradient.bias, gradient.weights.columns * sizeof(float));
  }

  int ordinal_;
  Device device_;
  std::string name_;
  Stream stream_;
  StreamMemory memory_{ordinal_, stream_};
  Cublas blas_;
  Convolver convolver_{blas_};
  Scratch<float> scratch_{stream_};
  RecurrenceScratch recurrence_{stream_};
  NcclTeams teams_{ordinal_, stream_};
};

}  // namespace

std::unique_ptr<Backend> make_backend(int ordinal) { return std::make_unique<CudaBackend>(ordinal); }

}  // namespace regatta::device::cuda
