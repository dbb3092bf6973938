#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "regatta/objective/objective.hpp"
#include "regatta/train/device_data.hpp"
#include "regatta/train/lane_pack.hpp"
#include "regatta/train/metrics.hpp"
#include "regatta/train/trainer.hpp"

namespace regatta::objective {

/// What a study with `type = network` measures.
struct NetworkStudy {
  std::vector<train::Metric> metrics;  ///< the study's own first
  bool maximize = false;               ///< as the study does
  bool best_epoch = false;             ///< the value is that of the best epoch so far
  std::size_t folds = 0;               ///< 0: no cross-validation
  std::uint64_t fold_seed = 1;
  bool spread_folds = false;  ///< over the ranks of a team
  bool keep_weights = false;  ///< of the best trial of each rank
};

/// What to train on and what to be judged on: one of these, or one per fold.
struct Division {
  train::Part train, judged;
};

/// A file with the weights of the best trial so far of a rank.
class KeptWeights {
 public:
  KeptWeights(std::filesystem::path run_directory, bool maximize)
      : run_directory_(std::move(run_directory)), maximize_(maximize) {}

  /// Puts these in the place of those of a trial that was no better.
  void offer(std::int32_t trial, double value, const train::SavedWeights& weights);

 private:
  std::filesystem::path run_directory_, file_;
  bool maximize_;
  std::optional<double> value_;
};

/// The data of a study, shared by all trials of a worker.
struct NetworkData {
  train::Dataset dataset;
  std::unique_ptr<train::DeviceData> placed;
  std::vector<Division> divisions;
  std::unique_ptr<train::Part> test;
  std::unique_ptr<KeptWeights> kept;
  std::unique_ptr<train::TeamSums> sums;
  std::unique_ptr<train::LanePack> lanes;  ///< of small networks that train at the same time
};

/// Trains one network per division, all of them to the same epoch before the next one begins, and reports the
/// mean of their scores. All folds start from the same weights and take the same seed as a single training
/// would.
class NetworkTrainable final : public Trainable {
 public:
  /// All arguments outlive this object.
  NetworkTrainable(const WorkerContext& worker, const NetworkData& data, const NetworkStudy& study,
                   const train::TrainingSpec& spec, std::int32_t trial);

  std::optional<Progress> advance() override;
  /// Nothing where the folds are spread over the ranks of a team: each rank has others.
  std::vector<std::byte> save() const override;
  bool saves_together() const override { return divided_; }
  void load(std::span<const std::byte> saved) override;
  double communicate_seconds() const override;
  Sums sums() const override;
  std::string take_message() override { return data_.sums->take_message(); }

 private:
  struct Run {
    std::size_t division = 0;
    std::unique_ptr<train::Trainer> trainer;
  };

  std::optional<Progress> advance_runs();
  bool judge(Run& run);
  std::vector<double> scores(Run& run);
  void exchange();
  Progress combine();
  void keep_weights(double value) const;
  void remember_best(Progress& progress);

  const NetworkData& data_;
  const NetworkStudy& study_;
  train::TrainingSpec spec_;
  std::int32_t trial_;
  comm::Communicator* team_;  ///< null where ranks do not divide this trial
  bool spread_;               ///< whole folds over the ranks of the team
  bool divided_;              ///< the ranks of the team hold parts or stages of the model
  std::vector<Run> runs_;     ///< of this rank
  std::size_t next_run_ = 0;
  std::vector<std::vector<double>> scores_;  ///< by division and metric, of this epoch
  std::optional<TrialFailure> failure_;      ///< of this epoch
  std::int32_t epoch_ = 0;
  std::optional<Progress> best_;
  double exchange_seconds_ = 0;
};

}  // namespace regatta::objective
