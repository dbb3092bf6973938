#include "option_values.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <map>

#include "regatta/core/text.hpp"

namespace regatta::app {
namespace {

namespace po = boost::program_options;

po::options_description description_of(const std::vector<Option>& options) {
  po::options_description description;
  for (const Option& option : options)
    description.add_options()(option.name.c_str(), po::value<std::string>()->default_value(option.fallback));
  return description;
}

/// The entries that are values of known options, as Boost wants them.
po::parsed_options checked(const std::string& section, const std::vector<Option>& options,
                           const std::vector<Entry>& entries, const po::options_description& description,
                           Problems& problems) {
  po::parsed_options parsed(&description);
  for (const Entry& entry : without_duplicates(section, entries, problems)) {
    const Option* option = find_option(options, entry.name);
    const std::string wrong =
        option ? violation(*option, entry.text) : unknown_key(entry.name, section, names_of(options));
    if (wrong.empty())
      parsed.options.emplace_back(entry.name, std::vector<std::string>{entry.text});
    else
      problems.push_back({entry.where, wrong});
  }
  return parsed;
}

const po::option* find(const po::parsed_options& parsed, const std::string& name) {
  const auto found = std::ranges::find(parsed.options, name, &po::option::string_key);
  return found == parsed.options.end() ? nullptr : &*found;
}

Location place_of(const std::vector<Entry>& entries, const std::string& name) {
  const auto found = std::ranges::find(entries, name, &Entry::name);
  return found == entries.end() ? Location{} : found->where;
}

}  // namespace

OptionValues::OptionValues(const std::string& section, const std::vector<Option>& options,
                           const std::vector<Entry>& file, const std::vector<Entry>& command_line,
                           Problems& problems) {
  const po::options_description description = description_of(options);
  const po::parsed_options from_file = checked(section, options, file, description, problems);
  const po::parsed_options from_command_line = checked(section, options, command_line, description, problems);
  po::variables_map in_force;  // the first to store a value wins
  po::store(from_command_line, in_force);
  po::store(from_file, in_force);
  for (const Option& option : options) {
    OptionValue value{option, in_force[option.name].as<std::string>(), Origin::Default, {}};
    if (find(from_command_line, option.name)) {
      value.origin = Origin::CommandLine;
      value.where = place_of(command_line, option.name);
    } else if (find(from_file, option.name)) {
      value.origin = Origin::File;
      value.where = place_of(file, option.name);
    }
    values_.push_back(std::move(value));
  }
}

const OptionValue& OptionValues::operator[](std::string_view name) const {
  const auto found =
      std::ranges::find(values_, name, [](const OptionValue& value) { return value.option.name; });
  require(found != values_.end(), "no option is called '", name, "'");
  return *found;
}

double OptionValues::number(std::string_view name, double otherwise) const {
  const OptionValue& value = (*this)[name];
  const bool is_word = std::ranges::find(value.option.words, value.text) != value.option.words.end();
  return value.text.empty() || is_word ? otherwise : number_of(value.option, value.text);
}

bool OptionValues::flag(std::string_view name) const { return parse_bool(text(name)).value_or(false); }

std::vector<Entry> without_duplicates(const std::string& section, const std::vector<Entry>& entries,
                                      Problems& problems) {
  std::vector<Entry> firsts;
  std::map<std::string, const Entry*> seen;
  for (const Entry& entry : entries) {
    const auto [first, is_new] = seen.emplace(entry.name, &entry);
    if (is_new)
      firsts.push_back(entry);
    else
      problems.push_back({entry.where, concat("duplicate key '", entry.name, "' in section [", section,
                                              "]; first given as '", first->second->text, "' at ",
                                              first->second->where.text())});
  }
  return firsts;
}

std::string unknown_key(const std::string& name, const std::string& section,
                        const std::vector<std::string>& known) {
  return concat("unknown key '", name, "' in section [", section, "]", suggestion(name, known));
}

}  // namespace regatta::app
