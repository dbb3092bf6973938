#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace regatta {

using Json = nlohmann::ordered_json;  ///< keeps the order of keys, as people wrote them

/// What programs write: NaN and Infinity, which Python writes and JSON does not know, become strings. A
/// discarded value (is_discarded()) for anything that is no JSON.
Json parse_json(const std::string& text);

/// The number that a value is, or that its text is as parse_printed_number reads it.
std::optional<double> number_in(const Json& value);

/// On one line; bytes that are no UTF-8 are replaced.
std::string line_of(const Json& json);

}  // namespace regatta
