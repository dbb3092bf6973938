#include "device/cuda_loader.hpp"

#include <cstdlib>

#include "regatta/core/error.hpp"
#include "regatta/device/devices.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::device {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(CudaLoader, NamesAFileThatIsNoLibrary) {
  const support::TemporaryFolder folder;
  const std::filesystem::path file = folder.write("no_library.so", "plain text");

  const LoadedCuda loaded = load_cuda_module(file);

  EXPECT_EQ(loaded.table, nullptr);
  EXPECT_THAT(loaded.reason, StartsWith("the CUDA module " + file.string() + " cannot be loaded: "));
  EXPECT_THAT(loaded.reason, Not(HasSubstr("LD_LIBRARY_PATH")));
}

TEST(CudaLoader, NamesAFileThatIsNotThere) {
  const LoadedCuda loaded = load_cuda_module("/nowhere/regatta_cuda.so");

  EXPECT_THAT(loaded.reason, StartsWith("the CUDA module /nowhere/regatta_cuda.so cannot be loaded: "));
  EXPECT_THAT(loaded.reason, Not(HasSubstr("LD_LIBRARY_PATH")));
}

TEST(CudaLoader, RefusesAnotherLibrary) {
  EXPECT_THAT(load_cuda_module(REGATTA_STRANGER_MODULE).reason, HasSubstr("is not a CUDA module of Regatta"));
}

TEST(CudaLoader, RefusesTheModuleOfAnotherBuild) {
  const LoadedCuda loaded = load_cuda_module(REGATTA_OLD_MODULE);

  EXPECT_EQ(loaded.table, nullptr);
  EXPECT_THAT(loaded.reason, HasSubstr("belongs to another build of Regatta (interface 0, this program needs "));
}

TEST(CudaLoader, NamesAMissingLibraryAndItsCure) {
  const LoadedCuda loaded = load_cuda_module(REGATTA_LACKING_MODULE);

  EXPECT_EQ(loaded.table, nullptr);
  EXPECT_THAT(loaded.reason, HasSubstr("cannot open shared object file"));
  EXPECT_THAT(loaded.reason, HasSubstr("libregatta_test_absent.so"));
  EXPECT_THAT(loaded.reason, HasSubstr("add CUDA's lib64 folder to LD_LIBRARY_PATH"));
}

/// Without a device, or with a module that cannot be loaded, the program goes on and can say why.
TEST(CudaDevices, AreNoneWhereTheModuleCannotBeLoaded) {
  setenv("REGATTA_CUDA_MODULE", REGATTA_STRANGER_MODULE, 1);

  EXPECT_TRUE(cuda_devices().empty());
  EXPECT_THAT(cuda_status(), HasSubstr("is not a CUDA module of Regatta"));
  try {
    make_cuda_backend(0);
    FAIL() << "made a backend of nothing";
  } catch (const Unavailable& error) {
    EXPECT_EQ(error.what(), "no GPU can be used: " + cuda_status());
  }
  EXPECT_THROW(make_cuda_evidence_solver(0), Unavailable);
}

}  // namespace
}  // namespace regatta::device
