#include <cstdlib>

#include "device/cuda_loader.hpp"
#include "regatta/core/error.hpp"
#include "regatta/device/devices.hpp"

// The module as it was built. Named, it is loaded even where there is no driver.
namespace regatta::device {
namespace {

using testing::HasSubstr;

class CudaModuleFile : public testing::Test {
 protected:
  CudaModuleFile() { setenv("REGATTA_CUDA_MODULE", REGATTA_MODULE, 1); }
};

TEST_F(CudaModuleFile, HasTheInterfaceOfThisProgram) {
  const LoadedCuda& loaded = cuda_module();

  ASSERT_NE(loaded.table, nullptr) << loaded.reason;
  EXPECT_EQ(loaded.table->abi, cuda_module_abi);
  EXPECT_THAT(loaded.table->versions(), HasSubstr("CUDA runtime "));
}

TEST_F(CudaModuleFile, NamesEveryDeviceOrTheReasonForNone) {
  const std::vector<DeviceInfo> devices = cuda_devices();

  EXPECT_THAT(cuda_status(), HasSubstr("CUDA runtime "));
  if (devices.empty()) {
    EXPECT_THAT(cuda_status(), HasSubstr("CUDA finds no device"));
  }
  for (const DeviceInfo& device : devices) {
    EXPECT_THAT(device.uuid, testing::MatchesRegex("GPU-[0-9a-f-]+"));
    EXPECT_FALSE(device.name.empty());
    EXPECT_GT(device.memory, 0);
  }
}

TEST_F(CudaModuleFile, RefusesADeviceThatIsNotThere) {
  const int absent = static_cast<int>(cuda_devices().size());

  EXPECT_THROW(make_cuda_backend(absent), Unavailable);
  EXPECT_THROW(make_cuda_backend(-1), Unavailable);
  EXPECT_THROW(make_cuda_evidence_solver(absent), Unavailable);
}

}  // namespace
}  // namespace regatta::device
