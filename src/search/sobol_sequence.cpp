#include "regatta/search/sobol_sequence.hpp"

#include <bit>
#include <boost/random/sobol.hpp>
#include <cassert>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"

namespace regatta::search {
namespace {

using Table = boost::random::default_sobol_table;
using Directions = std::array<std::uint32_t, SobolSequence::bit_count>;

constexpr int last_bit = SobolSequence::bit_count - 1;

/// Direction numbers v_j = m_j 2^(31-j) of one coordinate from its primitive polynomial of degree s and its
/// first m_j: m_j = m_(j-s) ^ XOR over i = 1..s of a_i 2^i m_(j-i), with a_s = 1. Bratley and Fox (1988),
/// Algorithm 659.
Directions directions_of(std::size_t dimension) {
  Directions m;
  m.fill(1);
  if (dimension > 0) {
    const unsigned polynomial = Table::polynomial(dimension - 1);
    const std::size_t degree = static_cast<std::size_t>(std::bit_width(polynomial)) - 1;
    for (std::size_t j = 0; j < degree; ++j) m[j] = Table::minit(dimension - 1, j);
    for (std::size_t j = degree; j < m.size(); ++j) {
      m[j] = m[j - degree];
      for (std::size_t i = 1; i <= degree; ++i)
        if ((polynomial >> (degree - i)) & 1u) m[j] ^= m[j - i] << i;
    }
  }
  for (int j = 0; j <= last_bit; ++j) m[static_cast<std::size_t>(j)] <<= last_bit - j;
  return m;
}

[[gnu::always_inline]] inline std::uint32_t reverse_bits(std::uint32_t x) {
  x = ((x & 0x55555555u) << 1) | ((x >> 1) & 0x55555555u);
  x = ((x & 0x33333333u) << 2) | ((x >> 2) & 0x33333333u);
  x = ((x & 0x0f0f0f0fu) << 4) | ((x >> 4) & 0x0f0f0f0fu);
  x = ((x & 0x00ff00ffu) << 8) | ((x >> 8) & 0x00ff00ffu);
  return std::rotl(x, 16);
}

/// Nested uniform scrambling: on the reversed bits, sums and products by even numbers let a bit change only
/// the bits above it. Laine and Karras (2011), Stratified sampling for stochastic transparency, with Burley's
/// constants.
[[gnu::always_inline]] inline std::uint32_t scrambled(std::uint32_t x, std::uint32_t key) {
  x = reverse_bits(x);
  x += key;
  x ^= x * 0x6c50b47cu;
  x ^= x * 0xb82f1e52u;
  x ^= x * 0xc7afe638u;
  x ^= x * 0x8d22f6e6u;
  return reverse_bits(x);
}

double middle_of(std::uint32_t bits) { return (bits + 0.5) * 0x1p-32; }

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void scramble(std::uint32_t* numbers,
                                                                                    std::size_t count,
                                                                                    std::uint32_t key) {
  for (std::size_t i = 0; i < count; ++i) numbers[i] = scrambled(numbers[i], key);
}

}  // namespace

std::size_t SobolSequence::max_dimensions() { return Table::max_dimension; }

SobolSequence::SobolSequence(std::size_t dimensions) {
  require(dimensions <= max_dimensions(), "the Sobol sequence has at most ", max_dimensions(),
          " dimensions, got ", dimensions);
  directions_.reserve(dimensions);
  for (std::size_t d = 0; d < dimensions; ++d) directions_.push_back(directions_of(d));
}

SobolSequence::SobolSequence(std::size_t dimensions, std::uint64_t seed) : SobolSequence(dimensions) {
  scramble_.reserve(dimensions);
  for (std::size_t d = 0; d < dimensions; ++d)
    scramble_.push_back(static_cast<std::uint32_t>(derive_seed(seed, d) >> 32));
}

void SobolSequence::point(std::uint32_t index, std::span<double> unit) const {
  assert(unit.size() == directions_.size());
  for (std::size_t d = 0; d < directions_.size(); ++d) {
    std::uint32_t bits = 0;
    for (std::uint32_t rest = index; rest != 0; rest &= rest - 1)
      bits ^= directions_[d][static_cast<std::size_t>(std::countr_zero(rest))];
    unit[d] = scramble_.empty() ? bits * 0x1p-32 : middle_of(scrambled(bits, scramble_[d]));
  }
}

/// A point differs by one direction from the one whose index lacks the lowest bit.
std::vector<double> SobolSequence::first_points(std::size_t count) const {
  const std::size_t dimensions = directions_.size();
  std::vector<double> points(count * dimensions);
  std::vector<std::uint32_t> bits(count), numbers;
  for (std::size_t d = 0; d < dimensions; ++d) {
    for (std::size_t i = 1; i < count; ++i)
      bits[i] = bits[i & (i - 1)] ^ directions_[d][static_cast<std::size_t>(std::countr_zero(i))];
    numbers = bits;
    if (!scramble_.empty()) scramble(numbers.data(), count, scramble_[d]);
    for (std::size_t i = 0; i < count; ++i)
      points[i * dimensions + d] = scramble_.empty() ? numbers[i] * 0x1p-32 : middle_of(numbers[i]);
  }
  return points;
}

}  // namespace regatta::search
