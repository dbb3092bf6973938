#include "regatta/core/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "regatta/core/build_info.hpp"
#include "regatta/core/error.hpp"

namespace regatta {
namespace {

[[noreturn]] void fail(const std::string& what, const std::filesystem::path& path) {
  throw SystemFailure(concat(what, " ", path.string(), ": ", std::strerror(errno)));
}

class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (fd_ < 0) fail("cannot open", path);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

void write_all(int fd, std::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write", path);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

void sync_path(const std::filesystem::path& path, int flags) {
  const Descriptor file(path, flags);
  if (::fsync(file.get()) != 0 && errno != EINVAL) fail("cannot sync", path);
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) fail("cannot open", path);
  std::ostringstream text;
  text << stream.rdbuf();
  if (stream.bad()) fail("cannot read", path);
  return std::move(text).str();
}

std::filesystem::path temporary_name(const std::filesystem::path& path) {
  return path.parent_path() / concat(".", path.filename().string(), ".", host_name(), ".", ::getpid(), ".tmp");
}

void commit_file(const std::filesystem::path& temporary, const std::filesystem::path& path, bool sync) {
  if (sync) sync_path(temporary, O_RDONLY);
  if (std::rename(temporary.c_str(), path.c_str()) != 0) fail("cannot rename a new file to", path);
  if (sync) sync_path(path.has_parent_path() ? path.parent_path() : ".", O_RDONLY | O_DIRECTORY);
}

void replace_file(const std::filesystem::path& path, std::string_view content, bool sync) {
  const std::filesystem::path temporary = temporary_name(path);
  {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    write_all(file.get(), content, temporary);
  }
  commit_file(temporary, path, sync);
}

std::string fingerprint(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
  return digits.data();
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

}  // namespace regatta
