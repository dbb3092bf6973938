#include "regatta/device/devices.hpp"

#include "cuda_loader.hpp"

namespace regatta::device {

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
  const LoadedCuda& loaded = cuda_module();
  if (!loaded.table) throw Unavailable(concat("no GPU can be used: ", loaded.reason));
  const int count = loaded.table->device_count();
  if (count == 0) throw Unavailable(concat("no GPU can be used: ", loaded.table->failure()));
  if (ordinal < 0 || ordinal >= count)
    throw Unavailable(concat("GPU ", ordinal, " was asked for, but this process may use GPUs 0 to ", count - 1,
                             " only (CUDA_VISIBLE_DEVICES or the batch system may hide others)"));
  std::unique_ptr<Backend> backend(loaded.table->create(ordinal));
  if (!backend) throw Unavailable(concat("GPU ", ordinal, " cannot be used: ", loaded.table->failure()));
  return backend;
}

}  // namespace regatta::device
