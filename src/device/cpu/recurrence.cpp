#include "recurrence.hpp"

#include <algorithm>
#include <cstring>

#include "product.hpp"
#include "recurrent_cells.hpp"

namespace regatta::device {
namespace {

/// At least `count` numbers; what they are is not known.
float* room(std::vector<float>& numbers, std::size_t count) {
  if (numbers.size() < count) numbers.resize(count);
  return numbers.data();
}

/// Without the library, which is slower than the loops for products as flat or as deep as these.
void multiply_here(const Product& product, RecurrenceScratch& scratch) {
  multiply_loops().front()(product, scratch.product);
}

/// Which samples have which steps. Step t is the rows [first[t], first[t] + active[t]) of everything kept,
/// the row of a sample being its place in `order`.
class Schedule {
 public:
  Schedule(const Recurrence& layer, RecurrenceScratch& scratch) : layer_(layer), scratch_(scratch) {
    const std::size_t samples = layer.x.rows, steps = layer.steps;
    scratch.active.assign(steps + 2, 0);
    for (std::size_t i = 0; i < samples; ++i) ++scratch.active[length(i)];
    for (std::size_t t = steps + 1; t-- > 0;) scratch.active[t] += scratch.active[t + 1];
    // Now active[t] counts the lengths >= t: first the places of samples by falling length, then those with a
    // step t.
    scratch.order.resize(samples);
    scratch.first.assign(scratch.active.begin() + 1, scratch.active.end());  // lengths > t
    for (std::size_t i = 0; i < samples; ++i) scratch.order[scratch.first[length(i)]++] = i;
    scratch.active.erase(scratch.active.begin());
    std::size_t row = 0;
    for (std::size_t t = 0; t <= steps; ++t) {
      scratch.first[t] = row;
      row += scratch.active[t];
    }
  }

  std::size_t steps() const { return layer_.steps; }
  std::size_t rows() const { return scratch_.first[steps()]; }
  std::size_t first(std::size_t t) const { return scratch_.first[t]; }
  std::size_t active(std::size_t t) const { return scratch_.active[t]; }
  std::size_t sample(std::size_t row) const { return scratch_.order[row]; }
  std::size_t length(std::size_t sample) const {
    return layer_.lengths ? static_cast<std::size_t>(layer_.lengths[sample]) : layer_.steps;
  }

  /// The time of the k-th step to be taken.
  std::size_t time(std::size_t k) const { return layer_.reverse ? steps() - 1 - k : k; }
  /// Samples that come from step k to step k + 1, the first ones.
  std::size_t going_on(std::size_t k) const {
    return k + 1 < steps() ? std::min(active(time(k)), active(time(k + 1))) : 0;
  }

 private:
  const Recurrence& layer_;
  RecurrenceScratch& scratch_;
};

/// What is kept of a forward pass, in rows as Schedule says.
struct Kept {
  float* x;         ///< inputs
  float* gates;     ///< activated; on the way back their gradients
  float* before_h;  ///< the state before each step
  float* before_c;  ///< Lstm
  float* more;      ///< Lstm: tanh(c'), Gru: h U + b' of n

  Kept(const Recurrence& layer, std::size_t rows)
      : x(layer.kept),
        gates(x + rows * layer.inputs()),
        before_h(gates + rows * layer.columns()),
        before_c(before_h + rows * layer.states()),
        more(layer.kind == CellKind::Lstm ? before_c + rows * layer.units() : before_c) {}
};

/// One direction of one layer on one batch.
class Walk {
 public:
  Walk(const Recurrence& layer, RecurrenceScratch& scratch)
      : layer_(layer),
        scratch_(scratch),
        schedule_(layer, scratch),
        kept_(layer, schedule_.rows()),
        units_(layer.units()),
        states_(layer.states()),
        columns_(layer.columns()) {}

  void forward() {
    const std::size_t samples = layer_.x.rows;
    collect_inputs();
    multiply_here({kept_.x, layer_.inputs(), 1, layer_.input_weights.data, columns_, 1, kept_.gates,
                   schedule_.rows(), columns_, layer_.inputs()},
                  scratch_);
    clear_outputs();
    float* recurrent = room(scratch_.recurrent, samples * columns_);
    float* state = room(scratch_.state, 2 * samples * units_);
    const float* all = state;
    for (std::size_t k = 0, known = 0; k < schedule_.steps(); known = schedule_.going_on(k), ++k) {
      const std::size_t t = schedule_.time(k), rows = schedule_.active(t);
      begin_step(t, known, all, state + samples * units_, recurrent);
      CellRows cells = cells_at(t, recurrent);
      cells.rows = rows;
      cells.bias = layer_.bias;
      cells.h = state;
      cells.c = state + samples * units_;
      advance_cells(layer_.kind, cells);
      all = states_of_all(state, rows);
      read_out(t, all);
    }
  }

  void backward(const RecurrenceGradient& gradient, const std::function<void()>& interlude) {
    const std::size_t samples = layer_.x.rows, numbers = samples * units_;
    float* dh = room(scratch_.state, numbers);
    float* carry = room(scratch_.carry, numbers);
    std::fill_n(dh, numbers, 0.0f);
    std::fill_n(carry, numbers, 0.0f);
    std::fill_n(gradient.bias, cell_biases(layer_.kind, units_), 0.0f);
    // Of a Gru the gradients by x W and by h U differ.
    float* recurrent = kept_.gates;
    if (layer_.kind == CellKind::Gru) recurrent = room(scratch_.recurrent, schedule_.rows() * columns_);
    for (std::size_t k = schedule_.steps(); k-- > 0;) {
      if (interlude) interlude();
      const std::size_t t = schedule_.time(k), rows = schedule_.active(t);
      add_output_gradient(gradient.y, t, dh);
      CellRows cells = cells_at(t, recurrent + schedule_.first(t) * columns_);
      cells.rows = rows;
      cells.h = dh;
      cells.c = carry;
      cells.bias_gradient = gradient.bias;
      cell_gradients(layer_.kind, cells);
      const std::size_t before = k > 0 ? schedule_.going_on(k - 1) : 0;
      if (before == 0) continue;
      float* all = layer_.sum_over_parts ? room(scratch_.all, samples * states_) : dh;
      multiply_here({cells.recurrent, columns_, 1, layer_.recurrent_weights.data, 1, columns_, all, before,
                     states_, columns_},
                    scratch_);
      if (layer_.sum_over_parts) take_own_of_sum(all, before, dh);
    }
    weight_gradients(recurrent, gradient);
    if (gradient.x.data) input_gradient(gradient);
  }

 private:
  /// Rows of the layer's inputs, step by step.
  void collect_inputs() {
    const std::size_t inputs = layer_.inputs();
    for (std::size_t t = 0; t < schedule_.steps(); ++t)
      for (std::size_t row = 0; row < schedule_.active(t); ++row)
        std::memcpy(kept_.x + (schedule_.first(t) + row) * inputs,
                    layer_.x.data + schedule_.sample(row) * layer_.x.columns + t * inputs,
                    inputs * sizeof(float));
  }

  CellRows cells_at(std::size_t t, float* recurrent) const {
    const std::size_t first = schedule_.first(t);
    CellRows cells;
    cells.units = units_;
    cells.states = states_;
    cells.gates = kept_.gates + first * columns_;
    cells.recurrent = recurrent;
    cells.before_h = kept_.before_h + first * states_ + layer_.first_unit;
    cells.before_c = kept_.before_c + first * units_;
    cells.kept = kept_.more + first * units_;
    return cells;
  }

  /// Keeps the states (h, c) of the first `known` samples as those before step t, 0 of the others, and
  /// multiplies them.
  void begin_step(std::size_t t, std::size_t known, const float* h, const float* c, float* recurrent) {
    const std::size_t first = schedule_.first(t), rows = schedule_.active(t);
    const auto keep = [&](const float* from, float* to, std::size_t width) {
      to += first * width;
      std::memcpy(to, from, known * width * sizeof(float));
      std::fill_n(to + known * width, (rows - known) * width, 0.0f);
    };
    keep(h, kept_.before_h, states_);
    if (layer_.kind == CellKind::Lstm) keep(c, kept_.before_c, units_);
    if (known > 0)
      multiply_here({kept_.before_h + first * states_, states_, 1, layer_.recurrent_weights.data, columns_, 1,
                     recurrent, known, columns_, states_},
                    scratch_);
    std::fill_n(recurrent + known * columns_, (rows - known) * columns_, 0.0f);
  }

  /// Of all units, where ranks have divided them; `own` has rows of this rank's.
  const float* states_of_all(const float* own, std::size_t rows) {
    if (!layer_.sum_over_parts) return own;
    float* all = room(scratch_.all, layer_.x.rows * states_);
    std::fill_n(all, rows * states_, 0.0f);
    for (std::size_t row = 0; row < rows; ++row)
      std::copy_n(own + row * units_, units_, all + row * states_ + layer_.first_unit);
    (*layer_.sum_over_parts)({all, rows * states_});
    return all;
  }

  /// The way back: each rank has a part of all rows' sums.
  void take_own_of_sum(float* all, std::size_t rows, float* own) const {
    (*layer_.sum_over_parts)({all, rows * states_});
    for (std::size_t row = 0; row < rows; ++row)
      std::copy_n(all + row * states_ + layer_.first_unit, units_, own + row * units_);
  }

  bool is_last(std::size_t t, std::size_t sample) const {
    return layer_.reverse ? t == 0 : t + 1 == schedule_.length(sample);
  }

  /// Where the output of a sample at step t goes or comes from, and its share in it; 0: nothing of this step
  /// does.
  struct Output {
    std::size_t at;
    float share;
  };
  Output output(std::size_t t, std::size_t sample) const {
    const std::size_t first = sample * layer_.y.columns + layer_.y_first;
    if (layer_.readout == Readout::All) return {first + t * layer_.y_step, 1.0f};
    if (layer_.readout == Readout::Last) return {first, is_last(t, sample) ? 1.0f : 0.0f};
    return {first, 1.0f / static_cast<float>(schedule_.length(sample))};
  }

  void clear_outputs() {
    const bool all = layer_.readout == Readout::All;
    for (std::size_t sample = 0; sample < layer_.y.rows; ++sample)
      for (std::size_t t = 0; t < (all ? layer_.steps : 1); ++t)
        std::fill_n(layer_.y.data + sample * layer_.y.columns + layer_.y_first + t * layer_.y_step, states_,
                    0.0f);
  }

  void read_out(std::size_t t, const float* state) {
    for (std::size_t row = 0; row < schedule_.active(t); ++row) {
      const Output out = output(t, schedule_.sample(row));
      if (out.share == 0) continue;
      float* y = layer_.y.data + out.at;
      for (std::size_t j = 0; j < states_; ++j) y[j] += out.share * state[row * states_ + j];
    }
  }

  void add_output_gradient(MatrixView<const float> dy, std::size_t t, float* dh) const {
    for (std::size_t row = 0; row < schedule_.active(t); ++row) {
      const Output out = output(t, schedule_.sample(row));
      if (out.share == 0) continue;
      const float* y = dy.data + out.at + layer_.first_unit;
      for (std::size_t j = 0; j < units_; ++j) dh[row * units_ + j] += out.share * y[j];
    }
  }

  void weight_gradients(const float* recurrent, const RecurrenceGradient& gradient) {
    multiply_here({kept_.x, 1, layer_.inputs(), kept_.gates, columns_, 1, gradient.input_weights.data,
                   layer_.inputs(), columns_, schedule_.rows()},
                  scratch_);
    multiply_here({kept_.before_h, 1, states_, recurrent, columns_, 1, gradient.recurrent_weights.data,
                   states_, columns_, schedule_.rows()},
                  scratch_);
  }

  void input_gradient(const RecurrenceGradient& gradient) {
    const std::size_t inputs = layer_.inputs();
    float* dx = room(scratch_.x, schedule_.rows() * inputs);
    multiply_here({kept_.gates, columns_, 1, layer_.input_weights.data, 1, columns_, dx, schedule_.rows(),
                   inputs, columns_},
                  scratch_);
    if (!gradient.add_to_x) std::fill_n(gradient.x.data, gradient.x.size(), 0.0f);
    for (std::size_t t = 0; t < schedule_.steps(); ++t)
      for (std::size_t row = 0; row < schedule_.active(t); ++row) {
        const float* from = dx + (schedule_.first(t) + row) * inputs;
        float* to = gradient.x.data + schedule_.sample(row) * gradient.x.columns + t * inputs;
        for (std::size_t i = 0; i < inputs; ++i) to[i] += from[i];
      }
  }

  const Recurrence& layer_;
  RecurrenceScratch& scratch_;
  Schedule schedule_;
  Kept kept_;
  std::size_t units_, states_, columns_;
};

}  // namespace

void forward(const Recurrence& layer, RecurrenceScratch& scratch) { Walk(layer, scratch).forward(); }

void backward(const Recurrence& layer, const RecurrenceGradient& gradient, RecurrenceScratch& scratch,
              const std::function<void()>& interlude) {
  Walk(layer, scratch).backward(gradient, interlude);
}

void forward(const Embedding& layer) {
  const std::size_t width = layer.table.columns;
  for (std::size_t i = 0; i < layer.tokens.size(); ++i)
    std::memcpy(layer.y.data + i * width,
                layer.table.data + static_cast<std::size_t>(layer.tokens.data[i]) * width,
                width * sizeof(float));
}

void backward(const Embedding& layer, MatrixView<const float> y, MatrixView<float> table) {
  const std::size_t width = table.columns;
  std::fill_n(table.data, table.size(), 0.0f);
  for (std::size_t i = 0; i < layer.tokens.size(); ++i) {
    float* row = table.data + static_cast<std::size_t>(layer.tokens.data[i]) * width;
    for (std::size_t j = 0; j < width; ++j) row[j] += y.data[i * width + j];
  }
}

}  // namespace regatta::device
