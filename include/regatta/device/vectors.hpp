#pragma once

#include <cstddef>
#include <cstdint>

namespace regatta::device {

template <std::size_t lanes>
struct VectorOf {
  using type [[gnu::vector_size(lanes * sizeof(double)), gnu::aligned(alignof(double)), gnu::may_alias]] =
      double;
  using integers [[gnu::vector_size(lanes * sizeof(std::int64_t))]] = std::int64_t;
};
/// Numbers side by side, which may lie at any address.
template <std::size_t lanes>
using Vector = typename VectorOf<lanes>::type;
/// As many integers: masks, or the bits of the numbers.
template <std::size_t lanes>
using Integers = typename VectorOf<lanes>::integers;

namespace instructions {

template <class Work>
[[gnu::target("arch=x86-64-v4")]] auto avx512(Work work) {
  return work.template operator()<8>();
}
template <class Work>
[[gnu::target_clones("arch=x86-64-v3", "default")]] auto others(Work work) {
  return work.template operator()<4>();
}

}  // namespace instructions

/// The result of work.operator()<lanes>(), called in a function that is compiled for the instruction sets of
/// this processor, with as many lanes as its vectors have (4 where there is none but plain code). It and what
/// it calls must be inlined.
template <class Work>
auto with_widest_vectors(Work work) {
  static const bool widest = __builtin_cpu_supports("x86-64-v4");
  return widest ? instructions::avx512(work) : instructions::others(work);
}

}  // namespace regatta::device
