#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "regatta/device/vectors.hpp"

namespace regatta::search {

// Numbers are taken sixteen at a time, as a few vectors abreast: an operation that waits for one before it
// then stands some instructions behind it. Everything is inlined into calls of device::with_widest_vectors().

using device::Integers;
using device::Vector;

constexpr std::size_t block_size = 16;
template <std::size_t lanes>
constexpr std::size_t abreast = block_size / lanes;

/// Vector k of a block.
template <std::size_t lanes>
[[gnu::always_inline]] inline Vector<lanes>& part(double* block, std::size_t k) {
  return *reinterpret_cast<Vector<lanes>*>(block + k * lanes);
}
template <std::size_t lanes>
[[gnu::always_inline]] inline const Vector<lanes>& part(const double* block, std::size_t k) {
  return *reinterpret_cast<const Vector<lanes>*>(block + k * lanes);
}

template <std::size_t lanes>
[[gnu::always_inline]] inline void take_root(Vector<lanes>& x) {
  for (std::size_t i = 0; i < lanes; ++i) x[i] = std::sqrt(x[i]);
}

/// exp(x) for x <= 0, in place, to about two units in the last place; 1e-304 below -700. x = k ln 2 + r with
/// |r| <= ln 2 / 2, and for exp(r) the polynomial of degree 11 that meets it at 0 twice and at ten Chebyshev
/// nodes (error 1.6e-17).
template <std::size_t lanes>
[[gnu::always_inline]] inline void exp_of_negative(Vector<lanes> (&x)[abreast<lanes>]) {
  constexpr std::size_t count = abreast<lanes>;
  constexpr double shift = 0x1.8p52;  // adding it rounds to an integer that stands in the lowest bits
  constexpr double coefficients[] = {0x1.28917c89a43a7p-22,
                                     0x1.71de0db2f6b19p-19,
                                     0x1.a019b9149a41cp-16,
                                     0x1.a01a01a7c2efep-13,
                                     0x1.6c16c17889ef1p-10,
                                     0x1.11111111109b5p-7,
                                     0x1.5555555553d68p-5,
                                     0x1.5555555555556p-3,
                                     0x1.0000000000001p-1,
                                     1,
                                     1};
  const Vector<lanes> least = Vector<lanes>{} - 700, first = Vector<lanes>{} + 0x1.af389ecfc4b9cp-26;
  Vector<lanes> shifted[count], p[count];
  for (std::size_t k = 0; k < count; ++k) {
    x[k] = x[k] > least ? x[k] : least;
    shifted[k] = x[k] * 1.4426950408889634 + shift;
  }
  for (std::size_t k = 0; k < count; ++k) {
    const Vector<lanes> whole = shifted[k] - shift;
    x[k] = (x[k] - whole * 0x1.62e42fefa3800p-1) - whole * 0x1.ef35793c76730p-45;  // ln 2 in two parts
    p[k] = first;
  }
  for (const double coefficient : coefficients)
    for (std::size_t k = 0; k < count; ++k) p[k] = p[k] * x[k] + coefficient;
  for (std::size_t k = 0; k < count; ++k)
    x[k] = reinterpret_cast<Vector<lanes>>(reinterpret_cast<Integers<lanes>>(p[k]) +
                                           (reinterpret_cast<Integers<lanes>>(shifted[k]) << 52));
}

/// step(a + j) for the blocks of a, or step(a + j, b + j) where b is no null pointer; what is left at the end
/// is a block of its own.
template <class Step>
[[gnu::always_inline]] inline void by_blocks(double* a, double* b, std::size_t count, Step step) {
  std::size_t j = 0;
  for (; j + block_size <= count; j += block_size) step(a + j, b ? b + j : nullptr);
  if (j == count) return;
  double rest_a[block_size] = {}, rest_b[block_size] = {};
  std::copy_n(a + j, count - j, rest_a);
  step(rest_a, b ? rest_b : nullptr);
  std::copy_n(rest_a, count - j, a + j);
  if (b) std::copy_n(rest_b, count - j, b + j);
}

}  // namespace regatta::search
