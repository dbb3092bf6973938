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
  Surrogate(const space::Space& space, const BayesianOptions& options);

  /// Takes what has ended since the last call; begins anew when `history` does not go on from what was seen.
  void update(const History& history);

  std::size_t size() const { return losses_.size(); }
  std::size_t failures() const { return failures_.size(); }
  GaussianProcess& process() { return *process_; }
  const GaussianProcess& process() const { return *process_; }
  const Embedding& embedding() const { return embedding_; }
  /// Transformed losses.
  const std::vector<double>& values() const { return values_; }
  const std::vector<double>& losses() const { return losses_; }
  const std::vector<space::UnitPoint>& units() const { return units_; }
  const std::vector<space::Config>& configs() const { return configs_; }
  /// Place of the best result, by the mean of the belief where values are noisy.
  std::size_t best() const { return best_; }
  /// The latent loss there, transformed.
  double incumbent() const { return incumbent_; }
  KernelKind kernel() const { return kernel_; }
  const OutputTransform& transform() const { return transform_; }

 private:
  struct Fit {
    KernelKind kernel = KernelKind::Matern52;
    OutputTransform::Kind transform = OutputTransform::Kind::Standard;
    Hyperparameters parameters;
    double evidence = 0;
  };

  void reset();
  void take(const History& history, const Trial& trial);
  void learn(std::size_t n);
  Fit fit(KernelKind kernel, OutputTransform::Kind transform, std::size_t n, const Fit* previous) const;
  void rebuild(std::size_t n);
  void refresh();
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
  std::vector<double> values_;
  OutputTransform transform_;
  KernelKind kernel_ = KernelKind::Matern52;
  std::vector<Fit> candidates_;
  std::size_t chosen_ = 0;
  std::size_t fitted_ = 0, next_fit_ = 0;
  std::optional<GaussianProcess> process_;
  std::size_t best_ = 0;
  double incumbent_ = 0;
};

}  // namespace regatta::search
