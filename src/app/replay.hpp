#pragma once

#include <filesystem>

#include "regatta/run/study.hpp"

namespace regatta::app {

/// A table of learning curves in a temporary file, which goes with this object.
class RecordedCurves {
 public:
  /// The trainings of a recorded study that came to their end: their curves, and the times that they took.
  /// @throws InvalidInput  no such study, none of its trainings came to its end, parameters with conditions
  explicit RecordedCurves(const std::filesystem::path& directory);
  RecordedCurves(const RecordedCurves&) = delete;
  RecordedCurves& operator=(const RecordedCurves&) = delete;
  ~RecordedCurves();

  /// Lets `plan` try the recorded configurations in their order, and nothing else.
  void replace_objective(run::StudyPlan& plan) const;

 private:
  std::filesystem::path file_;
  search::StudyHeader header_;  ///< of the recorded study
  space::Space space_;
  std::vector<search::Config> configs_;
};

}  // namespace regatta::app
