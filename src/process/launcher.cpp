#include "regatta/process/launcher.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "helper.hpp"
#include "regatta/core/error.hpp"
#include "request.hpp"

namespace regatta::process {
namespace {

[[noreturn]] void fail(const char* what) { throw SystemFailure(concat(what, ": ", std::strerror(errno))); }

constexpr int pipe_size = 1 << 18;  ///< [bytes]

struct Pair {
  Descriptor ours, theirs;
};

/// A pipe that we read.
Pair reading_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("a program's pipe");
  Pair pair{Descriptor(ends[0]), Descriptor(ends[1])};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  ::fcntl(ends[0], F_SETPIPE_SZ, pipe_size);  // a wish: fewer changes between processes when much is printed
  return pair;
}

/// A socket that we write: unlike a pipe it can be written without a signal when nobody reads.
Pair writing_socket() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail("a program's socket");
  Pair pair{Descriptor(ends[0]), Descriptor(ends[1])};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return pair;
}

}  // namespace

bool is_launch_variable(const std::string& name) {
  static const std::array prefixes{"OMPI_", "PMIX_", "PMI_", "PALS_", "SLURM_STEP_"};
  static const std::array names{"SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS", "SLURM_NPROCS",
                                "SLURM_STEPID"};
  return std::ranges::any_of(prefixes, [&](const char* prefix) { return name.starts_with(prefix); }) ||
         std::ranges::find(names, name) != names.end();
}

Launcher::Launcher() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail("the helper's socket");
  socket_ = Descriptor(ends[0]);
  helper_ = ::fork();
  if (helper_ < 0) fail("the helper");
  if (helper_ == 0) serve(ends[1]);
  ::close(ends[1]);
}

/// The first helper waits for those that it has forked.
Launcher::~Launcher() {
  others_.clear();
  socket_.close();
  if (helper_ > 0) ::waitpid(helper_, nullptr, 0);
}

Launcher& Launcher::another() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail("a helper's socket");
  others_.emplace_back(new Launcher(Descriptor(ends[0])));
  const Descriptor theirs(ends[1]);
  Request request;
  request.kind = RequestKind::Fork;
  send(encode(request), {theirs.number()});
  return *others_.back();
}

Channels Launcher::start(const Program& program) {
  require(!running_, "a launcher runs one program at a time");
  Pair input = writing_socket(), out = reading_pipe(), error = reading_pipe(), report = reading_pipe(),
       control = writing_socket();
  Request request;
  request.program = program;
  send(encode(request), {input.theirs.number(), out.theirs.number(), error.theirs.number(),
                         report.theirs.number(), control.theirs.number()});
  running_ = true;
  return {std::move(out.ours), std::move(error.ours), std::move(report.ours), std::move(input.ours),
          std::move(control.ours)};
}

void Launcher::end(double patience, double grace) {
  if (!running_) return;
  Request request;
  request.kind = RequestKind::End;
  request.patience = patience;
  request.grace = grace;
  send(encode(request), {});
}

std::optional<Ending> Launcher::poll() {
  Ending ending;
  const ssize_t size = ::recv(socket_.number(), &ending, sizeof ending, MSG_DONTWAIT);
  if (size == 0) throw SystemFailure("the helper process that starts programs has ended");
  if (size != sizeof ending) return {};
  running_ = false;
  return ending;
}

void Launcher::send(const std::string& request, const std::vector<int>& descriptors) {
  require(request.size() < longest_request, "a program's arguments and variables take ", request.size(),
          " bytes, more than ", longest_request);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * descriptor_count)] = {};
  iovec part{const_cast<char*>(request.data()), request.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof(int) * descriptors.size());
  }
  if (::sendmsg(socket_.number(), &message, MSG_NOSIGNAL) < 0)
    fail("the helper process that starts programs");
}

}  // namespace regatta::process
