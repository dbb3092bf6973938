#include "arguments.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <cctype>

#include "option_tables.hpp"
#include "regatta/core/text.hpp"

namespace regatta::app {
namespace {

namespace po = boost::program_options;

po::options_description description_of(const Command& command) {
  po::options_description description;
  description.add_options()("help", po::bool_switch())("operand", po::value<std::vector<std::string>>());
  for (const Option& option : command.options)
    if (option.type == OptionType::Flag)
      description.add_options()(option.name.c_str(), po::bool_switch());
    else
      description.add_options()(option.name.c_str(), po::value<std::string>());
  if (!command.overrides) return description;
  for (const SectionTable& section : section_tables()) {
    for (const Option& option : section.options)
      description.add_options()((section.name + "." + option.name).c_str(), po::value<std::string>());
    description.add_options()((section.name + ".*").c_str(), po::value<std::string>());  // told unknown later
  }
  return description;
}

std::vector<po::option> parse(const std::vector<std::string>& words,
                              const po::options_description& description) {
  namespace style = po::command_line_style;
  po::positional_options_description positional;
  positional.add("operand", -1);
  try {
    return po::command_line_parser(words)
        .options(description)
        .positional(positional)
        .style(style::allow_long | style::long_allow_adjacent | style::long_allow_next)  // no guessing
        .allow_unregistered()
        .run()
        .options;
  } catch (const po::error& error) {
    throw InvalidInput(error.what());
  }
}

/// "study.seed=3" as an override; none when the word is something else, as a path with '=' in it.
bool looks_like_override(const std::string& word) {
  const std::size_t equals = word.find('=');
  const std::vector<std::string> names = split(std::string_view(word).substr(0, equals), '.');
  return equals != std::string::npos && !names.empty() && std::ranges::all_of(names, is_name);
}

Override read_override(const std::string& name, const std::string& text) {
  const std::size_t dot = name.find('.');
  std::vector<std::string> full_names;
  for (const SectionTable& section : section_tables())
    for (const Option& option : section.options)
      if (option.name == name) full_names.push_back(section.name + "." + name);
  require(dot != std::string::npos, "'", name, "=", text, "' names no section; write section.key=value",
          full_names.empty() ? "" : ", as " + full_names.front() + "=" + text);
  require(text.find('\n') == std::string::npos && text.find(" #") == std::string::npos, "the value of ", name,
          " must hold neither a line break nor ' #'");
  return {name.substr(0, dot), {name.substr(dot + 1), std::string(trim(text)), {"command line"}}};
}

std::vector<std::string> known_options(const Command& command) {
  std::vector<std::string> names{"help"};
  for (const Option& option : command.options) names.push_back(option.name);
  if (command.overrides)
    for (const SectionTable& section : section_tables())
      for (const Option& option : section.options) names.push_back(section.name + "." + option.name);
  return names;
}

/// The values of `--help`, the command's own options and `--section.key`.
void add_option(const po::option& parsed, Arguments& arguments) {
  const Command& command = *arguments.command;
  const std::string& name = parsed.string_key;
  if (name == "help") {
    arguments.help = true;
    return;
  }
  if (const Option* option = find_option(command.options, name)) {
    const std::string text = parsed.value.empty() ? "true" : parsed.value.front();
    const std::string wrong = violation(*option, text);
    require(wrong.empty(), "--", wrong);
    require(arguments.options.emplace(name, text).second, "--", name, " is given twice");
    return;
  }
  const std::string suggested = suggestion(name, known_options(command));
  require(!parsed.unregistered, "unknown option '--", name, "'", suggested);
  arguments.overrides.push_back(read_override(name, parsed.value.front()));
}

void add_operand(const std::string& word, Arguments& arguments) {
  if (word == "-h") {
    arguments.help = true;
  } else if (arguments.command->overrides && looks_like_override(word)) {
    arguments.overrides.push_back(override_of(word));
  } else {
    require(!word.starts_with("-") || word == "-", "unknown option '", word, "'");
    arguments.operands.push_back(word);
  }
}

void check_operands(const Arguments& arguments) {
  const Command& command = *arguments.command;
  const std::string usage = concat("; usage: regatta ", command.name, " ", command.operands);
  require(arguments.operands.size() >= command.least, "regatta ", command.name, " needs more than that",
          usage);
  require(arguments.operands.size() <= command.most, "regatta ", command.name,
          " does not know what to do with '", arguments.operands.empty() ? "" : arguments.operands.back(),
          "'", usage);
}

/// `word` as a shell reads it back.
std::string quoted(const std::string& word) {
  const std::string_view harmless = "_-./=:,+@%";
  const bool plain = !word.empty() && std::ranges::all_of(word, [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || harmless.find(c) != std::string_view::npos;
  });
  if (plain) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

Override override_of(const std::string& word) {
  const std::size_t equals = word.find('=');
  require(equals != std::string::npos, "'", word, "' is no section.key=value");
  return read_override(word.substr(0, equals), word.substr(equals + 1));
}

std::string Arguments::option(const std::string& name) const {
  if (const auto given = options.find(name); given != options.end()) return given->second;
  const Option* known = find_option(command->options, name);
  require(known != nullptr, "regatta ", command->name, " has no option --", name);
  return known->fallback;
}

Arguments parse_arguments(int argc, char** argv, const std::vector<Command>& commands) {
  Arguments arguments;
  arguments.argc = argc;
  arguments.argv = argv;
  const std::vector<std::string> words(argv, argv + argc);
  for (const std::string& word : words)
    arguments.command_line += (arguments.command_line.empty() ? "" : " ") + quoted(word);
  std::string name = words.size() > 1 ? words[1] : "help";
  if (name == "--help" || name == "-h") name = "help";
  if (name == "--version") name = "version";
  std::vector<std::string> names;
  for (const Command& command : commands) names.push_back(command.name);
  const auto command = std::ranges::find(commands, name, &Command::name);
  require(command != commands.end(), "unknown command '", name, "'",
          name.ends_with(".ini") ? "; did you mean 'regatta run " + name + "'?" : suggestion(name, names));
  arguments.command = &*command;
  const std::vector<std::string> rest(words.begin() + std::min<std::ptrdiff_t>(2, argc), words.end());
  for (const po::option& parsed : parse(rest, description_of(*command)))
    if (parsed.position_key >= 0)
      for (const std::string& word : parsed.value) add_operand(word, arguments);
    else
      add_option(parsed, arguments);
  if (!arguments.help) check_operands(arguments);
  return arguments;
}

}  // namespace regatta::app
