#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "regatta/search/event.hpp"

namespace regatta::log {

/// Encodes an event or header as the payload of one frame, and back. Little-endian, versioned (src/README.md,
/// "journal.bin").
std::vector<std::byte> encode(const search::Event& event);
std::vector<std::byte> encode(const search::StudyHeader& header);
/// @throws InvalidInput  for bytes that are no event, or a header of a newer schema
search::Event decode_event(std::span<const std::byte> payload);
search::StudyHeader decode_header(std::span<const std::byte> payload);

/// The append-only log of a study: the truth. One frame per event: magic, length, checksum, payload.
class JournalWriter {
 public:
  /// Starts a new journal with the header as its first frame.
  /// @throws SystemFailure  if the file exists or cannot be written
  static JournalWriter create(const std::filesystem::path& file, const search::StudyHeader& header);
  /// Opens for appending after cutting a torn tail. Where whole frames follow the damage, the cut bytes are
  /// kept in `FILE.cut`.
  /// @throws InvalidInput   no journal
  /// @throws SystemFailure  it cannot be written
  static JournalWriter append(const std::filesystem::path& file);

  JournalWriter(JournalWriter&& other) noexcept;
  JournalWriter& operator=(JournalWriter&& other) noexcept;
  ~JournalWriter();

  /// One write(2) with the frames of all events; when it returns, a kill of this process loses nothing of
  /// them. When it throws, none of them is in the file.
  /// @throws SystemFailure  disk full, file gone
  void write(std::span<const search::Event> events);
  /// fdatasync: the log's own thread calls it; safe beside write().
  void sync();
  const std::filesystem::path& path() const { return path_; }

 private:
  JournalWriter(std::filesystem::path path, int descriptor, std::uint64_t size);
  void write_frames();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;         ///< bytes of whole frames in the file
  bool broken_ = false;            ///< half a frame could not be cut off: nothing may follow it
  std::vector<std::byte> buffer_;  ///< kept between calls
};

/// What a journal held when it was read.
struct JournalContent {
  search::StudyHeader header;
  std::uint64_t events = 0;       ///< read
  std::uint64_t valid_bytes = 0;  ///< up to the end of the last whole frame
  bool torn = false;              ///< bytes after the last whole frame: damage, or a write that is under way
};

/// Reads the first frame only.
/// @throws InvalidInput   no journal, or one of a newer schema
search::StudyHeader read_header(const std::filesystem::path& file);

/// Reads a journal from its start and calls `each` for every event in order; a torn or damaged frame ends it.
/// @throws InvalidInput  no journal, or one of a newer schema
JournalContent read_journal(const std::filesystem::path& file,
                            const std::function<void(search::Event&&)>& each);

}  // namespace regatta::log
