#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>

#include "regatta/device/activation.hpp"
#include "regatta/device/device_team.hpp"
#include "regatta/device/image.hpp"
#include "regatta/device/matrix_view.hpp"
#include "regatta/device/recurrence.hpp"

namespace regatta::device {

enum class LossKind : std::int32_t { CrossEntropy, BinaryCrossEntropy, Squared, Absolute, AbsolutePercentage };
enum class OptimizerKind : std::int32_t { Sgd, Adam, AdamW };

/// Inverted dropout: an element is dropped when a hash of (key, sample, unit) falls below `rate`, the others are scaled by
/// 1/(1-rate). The sample is the place in the *global* batch, so a team of ranks drops what one rank would drop.
struct Dropout {
  float rate = 0;                  ///< [0, 1); 0: none
  std::uint64_t key = 0;           ///< of (trial seed, optimizer step, layer)
  std::uint64_t first_sample = 0;  ///< place of the first row in the global batch
  std::uint32_t first_unit = 0;    ///< place of the first column among the units of a layer that ranks have divided
};

/// One dense layer: z = x W + b, y = dropout(activation(z)).
struct Dense {
  MatrixView<const float> x;        ///< samples x inputs
  MatrixView<const float> weights;  ///< inputs x outputs
  const float* bias = nullptr;      ///< outputs; null: only z is wanted
  MatrixView<float> z;              ///< samples x outputs, kept for the backward pass
  MatrixView<float> y;              ///< samples x outputs, kept too; may be the block of z unless the activation is Gelu
  Activation activation = Activation::Identity;
  Dropout dropout;
};

/// Gradients of the loss for one dense layer.
struct DenseGradient {
  MatrixView<float> y;        ///< in: dL/dy, out: dL/dz; samples x outputs
  MatrixView<float> weights;  ///< out: dL/dW, inputs x outputs (overwritten)
  float* bias = nullptr;      ///< out: dL/db, outputs (overwritten)
  MatrixView<float> x;        ///< out: dL/dx, samples x inputs; data may be null when not needed
};

/// What the network's outputs are compared with; blocks live on the backend.
struct Targets {
  const std::int32_t* labels = nullptr;  ///< per sample: class (CrossEntropy), 0/1 (BinaryCrossEntropy), below 0: none
  const float* values = nullptr;         ///< samples x outputs, for the regression losses
  const float* class_weights = nullptr;  ///< per class, or null: all 1
  float label_smoothing = 0;             ///< share of a label that is spread evenly over all classes (Szegedy et al. 2016)
};

/// One step of an optimizer on `count` parameters. Sources: SGD with (Nesterov) momentum as in Sutskever et al. 2013, in the
/// form of v = momentum v + g; Adam: Kingma and Ba 2015; AdamW: Loshchilov and Hutter 2019.
struct Update {
  OptimizerKind kind = OptimizerKind::Sgd;
  float learning_rate = 0;
  float momentum = 0;      ///< Sgd
  bool nesterov = false;   ///< Sgd
  float beta1 = 0.9f;      ///< Adam, AdamW
  float beta2 = 0.999f;    ///< Adam, AdamW
  float epsilon = 1e-8f;   ///< Adam, AdamW
  float weight_decay = 0;  ///< added to the gradient (Sgd, Adam) or decoupled (AdamW)
  float l1 = 0;            ///< strength of the L1 penalty; its subgradient l1 sign(w) is added to the gradient
  std::size_t penalised = std::numeric_limits<std::size_t>::max();  ///< the first so many have these two, the others none
  float clip = 0;          ///< gradients are scaled down so that their norm is at most this; 0: they are not
  std::int64_t step = 1;   ///< counts from 1, for Adam's bias correction
  const float* squared_norm = nullptr;  ///< of all gradients, on this backend; for `clip`
  float* parameters = nullptr;
  const float* gradients = nullptr;
  float* first_moment = nullptr;   ///< momentum buffer or Adam's m; zero at the start
  float* second_moment = nullptr;  ///< Adam's v; unused by Sgd
  std::size_t count = 0;
};

class LaneEngine;

/// How matrix products are computed: Tf32 rounds their factors to 10 bits of mantissa, Bf16 to 7; sums are in single precision.
enum class Precision : std::int32_t { Fp32, Tf32, Bf16 };

/// What a backend keeps of work that is done again and again; to be destroyed before the backend.
class Repetition {
 public:
  virtual ~Repetition() = default;
};

/// Copies numbers to a backend while that computes. upload() may be called by a thread that is not the backend's; to be destroyed
/// before the backend.
class Uploader {
 public:
  virtual ~Uploader() = default;

  /// By the backend's thread: uploads that are begun after this may overwrite what operations started before it read.
  virtual void leave() = 0;
  /// Returns when the numbers are there.
  virtual void upload(std::span<const float> host, float* block) = 0;
};

/// Where numbers live and who works on them: the whole seam between Regatta and an accelerator.
///
/// Operations are as coarse as a network layer, so the virtual call costs nothing beside the work. They may return before
/// the work is done, in order; download() and synchronise() wait. One object belongs to one thread.
/// @throws SystemFailure      the device said no
/// @throws OutOfDeviceMemory  allocate() only
class Backend {
 public:
  virtual ~Backend() = default;

  /// "cpu (SkylakeX)" or "NVIDIA H200": for the banner.
  virtual std::string name() const = 0;
  /// Whether blocks may be read and written by the host directly.
  virtual bool host_memory() const = 0;

  virtual float* allocate(std::size_t count) = 0;  ///< zeroed, 64-byte aligned
  virtual std::int32_t* allocate_indices(std::size_t count) = 0;
  virtual void release(void* block) noexcept = 0;
  virtual double free_memory() = 0;  ///< for blocks to come [bytes]
  /// Memory of the host that upload() takes fastest from.
  virtual float* allocate_host(std::size_t count) { return new float[count]; }
  virtual void release_host(float* block) noexcept { delete[] block; }
  virtual void upload(std::span<const float> host, float* block) = 0;
  virtual void upload(std::span<const std::int32_t> host, std::int32_t* block) = 0;
  /// It may write at once what was allocated before; null where the backend's memory is the host's.
  virtual std::unique_ptr<Uploader> make_uploader() { return nullptr; }
  virtual void download(const float* block, std::span<float> host) = 0;
  virtual void zero(float* block, std::size_t count) = 0;
  virtual void synchronise() = 0;

  /// Of the products from now on, where the backend knows others than Fp32; lanes stay in that.
  virtual void set_precision(Precision /*precision*/) {}

  /// What the caller's thread is to do now and then on the way back, where it computes itself: within operations that may
  /// take long, after a millisecond or a few. It calls no operation. Empty: nothing.
  virtual void set_interlude(std::function<void()> /*interlude*/) {}

  /// Calls `work` once. A device may keep the operations that it asks for and start them as a whole, once all are known,
  /// where they are the same each time but for numbers such as a rate or a key. Where they differ, or work downloads, uploads or
  /// allocates, they are started one by one, with the same results. It releases nothing.
  /// @param repetition  null the first time, then what this function has left there
  virtual void repeat([[maybe_unused]] std::unique_ptr<Repetition>& repetition, const std::function<void()>& work) {
    work();
  }

  /// batch(i, .) = source(rows[i], .)
  virtual void gather(MatrixView<const float> source, const std::int32_t* rows, MatrixView<float> batch) = 0;
  virtual void gather(MatrixView<const std::int32_t> source, const std::int32_t* rows,
                      MatrixView<std::int32_t> batch) = 0;

  virtual void forward(const Dense& layer) = 0;
  virtual void backward(const Dense& layer, const DenseGradient& gradient) = 0;
  /// The second half of forward(): z += b, y = dropout(activation(z)).
  virtual void activate(const Dense& layer) = 0;

  virtual void forward(const Recurrence& layer) = 0;
  /// Of the last forward pass; what it kept is lost.
  virtual void backward(const Recurrence& layer, const RecurrenceGradient& gradient) = 0;
  virtual void forward(const Embedding& layer) = 0;
  /// @param y      dL/dy, laid out as y
  /// @param table  out: dL/dtable (overwritten)
  virtual void backward(const Embedding& layer, MatrixView<const float> y, MatrixView<float> table) = 0;
  /// Dropout of `values` (samples x units) in place; the way back is the same.
  virtual void drop(const Dropout& dropout, MatrixView<float> values) = 0;
  // Images: regatta/device/image.hpp.
  /// batch(i, .) = source(rows[i], .) with random changes
  virtual void gather(MatrixView<const float> source, const std::int32_t* rows, const Augmentation& augmentation,
                      MatrixView<float> batch) = 0;
  virtual void forward(const Convolution& layer) = 0;
  virtual void backward(const Convolution& layer, const ConvolutionGradient& gradient) = 0;
  /// sums = per channel the sum of x - m and of (x - m)^2, with m the running mean.
  virtual void sum_moments(const BatchNorm& layer) = 0;
  virtual void forward(const BatchNorm& layer) = 0;
  /// The sums of [g | g times n], with g = dL/d(scale n + shift), are the gradients of the parameters.
  virtual void sum_gradients(const BatchNorm& layer, const BatchNormGradient& gradient) = 0;
  /// @param gradient  as sum_gradients() left it; layer.sums: gradient.parameters of the whole team
  virtual void backward(const BatchNorm& layer, const BatchNormGradient& gradient) = 0;
  virtual void forward(const Pool& layer) = 0;
  /// @param y  in: dL/dy; overwritten
  /// @param x  out: dL/dx
  virtual void backward(const Pool& layer, MatrixView<float> y, MatrixView<float> x) = 0;
  virtual void forward(const Sum& sum) = 0;
  /// @param y  dL/dy
  /// @param a  out: dL/da, and likewise b; one of them may be the block of y
  virtual void backward(const Sum& sum, MatrixView<const float> y, MatrixView<float> a, MatrixView<float> b) = 0;

  /// Adds the summed (class-weighted) loss of all samples to *sum and writes d(scale * sum)/d(outputs).
  /// CrossEntropy takes logits, samples x classes; BinaryCrossEntropy one logit per sample. AbsolutePercentage is
  /// |y - t| / max(|t|, 1e-8). Regression losses are means over the outputs of a sample.
  /// @param gradient  samples x outputs; data null: only the loss
  /// @param sum       one float on this backend
  virtual void loss(LossKind kind, MatrixView<const float> outputs, const Targets& targets, float scale,
                    MatrixView<float> gradient, float* sum) = 0;

  /// Adds the squares of `count` numbers to *sum.
  virtual void add_squares(const float* numbers, std::size_t count, float* sum) = 0;
  virtual void update(const Update& update) = 0;

  /// For many small networks at once (regatta/device/lanes.hpp); null: this backend has none.
  virtual std::unique_ptr<LaneEngine> make_lane_engine() = 0;

  /// For sums over the devices of several processes; null: this backend has none. Its own.
  virtual DeviceTeams* teams() { return nullptr; }
};

/// The host: OpenBLAS where it was found at run time for matrix products, plain loops for the rest.
std::unique_ptr<Backend> make_cpu_backend();

/// Loads the CUDA module beside the executable.
/// @param ordinal  device number as the CUDA runtime counts it, from 0
/// @throws Unavailable  if this build has no CUDA, or the machine no driver or no such device (the message says which)
std::unique_ptr<Backend> make_cuda_backend(int ordinal);

}  // namespace regatta::device
