#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "regatta/process/descriptor.hpp"

namespace regatta::objective {

/// Keeps what a trial's program prints: the whole in a file that is made at the first byte, and of more than
/// `limit` bytes the first half and the last half. The end is also kept in memory, for messages.
class ProgramOutput {
 public:
  /// @param limit  [bytes]; 0: no file
  ProgramOutput(std::filesystem::path file, std::uint64_t limit);
  ProgramOutput(const ProgramOutput&) = delete;
  ProgramOutput& operator=(const ProgramOutput&) = delete;
  ~ProgramOutput();  ///< puts the ring of the last half in order

  void add(std::string_view bytes);
  /// The last lines, of at most `longest` bytes: printable ASCII, everything else as '?'.
  std::string last_lines(std::size_t longest) const;
  const std::filesystem::path& file() const { return file_; }

 private:
  void write(std::string_view bytes);
  void put_in_order();

  std::filesystem::path file_;
  std::uint64_t limit_, head_;
  std::uint64_t size_ = 0;  ///< of all that came
  std::string tail_;
  process::Descriptor descriptor_;
};

}  // namespace regatta::objective
