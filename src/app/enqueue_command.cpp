#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "commands.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/json.hpp"
#include "regatta/log/journal.hpp"
#include "regatta/log/study_reader.hpp"

namespace regatta::app {
namespace {

/// @throws InvalidInput  nobody would take a configuration up any more
void check_runs(const std::filesystem::path& directory) {
  const auto status = log::read_status(directory);
  require(status.has_value(), directory.string(), " has no status.json: no run has started there");
  require(status->state == log::RunState::Running, "the run in ", directory.string(), " is over (",
          log::name_of(status->state), "): nobody would try another configuration");
  require(log::is_alive(*status, wall_time()), "the run in ", directory.string(), " has died (process ",
          status->pid, " on ", status->host, "): nobody would try another configuration");
}

std::vector<std::pair<std::string, std::string>> read_values(const std::vector<std::string>& operands) {
  std::vector<std::pair<std::string, std::string>> values;
  for (std::size_t i = 1; i < operands.size(); ++i) {
    const std::size_t equals = operands[i].find('=');
    require(equals != std::string::npos, "expected NAME=VALUE, got '", operands[i], "'");
    values.emplace_back(operands[i].substr(0, equals), operands[i].substr(equals + 1));
  }
  return values;
}

Json json_of(const space::Space& space, const space::Config& config) {
  Json object = Json::object();
  for (std::size_t i = 0; i < space.size(); ++i)
    std::visit(
        [&]<class T>(const T& value) {
          if constexpr (!std::is_same_v<T, std::monostate>) object[space.parameters()[i].name] = value;
        },
        space.value(config, i));
  return object;
}

/// One write, so that two who enqueue at once do not mix their lines.
void append_line(const std::filesystem::path& file, const std::string& line) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  const ssize_t written = descriptor < 0 ? -1 : ::write(descriptor, line.data(), line.size());
  const std::string reason = std::strerror(errno);
  if (descriptor >= 0) ::close(descriptor);
  if (written != static_cast<ssize_t>(line.size()))
    throw SystemFailure(concat("cannot write ", file.string(), ": ", reason));
}

}  // namespace

int enqueue_command(const Arguments& arguments) {
  const std::filesystem::path directory = arguments.operands.front();
  const space::Space space = log::space_of(log::read_header(directory / "journal.bin"));
  const space::Config config = space.read(read_values(arguments.operands));
  check_runs(directory);
  append_line(directory / "enqueue.jsonl", json_of(space, config).dump() + "\n");
  std::cout << "enqueued: " << space.text(config) << "\n";
  return 0;
}

}  // namespace regatta::app
