#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cost_model.hpp"
#include "embedding.hpp"
#include "epoch_offsets.hpp"
#include "feasibility.hpp"
#include "output_transform.hpp"
#include "regatta/device/evidence.hpp"
#include "regatta/search/bayesian_options.hpp"
#include "regatta/search/gaussian_process.hpp"
#include "regatta/search/history.hpp"

namespace regatta::search {

/// What is believed of the objective: several Gaussian processes, each with a kernel and a transform of the
/// losses of its own, weighed by how well they predict results that they have not seen. Losses: smaller is
/// better, whatever the study's direction.
///
/// Refits follow a schedule that depends on the number of results only, and each starts from the one before,
/// so that the belief is a function of the results in their order, however often and when it was asked for.
/// Beyond exact_limit() results the models see those around the best one only.
///
/// Once the valley of the best result is exhausted, the results outside of it get a surrogate of their own,
/// which fits its models to them as if the study had begun there, and may leave its valley in turn: the
/// sequential niche technique of Beasley, Bull and Martin (1993, Evolutionary Computation 1, 101-125), with a
/// valley of the belief in place of a radius.
class Surrogate {
 public:
  struct Model {
    KernelKind kernel = KernelKind::Matern52;
    OutputTransform::Kind kind = OutputTransform::Kind::Standard;
    bool warped = false;     ///< its inputs
    std::size_t sample = 0;  ///< 0: the most probable hyperparameters, else a draw around those
    Hyperparameters parameters;
    std::vector<Hyperparameters> samples;  ///< those draws, of the model with sample 0
    std::size_t fitted = 0;                ///< results at the last fit, 0: never
    double weight = 0;                     ///< of all models, sum 1
    double family_weight = 0;              ///< of the models with this kernel and this transform
    std::vector<double>
        densities;  ///< log densities of the better half of the results, each left out in turn [nat]
    std::optional<GaussianProcess> process;
    OutputTransform transform;
    std::vector<double> values;  ///< transformed losses of the active results
    std::size_t best = 0;        ///< place among the active results of the one with the least latent loss
    double incumbent = 0;        ///< that latent loss, transformed
  };

  /// One entry or row per result.
  struct Results {
    std::vector<double> losses;
    std::vector<double> deviations;  ///< known standard errors of the losses, 0 where none is known
    std::vector<space::UnitPoint> units;
    std::vector<double> features;  ///< rows
  };

  Surrogate(const space::Space& space, const BayesianOptions& options);

  /// Takes what has paused or ended since the last call; begins anew when `history` does not go on from what
  /// was seen.
  void update(const History& history);
  /// A model drawn by weight, conditioned on all active results. `uniform` in [0, 1).
  Model& draw(double uniform);
  /// Those that weigh something, conditioned.
  std::vector<Model*> weighed();
  /// The other models of its kernel, transform and warp, conditioned as well: an ensemble's other samples.
  std::vector<Model*> companions(const Model& model);

  /// What is believed of the results outside of the valley that was left; null while none was.
  Surrogate* rest() { return rest_.get(); }
  /// Whether a point lies in that valley: by the most likely model, the mean falls all the way to its bottom.
  bool in_left_valley(std::span<const double> features);
  /// Of the active results.
  double least_loss() const;

  /// Results so far, active or not: one per trial, its latest; failed trials count with the worst loss before
  /// them.
  std::size_t size() const { return all_.losses.size(); }
  /// All results have the same loss.
  bool constant() const;
  /// Those that the models see.
  const Results& active() const { return active_; }
  const Embedding& embedding() const { return embedding_; }
  const Feasibility& feasibility() const { return feasibility_; }
  const CostModel& costs() const { return costs_; }
  const std::vector<Model>& models() const { return models_; }

 private:
  void reset();
  void pass_on(const History& history, const Outcome& outcome, std::size_t place);
  void leave_valley(const History& history);
  void return_to_valley();
  Model& most_likely();
  void take(const History& history, const Outcome& outcome);
  bool append(const History& history, const Outcome& outcome, bool failed);
  void set_losses(bool maximize);
  void activate(std::size_t result);
  void choose_active();
  void learn();
  std::vector<Model> first_models() const;
  void drop_additive();
  void add_warped();
  void give_up_hopeless();
  void fit(Model& model, const std::vector<double>& values, const std::vector<double>& noise) const;
  void judge(Model& model, const std::vector<double>& values, const std::vector<double>& noise) const;
  void weigh();
  void weigh_families();
  void condition(Model& model) const;
  std::vector<double> transformed(Model& model) const;
  std::vector<double> noise_of(const Model& model) const;
  device::Block<const double> points() const;

  std::size_t exact_limit() const;

  space::Space space_;
  BayesianOptions options_;
  std::unique_ptr<device::EvidenceSolver> solver_;  ///< null: the host does all
  Embedding embedding_;
  Feasibility feasibility_;
  CostModel costs_;
  /// The latest value of a result.
  struct Known {
    double value = 0;
    std::int32_t epoch = 0;
    bool failed = false;
  };

  std::vector<Outcome> seen_;
  std::optional<EpochOffsets> offsets_;    ///< none: values count as they are
  std::map<TrialId, std::size_t> places_;  ///< of the trials among the results
  std::vector<Known> known_;               ///< by result
  Results all_;
  Results active_;
  std::vector<std::size_t> active_places_;  ///< among all results
  std::vector<Model> models_;
  std::size_t next_fit_ = 0, reviewed_ = 0;
  std::unique_ptr<Surrogate> rest_;
  std::size_t depth_ = 0;    ///< valleys that were left before
  std::size_t bottom_ = 0;   ///< of the valley that was left, among the active results
  std::size_t left_at_ = 0;  ///< results then
  bool spent_ = false;       ///< its valley is exhausted and there is hardly a result outside
};

}  // namespace regatta::search
