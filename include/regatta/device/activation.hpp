#pragma once

#include <cstdint>

namespace regatta::device {

enum class Activation : std::int32_t { Identity, Relu, Tanh, Gelu, Sigmoid };

}  // namespace regatta::device
