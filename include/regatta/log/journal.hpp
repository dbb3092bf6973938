#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "regatta/search/event.hpp"

namespace regatta::log {

/// Encodes an event or header as the payload of one frame, and back. Little-endian, versioned (src/README.md, "journal.bin").
std::vector<std::byte> encode(const search::Event& event);
std::vector<std::byte> encode(const search::StudyHeader& header);
/// @throws InvalidInput  for bytes that are no event
search::Event decode_event(std::span<const std::byte> payload);
search::StudyHeader decode_header(std::span<const std::byte> payload);

/// The append-only log of a study: the truth. One frame per event: magic, length, checksum, payload.
class JournalWriter {
 public:
  /// Starts a new journal with the header as its first frame.
  /// @throws SystemFailure  if the file exists or cannot be written
  static JournalWriter create(const std::filesystem::path& file, const search::StudyHeader& header);
  /// Opens for appending after cutting a torn tail.
  static JournalWriter append(const std::filesystem::path& file);

  JournalWriter(JournalWriter&& other) noexcept;
  JournalWriter& operator=(JournalWriter&& other) noexcept;
  ~JournalWriter();

  /// One write(2) with the frames of all events; when it returns, a kill of this process loses nothing of them.
  /// @throws SystemFailure  disk full, file gone
  void write(std::span<const search::Event> events);
  /// fdatasync: the log's own thread calls it; safe beside write().
  void sync();
  const std::filesystem::path& path() const { return path_; }

 private:
  JournalWriter(std::filesystem::path path, int descriptor);
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// Reads a journal from its start; a torn or damaged tail ends it.
struct JournalContent {
  search::StudyHeader header;
  std::uint64_t events = 0;      ///< read
  std::uint64_t valid_bytes = 0;
  bool torn = false;             ///< bytes after the last whole frame
};
/// Calls `each` for every event in order.
/// @throws InvalidInput  no journal, or one of a newer schema
JournalContent read_journal(const std::filesystem::path& file,
                            const std::function<void(const search::Event&)>& each);

}  // namespace regatta::log
