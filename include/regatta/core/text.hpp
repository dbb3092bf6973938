#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace regatta {

std::string_view trim(std::string_view text);

/// The parts of `text` between `separator`s, each trimmed; an empty text has no parts.
std::vector<std::string> split(std::string_view text, char separator);

/// The parts with `separator` between them.
std::string join(std::span<const std::string> parts, std::string_view separator);

/// The candidate that a typist most likely meant (optimal string alignment distance at most a third of its
/// length, at least 1), or none.
std::optional<std::string> nearest(std::string_view name, std::span<const std::string> candidates);

/// "; did you mean 'x'?" for the nearest candidate, or an empty text.
std::string suggestion(std::string_view name, std::span<const std::string> candidates);

/// The whole text as a number in C notation with an optional sign; none for anything else ("1,5", "nan", "inf", "").
std::optional<double> parse_number(std::string_view text);

/// A number as programs print it: also nan and inf in any case, as Python, C and Fortran write them.
std::optional<double> parse_printed_number(std::string_view text);

/// The whole text as an integer; "1e3" and "10.0" count as integers. None outside +-2^53.
std::optional<std::int64_t> parse_integer(std::string_view text);

/// true/false, yes/no, on/off, 1/0.
std::optional<bool> parse_bool(std::string_view text);

/// A duration such as "90", "1.5h", "30min", "2h30min", "1d12h", "01:30:00", "500ms" in seconds; a bare number is seconds.
std::optional<double> parse_duration(std::string_view text);

/// A size such as "512", "64KiB", "512MiB", "2GiB", "1.5GB" in bytes; a bare number is bytes.
std::optional<double> parse_bytes(std::string_view text);

/// Shortest decimal text that reads back as the same double; "nan", "inf", "-inf"; integers without a point.
std::string format_number(double value);

/// `value` with `digits` significant digits, for people.
std::string format_short(double value, int digits = 6);

/// "850 ms", "12.3 s", "4 min 05 s", "2 h 13 min", for people.
std::string format_duration(double seconds);

/// "1.5 GiB", for people.
std::string format_bytes(double bytes);

}  // namespace regatta
