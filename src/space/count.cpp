#include <algorithm>
#include <limits>
#include <numeric>

#include "model.hpp"

namespace regatta::space {
namespace {

/// Parameters that conditions tie together, directly or through others: the groups multiply.
std::vector<std::vector<std::size_t>> groups_of(const Model& model) {
  std::vector<std::size_t> group(model.parameters.size());
  std::iota(group.begin(), group.end(), std::size_t{0});
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (!model.conditions[i]) continue;
    for (const std::size_t read : model.conditions[i]->reads())
      std::ranges::replace(group, std::size_t{group[read]}, std::size_t{group[i]});
  }
  std::map<std::size_t, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < group.size(); ++i) members[group[i]].push_back(i);
  std::vector<std::vector<std::size_t>> groups;
  for (auto& [_, group_members] : members) groups.push_back(std::move(group_members));
  return groups;
}

/// Walks over all values of the parameters that conditions read; the others of a group only multiply.
class Counter {
 public:
  explicit Counter(const Model& model)
      : model_(model),
        config_(model.parameters.size(), std::numeric_limits<double>::quiet_NaN()),
        read_(model.parameters.size(), false) {
    for (const auto& condition : model.conditions)
      if (condition)
        for (const std::size_t place : condition->reads()) read_[place] = true;
  }

  double count(std::span<const std::size_t> group) {
    if (group.empty()) return 1;
    if (++steps_ > most_steps) return HUGE_VAL;
    const std::size_t index = group.front();
    const Parameter& parameter = model_.parameters[index];
    config_[index] = std::numeric_limits<double>::quiet_NaN();
    if (!model_.active(index, config_)) return count(group.subspan(1));
    const double values = *parameter.cardinality();
    if (!read_[index]) return values * count(group.subspan(1));
    double total = 0;
    for (double place = 0; place < values && steps_ <= most_steps; ++place) {
      config_[index] = parameter.nth(place);
      total += count(group.subspan(1));
    }
    return steps_ > most_steps ? HUGE_VAL : total;
  }

 private:
  static constexpr std::size_t most_steps = 1'000'000;

  const Model& model_;
  Config config_;
  std::vector<bool> read_;
  std::size_t steps_ = 0;
};

}  // namespace

std::optional<double> count_configurations(const Model& model) {
  if (!std::ranges::all_of(model.parameters, &Parameter::discrete)) return std::nullopt;
  Counter counter(model);
  double total = 1;
  for (const auto& group : groups_of(model)) total *= counter.count(group);
  return total <= 0x1p53 ? std::optional(total) : std::nullopt;
}

}  // namespace regatta::space
