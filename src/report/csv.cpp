#include "regatta/report/csv.hpp"

#include <cmath>
#include <vector>

#include "regatta/core/text.hpp"

namespace regatta::report {
namespace {

std::string number(double value) { return std::isnan(value) ? "" : format_number(value); }

template <class Kind>
std::string name(Id<Kind> id) {
  return id.valid() ? std::to_string(id.value) : "";
}

std::vector<std::string> titles(const space::Space& space) {
  std::vector<std::string> result = {"trial",  "state",   "reason", "origin", "objective", "standard_error",
                                     "epochs", "attempt", "worker", "lane",   "t_queued",  "t_start",
                                     "t_end",  "seconds", "seed",   "parent", "exit_code"};
  for (const space::Parameter& parameter : space.parameters()) result.push_back("params_" + parameter.name);
  result.emplace_back("message");
  return result;
}

std::vector<std::string> cells(const space::Space& space, const search::Trial& trial) {
  const auto word = [](auto code) { return std::string(name_of(code)); };
  std::vector<std::string> result = {name(trial.id),
                                     word(trial.state),
                                     word(trial.reason),
                                     word(trial.origin),
                                     number(trial.objective),
                                     number(trial.standard_error),
                                     std::to_string(trial.epochs),
                                     std::to_string(trial.attempt),
                                     name(trial.worker),
                                     std::to_string(trial.lane),
                                     number(trial.t_queued),
                                     number(trial.t_start),
                                     number(trial.t_end),
                                     number(trial.seconds),
                                     std::to_string(trial.seed),
                                     name(trial.parent),
                                     std::to_string(trial.exit_code)};
  for (std::size_t i = 0; i < space.size(); ++i)
    result.push_back(space::to_text(space.value(trial.config, i)));
  result.push_back(trial.message);
  return result;
}

void write_row(std::ostream& out, const std::vector<std::string>& row) {
  for (std::size_t i = 0; i < row.size(); ++i) out << (i > 0 ? "," : "") << csv_cell(row[i]);
  out << "\n";
}

}  // namespace

std::string csv_cell(std::string_view text) {
  const bool plain = text.find_first_of(",\"\r\n") == std::string_view::npos && trim(text) == text;
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

void write_csv(const log::Study& study, std::ostream& out) {
  write_row(out, titles(study.space));
  for (const search::Trial& trial : study.history.trials()) write_row(out, cells(study.space, trial));
}

}  // namespace regatta::report
