#pragma once

#include <cstdint>

#include "regatta/core/random.hpp"

// Which elements dropout drops. One source for the host and the device: a constexpr function may be called
// from a CUDA kernel (--expt-relaxed-constexpr).
namespace regatta::device {

/// The stream of one sample: once per row. Low and high half seed the two rounds of dropout_hash.
constexpr std::uint64_t dropout_row(std::uint64_t key, std::uint64_t sample) {
  return mix_bits(key ^ mix_bits(sample));
}

/// 32 bits for one unit of the row; 32-bit multiplications only, because those run in vectors everywhere.
/// @see Appleby, MurmurHash3, 32-bit finaliser
constexpr std::uint32_t dropout_hash(std::uint64_t row, std::uint32_t unit) {
  std::uint32_t h = static_cast<std::uint32_t>(row) + unit * 0x9e3779b9u;
  h = (h ^ (h >> 16)) * 0x85ebca6bu;
  h = (h ^ (h >> 13)) * 0xc2b2ae35u;
  h ^= (h >> 16) ^ static_cast<std::uint32_t>(row >> 32);
  h = (h ^ (h >> 15)) * 0x2c1b3c6du;
  return h ^ (h >> 16);
}

/// An element is dropped when its hash is below this.
constexpr std::uint32_t dropout_threshold(float rate) {
  return static_cast<std::uint32_t>(static_cast<double>(rate) * 4294967296.0);
}

/// What an element is multiplied with: 0 or 1/(1-rate).
constexpr float dropout_factor(std::uint64_t row, std::uint32_t unit, std::uint32_t threshold, float scale) {
  return dropout_hash(row, unit) < threshold ? 0.0f : scale;
}

}  // namespace regatta::device
