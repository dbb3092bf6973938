#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "regatta/core/option.hpp"

namespace regatta::train {

/// What a user wrote for a table of options, checked; the fallbacks stand in for what was not written.
class OptionTexts {
 public:
  /// @throws InvalidInputs  unknown names and values outside their bounds, all at once
  OptionTexts(std::vector<Option> options, const std::map<std::string, std::string>& given);

  bool given(std::string_view name) const { return given_.contains(std::string(name)); }
  std::string text(std::string_view name) const;
  double number(std::string_view name) const;
  bool flag(std::string_view name) const;

 private:
  const Option& option(std::string_view name) const;

  std::vector<Option> options_;
  std::map<std::string, std::string> given_;
};

}  // namespace regatta::train
