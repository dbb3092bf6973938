#include "import_texts.hpp"

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::train {

OptionTexts::OptionTexts(std::vector<Option> options, const std::map<std::string, std::string>& given)
    : options_(std::move(options)), given_(given) {
  Problems problems;
  for (const auto& [name, text] : given_) {
    const Option* const found = find_option(options_, name);
    const std::string problem =
        found != nullptr ? violation(*found, text)
                         : concat("there is no option '", name, "'", suggestion(name, names_of(options_)));
    if (!problem.empty()) problems.push_back(Problem{Location{"command line", 0}, problem});
  }
  if (!problems.empty()) throw InvalidInputs(problems);
}

std::string OptionTexts::text(std::string_view name) const {
  const auto found = given_.find(std::string(name));
  return found == given_.end() ? option(name).fallback : found->second;
}

double OptionTexts::number(std::string_view name) const { return number_of(option(name), text(name)); }

bool OptionTexts::flag(std::string_view name) const { return parse_bool(text(name)).value_or(false); }

const Option& OptionTexts::option(std::string_view name) const {
  const Option* const found = find_option(options_, name);
  require(found != nullptr, "there is no option '", name, "'");
  return *found;
}

}  // namespace regatta::train
