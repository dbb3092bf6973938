#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "regatta/train/trainer.hpp"
#include "settings.hpp"

namespace regatta::objective {

/// What a network's ends must fit.
struct DataShape {
  std::size_t features = 0;
  std::size_t classes = 0;  ///< 0: a regression
  std::size_t outputs = 0;  ///< of a regression
  train::Shape sample;
};

/// Whether samples of this shape are images; else one sentence, which begins with `what` needs them.
std::string image_problem(const std::string& what, const DataShape& shape);

/// Whether a network can be trained with this loss (a value of the option `loss`) on such data; else one
/// sentence.
std::string loss_problem(const std::string& loss, const DataShape& shape);

/// The training that one trial's options ask for.
/// @throws TrialFailure  kind Invalid
train::TrainingSpec training_spec(const Values& values, const DataShape& shape, std::uint64_t seed);

}  // namespace regatta::objective
