#include <cuda_runtime.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "../cuda_module.hpp"
#include "check.hpp"
#include "cuda_backend.hpp"
#include "evidence_solver.hpp"
#include "handles.hpp"
#include "regatta/core/error.hpp"

namespace regatta::device::cuda {
namespace {

thread_local std::string last_failure;

/// 13000 -> "13.0"; CUDA says 0 for a driver that is not there.
std::string version_text(int version) {
  return version > 0 ? concat(version / 1000, ".", version % 1000 / 10) : "none";
}

std::string version_texts() {
  int runtime = 0, driver = 0;
  cudaRuntimeGetVersion(&runtime);
  cudaDriverGetVersion(&driver);
  return concat("CUDA runtime ", version_text(runtime), ", driver ", version_text(driver));
}

const char* versions() {
  static const std::string text = version_texts();
  return text.c_str();
}

const char* failure() { return last_failure.c_str(); }

int device_count() {
  int count = 0;  // stays untouched when there is no driver
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return count;
  cudaGetLastError();
  last_failure = concat("CUDA finds no device: ", status == cudaSuccess ? "none is visible" : cudaGetErrorString(status),
                        " (error ", static_cast<int>(status), ", ", versions(), ")");
  if (status == cudaErrorInsufficientDriver)
    last_failure += "; update the driver, or build Regatta with a CUDA toolkit that is no newer than the driver";
  return 0;
}

template <std::size_t size>
void copy_text(std::string_view text, char (&out)[size]) {
  out[text.copy(out, size - 1)] = '\0';
}

bool device(int ordinal, CudaModuleDevice* description) {
  try {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, ordinal));
    copy_text(properties.name, description->name);
    copy_text(uuid_text(properties.uuid), description->uuid);
    description->memory = static_cast<double>(properties.totalGlobalMem);
    return true;
  } catch (const std::exception& error) {
    last_failure = error.what();
    return false;
  }
}

/// What `make` makes, handed over.
template <class Made>
Made* released(std::unique_ptr<Made> (*make)(int), int ordinal) {
  try {
    return make(ordinal).release();
  } catch (const std::exception& error) {
    last_failure = error.what();
    return nullptr;
  }
}

Backend* create(int ordinal) { return released(make_backend, ordinal); }
EvidenceSolver* create_evidence_solver(int ordinal) { return released(make_evidence_solver, ordinal); }

}  // namespace
}  // namespace regatta::device::cuda

const regatta::device::CudaModule* regatta_cuda_module() {
  namespace cuda = regatta::device::cuda;
  static constexpr regatta::device::CudaModule table = {regatta::device::cuda_module_abi,
                                                        cuda::device_count,
                                                        cuda::device,
                                                        cuda::create,
                                                        cuda::create_evidence_solver,
                                                        cuda::versions,
                                                        cuda::failure};
  return &table;
}
