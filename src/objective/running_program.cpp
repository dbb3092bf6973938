#include "running_program.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace regatta::objective {

RunningProgram::RunningProgram(process::Launcher& launcher, const process::Program& program,
                               const ReportFormat& format)
    : launcher_(launcher), format_(format), channels_(launcher.start(program)) {}

bool RunningProgram::ready() const {
  std::array watched{pollfd{channels_.out.number(), POLLIN, 0}, pollfd{channels_.error.number(), POLLIN, 0},
                     pollfd{channels_.report.number(), POLLIN, 0},
                     pollfd{ending_ ? -1 : launcher_.descriptor(), POLLIN, 0}};
  return ::poll(watched.data(), watched.size(), 0) > 0;
}

void RunningProgram::read(const Take& take) {
  constexpr int at_once = 16;  // blocks of each descriptor
  for (int i = 0; i < at_once; ++i)
    if (!read_all(take)) break;
  if (ending_) return;
  ending_ = launcher_.poll();
  if (!ending_) return;
  while (
      read_all(take)) {  // everything that could write has ended: what is left fills no more than the pipes
  }
  const auto last = [&](std::string_view line) {
    if (const auto message = format_.read(line)) take(*message);
  };
  out_.flush(last);
  error_.flush(last);
}

bool RunningProgram::read_all(const Take& take) {
  const auto printed = [&](std::string_view line) {
    if (const auto message = format_.read(line)) take(*message);
  };
  const auto reported = [&](std::string_view line) {
    if (const auto message = read_json(std::string(line))) take(*message);
  };
  const bool out = read_some(channels_.out, out_, printed),
             error = read_some(channels_.error, error_, printed);
  const bool report = read_some(channels_.report, report_, reported);
  aware_ = aware_ || report;
  return out || error || report;
}

bool RunningProgram::read_some(process::Descriptor& from, LineSplitter& lines,
                               const std::function<void(std::string_view)>& line) {
  if (!from.open()) return false;
  std::array<char, 65536> block;
  const ssize_t size = ::read(from.number(), block.data(), block.size());
  if (size == 0) from.close();  // by the program
  if (size <= 0) return false;
  const std::string_view bytes(block.data(), static_cast<std::size_t>(size));
  if (&from != &channels_.report) output_->add(bytes);
  lines.feed(bytes, line);
  return true;
}

void RunningProgram::write_input(std::string_view text) {
  static_cast<void>(::send(channels_.input.number(), text.data(), text.size(), MSG_NOSIGNAL) + 1);
}

void RunningProgram::tell(std::string_view word) {
  const std::string line = std::string(word) + "\n";
  static_cast<void>(::send(channels_.control.number(), line.data(), line.size(), MSG_NOSIGNAL) + 1);
}

}  // namespace regatta::objective
