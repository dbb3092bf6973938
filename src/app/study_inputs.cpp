#include "study_inputs.hpp"
#include "widths.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "option_tables.hpp"
#include "regatta/core/text.hpp"
#include "used_inputs.hpp"
#include "user_trials.hpp"

namespace regatta::app {
namespace {

using EntriesBySection = std::map<std::string, std::vector<Entry>>;

/// What was written, by section, before anything is understood.
struct Written {
  EntriesBySection file;
  EntriesBySection command_line;
  std::vector<WrittenTrial> trials;
};

/// `text` without one pair of quotes around it.
std::string unquoted(const std::string& text) {
  const bool quoted =
      text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.find(text.front(), 1) == text.size() - 1;
  return quoted ? text.substr(1, text.size() - 2) : text;
}

void check_section(const std::string& name, const Location& where, Problems& problems) {
  if (find_section(name) || name.empty()) return;
  problems.push_back({where, concat("unknown section [", name, "]", suggestion(name, section_names()))});
}

/// The entries, without quotes around the texts of options.
std::vector<Entry> readable(const SectionTable* section, std::vector<Entry> entries) {
  if (!section || section->content == SectionContent::Definitions) return entries;
  for (Entry& entry : entries) entry.text = unquoted(entry.text);
  return entries;
}

Written gather(std::string_view text, const std::string& file, std::span<const Override> overrides,
               Problems& problems) {
  Written written;
  for (const Section& section : scan(text, file, problems)) {
    check_section(section.name, section.where, problems);
    if (section.name == "trial") {
      written.trials.push_back({section.where, without_duplicates("trial", section.entries, problems)});
      continue;
    }
    std::ranges::move(readable(find_section(section.name), section.entries),
                      std::back_inserter(written.file[section.name]));
  }
  for (const Override& given : overrides) {
    check_section(given.section, given.entry.where, problems);
    if (given.section == "trial")
      problems.push_back(
          {given.entry.where, "trials to run first are given in the input file, as sections [trial]"});
    for (const Entry& entry : readable(find_section(given.section), {given.entry}))
      written.command_line[given.section].push_back(entry);
  }
  return written;
}

/// The definitions of the file, with those of the command line in their place or behind them.
std::vector<Entry> definitions(Written& written, const std::string& section, Problems& problems) {
  std::vector<Entry> merged = without_duplicates(section, written.file[section], problems);
  for (const Entry& entry : without_duplicates(section, written.command_line[section], problems)) {
    const auto place = std::ranges::find(merged, entry.name, &Entry::name);
    if (place == merged.end())
      merged.push_back(entry);
    else
      *place = entry;
  }
  return merged;
}

/// The objective's type as written, when it is one.
std::optional<std::string> written_type(Written& written) {
  for (const auto* entries : {&written.command_line["objective"], &written.file["objective"]})
    for (const Entry& entry : *entries)
      if (entry.name == "type")
        return std::ranges::count(objective::objective_names(), entry.text) ? std::optional(entry.text)
                                                                            : std::nullopt;
  return objective::objective_names().front();
}

OptionValues read_objective(Written& written, Problems& problems) {
  const std::optional<std::string> type = written_type(written);
  std::vector<Entry>& file = written.file["objective"];
  std::vector<Entry>& command_line = written.command_line["objective"];
  if (!type)  // nothing but the type can be judged
    for (auto* entries : {&file, &command_line})
      std::erase_if(*entries, [](const Entry& entry) { return entry.name != "type"; });
  return {"objective", objective_section(type.value_or("")), file, command_line, problems};
}

ValuesBySection read_values(Written& written, Problems& problems) {
  ValuesBySection values;
  values.emplace("objective", read_objective(written, problems));
  for (const SectionTable& section : section_tables())
    if (section.content == SectionContent::Options)
      values.emplace(section.name, OptionValues(section.name, section.options, written.file[section.name],
                                                written.command_line[section.name], problems));
  return values;
}

/// A path of the input file starts at the file's folder; one of the command line where the user stands.
std::string located(const OptionValue& value) {
  const bool typed = value.option.type == OptionType::Path && value.origin == Origin::CommandLine;
  return typed ? std::filesystem::absolute(value.text).lexically_normal().string() : value.text;
}

objective::ObjectiveOptions objective_of(const OptionValues& values, const std::filesystem::path& file) {
  objective::ObjectiveOptions options;
  options.type = values.text("type");
  options.folder = std::filesystem::absolute(file).parent_path();
  for (const OptionValue& value : values.all()) {
    if (value.origin == Origin::Default) continue;
    options.where[value.option.name] = value.where;
    if (value.option.name != "type") options.values[value.option.name] = located(value);
  }
  return options;
}

bool usable_as_folder(const std::string& name) {
  return name.find('/') == std::string::npos && name != "." && name != "..";
}

void read_study(StudyInputs& inputs, const OptionValues& study, Problems& problems) {
  inputs.name = study.text("name").empty() ? inputs.source.stem().string() : study.text("name");
  if (!usable_as_folder(inputs.name))
    problems.push_back({study["name"].where,
                        concat("name must be usable as the name of a folder, got '", inputs.name, "'")});
  inputs.trials = static_cast<std::int64_t>(study.number("trials"));
  inputs.max_failures = static_cast<std::int64_t>(study.number("max_failures"));
  inputs.walltime = study.number("walltime");
  inputs.seed = static_cast<std::uint64_t>(study.number("seed"));
}

search::BayesianOptions bayesian_options_of(const OptionValues& search) {
  search::BayesianOptions options;
  options.acquisition = search.text("acquisition");
  options.pending = search.text("pending");
  options.kernel = search.text("kernel");
  options.transform = search.flag("normalize") ? search.text("transform") : "none";
  options.warp = search.text("warp");
  options.noise = search.text("noise");
  options.noise_deviation = search.number("noise_deviation");
  options.fit = search.text("fit");
  options.initial_trials = static_cast<int>(search.number("initial_trials"));
  options.initial_design = search.text("initial_design");
  options.raw_samples = static_cast<int>(search.number("raw_samples"));
  options.restarts = static_cast<int>(search.number("restarts"));
  options.fantasies = static_cast<int>(search.number("fantasies"));
  options.jitter = search.number("jitter");
  options.beta = search.number("beta");
  options.beta_decay = search.number("beta_decay");
  options.trust_regions = static_cast<int>(search.number("trust_regions", -1));
  options.device = search.text("device");
  options.explore = search.number("explore");
  options.cost_aware = search.flag("cost_aware");
  options.prior_strength = search.number("prior_strength");
  return options;
}

search::TreeOptions tree_options_of(const OptionValues& search) {
  search::TreeOptions options;
  options.children = static_cast<int>(search.number("children"));
  options.max_height = static_cast<int>(search.number("max_height"));
  options.split = static_cast<int>(search.number("split"));
  options.selection = search.text("selection");
  options.exploration = search.number("exploration");
  options.entropy_weight = search.number("entropy_weight");
  options.count_running = search.flag("count_running");
  options.controllers = static_cast<int>(search.number("controllers"));
  options.local_from = static_cast<int>(search.number("local_from"));
  return options;
}

/// The shared library that an option names; one in the input file is looked for beside that.
std::filesystem::path plugin_of(const OptionValues& values, const std::filesystem::path& source) {
  const OptionValue& plugin = values["plugin"];
  if (plugin.text.empty()) return {};
  return (std::filesystem::absolute(source).parent_path() / located(plugin)).lexically_normal();
}

schedule::SchedulerOptions scheduler_options_of(const OptionValues& scheduler,
                                                const std::filesystem::path& source) {
  schedule::SchedulerOptions options;
  options.plugin = plugin_of(scheduler, source);
  options.algorithm = scheduler.text("algorithm");
  options.max_epochs = static_cast<std::int32_t>(scheduler.number("max_epochs"));
  options.grace_period = static_cast<std::int32_t>(scheduler.number("grace_period"));
  options.eta = scheduler.number("eta");
  options.brackets = static_cast<int>(scheduler.number("brackets"));
  options.promotion = scheduler.text("variant") == "promotion";
  options.asynchronous = scheduler.flag("asynchronous");
  options.min_samples = static_cast<int>(scheduler.number("min_samples"));
  options.patience = static_cast<std::int32_t>(scheduler.number("patience"));
  options.min_delta = scheduler.number("min_delta");
  if (!scheduler.text("parameter").empty()) options.parameter = scheduler.text("parameter");
  options.factor = scheduler.number("factor");
  options.ucb = scheduler.text("policy") == "ucb";
  options.interval = static_cast<std::int32_t>(scheduler.number("interval"));
  options.quantile = scheduler.number("quantile");
  options.resample = scheduler.number("resample");
  options.mutate = split(scheduler.text("mutate"), ',');
  options.threshold = scheduler.number("threshold", search::not_a_number);
  options.schedule = scheduler.text("schedule");
  return options;
}

void read_algorithms(StudyInputs& inputs, const OptionValues& search, const OptionValues& scheduler) {
  inputs.searcher.algorithm = search.text("algorithm");
  inputs.searcher.seed = inputs.seed;
  inputs.searcher.plugin = plugin_of(search, inputs.source);
  inputs.searcher.grid_points = static_cast<int>(search.number("grid_points"));
  inputs.searcher.bayesian = bayesian_options_of(search);
  inputs.searcher.tree = tree_options_of(search);
  inputs.deterministic = search.flag("deterministic");
  inputs.searcher.min_gain = search.number("min_gain");
  inputs.ahead = static_cast<int>(search.number("ahead"));
  inputs.time_limit = search.number("time_limit");
  inputs.incumbent_interval = search.number("incumbent_interval");
  inputs.batch = static_cast<int>(search.number("batch"));
  inputs.scheduler = scheduler_options_of(scheduler, inputs.source);
}

/// By default what does not fit into the memory goes where this system keeps temporary files.
void read_checkpoints(StudyInputs& inputs, const OptionValues& checkpoint) {
  inputs.checkpoints.memory = static_cast<std::uint64_t>(checkpoint.number("memory"));
  std::error_code none;
  const std::string& local = checkpoint.text("local");
  inputs.checkpoints.local =
      local.empty() ? std::filesystem::temp_directory_path(none) : std::filesystem::path(local);
  inputs.checkpoints.directory = inputs.log.directory / "checkpoints";
}

void read_layout(StudyInputs& inputs, const OptionValues& workers, const OptionValues& gpu) {
  const std::string& device = workers.text("device");
  inputs.layout.device = device == "cpu"    ? run::DeviceChoice::Cpu
                         : device == "cuda" ? run::DeviceChoice::Cuda
                                            : run::DeviceChoice::Auto;
  const std::string& rank0 = workers.text("rank0");
  inputs.layout.rank0 = rank0 == "auto"         ? run::Rank0Choice::Auto
                        : workers.flag("rank0") ? run::Rank0Choice::Yes
                                                : run::Rank0Choice::No;
  inputs.layout.ranks_per_trial = static_cast<int>(workers.number("ranks_per_trial"));
  inputs.layout.model_parallel = static_cast<int>(workers.number("model_parallel"));
  inputs.layout.pipeline = static_cast<int>(workers.number("pipeline"));
  inputs.objective.stages = static_cast<std::size_t>(inputs.layout.pipeline);
  if (!workers["pipeline"].where.file.empty()) inputs.objective.where["pipeline"] = workers["pipeline"].where;
  inputs.layout.cores_per_trial = static_cast<int>(workers.number("cores_per_trial", 0));
  inputs.layout.bind_cores = workers.flag("bind_cores");
  inputs.layout.lanes = static_cast<int>(workers.number("lanes", 0));
  inputs.layout.elastic = workers.flag("elastic");
  inputs.layout.workers_per_gpu = static_cast<int>(gpu.number("share"));
  inputs.prefetch = static_cast<int>(workers.number("prefetch", inputs.deterministic ? 0 : -1));
  inputs.in_flight = workers.text("in_flight") == "auto" ? -1 : static_cast<int>(workers.number("in_flight"));
  inputs.move_stragglers = workers.flag("move_stragglers");
}

void read_log(StudyInputs& inputs, const OptionValues& log) {
  const std::string& directory = log.text("directory");
  inputs.log.directory =
      directory.empty() ? std::filesystem::path("runs") / inputs.name : std::filesystem::path(directory);
  const std::string& sync = log.text("sync");
  inputs.log.sync = sync == "none" ? log::Sync::None : sync == "event" ? log::Sync::Event : log::Sync::Second;
  inputs.log.snapshot_seconds = log.number("snapshot");
  inputs.verbosity = static_cast<int>(log.number("verbosity"));
  if (log.text("progress") != "auto") inputs.progress = log.flag("progress");
}

/// Trials of different widths, where the space has a parameter for that.
void read_widths(StudyInputs& inputs, const OptionValues& workers, Problems& problems) {
  const auto index = inputs.space.index_of(objective::width_parameter);
  if (!index) return;
  const Location& where = inputs.space.definitions()[*index].where;
  try {
    const auto [least, most] = width_range(inputs.space.parameters()[*index]);
    inputs.layout.widest = most;
    require(least >= 1, objective::width_parameter, " must be at least 1, got ", least);
    require(workers.number(objective::width_parameter) == 1, objective::width_parameter,
            " stands in [space] and in [workers]; each trial has one number of ranks");
    require(inputs.in_flight == 0 && !inputs.move_stragglers, "with a parameter ", objective::width_parameter,
            " workers.in_flight must be all, and workers.move_stragglers false");
  } catch (const InvalidInput& error) {
    problems.push_back({where, error.what()});
  }
}

/// Trials that several ranks train together are no trials of one lane.
void check_lanes(const StudyInputs& inputs, const OptionValues& workers, Problems& problems) {
  const run::LayoutOptions& layout = inputs.layout;
  if (layout.lanes <= 1 || (layout.ranks_per_trial == 1 && !layout.forms_teams())) return;
  problems.push_back(
      {workers["lanes"].where, concat("lanes must be 1 where several ranks train a trial together "
                                      "(ranks_per_trial, model_parallel, elastic), got ",
                                      layout.lanes)});
}

/// Elastic teams are of ranks that are workers of their own, and their trials go on with what they have
/// saved.
void check_elastic(const StudyInputs& inputs, const OptionValues& workers, Problems& problems) {
  if (!inputs.layout.elastic) return;
  const std::string& type = inputs.objective.type;
  const auto folds = inputs.objective.values.find("fold_parallel");
  std::string problem;
  if (type != "network" && type != "function" && type != "table")
    problem = concat("is for objectives of type network, not ", type);
  else if (folds != inputs.objective.values.end() && folds->second == "ranks")
    problem = "and fold_parallel = ranks exclude each other";
  else if (inputs.layout.ranks_per_trial > 1 || inputs.layout.widest > 0)
    problem = "needs ranks_per_trial = 1";
  else if (inputs.in_flight != 0 || inputs.move_stragglers)
    problem = "needs in_flight = all and move_stragglers = false";
  if (!problem.empty()) problems.push_back({workers["elastic"].where, "elastic " + problem});
}

/// What read_space found out beside the space.
struct SpaceFacts {
  bool brought = false;  ///< the definitions come from the objective
  bool usable = false;   ///< nothing is wrong with them
};

SpaceFacts read_space(StudyInputs& inputs, Written& written, Problems& problems) {
  const std::size_t before = problems.size();
  std::vector<Entry> parameters = definitions(written, "space", problems);
  const bool brought = parameters.empty();
  const Location whole_file{inputs.source.string(), 0};
  try {
    if (brought) parameters = objective::default_space(inputs.objective);
  } catch (const InvalidInput& error) {
    problems.push_back({whole_file, error.what()});
  }
  if (parameters.empty() && problems.size() == before)
    problems.push_back({whole_file, "section [space] has no parameter; add one, as 'x = uniform(0, 1)'"});
  inputs.space = space::Space::parse(parameters, definitions(written, "constraints", problems), problems);
  return {brought, problems.size() == before};
}

/// Fills in the metric and its direction.
void read_metric(StudyInputs& inputs, const OptionValues& study, Problems& problems) {
  const auto metrics =
      objective::objective_metrics(inputs.objective);  // looks into the data where the task tells them
  inputs.metric = study.text("metric").empty() ? metrics.front().first : study.text("metric");
  const auto known =
      std::ranges::find(metrics, inputs.metric, [](const auto& metric) { return metric.first; });
  if (known == metrics.end()) {
    std::vector<std::string> names;
    for (const auto& metric : metrics) names.push_back(metric.first);
    problems.push_back({study["metric"].where, concat("metric must be one of ", join(names, ", "), ", got '",
                                                      inputs.metric, "'", suggestion(inputs.metric, names))});
    return;
  }
  const std::string& direction = study.text("direction");
  inputs.maximize = direction.empty() ? known->second : direction == "maximize";
  inputs.objective.metric = inputs.metric;
  inputs.objective.maximize = inputs.maximize;
}

void read_prior(StudyInputs& inputs, Written& written, NamedFiles files, Problems& problems) {
  static const std::vector<std::string> reading{"bo", "ais", "mobster"};
  const std::vector<Entry> beliefs = definitions(written, "prior", problems);
  const std::string& searcher = inputs.searcher.algorithm;
  const bool read = !inputs.searcher.plugin.empty() || std::ranges::find(reading, searcher) != reading.end();
  if (!read && !beliefs.empty() && files == NamedFiles::Check)
    problems.push_back({beliefs.front().where, "section [prior] is for search.algorithm = " +
                                                   join(reading, ", ") + ", not " + searcher});
  inputs.searcher.bayesian.prior = search::UserPrior::parse(beliefs, inputs.space, problems);
}

void read_user_trials(StudyInputs& inputs, const Written& written, const OptionValue& initial,
                      NamedFiles files, Problems& problems) {
  std::vector<WrittenTrial> trials = written.trials;
  if (!initial.text.empty() && files == NamedFiles::Check) {
    const auto file = (inputs.objective.folder / located(initial)).lexically_normal();
    std::ranges::move(read_trial_file(file, initial.where, inputs.space, problems),
                      std::back_inserter(trials));
  }
  inputs.user_trials = configs_of(trials, inputs.space, problems);
}

/// @param option  of [workers]: into how many parts each network is divided
void check_division(const std::string& option, const StudyInputs& inputs, const OptionValues& workers, Problems& problems) {
  const int parts = static_cast<int>(workers.number(option)), ranks = inputs.layout.ranks_per_trial;
  if (parts == 1) return;
  const auto spread = inputs.objective.values.find("fold_parallel");
  std::string problem;
  if (ranks % parts != 0)
    problem = concat(option, " must divide ranks_per_trial (", ranks, "), got ", parts);
  else if (parts != inputs.layout.ranks_per_model())
    problem = "model_parallel and pipeline exclude each other";
  else if (inputs.objective.type != "network")
    problem = concat(option, " is for objectives of type network, not ", inputs.objective.type);
  else if (spread != inputs.objective.values.end() && spread->second == "ranks")
    problem = concat(option, " and fold_parallel = ranks exclude each other");
  if (!problem.empty()) problems.push_back({workers[option].where, problem});
}

/// Schedulers that divide a training have nothing to divide where it is one epoch long, or where nobody knows how many.
void check_epochs(const StudyInputs& inputs) {
  static const std::array dividing{"asha", "hyperband", "sh", "pasha", "bandit", "pbt"};
  const std::string& scheduler = inputs.scheduler.algorithm;
  if (!inputs.scheduler.plugin.empty() || std::ranges::find(dividing, scheduler) == dividing.end()) return;
  require(objective::make_objective(inputs.objective, inputs.space)->epochs() > 1, "scheduler ", scheduler,
          " divides the epochs of a training, so it needs objective.epochs, the number of reports of a full training, above 1");
}

/// Sub-controllers make proposals at their own pace, one by one, and know their own part only.
void check_controllers(const StudyInputs& inputs, const OptionValues& search, Problems& problems) {
  if (inputs.searcher.tree.controllers == 0) return;
  const std::string problem = inputs.searcher.algorithm != "ais" ? "is for search.algorithm = ais"
                              : inputs.deterministic         ? "and search.deterministic exclude each other"
                              : inputs.batch > 1             ? "and search.batch exclude each other"
                              : inputs.searcher.min_gain > 0 ? "and search.min_gain exclude each other"
                                                             : "";
  if (!problem.empty()) problems.push_back({search["controllers"].where, concat("controllers ", problem)});
}

/// What only shows when parts meet: options of the objective and parameters, the metric, the searcher and the
/// space.
void check_together(StudyInputs& inputs, const ValuesBySection& values, Problems& problems) {
  const OptionValues& study = values.at("study");
  inputs.objective.metric = study.text("metric");
  if (!study["metric"].where.file.empty()) inputs.objective.where["metric"] = study["metric"].where;
  objective::check_objective(inputs.objective, inputs.space, problems);
  for (const char* option : {"model_parallel", "pipeline"})
    check_division(option, inputs, values.at("workers"), problems);
  check_controllers(inputs, values.at("search"), problems);
  if (!problems.empty()) return;
  Location blamed = study["metric"].where;
  try {
    read_metric(inputs, study, problems);
    blamed = values.at("search")["algorithm"].where;
    search::make_searcher(inputs.searcher, inputs.space);
    blamed = values.at("scheduler")["algorithm"].where;
    schedule::make_scheduler(inputs.scheduler, {1, inputs.trials, inputs.seed, inputs.space});
    check_epochs(inputs);
  } catch (const InvalidInput& error) {
    if (blamed.file.empty()) blamed.file = inputs.source.string();
    problems.push_back({blamed, error.what()});
  }
}

/// The metric and its direction as the used inputs say them.
void trust_metric(StudyInputs& inputs, const OptionValues& study) {
  inputs.metric = inputs.objective.metric = study.text("metric");
  inputs.maximize = inputs.objective.maximize = study.text("direction") == "maximize";
}

/// Throws all problems: those of the input file by line, then those of other places.
void throw_sorted(Problems& problems, const std::string& file) {
  if (problems.empty()) return;
  std::ranges::stable_sort(problems, {}, [&](const Problem& problem) {
    return problem.where.file == file ? std::tuple(0, problem.where.line) : std::tuple(1, 0);
  });
  throw InvalidInputs(problems);
}

}  // namespace

StudyInputs parse_inputs(std::string_view text, const std::filesystem::path& file,
                         std::span<const Override> overrides, NamedFiles files) {
  Problems problems;
  Written written = gather(text, file.string(), overrides, problems);
  const bool known_objective = written_type(written).has_value();
  const ValuesBySection values = read_values(written, problems);
  StudyInputs inputs;
  inputs.source = file;
  inputs.objective = objective_of(values.at("objective"), file);
  read_study(inputs, values.at("study"), problems);
  read_algorithms(inputs, values.at("search"), values.at("scheduler"));
  read_layout(inputs, values.at("workers"), values.at("gpu"));
  read_log(inputs, values.at("log"));
  read_checkpoints(inputs, values.at("checkpoint"));
  const SpaceFacts space = read_space(inputs, written, problems);
  if (space.usable) read_widths(inputs, values.at("workers"), problems);
  check_lanes(inputs, values.at("workers"), problems);
  check_elastic(inputs, values.at("workers"), problems);
  if (space.usable) read_prior(inputs, written, files, problems);
  if (space.usable) read_user_trials(inputs, written, values.at("study")["initial"], files, problems);
  if (files == NamedFiles::Trust) trust_metric(inputs, values.at("study"));
  if (space.usable && known_objective && files == NamedFiles::Check) check_together(inputs, values, problems);
  throw_sorted(problems, file.string());
  inputs.used = used_inputs_text(inputs, values, space.brought);
  inputs.fingerprint = fingerprint_of(inputs, values);
  return inputs;
}

StudyInputs read_inputs(const std::filesystem::path& file, std::span<const Override> overrides) {
  return parse_inputs(read_input_text(file), file, overrides);
}

}  // namespace regatta::app
