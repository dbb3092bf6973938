#include "trained_tables.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"
#include "regatta/train/import_curves.hpp"
#include "search_cases.hpp"
#include "support/process.hpp"

namespace regatta::benchmark {
namespace {

const std::filesystem::path data_folder = std::filesystem::path(REGATTA_SOURCE_DIR) / "../shared/data/hpo";
constexpr std::uint64_t times_seed = 7;

bool is_there(const std::filesystem::path& file) {
  if (std::filesystem::exists(file)) return true;
  std::cerr << "SKIPPED: " << file.lexically_normal().string() << " is not there\n";
  return false;
}

double best_of(const train::CurveTable& table) {
  std::vector<double> ends;
  for (std::size_t row = 0; row < table.rows; ++row)
    if (const double end = table.curve(row).back(); std::isfinite(end)) ends.push_back(end);
  return table.maximize ? std::ranges::max(ends) : std::ranges::min(ends);
}

TrainedTable written(const std::filesystem::path& file, const train::CurveTable& table) {
  train::write_curve_table(file, table);
  return {file, table.metric, table.maximize, best_of(table)};
}

void add_times(train::CurveTable& table) {
  Random random(times_seed);
  for (std::size_t row = 0; row < table.rows; ++row)
    table.seconds.push_back(std::exp(trial_log_mean + trial_log_deviation * random.normal()));
}

}  // namespace

std::optional<TrainedTable> TrainedTables::fcnet(const std::string& data) const {
  const auto packed = data_folder / concat("tabular/hpolib_", data, ".csv.gz");
  if (!is_there(packed)) return {};
  const auto unpacked = support::run_process({"gunzip", "-c", packed.string()});
  require(unpacked.exit_code == 0, "gunzip failed: ", unpacked.err);
  const auto csv = folder_.write(data + ".csv", unpacked.out);
  train::CurveTable table = train::import_curves(csv, {{"repeats", "y_seed*"}});
  add_times(table);
  return written(folder_ / (data + ".h5"), table);
}

std::optional<TrainedTable> TrainedTables::lcbench(const std::string& task) const {
  const auto from = data_folder / "lcbench";
  const auto curves = from / (task + "_val_accuracy.csv"), seconds = from / (task + "_time_s.csv");
  if (!is_there(from / "configs.csv") || !is_there(curves) || !is_there(seconds)) return {};
  const train::CurveTable table =
      train::import_curves(from / "configs.csv", {{"ignore", "config_id"},
                                                  {"objective", curves.string()},
                                                  {"seconds", seconds.string()},
                                                  {"log", "batch_size, learning_rate, max_units"},
                                                  {"metric", "val_accuracy"},
                                                  {"direction", "maximize"}});
  return written(folder_ / (task + ".h5"), table);
}

std::optional<TrainedTable> TrainedTables::taskset(const std::string& task) const {
  const auto from = data_folder / "taskset_rnn";
  const auto curves = from / (task + "_valid_loss.csv");
  if (!is_there(from / "configs.csv") || !is_there(curves)) return {};
  const train::CurveTable table = train::import_curves(
      from / "configs.csv", {{"ignore", "config_id"},
                             {"objective", curves.string()},
                             {"log", "learning_rate, epsilon, l1, l2, linear_decay, exponential_decay"},
                             {"metric", "val_loss"},
                             {"direction", "minimize"}});
  return written(folder_ / (task + ".h5"), table);
}

}  // namespace regatta::benchmark
