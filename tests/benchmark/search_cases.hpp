#pragma once

#include <string>
#include <vector>

#include "regatta/objective/objective.hpp"
#include "regatta/search/searcher.hpp"
#include "trained_tables.hpp"

namespace regatta::benchmark {

/// Trials of a test function last lognormal(trial_log_mean, trial_log_deviation): mean and deviation are
/// those of the peers' trials, 1.0 and 0.6.
inline constexpr double trial_log_mean = -0.154, trial_log_deviation = 0.554;

/// What is told of the best trial so far; less is better.
enum class Measure {
  Regret,  ///< distance to the minimum
  Value,   ///< as it is
  Gap,     ///< distance of an accuracy [%] to the best one, as a fraction
};

std::string name_of(Measure measure);  ///< as in peers.csv

/// A problem, and how it is searched.
struct Case {
  std::string name, domain;  ///< as in peers.csv
  objective::ObjectiveOptions objective;
  int pending = 1;           ///< trials that run at the same time
  bool synchronous = false;  ///< in batches of `pending` instead of one by one
  int trials = 100;
  std::vector<int> marks{25, 50, 100};  ///< numbers of evaluations at which is measured
  bool shifted = false;                 ///< by the seed
  int initial = 0;  ///< points before the first proposal of a model; 0: the searcher's own number
  int most_seeds = 1000;
  std::string unfair_peer;  ///< one that starts in the minimum
  Measure measure = Measure::Regret;
  double optimum = 0;
  bool to_be_found = false;  ///< the optimum is one of finitely many values

  std::string title() const;  ///< "hartmann6, 8 pending"
  double measured(double objective) const;
};

/// Who searches.
struct Contender {
  std::string name;
  search::SearcherOptions options;
};

/// Cases that are reported together.
struct CaseTable {
  std::string name, meaning;
  std::vector<Case> cases;
  std::vector<Contender> contenders = {};  ///< empty: those of the command line
  bool all_peers = false;                  ///< rows for all peers instead of the best one beside each row
};

const std::vector<std::string>& case_table_names();
/// @param tables  what cases of `grids` look up lives there
CaseTable case_table(const std::string& name, const TrainedTables& tables);

}  // namespace regatta::benchmark
