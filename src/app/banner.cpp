#include "banner.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "regatta/core/build_info.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/text.hpp"
#include "regatta/device/devices.hpp"
#include "regatta/h5/file.hpp"
#include "regatta/log/study_reader.hpp"

namespace regatta::app {
namespace {

/// "4 nodes x 4 NVIDIA H200" is enough for people: one line per kind of node, not per rank.
Facts node_facts(const run::JobFacts& job) {
  struct Node {
    int ranks = 0;
    std::size_t cores = 0;
    std::map<std::string, std::string> gpus;  ///< uuid -> name
  };
  std::map<std::string, Node> nodes;
  for (const run::RankInfo& rank : job.ranks) {
    Node& node = nodes[rank.host];
    ++node.ranks;
    node.cores = std::max(node.cores, rank.cores.size());
    for (std::size_t i = 0; i < rank.gpu_uuids.size(); ++i) node.gpus[rank.gpu_uuids[i]] = rank.gpu_names[i];
  }
  std::map<std::string, std::vector<std::string>> kinds;  ///< description -> hosts
  for (const auto& [host, node] : nodes) {
    const std::string gpus =
        node.gpus.empty() ? "no GPU" : concat(node.gpus.size(), " x ", node.gpus.begin()->second);
    kinds[concat(node.ranks, " ranks, ", node.cores, " cores per rank, ", gpus)].push_back(host);
  }
  Facts facts;
  constexpr std::size_t shown = 4;  // hosts named before "and N more"
  for (auto& [text, hosts] : kinds) {
    const std::size_t more = hosts.size() > shown ? hosts.size() - shown : 0;
    if (more > 0) hosts.resize(shown);
    facts.emplace_back("nodes", concat(hosts.size() + more, " (", join(hosts, ", "),
                                       more > 0 ? concat(" and ", more, " more") : "", "): ", text));
  }
  return facts;
}

std::string layout_text(const run::JobFacts& job) {
  const std::size_t team = job.layout.teams.front().ranks.size();
  const bool rank0 = job.layout.team_of(Rank{0}).valid();
  const std::size_t workers = job.layout.teams.size(), lanes = static_cast<std::size_t>(job.layout.lanes);
  return concat(job.ranks.size(), " ranks: ", workers, " workers",
                lanes > 1 ? concat(": ", workers / lanes, workers == lanes ? " rank x " : " ranks x ", lanes, " lanes") : "",
                team > 1 ? concat(" of ", team, " ranks") : "", rank0 ? ", rank 0 steers and trains" : ", rank 0 steers",
                job.layout.sub_controllers.empty() ? ""
                                                   : concat(", ", job.layout.sub_controllers.size(), " share the tree"));
}

Facts environment_facts() {
  Facts facts;
  for (const char* name : {"CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "HDF5_USE_FILE_LOCKING", "SLURM_RESTART_COUNT"})
    if (const char* value = std::getenv(name)) facts.emplace_back("environment", concat(name, "=", value));
  return facts;
}

void append(Facts& facts, const Facts& more) { facts.insert(facts.end(), more.begin(), more.end()); }

}  // namespace

Facts software_facts(const comm::Session* session) {
  const BuildInfo& build = build_info();
  return {{"version", build.version},
          {"git_commit", build.git_commit},
          {"build_type", build.build_type},
          {"compiler", build.compiler},
          {"compiler_flags", build.flags},
          {"cuda_compiler", build.cuda_compiler},
          {"cuda", device::cuda_status()},
          {"mpi_library", session ? concat(session->library(), ", threads ", session->thread_level()) : "not started"},
          {"hdf5_version", h5::library_version()},
          {"blas", device::blas_name()}};
}

std::string banner_text(const run::StudyPlan& plan, const run::JobFacts& job, const StudyInputs& inputs,
                        const std::string& deadline_source) {
  Facts facts;
  append(facts, plan.header.software);
  append(facts, node_facts(job));
  facts.emplace_back("layout", layout_text(job));
  if (job.lanes) facts.emplace_back("lanes", log::lanes_text(*job.lanes));
  facts.emplace_back("launcher", concat(plan.job.launcher, plan.job.job_id.empty() ? "" : ", job " + plan.job.job_id));
  append(facts, environment_facts());
  facts.emplace_back("command", plan.job.command_line);
  facts.emplace_back("input", concat(inputs.source.string(), " (", inputs.fingerprint, ")"));
  facts.emplace_back("search", concat(plan.header.searcher, " over ", plan.space.size(), " parameters, scheduler ",
                                      plan.header.scheduler, ", seed ", plan.header.seed));
  facts.emplace_back("budget", concat(plan.controller.trials > 0 ? std::to_string(plan.controller.trials) : "unlimited",
                                      " trials, ", plan.user_trials.size(), " of them given by the user"));
  facts.emplace_back("goal", concat(plan.header.maximize ? "maximize " : "minimize ", plan.header.metric));
  facts.emplace_back("deadline", plan.deadline > 0 ? concat(iso_time(plan.deadline), " (", deadline_source, ")") : "none");
  facts.emplace_back("results in", plan.log.directory.string());
  facts.emplace_back("started", iso_time(wall_time()));

  std::string text = concat("Regatta ", build_info().version, " (", build_info().git_commit, ")\n");
  for (const auto& [name, value] : facts)
    if (name != "version" && name != "git_commit") text += concat("  ", name, std::string(16 - std::min<std::size_t>(15, name.size()), ' '), value, "\n");
  if (const std::string slow = device::blas_warning(); !slow.empty()) text += "warning: " + slow + "\n";
  for (const std::string& warning : job.layout.warnings) text += "warning: " + warning + "\n";
  return text;
}

}  // namespace regatta::app
