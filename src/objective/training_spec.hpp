#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "regatta/train/trainer.hpp"
#include "settings.hpp"

namespace regatta::objective {

/// What a network's ends must fit; fields as those of train::Dataset.
struct DataShape {
  train::Shape shape;
  std::size_t classes = 0;
  std::size_t outputs = 0;
  std::size_t tokens = 0;
  std::size_t labels_per_sample = 1;
};

/// @param data  a train::Dataset or what train::inspect_dataset() says of one
template <class Data>
DataShape shape_of(const Data& data) {
  return {data.shape, data.classes, data.outputs, data.tokens, data.labels_per_sample};
}

/// Whether such data suit a kind of network (a value of the option `model`); else one sentence.
std::string model_problem(const std::string& model, const DataShape& shape);

/// Whether samples of this shape are images; else one sentence, which begins with `what` needs them.
std::string image_problem(const std::string& what, const DataShape& shape);

/// Whether an option that changes images suits a model and data of this shape; else one sentence.
std::string change_problem(const std::string& option, const std::string& model, const DataShape& shape);

/// Whether a network can be trained with this loss (a value of the option `loss`) on such data; else one
/// sentence.
std::string loss_problem(const std::string& loss, const DataShape& shape);

/// Whether the network can start from weights of layers with these counts and has layers left to train; else one sentence.
/// @param saved  empty: it starts from drawn ones
std::string weights_problem(const train::TrainingSpec& spec, const std::vector<train::ParameterCounts>& saved);

/// The training that one trial's options ask for.
/// @throws TrialFailure  kind Invalid
train::TrainingSpec training_spec(const Values& values, const DataShape& shape, std::uint64_t seed);

}  // namespace regatta::objective
