#include "check.hpp"
#include "kernels.hpp"
#include "launch.hpp"

namespace regatta::device::cuda {
namespace {

__global__ void copy_rows(const float* source, const std::int32_t* rows, float* batch, std::size_t count,
                          std::size_t columns) {
  const std::size_t i = row_of_thread();
  if (i >= count) return;
  const float* from = source + static_cast<std::size_t>(rows[i]) * columns;
  for (std::size_t j = column_first(); j < columns; j += column_step()) batch[i * columns + j] = from[j];
}

__global__ void copy_indices(const std::int32_t* source, const std::int32_t* rows, std::int32_t* batch,
                             std::size_t count) {
  for (std::size_t i = line_first(); i < count; i += line_step()) batch[i] = source[rows[i]];
}

}  // namespace

void gather_rows(MatrixView<const float> source, const std::int32_t* rows, MatrixView<float> batch,
                 cudaStream_t stream) {
  if (batch.size() == 0) return;
  check(launch(stream, matrix_shape(batch.rows, batch.columns), copy_rows, source.data, rows, batch.data, batch.rows,
               batch.columns));
}

void gather_indices(const std::int32_t* source, const std::int32_t* rows, std::int32_t* batch, std::size_t count,
                    cudaStream_t stream) {
  if (count == 0) return;
  check(launch(stream, line_shape(count), copy_indices, source, rows, batch, count));
}

}  // namespace regatta::device::cuda
