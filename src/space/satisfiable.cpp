#include <algorithm>
#include <limits>

#include "model.hpp"
#include "regatta/core/random.hpp"
#include "regatta/core/text.hpp"

namespace regatta::space {
namespace {

constexpr std::size_t most_tries = 100'000;

class Trials {
 public:
  explicit Trials(const Model& model)
      : model_(model), config_(model.parameters.size()), met_(model.constraints.size(), false) {}

  /// @return true when a configuration meets all constraints
  bool all_configurations(std::size_t index = 0) {
    if (index == config_.size()) return meets_all();
    config_[index] = std::numeric_limits<double>::quiet_NaN();
    if (!model_.active(index, config_)) return all_configurations(index + 1);
    const double values = *model_.parameters[index].cardinality();
    for (double place = 0; place < values; ++place) {
      config_[index] = model_.parameters[index].nth(place);
      if (all_configurations(index + 1)) return true;
    }
    return false;
  }

  bool random_configurations() {
    Random random(1);
    while (tries_ < most_tries) {
      for (std::size_t i = 0; i < config_.size(); ++i) {
        const double unit = random.uniform();
        config_[i] = model_.active(i, config_) ? model_.parameters[i].decode(unit)
                                               : std::numeric_limits<double>::quiet_NaN();
      }
      if (meets_all()) return true;
    }
    return false;
  }

  bool met(std::size_t constraint) const { return met_[constraint]; }
  std::size_t tries() const { return tries_; }

 private:
  bool meets_all() {
    ++tries_;
    bool all = true;
    for (std::size_t c = 0; c < met_.size(); ++c) {
      if (model_.constraints[c].permits(config_))
        met_[c] = true;
      else
        all = false;
    }
    return all;
  }

  const Model& model_;
  Config config_;
  std::vector<bool> met_;
  std::size_t tries_ = 0;
};

}  // namespace

void check_satisfiable(const Model& model, Problems& problems) {
  if (model.constraints.empty()) return;
  Trials trials(model);
  const bool enumerable = model.cardinality && *model.cardinality <= static_cast<double>(most_tries);
  if (enumerable ? trials.all_configurations() : trials.random_configurations()) return;

  const std::string tried = enumerable ? concat("all ", trials.tries(), " were tried")
                                       : concat(trials.tries(), " random ones were tried");
  bool alone = false;
  for (std::size_t c = 0; c < model.constraints.size(); ++c) {
    if (trials.met(c)) continue;
    alone = true;
    const Definition& unmet = model.constraint_definitions[c];
    problems.push_back({unmet.where, concat("no configuration meets the constraint '", unmet.name, " = ",
                                            trim(unmet.text), "' (", tried, ")")});
  }
  if (alone) return;
  std::vector<std::string> names;
  for (const Definition& constraint : model.constraint_definitions)
    names.push_back("'" + constraint.name + "'");
  problems.push_back({model.constraint_definitions.back().where,
                      concat("no configuration meets the constraints ", join(names, ", "),
                             " together, although each alone can be met (", tried, ")")});
}

}  // namespace regatta::space
