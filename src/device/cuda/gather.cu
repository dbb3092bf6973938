#include "check.hpp"
#include "kernels.hpp"
#include "lines.hpp"

namespace regatta::device::cuda {
namespace {

template <class T>
__global__ void copy_rows(const T* source, const std::int32_t* rows, T* batch, std::size_t count, std::size_t columns) {
  const std::size_t i = line_of_thread(), j = number_in_line();
  if (i < count && j < columns) batch[i * columns + j] = source[static_cast<std::size_t>(rows[i]) * columns + j];
}

template <class T>
void gather(MatrixView<const T> source, const std::int32_t* rows, MatrixView<T> batch, Stream& stream) {
  if (batch.size() == 0) return;
  check(launch(stream, lines_shape(batch.rows, batch.columns), copy_rows<T>, source.data, rows, batch.data, batch.rows,
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
