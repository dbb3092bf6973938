#include "check.hpp"
#include "kernels.hpp"
#include "launch.hpp"

namespace regatta::device::cuda {
namespace {

__global__ void sum_columns(const float* partial, std::size_t slices, std::size_t columns, float* out, bool add) {
  for (std::size_t j = line_first(); j < columns; j += line_step()) {
    double sum = 0;
    for (std::size_t slice = 0; slice < slices; ++slice) sum += static_cast<double>(partial[slice * columns + j]);
    out[j] = (add ? out[j] : 0.0f) + static_cast<float>(sum);
  }
}

}  // namespace

void add_slices(const float* partial, std::size_t slices, std::size_t columns, float* out, bool add,
                Stream& stream) {
  check(launch(stream, line_shape(columns), sum_columns, partial, slices, columns, out, add));
}

}  // namespace regatta::device::cuda
