#include "regatta/space/config.hpp"

#include "regatta/core/text.hpp"

namespace regatta::space {

std::string to_text(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
  if (const auto* number = std::get_if<double>(&value)) return format_number(*number);
  if (const auto* word = std::get_if<std::string>(&value)) return *word;
  return {};
}

}  // namespace regatta::space
