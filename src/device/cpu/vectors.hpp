#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstring>

// Vectors of 16, 8 or 4 numbers, for loops that are templates and compiled once for AVX-512, AVX2 and any
// x86-64.
namespace regatta::device {

/// As wide as a register: GCC 12 keeps wider ones in memory.
template <int lanes>
struct Register {
  typedef float Vector [[gnu::vector_size(lanes * sizeof(float))]];
  typedef int Places [[gnu::vector_size(lanes * sizeof(int))]];
};

template <class Vector>
[[gnu::always_inline]] inline void load(Vector& vector, const float* from) {
  std::memcpy(&vector, from, sizeof vector);
}
template <class Vector>
[[gnu::always_inline]] inline void store(const Vector& vector, float* to) {
  std::memcpy(to, &vector, sizeof vector);
}

/// The first `count` numbers, at most as many as there are lanes; zeros beside them. Memory behind them is
/// not touched.
[[gnu::target("arch=x86-64-v4")]] inline void load_few(Register<16>::Vector& vector, const float* from,
                                                       std::size_t count) {
  vector = _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from);
}
[[gnu::target("arch=x86-64-v4")]] inline void store_few(const Register<16>::Vector& vector, float* to,
                                                        std::size_t count) {
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), vector);
}

[[gnu::target("arch=x86-64-v3")]] inline __m256i first_of_eight(std::size_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
[[gnu::target("arch=x86-64-v3")]] inline void load_few(Register<8>::Vector& vector, const float* from,
                                                       std::size_t count) {
  vector = _mm256_maskload_ps(from, first_of_eight(count));
}
[[gnu::target("arch=x86-64-v3")]] inline void store_few(const Register<8>::Vector& vector, float* to,
                                                        std::size_t count) {
  _mm256_maskstore_ps(to, first_of_eight(count), vector);
}

inline void load_few(Register<4>::Vector& vector, const float* from, std::size_t count) {
  if (count == 4) return load(vector, from);
  vector = Register<4>::Vector{};
  for (std::size_t lane = 0; lane < count; ++lane) vector[lane] = from[lane];
}
inline void store_few(const Register<4>::Vector& vector, float* to, std::size_t count) {
  if (count == 4) return store(vector, to);
  for (std::size_t lane = 0; lane < count; ++lane) to[lane] = vector[lane];
}

/// Of functions for AVX-512, AVX2 and any x86-64, in this order: the number of the first one that this
/// processor can run.
inline std::size_t best_instructions() {
  static const bool avx512 = __builtin_cpu_supports("x86-64-v4"), avx2 = __builtin_cpu_supports("x86-64-v3");
  return avx512 ? 0 : avx2 ? 1 : 2;
}

}  // namespace regatta::device
