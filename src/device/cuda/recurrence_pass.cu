#include "../cell_formulas.hpp"
#include "check.hpp"
#include "launch.hpp"
#include "recurrence_step.hpp"

// All steps of a recurrent layer in one kernel, where the registers of a block hold its recurrent weights. Samples do not
// depend on each other, so a block takes one through all steps. Each thread keeps one weight per unit and multiplies; between
// two barriers the first threads, one per unit, do the arithmetic of the cells and read what they need at the next step.
namespace regatta::device::cuda {
namespace {

using formulas::CellState;

constexpr std::size_t most_units = 128, most_threads = 384;  ///< a thread may have 65536 / 384 registers

/// weights(k) = from[k stride], and 0 behind the last unit.
template <unsigned bound>
__device__ void read_weights(const float* from, std::size_t stride, std::size_t units, float (&weights)[bound]) {
  for (unsigned k = 0; k < bound; ++k) weights[k] = k < units ? from[k * stride] : 0.0f;
}

constexpr unsigned staged_rows = 8;

/// As read_weights() for the columns from `first` on of row `unit`: threads that are neighbours have different rows, so all rows
/// pass through shared memory. For all threads of a block, one per column, to call.
template <unsigned bound, std::size_t pitch>
__device__ void read_row(MatrixView<const float> matrix, unsigned unit, unsigned first, float (&stage)[staged_rows][pitch],
                         float (&weights)[bound]) {
  const unsigned t = threadIdx.x, units = static_cast<unsigned>(matrix.rows);
  for (unsigned top = 0; top < units; top += staged_rows) {
    __syncthreads();
    for (unsigned row = top; row < units && row < top + staged_rows; ++row)
      stage[row - top][t] = matrix.data[row * matrix.columns + t];
    __syncthreads();
    if (unit >= top && unit < top + staged_rows) read_weights(stage[unit - top] + first, 1, units, weights);
  }
}

/// @param numbers  aligned as float4
template <unsigned bound>
__device__ float inner_product(const float* numbers, const float (&weights)[bound]) {
  float sums[4] = {};
  for (unsigned k = 0; k < bound; k += 4) {
    const float4 four = *reinterpret_cast<const float4*>(numbers + k);
    sums[0] += four.x * weights[k];
    sums[1] += four.y * weights[k + 1];
    sums[2] += four.z * weights[k + 2];
    sums[3] += four.w * weights[k + 3];
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// Numbers of one unit, one per gate and `stride` apart, to and from neighbours.
template <std::size_t gates>
__device__ void read_gates(const float* from, std::size_t stride, float (&numbers)[gates]) {
  for (std::size_t gate = 0; gate < gates; ++gate) numbers[gate] = from[gate * stride];
}
template <std::size_t gates>
__device__ void write_gates(const float (&numbers)[gates], std::size_t stride, float* to) {
  for (std::size_t gate = 0; gate < gates; ++gate) to[gate * stride] = numbers[gate];
}

/// One unit of one sample on its way through the steps.
template <CellKind kind>
class UnitAhead {
  static constexpr std::size_t gates = gates_of(kind);

 public:
  __device__ UnitAhead(const Recurrence& layer, const Kept& kept, std::size_t sample, std::size_t unit)
      : layer_(layer), kept_(kept), sample_(sample), unit_(unit), length_(length_of(layer, sample)) {
    read_gates(layer.bias + unit, layer.units(), bias_);
    read_gates(gates_at(0), layer.units(), inputs_);
  }

  /// @param recurrent  h U of the unit's first gate
  /// @return           h for the next step
  __device__ float advance(std::size_t k, const float* recurrent) {
    const Step step(layer_, kept_, k);
    float own[gates], products[gates], kept = 0;
    for (std::size_t gate = 0; gate < gates; ++gate) own[gate] = inputs_[gate];
    if (k + 1 < layer_.steps) read_gates(gates_at(k + 1), layer_.units(), inputs_);
    read_gates(recurrent, layer_.units(), products);
    const CellState after = formulas::advance_cell<kind>(own, products, bias_, 1, before_, kept);
    keep(step, own, kept);
    take_output(step, after.h);
    before_ = step.time < length_ ? after : CellState{};
    return before_.h;
  }

 private:
  __device__ float* gates_at(std::size_t k) const {
    return kept_.gates + Step(layer_, kept_, k).row(sample_) * layer_.columns() + unit_;
  }

  __device__ void keep(const Step& step, const float (&own)[gates], float more) {
    const std::size_t at = step.row(sample_) * layer_.units() + unit_;
    write_gates(own, layer_.units(), gates_at(step.k));
    kept_.before_h[at] = before_.h;
    if (kind == CellKind::Lstm) kept_.before_c[at] = before_.c;
    if (kind != CellKind::Rnn) kept_.more[at] = more;
  }

  __device__ void take_output(const Step& step, float h) {
    const float part = share_of_step(layer_, step.time, length_) * h;
    y_ = layer_.readout == Readout::All ? part : y_ + part;
    if (layer_.readout == Readout::All || step.k + 1 == layer_.steps) layer_.y.data[step.output(sample_, unit_)] = y_;
  }

  const Recurrence& layer_;
  const Kept& kept_;
  std::size_t sample_, unit_, length_;
  float bias_[gates + (kind == CellKind::Gru)], inputs_[gates];
  CellState before_{};
  float y_ = 0;
};

/// Thread t has column t of the recurrent weights.
template <CellKind kind, unsigned bound>
__global__ void __launch_bounds__(gates_of(kind) * bound) advance_samples(Recurrence layer, Kept kept) {
  alignas(float4) __shared__ float h[bound];
  __shared__ float recurrent[gates_of(kind) * bound];
  const unsigned t = threadIdx.x, units = static_cast<unsigned>(layer.units());
  float weights[bound];
  read_weights(layer.recurrent_weights.data + t, layer.columns(), units, weights);
  for (unsigned k = t; k < bound; k += blockDim.x) h[k] = 0.0f;
  UnitAhead<kind> unit(layer, kept, blockIdx.x, t % units);
  for (std::size_t k = 0; k < layer.steps; ++k) {
    __syncthreads();
    recurrent[t] = inner_product(h, weights);
    __syncthreads();
    if (t < units) h[t] = unit.advance(k, recurrent + t);
  }
}

/// One unit of one sample on its way back through the steps.
template <CellKind kind>
class UnitBack {
  static constexpr std::size_t gates = gates_of(kind);

 public:
  __device__ UnitBack(const Recurrence& layer, const Kept& kept, const float* dy, float* recurrent, std::size_t sample,
                      std::size_t unit)
      : layer_(layer), kept_(kept), dy_(dy), recurrent_(recurrent), sample_(sample), unit_(unit),
        length_(length_of(layer, sample)) {
    read(layer.steps - 1);
  }

  /// @param dh   dL/dh' without that of this step's output
  /// @param own  out: dL/d(h U), one per gate
  __device__ void step_back(std::size_t k, float dh, float (&own)[gates]) {
    const Step step(layer_, kept_, k);
    Numbers now = next_;
    if (k > 0) read(k - 1);
    CellState after{dh + share_of_step(layer_, step.time, length_) * now.dy, carry_};
    if (kind == CellKind::Gru) after.h += carry_;
    carry_ = formulas::cell_gradient<kind>(now.gates, own, 1, now.before, now.more, after);
    const bool valid = step.time < length_;
    if (!valid) carry_ = 0.0f;
    for (std::size_t gate = 0; gate < gates; ++gate) {
      if (!valid) now.gates[gate] = own[gate] = 0.0f;
      if (kind != CellKind::Gru) own[gate] = now.gates[gate];
    }
    const std::size_t first = step.row(sample_) * layer_.columns() + unit_;
    write_gates(now.gates, layer_.units(), kept_.gates + first);
    if (kind == CellKind::Gru) write_gates(own, layer_.units(), recurrent_ + first);
  }

 private:
  struct Numbers {
    float gates[UnitBack::gates], dy, more;
    CellState before;
  };

  /// What step k needs besides the gradient of the state.
  __device__ void read(std::size_t k) {
    const Step step(layer_, kept_, k);
    const std::size_t row = step.row(sample_), at = row * layer_.units() + unit_;
    read_gates(kept_.gates + row * layer_.columns() + unit_, layer_.units(), next_.gates);
    next_.before = {kept_.before_h[at], kind == CellKind::Lstm ? kept_.before_c[at] : 0.0f};
    next_.more = kind == CellKind::Rnn ? 0.0f : kept_.more[at];
    next_.dy = dy_[step.output(sample_, unit_)];
  }

  const Recurrence& layer_;
  const Kept& kept_;
  const float* dy_;
  float* recurrent_;
  std::size_t sample_, unit_, length_;
  Numbers next_;
  float carry_ = 0;
};

/// Thread t has the weights from unit t % units to gate t / units of all units.
template <CellKind kind, unsigned bound>
__global__ void __launch_bounds__(gates_of(kind) * bound)
    take_samples_back(Recurrence layer, Kept kept, const float* dy, float* recurrent) {
  constexpr std::size_t gates = gates_of(kind);
  alignas(float4) __shared__ float gradients[gates][bound];
  __shared__ float sums[gates * bound], stage[staged_rows][gates * bound + 1];  // an odd pitch: no two rows share a bank
  const unsigned t = threadIdx.x, units = static_cast<unsigned>(layer.units()), gate = t / units, own_unit = t % units;
  float weights[bound];
  read_row(layer.recurrent_weights, own_unit, gate * units, stage, weights);
  for (unsigned k = t % units; k < bound; k += units) gradients[gate][k] = 0.0f;
  UnitBack<kind> unit(layer, kept, dy, recurrent, blockIdx.x, own_unit);
  float dh = 0, own[gates];
  __syncthreads();
  for (std::size_t k = layer.steps; k-- > 0;) {
    if (t < units) {
      unit.step_back(k, dh, own);
      write_gates(own, bound, gradients[0] + t);
    }
    __syncthreads();
    sums[t] = inner_product(gradients[gate], weights);
    __syncthreads();
    dh = 0;
    for (unsigned from = own_unit; from < gates * units; from += units) dh += sums[from];
  }
}

template <CellKind kind_, unsigned bound_>
struct Sizes {
  static constexpr CellKind kind = kind_;
  static constexpr unsigned bound = bound_;  ///< of the units
};

template <CellKind kind, class Work>
auto with_bound(std::size_t units, const Work& work) {
  if (units <= 32) return work(Sizes<kind, 32>());
  if (units <= 64) return work(Sizes<kind, 64>());
  if constexpr (gates_of(kind) * most_units <= most_threads)
    if (units > 96) return work(Sizes<kind, most_units>());
  return work(Sizes<kind, 96>());
}

/// What `work` gives for the sizes that kernels for this layer are made for.
template <class Work>
auto with_sizes(const Recurrence& layer, const Work& work) {
  if (layer.kind == CellKind::Rnn) return with_bound<CellKind::Rnn>(layer.units(), work);
  if (layer.kind == CellKind::Gru) return with_bound<CellKind::Gru>(layer.units(), work);
  return with_bound<CellKind::Lstm>(layer.units(), work);
}

/// One block per sample, one thread per column of the recurrent weights.
Shape sample_shape(const Recurrence& layer) {
  return {static_cast<unsigned>(layer.x.rows), static_cast<unsigned>(layer.columns())};
}

}  // namespace

bool fits_one_kernel(const Recurrence& layer) {
  return !layer.sum_over_parts && layer.units() <= most_units && layer.columns() <= most_threads;
}

void advance_all(const Recurrence& layer, const Kept& kept, Stream& stream) {
  const auto kernel = with_sizes(layer, [](auto sizes) { return advance_samples<sizes.kind, sizes.bound>; });
  check(launch(stream, sample_shape(layer), kernel, layer, kept));
}

void all_gradients(const Recurrence& layer, const Kept& kept, const float* dy, float* recurrent, Stream& stream) {
  const auto kernel = with_sizes(layer, [](auto sizes) { return take_samples_back<sizes.kind, sizes.bound>; });
  check(launch(stream, sample_shape(layer), kernel, layer, kept, dy, recurrent));
}

}  // namespace regatta::device::cuda
