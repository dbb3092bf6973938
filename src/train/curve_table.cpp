#include "regatta/train/curve_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <tuple>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/h5/file.hpp"

namespace regatta::train {
namespace {

constexpr std::size_t most_epochs = 1'000'000;

/// A name that is one link of an HDF5 path.
bool plain_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name != "." &&
         name.find('\0') == std::string::npos;
}

std::string column_path(const std::string& name) { return "/params/" + name; }

std::string text_or(const h5::File& file, std::string_view name, const std::string& otherwise) {
  return file.has_attribute("/", name) ? file.text_attribute("/", name) : otherwise;
}

void check_column(const CurveColumn& column, std::size_t rows, const std::string& where) {
  require(column.entries.size() == rows, where, ": has ", column.entries.size(), " rows, expected ", rows);
  const auto bad =
      std::ranges::find_if_not(column.entries, [](double entry) { return std::isfinite(entry); });
  require(bad == column.entries.end(), where, ": row ", bad - column.entries.begin(),
          " (from 0) is not finite");
}

void check_seconds(const CurveTable& table, const std::string& where) {
  for (std::size_t i = 0; i < table.seconds.size(); ++i) {
    const double before = i % table.epochs == 0 ? 0 : table.seconds[i - 1];
    require(std::isfinite(table.seconds[i]) && table.seconds[i] >= before, where, ": row ", i / table.epochs,
            " (from 0) falls or is negative at epoch ", i % table.epochs + 1, ": ",
            format_number(table.seconds[i]), " after ", format_number(before));
  }
}

/// The values of [rows, N] or [rows], and N.
std::pair<std::vector<double>, std::size_t> read_matrix(const h5::File& file, const std::string& path,
                                                        const std::string& name) {
  const std::vector<std::size_t> shape = file.shape(path);
  require(shape.size() == 1 || shape.size() == 2, name, ": ", path, ": must be rows or rows x epochs, got ",
          shape.size(), " dimensions");
  const std::size_t width = shape.size() == 2 ? shape[1] : 1;
  require(width >= 1 && width <= most_epochs, name, ": ", path, ": must have 1 to ", most_epochs,
          " columns, got ", width);
  return {file.read_doubles(path), width};
}

void read_columns(const h5::File& file, CurveTable& table) {
  for (const std::string& name : file.read_strings("/names")) {
    require(plain_name(name), "/names: '", name, "' is no name of a parameter");
    const std::string path = column_path(name);
    table.columns.push_back({name, file.text_attribute(path, "definition"), file.read_doubles(path)});
  }
}

void read_values(const h5::File& file, const std::string& name, CurveTable& table) {
  require(file.exists("/objective") != file.exists("/repeats"), name,
          ": needs either /objective or /repeats");
  if (file.exists("/repeats")) {
    std::tie(table.repeated, table.repeats) = read_matrix(file, "/repeats", name);
    table.objective = means_of_repeats(table.repeated, table.repeats);
  } else {
    std::tie(table.objective, table.epochs) = read_matrix(file, "/objective", name);
  }
  table.rows = table.objective.size() / table.epochs;
  if (!file.exists("/seconds")) return;
  std::size_t epochs = 0;
  std::tie(table.seconds, epochs) = read_matrix(file, "/seconds", name);
  require(epochs == table.epochs, name, ": /seconds: has ", epochs, " epochs, the objective has ",
          table.epochs);
}

}  // namespace

void check_curve_table(const CurveTable& table, const std::string& where) {
  require(!table.columns.empty(), where, ": has no parameter");
  require(table.rows > 0, where, ": has no rows");
  require(table.objective.size() == table.rows * table.epochs, where, ": has ", table.objective.size(),
          " values of the objective, expected ", table.rows, " x ", table.epochs);
  require(table.repeats == 0 || (table.epochs == 1 && table.repeated.size() == table.rows * table.repeats),
          where, ": repeats are rows x repeats values of trainings to their end");
  require(table.seconds.empty() || table.seconds.size() == table.objective.size(), where, ": /seconds: has ",
          table.seconds.size(), " values, the objective has ", table.objective.size());
  require(!table.metric.empty(), where, ": the metric has no name");
  std::set<std::string> names;
  for (const CurveColumn& column : table.columns) {
    require(plain_name(column.name), where, ": '", column.name, "' is no name of a parameter");
    require(names.insert(column.name).second, where, ": parameter '", column.name, "' is there twice");
    check_column(column, table.rows, concat(where, ": ", column_path(column.name)));
  }
  check_seconds(table, where + ": /seconds");
}

CurveTable read_curve_table(const std::filesystem::path& path) {
  const h5::File file = h5::File::open(path);
  const std::string name = path.string();
  const std::string version = text_or(file, "regatta_table", "");
  require(version == "1", name, ": ",
          version.empty()
              ? "is no table: its attribute regatta_table is missing; `regatta import curves` makes tables"
              : concat("its attribute regatta_table is '", version, "', this version of Regatta reads '1'"));
  CurveTable table;
  const std::string direction = text_or(file, "direction", "minimize");
  require(direction == "minimize" || direction == "maximize", name,
          ": its attribute direction must be minimize or maximize, got '", direction, "'");
  table.maximize = direction == "maximize";
  table.metric = text_or(file, "metric", "value");
  table.origin = text_or(file, "origin", "");
  table.licence = text_or(file, "licence", "");
  read_values(file, name, table);
  read_columns(file, table);
  check_curve_table(table, name);
  return table;
}

void write_curve_table(const std::filesystem::path& path, const CurveTable& table) {
  check_curve_table(table, path.string());
  h5::File file = h5::File::create(path);
  std::vector<std::string> names;
  for (const CurveColumn& column : table.columns) {
    names.push_back(column.name);
    file.write(column_path(column.name), column.entries);
    file.set_attribute(column_path(column.name), "definition", column.definition);
  }
  file.write("/names", names);
  const std::array<std::size_t, 2> curves{table.rows, table.epochs}, repeats{table.rows, table.repeats};
  if (table.repeats > 0)
    file.write("/repeats", table.repeated, repeats);
  else
    file.write("/objective", table.objective, curves);
  if (!table.seconds.empty()) {
    file.write("/seconds", table.seconds, curves);
    file.set_attribute("/seconds", "units", std::string_view("s"));
  }
  file.set_attribute("/", "regatta_table", std::string_view("1"));
  file.set_attribute("/", "metric", table.metric);
  file.set_attribute("/", "direction", std::string_view(table.maximize ? "maximize" : "minimize"));
  file.set_attribute("/", "origin", table.origin);
  file.set_attribute("/", "licence", table.licence);
  file.close();
}

std::vector<double> means_of_repeats(std::span<const double> repeated, std::size_t repeats) {
  std::vector<double> means(repeated.size() / repeats);
  for (std::size_t row = 0; row < means.size(); ++row) {
    double sum = 0;
    std::size_t done = 0;
    for (const double value : repeated.subspan(row * repeats, repeats))
      if (!std::isnan(value)) sum += value, ++done;
    means[row] = sum / static_cast<double>(done);
  }
  return means;
}

}  // namespace regatta::train
