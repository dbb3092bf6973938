#include "table_lookup.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::objective {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

double number_in(const space::Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  const auto* real = std::get_if<double>(&value);
  return real ? *real : unknown;
}

/// The place of `value` in a list; of the nearest number unless `exact`; NaN for none.
double place_in(const space::Parameter& list, const space::Value& value, bool exact) {
  const std::string text = space::to_text(value);
  const double number = number_in(value);
  double best = unknown, least = HUGE_VAL;
  for (std::size_t place = 0; place < list.categories.size(); ++place) {
    const space::Value& known = list.categories[place];
    if (space::to_text(known) == text) return static_cast<double>(place);
    const double gap = std::abs(number_in(known) - number);  // NaN where one of them is a word
    if (!exact && gap < least) best = static_cast<double>(place), least = gap;
  }
  return best;
}

double entry_in(const space::Parameter& own, const space::Value& value, bool exact) {
  return own.categorical() ? place_in(own, value, exact) : number_in(value);
}

std::string unknown_value(const space::Parameter& own, const space::Parameter& asked, bool exact) {
  for (const space::Value& value : asked.categories)
    if (std::isnan(entry_in(own, value, exact)))
      return concat("the table has no '", own.name, "' = ", space::to_text(value), ": it knows ",
                    own.definition);
  const bool words = own.categorical() && std::isnan(number_in(own.categories.front()));
  if (words && !asked.categorical())
    return concat("'", own.name, "' is one of ", own.definition, " in the table");
  return {};
}

}  // namespace

TableLookup::TableLookup(const train::CurveTable& table, const space::Space& own, const space::Space& asked)
    : own_(own), asked_(asked), entries_(table.rows * own.size()), ordered_(table.rows) {
  for (std::size_t i = 0; i < own.size(); ++i) {
    const space::Parameter& parameter = own.parameters()[i];
    place_.push_back(asked.index_of(parameter.name).value());
    for (std::size_t row = 0; row < table.rows; ++row) {
      const double entry = table.columns[i].entries[row];
      require(parameter.contains(entry), "/params/", parameter.name, ": row ", row, " (from 0) holds ",
              format_number(entry), ", outside ", parameter.definition);
      entries_[row * own.size() + i] = entry;
    }
  }
  for (std::size_t index = 0; index < table.rows; ++index) {
    const auto point = coordinates({row(index), row(index) + own.size()});
    coordinates_.insert(coordinates_.end(), point.begin(), point.end());
  }
  std::iota(ordered_.begin(), ordered_.end(), std::size_t{0});
  std::ranges::stable_sort(ordered_, [&](std::size_t a, std::size_t b) {
    return std::lexicographical_compare(row(a), row(a) + own_.size(), row(b), row(b) + own_.size());
  });
}

std::vector<std::string> TableLookup::problems(const space::Space& own, const space::Space& asked,
                                               bool exact) {
  std::vector<std::string> names, texts;
  for (const space::Parameter& parameter : own.parameters()) {
    names.push_back(parameter.name);
    const auto index = asked.index_of(parameter.name);
    const std::string problem =
        index ? unknown_value(parameter, asked.parameters()[*index], exact)
              : concat("the table's parameter '", parameter.name, "' is missing in [space]");
    if (!problem.empty()) texts.push_back(problem);
  }
  for (const space::Parameter& parameter : asked.parameters())
    if (!own.index_of(parameter.name))
      texts.push_back(
          concat("the table has no parameter '", parameter.name, "'", suggestion(parameter.name, names)));
  return texts;
}

space::Config TableLookup::translated(const space::Config& config, bool exact) const {
  space::Config entries(own_.size());
  for (std::size_t i = 0; i < entries.size(); ++i)
    entries[i] = entry_in(own_.parameters()[i], asked_.value(config, place_[i]), exact);
  return entries;
}

std::optional<std::size_t> TableLookup::exact(const space::Config& config) const {
  const space::Config wanted = translated(config, true);
  if (std::ranges::any_of(wanted, [](double entry) { return std::isnan(entry); })) return {};
  const auto found = std::ranges::lower_bound(ordered_, wanted, {}, [this](std::size_t index) {
    return space::Config(row(index), row(index) + own_.size());
  });
  if (found == ordered_.end() || !std::equal(wanted.begin(), wanted.end(), row(*found))) return {};
  return *found;
}

std::vector<double> TableLookup::coordinates(const space::Config& entries) const {
  std::vector<double> point(entries.size());
  for (std::size_t i = 0; i < point.size(); ++i) {
    const space::Parameter& parameter = own_.parameters()[i];
    point[i] = parameter.kind == space::Kind::Choice ? entries[i] : parameter.encode(entries[i]);
  }
  return point;
}

/// Squared; anything above `limit` once it is passed.
double TableLookup::distance(const double* from, const std::vector<double>& point, double limit) const {
  double sum = 0;
  for (std::size_t i = 0; i < point.size() && sum < limit; ++i) {
    const double gap = from[i] - point[i];
    sum += own_.parameters()[i].kind == space::Kind::Choice ? (gap == 0 ? 0 : 1) : gap * gap;
  }
  return sum;
}

std::optional<std::size_t> TableLookup::nearest(const space::Config& config) const {
  const space::Config wanted = translated(config, false);
  if (std::ranges::any_of(wanted, [](double entry) { return std::isnan(entry); })) return {};
  const std::vector<double> point = coordinates(wanted);
  std::optional<std::size_t> best;
  double least = HUGE_VAL;
  for (std::size_t index = 0; index < ordered_.size(); ++index) {
    const double gap = distance(&coordinates_[index * own_.size()], point, least);
    if (gap < least) best = index, least = gap;
  }
  return best;
}

std::vector<space::Config> TableLookup::listed() const {
  std::vector<space::Config> configs;
  for (std::size_t index = 0; index < ordered_.size(); ++index) {
    const space::Config entries(row(index), row(index) + own_.size());
    space::Config config(asked_.size(), unknown);
    for (std::size_t i = 0; i < own_.size(); ++i)
      config[place_[i]] = entry_in(asked_.parameters()[place_[i]], own_.value(entries, i), true);
    if (asked_.violation(config).empty()) configs.push_back(std::move(config));
  }
  return configs;
}

}  // namespace regatta::objective
