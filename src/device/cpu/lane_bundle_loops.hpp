#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "../activation_switch.hpp"
#include "../dropout_hash.hpp"
#include "lane_bundle.hpp"
#include "lane_bundle_networks.hpp"
#include "lane_losses.hpp"
#include "lane_products.hpp"
#include "regatta/core/random.hpp"

// For the sources that are compiled for one instruction set each: [[gnu::flatten]] puts all of this into
// their functions.
namespace regatta::device::loops {

/// `tile_rows` x `tile_columns` sums of a product stay in registers.
template <int lanes, int tile_rows, int tile_columns>
class Bundle {
 public:
  Bundle(std::span<const Lane* const> members, std::vector<float>& scratch) : nets_(members, scratch) {}

  void train() {
    std::uint32_t steps = 0;
    for (const Lane* lane : nets_.members) steps = std::max(steps, lane->steps);
    for (std::uint32_t step = 0; step < steps; ++step) train_step(step);
    for (std::size_t lane = 0; lane < nets_.members.size(); ++lane)
      *nets_.members[lane]->loss_sum = static_cast<float>(loss_[lane]);
    for (std::size_t which = 0; which < Lane::most_judgements; ++which) judge(which);
  }

 private:
  using Vector = typename Register<lanes>::Vector;
  using Networks = BundledNetworks<lanes>;
  static constexpr std::size_t block_rows = Networks::block_rows;

  /// The lanes whose last batch is short, or who have no such step, have fewer samples than the others.
  void train_step(std::uint32_t step) {
    std::uint32_t longest = 0;
    for (std::size_t lane = 0; lane < nets_.members.size(); ++lane) {
      const Lane& own = *nets_.members[lane];
      counts_[lane] = step < own.steps ? std::min(own.batch, own.rows - step * own.batch) : 0;
      scales_[lane] = counts_[lane] > 0 ? 1.0f / static_cast<float>(counts_[lane]) : 0.0f;
      keys_[lane] = derive_seed(own.seed, static_cast<std::uint64_t>(own.update.step) - 1 + step);
      longest = std::max(longest, counts_[lane]);
    }
    std::fill_n(nets_.state.gradients, (nets_.weights + nets_.biases) * lanes, 0.0f);
    for (std::size_t first = 0; first < longest; first += block_rows) {
      block_ = {first, std::min(block_rows, longest - first)};
      learn(step);
    }
    update(step);
    for (std::size_t lane = 0; lane < nets_.members.size(); ++lane)
      if (step + 1 == nets_.members[lane]->steps) nets_.template copy_state<false>(lane);
  }

  /// Adds the gradients of a block.
  void learn(std::uint32_t step) {
    for (std::size_t lane = 0; lane < nets_.members.size(); ++lane) {
      const Lane& own = *nets_.members[lane];
      const std::int32_t* order = own.order + std::size_t{step} * own.batch;
      for (std::size_t i = 0; i < block_.count; ++i)
        rows_[i][lane] = block_.first + i < counts_[lane] ? order[block_.first + i] : 0;
    }
    gather([this](std::size_t lane) { return nets_.member(lane).x; });
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
        from[lane] = x_of(lane) + static_cast<std::size_t>(rows_[i][lane]) * nets_.widths[0];
      interleave<lanes>(from, nets_.widths[0], nets_.y[0] + i * nets_.widths[0] * lanes);
    }
  }

  /// Labels become numbers. A sample counts 0 where it has no label, or the lane no such sample.
  void gather_targets() {
    const std::size_t outputs = nets_.widths[nets_.layers()];
    for (std::size_t lane = 0; lane < nets_.members.size(); ++lane) {
      const Targets& targets = nets_.members[lane]->targets;
      for (std::size_t i = 0; i < block_.count; ++i) {
        const auto row = static_cast<std::size_t>(rows_[i][lane]);
        weights_[i][lane] = block_.first + i < counts_[lane] ? 1.0f : 0.0f;
        for (std::size_t j = 0; targets.values && j < outputs; ++j)
          nets_.targets[(i * outputs + j) * lanes + lane] = targets.values[row * outputs + j];
        if (!targets.labels) continue;
        const std::int32_t label = targets.labels[row];
        nets_.targets[i * lanes + lane] = static_cast<float>(label);
        if (label < 0)
          weights_[i][lane] = 0;
        else if (targets.class_weights)
          weights_[i][lane] *= targets.class_weights[label];
      }
    }
  }

  void forward(bool trains) {
    const float *weights = nets_.state.parameters, *biases = weights + nets_.weights * lanes;
    for (std::size_t l = 0; l < nets_.layers(); ++l) {
      const std::size_t inputs = nets_.widths[l], units = nets_.widths[l + 1];
      const bool rectifies = nets_.kinds[l] == Networks::bit(Activation::Relu);
      float* z = nets_.z[l];
      multiply_lanes<lanes, tile_rows, tile_columns>(
          {nets_.y[l], inputs * lanes, lanes}, {weights, units * lanes, lanes}, {block_.count, units, inputs},
          [](std::size_t, std::size_t) { return Vector{}; },
          [=](std::size_t i, std::size_t j, const Vector& sum) {
            Vector number;
            load(number, biases + j * lanes);
            number += sum;
            if (rectifies) number = number < 0.0f ? Vector{} : number;
            store(number, z + (i * units + j) * lanes);
          });
      if (!rectifies) activate(l);
      if (trains && nets_.drops[l]) drop(l, nets_.y[l + 1]);
      weights += inputs * units * lanes;
      biases += units * lanes;
    }
  }

  template <class Work>
  void each_kind(std::size_t l, const Work& work) const {
    using enum Activation;
    for (const Activation kind : {Identity, Relu, Tanh, Gelu, Sigmoid})
      if (nets_.kinds[l] & Networks::bit(kind)) with_constant(kind, work);
  }

  /// Units that a lane does not have stay 0.
  void activate(std::size_t l) {
    if (nets_.kinds[l] == Networks::bit(Activation::Identity)) return;
    const float* z = nets_.z[l];
    float* y = nets_.y[l + 1];
    const Numbers<lanes, std::int32_t> kinds = nets_.kind[l], own_units = nets_.own_units[l];
    each_kind(l, [&](auto kind) {
      std::size_t n = 0;
      for (std::size_t i = 0; i < block_.count; ++i)
        for (std::int32_t j = 0; j < static_cast<std::int32_t>(nets_.widths[l + 1]); ++j, n += lanes)
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
      thresholds[lane] = dropout_threshold(nets_.member(lane).layers[l].dropout);
      scales[lane] = 1.0f / (1.0f - nets_.member(lane).layers[l].dropout);
    }
    for (std::size_t i = 0; i < block_.count; ++i) {
      for (std::size_t lane = 0; lane < lanes; ++lane)
        rows[lane] = dropout_row(derive_seed(keys_[lane], l), block_.first + i);
      for (std::uint32_t j = 0; j < nets_.widths[l + 1]; ++j, numbers += lanes)
#pragma GCC ivdep
        for (std::size_t lane = 0; lane < lanes; ++lane)
          numbers[lane] *= dropout_factor(rows[lane], j, thresholds[lane], scales[lane]);
    }
  }

  void take_losses() {
    const std::size_t last = nets_.layers(), outputs = nets_.widths[last];
    Numbers<lanes> label{}, other{};
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const auto target = formulas::smoothed(nets_.member(lane).targets.label_smoothing, outputs);
      label[lane] = target.label, other[lane] = target.other;
    }
    for (std::size_t i = 0; i < block_.count; ++i) {
      const std::size_t place = i * outputs * lanes,
                        of_targets = nets_.first.targets.labels ? i * lanes : place;
      const LossSample<lanes> sample{nets_.y[last] + place,
                                     nets_.targets + of_targets,
                                     nets_.slopes[last % 2] + place,
                                     outputs,
                                     weights_[i],
                                     scales_};
      const LossKind kind = nets_.first.loss;
      if (kind == LossKind::CrossEntropy) cross_entropy<lanes>(sample, label, other, loss_);
      if (kind == LossKind::BinaryCrossEntropy) binary_cross_entropy<lanes>(sample, binary_labels(i), loss_);
      if (kind == LossKind::Squared) regression_loss<LossKind::Squared, lanes>(sample, loss_);
      if (kind == LossKind::Absolute) regression_loss<LossKind::Absolute, lanes>(sample, loss_);
      if (kind == LossKind::AbsolutePercentage)
        regression_loss<LossKind::AbsolutePercentage, lanes>(sample, loss_);
    }
  }

  Numbers<lanes> binary_labels(std::size_t i) const {
    Numbers<lanes> labels{};
    for (std::size_t lane = 0; lane < nets_.members.size(); ++lane)
      labels[lane] = formulas::smoothed_binary(static_cast<std::int32_t>(nets_.targets[i * lanes + lane]),
                                               nets_.members[lane]->targets.label_smoothing);
    return labels;
  }

  void backward() {
    std::size_t weight = nets_.weights, bias = nets_.weights + nets_.biases;
    for (std::size_t l = nets_.layers(); l-- > 0;) {
      const std::size_t inputs = nets_.widths[l], units = nets_.widths[l + 1];
      weight -= inputs * units;
      bias -= units;
      float *slopes = nets_.slopes[(l + 1) % 2], *before = nets_.slopes[l % 2],
            *gradients = nets_.state.gradients + weight * lanes;
      if (nets_.drops[l]) drop(l, slopes);
      take_slopes(l, slopes, nets_.state.gradients + bias * lanes);
      multiply_lanes<lanes, tile_rows, tile_columns>(
          {nets_.y[l], lanes, inputs * lanes}, {slopes, units * lanes, lanes}, {inputs, units, block_.count},
          [=](std::size_t k, std::size_t j) {
            Vector sum;
            load(sum, gradients + (k * units + j) * lanes);
            return sum;
          },
          [=](std::size_t k, std::size_t j, const Vector& sum) {
            store(sum, gradients + (k * units + j) * lanes);
          });
      if (l == 0) break;
      multiply_lanes<lanes, tile_rows, tile_columns>(
          {slopes, units * lanes, lanes}, {nets_.state.parameters + weight * lanes, lanes, units * lanes},
          {block_.count, inputs, units}, [](std::size_t, std::size_t) { return Vector{}; },
          [=](std::size_t i, std::size_t k, const Vector& sum) {
            store(sum, before + (i * inputs + k) * lanes);
          });
    }
  }

  /// dL/dz in place of dL/dy, and what it adds to the biases' gradients.
  void take_slopes(std::size_t l, float* slopes, float* biases) const {
    const float* y = nets_.y[l + 1];
    const std::size_t units = nets_.widths[l + 1];
    const bool rectifies = nets_.kinds[l] == Networks::bit(Activation::Relu) && !nets_.drops[l];
    if (!rectifies && nets_.kinds[l] != Networks::bit(Activation::Identity)) multiply_slopes(l, slopes);
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
    const float *z = nets_.z[l], *y = nets_.y[l + 1];
    const Numbers<lanes, std::int32_t> kinds = nets_.kind[l];
    const Numbers<lanes> kept = nets_.kept[l];
    each_kind(l, [&](auto kind) {
      for (std::size_t n = 0; n < block_.count * nets_.widths[l + 1] * lanes; n += lanes)
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
    if (nets_.clips) sum_squares(norms);
    InterleavedFactors<lanes> factors;
    for (std::size_t lane = 0; lane < nets_.members.size(); ++lane) {
      if (step >= nets_.members[lane]->steps) continue;
      Update own = nets_.members[lane]->update;
      own.step += step;
      own.learning_rate = nets_.members[lane]->rates[step];
      own.squared_norm = &norms[lane];
      factors.set(lane, own);
    }
    nets_.penalised ? update_range<true>(factors, 0, nets_.weights)
                    : update_range<false>(factors, 0, nets_.weights);
    update_range<false>(factors, nets_.weights, nets_.weights + nets_.biases);
  }

  void sum_squares(Numbers<lanes>& norms) const {
    Numbers<lanes, double> sums{};
    for (std::size_t n = 0; n < (nets_.weights + nets_.biases) * lanes; n += lanes)
      for (std::size_t lane = 0; lane < lanes; ++lane)
        sums[lane] += static_cast<double>(nets_.state.gradients[n + lane]) *
                      static_cast<double>(nets_.state.gradients[n + lane]);
    for (std::size_t lane = 0; lane < lanes; ++lane) norms[lane] = static_cast<float>(sums[lane]);
  }

  template <bool penalised>
  void update_range(const InterleavedFactors<lanes>& factors, std::size_t first, std::size_t end) const {
    if (!nets_.some_adam)
      update_lanes<lanes, penalised, true, false>(nets_.state, factors, first, end);
    else if (!nets_.some_sgd)
      update_lanes<lanes, penalised, false, true>(nets_.state, factors, first, end);
    else
      update_lanes<lanes, penalised, true, true>(nets_.state, factors, first, end);
  }

  /// Outputs of the lanes for the rows of their judgement of this number.
  void judge(std::size_t which) {
    const std::size_t outputs = nets_.widths[nets_.layers()];
    std::size_t longest = 0;
    for (const Lane* lane : nets_.members)
      longest = std::max<std::size_t>(longest, lane->judgements[which].count);
    for (std::size_t first = 0; first < longest; first += block_rows) {
      block_ = {first, std::min(block_rows, longest - first)};
      for (std::size_t i = 0; i < block_.count; ++i)
        for (std::size_t lane = 0; lane < lanes; ++lane) {
          const Lane::Judgement& own = nets_.member(lane).judgements[which];
          const bool has = first + i < own.count;
          rows_[i][lane] = !has ? 0 : own.rows ? own.rows[first + i] : static_cast<std::int32_t>(first + i);
        }
      gather([&](std::size_t lane) {
        return nets_.member(lane).judgements[which].count > 0 ? nets_.member(lane).judgements[which].x
                                                              : nets_.member(lane).x;
      });
      forward(false);
      for (std::size_t lane = 0; lane < nets_.members.size(); ++lane) {
        const Lane::Judgement& own = nets_.members[lane]->judgements[which];
        const std::size_t count = own.count > first ? std::min(block_.count, own.count - first) * outputs : 0;
        for (std::size_t n = 0; n < count; ++n)
          own.outputs[first * outputs + n] = nets_.y[nets_.layers()][n * lanes + lane];
      }
    }
  }

  struct Block {
    std::size_t first = 0, count = 0;  ///< samples of the batch
  };

  Networks nets_;
  Block block_;
  std::array<Numbers<lanes, std::int32_t>, block_rows> rows_{};
  std::array<Numbers<lanes>, block_rows> weights_{};  ///< of the block's samples
  Numbers<lanes, std::uint32_t> counts_{};            ///< samples of the step
  Numbers<lanes, std::uint64_t> keys_{};              ///< of the step
  Numbers<lanes> scales_{};
  Numbers<lanes, double> loss_{};
};

}  // namespace regatta::device::loops
