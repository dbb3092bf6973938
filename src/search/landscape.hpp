#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "feasibility.hpp"
#include "local_penalty.hpp"
#include "regatta/core/random.hpp"
#include "regatta/search/acquisition.hpp"
#include "surrogate.hpp"

namespace regatta::search {

/// The logarithm of an acquisition over the unit cube with its sign turned, given the running trials: what a
/// proposal minimises. Infinite where a configuration breaks a constraint, or was tried before in a space
/// without continuous parameters.
class Landscape {
 public:
  using Rule = Acquired (*)(double mean, double variance, double target, double parameter);

  struct Setting {
    Rule rule = nullptr;
    double parameter = 0;                                ///< of the rule: jitter or beta
    std::function<bool(const space::Config&)> excluded;  ///< null: none
    std::function<bool(std::span<const double>)> masked;  ///< features where nothing is proposed; null: none
    const CostModel* costs = nullptr;                     ///< divide the acquisition, null: none
    const UserPrior* prior = nullptr;                     ///< multiplies the acquisition, null: none
    double prior_weight = 0;                              ///< the power to which it does
    std::span<const double> centre = {};  ///< features of the model's best result; empty: the surrogate has it
  };

  Landscape(const space::Space& space, const BayesianOptions& options, const Surrogate& surrogate,
            Surrogate::Model& model, const std::vector<space::Config>& pending, Setting setting,
            Random& random);
  ~Landscape() { model_.process->drop_pending(); }
  Landscape(const Landscape&) = delete;
  Landscape& operator=(const Landscape&) = delete;

  /// @param units      rows of unit points
  /// @param values     one per row
  /// @param gradients  as many as units, or empty
  void operator()(std::span<const double> units, std::span<double> values, std::span<double> gradients);

  /// Values for a first look at many points, at O(results) each where the true ones are dear.
  void sketch(std::span<const double> units, std::span<double> values);
  /// The beliefs that such values come from.
  /// @param features  rows
  void sketch(device::Block<const double> features, Prediction& prediction) const;

  /// Each value costs the square of many results.
  bool dear() const { return model_.process->known() >= many; }

  /// From now on improvements count from this transformed loss.
  void aim(double target);
  /// What the user's prior adds to the logarithm of the acquisition.
  double prior(std::span<const double> unit) const;
  const Surrogate::Model& model() const { return model_; }
  const space::Space& space() const { return space_; }
  const Embedding& embedding() const { return embedding_; }

 private:
  static constexpr std::size_t many = 128;  ///< results and pending trials

  void embed(std::span<const double> units, std::size_t count);
  /// Value at point i of the last prediction; derivatives by its means and its variance.
  double acquire(std::size_t i, std::span<double> by_mean, double& by_variance) const;
  /// Adds what does not come from the model.
  double surroundings(std::size_t i, std::span<double> by_feature) const;
  /// Adds the derivatives of the user's prior to `by_unit` (empty: not wanted), and answers what it adds to
  /// the value.
  double believe(std::size_t i, std::span<double> by_unit);

  const space::Space& space_;
  const Embedding& embedding_;
  const Feasibility& feasibility_;
  Surrogate::Model& model_;
  Setting setting_;
  std::vector<double> targets_;  ///< one per fantasy
  std::span<const double> best_features_;
  std::optional<LocalPenalty> penalty_;
  std::vector<double> features_;  ///< of the points at hand
  std::vector<space::Config> configs_;
  Prediction prediction_;
  std::vector<double> by_unit_;  ///< scratch
};

}  // namespace regatta::search
