#include "regatta/objective/table_objective.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "regatta/core/bytes.hpp"
#include "regatta/core/text.hpp"
#include "regatta/train/curve_table.hpp"
#include "settings.hpp"
#include "table_lookup.hpp"

namespace regatta::objective {
namespace {

constexpr double no_deviation = std::numeric_limits<double>::quiet_NaN();

std::filesystem::path file_of(const ObjectiveOptions& options) {
  const auto given = options.values.find("table");
  require(given != options.values.end() && !given->second.empty(),
          "objective.table must name the table; `regatta import curves` makes one");
  return (options.folder / given->second).lexically_normal();
}

std::vector<space::Definition> definitions_of(const train::CurveTable& table, const std::string& file) {
  std::vector<space::Definition> definitions;
  for (const train::CurveColumn& column : table.columns)
    definitions.push_back({column.name, column.definition, {file, 0}});
  return definitions;
}

/// A table and the space of its definitions.
struct OpenTable {
  explicit OpenTable(const std::filesystem::path& file) : table(train::read_curve_table(file)) {
    Problems problems;
    space = space::Space::parse(definitions_of(table, file.string()), {}, problems);
    if (!problems.empty()) throw InvalidInputs(problems);
    for (const space::Parameter& parameter : space.parameters())
      require(parameter.condition.empty(), file.string(), ": /params/", parameter.name,
              ": a parameter of a table has no condition");
  }

  bool only_lists() const {
    return std::ranges::all_of(space.parameters(),
                               [](const space::Parameter& each) { return each.categorical(); });
  }

  train::CurveTable table;
  space::Space space;
};

bool is_exact(const Values& values, const OpenTable& opened) {
  const std::string& match = values.text("match");
  return match == "exact" || (match == "auto" && opened.only_lists());
}

/// Of the mean of the repeats that were done; NaN with less than two of them.
double standard_error(std::span<const double> repeated, double mean) {
  double squares = 0, count = 0;
  for (const double value : repeated)
    if (!std::isnan(value)) squares += (value - mean) * (value - mean), ++count;
  return count < 2 ? no_deviation : std::sqrt(squares / (count - 1) / count);
}

/// How the rows of a table become epochs; of the objective, which lives longer than its trials.
struct Behaviour {
  train::CurveTable table;
  bool best = false;  ///< the best epoch so far counts
  bool maximize = false;
};

class TableTrial final : public Trainable {
 public:
  TableTrial(const Behaviour& behaviour, std::size_t row) : behaviour_(behaviour), row_(row) {}

  std::optional<Progress> advance() override {
    const train::CurveTable& table = behaviour_.table;
    const double value = table.curve(row_)[epoch_++];
    take(value);
    Progress progress;
    progress.epoch = static_cast<std::int32_t>(epoch_);
    progress.finished = epoch_ == table.epochs;
    progress.value = behaviour_.best ? best_ : value;
    progress.standard_error =
        standard_error(std::span(table.repeated).subspan(row_ * table.repeats, table.repeats), value);
    return progress;
  }

  std::vector<std::byte> save() const override {
    ByteWriter writer;
    writer.add(static_cast<std::uint64_t>(epoch_));
    writer.add(best_);
    return writer.take();
  }

  void load(std::span<const std::byte> saved) override {
    ByteReader reader(saved);
    epoch_ = reader.take<std::uint64_t>();
    best_ = reader.take<double>();
    require(epoch_ < behaviour_.table.epochs, "epoch ", epoch_, " lies beyond the table");
  }

  std::optional<double> epoch_seconds() const override {
    const train::CurveTable& table = behaviour_.table;
    if (table.seconds.empty()) return {};
    const double* seconds = &table.seconds[row_ * table.epochs];
    return epoch_ == 0 ? seconds[0] : seconds[epoch_] - seconds[epoch_ - 1];
  }

 private:
  /// A training that has diverged has no best epoch any more.
  void take(double value) {
    const bool better = behaviour_.maximize ? value > best_ : value < best_;
    if (epoch_ == 1 || better || !std::isfinite(value)) best_ = value;
  }

  const Behaviour& behaviour_;
  std::size_t row_;
  std::size_t epoch_ = 0;
  double best_ = 0;
};

class TableObjective final : public Objective {
 public:
  TableObjective(OpenTable opened, const Values& values, const ObjectiveOptions& options,
                 const space::Space& space)
      : lookup_(opened.table, opened.space, space),
        exact_(is_exact(values, opened)),
        space_(space),
        behaviour_{std::move(opened.table), values.text("report") == "best", options.maximize} {}

  std::vector<std::string> metrics() const override { return {}; }
  std::int32_t epochs() const override { return static_cast<std::int32_t>(behaviour_.table.epochs); }
  void prepare(const WorkerContext&) override {}
  bool simulated() const override { return true; }
  std::vector<space::Config> listed() const override {
    return exact_ ? std::vector<space::Config>{} : lookup_.listed();
  }

  std::unique_ptr<Trainable> start(const space::Config& config, const TrialContext&) override {
    const auto row = exact_ ? lookup_.exact(config) : lookup_.nearest(config);
    if (!row)
      throw TrialFailure(FailureKind::Invalid, concat("the table does not hold ", space_.text(config)));
    return std::make_unique<TableTrial>(behaviour_, *row);
  }

 private:
  TableLookup lookup_;
  bool exact_;
  space::Space space_;
  Behaviour behaviour_;
};

Location where(const ObjectiveOptions& options, const space::Space& space) {
  const Location found = location_of(options, "table");
  return found.line > 0 || space.definitions().empty() ? found : space.definitions().front().where;
}

}  // namespace

const std::vector<Option>& table_options() {
  using enum OptionType;
  static const std::vector<Option> options = {
      {"table", Path, "",
       "table of trainings (HDF5), relative to the input file; `regatta import curves` makes it"},
      {"match",
       Word,
       "auto",
       "exact: a configuration that the table does not hold is invalid; nearest: the nearest one is taken; "
       "auto: exact where all "
       "parameters of the table are lists",
       {"auto", "exact", "nearest"}},
      {"report",
       Word,
       "last",
       "the trial's value is that of its last epoch, or the best of its epochs so far",
       {"last", "best"}},
  };
  return options;
}

void check_table(const ObjectiveOptions& options, const space::Space& space, Problems& problems) {
  try {
    const OpenTable opened(file_of(options));
    const bool exact = is_exact(Settings(table_options(), options, {}).fixed(), opened);
    const auto texts = TableLookup::problems(opened.space, space, exact);
    for (const std::string& text : texts) problems.push_back({where(options, space), text});
    if (texts.empty()) TableLookup(opened.table, opened.space, space);
  } catch (const InvalidInput& error) {
    problems.push_back({location_of(options, "table"), error.what()});
  }
}

std::vector<std::pair<std::string, bool>> table_metrics(const ObjectiveOptions& options) {
  try {
    const train::CurveTable table = train::read_curve_table(file_of(options));
    return {{table.metric, table.maximize}};
  } catch (const InvalidInput&) {
    return {{"value", false}};
  }
}

std::vector<space::Definition> table_space(const ObjectiveOptions& options) {
  return definitions_of(train::read_curve_table(file_of(options)), location_of(options, "table").file);
}

std::unique_ptr<Objective> make_table_objective(const ObjectiveOptions& options, const space::Space& space) {
  Problems problems;
  check_table(options, space, problems);
  if (!problems.empty()) throw InvalidInputs(problems);
  return std::make_unique<TableObjective>(OpenTable(file_of(options)),
                                          Settings(table_options(), options, space).fixed(), options, space);
}

}  // namespace regatta::objective
