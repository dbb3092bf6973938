#pragma once

#include <string>

namespace regatta::search {

/// Options of `bo`. Words are those of the input file, where each is explained.
struct BayesianOptions {
  std::string acquisition = "log_ei";
  std::string pending = "fantasies";
  std::string kernel = "auto";
  std::string transform = "auto";
  std::string noise = "learnt";
  double noise_deviation = 0;  ///< with noise = fixed [unit of the objective]
  int initial_trials = 0;      ///< 0: by the number of parameters
  int raw_samples = 512;
  int restarts = 10;
  int fantasies = 16;
  double jitter = 0;  ///< improvement that does not count [standard deviations of the results]
  double beta = 4;    ///< of ucb
  double explore = 1e-3;
};

}  // namespace regatta::search
