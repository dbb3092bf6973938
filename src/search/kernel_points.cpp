#include "kernel_points.hpp"

#include <algorithm>
#include <cmath>

#include "vector_exp.hpp"

namespace regatta::search {

void KernelPoints::reserve(std::size_t count) {
  if (count <= capacity_) return;
  const std::size_t wanted = std::max(count, capacity_ + capacity_ / 2), known = size();
  const std::size_t capacity = (wanted + block_size - 1) / block_size * block_size;
  const auto widen = [&](device::LargeVector& columns, std::size_t features) {
    device::LargeVector wider(features * capacity);
    for (std::size_t c = 0; c < features; ++c)
      std::copy_n(columns.data() + c * capacity_, known, wider.data() + c * capacity);
    columns = std::move(wider);
  };
  widen(norms_, 1), widen(places_, features_);
  if (lines()) widen(decays_, features_), widen(growths_, features_);
  capacity_ = capacity;
}

void KernelPoints::append(device::Block<const double> rows) {
  reserve(size() + rows.rows);
  for (std::size_t i = 0; i < rows.rows; ++i) {
    const double* row = rows.row(i);
    double norm = 0, most = most_reach();
    const std::size_t j = size();
    for (std::size_t c = 0; c < features_; ++c) {
      const double reach = std::sqrt(5.0) * row[c];
      norm += row[c] * row[c];
      most = std::max(most, std::abs(reach));
      places_[c * capacity_ + j] = row[c];
      if (!lines()) continue;
      decays_[c * capacity_ + j] = std::exp(-reach);
      growths_[c * capacity_ + j] = 1 / decays_[c * capacity_ + j];
    }
    rows_.insert(rows_.end(), row, row + features_);
    norms_[j] = norm;
    reaches_.push_back(most);
  }
}

void KernelPoints::truncate(std::size_t count) {
  rows_.resize(count * features_);
  reaches_.resize(count);
}

}  // namespace regatta::search
