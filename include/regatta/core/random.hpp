#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>

namespace regatta {

/// Mixes 64 bits so that every input bit changes every output bit with probability 1/2.
/// @see Steele, Lea, Flood (2014), Fast splittable pseudorandom number generators (SplitMix64 finaliser)
constexpr std::uint64_t mix_bits(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// A seed for stream `key` of the run or trial with seed `seed`; streams of different keys are independent.
constexpr std::uint64_t derive_seed(std::uint64_t seed, std::uint64_t key) {
  return mix_bits(mix_bits(seed) ^ (key * 0xd1342543de82ef95ull + 1));
}

/// A seed below 2^31 for other programs: all their random generators take it.
constexpr std::uint64_t portable_seed(std::uint64_t seed) { return seed >> 33; }

/// Random numbers that are the same on every platform and compiler, unlike the distributions of <random>.
/// xoshiro256++ of Blackman and Vigna (2021), Scrambled linear pseudorandom number generators.
class Random {
 public:
  constexpr explicit Random(std::uint64_t seed) {
    for (auto& word : state_) word = seed = mix_bits(seed);
  }
  Random(std::uint64_t seed, std::uint64_t key) : Random(derive_seed(seed, key)) {}

  constexpr std::uint64_t bits() {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, 1), 53 random bits.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

  /// Uniform integer in [0, n), n > 0 (bias below n / 2^64).
  constexpr std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>((static_cast<Wide>(bits()) * n) >> 64);
  }

  /// Standard normal (Box-Muller; one of the pair is thrown away so that the stream has no hidden state).
  double normal() {
    const double u = 1.0 - uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * uniform());
  }

  /// Fisher-Yates shuffle in place. Constexpr, so that kernels may call it.
  template <class T>
  constexpr void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  __extension__ typedef unsigned __int128 Wide;
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace regatta
