#include "option_tables.hpp"

#include <algorithm>

#include "regatta/comm/lane_group.hpp"
#include "regatta/objective/objective.hpp"
#include "regatta/schedule/scheduler.hpp"
#include "regatta/search/searcher.hpp"

namespace regatta::app {
namespace {

constexpr double no_bound = std::numeric_limits<double>::infinity();

Option text(std::string name, std::string help) {
  return {std::move(name), OptionType::Text, "", std::move(help)};
}

Option path(std::string name, std::string help) {
  return {std::move(name), OptionType::Path, "", std::move(help)};
}

Option word(std::string name, std::string fallback, std::vector<std::string> words, std::string help) {
  return {std::move(name), OptionType::Word, std::move(fallback), std::move(help), std::move(words)};
}

Option flag(std::string name, std::string fallback, std::string help) {
  return {std::move(name), OptionType::Flag, std::move(fallback), std::move(help)};
}

Option integer(std::string name, std::string fallback, double low, double high, std::string help,
               std::vector<std::string> words = {}) {
  return {std::move(name),
          OptionType::Integer,
          std::move(fallback),
          std::move(help),
          std::move(words),
          low,
          high};
}

Option number(std::string name, std::string fallback, double low, std::string help) {
  return {std::move(name), OptionType::Number, std::move(fallback), std::move(help), {}, low, no_bound};
}

Option duration(std::string name, std::string fallback, double low, std::string help) {
  return {std::move(name), OptionType::Duration, std::move(fallback), std::move(help), {}, low, no_bound};
}

std::vector<Option> study_options() {
  return {
      text("name", "Name of the study; by default that of the input file."),
      text("metric", "What is optimised; by default the objective's own metric."),
      word("direction", "", {"minimize", "maximize"}, "By default as the metric wants it."),
      integer("trials", "100", 1, 0x1p31 - 1, "Configurations to try, at most.", {"unlimited"}),
      integer("max_failures", "100", 1, 0x1p31 - 1,
              "Ends the study when the first so many trials of a run have all failed.", {"unlimited"}),
      duration("walltime", "", 0.001, "Time after which the run ends by itself, ready to be resumed."),
      integer("seed", "1", 0, 0x1p53, "Same seed, same proposals."),
      path("initial", "CSV or JSON file with configurations to try first."),
  };
}

std::vector<Option> search_options() {
  const std::vector<std::string>& names = search::searcher_names();
  return {
      word("algorithm", names.front(), names, "Decides which configuration to try next."),
      path("plugin", "Shared library with a searcher of your own, in place of algorithm."),
      integer("grid_points", "5", 1, 1e6, "grid: points per continuous or long integer axis."),
      flag("deterministic", "false",
           "Propose with all results known, nothing ahead of time: the same whenever reports come in the same order."),
      integer("ahead", "auto", 1, 1e6, "Proposals that lie ready.", {"auto"}),
      duration("time_limit", "10s", 0.001,
               "Longest time one proposal may take before a slot is filled by a cheaper one; not with deterministic or batch."),
      duration("incumbent_interval", "1s", 0.001, "Least time between two words to all ranks about a new best trial."),
      flag("cost_aware", "false",
           "bo: weigh the acquisition by the time that an epoch takes, as learnt from the trials: gain per second."),
      number("min_gain", "0", 0,
             "bo, ais: ends the study when the best proposal promises less [unit of the objective]."),
      integer("batch", "1", 1, 1e6,
              "Configurations proposed at once, when all of the last batch are done; 1: one whenever a slot "
              "is free."),
  };
}

/// What `bo` and `ais` read; each starts with its name so that the list of [search] explains itself.
std::vector<Option> bayesian_options() {
  return {
      word("acquisition", "log_ei", {"log_ei", "ei", "ucb", "thompson", "hedge"},
           "bo: what a proposal maximises; ei is log_ei under its older name, hedge learns which one pays."),
      word("pending", "fantasies", {"fantasies", "local_penalization", "hard_penalization", "believer", "none"},
           "bo: how running trials are taken into account."),
      word("kernel", "auto", {"auto", "matern52", "rbf", "additive"},
           "bo: covariance of the Gaussian process; auto: several, weighed by what they predict."),
      word("transform", "auto", {"auto", "standard", "half_rank", "log"},
           "bo: of the objective before it is modelled; auto: several, weighed by what they predict."),
      flag("normalize", "true", "bo: false: model the objective as it is, without any transform."),
      word("warp", "auto", {"auto", "true", "false"},
           "bo: bend the axes of numbers; auto: from ten results per parameter on, if it predicts better."),
      word("noise", "learnt", {"learnt", "fixed", "exact"},
           "bo: learnt: beside the standard errors of folds and repeats; fixed: noise_deviation; exact: none."),
      number("noise_deviation", "0", 0,
             "bo: standard deviation of fixed noise [unit of the objective]; 0: the standard errors of folds and repeats."),
      word("fit", "map", {"map", "cma", "ensemble"},
           "bo: hyperparameters by gradients, by an evolution strategy, or several samples of them, over which each proposal "
           "takes the mean of the acquisition."),
      integer("initial_trials", "auto", 1, 1e6, "bo: trials before the first model; auto: parameters + 4.", {"auto"}),
      word("initial_design", "sobol", {"sobol", "random"}, "bo: how these are drawn."),
      integer("raw_samples", "512", 1, 1e6, "bo: points at which an acquisition is looked at first."),
      integer("restarts", "10", 1, 1000, "bo: of those, how many are refined."),
      integer("fantasies", "16", 1, 1024, "bo: sets of values that running trials are given."),
      number("jitter", "0", 0,
             "bo: improvement that does not count [standard deviations of the transformed results; with normalize = false the "
             "unit of the objective]."),
      number("beta", "4", 0, "bo: weight of the variance in ucb."),
      number("beta_decay", "0", 0, "bo: beta falls with this power of the number of results."),
      integer("trust_regions", "auto", 0, 100,
              "bo: to so many three of four proposals keep; auto: 0 below 8 parameters, else 1 and one per 32 trials that run.",
              {"auto"}),
      word("device", "cpu", {"cpu", "cuda"},
           "bo: where the models' algebra is done; cuda takes rank 0's first GPU from 200 results on."),
      number("explore", "0.001", 0,
             "bo: a valley whose last results have improved by less, as a part of the way from the best to the median, "
             "counts as exhausted, and proposals look elsewhere."),
      number("prior_strength", "10", 0,
             "bo: the acquisition is multiplied with [prior] to the power prior_strength / results."),
  };
}

/// What only `ais` reads, beside what `bo` reads.
std::vector<Option> tree_options() {
  return {
      integer("children", "2", 2, 64, "ais: parts into which a node of the tree is cut."),
      integer("max_height", "40", 1, 1000, "ais: of the tree; the search ends when the best result lies that deep."),
      integer("split", "auto", 4, 1e9, "ais: results at which a leaf is cut; auto: 20, or 4 per parameter.", {"auto"}),
      word("selection", "auto", {"auto", "score", "draw"},
           "ais: the leaf with the best score by value, chance, entropy and visits, or one drawn by its chance; auto: drawn "
           "while 300 trials or more run."),
      number("exploration", "0.5", 0, "ais: weight of chance and visits beside the value of a node."),
      number("entropy_weight", "0", 0, "ais: weight of the entropy in a score."),
      flag("count_running", "false", "ais: in scores running trials count as visits."),
      integer("controllers", "0", 0, 1000,
              "ais: ranks beside rank 0 that share the tree and make the proposals, each in its part; for more than "
              "1,000 workers."),
      integer("local_from", "1000", 1, 1e9,
              "ais: results from which on models are local to a part of the space."),
  };
}

std::vector<Option> all_search_options() {
  std::vector<Option> options = search_options();
  std::ranges::move(bayesian_options(), std::back_inserter(options));
  std::ranges::move(tree_options(), std::back_inserter(options));
  return options;
}

std::vector<Option> scheduler_options() {
  const std::vector<std::string>& names = schedule::scheduler_names();
  return {
      word("algorithm", names.front(), names, "Decides how long each trial trains."),
      path("plugin", "Shared library with a scheduler of your own, in place of algorithm."),
      integer("max_epochs", "auto", 1, 1e9, "No trial trains longer; auto: the objective's epochs.",
              {"auto"}),
      integer("grace_period", "1", 1, 1e9,
              "No trial is stopped or paused before this epoch: the first rung."),
      number("eta", "3", 1.1, "asha, sh, hyperband: of eta trials at a rung, one goes on."),
      integer("brackets", "1", 1, 100, "asha: kinds of trials, each with a first rung eta times later."),
      word(
          "variant", "stopping", {"stopping", "promotion"},
          "asha: trials run on until they are found too bad, or pause at each rung until they are found good "
          "enough."),
      flag("asynchronous", "false", "hyperband: by asha with all brackets; nobody waits for a rung to fill."),
      integer("min_samples", "5", 1, 1e9, "median: other trials that must have come as far."),
      integer("patience", "5", 1, 1e9,
              "patience, plateau: epochs without improvement after which a trial is stopped, or changed."),
      number("min_delta", "0", 0, "patience, plateau: what counts as improvement [unit of the metric]."),
      text("parameter", "plateau: the hyperparameter that is lowered; by default learning_rate."),
      word("policy", "successive_rejects", {"successive_rejects", "ucb"},
           "bandit: drop the worst configuration in each of several rounds, or train on what is most "
           "promising."),
      integer("interval", "auto", 1, 1e9,
              "pbt, pb2: epochs between two comparisons; auto: a tenth of the training.", {"auto"}),
      {"quantile",
       OptionType::Number,
       "0.25",
       "pbt, pb2: share of the trials that is replaced, and that replaces it.",
       {},
       1e-6,
       0.5},
      {"resample",
       OptionType::Number,
       "0.25",
       "pbt, and pb2 for lists: probability that a hyperparameter is drawn anew in place of being multiplied by 0.8 or 1.2.",
       {},
       0,
       1},
      text("mutate",
           "pbt, pb2: hyperparameters that may change during a training, with commas; by default all real "
           "numbers."),
      text("schedule",
           "replay: hyperparameters of every trial after so many epochs, 'EPOCH: NAME=VALUE ...; EPOCH: ...'; `regatta "
           "best` writes that of the best training."),
      {"factor", OptionType::Number, "0.5", "plateau: what it is multiplied with.", {}, 1e-6, 1},
      {"threshold", OptionType::Number, "0",
       "threshold: trials with a worse value after the grace period are stopped [unit of the metric]; incumbent: those "
       "worse by more than min_delta than the best trial was after as many epochs.",
       {"incumbent"}},
  };
}

std::vector<Option> checkpoint_options() {
  return {
      {"memory",
       OptionType::Bytes,
       "1GiB",
       "Of each rank that trains, for what its paused trials need to go on.",
       {},
       0,
       no_bound},
      path("local", "Folder on the node for what does not fit there; by default that for temporary files."),
  };
}

std::vector<Option> workers_options() {
  return {
      integer("ranks_per_trial", "1", 1, 1e6,
              "Ranks that train one trial together; as a parameter of [space] in place of this each trial has its own."),
      integer("model_parallel", "1", 1, 1e6,
              "Ranks of a team that divide each network among them (objective network): one that is larger than a "
              "device; divides ranks_per_trial."),
      integer("pipeline", "1", 1, 1e6,
              "Ranks of a team that each hold some consecutive layers of one network (objective network), any model; batches "
              "pass them in objective.micro_batches; divides ranks_per_trial."),
      integer("cores_per_trial", "auto", 1, 1e6,
              "Cores of a trial's program (OMP_NUM_THREADS); auto: the share of its ranks.", {"auto"}),
      flag("bind_cores", "true",
           "Whether a trial's program is bound to its cores, where the workers of a node have that many each."),
      word("rank0", "auto", {"auto", "true", "false"},
           "Whether rank 0 trains too; auto: when its node has no more ranks than GPUs, or without a "
           "launcher."),
      word("device", "auto", {"auto", "cpu", "cuda"}, "auto: a GPU where a rank has one of its own."),
      integer("lanes", "1", 1, comm::LaneGroup::most_lanes,
              "Trials at once on each rank that trains, where they take turns; auto: by memory, shapes and a short probe.", {"auto"}),
      integer("prefetch", "auto", 0, 4,
              "Trials that wait at a worker; auto: some where messages take more than a hundredth of a trial (with a searcher that "
              "learns only up to 20 ms), none with search.deterministic.", {"auto"}),
      integer("in_flight", "all", 1, 1e9,
              "Trials at once; auto: twice as many again and again while that lets them end faster and each gains as much.", {"all", "auto"}),
      flag("move_stragglers", "false",
           "When nothing new can be started, the trial of a slow worker goes on with a free one that is half as fast "
           "again, by its checkpoint."),
      flag("elastic", "false",
           "Ranks for which no trial can be started join running ones (objective network): they share the batches from the next "
           "epoch on, and leave when a trial waits."),
  };
}

std::vector<Option> gpu_options() { return {integer("share", "1", 1, 1024, "Workers on one GPU, so many trials at once, at most.")}; }

std::vector<Option> log_options() {
  return {
      path("directory", "Where results go; by default runs/NAME."),
      word("sync", "second", {"none", "second", "event"},
           "When the journal is forced to disk: never, once a second, after each trial."),
      duration("snapshot", "5s", 0.01, "Least time between two rewrites of regatta.h5."),
      integer("verbosity", "1", 0, 3,
              "0: errors, 1: progress and summary, 2: a line per trial, 3: everything."),
      word("progress", "auto", {"auto", "true", "false"}, "A live progress line; auto: on a terminal."),
  };
}

std::vector<SectionTable> make_tables() {
  return {
      {"study", "What is to be found, and when to stop.", SectionContent::Options, study_options()},
      {"space", "What may vary: `name = uniform(0, 1)`; see `regatta help space`.",
       SectionContent::Definitions},
      {"constraints", "Expressions over the parameters that must hold.", SectionContent::Definitions},
      {"prior", "bo, ais, mobster: where good values are expected: `x = normal(0.3, 0.1)`; see `regatta help space`.",
       SectionContent::Definitions},
      {"objective", "What is tuned. Options of a network may also stand in [space].",
       SectionContent::ObjectiveOptions},
      {"trial", "A configuration to try first; may be repeated.", SectionContent::Trial},
      {"search", "Where to look.", SectionContent::Options, all_search_options()},
      {"scheduler", "How long to train.", SectionContent::Options, scheduler_options()},
      {"checkpoint", "What is kept of paused trials; `regatta resume` finds it in the run directory.",
       SectionContent::Options, checkpoint_options()},
      {"workers", "Who trains.", SectionContent::Options, workers_options()},
      {"gpu", "Use of the GPUs.", SectionContent::Options, gpu_options()},
      {"log", "What is kept and shown.", SectionContent::Options, log_options()},
  };
}

}  // namespace

const std::vector<SectionTable>& section_tables() {
  static const std::vector<SectionTable> tables = make_tables();
  return tables;
}

const SectionTable* find_section(std::string_view name) {
  const auto found = std::ranges::find(section_tables(), name, &SectionTable::name);
  return found == section_tables().end() ? nullptr : &*found;
}

std::vector<std::string> section_names() {
  std::vector<std::string> names;
  for (const SectionTable& table : section_tables()) names.push_back(table.name);
  return names;
}

std::vector<Option> objective_section(const std::string& type) {
  const std::vector<std::string>& names = objective::objective_names();
  std::vector<Option> options{word("type", names.front(), names, "What is tuned.")};
  if (std::ranges::find(names, type) == names.end()) return options;
  const std::vector<Option>& own = objective::objective_options(type);
  options.insert(options.end(), own.begin(), own.end());
  return options;
}

}  // namespace regatta::app
