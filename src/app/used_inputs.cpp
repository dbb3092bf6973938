#include "used_inputs.hpp"

#include <algorithm>

#include "option_tables.hpp"
#include "regatta/core/file.hpp"

namespace regatta::app {
namespace {

struct Line {
  std::string name;
  std::string text;
  std::string comment;
};

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, text.size()), ' ');
}

std::string section_text(const std::string& name, const std::vector<Line>& lines) {
  if (lines.empty()) return "";
  std::size_t name_width = 0, text_width = 0;
  for (const Line& line : lines) {
    name_width = std::max(name_width, line.name.size());
    if (!line.comment.empty()) text_width = std::max(text_width, line.text.size());
  }
  std::string text = "\n[" + name + "]\n";
  for (const Line& line : lines) {
    text += padded(line.name, name_width) + " = ";
    text += line.comment.empty() ? line.text + "\n"
                                 : padded(line.text, text_width) + "  # " + line.comment + "\n";
  }
  return text;
}

std::string comment_of(Origin origin) {
  return origin == Origin::Default ? "default" : origin == Origin::CommandLine ? "command line" : "";
}

/// What is in force where the user has said nothing and the table leaves it open.
std::string filled_in(const StudyInputs& inputs, const std::string& section, const std::string& name) {
  const std::string key = section + "." + name;
  if (key == "study.name") return inputs.name;
  if (key == "study.metric") return inputs.metric;
  if (key == "study.direction") return inputs.maximize ? "maximize" : "minimize";
  if (key == "log.directory") return inputs.log.directory.string();
  return "";
}

std::vector<Line> option_lines(const StudyInputs& inputs, const std::string& section,
                               const OptionValues& values) {
  std::vector<Line> lines;
  for (const OptionValue& value : values.all()) {
    const std::string& name = value.option.name;
    if (section == "study" && name == "initial") continue;  // its trials are written out
    if (section == "objective" && value.origin == Origin::Default && inputs.space.index_of(name)) continue;
    std::string text = value.text.empty() ? filled_in(inputs, section, name) : value.text;
    if (name == "plugin" && !text.empty())
      text = (section == "search" ? inputs.searcher.plugin : inputs.scheduler.plugin).string();
    if (section == "objective" && value.option.type == OptionType::Path && !text.empty()) {
      const auto given =
          inputs.objective.values.find(name);  // differs from the text for a path of the command line
      const std::string& path = given == inputs.objective.values.end() ? text : given->second;
      text = (inputs.objective.folder / path).lexically_normal().string();
    }
    if (!text.empty()) lines.push_back({name, text, comment_of(value.origin)});
  }
  return lines;
}

std::vector<Line> definition_lines(const std::vector<Entry>& definitions, bool brought) {
  std::vector<Line> lines;
  for (const Entry& entry : definitions)
    lines.push_back({entry.name, entry.text,
                     brought            ? "brought by the objective"
                     : entry.where.line ? ""
                                        : "command line"});
  return lines;
}

std::vector<Line> trial_lines(const space::Space& space, const space::Config& config) {
  std::vector<Line> lines;
  for (std::size_t i = 0; i < space.size(); ++i)
    if (const std::string text = space::to_text(space.value(config, i)); !text.empty())
      lines.push_back({space.parameters()[i].name, text, ""});
  return lines;
}

void append(std::string& text, const std::vector<Line>& lines) {
  for (const Line& line : lines) text += line.name + "=" + line.text + "\n";
}

}  // namespace

std::string used_inputs_text(const StudyInputs& inputs, const ValuesBySection& values, bool brought) {
  std::string text = "# everything in force, read from " + inputs.source.string() + "\n";
  for (const SectionTable& section : section_tables()) {
    if (section.name == "space")
      text += section_text("space", definition_lines(inputs.space.definitions(), brought));
    else if (section.name == "constraints")
      text += section_text("constraints", definition_lines(inputs.space.constraints(), false));
    else if (section.name == "prior")
      text += section_text("prior", definition_lines(inputs.searcher.bayesian.prior.definitions(), false));
    else if (section.name == "trial")
      for (const space::Config& config : inputs.user_trials)
        text += section_text("trial", trial_lines(inputs.space, config));
    else
      text += section_text(section.name, option_lines(inputs, section.name, values.at(section.name)));
  }
  return text;
}

std::string fingerprint_of(const StudyInputs& inputs, const ValuesBySection& values) {
  std::string text = concat(inputs.metric, "\n", inputs.maximize, "\n", inputs.seed, "\n");
  append(text, definition_lines(inputs.space.definitions(), false));
  append(text, definition_lines(inputs.space.constraints(), false));
  for (Line line : option_lines(inputs, "objective", values.at("objective"))) {
    const Option& option = values.at("objective")[line.name].option;
    if (option.type == OptionType::Path) line.text = std::filesystem::path(line.text).filename().string();
    append(text, {line});
  }
  append(text, {{"algorithm", inputs.searcher.algorithm, ""},
                {"grid_points", concat(inputs.searcher.grid_points), ""}});
  append(text, {{"scheduler", inputs.scheduler.algorithm, ""}});
  return fingerprint(text);
}

}  // namespace regatta::app
