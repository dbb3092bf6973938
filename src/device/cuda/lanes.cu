#include "lanes.hpp"

#include <cmath>
#include <span>

#include "check.hpp"
#include "lane_parts.hpp"
#include "launch.hpp"

// A block of threads trains one lane. Its weights and activations stay in the shared memory from the first step to the last;
// between two barriers all threads share one product, in tiles that each thread keeps in its registers.
namespace regatta::device::cuda {
namespace {

/// One factor of a product: neighbouring numbers lie along the depth of the product, or along its rows or columns.
struct Operand {
  const float* numbers;
  std::uint32_t stride;  ///< between rows or columns where numbers lie along the depth, else between steps of the depth
};

/// Numbers of `rows` rows of the first factor at four steps of the depth.
template <bool along_depth, unsigned rows>
__device__ void read_rows(const Operand& a, std::uint32_t row, std::uint32_t depth, float (&values)[rows][4]) {
  if constexpr (along_depth) {
    for (unsigned r = 0; r < rows; ++r) {
      const float4 four = *reinterpret_cast<const float4*>(a.numbers + (row + r) * a.stride + depth);
      values[r][0] = four.x, values[r][1] = four.y, values[r][2] = four.z, values[r][3] = four.w;
    }
  } else if constexpr (rows == 4) {
    for (unsigned k = 0; k < 4; ++k) {
      const float4 four = *reinterpret_cast<const float4*>(a.numbers + (depth + k) * a.stride + row);
      values[0][k] = four.x, values[1][k] = four.y, values[2][k] = four.z, values[3][k] = four.w;
    }
  } else {
    for (unsigned k = 0; k < 4; ++k)
      for (unsigned r = 0; r < rows; ++r) values[r][k] = a.numbers[(depth + k) * a.stride + row + r];
  }
}

/// Four columns of the second factor at four steps of the depth: neighbours, or where numbers lie along the depth those
/// that are `columns` / 4 apart, so that neighbouring threads read from neighbouring columns.
template <bool along_depth>
__device__ void read_columns(const Operand& b, std::uint32_t tile, std::uint32_t tiles, std::uint32_t depth,
                             float (&values)[4][4]) {
  for (unsigned c = 0; c < 4; ++c) {
    const float* from = along_depth ? b.numbers + (tile + c * tiles) * b.stride + depth
                                    : b.numbers + (depth + c) * b.stride + 4 * tile;
    const float4 four = *reinterpret_cast<const float4*>(from);
    if constexpr (along_depth) values[0][c] = four.x, values[1][c] = four.y, values[2][c] = four.z, values[3][c] = four.w;
    else values[c][0] = four.x, values[c][1] = four.y, values[c][2] = four.z, values[c][3] = four.w;
  }
}

/// Sizes of a product, each a multiple of four.
struct Extent {
  std::uint32_t rows, columns, depth;
};

/// finish(row, tile, sums) gets four columns of a row: 4 tile, 4 tile + 1, ... or where the second factor's numbers lie along
/// the depth tile, tile + columns / 4, ...
template <unsigned tile_rows, bool a_along_depth, bool b_along_depth, class Finish>
__device__ void multiply_tiles(const Extent& extent, const Operand& a, const Operand& b, const Finish& finish) {
  const std::uint32_t tiles = extent.columns / 4;
  for (std::uint32_t t = threadIdx.x; t < extent.rows / tile_rows * tiles; t += blockDim.x) {
    const std::uint32_t row = t / tiles * tile_rows, tile = t % tiles;
    float sums[tile_rows][4] = {};
    for (std::uint32_t depth = 0; depth < extent.depth; depth += 4) {
      float left[tile_rows][4], right[4][4];
      read_rows<a_along_depth>(a, row, depth, left);
      read_columns<b_along_depth>(b, tile, tiles, depth, right);
      for (unsigned k = 0; k < 4; ++k)
        for (unsigned r = 0; r < tile_rows; ++r)
          for (unsigned c = 0; c < 4; ++c) sums[r][c] += left[r][k] * right[k][c];
    }
    for (unsigned r = 0; r < tile_rows; ++r) finish(row + r, tile, sums[r]);
  }
}

/// Low tiles where high ones would leave threads without work.
template <bool a_along_depth, bool b_along_depth, class Finish>
__device__ void multiply(const Extent& extent, const Operand& a, const Operand& b, const Finish& finish) {
  const std::uint32_t fours = extent.rows * extent.columns / 4;
  if (fours <= blockDim.x) multiply_tiles<1, a_along_depth, b_along_depth>(extent, a, b, finish);
  else if (fours <= 2 * blockDim.x) multiply_tiles<2, a_along_depth, b_along_depth>(extent, a, b, finish);
  else multiply_tiles<4, a_along_depth, b_along_depth>(extent, a, b, finish);
}

/// What becomes of a gradient: the parameter's step, or where it will be clipped a note of it.
struct Learning {
  formulas::UpdateFactors factors;
  bool sgd, noted;
  float *parameters, *first_moment, *second_moment;
  float* gradients;  ///< all places are those of the arena, but for the parameters

  template <bool penalised>
  __device__ void step(std::size_t in_arena, std::uint32_t place, float gradient) const {
    if (sgd) formulas::sgd<penalised>(factors, gradient, parameters[place], first_moment[in_arena]);
    else formulas::adam<penalised>(factors, gradient, parameters[place], first_moment[in_arena], second_moment[in_arena]);
  }
  /// @param squares  of the noted gradients, added to
  template <bool penalised>
  __device__ void take(std::size_t in_arena, std::uint32_t place, float gradient, float& squares) const {
    if (!noted) return step<penalised>(in_arena, place, gradient);
    gradients[in_arena] = gradient;
    squares += gradient * gradient;
  }
};

/// What the threads of a block know of their lane.
class LaneBlock {
 public:
  __device__ LaneBlock(const Lane& lane, const LanePlan& plan, float* numbers, formulas::UpdateFactors& factors, float* terms)
      : lane_(lane), plan_(plan), numbers_(numbers), factors_(factors), terms_(terms) {}

  __device__ void train() {
    if (lane_.shuffles) shuffle();
    load();
    for (std::uint32_t step = 0; step < lane_.steps; ++step) train_step(step);
    store();
    for (const Lane::Judgement& judgement : lane_.judgements)
      if (judgement.outputs) judge(judgement);
    const float loss = sum_over_threads(loss_);
    if (threadIdx.x == 0) *lane_.loss_sum = loss;
  }

 private:
  __device__ std::uint32_t layers() const { return lane_.layer_count; }
  __device__ std::uint32_t width(std::uint32_t l) const { return plan_.widths[l]; }
  __device__ std::uint32_t stride(std::uint32_t l) const { return in_fours(plan_.widths[l]); }
  __device__ float* y(std::uint32_t l) const { return numbers_ + plan_.y[l]; }
  __device__ float* slopes(std::uint32_t l) const { return numbers_ + plan_.slopes[l % 2]; }

  /// Calls visit(place in the arena, place in the shared memory) for this thread's share of a layer's weights.
  template <class Visit>
  __device__ void each_weight(std::uint32_t l, std::size_t first, const Visit& visit) const {
    const std::uint32_t columns = width(l + 1), count = width(l) * columns, row_stride = plan_.weight_stride(l);
    for (std::uint32_t i = threadIdx.x; i < count; i += blockDim.x)
      visit(first + i, plan_.weights[l] + i / columns * row_stride + i % columns);
  }
  template <class Visit>
  __device__ void each_parameter(const Visit& visit) const {
    std::size_t weight = 0, bias = lane_.update.penalised;
    for (std::uint32_t l = 0; l < layers(); ++l) {
      each_weight(l, weight, visit);
      for (std::uint32_t i = threadIdx.x; i < width(l + 1); i += blockDim.x) visit(bias + i, plan_.biases[l] + i);
      weight += std::size_t{width(l)} * width(l + 1);
      bias += width(l + 1);
    }
  }

  /// One thread does it, in shared memory, because each number depends on the one before.
  __device__ void shuffle() {
    auto* rows = reinterpret_cast<std::int32_t*>(numbers_);
    for (std::uint32_t i = threadIdx.x; i < lane_.rows; i += blockDim.x)
      rows[i] = lane_.shuffled ? lane_.shuffled[i] : static_cast<std::int32_t>(i);
    __syncthreads();
    if (threadIdx.x == 0) Random(lane_.shuffle_seed).shuffle(std::span(rows, lane_.rows));
    __syncthreads();
    for (std::uint32_t i = threadIdx.x; i < lane_.rows; i += blockDim.x) lane_.order[i] = rows[i];
    __syncthreads();
  }

  __device__ float* moment(unsigned which) const {
    if (plan_.moments_inside) return numbers_ + plan_.moments[which];
    return which == 0 ? lane_.update.first_moment : lane_.update.second_moment;
  }

  __device__ void load() {
    for (std::uint32_t i = threadIdx.x; i < plan_.size; i += blockDim.x) numbers_[i] = 0;
    __syncthreads();
    each_parameter([this](std::size_t from, std::uint32_t to) { numbers_[to] = lane_.update.parameters[from]; });
    for (std::size_t i = threadIdx.x; i < lane_.update.count && plan_.moments_inside; i += blockDim.x) {
      moment(0)[i] = lane_.update.first_moment[i];
      if (lane_.update.kind != OptimizerKind::Sgd) moment(1)[i] = lane_.update.second_moment[i];
    }
    __syncthreads();
  }

  __device__ void store() {
    each_parameter([this](std::size_t to, std::uint32_t from) { lane_.update.parameters[to] = numbers_[from]; });
    for (std::size_t i = threadIdx.x; i < lane_.update.count && plan_.moments_inside; i += blockDim.x) {
      lane_.update.first_moment[i] = moment(0)[i];
      if (lane_.update.kind != OptimizerKind::Sgd) lane_.update.second_moment[i] = moment(1)[i];
    }
  }

  __device__ void train_step(std::uint32_t step) {
    const std::uint32_t first = step * lane_.batch, count = rows_of_step(lane_, step);
    const std::uint64_t key = key_of_step(lane_, step);
    gather(lane_.x, lane_.order + first, count);
    gather_targets(lane_.order + first, count);
    __syncthreads();
    if (threadIdx.x == blockDim.x - 1) factors_ = factors_at(step);  // in a warp that the first layer may leave idle
    forward(count, &key);
    take_loss(count);
    __syncthreads();
    squares_ = 0;
    backward(count, key);
    if (lane_.update.clip > 0) update_clipped();
  }

  __device__ formulas::UpdateFactors factors_at(std::uint32_t step) const {
    Update update = lane_.update;
    update.step += step;
    update.learning_rate = lane_.rates[step];
    return formulas::factors_of(update);
  }

  /// Rows up to a multiple of four are 0.
  __device__ void gather(const float* x, const std::int32_t* rows, std::uint32_t count) {
    const std::uint32_t columns = width(0);
    for (std::uint32_t at = threadIdx.x; at < in_fours(count) * columns; at += blockDim.x) {
      const std::uint32_t i = at / columns, j = at % columns;
      y(0)[i * stride(0) + j] = i < count ? x[static_cast<std::size_t>(rows[i]) * columns + j] : 0.0f;
    }
  }

  __device__ void gather_targets(const std::int32_t* rows, std::uint32_t count) {
    const std::uint32_t outputs = width(layers());
    auto* labels = reinterpret_cast<std::int32_t*>(numbers_ + plan_.labels);
    for (std::uint32_t i = threadIdx.x; i < count && lane_.targets.labels; i += blockDim.x)
      labels[i] = lane_.targets.labels[rows[i]];
    for (std::uint32_t at = threadIdx.x; at < count * outputs && lane_.targets.values; at += blockDim.x)
      numbers_[plan_.values + at] =
          lane_.targets.values[static_cast<std::size_t>(rows[at / outputs]) * outputs + at % outputs];
  }

  /// @param key  of this step; null: nothing is dropped
  __device__ void forward(std::uint32_t count, const std::uint64_t* key) {
    for (std::uint32_t l = 0; l < layers(); ++l) {
      const Dropping drop = dropping_of(lane_, l, key);
      const Activation kind = lane_.layers[l].activation;
      const float* bias = numbers_ + plan_.biases[l];
      float* out = y(l + 1);
      float* z_out = kind == Activation::Gelu ? numbers_ + plan_.z[l] : nullptr;
      const std::uint32_t columns = stride(l + 1);
      multiply<true, false>({in_fours(count), columns, stride(l)}, {y(l), stride(l)},
                            {numbers_ + plan_.weights[l], plan_.weight_stride(l)},
                            [&](std::uint32_t row, std::uint32_t tile, const float (&sums)[4]) {
                              const std::uint64_t of_row = drop.row(row);
                              for (unsigned c = 0; c < 4; ++c) {
                                const std::uint32_t unit = 4 * tile + c;
                                const float z = sums[c] + bias[unit];
                                if (z_out) z_out[row * columns + unit] = z;
                                out[row * columns + unit] = drop.factor(of_row, unit) * activated(kind, z);
                              }
                            });
      __syncthreads();
    }
  }

  /// Losses of this thread's samples, and dL/dz of the last layer.
  __device__ void take_loss(std::uint32_t count) {
    const std::uint32_t last = layers(), columns = stride(last);
    Targets targets = lane_.targets;
    if (targets.labels) targets.labels = reinterpret_cast<const std::int32_t*>(numbers_ + plan_.labels);
    if (targets.values) targets.values = numbers_ + plan_.values;
    float* slope = slopes(last);
    const float* z = before_activation(last - 1);
    const LossRows rows{y(last), width(last), columns, targets, 1.0f / static_cast<float>(count), slope};
    for (std::uint32_t i = threadIdx.x; i < in_fours(count); i += blockDim.x) {
      if (i < count) loss_ += static_cast<double>(loss_of_row(lane_.loss, rows, i));
      const Activation kind = lane_.layers[last - 1].activation;
      for (std::uint32_t j = 0; j < columns; ++j) {
        float& value = slope[i * columns + j];
        if (i >= count || j >= width(last)) value = 0;
        else if (kind != Activation::Identity) value *= slope_at(kind, z[i * columns + j], y(last)[i * columns + j]);
      }
    }
  }

  /// What the slope of layer l's activation is a function of, besides y.
  __device__ const float* before_activation(std::uint32_t l) const {
    return lane_.layers[l].activation == Activation::Gelu ? numbers_ + plan_.z[l] : y(l + 1);
  }

  __device__ void backward(std::uint32_t count, std::uint64_t key) {
    std::size_t weight = lane_.update.penalised, bias = lane_.update.count;
    for (std::uint32_t l = layers(); l-- > 0;) {
      weight -= std::size_t{width(l)} * width(l + 1);
      bias -= width(l + 1);
      if (l > 0) input_gradient(l, count, key);
      __syncthreads();
      weight_gradient(l, count, weight, bias);
      __syncthreads();
    }
  }

  /// dL/dz of layer l - 1.
  __device__ void input_gradient(std::uint32_t l, std::uint32_t count, std::uint64_t key) {
    const std::uint32_t columns = stride(l);
    const Dropping drop = dropping_of(lane_, l - 1, &key);
    const Activation kind = lane_.layers[l - 1].activation;
    const float *z = before_activation(l - 1), *after = y(l);
    float* out = slopes(l);
    multiply<true, true>({in_fours(count), columns, stride(l + 1)}, {slopes(l + 1), stride(l + 1)},
                         {numbers_ + plan_.weights[l], plan_.weight_stride(l)},
                         [&](std::uint32_t row, std::uint32_t tile, const float (&sums)[4]) {
                           const std::uint64_t of_row = drop.row(row);
                           for (unsigned c = 0; c < 4; ++c) {
                             const std::uint32_t unit = tile + c * (columns / 4), place = row * columns + unit;
                             out[place] =
                                 drop.factor(of_row, unit) * sums[c] * slope_at(kind, z[place], after[place] * drop.kept);
                           }
                         });
  }

  /// @param weight, bias  places of the layer's first ones in the arena
  __device__ void weight_gradient(std::uint32_t l, std::uint32_t count, std::size_t weight, std::size_t bias) {
    const Learning learning = this->learning();
    const float* slope = slopes(l + 1);
    const std::uint32_t first = plan_.weights[l], first_bias = plan_.biases[l];
    float squares = 0;
    const std::uint32_t rows = width(l), columns = width(l + 1), row_stride = plan_.weight_stride(l);
    multiply<false, false>({stride(l), stride(l + 1), in_fours(count)}, {y(l), stride(l)}, {slope, stride(l + 1)},
                           [&](std::uint32_t row, std::uint32_t tile, const float (&sums)[4]) {
                             for (unsigned c = 0; c < 4; ++c) {
                               const std::uint32_t unit = 4 * tile + c;
                               if (row < rows && unit < columns)
                                 learning.take<true>(weight + row * columns + unit, first + row * row_stride + unit,
                                                     sums[c], squares);
                             }
                           });
    // Those that had no tile begin, from the other end.
    for (std::uint32_t j = blockDim.x - 1 - threadIdx.x; j < columns; j += blockDim.x) {
      float sum = 0;
      for (std::uint32_t i = 0; i < count; ++i) sum += slope[i * stride(l + 1) + j];
      learning.take<false>(bias + j, first_bias + j, sum, squares);
    }
    squares_ += squares;
  }

  __device__ Learning learning() const {
    return {factors_,  lane_.update.kind == OptimizerKind::Sgd, lane_.update.clip > 0, numbers_, moment(0),
            moment(1), const_cast<float*>(lane_.update.gradients)};
  }

  __device__ void update_clipped() {
    sum_over_threads(squares_);
    Learning learning = this->learning();
    learning.factors.squared_norm = terms_;  // the first of them is the sum
    const float scale = learning.factors.scale();
    const std::size_t penalised = lane_.update.penalised;
    each_parameter([&](std::size_t in_arena, std::uint32_t place) {
      const float gradient = scale * learning.gradients[in_arena];
      in_arena < penalised ? learning.step<true>(in_arena, place, gradient) : learning.step<false>(in_arena, place, gradient);
    });
    __syncthreads();
  }

  /// Outputs for all rows of the judgement, a batch at a time.
  __device__ void judge(const Lane::Judgement& judgement) {
    const std::uint32_t outputs = width(layers());
    for (std::uint32_t first = 0; first < judgement.count; first += lane_.batch) {
      const std::uint32_t left = judgement.count - first, count = left < lane_.batch ? left : lane_.batch;
      __syncthreads();
      if (judgement.rows) gather(judgement.x, judgement.rows + first, count);
      else gather_next(judgement.x + std::size_t{first} * width(0), count);
      __syncthreads();
      forward(count, nullptr);
      for (std::uint32_t at = threadIdx.x; at < count * outputs; at += blockDim.x)
        judgement.outputs[std::size_t{first} * outputs + at] = y(layers())[at / outputs * stride(layers()) + at % outputs];
    }
  }

  __device__ void gather_next(const float* x, std::uint32_t count) {
    const std::uint32_t columns = width(0);
    for (std::uint32_t at = threadIdx.x; at < count * columns; at += blockDim.x)
      y(0)[at / columns * stride(0) + at % columns] = x[at];
  }

  /// Added up in pairs.
  __device__ float sum_over_threads(double own) {
    __syncthreads();
    terms_[threadIdx.x] = static_cast<float>(own);
    __syncthreads();
    for (unsigned half = lane_threads / 2; half > 0; half /= 2) {
      if (threadIdx.x < half) terms_[threadIdx.x] += terms_[threadIdx.x + half];
      __syncthreads();
    }
    return terms_[0];
  }

  const Lane& lane_;
  const LanePlan& plan_;
  float* numbers_;
  formulas::UpdateFactors& factors_;  ///< of this step
  float* terms_;                      ///< one per thread
  double loss_ = 0;                   ///< of this thread's samples
  float squares_ = 0;                 ///< of the gradients that this thread knows
};

__global__ void __launch_bounds__(lane_threads) train_lane(const PlannedLane* lanes) {
  __shared__ formulas::UpdateFactors factors;
  __shared__ float terms[lane_threads];
  const PlannedLane& own = lanes[blockIdx.x];
  LaneBlock(own.lane, own.plan, shared_numbers(), factors, terms).train();
}

}  // namespace

void allow_lanes(std::size_t shared_bytes) {
  check(cudaFuncSetAttribute(train_lane, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)));
}

void train_lanes(const PlannedLane* lanes, std::size_t count, std::size_t shared_bytes, Stream& stream) {
  check(launch(stream, {static_cast<unsigned>(count), lane_threads, shared_bytes}, train_lane, lanes));
}

}  // namespace regatta::device::cuda
