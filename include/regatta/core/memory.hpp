#pragma once

#include <cstddef>

namespace regatta {

/// Whether a block of this many bytes can be taken without swapping. The system promises more memory than it has and kills who
/// uses it, so large blocks are to be checked beforehand; small ones always fit.
bool fits_memory(std::size_t bytes);

/// Memory of this computer [bytes]; infinite where the system does not tell.
double installed_memory();

}  // namespace regatta
