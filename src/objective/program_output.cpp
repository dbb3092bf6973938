#include "program_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "regatta/core/error.hpp"

namespace regatta::objective {
namespace {

constexpr std::size_t remembered = 4096;  ///< of the end, in memory [bytes]

/// What cannot be written (a full disk) is lost: the trial matters more than what it prints.
void write_at(int descriptor, std::string_view bytes, std::uint64_t offset) {
  static_cast<void>(::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset)) + 1);
}

}  // namespace

ProgramOutput::ProgramOutput(std::filesystem::path file, std::uint64_t limit)
    : file_(std::move(file)), limit_(limit), head_(limit / 2) {}

ProgramOutput::~ProgramOutput() {
  if (descriptor_.open() && size_ > limit_) put_in_order();
}

void ProgramOutput::add(std::string_view bytes) {
  tail_.append(bytes);
  if (tail_.size() > 2 * remembered) tail_.erase(0, tail_.size() - remembered);
  if (limit_ == 0 || bytes.empty()) return;
  if (size_ == 0)
    descriptor_ = process::Descriptor(::open(file_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (descriptor_.open()) write(bytes);
  size_ += bytes.size();
}

/// Offset `at` of all output lies in the head, or else in the ring behind it.
void ProgramOutput::write(std::string_view bytes) {
  std::uint64_t at = size_;
  const std::uint64_t ring = limit_ - head_;
  while (!bytes.empty()) {
    const std::uint64_t place = at < limit_ ? at : head_ + (at - head_) % ring;
    const std::uint64_t room = limit_ - place;
    const std::string_view part = bytes.substr(0, room);
    write_at(descriptor_.number(), part, place);
    at += part.size();
    bytes.remove_prefix(part.size());
  }
}

void ProgramOutput::put_in_order() {
  const std::uint64_t ring = limit_ - head_, start = (size_ - head_) % ring;
  std::string last(ring, '\0');
  if (::pread(descriptor_.number(), last.data(), ring, static_cast<off_t>(head_)) !=
      static_cast<ssize_t>(ring))
    return;
  std::ranges::rotate(last, last.begin() + static_cast<std::ptrdiff_t>(start));
  const std::string gap = concat("\n[", size_ - limit_, " bytes left out]\n");
  write_at(descriptor_.number(), gap, head_);
  write_at(descriptor_.number(), last, head_ + gap.size());
}

std::string ProgramOutput::last_lines(std::size_t longest) const {
  std::string text = tail_.substr(tail_.size() - std::min(tail_.size(), longest));
  if (text.size() < tail_.size())
    text.erase(0, text.find('\n') + 1);  // no part of a line, where there are whole ones
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  for (char& c : text)
    if (c != '\n' && (c < ' ' || c > '~')) c = '?';
  return text;
}

}  // namespace regatta::objective
