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

struct Sgd {
  static constexpr bool has_second_moment = false;

  template <bool penalised>
  static constexpr void step(const formulas::UpdateFactors& factors, float gradient, float& parameter, float& m, float&) {
    formulas::sgd<penalised>(factors, gradient, parameter, m);
  }
};

struct Adam {
  static constexpr bool has_second_moment = true;

  template <bool penalised>
  static constexpr void step(const formulas::UpdateFactors& factors, float gradient, float& parameter, float& m, float& v) {
    formulas::adam<penalised>(factors, gradient, parameter, m, v);
  }
};

/// Neighbours that are read and written at once.
template <unsigned width>
struct alignas(width * sizeof(float)) Pack {
  float numbers[width];

  static __device__ Pack& at(float* place) { return *reinterpret_cast<Pack*>(place); }
  static __device__ const Pack& at(const float* place) { return *reinterpret_cast<const Pack*>(place); }
};

template <class Rule, unsigned width>
__device__ void step_at(const formulas::UpdateFactors& factors, float scale, const Arrays& a, std::size_t first) {
  using Numbers = Pack<width>;
  const Numbers gradients = Numbers::at(a.gradients + first);
  Numbers parameters = Numbers::at(a.parameters + first), m = Numbers::at(a.first_moment + first), v{};
  if constexpr (Rule::has_second_moment) v = Numbers::at(a.second_moment + first);
  for (unsigned k = 0; k < width; ++k) {
    const float gradient = scale * gradients.numbers[k];
    float &parameter = parameters.numbers[k], &first_moment = m.numbers[k], &second_moment = v.numbers[k];
    if (first + k < a.penalised) Rule::template step<true>(factors, gradient, parameter, first_moment, second_moment);
    else Rule::template step<false>(factors, gradient, parameter, first_moment, second_moment);
  }
  Numbers::at(a.parameters + first) = parameters;
  Numbers::at(a.first_moment + first) = m;
  if constexpr (Rule::has_second_moment) Numbers::at(a.second_moment + first) = v;
}

template <class Rule, unsigned width>
__global__ void step_packs(formulas::UpdateFactors factors, Arrays a) {
  const float scale = factors.scale();
  const std::size_t packs = a.count / width;
  for (std::size_t i = line_first(); i < packs; i += line_step()) step_at<Rule, width>(factors, scale, a, i * width);
  for (std::size_t i = packs * width + line_first(); i < a.count; i += line_step()) step_at<Rule, 1>(factors, scale, a, i);
}

template <class Rule>
void step(const formulas::UpdateFactors& factors, const Arrays& a, Stream& stream) {
  const auto bits = [](const float* block) { return reinterpret_cast<std::uintptr_t>(block); };
  const bool aligned = (bits(a.parameters) | bits(a.gradients) | bits(a.first_moment) | bits(a.second_moment)) % alignof(Pack<4>) == 0;
  if (aligned) check(launch(stream, line_shape(blocks_for(a.count, 4)), step_packs<Rule, 4>, factors, a));
  else check(launch(stream, line_shape(a.count), step_packs<Rule, 1>, factors, a));
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
  if (update.kind == OptimizerKind::Sgd) step<Sgd>(formulas::factors_of(update), arrays, stream);
  else step<Adam>(formulas::factors_of(update), arrays, stream);
}

}  // namespace regatta::device::cuda
