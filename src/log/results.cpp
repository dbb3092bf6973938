#include <algorithm>
#include <array>
#include <cmath>

#include "regatta/core/build_info.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/file.hpp"
#include "regatta/core/text.hpp"
#include "regatta/h5/file.hpp"
#include "regatta/log/study_reader.hpp"
#include "regatta/search/tree_nodes.hpp"
#include "regatta/space/json.hpp"
#include "text_cut.hpp"

namespace regatta::log {
namespace {

using search::not_a_number;
using search::Trial;

constexpr std::string_view since_epoch = "s since 1970-01-01T00:00:00Z";
constexpr std::size_t longest_message =
    200;  // [bytes]: all cells are as wide as the widest; the journal has it whole

/// One group of columns, each with one value per row.
template <class Row>
class Table {
 public:
  Table(h5::File& file, std::string group, const std::vector<Row>& rows)
      : file_(file), group_(std::move(group)), rows_(rows) {}

  /// Writes the column `name` of what `field` gives for each row.
  template <class T, class Field>
  Table& column(const std::string& name, Field field, std::string_view units = "") {
    std::vector<T> values;
    values.reserve(rows_.size());
    for (const Row& row : rows_) values.push_back(static_cast<T>(field(row)));
    const std::string path = group_ + "/" + name;
    file_.write(path, values);
    if (!units.empty()) file_.set_attribute(path, "units", units);
    return *this;
  }

  /// Writes the codes of an enumeration that has `codes` enumerators, all named by name_of.
  template <class Field>
  Table& code_column(const std::string& name, Field field, int codes) {
    using Code = decltype(field(rows_.front()));
    column<std::uint8_t>(name, field);
    std::vector<std::string> names;
    for (int code = 0; code < codes; ++code)
      names.push_back(concat(code, "=", name_of(static_cast<Code>(code))));
    file_.set_attribute(group_ + "/" + name, "names", join(names, ";"));
    return *this;
  }

 private:
  h5::File& file_;
  std::string group_;
  const std::vector<Row>& rows_;
};

// A name may hold what HDF5 reads as a path.
std::string link_name(std::string name) {
  std::replace(name.begin(), name.end(), '/', '_');
  return name == "." ? "_" : name;
}

std::string categories_text(const space::Parameter& parameter) {
  if (!parameter.categorical()) return "";
  Json words = Json::array();
  for (const space::Value& value : parameter.categories) words.push_back(space::to_json(value));
  return words.dump();
}

RunState state_of(const Study& study) { return study.status ? study.status->state : RunState::Running; }

void write_root(h5::File& file, const Study& study) {
  const search::StudyHeader& header = study.header;
  const auto set = [&](std::string_view name, const auto& value) { file.set_attribute("/", name, value); };
  set("regatta_schema", std::string_view("1.0"));
  set("software", std::string_view("regatta"));
  set("version", build_info().version);
  set("git_commit", build_info().git_commit);
  set("compiler", build_info().compiler);
  set("hdf5", h5::library_version());
  for (const auto& [name, version] : header.software) set(link_name(name), version);
  set("study", header.name);
  set("run_uuid", header.run_uuid);
  set("metric", header.metric);
  set("direction", std::string_view(header.maximize ? "maximize" : "minimize"));
  set("seed", static_cast<std::int64_t>(header.seed));
  set("trials", header.trials);
  set("searcher", header.searcher);
  set("scheduler", header.scheduler);
  set("objective", header.objective);
  set("used_inputs", header.used_inputs);
  set("input_hash", header.input_hash);
  set("date", iso_time(header.created));
  set("file_update_time", iso_time(wall_time()));
  set("state", name_of(state_of(study)));
  set("reason", study.status ? study.status->reason : std::string());
}

void write_last_job(h5::File& file, const Study& study) {
  const search::JobStarted job = study.jobs.empty() ? search::JobStarted{} : study.jobs.back().start;
  file.set_attribute("/", "host", job.host);
  file.set_attribute("/", "job_id", job.job_id);
  file.set_attribute("/", "launcher", job.launcher);
  file.set_attribute("/", "command_line", job.command_line);
}

void write_space(h5::File& file, const Study& study) {
  using space::Parameter;
  Table<Parameter>(file, "/space", study.space.parameters())
      .column<std::string>("name", [](const Parameter& p) { return p.name; })
      .code_column(
          "kind", [](const Parameter& p) { return p.kind; }, static_cast<int>(space::Kind::Grid) + 1)
      .column<double>("low", [](const Parameter& p) { return p.categorical() ? not_a_number : p.low; })
      .column<double>("high", [](const Parameter& p) { return p.categorical() ? not_a_number : p.high; })
      .column<double>("q", [](const Parameter& p) { return p.step > 0 ? p.step : not_a_number; })
      .column<std::string>("choices", [](const Parameter& p) { return categories_text(p); })
      .column<std::string>("condition", [](const Parameter& p) { return p.condition; })
      .column<std::string>("definition", [](const Parameter& p) { return p.definition; });
  std::string constraints;
  for (const auto& [name, expression] : study.header.constraints)
    constraints += name + " = " + expression + "\n";
  file.set_attribute("/space", "constraints", constraints);
}

/// A column, where the searcher has told any.
void write_promises(h5::File& file, const Study& study) {
  if (study.promises.empty()) return;
  std::vector<double> gains(study.history.trials().size(), not_a_number);
  for (const Promise& promise : study.promises) gains[static_cast<std::size_t>(promise.trial.value)] = promise.gain;
  Table<Trial>(file, "/trials", study.history.trials()).column<double>("promised_gain", [&](const Trial& t) {
    return gains[static_cast<std::size_t>(t.id.value)];
  });
}

void write_trials(h5::File& file, const Study& study) {
  Table<Trial>(file, "/trials", study.history.trials())
      .column<std::int32_t>("trial", [](const Trial& t) { return t.id.value; })
      .code_column(
          "state", [](const Trial& t) { return t.state; }, search::trial_state_count)
      .column<double>("objective", [](const Trial& t) { return t.objective; })
      .column<double>("standard_error", [](const Trial& t) { return t.standard_error; })
      .column<std::int32_t>("epochs", [](const Trial& t) { return t.epochs; })
      .column<std::int32_t>("attempt", [](const Trial& t) { return t.attempt; })
      .column<std::int32_t>("worker", [](const Trial& t) { return t.worker.value; })
      .column<std::int32_t>("lane", [](const Trial& t) { return t.lane; })
      .column<double>(
          "t_queued", [](const Trial& t) { return t.t_queued; }, since_epoch)
      .column<double>(
          "t_start", [](const Trial& t) { return t.t_start; }, since_epoch)
      .column<double>(
          "t_end", [](const Trial& t) { return t.t_end; }, since_epoch)
      .column<double>(
          "seconds", [](const Trial& t) { return t.seconds; }, "s")
      .column<std::int32_t>("exit_code", [](const Trial& t) { return t.exit_code; })
      .code_column(
          "reason", [](const Trial& t) { return t.reason; }, search::reason_count)
      .column<std::string>("message", [](const Trial& t) { return cut_text(t.message, longest_message); })
      .column<std::int64_t>("seed", [](const Trial& t) { return t.seed; })
      .code_column(
          "origin", [](const Trial& t) { return t.origin; }, 2)
      .column<std::int32_t>("parent", [](const Trial& t) { return t.parent.value; })
      .column<std::int64_t>("events_seen", [](const Trial& t) { return t.events_seen; });
  write_promises(file, study);
  file.set_attribute("/trials/seed", "note", "unsigned 64-bit integers in two's complement");
}

/// The hyperparameters of rows that have a configuration, a column for each.
template <class Row>
void write_params(h5::File& file, const std::string& group, const Study& study,
                  const std::vector<Row>& rows) {
  for (std::size_t i = 0; i < study.space.size(); ++i) {
    const space::Parameter& parameter = study.space.parameters()[i];
    Table<Row> table(file, group, rows);
    const std::string& name = parameter.name;
    const std::string path = group + "/" + name;
    if (parameter.categorical()) {
      table.template column<std::int32_t>(
          name, [i](const Row& row) { return std::isnan(row.config[i]) ? -1.0 : row.config[i]; });
      file.set_attribute(path, "categories", categories_text(parameter));
    } else {
      table.template column<double>(name, [i](const Row& row) { return row.config[i]; });
    }
    file.set_attribute(path, "definition", parameter.definition);
  }
}

/// Hyperparameters that changed during a training, where any did.
void write_changes(h5::File& file, const Study& study) {
  if (study.changes.empty()) return;
  using Change = search::TrialChanged;
  Table<Change>(file, "/changes", study.changes)
      .column<std::int32_t>("trial", [](const Change& c) { return c.trial.value; })
      .column<std::int32_t>("epoch", [](const Change& c) { return c.epoch; })
      .column<std::int32_t>("donor", [](const Change& c) { return c.donor.value; })
      .column<double>(
          "time", [](const Change& c) { return c.time; }, since_epoch);
  write_params(file, "/changes/params", study, study.changes);
}

void write_fold_scores(h5::File& file, const Study& study) {
  std::size_t folds = 0;
  for (const Attempt& attempt : study.attempts)
    if (attempt.end) folds = std::max(folds, attempt.end->fold_scores.size());
  if (folds == 0) return;
  const std::size_t trials = study.history.trials().size();
  std::vector<double> scores(trials * folds, not_a_number);
  for (const Attempt& attempt : study.attempts) {
    if (!attempt.end) continue;
    const std::size_t first = static_cast<std::size_t>(attempt.end->trial.value) * folds;
    std::ranges::copy(attempt.end->fold_scores, scores.begin() + static_cast<std::ptrdiff_t>(first));
  }
  file.write("/trials/fold_scores", scores, std::array{trials, folds});
}

void write_reports(h5::File& file, const Study& study) {
  using Report = search::TrialReported;
  Table<Report>(file, "/reports", study.reports)
      .column<std::int32_t>("trial", [](const Report& r) { return r.trial.value; })
      .column<std::int32_t>("epoch", [](const Report& r) { return r.epoch; })
      .column<double>(
          "time", [](const Report& r) { return r.time; }, since_epoch)
      .column<double>("value", [](const Report& r) { return r.value; });
  for (std::size_t i = 0; i < study.header.metrics.size(); ++i)
    Table<Report>(file, "/reports/metrics", study.reports)
        .column<double>(link_name(study.header.metrics[i]),
                        [i](const Report& r) { return i < r.metrics.size() ? r.metrics[i] : not_a_number; });
}

void write_timeline(h5::File& file, const Study& study) {
  const std::vector<Span> spans = timeline_of(study);
  Table<Span>(file, "/timeline", spans)
      .column<std::int32_t>("worker", [](const Span& s) { return s.worker.value; })
      .column<std::int32_t>("lane", [](const Span& s) { return s.lane; })
      .column<std::int32_t>("trial", [](const Span& s) { return s.trial.value; })
      .code_column(
          "kind", [](const Span& s) { return s.kind; }, 4)
      .column<double>(
          "t_start", [](const Span& s) { return s.t_start; }, since_epoch)
      .column<double>(
          "t_end", [](const Span& s) { return s.t_end; }, since_epoch);
}

void write_workers(h5::File& file, const Study& study) {
  Table<WorkerRow>(file, "/workers", study.workers)
      .column<std::int32_t>("worker", [](const WorkerRow& w) { return w.joined.worker.value; })
      .column<std::int32_t>("rank", [](const WorkerRow& w) { return w.joined.rank; })
      .column<std::int32_t>("lane", [](const WorkerRow& w) { return w.lane; })
      .column<std::int32_t>("ranks", [](const WorkerRow& w) { return w.joined.ranks; })
      .column<std::int32_t>("cores", [](const WorkerRow& w) { return w.joined.cores; })
      .column<std::string>("host", [](const WorkerRow& w) { return w.joined.host; })
      .column<std::string>("device", [](const WorkerRow& w) { return w.joined.device; })
      .column<std::string>("device_uuid", [](const WorkerRow& w) { return w.joined.device_uuid; })
      .column<double>(
          "first_seen", [](const WorkerRow& w) { return w.joined.time; }, since_epoch)
      .column<double>(
          "last_seen", [](const WorkerRow& w) { return w.last_seen; }, since_epoch);
}

void write_jobs(h5::File& file, const Study& study) {
  Table<JobRow>(file, "/jobs", study.jobs)
      .column<double>(
          "t_start", [](const JobRow& j) { return j.start.time; }, since_epoch)
      .column<double>(
          "t_end", [](const JobRow& j) { return j.end ? j.end->time : not_a_number; }, since_epoch)
      .column<std::string>("reason", [](const JobRow& j) { return j.end ? j.end->reason : std::string(); })
      .column<std::string>("host", [](const JobRow& j) { return j.start.host; })
      .column<std::string>("job_id", [](const JobRow& j) { return j.start.job_id; })
      .column<std::string>("launcher", [](const JobRow& j) { return j.start.launcher; })
      .column<std::string>("command_line", [](const JobRow& j) { return j.start.command_line; })
      .column<std::string>("git_commit", [](const JobRow& j) { return j.start.git_commit; })
      .column<std::string>("lanes", [](const JobRow& j) { return j.lanes; });
}

/// The tree, where the searcher has one.
void write_tree(h5::File& file, const Study& study) {
  using Node = search::TreeNode;
  if (study.header.searcher != "ais") return;
  const std::vector<Node> nodes =
      tree_nodes(study.space, search::tree_options_in(study.header.used_inputs), study.history);
  Table<Node>(file, "/search/ais/nodes", nodes)
      .column<std::int32_t>("parent", [](const Node& n) { return n.parent; })
      .column<std::int32_t>("depth", [](const Node& n) { return n.depth; })
      .column<std::int32_t>("children", [](const Node& n) { return n.children; })
      .column<std::int64_t>("visits", [](const Node& n) { return n.visits; })
      .column<std::int64_t>("in_flight", [](const Node& n) { return n.in_flight; })
      .column<double>("value", [](const Node& n) { return n.value; })
      .column<double>("probability", [](const Node& n) { return n.probability; })
      .column<double>(
          "entropy", [](const Node& n) { return n.entropy; }, "nat")
      .column<double>("volume", [](const Node& n) { return n.volume; })
      .column<std::string>("part", [](const Node& n) { return cut_text(n.part, longest_message); });
}

void write_all(h5::File& file, const Study& study) {
  write_root(file, study);
  write_last_job(file, study);
  write_space(file, study);
  write_trials(file, study);
  write_params(file, "/trials/params", study, study.history.trials());
  write_changes(file, study);
  write_fold_scores(file, study);
  write_reports(file, study);
  write_timeline(file, study);
  write_workers(file, study);
  write_jobs(file, study);
  write_tree(file, study);
}

}  // namespace

void write_results(const Study& study, const std::filesystem::path& file, bool sync) {
  const std::filesystem::path temporary = temporary_name(file);
  try {
    h5::File out = h5::File::create(temporary);
    write_all(out, study);
    out.close();
    commit_file(temporary, file, sync);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw;
  }
}

}  // namespace regatta::log
