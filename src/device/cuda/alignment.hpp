#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace regatta::device::cuda {

/// Whether all blocks lie where four numbers can be moved at once.
inline bool are_aligned(std::initializer_list<const float*> blocks) {
  constexpr std::size_t four = 4 * sizeof(float);
  return std::ranges::all_of(blocks, [](const float* block) { return reinterpret_cast<std::uintptr_t>(block) % four == 0; });
}

}  // namespace regatta::device::cuda
