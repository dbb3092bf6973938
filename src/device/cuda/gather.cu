#include "check.hpp"
#include "kernels.hpp"
#include "launch.hpp"

namespace regatta::device::cuda {
namespace {

template <class T>
__global__ void copy_rows(const T* source, const std::int32_t* rows, T* batch, std::size_t count, std::size_t columns) {
  const std::size_t i = row_of_thread();
  if (i >= count) return;
  const T* from = source + static_cast<std::size_t>(rows[i]) * columns;
  for (std::size_t j = column_first(); j < columns; j += column_step()) batch[i * columns + j] = from[j];
}

template <class T>
void gather(MatrixView<const T> source, const std::int32_t* rows, MatrixView<T> batch, Stream& stream) {
  if (batch.size() == 0) return;
  check(launch(stream, matrix_shape(batch.rows, batch.columns), copy_rows<T>, source.data, rows, batch.data, batch.rows,
               batch.columns));
}

}  // namespace

void gather_rows(MatrixView<const float> source, const std::int32_t* rows, MatrixView<float> batch,
                 Stream& stream) {
  gather(source, rows, batch, stream);
}

void gather_rows(MatrixView<const std::int32_t> source, const std::int32_t* rows, MatrixView<std::int32_t> batch,
                 Stream& stream) {
  gather(source, rows, batch, stream);
}

}  // namespace regatta::device::cuda
