#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "regatta/core/id.hpp"
#include "regatta/objective/objective.hpp"

namespace regatta::run {

/// What one rank says of itself at the start.
struct RankInfo {
  std::string host;
  std::vector<int> cores;              ///< of its affinity mask, as the system numbers them, ascending
  std::vector<std::string> gpu_uuids;  ///< that it sees, in its own numbering
  std::vector<std::string> gpu_names;

  std::string encode() const;
  static RankInfo decode(const std::string& text);
};

enum class DeviceChoice { Auto, Cpu, Cuda };
enum class Rank0Choice { Auto, Yes, No };

struct LayoutOptions {
  DeviceChoice device = DeviceChoice::Auto;
  Rank0Choice rank0 = Rank0Choice::Auto;
  int ranks_per_trial = 1;
  int model_parallel = 1;  ///< ranks of a team that hold the parts of one model
  int pipeline = 1;        ///< ranks of a team that hold consecutive layers of one model; not with model_parallel
  int widest = 0;        ///< ranks of a trial at most, where each trial says how many it takes; 0: none does
  bool elastic = false;  ///< ranks without a trial join those of others
  int workers_per_gpu = 1;  ///< at most
  int cores_per_trial = 0;  ///< of its program; 0: the share of its ranks
  bool bind_cores = true;   ///< whether programs keep to their cores
  int lanes = 1;            ///< trials at once on each rank, where a team is one rank; 0: see choose_lanes()
  int sub_controllers = 0;  ///< ranks that have a share of a divided tree

  int ranks_per_model() const { return model_parallel * pipeline; }  ///< divides ranks_per_trial
  bool forms_teams() const { return widest > 0 || elastic; }  ///< for each trial, of ranks that are workers
};

/// A team: the ranks that train one trial together, its leader first. Rank 0 stands for rank 0's worker thread.
struct TeamPlan {
  std::vector<Rank> ranks;
  int lane = 0;  ///< of its rank, where that trains several trials at once
};

/// Who does what, found from the table of all ranks: the same on every rank.
struct Layout {
  std::vector<TeamPlan> teams;       ///< by WorkerId; lane 0 of all ranks first, so that few trials spread over all
  int lanes = 1;                     ///< of each rank that works
  std::vector<int> gpu;              ///< by rank: ordinal in the rank's own numbering, -1: none
  std::vector<Rank> spares;          ///< ranks without work
  std::vector<Rank> sub_controllers; ///< ranks that have a share of a divided tree, by number
  std::vector<std::string> warnings;
  int nodes = 1;

  /// The team of a rank (of its lane 0), or an invalid id for spares and a rank 0 that only steers.
  WorkerId team_of(Rank rank) const;
};

/// How many lanes the ranks have: what the options say, or where they leave it open the objective, as far as each lane gets
/// several trials to train: those at work do not learn from each other.
/// @param trials  of the study; 0: no limit
/// @throws InvalidInput, Unavailable  as plan_layout()
int choose_lanes(const LayoutOptions& options, const std::vector<RankInfo>& ranks,
                 const objective::ObjectiveOptions& objective, const space::Space& space, std::int64_t trials);

/// @param options  with the number of lanes chosen
/// @throws InvalidInput  more than `workers_per_gpu` ranks on one GPU, teams that do not fit, nobody left to work: names ranks and option
/// @throws Unavailable   device = cuda where some worker has none
Layout plan_layout(const std::vector<RankInfo>& ranks, const LayoutOptions& options);

/// The cores that each working rank of a node has for itself: those of its affinity mask, divided among the ranks that have
/// the same one (lanes of a rank divide its own). None where there are fewer cores than ranks, or masks overlap otherwise.
/// @param physical  the physical core of a core that the system numbers: those of one are given away together
std::map<Rank, std::vector<int>> divide_cores(const std::vector<RankInfo>& ranks, const Layout& layout,
                                              const std::string& host,
                                              const std::function<int(int)>& physical);

/// One of `parts` shares of these cores, of about the same size; empty where there are fewer cores than shares.
std::vector<int> share_of(const std::vector<int>& cores, std::size_t part, std::size_t parts);

/// The cores in this process's affinity mask, ascending.
std::vector<int> available_cores();
/// The first of the cores of this machine that are hardware threads of the same physical core.
int physical_core(int core);

}  // namespace regatta::run
