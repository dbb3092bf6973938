#include "regatta/objective/command_objective.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <system_error>

#include "command_text.hpp"
#include "command_trial.hpp"
#include "regatta/core/file.hpp"
#include "regatta/core/random.hpp"
#include "regatta/core/text.hpp"
#include "regatta/space/json.hpp"
#include "regatta/train/metrics.hpp"
#include "settings.hpp"

namespace regatta::objective {
namespace {

namespace fs = std::filesystem;

const std::string parameter_prefix = "REGATTA_PARAM_";

/// What a placeholder may be beside the parameters.
const std::vector<std::string>& of_the_trial() {
  static const std::vector<std::string> names{"config", "trial", "seed", "epochs", "checkpoint"};
  return names;
}
const std::vector<std::string>& of_the_slot() {
  static const std::vector<std::string> names{"gpu", "ranks", "port"};
  return names;
}

/// "epochs" is REGATTA_EPOCHS in the environment.
std::string variable_of(const std::string& placeholder) {
  std::string name = "REGATTA_" + placeholder;
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

fs::path folder_of(const ObjectiveOptions& options, const Values& values) {
  return (options.folder / values.text("folder")).lexically_normal();
}

bool can_be_run(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) && ::access(file.c_str(), X_OK) == 0;
}

/// Whether execvp would find it.
bool is_found(const std::string& program, const fs::path& folder) {
  if (program.find('/') != std::string::npos) return can_be_run(folder / program);
  const char* path = std::getenv("PATH");
  return std::ranges::any_of(split(path ? path : "/bin:/usr/bin", ':'),
                             [&](const std::string& each) { return can_be_run(folder / each / program); });
}

std::string metric_of(const ObjectiveOptions& options) {
  return options.metric.empty() ? "value" : options.metric;
}

CommandText text_of(const Values& values) { return {values.text("command"), values.flag("shell")}; }

double limit_of(const Values& values, const std::string& name) {
  return values.text(name) == "none" ? 0 : values.number(name);
}

CommandTreatment treatment_of(const ObjectiveOptions& options, const Values& values) {
  using enum CommandTreatment::Control;
  CommandTreatment treatment;
  treatment.format.prefix = values.text("prefix");
  if (const std::string& pattern = values.text("pattern"); !pattern.empty())
    treatment.format.pattern.emplace(pattern, metric_of(options));
  treatment.persistent = values.flag("persistent");
  const std::string& control = values.text("control");
  treatment.control = control == "auto" ? Auto : control == "signal" ? Signal : Descriptor;
  treatment.grace = values.number("grace");
  return treatment;
}

CommandMeasure measure_of(const ObjectiveOptions& options, const Values& values) {
  CommandMeasure measure;
  measure.metric = metric_of(options);
  measure.metrics = split(values.text("metrics"), ',');
  measure.best = values.text("report") == "best";
  measure.maximize = options.maximize;
  if (values.text("epochs") != "auto") measure.epochs = static_cast<std::int32_t>(values.number("epochs"));
  measure.timeout = limit_of(values, "timeout");
  measure.report_timeout = limit_of(values, "report_timeout");
  return measure;
}

/// The other ranks of a team leave their cores and GPUs to the leader's program, and wait for its word after
/// each epoch.
class OtherRanksTrial final : public Trainable {
 public:
  std::optional<Progress> advance() override { return Progress{}; }
};

class CommandObjective final : public Objective {
 public:
  CommandObjective(const ObjectiveOptions& options, const Values& values, const space::Space& space)
      : values_(values),
        space_(space),
        text_(text_of(values)),
        folder_(folder_of(options, values)),
        treatment_(treatment_of(options, values)),
        measure_(measure_of(options, values)) {}

  std::vector<std::string> metrics() const override { return measure_.metrics; }
  std::int32_t epochs() const override { return std::max(1, measure_.epochs); }
  bool computes_here() const override { return false; }

  void prepare(const WorkerContext& context) override {
    place_ = context.place;
    leads_ = !context.team || context.team->rank().value == 0;
    if (!place_.launcher) return;
    trials_ = (place_.directory / "trials/").string();
    fs::create_directories(trials_);
  }

  std::unique_ptr<Trainable> start(const space::Config& config, const TrialContext& context) override {
    const bool leads = context.team ? context.team->rank().value == 0 : leads_;
    if (!leads) return std::make_unique<OtherRanksTrial>();
    const Place& place = place_of(context);
    if (!place.launcher) throw WorkerFailure("a program cannot be started here: the helper process is missing");
    CommandSlot& slot = slots_.try_emplace(place.slot, *place.launcher, treatment_).first->second;
    return std::make_unique<CommandTrial>(slot, treatment_, measure_, space_, job_of(config, context));
  }

 private:
  const Place& place_of(const TrialContext& context) const { return context.place ? *context.place : place_; }

  /// Files of a trial, beside each other: 7.log, 7.json and 7, the directory for checkpoints.
  fs::path file_of(const TrialContext& context, const char* extension) const {
    return trials_ + std::to_string(context.trial) + extension;
  }

  Substitutes substitutes_of_slot(const Place& place) const {
    Substitutes all;
    const auto add = [&](const std::string& name, const std::string& text) {
      all[name] = {text, variable_of(name)};
    };
    add("gpu", join(place.gpus, ","));
    add("ranks", concat(place.ranks));
    add("port", concat(static_cast<int>(values_.number("port")) + place.slot));
    return all;
  }

  Substitutes substitutes_of(const space::Config& config, const TrialContext& context,
                             std::uint64_t seed) const {
    Substitutes all = substitutes_of_slot(place_of(context));
    const auto add = [&](const std::string& name, const std::string& text) {
      all[name] = {text, variable_of(name)};
    };
    add("trial", concat(context.trial));
    add("seed", concat(seed));
    if (measure_.epochs > 0) add("epochs", concat(measure_.epochs));
    if (text_.placeholders().count("checkpoint")) add("checkpoint", file_of(context, "").string());
    if (text_.placeholders().count("config")) add("config", file_of(context, ".json").string());
    for (std::size_t i = 0; i < space_.size(); ++i) {
      const std::string& name = space_.parameters()[i].name;
      const std::string text = space::to_text(space_.value(config, i));
      all[name] = {text, parameter_prefix + name, !std::isnan(config[i])};
    }
    return all;
  }

  std::vector<std::pair<std::string, std::string>> environment_of(const Substitutes& substitutes,
                                                                  const Place& place) const {
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& [name, substitute] : substitutes)
      if (substitute.active) all.emplace_back(substitute.variable, substitute.text);
    all.emplace_back("REGATTA_REPORT_FD", concat(process::report_descriptor));
    all.emplace_back("REGATTA_CONTROL_FD", concat(process::control_descriptor));
    if (!place.gpus.empty()) all.emplace_back("CUDA_VISIBLE_DEVICES", join(place.gpus, ","));
    const auto add_unless_given = [&](const char* name, const std::string& text) {
      if (!std::getenv(name)) all.emplace_back(name, text);
    };
    add_unless_given("OMP_NUM_THREADS", concat(place.cores));
    add_unless_given("PYTHONUNBUFFERED",
                     "1");  // else the reports of an unchanged script would all come at its end
    return all;
  }

  process::Program program_of(const Substitutes& substitutes, const Place& place) const {
    return {text_.arguments(substitutes), environment_of(substitutes, place), folder_, place.bound_to};
  }

  const process::Program& persistent_program(const Place& place) {
    process::Program& program = persistent_[place.slot];
    if (program.arguments.empty()) program = program_of(substitutes_of_slot(place), place);
    return program;
  }

  CommandJob job_of(const space::Config& config, const TrialContext& context) {
    const std::uint64_t seed = portable_seed(context.seed);
    CommandJob job;
    job.values = space::to_json(space_, config);
    job.output = std::make_unique<ProgramOutput>(file_of(context, ".log"),
                                                 static_cast<std::uint64_t>(limit_of(values_, "output")));
    if (treatment_.persistent) {
      job.program = persistent_program(place_of(context));
      job.checkpoint = file_of(context, "");
      job.input = request_of(job, context, seed);
    } else {
      const Substitutes substitutes = substitutes_of(config, context, seed);
      job.program = program_of(substitutes, place_of(context));
      if (substitutes.count("checkpoint")) fs::create_directories(job.checkpoint = file_of(context, ""));
      if (substitutes.count("config"))
        replace_file(job.config = file_of(context, ".json"), line_of(job.values), false);
    }
    return job;
  }

  /// What a persistent program reads.
  std::string request_of(const CommandJob& job, const TrialContext& context, std::uint64_t seed) const {
    Json json{{"trial", context.trial}, {"seed", seed}};
    if (measure_.epochs > 0) json["epochs"] = measure_.epochs;
    json["checkpoint"] = job.checkpoint.string();
    json["config"] = job.values;
    return line_of(json) + "\n";
  }

  Values values_;
  space::Space space_;
  CommandText text_;
  fs::path folder_;
  CommandTreatment treatment_;
  CommandMeasure measure_;
  Place place_;
  std::string trials_;  ///< the folder of their files
  bool leads_ = true;
  // By Place::slot: one for each lane.
  std::map<int, CommandSlot> slots_;
  std::map<int, process::Program> persistent_;
};

void check_placeholders(const CommandText& text, const Values& values, const space::Space& space) {
  std::vector<std::string> known = of_the_slot();
  const bool persistent = values.flag("persistent");
  require(!persistent || !space.index_of(width_parameter), width_parameter,
          " cannot differ from trial to trial with persistent = true: the program is started once, on what its worker has");
  if (!persistent) {
    known.insert(known.end(), of_the_trial().begin(), of_the_trial().end());
    for (const space::Parameter& parameter : space.parameters()) known.push_back(parameter.name);
  }
  for (const std::string& name : text.placeholders()) {
    const bool of_a_trial = space.index_of(name) || std::ranges::count(of_the_trial(), name) > 0;
    require(!persistent || !of_a_trial, "{", name,
            "} differs from trial to trial, but with persistent = true the program is started "
            "once: it reads each trial as a line of JSON");
    require(name != "epochs" || space.index_of(name) || values.text("epochs") != "auto",
            "{epochs} needs objective.epochs, the number of epochs of a full training");
    require(std::ranges::count(known, name) > 0, "there is no parameter or value {", name, "}",
            suggestion(name, known), "; braces that are none of ours are written {{", name, "}}");
  }
}

/// Its program, and the script that the program reads: without these every trial would fail.
void check_program(const CommandText& text, const fs::path& folder) {
  const std::string program = text.program();
  const bool named = program.find('/') == std::string::npos;
  require(program.empty() || is_found(program, folder), "there is no program '", program, "' that can be run",
          named ? " along PATH" : concat(" in ", folder.string()),
          named && can_be_run(folder / program) ? concat("; that beside the input file is ./", program) : "");
  static const std::set<std::string> scripts{".py", ".sh", ".R", ".jl", ".pl", ".rb", ".lua"};
  const fs::path script = text.first_operand();
  std::error_code ignored;
  require(!scripts.contains(script.extension()) || fs::exists(folder / script, ignored), "there is no script ", script,
          " in ", folder.string());
}

}  // namespace

const std::vector<Option>& command_options() {
  using enum OptionType;
  static const std::vector<Option> options = {
      {"command", Text, "",
       "what a trial runs; {NAME} of a parameter stands for its value, {trial}, {seed}, {epochs}, {config}, "
       "{checkpoint}, "
       "{gpu}, {ranks} and {port} for what they say"},
      {"shell", Flag, "false", "true: the command is a line for /bin/sh, else words for the program"},
      {"persistent", Flag, "false",
       "true: the program is started once per worker and reads a line of JSON for each trial"},
      {"folder", Path, ".", "where programs run, relative to the input file"},
      {"epochs", Integer, "auto", "reports of a full training; auto: whatever comes", {"auto"}, 1, 1e9},
      {"metrics", Text, "", "further metrics to be kept, separated by commas"},
      {"prefix", Text,
       "regatta:", "what a line of the output starts with that reports, as 'regatta: epoch=3 val_loss=0.41'"},
      {"pattern", Text, "",
       "regular expression for lines that report otherwise; its groups are named after metrics and epoch, as "
       "`(?<val_loss>[0-9.]+)`"},
      {"report",
       Word,
       "last",
       "the trial's value is that of its last report, or the best of its reports so far",
       {"last", "best"}},
      {"control",
       Word,
       "auto",
       "how a program is asked to stop: by a line on REGATTA_CONTROL_FD, or by SIGTERM; auto: by a line "
       "where it has reported on "
       "REGATTA_REPORT_FD",
       {"auto", "descriptor", "signal"}},
      {"grace", Duration, "10s", "time for a program to end after it was asked to, before SIGKILL", {}, 0},
      {"timeout", Duration, "none", "longest time of a trial", {"none"}, 0.001},
      {"report_timeout", Duration, "none", "longest time without a report", {"none"}, 0.001},
      {"output",
       Bytes,
       "1MiB",
       "of a trial's output that is kept as trials/NUMBER.log in the run directory: of more the first and "
       "the last half",
       {"none"},
       2},
      {"port",
       Integer,
       "29500",
       "{port} of the first worker of a node; the next one has the next",
       {},
       1,
       65535},
  };
  return options;
}

void check_command(const ObjectiveOptions& options, const space::Space& space, Problems& problems) {
  const Values values = Settings(command_options(), options, {}).fixed();
  const fs::path folder = folder_of(options, values);
  holds(location_of(options, "folder"), problems, [&] {
    std::error_code ignored;
    require(fs::is_directory(folder, ignored), "objective.folder ", folder.string(), " is no directory");
  });
  holds(location_of(options, "command"), problems, [&] {
    const CommandText text = text_of(values);
    check_placeholders(text, values, space);
    check_program(text, folder);
  });
  holds(location_of(options, "pattern"), problems, [&] { treatment_of(options, values); });
}

std::vector<std::pair<std::string, bool>> command_metrics(const ObjectiveOptions& options) {
  const std::string name = metric_of(options);
  const auto known = train::parse_metric(name);
  return {{name, known && train::maximized(known->measure)}};
}

std::unique_ptr<Objective> make_command_objective(const ObjectiveOptions& options,
                                                  const space::Space& space) {
  return std::make_unique<CommandObjective>(options, Settings(command_options(), options, {}).fixed(), space);
}

}  // namespace regatta::objective
