#include <algorithm>
#include <iostream>

#include "commands.hpp"
#include "help.hpp"
#include "regatta/core/text.hpp"
#include "regatta/train/generate.hpp"
#include "regatta/train/import.hpp"
#include "regatta/train/import_curves.hpp"

namespace regatta::app {
namespace {

/// The operands behind the kind: files, and options as NAME=VALUE.
struct Request {
  std::vector<std::filesystem::path> files;
  std::map<std::string, std::string> options;
};

Request read_request(const std::vector<std::string>& operands) {
  Request request;
  for (std::size_t i = 1; i < operands.size(); ++i) {
    const std::size_t equals = operands[i].find('=');
    const std::string name = operands[i].substr(0, equals);
    if (equals == std::string::npos || !is_name(name))
      request.files.emplace_back(operands[i]);
    else
      require(request.options.emplace(name, operands[i].substr(equals + 1)).second, name, " is given twice");
  }
  return request;
}

void check_options(const Request& request, const std::vector<Option>& known) {
  Problems problems;
  for (const auto& [name, text] : request.options) {
    const Option* option = find_option(known, name);
    const std::string wrong = option
                                  ? violation(*option, text)
                                  : concat("unknown option '", name, "'", suggestion(name, names_of(known)));
    if (!wrong.empty()) problems.push_back({Location{"command line"}, wrong});
  }
  if (!problems.empty()) throw InvalidInputs(problems);
}

/// Data made by a formula.
template <class Generate>
train::TableSet generated(const std::string& kind, const Request& request, const std::vector<Option>& options,
                          Generate generate) {
  check_options(request, options);
  require(request.files.empty(), "regatta import ", kind, " makes data of its own; '",
          request.files.empty() ? "" : request.files.front().string(), "' is one file too many");
  return generate(request.options);
}

train::TableSet data_set(const std::string& kind, const Request& request) {
  if (kind == "regression")
    return generated(kind, request, train::regression_options(),
                     [](const auto& texts) { return train::generate_regression(texts); });
  if (kind == "recall")
    return generated(kind, request, train::recall_options(),
                     [](const auto& texts) { return train::generate_recall(texts); });
  check_options(request, train::import_options());
  require(!request.files.empty(),
          "regatta import data needs the files to read and, as the last, the one to write");
  return train::import_data(request.files, request.options);
}

std::string counts_of(const train::DatasetInfo& info) {
  return concat(info.train_rows, " training, ", info.valid_rows, " validation, ", info.test_rows, " test rows; ",
                info.tokens > 0              ? concat(info.features, " steps of ", info.tokens, " tokens")
                : info.shape.size() == 2 ? concat(info.shape[0], " steps of ", info.shape[1], " channels")
                                         : concat(info.features, " features"),
                ", ",
                info.classes > 0 ? concat(info.classes, " classes") : concat(info.outputs, " outputs"));
}

/// Writes a table of curves and says what it holds.
void import_curves(const std::filesystem::path& output, const Request& request) {
  check_options(request, train::curve_options());
  require(request.files.size() == 1,
          "regatta import curves needs the table of configurations and, as the last file, the one to write");
  const train::CurveTable table = train::import_curves(request.files.front(), request.options);
  train::write_curve_table(output, table);
  std::cout << output.string() << ": " << table.rows << " configurations of " << table.columns.size() << " parameters, "
            << (table.repeats > 0 ? concat(table.repeats, " repeats") : concat(table.epochs, " epochs")) << ", "
            << (table.seconds.empty() ? "without" : "with") << " seconds\n";
  for (const train::CurveColumn& column : table.columns)
    std::cout << "  " << column.name << " = " << column.definition << "\n";
}

}  // namespace

std::string import_help() {
  return concat(
      "\nregatta import data IN... OUT.h5 reads one table, one file of series (.ts), or IDX files (images, labels[, test "
      "images, test labels]):\n",
      option_list(train::import_options()),
      "\nregatta import curves CONFIGURATIONS.csv OUT.h5 makes a table for `type = table` of trainings that were done before:\n",
      option_list(train::curve_options()),
      "\nregatta import regression OUT.h5 makes a linear problem with noise:\n",
      option_list(train::regression_options()),
      "\nregatta import recall OUT.h5 makes sequences of tokens whose labels need memory:\n",
      option_list(train::recall_options()));
}

int import_command(const Arguments& arguments) {
  const std::string& kind = arguments.operands.front();
  const std::vector<std::string> kinds{"data", "curves", "regression", "recall"};
  require(std::ranges::count(kinds, kind) > 0, "regatta import knows data, curves, regression and recall, got '", kind, "'",
          suggestion(kind, kinds));
  Request request = read_request(arguments.operands);
  require(!request.files.empty(), "regatta import ", kind, " needs a file to write, such as OUT.h5");
  const std::filesystem::path output = request.files.back();
  require(output.extension() == ".h5", "the last file is the one to write and must end in .h5, got '",
          output.string(), "'");
  request.files.pop_back();
  if (kind == "curves") {
    import_curves(output, request);
    return 0;
  }
  train::write_dataset(output, data_set(kind, request));
  std::cout << output.string() << ": " << counts_of(train::inspect_dataset(output)) << "\n";
  return 0;
}

}  // namespace regatta::app
