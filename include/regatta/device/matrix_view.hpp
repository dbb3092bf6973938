#pragma once

#include <cstddef>

namespace regatta::device {

/// `rows` x `columns` numbers in row-major order without gaps; owns nothing.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;

  constexpr std::size_t size() const { return rows * columns; }
  operator MatrixView<const T>() const { return {data, rows, columns}; }
};

}  // namespace regatta::device
