#pragma once

#include <type_traits>
#include <variant>

#include "regatta/core/json.hpp"
#include "regatta/space/config.hpp"

namespace regatta::log {

/// A parameter's value as JSON; null for an inactive one.
inline Json to_json(const space::Value& value) {
  return std::visit(
      [](const auto& content) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(content)>, std::monostate>)
          return nullptr;
        else
          return content;
      },
      value);
}

}  // namespace regatta::log
