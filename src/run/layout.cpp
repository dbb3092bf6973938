#include "regatta/run/layout.hpp"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <thread>

#include "regatta/core/error.hpp"
#include "regatta/core/json.hpp"

namespace regatta::run {
namespace {

using Ranks = std::vector<Rank>;

std::map<std::string, Ranks> ranks_by_host(const std::vector<RankInfo>& ranks) {
  std::map<std::string, Ranks> nodes;
  for (std::size_t i = 0; i < ranks.size(); ++i) nodes[ranks[i].host].push_back(Rank{static_cast<std::int32_t>(i)});
  return nodes;
}

const RankInfo& info(const std::vector<RankInfo>& ranks, Rank rank) {
  return ranks[static_cast<std::size_t>(rank.value)];
}

std::set<std::string> gpus_of(const std::vector<RankInfo>& ranks, const Ranks& node) {
  std::set<std::string> uuids;
  for (const Rank rank : node) uuids.insert(info(ranks, rank).gpu_uuids.begin(), info(ranks, rank).gpu_uuids.end());
  return uuids;
}

/// Whether rank 0's process trains too.
bool rank0_works(const std::vector<RankInfo>& ranks, const LayoutOptions& options) {
  if (options.rank0 != Rank0Choice::Auto) return options.rank0 == Rank0Choice::Yes;
  if (ranks.size() == 1) return true;
  if (options.device == DeviceChoice::Cpu) return false;
  const Ranks node = ranks_by_host(ranks).at(ranks.front().host);
  return node.size() <= gpus_of(ranks, node).size();
}

/// Gives each working rank of a node a GPU: of those that it sees the one with fewest workers, the first of several.
void place_on_gpus(const std::vector<RankInfo>& ranks, const Ranks& workers, const LayoutOptions& options,
                   Layout& layout) {
  std::map<std::string, Ranks> users;
  for (const Rank rank : workers) {
    const auto& uuids = info(ranks, rank).gpu_uuids;
    if (uuids.empty()) continue;
    const auto freest = std::ranges::min_element(uuids, {}, [&](const std::string& uuid) { return users[uuid].size(); });
    Ranks& others = users[*freest];
    if (std::ssize(others) < options.workers_per_gpu) {
      others.push_back(rank);
      layout.gpu[static_cast<std::size_t>(rank.value)] = static_cast<int>(freest - uuids.begin());
    } else {
      require(uuids.size() > 1, "ranks ", others.front().value, " and ", rank.value, " on ", info(ranks, rank).host,
              " both see only GPU ", uuids.front(), "; start ", options.workers_per_gpu == 1 ? "one rank" : "fewer ranks",
              " per GPU, or set gpu.share = ", options.workers_per_gpu + 1, " or more");
    }
  }
}

/// Ranks that work: with GPUs around, only those that got one (the others are spares).
Ranks working_ranks(const std::vector<RankInfo>& ranks, const LayoutOptions& options, Layout& layout) {
  const bool use_gpu = options.device != DeviceChoice::Cpu;
  Ranks working;
  for (const auto& [host, node] : ranks_by_host(ranks)) {
    Ranks candidates;
    for (const Rank rank : node)
      if (rank.value != 0 || rank0_works(ranks, options)) candidates.push_back(rank);
    const bool gpus = use_gpu && !gpus_of(ranks, node).empty();
    if (gpus) place_on_gpus(ranks, candidates, options, layout);
    for (const Rank rank : candidates) {
      const bool has_gpu = layout.gpu[static_cast<std::size_t>(rank.value)] >= 0;
      if (options.device == DeviceChoice::Cuda && !gpus)
        throw Unavailable(concat("workers.device = cuda, but rank ", rank.value, " on ", host, " sees no GPU"));
      (gpus && !has_gpu ? layout.spares : working).push_back(rank);
    }
  }
  std::ranges::sort(working);
  std::ranges::sort(layout.spares);
  return working;
}

/// Takes the ranks that have a share of a divided tree, spread over the nodes: those without other work
/// first, but never rank 0.
void choose_sub_controllers(const LayoutOptions& options, Ranks& working, Layout& layout) {
  for (Ranks* from : {&layout.spares, &working}) {
    const bool rank0 = !from->empty() && from->front().value == 0;
    const std::size_t missing =
        static_cast<std::size_t>(options.sub_controllers) - layout.sub_controllers.size();
    const std::size_t able = from->size() - (rank0 ? 1 : 0), taken = std::min(missing, able);
    for (std::size_t i = taken; i > 0; --i) {
      const auto chosen =
          from->begin() + static_cast<std::ptrdiff_t>((rank0 ? 1 : 0) + (i * able - 1) / taken);
      layout.sub_controllers.push_back(*chosen);
      from->erase(chosen);
    }
  }
  std::ranges::sort(layout.sub_controllers);
}

/// Teams of neighbours: never over two nodes while a node has room for a whole one.
void form_teams(const std::vector<RankInfo>& ranks, const Ranks& working, std::size_t team_size, Layout& layout) {
  std::map<std::string, Ranks> nodes;
  for (const Rank rank : working) nodes[info(ranks, rank).host].push_back(rank);
  Ranks left;
  for (auto& [host, node] : nodes) {
    const std::size_t whole = team_size > node.size() ? 0 : node.size() / team_size * team_size;
    for (std::size_t i = 0; i < whole; i += team_size)
      layout.teams.push_back({Ranks(node.begin() + i, node.begin() + i + team_size)});
    left.insert(left.end(), node.begin() + whole, node.end());
  }
  const std::size_t whole = left.size() / team_size * team_size;
  for (std::size_t i = 0; i < whole; i += team_size)
    layout.teams.push_back({Ranks(left.begin() + i, left.begin() + i + team_size)});
  layout.spares.insert(layout.spares.end(), left.begin() + whole, left.end());
  std::ranges::sort(layout.teams, {}, [](const TeamPlan& team) { return team.ranks.front(); });
}

void add_lanes(int lanes, Layout& layout) {
  const std::vector<TeamPlan> first = layout.teams;
  for (layout.lanes = 1; layout.lanes < lanes; ++layout.lanes)
    for (const TeamPlan& team : first) layout.teams.push_back({team.ranks, layout.lanes});
}

void add_warnings(const std::vector<RankInfo>& ranks, Layout& layout) {
  if (!layout.spares.empty()) {
    std::string list;
    for (const Rank rank : layout.spares) list += (list.empty() ? "" : ", ") + std::to_string(rank.value);
    layout.warnings.push_back("ranks without work (no GPU or no full team left for them): " + list);
  }
  for (const auto& [host, node] : ranks_by_host(ranks)) {
    const std::size_t cores = info(ranks, node.front()).cores.size();
    if (cores == 1 && node.size() > 1 && std::thread::hardware_concurrency() > 1)
      layout.warnings.push_back("ranks on " + host + " are bound to one core each; mpirun --bind-to none lets them use all");
  }
}

void warn_of_cores(const std::vector<RankInfo>& ranks, int cores_per_trial, Layout& layout) {
  std::map<std::string, int> trials;
  for (const TeamPlan& team : layout.teams) ++trials[info(ranks, team.ranks.front()).host];
  for (const auto& [host, count] : trials) {
    const std::size_t cores = info(ranks, ranks_by_host(ranks).at(host).front()).cores.size();
    if (static_cast<std::size_t>(count * cores_per_trial) > cores)
      layout.warnings.push_back(concat(count, " trials at once on ", host, " with workers.cores_per_trial = ", cores_per_trial,
                                       " need more than the ", cores, " cores there"));
  }
}

/// First and last of each run of neighbours: nodes have hundreds of cores.
std::vector<int> runs_of(const std::vector<int>& cores) {
  std::vector<int> runs;
  for (const int core : cores) {
    if (runs.empty() || runs.back() + 1 != core) runs.insert(runs.end(), {core, core});
    runs.back() = core;
  }
  return runs;
}

std::vector<int> cores_in(const std::vector<int>& runs) {
  std::vector<int> cores;
  for (std::size_t i = 0; i + 1 < runs.size(); i += 2)
    for (int core = runs[i]; core <= runs[i + 1]; ++core) cores.push_back(core);
  return cores;
}

}  // namespace

std::string RankInfo::encode() const {
  return Json{{"host", host}, {"cores", runs_of(cores)}, {"uuids", gpu_uuids}, {"names", gpu_names}}.dump();
}

RankInfo RankInfo::decode(const std::string& text) {
  const Json json = Json::parse(text);
  return {json.at("host"), cores_in(json.at("cores")), json.at("uuids"), json.at("names")};
}

WorkerId Layout::team_of(Rank rank) const {
  for (std::size_t i = 0; i < teams.size(); ++i)
    if (std::ranges::find(teams[i].ranks, rank) != teams[i].ranks.end()) return WorkerId{static_cast<std::int32_t>(i)};
  return {};
}

int choose_lanes(const LayoutOptions& options, const std::vector<RankInfo>& ranks,
                 const objective::ObjectiveOptions& objective, const space::Space& space, std::int64_t trials) {
  if (options.lanes > 0) return options.lanes;
  if (options.ranks_per_trial > 1 || options.forms_teams()) return 1;
  const auto has_gpu = [](const RankInfo& rank) { return !rank.gpu_uuids.empty(); };
  const bool on_gpu = options.device != DeviceChoice::Cpu && std::ranges::any_of(ranks, has_gpu);
  const int lanes = objective::make_objective(objective, space)->lanes(on_gpu);
  constexpr std::int64_t each = 8;
  if (trials == 0 || lanes == 1) return lanes;
  LayoutOptions one_each = options;
  one_each.lanes = 1;
  const std::int64_t most = trials / (each * std::ssize(plan_layout(ranks, one_each).teams));
  if (!on_gpu && most < lanes) return 1;  // a processor trains many lanes or none faster
  return static_cast<int>(std::clamp<std::int64_t>(most, 1, lanes));
}

Layout plan_layout(const std::vector<RankInfo>& ranks, const LayoutOptions& options) {
  require(!ranks.empty(), "a job needs a rank");
  require(options.ranks_per_trial >= 1, "workers.ranks_per_trial must be at least 1, got ", options.ranks_per_trial);
  require(options.model_parallel >= 1 && options.pipeline >= 1 && options.ranks_per_trial % options.ranks_per_model() == 0,
          "workers.model_parallel and workers.pipeline must divide workers.ranks_per_trial, got ", options.model_parallel, ", ",
          options.pipeline, " and ", options.ranks_per_trial);
  require(options.lanes == 1 || (options.lanes > 1 && options.ranks_per_trial == 1 && !options.forms_teams()),
          "workers.lanes must be 1 where several ranks train a trial together, got ", options.lanes);
  Layout layout;
  layout.gpu.assign(ranks.size(), -1);
  layout.nodes = static_cast<int>(ranks_by_host(ranks).size());
  Ranks working = working_ranks(ranks, options, layout);
  choose_sub_controllers(options, working, layout);
  require(std::ssize(layout.sub_controllers) == options.sub_controllers,
          "search.controllers = ", options.sub_controllers, " needs as many ranks beside rank 0, got ",
          ranks.size(), " ranks");
  require(!working.empty(), "nobody is left to work: ", ranks.size(), " rank(s), ",
          options.sub_controllers > 0
              ? concat("of which search.controllers = ", options.sub_controllers, " have the tree")
              : std::string("and workers.rank0 = false keeps rank 0 free for steering"),
          "; start more ranks");
  const auto team_size = static_cast<std::size_t>(options.ranks_per_trial);
  const bool joins = options.elastic && working.size() > 1;
  if ((team_size > 1 || options.widest > 1 || joins) && working.front().value == 0) {
    layout.warnings.push_back("rank 0 only steers: its worker thread takes trials of one rank only");
    working.erase(working.begin());
  }
  form_teams(ranks, working, team_size, layout);
  require(!layout.teams.empty(), "workers.ranks_per_trial = ", options.ranks_per_trial, " needs as many working ranks, but only ",
          working.size(), " of ", ranks.size(), " ranks can work (rank 0 steers); start more ranks");
  require(options.widest <= std::ssize(layout.teams), "some trials need ranks_per_trial = ", options.widest,
          " ranks at once, but only ", layout.teams.size(), " of ", ranks.size(), " ranks can work; start more ranks");
  add_lanes(options.lanes, layout);
  add_warnings(ranks, layout);
  warn_of_cores(ranks, options.cores_per_trial, layout);
  return layout;
}

std::map<Rank, std::vector<int>> divide_cores(const std::vector<RankInfo>& ranks, const Layout& layout,
                                              const std::string& host,
                                              const std::function<int(int)>& physical) {
  std::map<std::vector<int>, Ranks> users;  // by mask
  for (const TeamPlan& team : layout.teams)
    for (const Rank rank : team.ranks)
      if (team.lane == 0 && info(ranks, rank).host == host) users[info(ranks, rank).cores].push_back(rank);
  std::map<Rank, std::vector<int>> shares;
  std::set<int> taken;
  for (const auto& [mask, sharing] : users) {
    if (mask.size() < sharing.size()) return {};
    std::vector<int> cores = mask;
    std::ranges::sort(cores, {}, [&](int core) { return std::pair(physical(core), core); });
    for (std::size_t i = 0; i < sharing.size(); ++i) shares[sharing[i]] = share_of(cores, i, sharing.size());
    for (const int core : mask)
      if (!taken.insert(core).second) return {};
  }
  return shares;
}

std::vector<int> share_of(const std::vector<int>& cores, std::size_t part, std::size_t parts) {
  if (cores.size() < parts) return {};
  return {cores.begin() + part * cores.size() / parts, cores.begin() + (part + 1) * cores.size() / parts};
}

std::vector<int> available_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof(mask), &mask) != 0) return {0};
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &mask)) cores.push_back(core);
  return cores;
}

int physical_core(int core) {
  std::ifstream threads(concat("/sys/devices/system/cpu/cpu", core, "/topology/thread_siblings_list"));
  int first = core;
  return threads >> first ? first : core;
}

}  // namespace regatta::run
