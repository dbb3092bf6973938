#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "regatta/core/random.hpp"

namespace regatta::log {

/// What stands before each payload in the journal.
struct FrameHead {
  std::uint32_t magic = frame_magic;
  std::uint32_t length = 0;    ///< of the payload [bytes]
  std::uint64_t checksum = 0;  ///< of length and payload

  static constexpr std::uint32_t frame_magic = 0x31544752;  ///< "RGT1"
};
static_assert(sizeof(FrameHead) == 16);

/// 64-bit checksum. Each step maps the state one to one, so any change within one 8-byte word is found for
/// certain, and any other with probability 1 - 2^-64.
inline std::uint64_t checksum(std::span<const std::byte> payload) {
  const auto mix = [](std::uint64_t state, std::uint64_t word) {
    state = (state ^ word) * 0x9e3779b97f4a7c15ull;
    return state ^ (state >> 32);
  };
  std::uint64_t state = mix_bits(payload.size());
  while (payload.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, payload.data(), sizeof word);
    state = mix(state, word);
    payload = payload.subspan(sizeof word);
  }
  std::uint64_t last = 0;
  if (!payload.empty()) std::memcpy(&last, payload.data(), payload.size());
  return mix_bits(mix(state, last));
}

/// Appends one frame to `out`; `encode` appends the payload.
template <class Encode>
void append_frame(std::vector<std::byte>& out, const Encode& encode) {
  const std::size_t start = out.size();
  out.resize(start + sizeof(FrameHead));
  encode(out);
  const std::span<const std::byte> payload = std::span(out).subspan(start + sizeof(FrameHead));
  const FrameHead head{.length = static_cast<std::uint32_t>(payload.size()), .checksum = checksum(payload)};
  std::memcpy(out.data() + start, &head, sizeof head);
}

/// The payload of the whole frame at the start of `bytes`, or none.
inline std::optional<std::span<const std::byte>> whole_frame(std::span<const std::byte> bytes) {
  FrameHead head;
  if (bytes.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.magic != FrameHead::frame_magic || head.length > bytes.size() - sizeof head) return std::nullopt;
  const std::span<const std::byte> payload = bytes.subspan(sizeof head, head.length);
  if (checksum(payload) != head.checksum) return std::nullopt;
  return payload;
}

}  // namespace regatta::log
