#include "regatta/log/journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "codec.hpp"
#include "frame.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"

namespace regatta::log {
namespace {

[[noreturn]] void fail(const std::filesystem::path& file, int error) {
  throw SystemFailure(concat("journal ", file.string(), ": ", std::strerror(error)));
}

/// Goes through the whole frames of a file as long as it was when it was opened.
class FrameReader {
 public:
  explicit FrameReader(const std::filesystem::path& file) : file_(file) {
    descriptor_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    require(descriptor_ >= 0, "no journal ", file.string(), ": ", std::strerror(errno));
    struct stat facts {};
    if (::fstat(descriptor_, &facts) == 0) file_size_ = static_cast<std::uint64_t>(facts.st_size);
  }
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;
  ~FrameReader() { ::close(descriptor_); }

  /// The payload of the next frame, valid until the next call; none at the end or where the file is damaged.
  std::optional<std::span<const std::byte>> next() {
    FrameHead head;
    if (!buffered(sizeof head)) return std::nullopt;
    std::memcpy(&head, buffer_.data() + begin_, sizeof head);
    if (head.magic != FrameHead::frame_magic || !buffered(sizeof head + head.length)) return std::nullopt;
    const auto payload = whole_frame(std::span(buffer_).subspan(begin_, end_ - begin_));
    if (!payload) return std::nullopt;
    begin_ += sizeof head + payload->size();
    valid_bytes_ += sizeof head + payload->size();
    return payload;
  }

  search::StudyHeader header() {
    const auto payload = next();
    require(payload.has_value(), file_.string(), " is no journal: it has no whole first record");
    return decode_header(*payload);
  }

  std::uint64_t valid_bytes() const { return valid_bytes_; }
  bool torn() const { return valid_bytes_ < file_size_; }

  /// All bytes after the last whole frame.
  std::vector<std::byte> tail() {
    buffered(file_size_ - valid_bytes_);
    return {buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(end_)};
  }

 private:
  /// Whether `bytes` from the current place on lie in the buffer, after reading more where needed.
  bool buffered(std::uint64_t bytes) {
    if (end_ - begin_ >= bytes) return true;
    if (bytes > file_size_ - valid_bytes_) return false;  // a damaged length must not make us allocate
    std::move(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= std::exchange(begin_, 0);
    buffer_.resize(std::max(bytes, std::min(block, file_size_ - valid_bytes_)));
    while (end_ < bytes && fill()) {
    }
    return end_ >= bytes;
  }

  bool fill() {
    const std::uint64_t left = file_size_ - valid_bytes_ - end_;
    const ssize_t got =
        ::read(descriptor_, buffer_.data() + end_, std::min<std::uint64_t>(left, buffer_.size() - end_));
    if (got < 0 && errno != EINTR) fail(file_, errno);
    if (got > 0) end_ += static_cast<std::size_t>(got);
    return got != 0;
  }

  static constexpr std::uint64_t block = 1u << 20;

  std::filesystem::path file_;
  int descriptor_ = -1;
  std::uint64_t file_size_ = 0;
  std::uint64_t valid_bytes_ = 0;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

bool holds_a_frame(std::span<const std::byte> bytes) {
  for (std::size_t first = 0; first < bytes.size(); ++first)
    if (whole_frame(bytes.subspan(first))) return true;
  return false;
}

// A torn tail is the half of a frame that nobody was promised. Damage with whole frames behind it is another
// matter: what is cut off then stays on disk for people to look at.
void keep_cut_frames(const std::filesystem::path& file, std::span<const std::byte> tail) {
  if (!holds_a_frame(tail)) return;
  replace_file(file.string() + ".cut", {reinterpret_cast<const char*>(tail.data()), tail.size()});
}

}  // namespace

JournalWriter::JournalWriter(std::filesystem::path path, int descriptor, std::uint64_t size)
    : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

JournalWriter::JournalWriter(JournalWriter&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      broken_(other.broken_),
      buffer_(std::move(other.buffer_)) {}

JournalWriter& JournalWriter::operator=(JournalWriter&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  std::swap(broken_, other.broken_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

JournalWriter::~JournalWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

JournalWriter JournalWriter::create(const std::filesystem::path& file, const search::StudyHeader& header) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) fail(file, errno);
  JournalWriter writer(file, descriptor, 0);
  try {
    append_frame(writer.buffer_, [&](std::vector<std::byte>& out) { encode_to(out, header); });
    writer.write_frames();
  } catch (...) {
    ::unlink(file.c_str());
    throw;
  }
  return writer;
}

JournalWriter JournalWriter::append(const std::filesystem::path& file) {
  FrameReader reader(file);
  reader.header();
  while (reader.next()) {
  }
  if (reader.torn()) keep_cut_frames(file, reader.tail());
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor < 0) fail(file, errno);
  JournalWriter writer(file, descriptor, reader.valid_bytes());
  if (reader.torn() && ::ftruncate(descriptor, static_cast<off_t>(writer.size_)) != 0) fail(file, errno);
  return writer;
}

void JournalWriter::write(std::span<const search::Event> events) {
  buffer_.clear();
  for (const search::Event& event : events)
    append_frame(buffer_, [&](std::vector<std::byte>& out) { encode_to(out, event); });
  write_frames();
}

void JournalWriter::write_frames() {
  if (broken_) fail(path_, EIO);
  std::span<const std::byte> rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written > 0) rest = rest.subspan(static_cast<std::size_t>(written));
    if (written > 0 || (written < 0 && errno == EINTR)) continue;
    const int error = written < 0 ? errno : ENOSPC;
    // Half a frame must not lie in front of later ones.
    broken_ = ::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0;
    fail(path_, error);
  }
  size_ += buffer_.size();
}

void JournalWriter::sync() {
  struct stat facts {};
  if (::fstat(descriptor_, &facts) == 0 && facts.st_nlink == 0)
    throw SystemFailure(concat("journal ", path_.string(), ": was removed while its run goes on"));
  if (::fdatasync(descriptor_) != 0 && errno != EINVAL) fail(path_, errno);
}

search::StudyHeader read_header(const std::filesystem::path& file) { return FrameReader(file).header(); }

JournalContent read_journal(const std::filesystem::path& file,
                            const std::function<void(search::Event&&)>& each) {
  FrameReader reader(file);
  JournalContent content;
  content.header = reader.header();
  while (const auto payload = reader.next()) {
    each(decode_event(*payload));
    ++content.events;
  }
  content.valid_bytes = reader.valid_bytes();
  content.torn = reader.torn();
  return content;
}

}  // namespace regatta::log
