#include "regatta/core/plugin.hpp"

#include <dlfcn.h>

#include "regatta/core/error.hpp"

namespace regatta {

void* plugin_function(const std::filesystem::path& library, const char* name) {
  void* loaded = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  require(loaded != nullptr, "the plugin ", library.string(), " cannot be loaded: ", loaded ? "" : dlerror());
  void* function = dlsym(loaded, name);
  require(function != nullptr, "the plugin ", library.string(), " has no function ", name);
  return function;
}

}  // namespace regatta
