#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "regatta/core/option.hpp"

namespace regatta::app {

/// What may stand below a section's header.
enum class SectionContent {
  Options,           ///< those of SectionTable::options
  ObjectiveOptions,  ///< `type`, and those of the objective of this type
  Definitions,       ///< the space language, or beliefs about its parameters
  Trial,             ///< `parameter = value`; the section may be repeated
};

/// One section of the input file. The tables are the single source for checking, for `regatta help options`
/// and for README.md.
struct SectionTable {
  std::string name;
  std::string help;
  SectionContent content = SectionContent::Options;
  std::vector<Option> options = {};
};

/// All sections, in the order in which help shows them.
const std::vector<SectionTable>& section_tables();
const SectionTable* find_section(std::string_view name);
std::vector<std::string> section_names();

/// The options of [objective] for this type, with `type` as the first; for an unknown type `type` alone.
std::vector<Option> objective_section(const std::string& type);

}  // namespace regatta::app
