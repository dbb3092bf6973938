#include "product.hpp"

#include <algorithm>

#include "../blas.hpp"
#include "vectors.hpp"

namespace regatta::device {
namespace {

constexpr Multiply all_loops[] = {loops::multiply_avx512, loops::multiply_avx2, loops::multiply_portable};

/// Above this many multiply-adds the blocking of a library gains more than its call and its packing cost; not
/// so with AVX-512, where a core reaches 160 to 260 GFLOP/s in the loops and 150 to 245 in OpenBLAS up to
/// 2048^3 of them.
constexpr double library_pays = 256.0 * 256.0 * 256.0;

bool suits_library(const Product& p) {
  if (multiply_loops().front() == loops::multiply_avx512) return false;
  constexpr std::size_t most = std::numeric_limits<int>::max();
  const double work =
      static_cast<double>(p.rows) * static_cast<double>(p.columns) * static_cast<double>(p.depth);
  return work > library_pays && std::max({p.rows, p.columns, p.depth}) <= most;
}

void multiply_by_library(Blas::Sgemm sgemm, const Product& p) {
  const auto whole = [](std::size_t n) { return static_cast<int>(n); };
  const bool a_turned = p.a_step != 1, b_turned = p.b_column != 1;
  sgemm(101, a_turned ? 112 : 111, b_turned ? 112 : 111, whole(p.rows), whole(p.columns), whole(p.depth),
        1.0f, p.a, whole(a_turned ? p.a_step : p.a_row), p.b, whole(b_turned ? p.b_column : p.b_step), 0.0f,
        p.c, whole(p.columns));
  for (std::size_t i = 0; p.bias && i < p.rows; ++i)
    for (std::size_t j = 0; j < p.columns; ++j) {
      float& c = p.c[i * p.columns + j];
      c += p.bias[j];
      c = p.least > c ? p.least : c;
    }
}

}  // namespace

std::span<const Multiply> multiply_loops() { return std::span(all_loops).subspan(best_instructions()); }

void multiply(const Product& product, std::vector<float>& scratch) {
  if (suits_library(product))
    if (const Blas::Sgemm sgemm = blas().sgemm) return multiply_by_library(sgemm, product);
  multiply_loops().front()(product, scratch);
}

}  // namespace regatta::device
