#include "study_plan.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "banner.hpp"
#include "regatta/core/build_info.hpp"
#include "regatta/core/clock.hpp"
#include "widths.hpp"

namespace regatta::app {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// A random version-4 UUID.
std::string random_uuid() {
  std::random_device device;
  std::array<unsigned, 4> words{};
  for (unsigned& word : words) word = device();
  words[1] = (words[1] & 0xffff0fffu) | 0x00004000u;
  words[2] = (words[2] & 0x3fffffffu) | 0x80000000u;
  std::array<char, 37> text{};
  std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%04x%08x", words[0], words[1] >> 16,
                words[1] & 0xffffu, words[2] >> 16, words[2] & 0xffffu, words[3]);
  return text.data();
}

search::StudyHeader make_header(const StudyInputs& inputs, const objective::Objective& objective,
                                const comm::Session* session) {
  search::StudyHeader header;
  header.name = inputs.name;
  header.run_uuid = random_uuid();
  header.metric = inputs.metric;
  header.maximize = inputs.maximize;
  header.seed = inputs.seed;
  header.metrics = objective.metrics();
  header.used_inputs = inputs.used;
  header.input_hash = inputs.fingerprint;
  header.searcher = inputs.searcher.algorithm;
  header.scheduler = inputs.scheduler.algorithm;
  header.objective = inputs.objective.type;
  header.trials = inputs.trials;
  header.created = wall_time();
  header.software = software_facts(session);
  for (const auto& definition : inputs.space.definitions())
    header.space.emplace_back(definition.name, definition.text);
  for (const auto& rule : inputs.space.constraints()) header.constraints.emplace_back(rule.name, rule.text);
  return header;
}

}  // namespace

run::StudyPlan make_plan(const StudyInputs& inputs, const Arguments& arguments, const comm::Launch& launch,
                         const comm::Session* session) {
  run::StudyPlan plan;
  const auto objective = objective::make_objective(inputs.objective, inputs.space);
  plan.header = make_header(inputs, *objective, session);
  plan.epochs = objective->epochs();
  plan.checkpoints = inputs.checkpoints;
  plan.space = inputs.space;
  plan.objective = inputs.objective;
  plan.searcher = inputs.searcher;
  plan.searcher.listed = objective->listed();
  plan.scheduler = inputs.scheduler;
  plan.layout = inputs.layout;
  plan.log = inputs.log;
  plan.controller.trials = inputs.trials;
  plan.controller.max_failures = inputs.max_failures;
  plan.controller.seed = inputs.seed;
  plan.controller.maximize = inputs.maximize;
  plan.controller.prefetch = inputs.prefetch;
  plan.controller.batch = inputs.batch;
  plan.controller.in_flight = inputs.in_flight;
  plan.controller.move_stragglers = inputs.move_stragglers;
  plan.controller.width = width_in(inputs.space);
  plan.controller.elastic = inputs.layout.elastic;
  plan.user_trials = inputs.user_trials;
  plan.deterministic = inputs.deterministic;
  plan.ahead = inputs.ahead;
  plan.time_limit = inputs.time_limit;
  plan.incumbent_interval = inputs.incumbent_interval;
  plan.show_incumbent = inputs.verbosity >= 3;
  plan.job = {0,
              host_name(),
              variable("SLURM_JOB_ID").empty() ? variable("PBS_JOBID") : variable("SLURM_JOB_ID"),
              launch.launcher,
              arguments.command_line,
              build_info().git_commit};
  return plan;
}

}  // namespace regatta::app
