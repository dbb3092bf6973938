#pragma once

#include <string>
#include <vector>

#include "regatta/log/study_reader.hpp"
#include "regatta/search/event.hpp"
#include "regatta/search/history.hpp"

namespace regatta::log {

inline constexpr double nan = search::not_a_number;

/// A header over a space of all sorts of columns: continuous, integer, words, and one that is inactive at
/// times.
inline search::StudyHeader sample_header() {
  search::StudyHeader header;
  header.name = "digits";
  header.run_uuid = "6f1c2f4e-0000-4000-8000-000000000001";
  header.metric = "val_accuracy";
  header.maximize = true;
  header.seed = 0xfedcba9876543210ull;
  header.metrics = {"val_loss", "train/loss"};
  header.used_inputs = "[study]\nname = digits  # größer\n";
  header.space = {{"learning_rate", "loguniform(1e-4, 1e-1)"},
                  {"layers", "int(1, 3)"},
                  {"optimizer", "choice(sgd, adam)"},
                  {"momentum", "uniform(0, 0.99) if optimizer == sgd"}};
  header.constraints = {{"small", "layers < 3 or learning_rate < 0.05"}};
  header.input_hash = "0123456789abcdef";
  header.searcher = "sobol";
  header.scheduler = "fifo";
  header.objective = "network";
  header.trials = 60;
  header.created = 1000;
  header.software = {{"mpi", "Open MPI 4.1.4"}, {"cuda", "none"}};
  return header;
}

/// One job of two workers: trial 0 completed, 1 failed, 2 completed with folds, 3 running, 4 queued. Times
/// are seconds after 1000.
inline std::vector<search::Event> sample_events() {
  using namespace search;
  const double nan = not_a_number;
  return {
      JobStarted{1000, "node1", "4711", "mpirun", "regatta run inputs/digits.ini", "abc1234"},
      WorkerJoined{{0}, 1, 1, 2, 1000.5, "node1", "cpu", ""},
      WorkerJoined{{1}, 2, 1, 2, 1000.6, "node2", "NVIDIA H200", "GPU-1"},
      TrialCreated{{0}, Origin::User, 7, 3, {}, 1001, {0.01, 2, 1, nan}},
      TrialStarted{{0}, {0}, 0, 0, 0, 1001},
      TrialCreated{{1}, Origin::Searcher, 8, 5, {}, 1001, {0.1, 1, 0, 0.9}},
      TrialStarted{{1}, {1}, 0, 0, 0, 1001},
      TrialReported{{0}, 1, 0.5, 1003, {1.25, 1.5}},
      TrialEnded{{1},
                 TrialState::Failed,
                 Reason::Crash,
                 nan,
                 nan,
                 0,
                 139,
                 2,
                 0.5,
                 0,
                 1003,
                 {},
                 "signal 11, \"core\" dumped"},
      TrialReported{{0}, 2, 0.9, 1005, {0.25, 0.5}},
      TrialEnded{{0}, TrialState::Completed, Reason::None, 0.9, nan, 2, 0, 4, 1, 0.5, 1005, {}, ""},
      TrialCreated{{2}, Origin::Searcher, 9, 11, {0}, 1005, {0.02, 3, 1, nan}},
      TrialStarted{{2}, {0}, 0, 0, 0, 1007},
      TrialEnded{{2}, TrialState::Completed, Reason::None, 0.95, 0.01, 5, 0, 3, 0, 0, 1010, {0.94, 0.96}, ""},
      TrialCreated{{3}, Origin::Searcher, 10, 14, {}, 1010, {0.03, 1, 0, 0.5}},
      TrialStarted{{3}, {1}, 0, 0, 0, 1011},
      TrialCreated{{4}, Origin::Searcher, 11, 16, {}, 1012, {0.04, 1, 0, 0.25}},
      Note{"theta", {1.0, 2.0}},
  };
}

inline Study sample_study() {
  Study study(sample_header());
  for (search::Event& event : sample_events()) study.record(std::move(event));
  return study;
}

}  // namespace regatta::log
