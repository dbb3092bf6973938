#pragma once

#include <filesystem>

namespace regatta {

/// The function `name` of a shared library, which stays loaded until the program ends.
/// @throws InvalidInput  the library cannot be loaded, or has no such function
void* plugin_function(const std::filesystem::path& library, const char* name);

}  // namespace regatta
