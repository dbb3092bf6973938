#pragma once

#include <optional>
#include <vector>

#include "embedding.hpp"
#include "output_transform.hpp"
#include "regatta/search/bayesian_options.hpp"
#include "regatta/search/gaussian_process.hpp"
#include "regatta/search/history.hpp"

namespace regatta::search {

/// What is believed of the objective: the results of a history, transformed, under a fitted Gaussian process. Losses: smaller is
/// better, whatever the study's direction.
///
/// Refits follow a schedule that depends on the number of results only, and each starts from the one before, so that the belief
/// is a function of the results in their order, however often and when it was asked for.
class Surrogate {
 public:
  /// One way to see the results: a kernel on transformed losses.
  struct Model {
    KernelKind kernel = KernelKind::Matern52;
    OutputTransform::Kind kind = OutputTransform::Kind::Standard;
    Hyperparameters parameters;
    std::vector<double> densities;  ///< log densities of the better half of the results, each left out in turn [nat]
    std::size_t fitted = 0;         ///< results at the last fit
    double weight = 0;    ///< of all models, sum 1
    std::optional<GaussianProcess> process;
    OutputTransform transform;
    std::vector<double> values;  ///< transformed losses
    std::size_t best = 0;        ///< place of the best result, by the mean of the belief
    double incumbent = 0;        ///< the latent loss there, transformed
  };

  Surrogate(const space::Space& space, const BayesianOptions& options);

  /// Takes what has ended since the last call; begins anew when `history` does not go on from what was seen.
  void update(const History& history);
  /// A model drawn by weight, conditioned on all results. `uniform` in [0, 1).
  Model& draw(double uniform);

  std::size_t size() const { return losses_.size(); }
  std::size_t failures() const { return failures_.size(); }
  const Embedding& embedding() const { return embedding_; }
  const std::vector<double>& losses() const { return losses_; }
  const std::vector<space::UnitPoint>& units() const { return units_; }
  const std::vector<space::Config>& configs() const { return configs_; }
  const std::vector<Model>& models() const { return models_; }

 private:
  void reset();
  void take(const History& history, const Trial& trial);
  void learn(std::size_t n);
  void fit(Model& model, std::size_t n, bool first) const;
  void judge(Model& model, std::size_t n) const;
  void weigh(std::size_t n);
  void condition(Model& model) const;
  device::Block<const double> features(std::size_t n) const;

  space::Space space_;
  BayesianOptions options_;
  Embedding embedding_;
  std::vector<TrialId> seen_;
  std::vector<space::Config> configs_;
  std::vector<space::UnitPoint> units_;
  std::vector<double> features_;
  std::vector<double> losses_;
  std::vector<std::vector<double>> failures_;
  std::vector<Model> models_;
  std::size_t fitted_ = 0, next_fit_ = 0;
};

}  // namespace regatta::search
