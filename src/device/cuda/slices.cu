#include "check.hpp"
#include "kernels.hpp"
#include "launch.hpp"

namespace regatta::device::cuda {
namespace {

constexpr std::size_t most_rows = 32, slices_per_thread = 4;

/// One block per warp of columns; each row of its threads takes slices `blockDim.y` apart, then the first adds up.
__global__ void __launch_bounds__(most_rows * warp)
    sum_columns(const float* partial, std::size_t slices, std::size_t columns, float* out, bool add) {
  __shared__ double terms[most_rows][warp];
  const std::size_t j = std::size_t{blockIdx.x} * warp + threadIdx.x;
  double sum = 0;
  if (j < columns)
    for (std::size_t slice = threadIdx.y; slice < slices; slice += blockDim.y)
      sum += static_cast<double>(partial[slice * columns + j]);
  terms[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();

  if (threadIdx.y > 0 || j >= columns) return;
  for (unsigned row = 1; row < blockDim.y; ++row) sum += terms[row][threadIdx.x];
  out[j] = (add ? out[j] : 0.0f) + static_cast<float>(sum);
}

}  // namespace

void add_slices(const float* partial, std::size_t slices, std::size_t columns, float* out, bool add,
                Stream& stream) {
  const auto rows = static_cast<unsigned>(std::min(blocks_for(slices, slices_per_thread), most_rows));
  const Shape shape = {{static_cast<unsigned>(blocks_for(columns, warp))}, {warp, rows}};
  check(launch(stream, shape, sum_columns, partial, slices, columns, out, add));
}

}  // namespace regatta::device::cuda
