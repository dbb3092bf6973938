#include "regatta/search/user_prior.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::search {
namespace {

using space::Kind;
using space::Parameter;

constexpr double below_one = 1 - 0x1p-53;
constexpr double most_deviations = 1e100, steepest = 1e100;  // squares and sums stay finite
constexpr int quantiles = 1024;                              // over which a density is averaged

bool logarithmic(Kind kind) {
  return kind == Kind::LogUniform || kind == Kind::LogInt || kind == Kind::QLogUniform ||
         kind == Kind::LogNormal;
}

/// The numbers in `form(a, b, ...)`; none for any other text.
std::vector<double> arguments_of(std::string_view text, std::string_view form) {
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos || trim(text.substr(0, open)) != form || !text.ends_with(')')) return {};
  std::vector<double> numbers;
  for (const std::string& part : split(text.substr(open + 1, text.size() - open - 2), ',')) {
    const auto number = parse_number(part);
    if (!number) return {};
    numbers.push_back(*number);
  }
  return numbers;
}

Parameter number_of(const std::string& text, const Parameter& parameter) {
  const std::vector<double> numbers = arguments_of(text, "normal");
  require(numbers.size() == 2, "a belief about ", name_of(parameter.kind), " is normal(centre, sd), got '",
          text, "'");
  const auto [centre, deviation] = std::pair(numbers[0], numbers[1]);
  require(deviation > 0, "the standard deviation must be above 0, got ", format_number(deviation));
  const bool log = logarithmic(parameter.kind);
  require(!log || centre > 0, "the centre must be above 0, because ", name_of(parameter.kind),
          " takes its logarithm; got ", format_number(centre));
  Parameter number;
  number.kind = log ? Kind::LogNormal : Kind::Normal;
  number.low = log ? std::log(centre) : centre;
  number.high = deviation;
  return number;
}

std::vector<double> weights_of(const std::string& text, const Parameter& parameter) {
  std::vector<double> weights = arguments_of(text, "weights");
  const std::size_t entries = parameter.categories.size();
  require(!weights.empty(), "a belief about ", name_of(parameter.kind), " is weights(w1, w2, ...), got '",
          text, "'");
  require(weights.size() == entries, "expected ", entries, " weights, one per entry of ",
          parameter.definition, ", got ", weights.size());
  for (const double weight : weights)
    require(weight > 0, "weights must be above 0, got ", format_number(weight));
  const double mean = std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(entries);
  for (double& weight : weights) weight /= mean;
  return weights;
}

}  // namespace

/// From the centre, in standard deviations.
double UserPrior::Belief::deviations(double value) const {
  const double scaled = number.kind == Kind::LogNormal ? std::log(value) : value;
  return std::clamp((scaled - number.low) / number.high, -most_deviations, most_deviations);
}

double UserPrior::Belief::log_density(double value) const {
  if (!weights.empty()) return std::log(weights[static_cast<std::size_t>(value)]);
  const double z = deviations(value);
  return -0.5 * z * z - log_mean;
}

/// Derivative of log_density by the unit coordinate of a continuous parameter, which is linear in the value
/// or in its logarithm, or follows the normal distribution function.
double UserPrior::Belief::slope(double value) const {
  double by_unit = parameter.high - parameter.low;
  if (parameter.kind == Kind::LogUniform) by_unit = std::log(parameter.high / parameter.low);
  if (parameter.kind == Kind::Normal || parameter.kind == Kind::LogNormal) {
    const double scaled = parameter.kind == Kind::LogNormal ? std::log(value) : value;
    const double t = (scaled - parameter.low) / parameter.high;
    by_unit = parameter.high * std::sqrt(2 * std::numbers::pi) * std::exp(0.5 * t * t);
  }
  return std::clamp(-deviations(value) * by_unit / number.high, -steepest, steepest);
}

/// Inverse of the distribution function of this belief within the bounds of its parameter.
double UserPrior::Belief::quantile(double unit) const {
  if (!weights.empty()) {
    double left = unit * static_cast<double>(weights.size());
    std::size_t entry = 0;
    while (entry + 1 < weights.size() && left >= weights[entry]) left -= weights[entry++];
    return static_cast<double>(entry);
  }
  const double low = parameter.decode(0), high = parameter.decode(below_one);
  const double below = number.encode(low), inside = number.encode(high) - below;
  return std::clamp(number.decode(below + unit * inside), low, high);
}

UserPrior::Belief UserPrior::belief_of(const space::Definition& definition, std::size_t place,
                                       const Parameter& parameter) {
  Belief belief;
  belief.place = place;
  belief.parameter = parameter;
  if (parameter.categorical()) {
    belief.weights = weights_of(definition.text, parameter);
    return belief;
  }
  belief.number = number_of(definition.text, parameter);
  std::vector<double> logs;
  for (int i = 0; i < quantiles; ++i)
    logs.push_back(belief.log_density(parameter.decode((i + 0.5) / quantiles)));
  const double top = std::ranges::max(logs);
  double sum = 0;
  for (const double log : logs) sum += std::exp(log - top);
  belief.log_mean = top + std::log(sum / quantiles);
  return belief;
}

UserPrior UserPrior::parse(std::span<const space::Definition> beliefs, const space::Space& space,
                           Problems& problems) {
  UserPrior prior;
  std::vector<std::string> names;
  for (const Parameter& parameter : space.parameters()) names.push_back(parameter.name);
  for (const space::Definition& definition : beliefs) {
    const auto place = space.index_of(definition.name);
    if (!place) {
      problems.push_back(
          {definition.where, concat("unknown parameter '", definition.name, "' in section [prior]",
                                    suggestion(definition.name, names))});
      continue;
    }
    try {
      prior.beliefs_.push_back(belief_of(definition, *place, space.parameters()[*place]));
      prior.definitions_.push_back(definition);
    } catch (const InvalidInput& error) {
      problems.push_back({definition.where, concat("'", definition.name, "': ", error.what())});
    }
  }
  return prior;
}

double UserPrior::log_density(std::span<const double> config, std::span<double> by_unit) const {
  std::ranges::fill(by_unit, 0.0);
  double sum = 0;
  for (const Belief& belief : beliefs_) {
    const double value = config[belief.place];
    if (std::isnan(value)) continue;
    sum += belief.log_density(value);
    if (!by_unit.empty() && !belief.parameter.discrete()) by_unit[belief.place] = belief.slope(value);
  }
  return sum;
}

void UserPrior::transform(std::span<double> unit) const {
  for (const Belief& belief : beliefs_)
    unit[belief.place] = belief.parameter.encode(belief.quantile(unit[belief.place]));
}

}  // namespace regatta::search
