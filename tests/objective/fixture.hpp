#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "regatta/core/random.hpp"
#include "regatta/objective/objective.hpp"
#include "regatta/train/dataset.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::objective {

using Texts = std::vector<std::pair<std::string, std::string>>;

inline space::Space space_of(const Texts& parameters) {
  std::vector<space::Definition> definitions;
  int line = 0;
  for (const auto& [name, text] : parameters) definitions.push_back({name, text, {"x.ini", ++line}});
  Problems problems;
  space::Space space = space::Space::parse(definitions, {}, problems);
  for (const Problem& problem : problems) ADD_FAILURE() << problem.text;
  return space;
}

inline ObjectiveOptions options_of(const Texts& values, const std::filesystem::path& folder = {}) {
  ObjectiveOptions options;
  options.folder = folder;
  int line = 100;
  for (const auto& [name, text] : values) {
    options.values[name] = text;
    options.where[name] = {"x.ini", ++line};
  }
  return options;
}

inline std::vector<std::string> problems_of(const ObjectiveOptions& options, const space::Space& space) {
  Problems problems;
  check_objective(options, space, problems);
  std::vector<std::string> texts;
  for (const Problem& problem : problems) texts.push_back(problem.where.text() + ": " + problem.text);
  return texts;
}

/// Three overlapping clouds in the plane (or two), or y = 2 x1 - x2 + 1 with some noise.
inline train::Table table(std::size_t rows, std::size_t classes, std::uint64_t seed) {
  train::Table data;
  Random random(seed);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto label = classes > 0 ? random.below(classes) : 0;
    const double x = static_cast<double>(label) + 0.6 * random.normal(),
                 y = static_cast<double>(label % 2) + 0.4 * random.normal();
    data.x.insert(data.x.end(), {static_cast<float>(x), static_cast<float>(y)});
    if (classes > 0)
      data.labels.push_back(static_cast<std::int32_t>(label));
    else
      data.values.push_back(static_cast<float>(2 * x - y + 1 + 0.1 * random.normal()));
  }
  return data;
}

/// Writes `name` into the folder; classes 0: a regression.
inline void write_data(const support::TemporaryFolder& folder, const std::string& name, std::size_t classes,
                       std::size_t valid_rows = 60) {
  train::TableSet data;
  data.shape = {2};
  data.classes = classes;
  data.outputs = classes > 0 ? 0 : 1;
  for (std::size_t c = 0; c < classes; ++c) data.class_names.push_back("class " + std::to_string(c));
  data.train = table(150, classes, 1);
  data.valid = table(valid_rows, classes, 2);
  train::write_dataset(folder / name, data);
}

/// Writes `name` into the folder: images of 6 x 5 pixels with a bright corner, upper left or lower right.
inline void write_images(const support::TemporaryFolder& folder, const std::string& name) {
  train::TableSet data;
  data.shape = {6, 5};
  data.classes = 2;
  data.class_names = {"upper", "lower"};
  Random random(3);
  for (train::Table* part : {&data.train, &data.valid})
    for (int row = 0; row < 96; ++row) {
      const bool lower = random.below(2) == 1;
      part->labels.push_back(lower);
      for (int pixel = 0; pixel < 30; ++pixel) {
        const bool bright = lower ? pixel >= 20 && pixel % 5 >= 3 : pixel < 10 && pixel % 5 < 2;
        part->x.push_back(static_cast<float>((bright ? 1.5 : 0) + 0.7 * random.normal()));
      }
    }
  train::write_dataset(folder / name, data);
}

/// An objective on the CPU, ready to start trials.
class Workshop {
 public:
  Workshop(const ObjectiveOptions& options, const space::Space& space, comm::Communicator* team = nullptr, int lanes = 1)
      : space_(space), objective_(make_objective(options, space)) {
    WorkerContext context{backend_.get(), &memory_, team};
    context.lanes = lanes;
    objective_->prepare(context);
  }

  Objective& objective() { return *objective_; }
  std::unique_ptr<Trainable> start(const Texts& values = {}, std::uint64_t seed = 7) {
    return objective_->start(space_.read(values), {0, 1, seed});
  }
  /// Every epoch of a trial.
  std::vector<Progress> run(const Texts& values = {}, std::uint64_t seed = 7) {
    const auto trial = start(values, seed);
    std::vector<Progress> epochs;
    while (epochs.empty() || !epochs.back().finished)
      if (auto progress = trial->advance()) epochs.push_back(*progress);
    return epochs;
  }

 private:
  std::unique_ptr<device::Backend> backend_ = device::make_cpu_backend();
  comm::PrivateMemory memory_;
  space::Space space_;
  std::unique_ptr<Objective> objective_;
};

}  // namespace regatta::objective
