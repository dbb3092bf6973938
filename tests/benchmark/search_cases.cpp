#include "search_cases.hpp"

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/objective/test_function.hpp"

namespace regatta::benchmark {
namespace {

const std::string branin_domain = "-5..10 x 0..15", unit_domain = "0..1", wide = "-5..10";

/// A test function that is searched with `pending` trials at a time, over its own domain.
Case function_case(const std::string& name, const std::string& function, int dimensions,
                   const std::string& domain, int pending) {
  Case result;
  result.name = name;
  result.domain = domain;
  result.pending = pending;
  result.objective.type = "function";
  result.objective.values = {{"function", function}, {"dimensions", concat(dimensions)}};
  if (pending > 1)
    result.objective.values["sleep"] = concat("lognormal(", trial_log_mean, ", ", trial_log_deviation, ")");
  result.optimum = objective::TestFunction(function, dimensions).minimum();
  return result;
}

/// The same over `low..high`.
Case within(double low, double high, Case result) {
  result.domain = concat(format_number(low), "..", format_number(high));
  result.objective.values["low"] = format_number(low);
  result.objective.values["high"] = format_number(high);
  return result;
}

Case measured_at(std::vector<int> marks, Case result) {
  result.trials = marks.back();
  result.marks = std::move(marks);
  return result;
}

Case shifted(Case result) {
  result.domain = "shifted";
  result.shifted = true;
  return result;
}

/// A sampler of cmaes begins in the middle of the domain.
Case minimum_in_the_middle(Case result) {
  result.unfair_peer = "cmaes";
  return result;
}

/// The long ones.
Case of_twenty_dimensions(Case result) { return measured_at({125, 250, 500}, std::move(result)); }

/// Twenty parameters, twenty workers, 500 evaluations.
std::vector<Case> long_cases() {
  return {of_twenty_dimensions(within(-5, 10, function_case("ackley20", "ackley", 20, "", 20))),
          of_twenty_dimensions(within(-5, 10, function_case("levy20", "levy", 20, "", 20))),
          of_twenty_dimensions(
              minimum_in_the_middle(function_case("rastrigin20", "rastrigin", 20, "-5.12..5.12", 20)))};
}

CaseTable development() {
  CaseTable table{
      "development", "the functions on which defaults are chosen, not shifted, as the peers had them", {}};
  for (const int pending : {1, 8})
    table.cases.push_back(function_case("branin", "branin", 2, branin_domain, pending));
  for (const int pending : {1, 8})
    table.cases.push_back(
        measured_at({50, 100, 200}, function_case("hartmann6", "hartmann6", 6, unit_domain, pending)));
  table.cases.push_back(minimum_in_the_middle(function_case("ackley5", "ackley", 5, "-32.768..32.768", 5)));
  table.cases.push_back(minimum_in_the_middle(function_case("ackley10", "ackley", 10, "-32.768..32.768", 5)));
  table.cases.push_back(within(-5, 10, function_case("levy6", "levy", 6, "", 5)));
  table.cases.push_back(function_case("rosenbrock6", "rosenbrock", 6, wide, 5));
  table.cases.push_back(function_case("michalewicz5", "michalewicz", 5, "0..3.14159", 5));
  table.cases.push_back(minimum_in_the_middle(function_case("rastrigin6", "rastrigin", 6, "-5.12..5.12", 5)));
  for (Case& each : long_cases()) table.cases.push_back(std::move(each));
  return table;
}

CaseTable judged() {
  return {"judged",
          "functions that had no part in the choice of defaults, shifted by the seed",
          {shifted(function_case("styblinski_tang6", "styblinski_tang", 6, "", 5)),
           shifted(function_case("levy4", "levy", 4, "", 5)),
           shifted(function_case("ackley4", "ackley", 4, "", 5)),
           shifted(function_case("six_hump_camel", "six_hump_camel", 2, "", 5)),
           shifted(function_case("cosines", "cosines", 2, "", 5)),
           shifted(function_case("wang_freitas", "wang_freitas", 1, "", 5)),
           function_case("mixed_ackley", "mixed_ackley", 8, wide, 5)}};
}

/// Synchronous batches after a design of two points per dimension.
Case as_published(Case result, int dimensions) {
  result.synchronous = true;
  result.initial = 2 * dimensions;
  return measured_at({50, 100, 200}, std::move(result));
}

CaseTable published() {
  CaseTable table{"published", "synchronous batches, beside published runs", {}};
  table.all_peers = true;
  table.cases.push_back(as_published(function_case("mod_hartmann6", "mod_hartmann6", 6, unit_domain, 10), 6));
  table.cases.push_back(
      as_published(function_case("log_goldstein_price", "log_goldstein_price", 2, "-2..2", 5), 2));
  return table;
}

Case table_case(const std::string& name, const std::string& domain, const TrainedTable& trained,
                int pending) {
  Case result;
  result.name = name;
  result.domain = domain;
  result.pending = pending;
  result.trials = 200;
  result.objective.type = "table";
  result.objective.values["table"] = trained.file.string();
  result.objective.metric = trained.metric;
  result.objective.maximize = trained.maximize;
  result.measure = trained.maximize ? Measure::Gap : Measure::Value;
  result.optimum = trained.optimum;
  result.to_be_found = true;
  return result;
}

CaseTable grids(const TrainedTables& tables) {
  CaseTable result{"grids", "tables of really trained networks, one after the other and on 8 workers", {}};
  const auto add = [&](const std::string& name, const std::string& domain,
                       const std::optional<TrainedTable>& trained) {
    if (!trained) return;
    for (const int pending : {1, 8}) result.cases.push_back(table_case(name, domain, *trained, pending));
  };
  add("fcnet_protein", "table", tables.fcnet("protein_structure"));
  add("fcnet_naval", "table", tables.fcnet("naval_propulsion"));
  add("lcbench_167168", "surrogate", tables.lcbench("167168"));
  add("lcbench_189906", "surrogate", tables.lcbench("189906"));
  return result;
}

CaseTable pending() {
  CaseTable table{"pending",
                  concat("ways to treat running trials, 8 of them; ", search::BayesianOptions{}.pending,
                         " is the default"),
                  {}};
  table.cases = {function_case("hartmann6", "hartmann6", 6, unit_domain, 8),
                 function_case("branin", "branin", 2, branin_domain, 8),
                 within(-5, 10, function_case("levy6", "levy", 6, "", 8)),
                 function_case("ackley5", "ackley", 5, "-32.768..32.768", 8),
                 function_case("rosenbrock6", "rosenbrock", 6, wide, 8)};
  for (Case& each : table.cases) each.marks = {100};
  for (const char* treatment : {"none", "believer", "fantasies", "local_penalization", "hard_penalization"}) {
    search::SearcherOptions options{.algorithm = "bo"};
    options.bayesian.pending = treatment;
    table.contenders.push_back({treatment, options});
  }
  return table;
}

/// The problems of Wang et al. (2020), Learning search space partition for black-box optimization using Monte
/// Carlo tree search, NeurIPS 33, with 20 workers.
CaseTable lamcts() {
  CaseTable table{"lamcts", "many parameters, as LA-MCTS was judged", {}};
  table.all_peers = true;
  for (const int dimensions : {50, 100}) {
    Case each = within(-5, 10, function_case(concat("ackley", dimensions), "ackley", dimensions, "", 20));
    each.most_seeds = 5;
    table.cases.push_back(measured_at({250, 500, 1000}, std::move(each)));
  }
  return table;
}

/// What `ais` owes to each of its parts, and would owe to those that are no defaults, where they are needed:
/// with so many results that models are those of parts nearly all the time.
CaseTable tree() {
  CaseTable table{"tree", "ais, with models of parts from 100 results on, with one change each", {}};
  for (Case each : long_cases()) {
    each.pending = 100;
    table.cases.push_back(measured_at({500, 1000, 3000}, std::move(each)));
  }
  const auto add = [&](const std::string& name, auto change) {
    search::SearcherOptions options{.algorithm = "ais"};
    options.tree.local_from = 100;
    change(options.tree);
    table.contenders.push_back({name, options});
  };
  add("ais", [](search::TreeOptions&) {});
  add("entropy_weight=1", [](search::TreeOptions& tree) { tree.entropy_weight = 1; });
  add("exploration=0", [](search::TreeOptions& tree) { tree.exploration = 0; });
  add("count_running=true", [](search::TreeOptions& tree) { tree.count_running = true; });
  add("selection=draw", [](search::TreeOptions& tree) { tree.selection = "draw"; });
  add("no splits", [](search::TreeOptions& tree) { tree.split = 1'000'000; });
  add("local_from=1000", [](search::TreeOptions& tree) { tree.local_from = 1000; });
  return table;
}

}  // namespace

std::string name_of(Measure measure) {
  switch (measure) {
    case Measure::Value:
      return "best value";
    case Measure::Gap:
      return "gap";
    default:
      return "regret";
  }
}

std::string Case::title() const {
  return concat(name, ", ",
                pending == 1 ? "sequential" : concat(pending, synchronous ? " in batches" : " pending"));
}

double Case::measured(double value) const {
  switch (measure) {
    case Measure::Value:
      return value;
    case Measure::Gap:
      return (optimum - value) / 100;
    default:
      return std::max(0.0, value - optimum);
  }
}

const std::vector<std::string>& case_table_names() {
  static const std::vector<std::string> names{"development", "judged", "published", "grids",
                                              "pending",     "tree",   "lamcts"};
  return names;
}

CaseTable case_table(const std::string& name, const TrainedTables& tables) {
  if (name == "development") return development();
  if (name == "judged") return judged();
  if (name == "published") return published();
  if (name == "grids") return grids(tables);
  if (name == "tree") return tree();
  if (name == "lamcts") return lamcts();
  require(name == "pending", "no table '", name, "'");
  return pending();
}

}  // namespace regatta::benchmark
