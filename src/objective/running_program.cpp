#include "running_program.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <utility>

namespace regatta::objective {

RunningProgram::RunningProgram(process::Launcher& launcher, const process::Program& program,
                               const ReportFormat& format)
    : launcher_(launcher), format_(format), channels_(launcher.start(program)) {}

bool RunningProgram::wait(double seconds) {
  ready_ = poll(seconds);
  return ready_.any();
}

RunningProgram::Ready RunningProgram::poll(double seconds) const {
  std::array watched{pollfd{channels_.out.number(), POLLIN, 0}, pollfd{channels_.error.number(), POLLIN, 0},
                     pollfd{channels_.report.number(), POLLIN, 0},
                     pollfd{ending_ ? -1 : launcher_.descriptor(), POLLIN, 0}};
  const timespec time{static_cast<time_t>(seconds), static_cast<long>(1e9 * (seconds - std::floor(seconds)))};
  Ready ready;
  if (::ppoll(watched.data(), watched.size(), &time, nullptr) <= 0) return ready;
  for (std::size_t i = 0; i < watched.size(); ++i) ready[i] = watched[i].revents != 0;
  return ready;
}

void RunningProgram::read(const Take& take) {
  constexpr int at_once = 16;  // blocks of each descriptor
  const Ready ready = ready_.any() ? std::exchange(ready_, {}) : poll(0);
  Ready more = ready;
  for (int i = 0; i < at_once && more.any(); ++i) more = read_some(more, take);
  if (!ready[3] || ending_) return;
  ending_ = launcher_.poll();
  if (!ending_) return;
  more = poll(0);  // everything that could write has ended: what is left fills no more than the pipes
  while (more.any()) more = read_some(more, take);
  const auto last = [&](std::string_view line) { take_line(line, take); };
  out_.flush(last);
  error_.flush(last);
}

void RunningProgram::take_line(std::string_view line, const Take& take) const {
  if (const auto message = format_.read(line)) take(*message);
}

RunningProgram::Ready RunningProgram::read_some(Ready ready, const Take& take) {
  const auto printed = [&](std::string_view line) { take_line(line, take); };
  const auto reported = [&](std::string_view line) {
    aware_ = true;
    if (const auto message = read_json(std::string(line))) take(*message);
  };
  Ready more;
  more[0] = ready[0] && read_block(channels_.out, out_, printed);
  more[1] = ready[1] && read_block(channels_.error, error_, printed);
  more[2] = ready[2] && read_block(channels_.report, report_, reported);
  return more;
}

bool RunningProgram::read_block(process::Descriptor& from, LineSplitter& lines,
                                const std::function<void(std::string_view)>& line) {
  std::array<char, 65536> block;
  const ssize_t size = ::read(from.number(), block.data(), block.size());
  if (size == 0) from.close();  // by the program
  if (size <= 0) return false;
  const std::string_view bytes(block.data(), static_cast<std::size_t>(size));
  if (&from != &channels_.report) output_->add(bytes);
  lines.feed(bytes, line);
  return bytes.size() == block.size();
}

void RunningProgram::write_input(std::string_view text) {
  static_cast<void>(::send(channels_.input.number(), text.data(), text.size(), MSG_NOSIGNAL) + 1);
}

void RunningProgram::tell(std::string_view word) {
  const std::string line = std::string(word) + "\n";
  static_cast<void>(::send(channels_.control.number(), line.data(), line.size(), MSG_NOSIGNAL) + 1);
}

}  // namespace regatta::objective
