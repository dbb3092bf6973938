#include "wide_lanes.hpp"

#include <algorithm>

#include "check.hpp"
#include "lane_parts.hpp"
#include "launch.hpp"
#include "meeting.hpp"
#include "wide_tiles.hpp"

// Several blocks of threads train one lane: all tiles of a layer at once, then they meet, then the next
// layer. One launch makes many steps. Nothing depends on how many blocks there are.
namespace regatta::device::cuda {
namespace {

constexpr std::uint32_t warps = wide_threads / warp;

/// Sums over the depth of a row of the last layer, so many units at a time.
struct HeadSums {
  static constexpr unsigned units = 16;
  float of_thread[warps][warp][units + 1];  ///< the last one keeps neighbouring threads in different banks
};

constexpr std::size_t lane_numbers =
    (sizeof(PlannedWideLane) + 15) / 16 * 4;  ///< that keep what a block knows of its lane
constexpr std::size_t shared_bytes =
    lane_numbers * sizeof(float) +
    std::max({SmallTile::numbers * sizeof(float), MediumTile::numbers * sizeof(float),
              LargeTile::numbers * sizeof(float), sizeof(HeadSums)});

/// What becomes of a gradient: the parameter's step, or where it will be clipped a note of it.
struct WideLearning {
  formulas::UpdateFactors factors;
  Update update;

  template <bool penalised>
  __device__ void step(float& parameter, float& first, float& second, float gradient) const {
    if (update.kind == OptimizerKind::Sgd)
      formulas::sgd<penalised>(factors, gradient, parameter, first);
    else
      formulas::adam<penalised>(factors, gradient, parameter, first, second);
  }
  template <bool penalised>
  __device__ void step(std::size_t place, float gradient) const {
    step<penalised>(update.parameters[place], update.first_moment[place], update.second_moment[place],
                    gradient);
  }

  /// Of four neighbouring weights.
  __device__ void step_four(std::size_t place, const Sums& gradients) const {
    const auto four = [place](float* numbers) { return reinterpret_cast<float4*>(numbers + place); };
    const bool has_second = update.kind != OptimizerKind::Sgd;
    float4 parameters = *four(update.parameters), first = *four(update.first_moment), second{0, 0, 0, 0};
    if (has_second) second = *four(update.second_moment);
    step<true>(parameters.x, first.x, second.x, gradients.values[0]);
    step<true>(parameters.y, first.y, second.y, gradients.values[1]);
    step<true>(parameters.z, first.z, second.z, gradients.values[2]);
    step<true>(parameters.w, first.w, second.w, gradients.values[3]);
    *four(update.parameters) = parameters;
    *four(update.first_moment) = first;
    if (has_second) *four(update.second_moment) = second;
  }

  /// Of a layer's weights.
  template <class Tile>
  __device__ void take(const Tile& tile, const Sizes& sizes, std::size_t first) const {
    const bool fours = update.clip <= 0 && sizes.columns % 4 == 0 && in_lines_of_four(first);
    tile.each_four([&](std::uint32_t row, std::uint32_t column, const Sums& gradients) {
      if (row >= sizes.rows || column >= sizes.columns) return;
      const std::size_t place = first + std::size_t{row} * sizes.columns + column;
      if (fours) return step_four(place, gradients);
      for (unsigned c = 0; c < 4 && column + c < sizes.columns; ++c) take_one(place + c, gradients.values[c]);
    });
  }
  __device__ bool in_lines_of_four(std::size_t first) const {
    const auto aligned = [first](const float* numbers) {
      return reinterpret_cast<std::uintptr_t>(numbers + first) % sizeof(float4) == 0;
    };
    return aligned(update.parameters) && aligned(update.first_moment) &&
           (update.kind == OptimizerKind::Sgd || aligned(update.second_moment));
  }
  __device__ void take_one(std::size_t place, float gradient) const {
    if (update.clip > 0)
      gradients_of()[place] = gradient;
    else
      step<true>(place, gradient);
  }
  __device__ void take_bias(std::size_t place, float gradient) const {
    if (update.clip > 0)
      gradients_of()[place] = gradient;
    else
      step<false>(place, gradient);
  }
  __device__ float* gradients_of() const { return const_cast<float*>(update.gradients); }
};

/// What the threads of a block know of the lane that they train with others.
class WideLane {
 public:
  __device__ WideLane(const PlannedWideLane& own, unsigned member, unsigned members, float* shared)
      : own_(own), lane_(own.lane), plan_(own.plan), member_(member), members_(members), shared_(shared) {}

  __device__ void train() {
    for (std::uint32_t step = 0; step < lane_.steps; ++step) train_step(step);
    for (const Lane::Judgement& judgement : lane_.judgements)
      if (judgement.outputs) judge(judgement);
    if (member_ == 0 && threadIdx.x == 0) *lane_.loss_sum = loss();
  }

 private:
  __device__ std::uint32_t layers() const { return lane_.layer_count; }
  __device__ std::uint32_t width(std::uint32_t l) const { return plan_.widths[l]; }
  __device__ std::uint32_t stride(std::uint32_t l) const { return plan_.stride(l); }
  __device__ float* y(std::uint32_t l) const { return own_.numbers + plan_.y[l]; }
  __device__ float* z(std::uint32_t l) const { return own_.numbers + plan_.z[l]; }
  __device__ float* slopes(std::uint32_t l) const { return own_.numbers + plan_.slopes[l]; }
  __device__ const float* weights(std::uint32_t l) const {
    return lane_.update.parameters + plan_.weights[l];
  }
  __device__ bool gelu(std::uint32_t l) const { return lane_.layers[l].activation == Activation::Gelu; }
  /// What the slope of layer l's activation is a function of, besides y.
  __device__ const float* before_activation(std::uint32_t l) const { return gelu(l) ? z(l) : y(l + 1); }

  __device__ void meet_others() { meet(own_.meetings, members_, meetings_); }

  /// Some samples, and where they lie.
  struct Rows {
    const float* x;
    const std::int32_t* order;  ///< null: the first ones
    std::uint32_t count;

    __device__ const float* sample(std::uint32_t row, std::uint32_t columns) const {
      return x + static_cast<std::size_t>(order ? order[row] : static_cast<std::int32_t>(row)) * columns;
    }
  };
  /// Inputs of layer l, one line per sample.
  __device__ Factor inputs(std::uint32_t l, const Rows& rows) const {
    if (l == 0) return {rows.x, width(0), rows.count, width(0), rows.order};
    return {y(l), stride(l), rows.count, width(l)};
  }
  __device__ Factor slope_rows(std::uint32_t l, std::uint32_t count) const {
    return {slopes(l), stride(l + 1), count, width(l + 1)};
  }
  __device__ Factor weight_rows(std::uint32_t l) const {
    return {weights(l), width(l + 1), width(l), width(l + 1)};
  }

  __device__ void train_step(std::uint32_t step) {
    const Rows rows{lane_.x, lane_.order + std::size_t{step} * lane_.batch, rows_of_step(lane_, step)};
    const std::uint64_t key = key_of_step(lane_, step);
    hidden_layers(rows, &key);
    each_row(rows.count, [&](std::uint32_t row, bool there) {
      outputs(rows, row, there, [&](std::uint32_t unit, float sum) { keep_output(row, unit, sum, key); });
      if (there && thread_of_warp() == 0) take_loss(step, rows, row);
      __syncthreads();
      if (there && layers() > 1) spread_slopes(row, key);
    });
    meet_others();
    for (std::uint32_t l = layers() - 1; l-- > 1;) {
      input_gradient(l, rows.count, key);
      meet_others();
    }
    const WideLearning learning{own_.factors[step], lane_.update};
    gradients(rows, learning);
    meet_others();
    if (lane_.update.clip > 0) update_clipped(learning);
  }

  /// Outputs for all rows of the judgement, a batch at a time.
  __device__ void judge(const Lane::Judgement& judgement) {
    for (std::uint32_t first = 0; first < judgement.count; first += lane_.batch) {
      const std::uint32_t left = judgement.count - first;
      Rows rows{judgement.x, judgement.rows, left < lane_.batch ? left : lane_.batch};
      if (rows.order)
        rows.order += first;
      else
        rows.x += std::size_t{first} * width(0);
      hidden_layers(rows, nullptr);
      each_row(rows.count, [&](std::uint32_t row, bool there) {
        outputs(rows, row, there, [&](std::uint32_t unit, float sum) {
          const Activation kind = lane_.layers[layers() - 1].activation;
          judgement.outputs[(std::size_t{first} + row) * width(layers()) + unit] = activated(kind, sum);
        });
      });
      meet_others();
    }
  }

  /// All tiles of a product, shared among the blocks.
  template <bool a_along_depth, bool b_along_depth, class Finish>
  __device__ void multiply(const Sizes& sizes, const Factor& a, const Factor& b, const Finish& finish) {
    with_best_tile(
        sizes, members_, [&](auto kind) { return kind.count(sizes); },
        [&](auto kind) {
          for (std::uint32_t tile = member_; tile < kind.count(sizes); tile += members_)
            multiply_tile<decltype(kind), a_along_depth, b_along_depth>(tile, sizes, a, b, shared_, finish);
        });
  }

  /// All but the last one.
  /// @param key  of this step; null: nothing is dropped
  __device__ void hidden_layers(const Rows& rows, const std::uint64_t* key) {
    for (std::uint32_t l = 0; l + 1 < layers(); ++l) {
      const Dropping drop = dropping_of(lane_, l, key);
      const Activation kind = lane_.layers[l].activation;
      const float* bias = lane_.update.parameters + plan_.biases[l];
      float *out = y(l + 1), *z_out = gelu(l) ? z(l) : nullptr;
      const std::uint32_t count = rows.count, columns = width(l + 1), pitch = stride(l + 1);
      multiply<true, false>(
          {count, columns, width(l)}, inputs(l, rows), weight_rows(l), [&](const auto& tile) {
            with_constant(kind, [&](auto constant) {
              tile.each([=](std::uint32_t row, std::uint32_t unit, float sum) {
                if (row >= count || unit >= columns) return;
                const std::size_t place = std::size_t{row} * pitch + unit;
                const float before = sum + bias[unit];
                if (constant() == Activation::Gelu) z_out[place] = before;
                out[place] = drop.factor(drop.row(row), unit) * formulas::activate<constant>(before);
              });
            });
          });
      meet_others();
    }
  }

  __device__ static std::uint32_t thread_of_warp() { return threadIdx.x % warp; }

  /// Calls visit(row, whether it is there) once per warp and round; the rows are shared among the warps of
  /// all blocks.
  template <class Visit>
  __device__ void each_row(std::uint32_t count, const Visit& visit) const {
    for (std::uint32_t first = 0; first < count; first += members_ * warps) {
      const std::uint32_t row = first + threadIdx.x / warp * members_ + member_;
      visit(row, row < count);
    }
  }

  /// Calls take(unit, z) for the units of the last layer, in different threads of the row's warp. All threads
  /// of the block call it.
  template <class Take>
  __device__ void outputs(const Rows& rows, std::uint32_t row, bool there, const Take& take) const {
    auto& of_warp = reinterpret_cast<HeadSums*>(shared_)->of_thread[threadIdx.x / warp];
    const std::uint32_t last = layers() - 1, depth = width(last), units = width(last + 1);
    const float* bias = lane_.update.parameters + plan_.biases[last];
    for (std::uint32_t first = 0; first < units; first += HeadSums::units) {
      const std::uint32_t count = units - first < HeadSums::units ? units - first : HeadSums::units;
      float sums[HeadSums::units] = {};
      if (there) {
        const float* from = last == 0 ? rows.sample(row, depth) : y(last) + std::size_t{row} * stride(last);
        for (std::uint32_t k = thread_of_warp(); k < depth; k += warp) {
          const float* weight = weights(last) + std::size_t{k} * units + first;
          for (unsigned i = 0; i < HeadSums::units; ++i)
            if (i < count) sums[i] += from[k] * weight[i];
        }
      }
      for (unsigned i = 0; i < HeadSums::units; ++i) of_warp[thread_of_warp()][i] = sums[i];
      __syncthreads();
      if (there && thread_of_warp() < count) {
        const std::uint32_t unit = first + thread_of_warp();
        float sum = 0;
        for (unsigned thread = 0; thread < warp; ++thread) sum += of_warp[thread][thread_of_warp()];
        take(unit, sum + bias[unit]);
      }
      __syncthreads();
    }
  }

  __device__ void keep_output(std::uint32_t row, std::uint32_t unit, float before, std::uint64_t key) {
    const std::uint32_t last = layers() - 1;
    const Dropping drop = dropping_of(lane_, last, &key);
    const std::size_t place = std::size_t{row} * stride(last + 1) + unit;
    if (gelu(last)) z(last)[place] = before;
    y(last + 1)[place] = drop.factor(drop.row(row), unit) * activated(lane_.layers[last].activation, before);
  }

  /// The loss of a sample, and dL/dz of the last layer. One thread does it.
  __device__ void take_loss(std::uint32_t step, const Rows& rows, std::uint32_t row) {
    const std::uint32_t last = layers() - 1, columns = width(last + 1);
    const std::size_t first = std::size_t{row} * stride(last + 1);
    Targets targets = lane_.targets;
    if (targets.labels) targets.labels += rows.order[row];
    if (targets.values) targets.values += static_cast<std::size_t>(rows.order[row]) * columns;
    float *slope = slopes(last) + first, *sum = own_.numbers + plan_.losses + row;
    const float* after = y(last + 1) + first;
    const float loss = loss_of_row(
        lane_.loss, {after, columns, 0, targets, 1.0f / static_cast<float>(rows.count), slope}, 0);
    *sum = step == 0 ? loss : *sum + loss;
    const Activation kind = lane_.layers[last].activation;
    if (kind == Activation::Identity) return;
    const float* before = before_activation(last) + first;
    for (std::uint32_t j = 0; j < columns; ++j) slope[j] *= slope_at(kind, before[j], after[j]);
  }

  /// dL/dz of the layer before the last one, of one sample.
  __device__ void spread_slopes(std::uint32_t row, std::uint64_t key) {
    const std::uint32_t last = layers() - 1, units = width(last + 1);
    const SlopeSink sink = slope_sink(last - 1, key);
    const float *slope = slopes(last) + std::size_t{row} * stride(last + 1), *weight = weights(last);
    const std::uint32_t below = width(last);
    with_constant(lane_.layers[last - 1].activation, [&](auto constant) {
      REGATTA_UNROLL(1)
      for (std::uint32_t unit = thread_of_warp(); unit < below; unit += warp) {
        float sum = 0;
        for (std::uint32_t j = 0; j < units; ++j) sum += slope[j] * weight[std::size_t{unit} * units + j];
        sink.template put<constant>(row, unit, sum);
      }
    });
  }

  /// Where the slopes of a layer go.
  struct SlopeSink {
    const float *before, *after;
    float* out;
    std::uint32_t pitch;
    Dropping drop;

    /// @param sum  dL/dy, after dropout
    template <Activation kind>
    __device__ void put(std::uint32_t row, std::uint32_t unit, float sum) const {
      const std::size_t place = std::size_t{row} * pitch + unit;
      const float slope = formulas::slope<kind>(before[place], after[place] * drop.kept);
      out[place] = drop.factor(drop.row(row), unit) * sum * slope;
    }
  };
  __device__ SlopeSink slope_sink(std::uint32_t l, std::uint64_t key) const {
    return {before_activation(l), y(l + 1), slopes(l), stride(l + 1), dropping_of(lane_, l, &key)};
  }

  /// dL/dz of layer l - 1.
  __device__ void input_gradient(std::uint32_t l, std::uint32_t count, std::uint64_t key) {
    const SlopeSink sink = slope_sink(l - 1, key);
    const std::uint32_t columns = width(l);
    multiply<true, true>({count, columns, width(l + 1)}, slope_rows(l, count), weight_rows(l),
                         [&](const auto& tile) {
                           with_constant(lane_.layers[l - 1].activation, [&](auto constant) {
                             tile.each([=](std::uint32_t row, std::uint32_t unit, float sum) {
                               if (row < count && unit < columns) sink.template put<constant>(row, unit, sum);
                             });
                           });
                         });
  }

  /// Of all layers, with the parameters' steps.
  __device__ void gradients(const Rows& rows, const WideLearning& learning) {
    const auto tiles = [&](auto kind) {
      std::uint32_t count = 0;
      for (std::uint32_t l = 0; l < layers(); ++l) count += kind.count({width(l), width(l + 1), rows.count});
      return count;
    };
    with_best_tile({0, 0, rows.count}, members_, tiles,
                   [&](auto kind) { weight_gradients<decltype(kind)>(rows, learning); });
  }

  /// Tiles of all layers' weights, then columns of biases; the blocks take them in turns.
  template <class Kind>
  __device__ void weight_gradients(const Rows& rows, const WideLearning& learning) {
    std::uint32_t item = member_;
    for (std::uint32_t l = 0; l < layers(); ++l) {
      const std::uint32_t columns = width(l + 1);
      const Sizes sizes{width(l), columns, rows.count};
      for (; item < Kind::count(sizes); item += members_)
        multiply_tile<Kind, false, false>(
            item, sizes, inputs(l, rows), slope_rows(l, rows.count), shared_,
            [&](const auto& tile) { learning.take(tile, sizes, plan_.weights[l]); });
      item -= Kind::count(sizes);
    }
    for (std::uint32_t l = 0; l < layers(); ++l) {
      const std::uint32_t groups = (width(l + 1) + warp - 1) / warp;
      for (; item < groups; item += members_) bias_gradient(l, item * warp, rows.count, learning);
      item -= groups;
    }
  }

  /// Of the units [first, first + warp).
  __device__ void bias_gradient(std::uint32_t l, std::uint32_t first, std::uint32_t count,
                                const WideLearning& learning) {
    const std::uint32_t unit = first + thread_of_warp();
    const bool there = unit < width(l + 1);
    float sum = 0;
    for (std::uint32_t row = threadIdx.x / warp; there && row < count; row += warps)
      sum += slopes(l)[std::size_t{row} * stride(l + 1) + unit];
    shared_[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x < warp && there) {
      for (std::uint32_t other = 1; other < warps; ++other) sum += shared_[other * warp + threadIdx.x];
      learning.take_bias(plan_.biases[l] + unit, sum);
    }
    __syncthreads();
  }

  __device__ void update_clipped(WideLearning learning) {
    const std::size_t count = lane_.update.count;
    float* squares = own_.numbers + plan_.squares;
    const auto chunks = static_cast<std::uint32_t>((count + WidePlan::norm_chunk - 1) / WidePlan::norm_chunk);
    for (std::uint32_t chunk = member_; chunk < chunks; chunk += members_) {
      const float sum = sum_of_squares(std::size_t{chunk} * WidePlan::norm_chunk);
      if (threadIdx.x == 0) squares[chunk] = sum;
    }
    meet_others();
    float norm = 0;
    for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) norm += squares[chunk];
    learning.factors.squared_norm = &norm;
    const float scale = learning.factors.scale();
    for (std::size_t i = std::size_t{member_} * wide_threads + threadIdx.x; i < count;
         i += std::size_t{members_} * wide_threads) {
      const float gradient = scale * lane_.update.gradients[i];
      i < lane_.update.penalised ? learning.step<true>(i, gradient) : learning.step<false>(i, gradient);
    }
    meet_others();
  }

  /// Of one chunk of gradients, added up in pairs.
  __device__ float sum_of_squares(std::size_t first) {
    const std::size_t end =
        first + WidePlan::norm_chunk < lane_.update.count ? first + WidePlan::norm_chunk : lane_.update.count;
    float sum = 0;
    for (std::size_t i = first + threadIdx.x; i < end; i += wide_threads)
      sum += lane_.update.gradients[i] * lane_.update.gradients[i];
    __syncthreads();
    shared_[threadIdx.x] = sum;
    __syncthreads();
    for (unsigned half = wide_threads / 2; half > 0; half /= 2) {
      if (threadIdx.x < half) shared_[threadIdx.x] += shared_[threadIdx.x + half];
      __syncthreads();
    }
    return shared_[0];
  }

  __device__ float loss() const {
    float sum = 0;
    for (std::uint32_t row = 0; row < rows_of_step(lane_, 0) && lane_.steps > 0; ++row)
      sum += own_.numbers[plan_.losses + row];
    return sum;
  }

  const PlannedWideLane& own_;
  const Lane& lane_;
  const WidePlan& plan_;
  unsigned member_, members_;
  float* shared_;
  unsigned meetings_ = 0;
};

__global__ void __launch_bounds__(wide_threads, 2)
    train_wide_lane(const PlannedWideLane* lanes, unsigned members) {
  static_assert(sizeof(PlannedWideLane) % sizeof(unsigned) == 0);
  const auto* from = reinterpret_cast<const unsigned*>(lanes + blockIdx.x / members);
  auto* own = reinterpret_cast<unsigned*>(shared_numbers());
  for (unsigned i = threadIdx.x; i < sizeof(PlannedWideLane) / sizeof(unsigned); i += wide_threads)
    own[i] = from[i];
  __syncthreads();
  WideLane(*reinterpret_cast<const PlannedWideLane*>(own), blockIdx.x % members, members,
           shared_numbers() + lane_numbers)
      .train();
}

}  // namespace

bool fits_wide_lane(const Lane& lane) {
  constexpr std::size_t most_parameters = std::size_t{1} << 24;
  return lane.layer_count > 0 && lane.layer_count <= Lane::most_layers &&
         lane.update.count <= most_parameters &&
         lane.layers[lane.layer_count - 1].units <= WidePlan::most_outputs;
}

std::size_t wide_lane_blocks(std::size_t processors) {
  check(cudaFuncSetAttribute(train_wide_lane, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared_bytes)));
  int per_processor = 0;
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_processor, train_wide_lane, wide_threads,
                                                      shared_bytes));
  return processors * static_cast<std::size_t>(per_processor);
}

std::size_t useful_blocks(const Lane& lane, const WidePlan& plan) {
  std::size_t weights = 0, outputs = 1;
  for (std::uint32_t l = 0; l < lane.layer_count; ++l) {
    weights += SmallTile::count({plan.widths[l], plan.widths[l + 1], lane.batch});
    outputs =
        std::max<std::size_t>(outputs, SmallTile::count({lane.batch, plan.widths[l + 1], plan.widths[l]}));
  }
  return std::max(outputs, weights / 4);
}

void train_wide_lanes(const PlannedWideLane* lanes, std::size_t count, std::size_t blocks_per_lane,
                      Stream& stream) {
  cudaLaunchAttribute together{};
  together.id = cudaLaunchAttributeCooperative;
  together.val.cooperative = 1;
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = static_cast<unsigned>(count * blocks_per_lane);
  configuration.blockDim = wide_threads;
  configuration.dynamicSmemBytes = shared_bytes;
  configuration.stream = stream;
  configuration.attrs = &together;
  configuration.numAttrs = 1;
  check(cudaLaunchKernelEx(&configuration, train_wide_lane, lanes, static_cast<unsigned>(blocks_per_lane)));
}

}  // namespace regatta::device::cuda
