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
    /// Models of the same transform whose acquisition is averaged with that of the model, by their weights.
    std::vector<Surrogate::Model*> companions = {};
  };

  Landscape(const space::Space& space, const BayesianOptions& options, const Surrogate& surrogate,
            Surrogate::Model& model, const std::vector<space::Config>& pending, Setting setting,
            Random& random);
  ~Landscape();
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

  /// How one of the models sees the points at hand.
  struct View {
    Surrogate::Model* model = nullptr;
    double log_share = 0;         ///< of its weight in that of all
    std::vector<double> targets;  ///< one per fantasy
    Prediction prediction = {};
    std::vector<double> values = {};  ///< logarithms of the acquisition, one per point
    std::vector<double> by_mean = {}, by_variance = {};
  };

  void expect(View& view, const BayesianOptions& options, device::Block<const double> pending,
              Random& random);
  void embed(std::span<const double> units, std::size_t count);
  /// Fills in a view of all points.
  void look(View& view, bool derivatives) const;
  /// Value at point i of a view's prediction; derivatives by its means and its variance.
  double acquire(const View& view, std::size_t i, std::span<double> by_mean, double& by_variance) const;
  /// Logarithms of the mean of exp(values) over the views, whose derivatives become their parts in its own.
  void average(std::span<double> values);
  /// Sum of the views' derivatives by the features.
  std::vector<double> slopes() const;
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
  std::vector<View> views_;  ///< that of the model first
  std::span<const double> best_features_;
  std::optional<LocalPenalty> penalty_;
  std::vector<double> features_;  ///< of the points at hand
  std::vector<space::Config> configs_;
  std::vector<double> by_unit_;  ///< scratch
};

}  // namespace regatta::search
