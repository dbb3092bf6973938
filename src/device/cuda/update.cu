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
constexpr void sgd_at(const formulas::UpdateFactors& factors, const Arrays& a, std::size_t i) {
  formulas::sgd<penalised>(factors, a.gradients[i], a.parameters[i], a.first_moment[i]);
}

template <bool penalised>
constexpr void adam_at(const formulas::UpdateFactors& factors, const Arrays& a, std::size_t i) {
  formulas::adam<penalised>(factors, a.gradients[i], a.parameters[i], a.first_moment[i], a.second_moment[i]);
}

__global__ void sgd_step(formulas::UpdateFactors factors, Arrays a) {
  for (std::size_t i = line_first(); i < a.count; i += line_step())
    i < a.penalised ? sgd_at<true>(factors, a, i) : sgd_at<false>(factors, a, i);
}

__global__ void adam_step(formulas::UpdateFactors factors, Arrays a) {
  for (std::size_t i = line_first(); i < a.count; i += line_step())
    i < a.penalised ? adam_at<true>(factors, a, i) : adam_at<false>(factors, a, i);
}

}  // namespace

void update(const Update& update, cudaStream_t stream) {
  if (update.count == 0) return;
  const Arrays arrays{update.parameters,    update.gradients, update.first_moment,
                      update.second_moment, update.penalised, update.count};
  const auto kernel = update.kind == OptimizerKind::Sgd ? sgd_step : adam_step;
  check(launch(stream, line_shape(update.count), kernel, formulas::factors_of(update), arrays));
}

}  // namespace regatta::device::cuda
