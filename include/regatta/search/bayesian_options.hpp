#pragma once

#include <cstdint>
#include <string>

namespace regatta::search {

/// Options of `bo`; README.md has their meaning. Words are those of the input file.
struct BayesianOptions {
  std::string acquisition = "log_ei";
  std::string pending = "fantasies";
  std::string kernel = "auto";
  std::string transform = "auto";
  std::string noise = "learnt";
  std::string fit = "map";
  std::string region = "auto";
  int initial_trials = 0;  ///< 0: by the number of parameters
  int raw_samples = 512;
  int restarts = 10;
  int fantasies = 16;
  double jitter = 0;
  double beta = 4;
  double noise_variance = 1e-8;
  int polish_every = 2;
  double temper = 0.5;
  double spread = 2;
  double explore = 1e-3;
  double reach = 0.25;
};

}  // namespace regatta::search
