#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace regatta::log {

/// At most the first `longest` bytes of `text`, not cut within a UTF-8 character.
inline std::string cut_text(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return std::string(text);
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

}  // namespace regatta::log
