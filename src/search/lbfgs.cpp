#include "lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

namespace regatta::search {
namespace {

constexpr double sufficient_decrease = 1e-4;
constexpr int most_backtracks = 8;

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Whether the bound keeps coordinate i at x from going down the gradient.
bool held_by(const Box& box, std::size_t i, double x, double gradient) {
  return (x <= box.low[i] && gradient > 0) || (x >= box.high[i] && gradient < 0);
}

/// One start on its way down.
class Descent {
 public:
  Descent(std::span<const double> start, const Box& box, const LbfgsOptions& options)
      : box_(box), options_(options), trial_(start.begin(), start.end()) {}

  bool done() const { return done_; }
  void give_up() { done_ = true; }
  const std::vector<double>& trial() const { return trial_; }
  double value() const { return value_; }
  Minimum minimum() const { return {x_.empty() ? trial_ : x_, value_}; }

  /// Takes the value at trial() and chooses the next one.
  void take(double value, std::span<const double> gradient) {
    if (x_.empty()) {
      begin(value, gradient);
    } else if (std::isfinite(value) && value <= value_ + sufficient_decrease * expected_) {
      accept(value, gradient);
    } else {
      backtrack(value);
    }
  }

 private:
  struct Pair {
    std::vector<double> step, change;
    double product;
  };

  void begin(double value, std::span<const double> gradient) {
    x_ = trial_;
    value_ = value;
    gradient_.assign(gradient.begin(), gradient.end());
    done_ = !std::isfinite(value) || !aim();
  }

  void accept(double value, std::span<const double> gradient) {
    Pair pair;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      pair.step.push_back(trial_[i] - x_[i]);
      pair.change.push_back(gradient[i] - gradient_[i]);
    }
    pair.product = dot(pair.step, pair.change);
    if (pair.product > 1e-10 * dot(pair.change, pair.change)) {
      pairs_.push_back(std::move(pair));
      if (pairs_.size() > static_cast<std::size_t>(options_.memory)) pairs_.pop_front();
    }
    const double decrease = value_ - value;
    x_ = trial_;
    value_ = value;
    gradient_.assign(gradient.begin(), gradient.end());
    ++iteration_;
    const bool flat = decrease <= options_.value_tolerance * std::max(1.0, std::abs(value));
    done_ = flat || iteration_ >= options_.iterations || !aim();
  }

  void backtrack(double value) {
    if (++backtracks_ > most_backtracks) {
      done_ = pairs_.empty() || steepest_;
      if (done_) return;
      pairs_.clear();  // the curvature is wrong here: once more along the gradient
      done_ = !aim();
      return;
    }
    // The parabola through both values and the slope, within a factor of 10 to 2.
    const double curvature = value - value_ - slope_ * step_;
    const double best = std::isfinite(value) && curvature > 0 ? -slope_ * step_ * step_ / (2 * curvature) : 0;
    step_ = std::clamp(best, 0.1 * step_, 0.5 * step_);
    move();
  }

  /// Chooses a direction; false when no way leads down.
  bool aim() {
    double largest = 0;
    std::vector<char> held(x_.size());
    for (std::size_t i = 0; i < x_.size(); ++i) {
      held[i] = held_by(box_, i, x_[i], gradient_[i]);
      if (!held[i]) largest = std::max(largest, std::abs(gradient_[i]));
    }
    if (!(largest > options_.gradient_tolerance)) return false;
    direct(held);
    slope_ = dot(direction_, gradient_);
    steepest_ = pairs_.empty();
    if (!(slope_ < 0)) {
      pairs_.clear();
      direct(held);
      slope_ = dot(direction_, gradient_);
      steepest_ = true;
    }
    if (!(slope_ < 0) || !std::isfinite(slope_)) return false;  // an entry is not a number, or infinite
    double length = 0;
    for (std::size_t i = 0; i < x_.size(); ++i)
      length = std::max(length, std::abs(direction_[i]) / (box_.high[i] - box_.low[i]));
    // The first step, of unknown scale, goes a tenth of the box at most.
    step_ = steepest_ ? std::min(1.0, 0.1 / length) : std::min(1.0, 1 / length);
    backtracks_ = 0;
    move();
    return true;
  }

  /// direction_ = -H gradient by the two-loop recursion, on the coordinates that are free.
  void direct(const std::vector<char>& held) {
    const auto mask = [&](std::vector<double>& v) {
      for (std::size_t i = 0; i < v.size(); ++i)
        if (held[i]) v[i] = 0;
    };
    direction_ = gradient_;
    mask(direction_);
    std::vector<double> shares(pairs_.size());
    for (std::size_t k = pairs_.size(); k-- > 0;) {
      shares[k] = dot(pairs_[k].step, direction_) / pairs_[k].product;
      for (std::size_t i = 0; i < direction_.size(); ++i) direction_[i] -= shares[k] * pairs_[k].change[i];
    }
    if (!pairs_.empty()) {
      const double scale = pairs_.back().product / dot(pairs_.back().change, pairs_.back().change);
      for (double& entry : direction_) entry *= scale;
    }
    for (std::size_t k = 0; k < pairs_.size(); ++k) {
      const double share = shares[k] - dot(pairs_[k].change, direction_) / pairs_[k].product;
      for (std::size_t i = 0; i < direction_.size(); ++i) direction_[i] += share * pairs_[k].step[i];
    }
    for (double& entry : direction_) entry = -entry;
    mask(direction_);
  }

  void move() {
    expected_ = 0;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      trial_[i] = std::clamp(x_[i] + step_ * direction_[i], box_.low[i], box_.high[i]);
      expected_ += gradient_[i] * (trial_[i] - x_[i]);
    }
    expected_ = std::min(expected_, 0.0);
  }

  Box box_;
  LbfgsOptions options_;
  std::vector<double> trial_, x_, gradient_, direction_;
  double value_ = std::numeric_limits<double>::infinity();
  double slope_ = 0, step_ = 1, expected_ = 0;
  std::deque<Pair> pairs_;
  int iteration_ = 0, backtracks_ = 0;
  bool steepest_ = true, done_ = false;
};

/// Descents in one box, which compete.
struct Heat {
  std::vector<Descent*> descents;
  std::size_t runners = 0;

  /// Ends all but the better half of the first `runners`, at least two.
  void end() {
    std::ranges::stable_sort(descents, {}, &Descent::value);
    runners = std::max<std::size_t>(2, (runners + 1) / 2);
    for (std::size_t i = runners; i < descents.size(); ++i) descents[i]->give_up();
  }
};

/// Of starts whose boxes are the same memory.
std::vector<Heat> heats_of(std::vector<Descent>& descents, std::span<const Box> boxes) {
  std::vector<Heat> heats;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (i == 0 || boxes[i].low.data() != boxes[i - 1].low.data()) heats.emplace_back();
    heats.back().descents.push_back(&descents[i]);
    ++heats.back().runners;
  }
  return heats;
}

}  // namespace

std::vector<Minimum> minimise(const BatchFunction& function, std::span<const double> starts,
                              std::span<const Box> boxes, const LbfgsOptions& options) {
  if (boxes.empty()) return {};
  const std::size_t d = boxes[0].low.size();
  std::vector<Descent> descents;
  for (std::size_t i = 0; i < boxes.size(); ++i)
    descents.emplace_back(starts.subspan(i * d, d), boxes[i], options);
  std::vector<double> points, values, gradients;
  std::vector<Heat> heats = heats_of(descents, boxes);
  for (int round = 1;; ++round) {
    std::vector<Descent*> active;
    points.clear();
    for (Descent& descent : descents) {
      if (descent.done()) continue;
      active.push_back(&descent);
      points.insert(points.end(), descent.trial().begin(), descent.trial().end());
    }
    if (active.empty()) break;
    values.assign(active.size(), 0);
    gradients.assign(active.size() * d, 0);
    function(points, values, gradients);
    for (std::size_t i = 0; i < active.size(); ++i)
      active[i]->take(values[i], std::span<const double>(gradients).subspan(i * d, d));
    if (options.heat > 0 && round % options.heat == 0)
      for (Heat& each : heats) each.end();
  }
  std::vector<Minimum> minima;
  for (const Descent& descent : descents) minima.push_back(descent.minimum());
  return minima;
}

std::vector<Minimum> minimise(const BatchFunction& function, std::span<const double> starts,
                              std::span<const double> low, std::span<const double> high,
                              const LbfgsOptions& options) {
  return minimise(function, starts, std::vector<Box>(starts.size() / low.size(), Box{low, high}), options);
}

}  // namespace regatta::search
