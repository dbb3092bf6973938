#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace regatta::device {

/// c(i, j) = max(least, sum_k a(i, k) b(k, j) + bias(j)): `rows` x `columns` numbers from `depth` terms each. c lies in rows
/// without gaps; a and b are read with any strides, so that transposed operands need no copy of their own.
/// What is not a number stays so.
struct Product {
  const float* a;
  std::size_t a_row, a_step;  ///< a(i, k) = a[i a_row + k a_step]
  const float* b;
  std::size_t b_step, b_column;  ///< b(k, j) = b[k b_step + j b_column]
  float* c;
  std::size_t rows, columns, depth;
  const float* bias = nullptr;  ///< columns; null: neither bias nor least value
  float least = -std::numeric_limits<float>::infinity();
  bool adds = false;  ///< to what is in c; loops only, not multiply()
};

/// @param scratch  kept between calls, so that a training step allocates nothing
void multiply(const Product& product, std::vector<float>& scratch);

using Multiply = void (*)(const Product&, std::vector<float>&);

/// One source for each instruction set.
namespace loops {
void multiply_avx512(const Product& product, std::vector<float>& scratch);
void multiply_avx2(const Product& product, std::vector<float>& scratch);
void multiply_portable(const Product& product, std::vector<float>& scratch);
}  // namespace loops

/// The loops that multiply() uses for small products and without OpenBLAS, for each instruction set that this
/// processor has. The first are the fastest.
std::span<const Multiply> multiply_loops();

}  // namespace regatta::device
