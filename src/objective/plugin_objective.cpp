#include "regatta/objective/plugin_objective.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <span>

#include "regatta/comm/mpi_communicator.hpp"
#include "regatta/core/bytes.hpp"
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

/// The active hyperparameters of a configuration as the C interface has them.
class Parameters {
 public:
  Parameters(const space::Space& space, const space::Config& config) : texts_(space.size()) {
    for (std::size_t i = 0; i < space.size(); ++i)
      if (const space::Value value = space.value(config, i); value.index() != 0) {
        texts_[i] = space::to_text(value);
        all_.push_back(parameter(space.parameters()[i].name, value, texts_[i]));
      }
  }
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  const regatta_parameter* data() const { return all_.data(); }
  std::size_t size() const { return all_.size(); }

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

  std::vector<std::string> texts_;
  std::vector<regatta_parameter> all_;
};

class PluginTrial final : public Trainable {
 public:
  PluginTrial(const Table& table, const space::Space& space, void* trial, std::size_t metrics)
      : table_(table), space_(space), trial_(trial), metrics_(metrics) {}
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

  Rest pause() override { return table_.reconfigure ? Rest::Waiting : Rest::Ready; }

  bool go_on(const space::Config& config, std::span<const std::byte> saved) override {
    const Parameters parameters(space_, config);
    if (table_.reconfigure(trial_, parameters.data(), parameters.size()) != regatta_goes_on) return false;
    if (!saved.empty()) load(saved);
    return true;
  }

  std::vector<std::byte> save() const override {
    const std::size_t size = table_.save ? table_.save(trial_, nullptr, 0) : 0;
    if (size == 0) return {};
    std::vector<std::byte> bytes(size);
    if (table_.save(trial_, bytes.data(), size) != size) return {};
    ByteWriter writer;
    writer.add(last_.epoch);
    writer.add(last_.value);
    writer.add_all<double>(last_.metrics);
    writer.add_all<std::byte>(bytes);
    return writer.take();
  }

  void load(std::span<const std::byte> saved) override {
    ByteReader reader(saved);
    last_.epoch = reader.take<std::int32_t>();
    last_.value = reader.take<double>();
    last_.metrics = reader.take_all<std::vector<double>>(metrics_);
    last_.standard_error = std::numeric_limits<double>::quiet_NaN();
    const auto own = saved.last(reader.left());
    const std::int32_t result = table_.load ? table_.load(trial_, own.data(), own.size()) : regatta_failed;
    if (result != regatta_goes_on)
      throw TrialFailure(FailureKind::Crash, concat("the plug-in's load() has returned ", result));
  }

 private:
  const Table& table_;
  const space::Space& space_;  ///< of the objective, which lives longer
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
    directory_ = context.place.directory / "trials";
    team_ = context.team;
  }

  std::unique_ptr<Trainable> start(const space::Config& config, const TrialContext& context) override {
    const Parameters parameters(space_, config);
    const std::string directory = directory_ / concat(context.trial);
    const comm::Communicator* team = context.team ? context.team : team_;
    const auto* over_mpi = dynamic_cast<const comm::MpiCommunicator*>(team);
    MPI_Comm& communicator = communicators_[team];
    if (over_mpi) communicator = over_mpi->native();
    const regatta_trial trial{context.trial,
                              context.attempt,
                              context.seed,
                              epochs_,
                              team ? team->rank().value : 0,
                              team ? team->size() : 1,
                              over_mpi ? &communicator : nullptr,
                              parameters.data(),
                              parameters.size(),
                              directory.c_str()};
    regatta_report report{};
    void* made = table_.create(&trial, &report);
    report.message[sizeof report.message - 1] = '\0';
    if (!made) throw failure(report.failure, report);
    return std::make_unique<PluginTrial>(table_, space_, made, metrics_.size());
  }

 private:
  const Table& table_;
  space::Space space_;
  std::filesystem::path directory_;  ///< of all trials
  std::vector<std::string> metrics_;
  std::int32_t epochs_;
  const comm::Communicator* team_ = nullptr;
  std::map<const comm::Communicator*, MPI_Comm> communicators_;  ///< of teams; trials keep their addresses
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
