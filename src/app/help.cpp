#include "help.hpp"

#include <algorithm>
#include <iostream>
#include <limits>

#include "commands.hpp"
#include "option_tables.hpp"
#include "regatta/core/build_info.hpp"
#include "regatta/core/text.hpp"
#include "regatta/objective/objective.hpp"
#include "regatta/report/table.hpp"

namespace regatta::app {
namespace {

using report::Align;
using Rows = std::vector<std::vector<std::string>>;

/// Bounds that only keep the program safe are not worth telling.
std::string range_of(const Option& option) {
  constexpr double remarkable = 1e6;
  const bool has_low = option.low > -remarkable, has_high = option.high < remarkable;
  if (has_low && has_high) return concat(" ", format_number(option.low), "..", format_number(option.high));
  if (has_low) return concat(" >= ", format_number(option.low));
  return has_high ? concat(" <= ", format_number(option.high)) : "";
}

/// What may be written: "minimize | maximize", "integer 0..4 | auto".
std::string values_of(const Option& option) {
  const std::string words = join(option.words, " | ");
  switch (option.type) {
    case OptionType::Word:
      return words;
    case OptionType::Flag:
      return "true | false";
    case OptionType::Path:
      return "path";
    case OptionType::Text:
      return "text" + (words.empty() ? "" : " | " + words);
    default:
      break;
  }
  const std::string name = option.type == OptionType::Integer    ? "integer"
                           : option.type == OptionType::Number   ? "number"
                           : option.type == OptionType::Duration ? "duration"
                                                                 : "size";
  return name + range_of(option) + (words.empty() ? "" : " | " + words);
}

Rows option_rows(const std::vector<Option>& options) {
  Rows rows;
  for (const Option& option : options)
    rows.push_back({option.name, option.fallback, values_of(option), option.help});
  return rows;
}

/// One table of options, under its heading.
struct Block {
  std::string heading;
  std::string help;
  std::vector<Option> options;
};

std::vector<Block> blocks() {
  std::vector<Block> all;
  for (const SectionTable& section : section_tables()) {
    all.push_back({"[" + section.name + "]", section.help, section.options});
    if (section.content != SectionContent::ObjectiveOptions) continue;
    all.back().options = {objective_section("").front()};
    for (const std::string& type : objective::objective_names())
      all.push_back({"[" + section.name + "] with type = " + type, "", objective::objective_options(type)});
  }
  return all;
}

std::string markdown_row(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (std::string cell : cells) {
    for (std::size_t i = cell.find('|'); i != std::string::npos; i = cell.find('|', i + 2))
      cell.insert(i, "\\");
    line += " " + cell + (cell.empty() ? "|" : " |");
  }
  return line + "\n";
}

std::string markdown_block(const Block& block) {
  std::string text = concat("\n**`", block.heading, "`**", block.help.empty() ? "" : " ", block.help, "\n");
  if (block.options.empty()) return text;
  text += "\n" + markdown_row({"option", "default", "values", "meaning"}) + "|---|---|---|---|\n";
  for (auto& row : option_rows(block.options)) {
    row[0] = "`" + row[0] + "`";
    if (!row[1].empty()) row[1] = "`" + row[1] + "`";
    text += markdown_row(row);
  }
  return text;
}

std::string plain_block(const Block& block) {
  return concat("\n", block.heading, block.help.empty() ? "" : "  ", block.help, "\n",
                option_list(block.options));
}

std::string usage_of(const Command& command) {
  return concat("regatta ", command.name, command.operands.empty() ? "" : " ", command.operands);
}

}  // namespace

std::string option_list(const std::vector<Option>& options) {
  std::string text;
  for (const auto& row : option_rows(options))
    text += concat("  ", row[0], " = ", row[2], row[1].empty() ? "" : "  [" + row[1] + "]", "\n      ",
                   row[3], "\n");
  return text;
}

std::string general_help() {
  report::Table table({{"command", Align::Left}, {"", Align::Left}});
  for (const Command& command : commands()) table.add({usage_of(command), command.help});
  return concat(
      "Regatta ", build_info().version,
      " tunes neural networks, and any other program, on supercomputers and workstations.\n\n",
      table.text(120),
      "\nUnder a launcher: mpirun -n 5 regatta run INPUT; rank 0 steers, every other rank trains.\n"
      "'regatta help COMMAND' tells more; 'regatta help options' lists what an input file may say.\n");
}

std::string command_help(const Command& command) {
  report::Table table({{"option", Align::Left}, {"", Align::Left}, {"default", Align::Left}});
  for (const Option& option : command.options) {
    const bool flag = option.type == OptionType::Flag;
    table.add({concat("--", option.name, flag ? "" : " " + values_of(option)), option.help,
               flag ? "" : option.fallback});
  }
  table.add({"--help", "This text.", ""});
  std::string text = concat("usage: ", usage_of(command), "\n\n", command.help, "\n\n", table.text());
  if (command.more_help) text += command.more_help();
  if (command.overrides)
    text +=
        "\nsection.key=value or --section.key value overrides the input file; 'regatta help options' lists "
        "them.\n";
  return text;
}

std::string options_help(bool markdown) {
  std::string text;
  if (!markdown)
    text = "What an input file may say; on the command line as section.key=value. Defaults stand in [ ].\n";
  for (const Block& block : blocks()) text += markdown ? markdown_block(block) : plain_block(block);
  return text;
}

std::string space_help() {
  return R"(The space language, one parameter per line of [space]; bounds are inclusive.

  uniform(a, b)         real number                   loguniform(a, b)      its logarithm is uniform
  quniform(a, b, q)     multiples of q                qloguniform(a, b, q)  multiples of q, logarithm uniform
  normal(mu, sigma)     normal distribution           lognormal(mu, sigma)  its logarithm is normal
  int(a, b)             whole number (or randint)     logint(a, b)          logarithm uniform (or lograndint)
  choice(a, b, ...)     one of these, no order        ordinal(a, b, ...)    one of these, in this order
  grid(a, b, ...)       these points                  constant(x)           this value

A parameter that counts only sometimes: momentum = uniform(0, 0.99) if optimizer == sgd
Conditions and the lines of [constraints] know == != < <= > >= and or not ( ) + - * / over parameters.

  [space]
  layers    = int(1, 3)
  units     = logint(8, 256)
  optimizer = choice(sgd, adam)
  momentum  = uniform(0, 0.99) if optimizer == sgd and layers > 1

  [constraints]
  size = layers * units <= 512

Lines of [prior] tell search.algorithm = bo, ais or mobster where you expect good values; a wrong belief is soon forgotten.

  normal(centre, sd)    a number; sd in natural logarithms where the parameter's scale is logarithmic
  weights(w1, w2, ...)  a list; one weight above 0 per entry, in the order of the list

  [prior]
  units     = normal(64, 0.5)
  optimizer = weights(1, 3)

  [search]
  algorithm = bo
)";
}

int help_command(const Arguments& arguments) {
  const std::string topic = arguments.operands.empty() ? "" : arguments.operands.front();
  if (topic.empty()) {
    std::cout << general_help();
  } else if (topic == "options") {
    std::cout << options_help(arguments.option("markdown") == "true");
  } else if (topic == "space") {
    std::cout << space_help();
  } else {
    std::vector<std::string> topics{"options", "space"};
    for (const Command& command : commands()) {
      topics.push_back(command.name);
      if (command.name == topic) std::cout << command_help(command);
    }
    require(std::ranges::count(topics, topic) > 0, "there is no help on '", topic, "'",
            suggestion(topic, topics));
  }
  return 0;
}

}  // namespace regatta::app
