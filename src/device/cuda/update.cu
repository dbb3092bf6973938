#include "../formulas.hpp"
#include "check.hpp"
#include "kernels.hpp"
#include "launch.hpp"

namespace regatta::device::cuda {
namespace {

struct Arrays {
  float* parameters;
  const float* gradients;
  float* first_moment;
  float* second_moment;
  std::size_t penalised, count;
};

template <bool penalised>
constexpr void sgd_at(const formulas::UpdateFactors& factors, float scale, const Arrays& a, std::size_t i) {
  formulas::sgd<penalised>(factors, scale * a.gradients[i], a.parameters[i], a.first_moment[i]);
}

template <bool penalised>
constexpr void adam_at(const formulas::UpdateFactors& factors, float scale, const Arrays& a, std::size_t i) {
  formulas::adam<penalised>(factors, scale * a.gradients[i], a.parameters[i], a.first_moment[i], a.second_moment[i]);
}

__global__ void sgd_step(formulas::UpdateFactors factors, Arrays a) {
  const float scale = factors.scale();
  for (std::size_t i = line_first(); i < a.count; i += line_step())
    i < a.penalised ? sgd_at<true>(factors, scale, a, i) : sgd_at<false>(factors, scale, a, i);
}

__global__ void adam_step(formulas::UpdateFactors factors, Arrays a) {
  const float scale = factors.scale();
  for (std::size_t i = line_first(); i < a.count; i += line_step())
    i < a.penalised ? adam_at<true>(factors, scale, a, i) : adam_at<false>(factors, scale, a, i);
}

/// The sum of each block of threads; the block adds up in pairs.
__global__ void square_sums(const float* numbers, std::size_t count, float* partial) {
  __shared__ float terms[threads_per_line];
  float sum = 0;
  for (std::size_t i = line_first(); i < count; i += line_step()) sum += numbers[i] * numbers[i];
  terms[threadIdx.x] = sum;
  __syncthreads();
  for (unsigned half = threads_per_line / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) terms[threadIdx.x] += terms[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) partial[blockIdx.x] = terms[0];
}

}  // namespace

std::size_t square_slices(std::size_t count) { return line_shape(count).grid.x; }

void add_squares(const float* numbers, std::size_t count, float* sum, float* partial, Stream& stream) {
  check(launch(stream, line_shape(count), square_sums, numbers, count, partial));
  add_slices(partial, square_slices(count), 1, sum, true, stream);
}

void update(const Update& update, Stream& stream) {
  if (update.count == 0) return;
  const Arrays arrays{update.parameters,    update.gradients, update.first_moment,
                      update.second_moment, update.penalised, update.count};
  const auto kernel = update.kind == OptimizerKind::Sgd ? sgd_step : adam_step;
  check(launch(stream, line_shape(update.count), kernel, formulas::factors_of(update), arrays));
}

}  // namespace regatta::device::cuda
