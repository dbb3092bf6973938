#pragma once

#include <cassert>
#include <cstddef>
#include <span>

namespace regatta::device {

/// `rows` x `columns` numbers in row-major order, rows `stride` numbers apart; owns nothing.
template <class T>
struct Block {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t stride = 0;

  T& operator()(std::size_t i, std::size_t j) const { return data[i * stride + j]; }
  T* row(std::size_t i) const { return data + i * stride; }
  /// Rows [first, first + count).
  Block part(std::size_t first, std::size_t count) const {
    return {data + first * stride, count, columns, stride};
  }
  operator Block<const T>() const { return {data, rows, columns, stride}; }
};

/// FP64 dense algebra on the host: OpenBLAS and its LAPACK where they were found at run time, plain loops
/// elsewhere. One thread; the same numbers on every run of one machine. Triangular matrices are lower ones
/// and only their lower triangle is touched.
namespace algebra {

enum class Form { Plain, Transposed };

double dot(std::span<const double> a, std::span<const double> b);
/// c = alpha form(a) form(b) + beta c
void multiply(double alpha, Block<const double> a, Form form_a, Block<const double> b, Form form_b,
              double beta, Block<double> c);
/// y = form(a) x
void multiply(Block<const double> a, Form form, std::span<const double> x, std::span<double> y);
/// c = s x for a symmetric s of which the lower triangle is read
void multiply_symmetric(Block<const double> s, Block<const double> x, Block<double> c);
/// b = b form(l)
void multiply_by_lower(Block<double> b, Block<const double> l, Form form);
/// v = x l^T, and w = v l where `w` has data, in one pass over l: faster than two products for few rows. A
/// row's numbers are the same bits whatever the other rows, and whether their first `known` columns are made
/// here or were made before, with the first `known` rows of l.
/// @param x, v, w  m x l.rows
void whiten(Block<const double> l, Block<const double> x, Block<double> v, Block<double> w,
            std::size_t known = 0);
/// x = form(l) x
void multiply_lower(Block<const double> l, Form form, std::span<double> x);

/// a = l l^T: puts l in the place of a. False when a is not positive definite; its content is then lost.
[[nodiscard]] bool cholesky(Block<double> a);
/// The same for a matrix that rounding may have made indefinite: adds `jitter` to the diagonal where it has
/// to, then ten times as much at each further try.
void cholesky_with_jitter(Block<double> a, double jitter);
/// Puts the inverse of l in its place.
void invert_lower(Block<double> l);
/// Puts the inverse of l l^T (lower triangle) in the place of l.
void invert_product(Block<double> l);

}  // namespace algebra
}  // namespace regatta::device
