#pragma once

#include <cstddef>

#include "regatta/device/lanes.hpp"

namespace regatta::device {

/// Whether a processor trains as many such networks side by side as a vector has numbers faster than one after the other.
bool gains_in_lanes(const Lane& lane);
/// How many that are on this processor.
std::size_t lanes_of_vector();

}  // namespace regatta::device
