// Plug-ins: the two examples beside this file, as Regatta runs them and through their C interface.

#include "regatta/plugin.h"

#include <dlfcn.h>

#include <cmath>

#include "fixture.hpp"
#include "regatta/objective/plugin_objective.hpp"

namespace regatta::objective {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ObjectiveOptions plugin(const std::string& library, const Texts& values = {}) {
  ObjectiveOptions options = options_of(values, "/");
  options.type = "plugin";
  options.values["library"] = library;
  return options;
}

TEST(Plugin, InCReportsEveryEpoch) {
  Workshop workshop(plugin(REGATTA_C_PLUGIN, {{"epochs", "3"}}), space_of({{"rate", "uniform(0, 1)"}}));

  const auto epochs = workshop.run({{"rate", "0.25"}});

  ASSERT_EQ(epochs.size(), 3u);
  EXPECT_DOUBLE_EQ(epochs[0].value, 0.25);
  EXPECT_DOUBLE_EQ(epochs[2].value, 1.0 / 64);
  EXPECT_EQ(epochs[2].epoch, 3);
}

TEST(Plugin, InCppReportsTheSameUnderBothKindsOfControl) {
  const space::Space space =
      space_of({{"style", "choice(function, class)"}, {"batch", "int(1, 9)"}});
  Workshop workshop(plugin(REGATTA_CPP_PLUGIN, {{"epochs", "4"}, {"metrics", "epoch, other"}}), space);

  const auto function = workshop.run({{"style", "function"}, {"batch", "5"}});
  const auto by_class = workshop.run({{"style", "class"}, {"batch", "5"}});

  ASSERT_EQ(by_class.size(), 4u);
  ASSERT_EQ(function.size(), 5u) << "the end of a function is known when it has returned";
  EXPECT_EQ(function[4].epoch, 4);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(function[i].value, by_class[i].value);
    EXPECT_EQ(by_class[i].metrics[0], static_cast<double>(i + 1));
    EXPECT_TRUE(std::isnan(by_class[i].metrics[1]));
  }
}

TEST(Plugin, FailsWithTheReasonThatItGives) {
  const auto failure = [](Workshop& workshop, const Texts& values) {
    try {
      workshop.run(values);
    } catch (const TrialFailure& caught) {
      return caught;
    }
    ADD_FAILURE() << "the trial did not fail";
    return TrialFailure(FailureKind::Crash, "");
  };
  Workshop c(plugin(REGATTA_C_PLUGIN), space_of({{"rat", "uniform(0, 1)"}}));
  Workshop cpp(plugin(REGATTA_CPP_PLUGIN),
               space_of({{"style", "choice(function, class)"}, {"batch", "uniform(0, 1)"}}));

  EXPECT_EQ(failure(c, {{"rat", "1"}}).kind, FailureKind::Invalid);
  EXPECT_THAT(failure(c, {{"rat", "1"}}).what(), HasSubstr("descent needs a number 'rate'"));
  for (const char* style : {"function", "class"}) {
    const TrialFailure caught = failure(cpp, {{"style", style}, {"batch", "0.5"}});
    EXPECT_EQ(caught.kind, FailureKind::Invalid);
    EXPECT_THAT(caught.what(), HasSubstr("parameter 'batch' is no whole number"));
  }
}

TEST(Plugin, IsRefusedBeforeAnythingStarts) {
  EXPECT_THAT(problems_of(plugin("nowhere.so"), {}),
              ElementsAre(HasSubstr("objective.library cannot be loaded")));
  EXPECT_THAT(problems_of(plugin("libc.so.6"), {}),
              ElementsAre(HasSubstr("objective.library cannot be loaded")));
  ObjectiveOptions none = plugin("");
  none.values.clear();
  EXPECT_THAT(problems_of(none, {}), ElementsAre(HasSubstr("must name the shared library")));
}

/// One that is saved, given up and gone on with by a new one of other hyperparameters, which for a class is the
/// same as to be reconfigured.
TEST(Plugin, GoesOnWithOtherHyperparameters) {
  const support::TemporaryFolder folder;
  const space::Space space = space_of({{"style", "choice(function, class)"}, {"batch", "int(1, 9)"}});
  const auto objective = make_objective(plugin(REGATTA_CPP_PLUGIN, {{"epochs", "4"}}), space);
  WorkerContext context;
  context.place.directory = folder.path();
  objective->prepare(context);
  const auto start = [&](const char* style, const char* batch) {
    return objective->start(space.read(Texts{{"style", style}, {"batch", batch}}), {7, 1, 5});
  };
  const space::Config changed = space.read(Texts{{"style", "class"}, {"batch", "9"}});
  std::vector<std::vector<Progress>> after;
  for (const char* style : {"function", "class"}) {
    const auto first = start(style, "2"), second = start(style, "9");
    first->advance();
    ASSERT_EQ(first->pause(), Rest::Waiting);
    second->load(first->save());
    EXPECT_EQ(first->go_on(changed, {}), style == std::string("class"));
    after.push_back({*second->advance(), *second->advance()});
    if (style == std::string("class")) after.push_back({*first->advance(), *first->advance()});
  }

  for (const std::vector<Progress>& progress : after) {
    EXPECT_EQ(progress[0].epoch, 2);
    EXPECT_EQ(progress[1].epoch, 3);
    EXPECT_EQ(progress[1].value, after.front()[1].value);
  }
}

/// A trial through the C interface.
class BareTrial {
 public:
  BareTrial(const char* library, const std::vector<regatta_parameter>& parameters, const char* directory) {
    void* opened = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
    table_ = reinterpret_cast<const regatta_plugin_table* (*)()>(::dlsym(opened, "regatta_plugin"))();
    const regatta_trial trial{7, 1, 5, 6, 0, 1, nullptr, parameters.data(), parameters.size(), directory};
    trial_ = table_->create(&trial, &report_);
    EXPECT_TRUE(trial_) << report_.message;
  }
  BareTrial(const BareTrial&) = delete;
  BareTrial& operator=(const BareTrial&) = delete;
  ~BareTrial() { table_->destroy(trial_); }

  double step() {
    EXPECT_LE(table_->step(trial_, &report_), regatta_finished) << report_.message;
    return report_.value;
  }
  std::string save() {
    std::string bytes(table_->save(trial_, nullptr, 0), '\0');
    EXPECT_EQ(table_->save(trial_, bytes.data(), bytes.size()), bytes.size());
    return bytes;
  }
  void load(const std::string& bytes) {
    EXPECT_EQ(table_->load(trial_, bytes.data(), bytes.size()), regatta_goes_on);
  }

 private:
  const regatta_plugin_table* table_ = nullptr;
  void* trial_ = nullptr;
  regatta_report report_{};
};

/// A trial that is saved, given up and gone on with by another one reports what it would have reported.
TEST(Plugin, GoesOnWhereAnotherTrialWasSavedInEveryStyle) {
  const support::TemporaryFolder folder;
  const regatta_parameter rate{"rate", regatta_real, 0, 0.1, "0.1"},
      batch{"batch", regatta_integer, 3, 3, "3"}, function{"style", regatta_text, 0, 0, "function"}, by_class{"style", regatta_text, 0, 0, "class"};
  const std::vector<std::pair<const char*, std::vector<regatta_parameter>>> styles{
      {REGATTA_C_PLUGIN, {rate}},
      {REGATTA_CPP_PLUGIN, {batch, function}},
      {REGATTA_CPP_PLUGIN, {batch, by_class}}};
  for (const auto& [library, parameters] : styles) {
    BareTrial whole(library, parameters, folder.path().c_str());
    std::string saved;
    double third = 0;
    {
      BareTrial first(library, parameters, folder.path().c_str());
      for (int epoch = 0; epoch < 2; ++epoch) EXPECT_EQ(first.step(), whole.step());
      saved = first.save();
      third = whole.step();
      EXPECT_EQ(first.step(), third) << "saving changes nothing";
    }
    BareTrial second(library, parameters, folder.path().c_str());
    second.load(saved);
    EXPECT_EQ(second.step(), third);
    for (int epoch = 3; epoch < 6; ++epoch) EXPECT_EQ(second.step(), whole.step());
  }
}

}  // namespace
}  // namespace regatta::objective
