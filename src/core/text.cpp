#include "regatta/core/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

namespace regatta {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'; }

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

/// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = std::exchange(above, row);
  }
  return above[b.size()];
}

using Units = std::span<const std::pair<std::string_view, double>>;

/// Sum of number-unit pairs ("2h30min"), or one bare number.
std::optional<double> parse_units(std::string_view text, Units units) {
  if (const auto bare = parse_number(text)) return *bare >= 0 ? bare : std::nullopt;
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!(text = trim(text)).empty()) {
    const std::size_t digits = text.find_first_not_of("0123456789.");
    if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
    const auto number = parse_number(text.substr(0, digits));
    text = trim(text.substr(digits));
    const std::size_t letters = std::min(text.find_first_of("0123456789. \t"), text.size());
    const std::string unit = lower(text.substr(0, letters));
    const auto known = std::ranges::find(units, unit, [](const auto& entry) { return entry.first; });
    if (!number || known == units.end()) return std::nullopt;
    total += *number * known->second;
    text.remove_prefix(letters);
  }
  return total;
}

constexpr std::array<std::pair<std::string_view, double>, 16> duration_units{{
    {"ms", 1e-3}, {"s", 1}, {"sec", 1}, {"second", 1}, {"seconds", 1}, {"m", 60}, {"min", 60}, {"minute", 60},
    {"minutes", 60}, {"h", 3600}, {"hour", 3600}, {"hours", 3600}, {"d", 86400}, {"day", 86400},
    {"days", 86400}, {"us", 1e-6}}};

constexpr std::array<std::pair<std::string_view, double>, 11> byte_units{{
    {"b", 1}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"k", 0x1p10}, {"kib", 0x1p10},
    {"mib", 0x1p20}, {"gib", 0x1p30}, {"tib", 0x1p40}, {"m", 0x1p20}}};

/// "[days-]hours:minutes:seconds" or "minutes:seconds", as batch systems write them.
std::optional<double> parse_clock(std::string_view text) {
  double days = 0;
  if (const std::size_t dash = text.find('-'); dash != std::string_view::npos) {
    const auto number = parse_integer(text.substr(0, dash));
    if (!number || *number < 0) return std::nullopt;
    days = static_cast<double>(*number);
    text.remove_prefix(dash + 1);
  }
  const std::vector<std::string> fields = split(text, ':');
  if (fields.size() < 2 || fields.size() > 3) return std::nullopt;
  double seconds = 0;
  for (const std::string& field : fields) {
    const auto number = parse_number(field);
    if (!number || *number < 0) return std::nullopt;
    seconds = seconds * 60 + *number;
  }
  return days * 86400 + seconds;
}

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  if (trim(text).empty()) return parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(trim(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += separator;
    text += parts[i];
  }
  return text;
}

std::optional<std::string> nearest(std::string_view name, std::span<const std::string> candidates) {
  const std::string wanted = lower(name);
  std::size_t best = std::max<std::size_t>(1, (wanted.size() + 1) / 3) + 1;
  std::optional<std::string> result;
  for (const std::string& candidate : candidates) {
    const std::size_t edits = distance(wanted, lower(candidate));
    if (edits < best) {
      best = edits;
      result = candidate;
    }
  }
  return result;
}

std::string suggestion(std::string_view name, std::span<const std::string> candidates) {
  const auto close = nearest(name, candidates);
  return close ? "; did you mean '" + *close + "'?" : "";
}

std::optional<double> parse_number(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

std::optional<double> parse_printed_number(std::string_view text) {
  if (const auto number = parse_number(text)) return number;
  std::string word = lower(text);
  const double sign = word.starts_with('-') ? -1 : 1;
  if (word.starts_with('-') || word.starts_with('+')) word.erase(0, 1);
  if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (word == "inf" || word == "infinity") return sign * std::numeric_limits<double>::infinity();
  return {};
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  const auto value = parse_number(text);
  if (!value || std::floor(*value) != *value || std::abs(*value) > 0x1p53) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<bool> parse_bool(std::string_view text) {
  const std::string word = lower(trim(text));
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return std::nullopt;
}

std::optional<double> parse_duration(std::string_view text) {
  text = trim(text);
  return text.find(':') != std::string_view::npos ? parse_clock(text) : parse_units(text, duration_units);
}

std::optional<double> parse_bytes(std::string_view text) { return parse_units(trim(text), byte_units); }

std::string format_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 32> text{};
  const bool whole = std::floor(value) == value && std::abs(value) < 1e15;
  const auto result = whole ? std::to_chars(text.data(), text.data() + text.size(), static_cast<std::int64_t>(value))
                            : std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), result.ptr};
}

std::string format_short(double value, int digits) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.*g", digits, value);
  return text.data();
}

std::string format_duration(double seconds) {
  std::array<char, 48> text{};
  const auto whole = static_cast<long>(std::lround(seconds));
  if (seconds < 0.9995) {
    std::snprintf(text.data(), text.size(), "%.0f ms", seconds * 1e3);
  } else if (seconds < 59.95) {
    std::snprintf(text.data(), text.size(), "%.1f s", seconds);
  } else if (whole < 3600) {
    std::snprintf(text.data(), text.size(), "%ld min %02ld s", whole / 60, whole % 60);
  } else if (whole < 48 * 3600) {
    std::snprintf(text.data(), text.size(), "%ld h %02ld min", whole / 3600, whole / 60 % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%ld d %02ld h", whole / 86400, whole / 3600 % 24);
  }
  return text.data();
}

std::string format_bytes(double bytes) {
  constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  return format_short(bytes, 4) + " " + units[unit];
}

}  // namespace regatta
