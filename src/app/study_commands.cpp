#include <iostream>
#include <sstream>

#include "commands.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/file.hpp"
#include "regatta/log/study_reader.hpp"
#include "regatta/objective/network_objective.hpp"
#include "regatta/report/best.hpp"
#include "regatta/report/csv.hpp"
#include "regatta/report/html.hpp"
#include "regatta/report/report.hpp"

namespace regatta::app {
namespace {

log::Study read(const Arguments& arguments) { return log::read_study(arguments.operands.front()); }

void write_csv_file(const log::Study& study, const std::string& file) {
  if (file == "-") {
    report::write_csv(study, std::cout);
    return;
  }
  std::ostringstream text;
  report::write_csv(study, text);
  replace_file(file, text.str());
  std::cout << file << ": " << study.history.trials().size() << " trials\n";
}

/// Copies those of the best trial of all that the run has kept weights of.
void write_weights_file(const log::Study& study, const std::string& file) {
  const search::Trial* best = nullptr;
  const auto kept_file = [&](const search::Trial& trial) {
    return objective::kept_weights_file(study.directory, trial.id.value);
  };
  for (const search::Trial& trial : study.history.trials())
    if (std::filesystem::exists(kept_file(trial)) && (!best || study.history.better(trial.objective, best->objective)))
      best = &trial;
  require(best, "run ", study.directory.string(), " has kept no weights: set objective.keep_weights = true");
  std::filesystem::copy_file(kept_file(*best), file, std::filesystem::copy_options::overwrite_existing);
  std::cout << file << ": weights of trial " << best->id.value << "\n";
}

report::BestFormat format_of(const std::string& word) {
  return word == "json"    ? report::BestFormat::Json
         : word == "shell" ? report::BestFormat::Shell
                           : report::BestFormat::Ini;
}

}  // namespace

int status_command(const Arguments& arguments) {
  std::cout << report::status_text(read(arguments), wall_time());
  return 0;
}

int report_command(const Arguments& arguments) {
  const log::Study study = read(arguments);
  const std::string file = arguments.option("html");
  if (file.empty()) {
    std::cout << report::report_text(study);
  } else {
    replace_file(file, report::html_page(study));
    std::cout << file << "\n";
  }
  return 0;
}

int best_command(const Arguments& arguments) {
  std::cout << report::best_text(read(arguments), format_of(arguments.option("format")));
  return 0;
}

int export_command(const Arguments& arguments) {
  const std::string csv = arguments.option("csv"), h5 = arguments.option("h5"), weights = arguments.option("weights");
  require(!csv.empty() || !h5.empty() || !weights.empty(), "regatta export needs --csv FILE, --h5 FILE or --weights FILE");
  const log::Study study = read(arguments);
  if (!csv.empty()) write_csv_file(study, csv);
  if (!weights.empty()) write_weights_file(study, weights);
  if (h5.empty()) return 0;
  log::write_results(study, h5);
  std::cout << h5 << ": " << study.history.trials().size() << " trials\n";
  return 0;
}

}  // namespace regatta::app
