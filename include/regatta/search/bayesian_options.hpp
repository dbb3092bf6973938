#pragma once

#include <string>

#include "regatta/search/user_prior.hpp"

namespace regatta::search {

/// Options of `bo`. Words and meaning are those of [search] in the input file, where the table of options
/// explains each.
struct BayesianOptions {
  std::string acquisition = "log_ei";
  std::string pending = "fantasies";
  std::string kernel = "auto";
  std::string transform = "auto";  ///< also "none"
  std::string warp = "auto";       ///< of the inputs
  std::string noise = "learnt";
  double noise_deviation = 0;  ///< [unit of the objective]; 0: the standard errors of the results
  std::string fit = "map";
  int initial_trials = 0;  ///< 0: by the number of parameters
  std::string initial_design = "sobol";
  int raw_samples = 512;
  int restarts = 10;
  int fantasies = 16;
  double jitter = 0;  ///< [unit of the transformed results]
  double beta = 4;
  double beta_decay = 0;
  int trust_regions = -1;  ///< -1: by the numbers of parameters and running trials
  double explore = 1e-3;
  std::string device = "cpu";  ///< of the models' algebra: "cpu" or "cuda"
  bool align_epochs = false;   ///< values of trials that have trained for less are lowered: "mobster"
  bool cost_aware = false;     ///< the acquisition is weighed by what an epoch takes
  UserPrior prior = {};
  double prior_strength = 10;
};

}  // namespace regatta::search
