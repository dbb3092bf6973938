#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "regatta/log/run_log.hpp"
#include "regatta/objective/objective.hpp"
#include "regatta/run/checkpoint.hpp"
#include "regatta/run/layout.hpp"
#include "regatta/schedule/scheduler.hpp"
#include "regatta/search/searcher.hpp"
#include "regatta/space/space.hpp"

namespace regatta::app {

/// Everything that an input file and the command line say, checked and with the defaults filled in.
struct StudyInputs {
  std::filesystem::path source;  ///< the input file
  std::string used;  ///< everything in force as an input file, with comments for what it does not say itself
  std::string fingerprint;  ///< of what must not change between restarts

  std::string name;
  std::string metric;
  bool maximize = false;
  std::int64_t trials = 0;  ///< 0: no limit
  std::int64_t max_failures = 0;  ///< 0: no limit
  double walltime = 0;      ///< [s]; 0: none
  std::uint64_t seed = 0;

  space::Space space;
  objective::ObjectiveOptions objective;
  std::vector<space::Config> user_trials;

  search::SearcherOptions searcher;
  bool deterministic = false;
  int ahead = 0;  ///< 0: auto
  double time_limit = 10;  ///< of one proposal [s]
  double incumbent_interval = 1;  ///< [s]
  int batch = 1;
  schedule::SchedulerOptions scheduler;
  run::CheckpointOptions checkpoints;

  run::LayoutOptions layout;
  int prefetch = -1;  ///< -1: auto
  int in_flight = 0;  ///< trials at once; 0: all, -1: auto
  bool move_stragglers = false;

  log::RunLogOptions log;
  int verbosity = 1;
  std::optional<bool> progress;  ///< none: auto
};

/// Whether files that the inputs name (data, initial trials) are opened. Trust is for ranks that get the used
/// inputs of rank 0, which has checked everything and filled in what follows from files.
enum class NamedFiles { Check, Trust };

/// @param text  of an input file
/// @param file  where it was read: for messages, the default name of the study and relative paths
/// @throws InvalidInputs  with everything that is wrong, in the order of the lines
StudyInputs parse_inputs(std::string_view text, const std::filesystem::path& file,
                         std::span<const Override> overrides = {}, NamedFiles files = NamedFiles::Check);

/// @throws InvalidInputs  also when the file cannot be read
StudyInputs read_inputs(const std::filesystem::path& file, std::span<const Override> overrides = {});

}  // namespace regatta::app
