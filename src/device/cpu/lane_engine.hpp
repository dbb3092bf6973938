#pragma once

#include <memory>

#include "regatta/device/lanes.hpp"

namespace regatta::device {

std::unique_ptr<LaneEngine> make_cpu_lane_engine();

}  // namespace regatta::device
