#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "support/temporary_folder.hpp"

namespace regatta::benchmark {

/// A table of really trained networks, ready for an objective of `type = table`.
struct TrainedTable {
  std::filesystem::path file;
  std::string metric;
  bool maximize = false;
  double optimum = 0;  ///< the best value in it
};

/// Makes tables of ../shared/data/hpo in a temporary folder, which lives as long as this. Where the data are
/// not there it says so and gives none.
class TrainedTables {
 public:
  /// A whole grid of fully connected networks: the mean validation error of four trainings. It knows no
  /// times, so each row gets one of its own, with the mean and spread of those of the test functions.
  /// @param data  "protein_structure" or "naval_propulsion"
  std::optional<TrainedTable> fcnet(const std::string& data) const;
  /// 2000 learning curves with their times: validation accuracy [%].
  /// @param task  "167168" or "189906"
  std::optional<TrainedTable> lcbench(const std::string& task) const;
  /// 1000 learning curves of 51 points without times: validation loss of a recurrent network under Adam.
  /// @param task  "patch128_LSTM128_bs64" or "patch32_GRU128_bs128"
  std::optional<TrainedTable> taskset(const std::string& task) const;

 private:
  support::TemporaryFolder folder_;
};

}  // namespace regatta::benchmark
