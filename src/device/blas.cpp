#include "blas.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "regatta/core/error.hpp"
#include "regatta/device/devices.hpp"

namespace regatta::device {
namespace {

constexpr std::array<std::string_view, 3> avx512_cores = {"SkylakeX", "Cooperlake", "SapphireRapids"};
constexpr std::array<std::string_view, 2> avx2_cores = {"Haswell", "Zen"};

bool has_avx512() { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"); }
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

/// A variable of the environment for the life of this object, where the user has not set it. Programs that
/// are started later must not inherit it.
class Suggestion {
 public:
  Suggestion(const char* name, const char* value) : name_(name), ours_(value && !std::getenv(name)) {
    if (ours_) setenv(name, value, 1);
  }
  Suggestion(const Suggestion&) = delete;
  Suggestion& operator=(const Suggestion&) = delete;
  ~Suggestion() {
    if (ours_) unsetenv(name_);
  }

 private:
  const char* name_;
  bool ours_;
};

const char* best_core() { return has_avx512() ? "SkylakeX" : has_avx2() ? "Haswell" : nullptr; }

/// OpenBLAS reads its environment while it is loaded.
void* open_library() {
  const Suggestion core("OPENBLAS_CORETYPE", best_core()), threads("OPENBLAS_NUM_THREADS", "1");
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  return library ? library : dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
}

template <class Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

/// "OpenBLAS 0.3.21 DYNAMIC_ARCH ..." -> "OpenBLAS 0.3.21"
std::string version_of(const char* config) {
  const std::string_view text = config ? config : "OpenBLAS";
  const std::size_t second = text.find(' ', std::min(text.find(' '), text.size() - 1) + 1);
  return std::string(text.substr(0, second));
}

Blas load() {
  Blas loaded;
  loaded.name = "none (plain loops)";
  void* library = open_library();
  if (!library) return loaded;
  loaded.sgemm = symbol<Blas::Sgemm>(library, "cblas_sgemm");
  if (!loaded.sgemm) return loaded;
  loaded.dgemm = symbol<Blas::Dgemm>(library, "cblas_dgemm");
  loaded.dgemv = symbol<Blas::Dgemv>(library, "cblas_dgemv");
  loaded.dsymm = symbol<Blas::Dsymm>(library, "cblas_dsymm");
  loaded.dtrmm = symbol<Blas::Dtrmm>(library, "cblas_dtrmm");
  loaded.dsyrk = symbol<Blas::Dsyrk>(library, "cblas_dsyrk");
  loaded.dtrmv = symbol<Blas::Dtrmv>(library, "cblas_dtrmv");
  loaded.dpotrf = symbol<Blas::Dpotrf>(library, "dpotrf_");
  if (const auto set_threads = symbol<void (*)(int)>(library, "openblas_set_num_threads")) set_threads(1);
  const auto config = symbol<const char* (*)()>(library, "openblas_get_config");
  const auto core = symbol<const char* (*)()>(library, "openblas_get_corename");
  const std::string core_name = core ? core() : "unknown";
  loaded.name = version_of(config ? config() : nullptr) + " core " + core_name;
  loaded.warning = core_warning(core_name, has_avx512(), has_avx2());
  return loaded;
}

}  // namespace

std::string core_warning(const std::string& core, bool avx512, bool avx2) {
  const bool newest = std::ranges::find(avx512_cores, core) != avx512_cores.end();
  const bool newer = newest || std::ranges::find(avx2_cores, core) != avx2_cores.end();
  if (newest || (newer && !avx512) || (!avx512 && !avx2)) return "";
  return concat("OpenBLAS uses its core ", core, " although this processor has ", avx512 ? "AVX-512" : "AVX2",
                ": large matrix products run up to ", newer ? 2 : 5,
                " times slower; unset OPENBLAS_CORETYPE or set it to ", avx512 ? "SkylakeX" : "Haswell");
}

const Blas& blas() {
  static const Blas loaded = load();
  return loaded;
}

std::string blas_name() { return blas().name; }
std::string blas_warning() { return blas().warning; }

}  // namespace regatta::device
