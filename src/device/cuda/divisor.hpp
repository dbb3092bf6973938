#pragma once

#include <bit>
#include <cstdint>

namespace regatta::device::cuda {

struct Division {
  std::uint32_t quotient, remainder;
};

/// A divisor from 1 to 2^31 - 1 that is known before a kernel starts, for numbers below 2^31: they are multiplied and shifted,
/// where a division takes a GPU tens of instructions.
/// @see Granlund and Montgomery 1994, Division by invariant integers using multiplication
class Divisor {
 public:
  constexpr explicit Divisor(std::uint32_t divisor)
      : divisor_(divisor), shift_(31 + static_cast<std::uint32_t>(std::bit_width(divisor_ - 1))),
        factor_(((std::uint64_t{1} << shift_) + divisor_ - 1) / divisor_) {}

  constexpr Division operator()(std::uint32_t number) const {
    const auto quotient = static_cast<std::uint32_t>(number * factor_ >> shift_);
    return {quotient, number - quotient * divisor_};
  }

 private:
  std::uint32_t divisor_, shift_;
  std::uint64_t factor_;  ///< below 2^32
};

}  // namespace regatta::device::cuda
