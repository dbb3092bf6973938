#pragma once

#include <cstdint>
#include <vector>

#include "regatta/core/random.hpp"

namespace regatta::device {

inline std::vector<float> normal_numbers(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> numbers(count);
  for (float& number : numbers) number = static_cast<float>(random.normal());
  return numbers;
}

}  // namespace regatta::device
