#include "wide_lanes.hpp"

#include <algorithm>
#include <type_traits>

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

/// What the warps of a row need for the last layer.
struct Head {
  static constexpr unsigned units = 16;  ///< that are added up at a time

  float sums[warps][warp]
            [units + 1];  ///< of each thread; the last one keeps neighbouring threads in different banks
  /// Of the row that begins with this warp.
  struct Row {
    float outputs[WidePlan::most_outputs], slopes[WidePlan::most_outputs], values[WidePlan::most_outputs];
    std::int32_t label;
  } rows[warps];
};

/// Of shared memory: first what threads work with, then what a block knows of its lane [numbers].
constexpr std::size_t work_numbers =
    std::max({std::size_t{SmallTile::numbers}, std::size_t{MediumTile::numbers},
              std::size_t{LargeTile::numbers}, std::size_t{in_fours(sizeof(Head) / sizeof(float))}});
constexpr std::size_t shared_bytes = work_numbers * sizeof(float) + sizeof(PlannedWideLane);

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

  /// Four neighbouring weights and what belongs to them.
  struct Four {
    float4 parameters, first, second;
  };
  __device__ Four read(std::size_t place) const {
    const auto four = [place](const float* numbers) {
      return *reinterpret_cast<const float4*>(numbers + place);
    };
    return {four(update.parameters), four(update.first_moment),
            update.kind == OptimizerKind::Sgd ? float4{0, 0, 0, 0} : four(update.second_moment)};
  }
  __device__ void write(std::size_t place, const Four& numbers) const {
    const auto four = [place](float* to) -> float4& { return *reinterpret_cast<float4*>(to + place); };
    four(update.parameters) = numbers.parameters;
    four(update.first_moment) = numbers.first;
    if (update.kind != OptimizerKind::Sgd) four(update.second_moment) = numbers.second;
  }
  template <class Tile>
  __device__ void step(Four& numbers, const Tile& tile, unsigned i) const {
    step<true>(numbers.parameters.x, numbers.first.x, numbers.second.x, tile.sum(i));
    step<true>(numbers.parameters.y, numbers.first.y, numbers.second.y, tile.sum(i + 1));
    step<true>(numbers.parameters.z, numbers.first.z, numbers.second.z, tile.sum(i + 2));
    step<true>(numbers.parameters.w, numbers.first.w, numbers.second.w, tile.sum(i + 3));
  }

  /// Of a layer's weights.
  /// @param first  place of the layer
  template <class Tile>
  __device__ void take(const Tile& tile, const Sizes& sizes, std::size_t first) const {
    const auto there = [&](unsigned i) { return tile.row(i) < sizes.rows && tile.column(i) < sizes.columns; };
    const auto place = [&](unsigned i) {
      return first + std::size_t{tile.row(i)} * sizes.columns + tile.column(i);
    };
    if (update.clip > 0 || sizes.columns % 4 != 0 || !in_lines_of_four(first)) {
      REGATTA_UNROLL(1)
      for (unsigned i = threadIdx.x; i < Tile::elements; i += wide_threads)
        if (there(i)) take_one(place(i), tile.sum(i));
      return;
    }
    // Some fours at a time, which wait for memory together.
    constexpr unsigned all = Tile::elements / 4, together = all < 4 * wide_threads ? 1 : 4;
    REGATTA_UNROLL(1)
    for (unsigned next = threadIdx.x; next < all; next += together * wide_threads) {
      Four numbers[together];
      for (unsigned t = 0; t < together; ++t) {
        const unsigned i = 4 * (next + t * wide_threads);
        numbers[t] = read(there(i) ? place(i) : first);
      }
      for (unsigned t = 0; t < together; ++t) {
        const unsigned i = 4 * (next + t * wide_threads);
        step(numbers[t], tile, i);
        if (there(i)) write(place(i), numbers[t]);
      }
    }
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
  __device__ WideLane(const PlannedWideLane& own, unsigned member, unsigned members)
      : own_(own), lane_(own.lane), plan_(own.plan), member_(member), members_(members) {}

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

  __device__ bool exact() const { return lane_.precision == Precision::Fp32; }

  __device__ void meet_others() { meet(own_.arrivals, members_, meetings_); }

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
    return {y(l), stride(l), rows.count, stride(l)};
  }
  __device__ Factor slope_rows(std::uint32_t l, std::uint32_t count) const {
    return {slopes(l), stride(l + 1), count, stride(l + 1)};
  }
  __device__ Factor weight_rows(std::uint32_t l) const {
    return {weights(l), width(l + 1), width(l), width(l + 1)};
  }

  __device__ void train_step(std::uint32_t step) {
    const Rows rows{lane_.x, lane_.order + std::size_t{step} * lane_.batch, rows_of_step(lane_, step)};
    const std::uint64_t key = key_of_step(lane_, step);
    hidden_layers(rows, &key);
    each_row(rows.count, [&](const RowOfBlock& row) {
      if (row.there) read_targets(rows, row);
      outputs(rows, row, [&](std::uint32_t unit, float sum) { keep_output(row, unit, sum, key); });
      if (row.there && row.thread == 0) take_loss(step, rows.count, row);
      __syncthreads();
      if (row.there) spread_slopes(row, key);
      __syncthreads();
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
      each_row(rows.count, [&](const RowOfBlock& row) {
        outputs(rows, row, [&](std::uint32_t unit, float sum) {
          const Activation kind = lane_.layers[layers() - 1].activation;
          judgement.outputs[(std::size_t{first} + row.number) * width(layers()) + unit] =
              activated(kind, sum);
        });
      });
      meet_others();
    }
  }

  /// All tiles of a product, shared among the blocks.
  template <bool a_along_depth, bool b_along_depth, class Finish>
  __device__ void multiply(const Sizes& sizes, const Factor& a, const Factor& b, const Finish& finish) {
    const auto all = [&](auto kind, auto fours) {
      for (std::uint32_t tile = member_; tile < kind.count(sizes); tile += members_)
        multiply_tile<decltype(kind), a_along_depth, b_along_depth, fours>(tile, sizes, a, b, exact(),
                                                                           finish);
    };
    if (!a.in_fours() || !b.in_fours()) return all(SmallTile(), std::false_type());
    with_best_tile(
        sizes, members_, [&](auto kind) { return kind.count(sizes); },
        [&](auto kind) { all(kind, std::true_type()); });
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

  /// A row of the batch that some warps of a block work at.
  struct RowOfBlock {
    std::uint32_t number;
    bool there;
    std::uint32_t first_warp, warps;
    std::uint32_t thread;  ///< the caller, among those of the row
  };

  /// Calls visit(row) in all threads of the block, some rows at a time. A row has all warps of a block where
  /// there are blocks enough, else one.
  template <class Visit>
  __device__ void each_row(std::uint32_t count, const Visit& visit) const {
    const std::uint32_t each = count <= members_ ? warps : 1, own = threadIdx.x / warp / each;
    for (std::uint32_t first = 0; first < count; first += members_ * (warps / each)) {
      const std::uint32_t row = first + own * members_ + member_;
      visit(RowOfBlock{row, row < count, own * each, each, threadIdx.x % (warp * each)});
    }
  }

  __device__ Head& head() const { return *reinterpret_cast<Head*>(shared_numbers()); }
  __device__ Head::Row& place_of(const RowOfBlock& row) const { return head().rows[row.first_warp]; }

  __device__ void read_targets(const Rows& rows, const RowOfBlock& row) const {
    const auto sample = static_cast<std::size_t>(rows.order[row.number]);
    const std::uint32_t columns = width(layers());
    if (lane_.targets.labels && row.thread == 0) place_of(row).label = lane_.targets.labels[sample];
    for (std::uint32_t j = row.thread; lane_.targets.values && j < columns; j += warp * row.warps)
      place_of(row).values[j] = lane_.targets.values[sample * columns + j];
  }

  /// Calls take(unit, z) for the units of the last layer, in different threads of the row. All threads of the
  /// block call it.
  template <class Take>
  __device__ void outputs(const Rows& rows, const RowOfBlock& row, const Take& take) const {
    const std::uint32_t last = layers() - 1, units = width(last + 1);
    const float* bias = lane_.update.parameters + plan_.biases[last];
    for (std::uint32_t first = 0; first < units; first += Head::units) {
      const std::uint32_t count = std::min(units - first, +Head::units);
      if (row.there) add_up(rows, row, first, count);
      __syncthreads();
      if (row.warps > 1) add_warps();
      if (row.there && row.thread < count) {
        float sum = 0;
        for (unsigned thread = 0; thread < warp; ++thread)
          sum += head().sums[row.first_warp][thread][row.thread];
        take(first + row.thread, sum + bias[first + row.thread]);
      }
      __syncthreads();
    }
  }

  /// The same sums with one warp and with all of them: those of a thread are the sums of as many parts as a
  /// block has warps.
  __device__ void add_up(const Rows& rows, const RowOfBlock& row, std::uint32_t first,
                         std::uint32_t count) const {
    const std::uint32_t last = layers() - 1, depth = width(last), units = width(last + 1);
    const float* from =
        last == 0 ? rows.sample(row.number, depth) : y(last) + std::size_t{row.number} * stride(last);
    const float* weight = weights(last) + first;
    float totals[Head::units] = {};
    for (std::uint32_t part = row.thread / warp; part < warps; part += row.warps) {
      float sums[Head::units] = {};
      for (std::uint32_t k = part * warp + row.thread % warp; k < depth; k += wide_threads)
        for (unsigned i = 0; i < Head::units; ++i)
          sums[i] += from[k] * weight[std::size_t{k} * units + (i < count ? i : 0)];
      for (unsigned i = 0; i < Head::units; ++i) totals[i] += sums[i];
    }
    for (unsigned i = 0; i < Head::units; ++i)
      head().sums[threadIdx.x / warp][threadIdx.x % warp][i] = totals[i];
  }
  __device__ void add_warps() const {
    for (unsigned i = threadIdx.x; i < warp * Head::units; i += wide_threads) {
      float* sum = &head().sums[0][i / Head::units][i % Head::units];
      for (unsigned other = 1; other < warps; ++other)
        *sum += head().sums[other][i / Head::units][i % Head::units];
    }
    __syncthreads();
  }

  __device__ void keep_output(const RowOfBlock& row, std::uint32_t unit, float before,
                              std::uint64_t key) const {
    const std::uint32_t last = layers() - 1;
    const Dropping drop = dropping_of(lane_, last, &key);
    if (gelu(last)) z(last)[std::size_t{row.number} * stride(last + 1) + unit] = before;
    place_of(row).outputs[unit] =
        drop.factor(drop.row(row.number), unit) * activated(lane_.layers[last].activation, before);
  }

  /// The loss of a sample, and dL/dz of the last layer. One thread does it.
  __device__ void take_loss(std::uint32_t step, std::uint32_t count, const RowOfBlock& row) const {
    const std::uint32_t last = layers() - 1, columns = width(last + 1);
    Head::Row& place = place_of(row);
    Targets targets = lane_.targets;
    if (targets.labels) targets.labels = &place.label;
    if (targets.values) targets.values = place.values;
    const LossRows sample{place.outputs, columns, 0, targets, 1.0f / static_cast<float>(count), place.slopes};
    const float loss = loss_of_row(lane_.loss, sample, 0);
    float* sum = own_.numbers + plan_.losses + row.number;
    *sum = step == 0 ? loss : *sum + loss;
    const Activation kind = lane_.layers[last].activation;
    if (kind == Activation::Identity) return;
    const float* before = gelu(last) ? z(last) + std::size_t{row.number} * stride(last + 1) : place.outputs;
    for (std::uint32_t j = 0; j < columns; ++j)
      place.slopes[j] *= slope_at(kind, before[j], place.outputs[j]);
  }

  /// dL/dz of the last layer, and of the one before it.
  __device__ void spread_slopes(const RowOfBlock& row, std::uint64_t key) const {
    const std::uint32_t last = layers() - 1, units = width(last + 1), threads = warp * row.warps;
    const float* slope = place_of(row).slopes;
    float* out = slopes(last) + std::size_t{row.number} * stride(last + 1);
    for (std::uint32_t unit = row.thread; unit < units; unit += threads) out[unit] = slope[unit];
    if (last == 0) return;
    const SlopeSink sink = slope_sink(last - 1, key);
    const float* weight = weights(last);
    const std::uint32_t below = width(last);
    with_constant(lane_.layers[last - 1].activation, [&](auto constant) {
      REGATTA_UNROLL(1)
      for (std::uint32_t unit = row.thread; unit < below; unit += threads) {
        float sum = 0;
        for (std::uint32_t j = 0; j < units; ++j) sum += slope[j] * weight[std::size_t{unit} * units + j];
        sink.template put<constant>(row.number, unit, sum);
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
      const Sizes sizes{width(l), width(l + 1), rows.count};
      const Factor a = inputs(l, rows), b = slope_rows(l, rows.count);
      const auto take_tiles = [&](auto kind, auto fours) {
        const std::uint32_t count = kind.count(sizes);
        for (; item < count; item += members_)
          multiply_tile<decltype(kind), false, false, fours>(
              item, sizes, a, b, exact(),
              [&](const auto& tile) { learning.take(tile, sizes, plan_.weights[l]); });
        item -= count;
      };
      a.in_fours() ? take_tiles(Kind(), std::true_type()) : take_tiles(SmallTile(), std::false_type());
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
    const std::uint32_t unit = first + threadIdx.x % warp;
    const bool there = unit < width(l + 1);
    float sum = 0;
    for (std::uint32_t row = threadIdx.x / warp; there && row < count; row += warps)
      sum += slopes(l)[std::size_t{row} * stride(l + 1) + unit];
    shared_numbers()[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x < warp && there) {
      for (std::uint32_t other = 1; other < warps; ++other)
        sum += shared_numbers()[other * warp + threadIdx.x];
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
    shared_numbers()[threadIdx.x] = sum;
    __syncthreads();
    for (unsigned half = wide_threads / 2; half > 0; half /= 2) {
      if (threadIdx.x < half) shared_numbers()[threadIdx.x] += shared_numbers()[threadIdx.x + half];
      __syncthreads();
    }
    return shared_numbers()[0];
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
  unsigned meetings_ = 0;
};

__global__ void __launch_bounds__(wide_threads, 2)
    train_wide_lane(const PlannedWideLane* lanes, unsigned members) {
  static_assert(sizeof(PlannedWideLane) % sizeof(unsigned) == 0);
  const auto* from = reinterpret_cast<const unsigned*>(lanes + blockIdx.x / members);
  auto* own = reinterpret_cast<unsigned*>(shared_numbers() + work_numbers);
  for (unsigned i = threadIdx.x; i < sizeof(PlannedWideLane) / sizeof(unsigned); i += wide_threads)
    own[i] = from[i];
  __syncthreads();
  WideLane(*reinterpret_cast<const PlannedWideLane*>(own), blockIdx.x % members, members).train();
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
