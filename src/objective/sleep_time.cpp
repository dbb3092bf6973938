#include "sleep_time.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::objective {
namespace {

constexpr std::string_view forms =
    "a duration, normal(mean, sd), uniform(low, high), exponential(mean) or lognormal(mu, sigma)";

/// The arguments of "name(a, b)" as numbers; none when the text has another form.
std::optional<std::vector<double>> arguments(std::string_view text, std::string_view name,
                                             std::size_t count) {
  if (!text.starts_with(name)) return {};
  text = trim(text.substr(name.size()));
  if (!text.starts_with('(') || !text.ends_with(')')) return {};
  std::vector<double> numbers;
  for (const std::string& part : split(text.substr(1, text.size() - 2), ',')) {
    const auto number = name == "lognormal" ? parse_number(part) : parse_duration(part);
    if (part.empty() || !number) return {};
    numbers.push_back(*number);
  }
  return numbers.size() == count ? std::optional(numbers) : std::nullopt;
}

}  // namespace

SleepTime::SleepTime(std::string_view text) {
  text = trim(text);
  if (const auto normal = arguments(text, "normal", 2)) {
    kind_ = Kind::Normal, first_ = (*normal)[0], second_ = (*normal)[1];
  } else if (const auto uniform = arguments(text, "uniform", 2)) {
    kind_ = Kind::Uniform, first_ = (*uniform)[0], second_ = (*uniform)[1];
    require(first_ <= second_, "sleep: uniform(low, high) needs low <= high, got '", text, "'");
  } else if (const auto exponential = arguments(text, "exponential", 1)) {
    kind_ = Kind::Exponential, first_ = (*exponential)[0];
  } else if (const auto lognormal = arguments(text, "lognormal", 2)) {
    kind_ = Kind::LogNormal, first_ = (*lognormal)[0], second_ = (*lognormal)[1];
    require(second_ >= 0, "sleep: lognormal(mu, sigma) needs sigma >= 0, got '", text, "'");
  } else {
    const auto seconds = parse_duration(text);
    require(!text.empty() && seconds.has_value(), "sleep must be ", forms, ", got '", text, "'");
    first_ = *seconds;
  }
  require(kind_ == Kind::LogNormal || (first_ >= 0 && second_ >= 0), "sleep must not be negative, got '",
          text, "'");
}

double SleepTime::draw(Random& random) const {
  switch (kind_) {
    case Kind::Normal:
      return std::max(0.0, first_ + second_ * random.normal());
    case Kind::Uniform:
      return first_ + (second_ - first_) * random.uniform();
    case Kind::Exponential:
      return -first_ * std::log(1.0 - random.uniform());
    case Kind::LogNormal:
      return std::exp(first_ + second_ * random.normal());
    case Kind::Fixed:
      break;
  }
  return first_;
}

}  // namespace regatta::objective
