#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "../activation_switch.hpp"
#include "../dropout_hash.hpp"
#include "lane_bundle.hpp"
#include "lane_losses.hpp"
#include "lane_products.hpp"
#include "regatta/core/random.hpp"

// For the sources that are compiled for one instruction set each: [[gnu::flatten]] puts all of this into their functions.
namespace regatta::device::loops {

/// `tile_rows` x `tile_columns` sums of a product stay in registers.
template <int lanes, int tile_rows, int tile_columns>
class Bundle {
 public:
  Bundle(std::span<const Lane* const> members, std::vector<float>& scratch) : members_(members), first_(*members.front()) {
    describe_layers();
    describe_updates();
    place(scratch);
    for (std::size_t lane = 0; lane < members_.size(); ++lane) copy_state<true>(lane);
  }

  void train() {
    std::uint32_t steps = 0;
    for (const Lane* lane : members_) steps = std::max(steps, lane->steps);
    for (std::uint32_t step = 0; step < steps; ++step) train_step(step);
    for (std::size_t lane = 0; lane < members_.size(); ++lane) *members_[lane]->loss_sum = static_cast<float>(loss_[lane]);
    for (std::size_t which = 0; which < Lane::most_judgements; ++which) judge(which);
  }

 private:
  using Vector = typename Register<lanes>::Vector;
  static constexpr std::size_t most = Lane::most_layers;
  static constexpr std::size_t block_rows = 16;  ///< samples at a time, whose activations stay in the nearest caches

  static constexpr unsigned bit(Activation kind) { return 1u << static_cast<unsigned>(kind); }
  std::size_t layers() const { return first_.layer_count; }
  /// That one, or where there are fewer another one, whose results nobody wants.
  const Lane& member(std::size_t lane) const { return *members_[lane < members_.size() ? lane : 0]; }

  void describe_layers() {
    widths_[0] = first_.inputs;
    for (std::size_t l = 0; l < layers(); ++l) {
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const Lane::Layer& layer = member(lane).layers[l];
        widths_[l + 1] = std::max<std::size_t>(widths_[l + 1], layer.units);
        units_[l][lane] = static_cast<std::int32_t>(layer.units);
        kind_[l][lane] = static_cast<std::int32_t>(layer.activation);
        kinds_[l] |= bit(layer.activation);
        kept_[l][lane] = 1.0f - layer.dropout;
        drops_[l] = drops_[l] || layer.dropout > 0;
      }
      weights_ += widths_[l] * widths_[l + 1];
      biases_ += widths_[l + 1];
    }
  }

  void describe_updates() {
    for (const Lane* lane : members_) {
      penalised_ = penalised_ || lane->update.weight_decay != 0 || lane->update.l1 != 0;
      clips_ = clips_ || lane->update.clip > 0;
      (lane->update.kind == OptimizerKind::Sgd ? some_sgd_ : some_adam_) = true;
    }
  }

  void place(std::vector<float>& scratch) {
    const std::size_t count = weights_ + biases_, outputs = widths_[layers()];
    const std::size_t widest = *std::ranges::max_element(widths_.begin() + 1, widths_.end());
    std::size_t size = 4 * count + block_rows * (widths_[0] + outputs + 2 * widest);
    for (std::size_t l = 0; l < layers(); ++l) size += 2 * block_rows * widths_[l + 1];
    scratch.assign(size * lanes + 64 / sizeof(float), 0.0f);
    float* next = scratch.data() + (-reinterpret_cast<std::size_t>(scratch.data()) & 63) / sizeof(float);
    const auto take = [&next](std::size_t numbers) { return std::exchange(next, next + numbers * lanes); };
    state_ = {take(count), take(count), take(count), take(count)};
    targets_ = take(block_rows * outputs);
    for (std::size_t l = 0; l <= layers(); ++l) y_[l] = take(block_rows * widths_[l]);
    for (std::size_t l = 0; l < layers(); ++l) {
      const bool from_y = kinds_[l] != bit(Activation::Gelu) && (kinds_[l] & (kinds_[l] - 1)) == 0;
      z_[l] = from_y ? y_[l + 1] : take(block_rows * widths_[l + 1]);
    }
    for (float*& slopes : slopes_) slopes = take(block_rows * widest);
  }

  /// Calls visit(place in the lane's own arena, place in the bundle's).
  template <class Visit>
  void each_parameter(const Lane& lane, const Visit& visit) const {
    std::size_t weight = 0, bias = lane.update.penalised, to = 0, to_bias = weights_, inputs = lane.inputs;
    for (std::size_t l = 0; l < layers(); ++l) {
      const std::size_t units = lane.layers[l].units, width = widths_[l + 1];
      for (std::size_t k = 0; k < inputs; ++k)
        for (std::size_t j = 0; j < units; ++j) visit(weight++, to + k * width + j);
      for (std::size_t j = 0; j < units; ++j) visit(bias++, to_bias + j);
      to += widths_[l] * width;
      to_bias += width;
      inputs = units;
    }
  }

  /// Parameters and moments, into the bundle or out of it.
  template <bool into>
  void copy_state(std::size_t lane) {
    const Update& update = members_[lane]->update;
    const auto copy = [&](float* own, float* bundled) {
      each_parameter(*members_[lane], [&](std::size_t from, std::size_t to) {
        if constexpr (into) bundled[to * lanes + lane] = own[from];
        else own[from] = bundled[to * lanes + lane];
      });
    };
    copy(update.parameters, state_.parameters);
    copy(update.first_moment, state_.first_moment);
    if (update.kind != OptimizerKind::Sgd) copy(update.second_moment, state_.second_moment);
  }

  /// The lanes whose last batch is short, or who have no such step, have fewer samples than the others.
  void train_step(std::uint32_t step) {
    std::uint32_t longest = 0;
    for (std::size_t lane = 0; lane < members_.size(); ++lane) {
      const Lane& own = *members_[lane];
      counts_[lane] = step < own.steps ? std::min(own.batch, own.rows - step * own.batch) : 0;
      scales_[lane] = counts_[lane] > 0 ? 1.0f / static_cast<float>(counts_[lane]) : 0.0f;
      keys_[lane] = derive_seed(own.seed, static_cast<std::uint64_t>(own.update.step) - 1 + step);
      longest = std::max(longest, counts_[lane]);
    }
    std::fill_n(state_.gradients, (weights_ + biases_) * lanes, 0.0f);
    for (std::size_t first = 0; first < longest; first += block_rows) {
      block_ = {first, std::min(block_rows, longest - first)};
      learn(step);
    }
    update(step);
    for (std::size_t lane = 0; lane < members_.size(); ++lane)
      if (step + 1 == members_[lane]->steps) copy_state<false>(lane);
  }

  /// Adds the gradients of a block.
  void learn(std::uint32_t step) {
    for (std::size_t lane = 0; lane < members_.size(); ++lane) {
      const Lane& own = *members_[lane];
      const std::int32_t* order = own.order + std::size_t{step} * own.batch;
      for (std::size_t i = 0; i < block_.count; ++i)
        rows_[i][lane] = block_.first + i < counts_[lane] ? order[block_.first + i] : 0;
    }
    gather([this](std::size_t lane) { return member(lane).x; });
    gather_targets();
    forward(true);
    take_losses();
    backward();
  }

  /// @param x_of  where a lane's rows_ are those of
  template <class XOf>
  void gather(const XOf& x_of) {
    for (std::size_t i = 0; i < block_.count; ++i) {
      const float* from[lanes];
      for (std::size_t lane = 0; lane < lanes; ++lane)
        from[lane] = x_of(lane) + static_cast<std::size_t>(rows_[i][lane]) * widths_[0];
      interleave<lanes>(from, widths_[0], y_[0] + i * widths_[0] * lanes);
    }
  }

  void gather_targets() {
    const std::size_t outputs = widths_[layers()];
    for (std::size_t lane = 0; lane < members_.size(); ++lane) {
      const Targets& targets = members_[lane]->targets;
      for (std::size_t i = 0; i < block_.count; ++i) {
        const auto row = static_cast<std::size_t>(rows_[i][lane]);
        if (targets.labels) targets_[i * lanes + lane] = static_cast<float>(targets.labels[row]);
        else
          for (std::size_t j = 0; j < outputs; ++j) targets_[(i * outputs + j) * lanes + lane] = targets.values[row * outputs + j];
      }
    }
  }

  void forward(bool trains) {
    const float *weights = state_.parameters, *biases = weights + weights_ * lanes;
    for (std::size_t l = 0; l < layers(); ++l) {
      const std::size_t inputs = widths_[l], units = widths_[l + 1];
      const bool rectifies = kinds_[l] == bit(Activation::Relu);
      float* z = z_[l];
      multiply_lanes<lanes, tile_rows, tile_columns>(
          {y_[l], inputs * lanes, lanes}, {weights, units * lanes, lanes}, {block_.count, units, inputs},
          [](std::size_t, std::size_t) { return Vector{}; },
          [=](std::size_t i, std::size_t j, const Vector& sum) {
            Vector number;
            load(number, biases + j * lanes);
            number += sum;
            if (rectifies) number = number < 0.0f ? Vector{} : number;
            store(number, z + (i * units + j) * lanes);
          });
      if (!rectifies) activate(l);
      if (trains && drops_[l]) drop(l, y_[l + 1]);
      weights += inputs * units * lanes;
      biases += units * lanes;
    }
  }

  template <class Work>
  void each_kind(std::size_t l, const Work& work) const {
    using enum Activation;
    for (const Activation kind : {Identity, Relu, Tanh, Gelu, Sigmoid})
      if (kinds_[l] & bit(kind)) with_constant(kind, work);
  }

  /// Units that a lane does not have stay 0.
  void activate(std::size_t l) {
    if (kinds_[l] == bit(Activation::Identity)) return;
    const float* z = z_[l];
    float* y = y_[l + 1];
    const Numbers<lanes, std::int32_t> kinds = kind_[l], own_units = units_[l];
    each_kind(l, [&](auto kind) {
      std::size_t n = 0;
      for (std::size_t i = 0; i < block_.count; ++i)
        for (std::int32_t j = 0; j < static_cast<std::int32_t>(widths_[l + 1]); ++j, n += lanes)
#pragma GCC ivdep
          for (std::size_t lane = 0; lane < lanes; ++lane) {
            float a = formulas::activate<kind>(z[n + lane]);
            if constexpr (kind == Activation::Sigmoid) a = j < own_units[lane] ? a : 0.0f;
            y[n + lane] = kinds[lane] == static_cast<std::int32_t>(kind.value) ? a : y[n + lane];
          }
    });
  }

  void drop(std::size_t l, float* numbers) const {
    Numbers<lanes, std::uint64_t> rows;
    Numbers<lanes, std::uint32_t> thresholds;
    Numbers<lanes> scales;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      thresholds[lane] = dropout_threshold(member(lane).layers[l].dropout);
      scales[lane] = 1.0f / (1.0f - member(lane).layers[l].dropout);
    }
    for (std::size_t i = 0; i < block_.count; ++i) {
      for (std::size_t lane = 0; lane < lanes; ++lane) rows[lane] = dropout_row(derive_seed(keys_[lane], l), block_.first + i);
      for (std::uint32_t j = 0; j < widths_[l + 1]; ++j, numbers += lanes)
#pragma GCC ivdep
        for (std::size_t lane = 0; lane < lanes; ++lane)
          numbers[lane] *= dropout_factor(rows[lane], j, thresholds[lane], scales[lane]);
    }
  }

  void take_losses() {
    const std::size_t outputs = widths_[layers()];
    Numbers<lanes> label{}, other{};
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const formulas::Smoothed target = formulas::smoothed(member(lane).targets.label_smoothing, outputs);
      label[lane] = target.label, other[lane] = target.other;
    }
    for (std::size_t i = 0; i < block_.count; ++i) {
      const float* targets = targets_ + i * lanes * (first_.targets.labels ? 1 : outputs);
      const LossSample<lanes> sample{y_[layers()] + i * outputs * lanes, targets, slopes_[layers() % 2] + i * outputs * lanes, outputs,
                                     weights_of(i), scales_};
      switch (first_.loss) {
        case LossKind::CrossEntropy: cross_entropy<lanes>(sample, label, other, loss_); break;
        case LossKind::BinaryCrossEntropy: binary_cross_entropy<lanes>(sample, binary_labels(i), loss_); break;
        case LossKind::Squared: regression_loss<LossKind::Squared, lanes>(sample, loss_); break;
        case LossKind::Absolute: regression_loss<LossKind::Absolute, lanes>(sample, loss_); break;
        case LossKind::AbsolutePercentage: regression_loss<LossKind::AbsolutePercentage, lanes>(sample, loss_); break;
      }
    }
  }

  /// What sample i of the block counts; 0: it has no label, or the lane no such sample.
  Numbers<lanes> weights_of(std::size_t i) const {
    Numbers<lanes> weights{};
    for (std::size_t lane = 0; lane < members_.size(); ++lane) {
      const Targets& targets = members_[lane]->targets;
      if (block_.first + i >= counts_[lane]) continue;
      const float label = targets.labels ? targets_[i * lanes + lane] : 0.0f;
      if (label >= 0.0f) weights[lane] = targets.class_weights ? targets.class_weights[static_cast<std::size_t>(label)] : 1.0f;
    }
    return weights;
  }

  Numbers<lanes> binary_labels(std::size_t i) const {
    Numbers<lanes> labels{};
    for (std::size_t lane = 0; lane < members_.size(); ++lane)
      labels[lane] = formulas::smoothed_binary(static_cast<std::int32_t>(targets_[i * lanes + lane]), members_[lane]->targets.label_smoothing);
    return labels;
  }

  void backward() {
    std::size_t weight = weights_, bias = weights_ + biases_;
    for (std::size_t l = layers(); l-- > 0;) {
      const std::size_t inputs = widths_[l], units = widths_[l + 1];
      weight -= inputs * units;
      bias -= units;
      float *slopes = slopes_[(l + 1) % 2], *before = slopes_[l % 2], *gradients = state_.gradients + weight * lanes;
      if (drops_[l]) drop(l, slopes);
      take_slopes(l, slopes, state_.gradients + bias * lanes);
      multiply_lanes<lanes, tile_rows, tile_columns>(
          {y_[l], lanes, inputs * lanes}, {slopes, units * lanes, lanes}, {inputs, units, block_.count},
          [=](std::size_t k, std::size_t j) {
            Vector sum;
            load(sum, gradients + (k * units + j) * lanes);
            return sum;
          },
          [=](std::size_t k, std::size_t j, const Vector& sum) { store(sum, gradients + (k * units + j) * lanes); });
      if (l == 0) break;
      multiply_lanes<lanes, tile_rows, tile_columns>(
          {slopes, units * lanes, lanes}, {state_.parameters + weight * lanes, lanes, units * lanes}, {block_.count, inputs, units},
          [](std::size_t, std::size_t) { return Vector{}; },
          [=](std::size_t i, std::size_t k, const Vector& sum) { store(sum, before + (i * inputs + k) * lanes); });
    }
  }

  /// dL/dz in place of dL/dy, and what it adds to the biases' gradients.
  void take_slopes(std::size_t l, float* slopes, float* biases) const {
    const float* y = y_[l + 1];
    const std::size_t units = widths_[l + 1];
    const bool rectifies = kinds_[l] == bit(Activation::Relu) && !drops_[l];
    if (!rectifies && kinds_[l] != bit(Activation::Identity)) multiply_slopes(l, slopes);
    for (std::size_t j = 0; j < units; ++j) {
      Vector sum, slope, at;
      load(sum, biases + j * lanes);
      for (std::size_t n = j * lanes; n < block_.count * units * lanes; n += units * lanes) {
        load(slope, slopes + n);
        if (rectifies) {
          load(at, y + n);
          slope = at > 0.0f ? slope : Vector{};
          store(slope, slopes + n);
        }
        sum += slope;
      }
      store(sum, biases + j * lanes);
    }
  }

  void multiply_slopes(std::size_t l, float* slopes) const {
    const float *z = z_[l], *y = y_[l + 1];
    const Numbers<lanes, std::int32_t> kinds = kind_[l];
    const Numbers<lanes> kept = kept_[l];
    each_kind(l, [&](auto kind) {
      for (std::size_t n = 0; n < block_.count * widths_[l + 1] * lanes; n += lanes)
#pragma GCC ivdep
        for (std::size_t lane = 0; lane < lanes; ++lane) {
          const float slope = formulas::slope<kind>(z[n + lane], y[n + lane] * kept[lane]);
          slopes[n + lane] *= kinds[lane] == static_cast<std::int32_t>(kind.value) ? slope : 1.0f;
        }
    });
  }

  /// Lanes without such a step keep their parameters.
  void update(std::uint32_t step) {
    Numbers<lanes> norms{};
    if (clips_) sum_squares(norms);
    InterleavedFactors<lanes> factors;
    for (std::size_t lane = 0; lane < members_.size(); ++lane) {
      if (step >= members_[lane]->steps) continue;
      Update own = members_[lane]->update;
      own.step += step;
      own.learning_rate = members_[lane]->rates[step];
      own.squared_norm = &norms[lane];
      factors.set(lane, own);
    }
    penalised_ ? update_range<true>(factors, 0, weights_) : update_range<false>(factors, 0, weights_);
    update_range<false>(factors, weights_, weights_ + biases_);
  }

  void sum_squares(Numbers<lanes>& norms) const {
    Numbers<lanes, double> sums{};
    for (std::size_t n = 0; n < (weights_ + biases_) * lanes; n += lanes)
      for (std::size_t lane = 0; lane < lanes; ++lane)
        sums[lane] += static_cast<double>(state_.gradients[n + lane]) * static_cast<double>(state_.gradients[n + lane]);
    for (std::size_t lane = 0; lane < lanes; ++lane) norms[lane] = static_cast<float>(sums[lane]);
  }

  template <bool penalised>
  void update_range(const InterleavedFactors<lanes>& factors, std::size_t first, std::size_t end) const {
    if (!some_adam_) update_lanes<lanes, penalised, true, false>(state_, factors, first, end);
    else if (!some_sgd_) update_lanes<lanes, penalised, false, true>(state_, factors, first, end);
    else update_lanes<lanes, penalised, true, true>(state_, factors, first, end);
  }

  /// Outputs of the lanes for the rows of their judgement of this number.
  void judge(std::size_t which) {
    const std::size_t outputs = widths_[layers()];
    std::size_t longest = 0;
    for (const Lane* lane : members_) longest = std::max<std::size_t>(longest, lane->judgements[which].count);
    for (std::size_t first = 0; first < longest; first += block_rows) {
      block_ = {first, std::min(block_rows, longest - first)};
      for (std::size_t i = 0; i < block_.count; ++i)
        for (std::size_t lane = 0; lane < lanes; ++lane) {
          const Lane::Judgement& own = member(lane).judgements[which];
          const bool has = first + i < own.count;
          rows_[i][lane] = !has ? 0 : own.rows ? own.rows[first + i] : static_cast<std::int32_t>(first + i);
        }
      gather([&](std::size_t lane) { return member(lane).judgements[which].count > 0 ? member(lane).judgements[which].x : member(lane).x; });
      forward(false);
      for (std::size_t lane = 0; lane < members_.size(); ++lane) {
        const Lane::Judgement& own = members_[lane]->judgements[which];
        const std::size_t count = own.count > first ? std::min(block_.count, own.count - first) * outputs : 0;
        for (std::size_t n = 0; n < count; ++n) own.outputs[first * outputs + n] = y_[layers()][n * lanes + lane];
      }
    }
  }

  struct Block {
    std::size_t first = 0, count = 0;  ///< samples of the batch
  };

  std::span<const Lane* const> members_;
  const Lane& first_;
  std::array<std::size_t, most + 1> widths_{};  ///< of the layers' outputs; the inputs first
  std::array<Numbers<lanes, std::int32_t>, most> units_{}, kind_{};
  std::array<unsigned, most> kinds_{};  ///< bits of all activations that a layer has
  std::array<Numbers<lanes>, most> kept_{};
  std::array<bool, most> drops_{};
  std::size_t weights_ = 0, biases_ = 0;  ///< of one lane
  bool penalised_ = false, clips_ = false, some_sgd_ = false, some_adam_ = false;
  InterleavedState state_{};
  float* targets_ = nullptr;
  std::array<float*, most + 1> y_{};  ///< of a block; the inputs first
  std::array<float*, most> z_{};      ///< the same as y where slopes need no more than that
  std::array<float*, 2> slopes_{};    ///< of two neighbouring layers
  Block block_;
  std::array<Numbers<lanes, std::int32_t>, block_rows> rows_{};
  Numbers<lanes, std::uint32_t> counts_{};  ///< samples of the step
  Numbers<lanes, std::uint64_t> keys_{};    ///< of the step
  Numbers<lanes> scales_{};
  Numbers<lanes, double> loss_{};
};

}  // namespace regatta::device::loops
