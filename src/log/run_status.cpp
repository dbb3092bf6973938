#include "regatta/log/run_status.hpp"

#include <signal.h>
#include <sys/types.h>

#include <array>
#include <cerrno>

#include "regatta/core/build_info.hpp"
#include "regatta/core/file.hpp"
#include "regatta/core/json.hpp"

namespace regatta::log {
namespace {

constexpr std::array<std::string_view, 4> state_names = {"RUNNING", "COMPLETE", "INTERRUPTED", "FAILED"};
constexpr double longest_silence = 60;  // [s]; the status is rewritten once a second

}  // namespace

std::string_view name_of(RunState state) { return state_names[static_cast<std::size_t>(state)]; }

std::optional<RunStatus> read_status(const std::filesystem::path& directory) {
  try {
    const Json json = Json::parse(read_file(directory / "status.json"));
    RunStatus status;
    const auto state = json.at("state").get<std::string>();
    for (std::size_t code = 0; code < state_names.size(); ++code)
      if (state == state_names[code]) status.state = static_cast<RunState>(code);
    status.reason = json.at("reason").get<std::string>();
    status.host = json.at("host").get<std::string>();
    status.pid = json.at("pid").get<std::int64_t>();
    status.started = json.at("started_seconds").get<double>();
    status.updated = json.at("updated_seconds").get<double>();
    return status;
  } catch (const std::exception&) {  // a status that cannot be read is no status: the journal is the truth
    return std::nullopt;
  }
}

bool is_alive(const RunStatus& status, double now) {
  if (status.state != RunState::Running) return false;
  if (status.host == host_name()) return ::kill(static_cast<pid_t>(status.pid), 0) == 0 || errno == EPERM;
  return now - status.updated < longest_silence;
}

}  // namespace regatta::log
