#include "regatta/device/devices.hpp"

#include "cuda_loader.hpp"

namespace regatta::device {
namespace {

/// The module, where it can be loaded and has this device. @throws Unavailable
const CudaModule& module_with(int ordinal) {
  const LoadedCuda& loaded = cuda_module();
  if (!loaded.table) throw Unavailable(concat("no GPU can be used: ", loaded.reason));
  const int count = loaded.table->device_count();
  if (count == 0) throw Unavailable(concat("no GPU can be used: ", loaded.table->failure()));
  if (ordinal < 0 || ordinal >= count)
    throw Unavailable(concat("GPU ", ordinal, " was asked for, but this process may use GPUs 0 to ", count - 1,
                             " only (CUDA_VISIBLE_DEVICES or the batch system may hide others)"));
  return *loaded.table;
}

/// Takes what the module made.
template <class Made>
std::unique_ptr<Made> owned(Made* made, const CudaModule& module, int ordinal) {
  if (!made) throw Unavailable(concat("GPU ", ordinal, " cannot be used: ", module.failure()));
  return std::unique_ptr<Made>(made);
}

}  // namespace

std::vector<DeviceInfo> cuda_devices() {
  std::vector<DeviceInfo> devices;
  const CudaModule* module = cuda_module().table;
  const int count = module ? module->device_count() : 0;
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    CudaModuleDevice found{};
    if (module->device(ordinal, &found)) devices.push_back({ordinal, found.name, found.uuid, found.memory});
  }
  return devices;
}

std::string cuda_status() {
  const LoadedCuda& loaded = cuda_module();
  if (!loaded.table) return loaded.reason;
  return loaded.table->device_count() > 0 ? loaded.table->versions() : loaded.table->failure();
}

std::unique_ptr<Backend> make_cuda_backend(int ordinal) {
  const CudaModule& module = module_with(ordinal);
  return owned(module.create(ordinal), module, ordinal);
}

std::unique_ptr<EvidenceSolver> make_cuda_evidence_solver(int ordinal) {
  const CudaModule& module = module_with(ordinal);
  return owned(module.create_evidence_solver(ordinal), module, ordinal);
}

}  // namespace regatta::device
