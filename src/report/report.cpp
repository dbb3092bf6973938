#include "regatta/report/report.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "phrases.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/report/calibration.hpp"
#include "regatta/report/table.hpp"
#include "regatta/report/tree.hpp"
#include "regatta/report/utilisation.hpp"

namespace regatta::report {
namespace {

constexpr std::size_t line_width = 100;
constexpr std::size_t most_workers = 40;  // in the table

using search::Trial;

/// The best trials that have a result, the best first.
std::vector<TrialId> best_trials(const log::Study& study, std::size_t count) {
  std::vector<TrialId> ids;
  for (const Trial& trial : study.history.trials())
    if (search::succeeded(trial.state) && !std::isnan(trial.objective)) ids.push_back(trial.id);
  count = std::min(count, ids.size());
  const auto better = [&](TrialId a, TrialId b) {
    const double first = study.history[a].objective;
    const double second = study.history[b].objective;
    return first == second ? a < b : study.history.better(first, second);
  };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(), better);
  ids.resize(count);
  return ids;
}

std::string value_text(const space::Value& value) {
  const auto* number = std::get_if<double>(&value);
  const std::string text = number ? format_short(*number) : space::to_text(value);
  return text.empty() ? "-" : text;
}

/// One column per parameter.
Table best_table(const log::Study& study, const std::vector<TrialId>& ids) {
  std::vector<Table::Column> columns = {{"trial"}, {study.header.metric}, {"epochs"}, {"time"}};
  for (const space::Parameter& parameter : study.space.parameters()) columns.push_back({parameter.name});
  Table table(columns);
  for (const TrialId id : ids) {
    const Trial& trial = study.history[id];
    std::vector<std::string> cells = {std::to_string(id.value), score_text(trial),
                                      std::to_string(trial.epochs), format_duration(trial.seconds)};
    for (std::size_t i = 0; i < study.space.size(); ++i)
      cells.push_back(value_text(study.space.value(trial.config, i)));
    table.add(std::move(cells));
  }
  return table;
}

/// For spaces of too many parameters for columns.
std::string best_list(const log::Study& study, const std::vector<TrialId>& ids) {
  std::string text;
  for (const TrialId id : ids) {
    const Trial& trial = study.history[id];
    text += concat("  trial ", id.value, ": ", study.header.metric, " = ", score_text(trial), ", ",
                   effort_text(trial), "\n    ", wrapped(study.space.text(trial.config), line_width - 4, 4),
                   "\n");
  }
  return text;
}

std::string best_part(const log::Study& study, std::size_t count) {
  const std::vector<TrialId> ids = best_trials(study, count);
  if (ids.empty()) return "best trials: none has succeeded\n";
  const Table table = best_table(study, ids);
  return "best trials\n" + (table.width() + 2 <= line_width ? table.text(line_width) : best_list(study, ids));
}

std::string utilisation_part(const Utilisation& use) {
  Table table({{"worker"},
               {"rank"},
               {"host", Align::Left},
               {"device", Align::Left},
               {"trials"},
               {"training"},
               {"loading"},
               {"communicating"},
               {"waiting"}});
  for (const WorkerUse& worker : use.workers) {
    if (worker.worker.value >= static_cast<std::int32_t>(most_workers)) break;
    const SlotTime& time = worker.time;
    const auto share = [&](double seconds) {
      return percent(time.slot > 0 ? seconds / time.slot : search::not_a_number);
    };
    table.add({std::to_string(worker.worker.value), worker.rank, worker.host, worker.device,
               std::to_string(worker.trials), share(time.train), share(time.load), share(time.communicate),
               share(time.wait())});
  }
  if (table.empty()) return "";
  const std::string more = use.workers.size() > most_workers
                               ? concat("  ... and ", use.workers.size() - most_workers, " more\n")
                               : std::string();
  return "utilisation by worker, from the first to the last assignment\n" + table.text(line_width) + more;
}

std::string time_part(const SlotTime& time) {
  if (!(time.slot > 0)) return "  nothing was assigned after the first round\n";
  Table table({{"", Align::Left}, {"slot time"}, {"share"}});
  const auto add = [&](const std::string& what, double seconds) {
    table.add({what, format_duration(seconds), percent(seconds / time.slot)});
  };
  add("train", time.train);
  add("load", time.load);
  add("communicate", time.communicate);
  add("wait", time.wait());
  return table.text(line_width);
}

std::string tail_text(const SlotTime& time) {
  if (!(time.tail > 0)) return "";
  return concat(format_duration(time.tail), " of slot time after the last assignment, ",
                percent(time.tail_busy / time.tail), " of it busy");
}

/// How the ranks of teams have added up their gradients.
std::string sums_text(const log::Study& study) {
  std::string text;
  const auto add = [&](int how, const char* words) {
    const auto teams = std::ranges::count(study.sums, how, [](const auto& sums) { return sums.second; });
    if (teams > 0) text += concat(text.empty() ? "added up " : ", ", words, teams == 1 ? " (1 team)" : concat(" (", teams, " teams)"));
  };
  add(2, "in the memory of their node");
  add(6, "in the memory of their nodes and by messages between them");
  add(1, "by messages");
  add(3, "by NCCL");
  add(4, "by MPI in the memory of GPUs");
  add(5, "by way of the hosts of GPUs");
  return text;
}

double span_of(const log::Study& study) {
  double seconds = 0;
  for (std::size_t i = 0; i < study.jobs.size(); ++i) {
    const log::JobRow& job = study.jobs[i];
    double end = job.end ? job.end->time : job.start.time;
    if (!job.end && i + 1 == study.jobs.size())
      for (const log::WorkerRow& worker : study.workers) end = std::max(end, worker.last_seen);
    seconds += end - job.start.time;
  }
  return seconds;
}

std::string reason_of(const log::Study& study) {
  if (study.status && study.status->state != log::RunState::Running)
    return concat(name_of(study.status->state), study.status->reason.empty() ? "" : ": ",
                  study.status->reason);
  if (!study.jobs.empty() && study.jobs.back().end) return study.jobs.back().end->reason;
  return "RUNNING, or killed";
}

using Lines = std::vector<std::pair<std::string, std::string>>;

std::string aligned(const Lines& lines) {
  std::string text;
  for (const auto& [title, content] : lines)
    text += title + std::string(13 - title.size(), ' ') + wrapped(content, line_width - 13, 13) + "\n";
  return text;
}

/// Proposals that took longer than a free slot waits.
Lines filled_in(const log::Study& study) {
  const std::size_t count = study.filled_in.size();
  if (count == 0) return {};
  return {{"filled in", concat(count, count == 1 ? " proposal" : " proposals", " of a simpler searcher, while ",
                               study.header.searcher, " took longer than search.time_limit")}};
}

Lines facts(const log::Study& study) {
  const search::StudyHeader& header = study.header;
  return {{"study", header.name + (study.directory.empty() ? "" : " in " + study.directory.string())},
          {"state", reason_of(study)},
          {"objective",
           concat(header.objective, ", ", header.maximize ? "maximize " : "minimize ", header.metric)},
          {"search", concat(header.searcher, ", scheduler ", header.scheduler, ", seed ", header.seed)},
          {"begun", iso_time(header.created)},
          {"time", concat(format_duration(span_of(study)),
                          study.jobs.size() > 1 ? concat(" in ", study.jobs.size(), " jobs") : "")},
          {"trials", counts_text(study.history)}};
}

/// The best trial with one line per parameter, and how to train it again.
std::string best_block(const log::Study& study) {
  const auto incumbent = study.history.incumbent();
  if (!incumbent) return aligned({{"best", "no trial has succeeded"}});
  const Trial& trial = study.history[*incumbent];
  std::string text = aligned({{"best", concat("trial ", incumbent->value, ": ", study.header.metric, " = ",
                                              score_text(trial), ", ", effort_text(trial))}});
  std::size_t longest = 0;
  for (const space::Parameter& parameter : study.space.parameters())
    longest = std::max(longest, parameter.name.size());
  for (std::size_t i = 0; i < study.space.size(); ++i) {
    if (std::isnan(trial.config[i])) continue;
    const std::string& name = study.space.parameters()[i].name;
    text += std::string(15, ' ') + name + std::string(longest - name.size(), ' ') + " = " +
            space::to_text(study.space.value(trial.config, i)) + "\n";
  }
  if (study.directory.empty()) return text;
  return text + aligned({{"reproduce",
                          "regatta best " + directory_text(study) + " > best.ini && regatta run best.ini"}});
}

}  // namespace

std::string report_text(const log::Study& study, std::size_t count) {
  const Utilisation use = utilisation_of(study);
  std::string text = aligned(facts(study)) + aligned(filled_in(study)) + "\n" + best_part(study, count) + "\n";
  const std::string promises = calibration_text(study, line_width);
  if (!promises.empty()) text += promises + "\n";
  const std::string tree = tree_text(study, line_width);
  if (!tree.empty()) text += tree + "\n";
  const std::string by_worker = utilisation_part(use);
  if (!by_worker.empty()) text += by_worker + "\n";
  text += "where time went\n" + time_part(use.total);
  const std::string tail = tail_text(use.total);
  return tail.empty() ? text : text + "  tail: " + tail + "\n";
}

std::string summary_text(const log::Study& study) {
  const Utilisation use = utilisation_of(study);
  std::string text =
      aligned({{"ended", concat(reason_of(study), ", after ", format_duration(span_of(study)))},
               {"trials", counts_text(study.history)}});
  text += aligned(filled_in(study)) + best_block(study);
  const SlotTime& time = use.total;
  if (time.slot > 0) {
    text += aligned(
        {{"utilisation", concat(percent(time.utilisation()), " of the slot time spent training")},
         {"time", concat("train ", percent(time.train / time.slot), ", load ", percent(time.load / time.slot),
                         ", communicate ", percent(time.communicate / time.slot), ", wait ",
                         percent(time.wait() / time.slot))}});
  }
  if (!study.sums.empty()) text += aligned({{"gradients", sums_text(study)}});
  if (time.tail > 0) text += aligned({{"tail", tail_text(time)}});
  if (study.directory.empty()) return text;
  return text + aligned({{"results", (study.directory / "regatta.h5").string()}});
}

}  // namespace regatta::report
