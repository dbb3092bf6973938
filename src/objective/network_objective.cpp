#include "regatta/objective/network_objective.hpp"

#include <algorithm>
#include <functional>
#include <new>
#include <optional>
#include <set>
#include <utility>

#include "network_trainable.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/memory.hpp"
#include "regatta/core/random.hpp"
#include "regatta/core/text.hpp"
#include "regatta/device/devices.hpp"
#include "regatta/device/host_lanes.hpp"
#include "regatta/train/dataset.hpp"
#include "regatta/train/folds.hpp"
#include "regatta/train/lane_probe.hpp"
#include "settings.hpp"
#include "training_spec.hpp"

namespace regatta::objective {
namespace {

using train::Where;

constexpr std::size_t most_read_ahead = std::size_t{512} << 20;  ///< [bytes], of samples that are not loaded

constexpr Where parts[] = {Where::Valid, Where::Train, Where::Test};

/// The file that this option names; empty: none.
std::filesystem::path file_of(const ObjectiveOptions& options, const Values& values, const std::string& option) {
  const std::filesystem::path file = values.text(option);
  return file.empty() || file.is_absolute() ? file : options.folder / file;
}

std::filesystem::path data_file(const ObjectiveOptions& options, const Values& values) {
  return file_of(options, values, "data");
}

/// What samples may take on a node [bytes].
std::size_t data_memory(const Values& values) {
  const std::string& text = values.text("data_memory");
  constexpr double most = 9e18;
  return static_cast<std::size_t>(
      std::min(text == "auto" ? system_memory().installed / 2 : *parse_bytes(text), most));
}

/// The names that `metrics` lists; the loss beside the study's metric for `auto`.
std::vector<std::string> further_metrics(const Values& values, const std::string& own) {
  if (values.text("metrics") != "auto") return split(values.text("metrics"), ',');
  const auto metric = train::parse_metric(own);
  if (!metric || metric->measure == train::Measure::Loss) return {};
  return {train::name_of({metric->where, train::Measure::Loss})};
}

std::string own_metric(const ObjectiveOptions& options, bool classification) {
  return options.metric.empty() ? train::metric_names(Where::Valid, classification).front() : options.metric;
}

std::vector<std::string> all_metric_names(bool classification) {
  std::vector<std::string> names;
  for (const Where where : parts)
    for (const std::string& name : train::metric_names(where, classification)) names.push_back(name);
  return names;
}

std::string metric_problem(const std::string& name, const train::DatasetInfo& data, std::size_t folds) {
  const auto names = all_metric_names(data.classes > 0);
  if (std::ranges::find(names, name) == names.end())
    return concat("there is no metric '", name, "' for ",
                  data.classes > 0 ? "a classification" : "a regression", suggestion(name, names));
  const Where where = train::parse_metric(name)->where;
  if (where == Where::Valid && folds == 0 && data.valid_rows == 0)
    return concat("metric ", name,
                  " needs a validation part, which the data set does not have: set folds, or import the ",
                  "data with one");
  if (where == Where::Test && data.test_rows == 0)
    return concat("metric ", name, " needs a test part, which the data set does not have");
  return "";
}

/// Whether a network can be divided into so many stages; else one sentence.
std::string stages_problem(const train::NetworkSpec& network, std::size_t stages) {
  if (network.layers.size() >= stages) return "";
  return concat("workers.pipeline = ", stages, " needs networks of at least as many layers, got ",
                network.layers.size());
}

/// Everything that the data set rules out.
class DataCheck {
 public:
  DataCheck(const ObjectiveOptions& options, const space::Space& space, Problems& problems)
      : options_(options),
        space_(space),
        problems_(problems),
        values_(Settings(network_options(), options, space).fixed()) {}

  void run() {
    if (values_.text("data").empty())
      return add("data", "type network needs a data set: write data = FILE in [objective]");
    try {
      data_ = train::inspect_dataset(data_file(options_, values_));
    } catch (const InvalidInput& error) {
      return add("data", error.what());
    }
    check_task();
    check_folds();
    check_metrics();
    check_training();
    check_images();
    if (options_.stages > 1 && problems_.empty()) check_stages();
    if (problems_.empty()) check_weights();
  }

 private:
  void add(const std::string& option, const std::string& problem) {
    if (!problem.empty()) problems_.push_back({location_of(options_, option), problem});
  }

  void check_task() {
    const std::string task = data_.classes > 0 ? "classification" : "regression";
    const std::string& wanted = values_.text("task");
    if (wanted != "auto" && wanted != task)
      add("task", concat("task = ", wanted, ", but ", values_.text("data"), " holds data for a ", task));
  }

  void check_folds() {
    const std::size_t folds = values_.count("folds");
    if (folds == 1 || folds > data_.train_rows)
      add("folds", concat("folds must be 0 or lie between 2 and the rows of the training part (",
                          data_.train_rows, "), got ", folds));
  }

  void check_metrics() {
    const std::string own = own_metric(options_, data_.classes > 0);
    const std::size_t folds = values_.count("folds");
    add(options_.where.contains("metric") ? "metric" : "data", metric_problem(own, data_, folds));
    if (values_.text("metrics") == "auto") return;
    for (const std::string& name : further_metrics(values_, own))
      add("metrics", metric_problem(name, data_, folds));
  }

  void check_training() {
    for (const std::string& model : possible_texts(network_options(), options_, space_, "model"))
      add("model", model_problem(model, shape()));
    for (const std::string& loss : possible_texts(network_options(), options_, space_, "loss"))
      add("loss", loss_problem(loss, shape()));
    for (const std::string& weights : possible_texts(network_options(), options_, space_, "class_weight"))
      if (weights == "balanced" && data_.classes == 0)
        add("class_weight", "class_weight = balanced needs data with classes");
    if (may_be("label_smoothing", is_positive) && data_.classes == 0)
      add("label_smoothing", "label_smoothing needs data with classes");
  }

  /// Options that only make sense of images.
  void check_images() {
    check_change("random_crop", is_positive);
    check_change("random_flip", is_true);
  }

  /// Trials of a model that cannot have its samples changed fail; refused is what leaves no others of it.
  template <class Changes>
  void check_change(const std::string& option, const Changes& changes) {
    if (!may_be(option, changes)) return;
    const auto models = possible_texts(network_options(), options_, space_, "model");
    std::vector<std::string> problems;
    for (const std::string& model : models)
      if (const std::string problem = change_problem(option, model, shape()); !problem.empty())
        problems.push_back(problem);
    const bool always = !may_be(option, std::not_fn(changes));
    if (!problems.empty() && (always || problems.size() == models.size())) add(option, problems.front());
  }

  /// Where the space leaves the depth of networks as it is.
  void check_stages() {
    for (const char* option : {"model", "layers", "blocks", "convolutions", "pooling", "batch_norm",
                               "residual", "global_pooling", "recurrent_layers"})
      if (space_.index_of(option)) return;
    try {
      add("pipeline", stages_problem(training_spec(values_, shape(), 0).network, options_.stages));
    } catch (const TrialFailure&) {  // every trial will say so
    }
  }

  /// Whether they fit, where the space leaves the shapes of networks as they are.
  void check_weights() {
    if (values_.flag("keep_weights") && values_.count("folds") > 0)
      add("keep_weights", "keep_weights = true needs folds = 0: each fold has weights of its own");
    std::vector<train::ParameterCounts> saved;
    try {
      const auto file = file_of(options_, values_, "initial_weights");
      if (!file.empty()) saved = train::inspect_weights(file);
    } catch (const InvalidInput& error) {
      return add("initial_weights", error.what());
    }
    for (const char* option :
         {"model", "layers", "units", "loss", "blocks", "convolutions", "channels", "channel_factor", "kernel_size",
          "stride", "pooling", "pool_size", "batch_norm", "residual", "global_pooling", "recurrent_layers", "hidden",
          "bidirectional", "embedding", "initial_layers", "freeze"})
      if (space_.index_of(option)) return;
    try {
      add(saved.empty() ? "freeze" : "initial_weights", weights_problem(training_spec(values_, shape(), 0), saved));
    } catch (const Error&) {  // every trial will say so
    }
  }

  /// Whether `holds` of a text that the option can have.
  template <class Holds>
  bool may_be(const std::string& option, const Holds& holds) const {
    return std::ranges::any_of(possible_texts(network_options(), options_, space_, option), holds);
  }
  static bool is_true(const std::string& flag) { return parse_bool(flag).value_or(false); }
  static bool is_positive(const std::string& number) { return parse_number(number).value_or(0) > 0; }

  DataShape shape() const { return shape_of(data_); }

  const ObjectiveOptions& options_;
  const space::Space& space_;
  Problems& problems_;
  Values values_;
  train::DatasetInfo data_;
};

class NetworkObjective final : public Objective {
 public:
  NetworkObjective(const ObjectiveOptions& options, const space::Space& space)
      : space_(space), settings_(network_options(), options, space), file_(data_file(options, settings_.fixed())),
        weights_file_(file_of(options, settings_.fixed(), "initial_weights")) {
    const Values fixed = settings_.fixed();
    const train::DatasetInfo info = train::inspect_dataset(file_);
    const std::string own = own_metric(options, info.classes > 0);
    study_.metrics.push_back(*train::parse_metric(own));
    for (const std::string& name : further_metrics(fixed, own))
      study_.metrics.push_back(*train::parse_metric(name));
    data_memory_ = data_memory(fixed);
    stages_ = options.stages;
    study_.maximize = options.maximize;
    study_.keep_weights = fixed.flag("keep_weights");
    study_.best_epoch = fixed.text("report") == "best";
    study_.folds = fixed.count("folds");
    study_.fold_seed = static_cast<std::uint64_t>(fixed.number("fold_seed"));
    study_.spread_folds = fixed.text("fold_parallel") == "ranks";
    const Option& epochs = *find_option(network_options(), "epochs");
    for (const std::string& text : possible_texts(network_options(), options, space, "epochs"))
      epochs_ = std::max(epochs_, static_cast<std::int32_t>(number_of(epochs, text)));
  }

  std::vector<std::string> metrics() const override {
    std::vector<std::string> names;
    for (std::size_t m = 1; m < study_.metrics.size(); ++m)
      names.push_back(train::name_of(study_.metrics[m]));
    return names;
  }

  std::int32_t epochs() const override { return epochs_; }

  /// As many as are useful for nearly all networks of the space; one where each would read its own samples. Processors train
  /// those together that have as many layers and the same batch: where these differ, more lanes so that vectors are full.
  int lanes(bool on_gpu) const override {
    constexpr std::size_t most_kinds = 4;
    const train::DatasetInfo info = train::inspect_dataset(file_);
    if (rows_of(info) > data_memory_ / (info.features * sizeof(float))) return 1;
    std::vector<std::size_t> useful;
    std::set<std::pair<std::size_t, std::size_t>> kinds;
    for (const train::TrainingSpec& spec : drawn_networks(info)) {
      useful.push_back(train::useful_lanes(spec, on_gpu));
      kinds.emplace(spec.network.layers.size(), spec.batch);
    }
    std::ranges::sort(useful);
    const std::size_t lanes = useful.empty() ? 1 : useful[useful.size() / 10];
    if (on_gpu || lanes == 1) return static_cast<int>(lanes);
    return kinds.size() > most_kinds ? 1 : static_cast<int>(kinds.size() == 1 ? lanes : lanes * most_kinds);
  }

  /// The ends first; what lies between them, and all once more, where that leaves the time: others use the
  /// machine too.
  std::vector<LaneSpeed> time_lanes(device::Backend& backend, int most, int sharing) const override {
    constexpr double each = 0.04, all = 0.3;  // [s]
    const Stopwatch clock;
    const train::DatasetInfo info = train::inspect_dataset(file_);
    const bool on_gpu = !backend.host_memory();
    std::vector<train::TrainingSpec> networks = drawn_networks(info);
    const double room = room_for_lanes(backend, info, sharing), largest = memory_of_largest(networks, info);
    std::erase_if(networks, [&](const auto& spec) { return train::useful_lanes(spec, on_gpu) == 1; });
    if (networks.empty()) return {};
    for (std::size_t i = 0; std::ssize(networks) < most; ++i) networks.push_back(networks[i]);
    train::LaneProbe probe(backend, info, std::move(networks));
    std::vector<LaneSpeed> speeds{{1, steps_per_second(probe, 1, each)}};
    for (const int lanes : {most, most / 2, most / 4}) {
      const bool pays = lanes > 1 && (on_gpu || fill_vectors(lanes)),
                 time_left = lanes == most || clock.seconds() < all;
      if (!pays || !time_left) continue;
      speeds.push_back({lanes, lanes * largest <= room ? steps_per_second(probe, lanes, each) : 0});
    }
    for (LaneSpeed& speed : speeds)
      if (speed.steps_per_second > 0 && clock.seconds() < all)
        speed.steps_per_second = std::max(speed.steps_per_second, steps_per_second(probe, speed.lanes, each));
    std::ranges::sort(speeds, {}, &LaneSpeed::lanes);
    return speeds;
  }

  void prepare(const WorkerContext& context) override {
    require(context.memory != nullptr, "a network needs the memory of a node");
    worker_ = context;
    data_.dataset = train::load_dataset(file_, *context.memory, data_memory_);
    if (!weights_file_.empty()) initial_ = train::load_weights(weights_file_, *context.memory);
    if (!context.backend) return;  // this rank only takes part in loading
    const std::size_t windows = std::min(data_memory_, most_read_ahead) / std::max<std::size_t>(study_.folds, 1);
    data_.placed = std::make_unique<train::DeviceData>(*context.backend, data_.dataset, windows);
    data_.test = std::make_unique<train::Part>(data_.placed->test());
    data_.sums = std::make_unique<train::TeamSums>(*context.backend);
    if (trains_in_lanes(context)) data_.lanes = std::make_unique<train::LanePack>(context.backend->make_lane_engine());
    const train::DeviceSplit& train = data_.placed->train();
    data_.kept = std::make_unique<KeptWeights>(context.place.directory, study_.maximize);
    data_.divisions.clear();
    if (study_.folds == 0) {
      data_.divisions.push_back({train::Part(train), train::Part(data_.placed->valid())});
      return;
    }
    const bool one_label = data_.dataset.labels_per_sample == 1;
    const auto strata = one_label ? train.host.labels : std::span<const std::int32_t>();
    for (auto& fold : train::make_folds(train.host.rows, strata, study_.folds, study_.fold_seed))
      data_.divisions.push_back({{train, std::move(fold.train)}, {train, std::move(fold.held_out)}});
  }

  std::unique_ptr<Trainable> start(const space::Config& config, const TrialContext& context) override {
    require(!data_.divisions.empty(), "prepare() comes before start()");
    train::TrainingSpec spec = training_spec(settings_.at(config), shape_of(data_.dataset), context.seed);
    for (const std::string& problem : {stages_problem(spec.network, stages_), weights_problem(spec, initial_.layers)})
      if (!problem.empty()) throw TrialFailure(FailureKind::Invalid, problem);
    if (!weights_file_.empty()) spec.initial = &initial_;
    WorkerContext worker = worker_;
    if (context.team) worker.team = context.team;
    return std::make_unique<NetworkTrainable>(worker, data_, study_, spec, context.trial);
  }

 private:
  static std::size_t rows_of(const train::DatasetInfo& info) {
    return info.train_rows + info.valid_rows + info.test_rows;
  }

  /// Of configurations from all over the space.
  std::vector<train::TrainingSpec> drawn_networks(const train::DatasetInfo& info) const {
    constexpr int samples = 64;
    const DataShape shape = shape_of(info);
    Random random(1);
    std::vector<train::TrainingSpec> networks;
    for (int i = 0; i < samples; ++i) {
      std::vector<double> unit(space_.size());
      for (double& x : unit) x = random.uniform();
      try {
        networks.push_back(training_spec(settings_.at(space_.decode(unit)), shape, 1));
      } catch (const TrialFailure&) {  // such a trial fails at once
      }
    }
    return networks;
  }

  /// What the trainings of a trial take [bytes].
  double memory_of_largest(const std::vector<train::TrainingSpec>& networks,
                           const train::DatasetInfo& info) const {
    std::size_t most = 0;
    for (const train::TrainingSpec& spec : networks)
      most = std::max(most, train::training_numbers(spec, rows_of(info)));
    return static_cast<double>(most * std::max<std::size_t>(study_.folds, 1)) * sizeof(float);
  }

  static double steps_per_second(train::LaneProbe& probe, int lanes, double seconds) {
    try {
      return probe.steps_per_second(static_cast<std::size_t>(lanes), seconds);
    } catch (const std::bad_alloc&) {
      return 0;
    } catch (const device::OutOfDeviceMemory&) {
      return 0;
    }
  }

  /// A rank's part of the memory that the samples leave, of which there is one copy on a host, elsewhere one
  /// of each rank [bytes].
  static double room_for_lanes(device::Backend& backend, const train::DatasetInfo& info, int sharing) {
    constexpr double spared = 0.1;
    const std::size_t copies = backend.host_memory() ? 1 : static_cast<std::size_t>(sharing);
    const std::size_t of_row = info.features + std::max(info.outputs, info.labels_per_sample);
    const auto data = static_cast<double>(copies * rows_of(info) * of_row * sizeof(float));
    return ((1 - spared) * backend.free_memory() - data) / sharing;
  }

  /// A processor only with so many that few vectors are left half empty.
  bool trains_in_lanes(const WorkerContext& context) const {
    return !context.backend->host_memory() || (context.lanes > 1 && fill_vectors(context.lanes));
  }

  bool fill_vectors(int own) const {
    const auto useful = static_cast<std::size_t>(lanes(false));
    return useful > 1 &&
           static_cast<std::size_t>(own) * train::widest_vector >= useful * device::lanes_of_vector();
  }

  space::Space space_;
  Settings settings_;
  std::filesystem::path file_, weights_file_;
  std::size_t data_memory_ = 0;  ///< [bytes]
  NetworkStudy study_;
  std::int32_t epochs_ = 1;
  std::size_t stages_ = 1;
  WorkerContext worker_;
  NetworkData data_;
  train::SavedWeights initial_;
};

}  // namespace

void check_network(const ObjectiveOptions& options, const space::Space& space, Problems& problems) {
  const std::size_t before = problems.size();
  check_space(network_options(), network_study_options(), space, problems);
  if (problems.size() == before) DataCheck(options, space, problems).run();
}

std::vector<std::pair<std::string, bool>> network_metrics(const ObjectiveOptions& options) {
  std::vector<bool> tasks{true, false};
  try {
    const Values fixed = Settings(network_options(), options, space::Space()).fixed();
    tasks = {train::inspect_dataset(data_file(options, fixed)).classes > 0};
  } catch (const InvalidInput&) {  // check_network says what is wrong with the file
  }
  std::vector<std::pair<std::string, bool>> metrics;
  for (const bool classification : tasks)
    for (const std::string& name : all_metric_names(classification))
      if (const std::pair metric{name, train::maximized(train::parse_metric(name)->measure)};
          std::ranges::find(metrics, metric) == metrics.end())
        metrics.push_back(metric);
  return metrics;
}

std::unique_ptr<Objective> make_network_objective(const ObjectiveOptions& options,
                                                  const space::Space& space) {
  return std::make_unique<NetworkObjective>(options, space);
}

}  // namespace regatta::objective
