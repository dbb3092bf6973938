#include "regatta/objective/external_objective.hpp"

#include <algorithm>

#include "regatta/core/text.hpp"
#include "settings.hpp"

namespace regatta::objective {
namespace {

class ExternalObjective final : public Objective {
 public:
  explicit ExternalObjective(const Values& values)
      : metrics_(split(values.text("metrics"), ',')),
        epochs_(static_cast<std::int32_t>(values.number("epochs"))) {}

  std::vector<std::string> metrics() const override { return metrics_; }
  std::int32_t epochs() const override { return epochs_; }
  bool computes_here() const override { return false; }
  void prepare(const WorkerContext&) override {}
  std::unique_ptr<Trainable> start(const space::Config&, const TrialContext&) override {
    throw WorkerFailure("trials of objective.type = external are run by another program");
  }

 private:
  std::vector<std::string> metrics_;
  std::int32_t epochs_;
};

}  // namespace

const std::vector<Option>& external_options() {
  using enum OptionType;
  static const std::vector<Option> options = {
      {"epochs", Integer, "1", "reports of a full training", {}, 1, 1e9},
      {"metrics", Text, "", "further metrics to be kept, separated by commas"},
  };
  return options;
}

void check_external(const ObjectiveOptions&, const space::Space&, Problems&) {}

std::unique_ptr<Objective> make_external_objective(const ObjectiveOptions& options, const space::Space&) {
  return std::make_unique<ExternalObjective>(Settings(external_options(), options, {}).fixed());
}

}  // namespace regatta::objective
