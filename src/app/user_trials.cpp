#include "user_trials.hpp"

#include <algorithm>

#include "regatta/core/file.hpp"
#include "regatta/core/json.hpp"
#include "regatta/core/text.hpp"

namespace regatta::app {
namespace {

struct Row {
  int line = 0;
  std::vector<std::string> cells;
};

/// The rows of a CSV text (RFC 4180): cells may be quoted, a quoted cell may hold commas, doubled quotes and
/// line breaks.
std::vector<Row> csv_rows(std::string_view text) {
  std::vector<Row> rows;
  Row row{1, {""}};
  bool quoted = false;
  int line = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    std::string& cell = row.cells.back();
    if (quoted && c == '"' && text.substr(i + 1).starts_with('"'))
      cell += text[++i];
    else if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      row.cells.emplace_back();
    else if (c == '\n' && !quoted)
      rows.push_back(std::exchange(row, Row{line + 1, {""}}));
    else
      cell += c;
    if (c == '\n') ++line;
  }
  rows.push_back(row);
  for (Row& each : rows)
    for (std::string& cell : each.cells) cell = trim(cell);
  std::erase_if(rows, [](const Row& each) { return each.cells == std::vector<std::string>{""}; });
  return rows;
}

std::vector<std::string> parameter_names(const space::Space& space) {
  std::vector<std::string> names;
  for (const space::Parameter& parameter : space.parameters()) names.push_back(parameter.name);
  return names;
}

/// The parameter that each column holds, or an empty text. Exported tables call them params_NAME, which lets
/// columns like `epochs` stand beside a parameter of this name.
std::vector<std::string> named_parameters(const std::vector<std::string>& titles, const space::Space& space) {
  const std::string prefix = "params_";
  const bool exported =
      std::ranges::any_of(titles, [&](const std::string& title) { return title.starts_with(prefix); });
  std::vector<std::string> names;
  for (const std::string& title : titles) {
    const std::string name = !exported ? title : title.starts_with(prefix) ? title.substr(prefix.size()) : "";
    names.push_back(space.index_of(name) ? name : "");
  }
  return names;
}

/// The members of `object`, or of its "parameters" as `regatta best` writes them.
WrittenTrial trial_of(const Json& object, const Location& where) {
  const auto nested = object.find("parameters");
  const Json& members = nested != object.end() && nested->is_object() ? *nested : object;
  WrittenTrial trial{where, {}};
  for (const auto& [name, value] : members.items())
    if (!value.is_null())
      trial.values.push_back({name, value.is_string() ? value.get<std::string>() : value.dump(), where});
  return trial;
}

}  // namespace

std::vector<WrittenTrial> read_csv_trials(std::string_view text, const std::string& file,
                                          const space::Space& space, Problems& problems) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::vector<Row> rows = csv_rows(text);
  const std::vector<std::string> names =
      rows.empty() ? std::vector<std::string>{} : named_parameters(rows.front().cells, space);
  if (std::ranges::all_of(names, &std::string::empty)) {
    const Location whole_file{file, 0};
    problems.push_back({whole_file, "the first line must name parameters of [space]; none of them is there"});
    return {};
  }
  std::vector<WrittenTrial> trials;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& [line, cells] = rows[i];
    WrittenTrial trial{{file, line}, {}};
    if (cells.size() != names.size()) {
      problems.push_back({trial.where, concat("expected ", names.size(), " cells as in the first line, got ",
                                              cells.size())});
      continue;
    }
    for (std::size_t j = 0; j < names.size(); ++j)
      if (!names[j].empty() && !cells[j].empty()) trial.values.push_back({names[j], cells[j], trial.where});
    trials.push_back(std::move(trial));
  }
  return trials;
}

std::vector<WrittenTrial> read_json_trials(std::string_view text, const std::string& file,
                                           Problems& problems) {
  std::vector<WrittenTrial> trials;
  try {
    Json content = Json::parse(text);
    if (content.is_object()) content = Json::array({content});
    require(content.is_array(), "expected a JSON array of objects {\"parameter\": value}");
    int number = 0;
    for (const Json& object : content) {
      const Location where{concat(file, ", trial ", ++number), 0};
      if (object.is_object())
        trials.push_back(trial_of(object, where));
      else
        problems.push_back({where, concat("expected an object {\"parameter\": value}, got ", object.dump())});
    }
  } catch (const std::exception& error) {
    const Location whole_file{file, 0};
    problems.push_back({whole_file, error.what()});
  }
  return trials;
}

std::vector<WrittenTrial> read_trial_file(const std::filesystem::path& file, const Location& named_at,
                                          const space::Space& space, Problems& problems) {
  const std::string ending = file.extension().string();
  if (ending != ".csv" && ending != ".json") {
    problems.push_back({named_at, concat("initial must be a .csv or .json file, got '", file.string(), "'")});
    return {};
  }
  try {
    const std::string text = read_file(file);
    return ending == ".csv" ? read_csv_trials(text, file.string(), space, problems)
                            : read_json_trials(text, file.string(), problems);
  } catch (const SystemFailure& failure) {
    problems.push_back({named_at, concat("initial: ", failure.what())});
    return {};
  }
}

std::vector<space::Config> configs_of(const std::vector<WrittenTrial>& trials, const space::Space& space,
                                      Problems& problems) {
  const std::vector<std::string> names = parameter_names(space);
  std::vector<space::Config> configs;
  for (const WrittenTrial& trial : trials) {
    std::vector<std::pair<std::string, std::string>> values;
    for (const Entry& entry : trial.values) {
      if (space.index_of(entry.name))
        values.emplace_back(entry.name, entry.text);
      else
        problems.push_back({entry.where, concat("unknown parameter '", entry.name, "' in a trial",
                                                suggestion(entry.name, names))});
    }
    if (values.size() != trial.values.size()) continue;
    try {
      configs.push_back(space.read(values));
    } catch (const InvalidInput& error) {
      problems.push_back({trial.where, error.what()});
    }
  }
  return configs;
}

}  // namespace regatta::app
