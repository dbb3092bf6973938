#include "regatta/objective/plugin_objective.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "regatta/comm/mpi_communicator.hpp"
#include "regatta/core/text.hpp"
#include "regatta/plugin.h"
#include "settings.hpp"

namespace regatta::objective {
namespace {

using Table = regatta_plugin_table;

std::filesystem::path library_of(const ObjectiveOptions& options, const Values& values) {
  require(!values.text("library").empty(), "objective.library must name the shared library");
  return (options.folder / values.text("library")).lexically_normal();
}

/// The library's functions. It stays loaded: its threads and static objects may outlive trials.
/// @throws InvalidInput  it cannot be loaded, or is none of ours
const Table& load(const std::filesystem::path& file) {
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  require(library, "objective.library cannot be loaded: ", library ? "" : ::dlerror());
  const auto function = reinterpret_cast<const Table* (*)()>(::dlsym(library, "regatta_plugin"));
  require(function, file.string(), " is no plug-in: it does not define regatta_plugin()");
  const Table* table = function();
  require(table && table->version == regatta_plugin_version, file.string(), " has version ",
          table ? table->version : 0, " of the plug-in interface, expected ",
          static_cast<int>(regatta_plugin_version));
  require(table->create && table->step && table->destroy, file.string(), " lacks create, step or destroy");
  return *table;
}

TrialFailure failure(std::int32_t result, const regatta_report& report) {
  const std::string text = *report.message ? report.message : concat("the plug-in has returned ", result);
  switch (result) {
    case regatta_diverged:
      return {FailureKind::Diverged, text};
    case regatta_out_of_memory:
      return {FailureKind::OutOfMemory, text};
    case regatta_invalid:
      return {FailureKind::Invalid, text};
    default:
      return {FailureKind::Crash, text};
  }
}

class PluginTrial final : public Trainable {
 public:
  PluginTrial(const Table& table, void* trial, std::size_t metrics)
      : table_(table), trial_(trial), metrics_(metrics) {}
  PluginTrial(const PluginTrial&) = delete;
  PluginTrial& operator=(const PluginTrial&) = delete;
  ~PluginTrial() override { table_.destroy(trial_); }

  std::optional<Progress> advance() override {
    Progress progress;
    progress.metrics.assign(metrics_, std::numeric_limits<double>::quiet_NaN());
    regatta_report report{};
    report.metrics = progress.metrics.data();
    report.metric_count = metrics_;
    const std::int32_t result = table_.step(trial_, &report);
    report.message[sizeof report.message - 1] = '\0';
    if (result == regatta_over && last_.epoch > 0) {
      last_.finished = true;
      return last_;
    }
    if (result == regatta_over)
      throw TrialFailure(FailureKind::Crash, "the plug-in's trial is over without a report");
    if (result != regatta_goes_on && result != regatta_finished) throw failure(result, report);
    progress.epoch = last_.epoch + 1;
    progress.value = report.value;
    progress.standard_error = std::numeric_limits<double>::quiet_NaN();
    progress.finished = result == regatta_finished;
    last_ = progress;
    return progress;
  }

 private:
  const Table& table_;
  void* trial_;
  std::size_t metrics_;
  Progress last_;
};

class PluginObjective final : public Objective {
 public:
  PluginObjective(const Table& table, const Values& values, const space::Space& space)
      : table_(table),
        space_(space),
        metrics_(split(values.text("metrics"), ',')),
        epochs_(static_cast<std::int32_t>(values.number("epochs"))) {}

  std::vector<std::string> metrics() const override { return metrics_; }
  std::int32_t epochs() const override { return epochs_; }
  bool computes_here() const override { return false; }

  void prepare(const WorkerContext& context) override {
    if (!context.team) return;
    rank_ = context.team->rank().value;
    ranks_ = context.team->size();
    if (const auto* team = dynamic_cast<comm::MpiCommunicator*>(context.team)) communicator_ = team->native();
  }

  std::unique_ptr<Trainable> start(const space::Config& config, const TrialContext& context) override {
    std::vector<std::string> texts(space_.size());
    std::vector<regatta_parameter> parameters;
    for (std::size_t i = 0; i < space_.size(); ++i)
      if (const space::Value value = space_.value(config, i); value.index() != 0) {
        texts[i] = space::to_text(value);
        parameters.push_back(parameter(space_.parameters()[i].name, value, texts[i]));
      }
    const regatta_trial trial{context.trial,
                              context.attempt,
                              context.seed,
                              epochs_,
                              rank_,
                              ranks_,
                              ranks_ > 1 ? &communicator_ : nullptr,
                              parameters.data(),
                              parameters.size()};
    regatta_report report{};
    void* made = table_.create(&trial, &report);
    report.message[sizeof report.message - 1] = '\0';
    if (!made) throw failure(report.failure, report);
    return std::make_unique<PluginTrial>(table_, made, metrics_.size());
  }

 private:
  static regatta_parameter parameter(const std::string& name, const space::Value& value,
                                     const std::string& text) {
    regatta_parameter result{name.c_str(), regatta_text, 0, 0, text.c_str()};
    if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      result.kind = regatta_integer;
      result.integer = *whole;
      result.real = static_cast<double>(*whole);
    } else if (const auto* real = std::get_if<double>(&value)) {
      result.kind = regatta_real;
      result.real = *real;
    }
    return result;
  }

  const Table& table_;
  space::Space space_;
  std::vector<std::string> metrics_;
  std::int32_t epochs_;
  std::int32_t rank_ = 0, ranks_ = 1;
  MPI_Comm communicator_ = MPI_COMM_NULL;
};

}  // namespace

const std::vector<Option>& plugin_options() {
  using enum OptionType;
  static const std::vector<Option> options = {
      {"library", Path, "",
       "shared library with the interface of regatta/plugin.h, relative to the input file"},
      {"epochs", Integer, "1", "reports of a full training", {}, 1, 1e9},
      {"metrics", Text, "", "further metrics to be kept, separated by commas"},
  };
  return options;
}

void check_plugin(const ObjectiveOptions& options, const space::Space&, Problems& problems) {
  const Values values = Settings(plugin_options(), options, {}).fixed();
  holds(location_of(options, "library"), problems, [&] { load(library_of(options, values)); });
}

std::unique_ptr<Objective> make_plugin_objective(const ObjectiveOptions& options, const space::Space& space) {
  const Values values = Settings(plugin_options(), options, {}).fixed();
  return std::make_unique<PluginObjective>(load(library_of(options, values)), values, space);
}

}  // namespace regatta::objective
