#pragma once

#include <memory>

#include "regatta/device/backend.hpp"
#include "stream.hpp"

namespace regatta::device::cuda {

/// On a stream of its own beside `work`, which lives longer.
std::unique_ptr<Uploader> make_uploader(int ordinal, const Stream& work);

/// Memory of the host that copies to a device are fast from: pinned, where the system lets so much of it be;
/// else it is as any.
/// @throws std::bad_alloc
void* allocate_staging(std::size_t bytes);
void release_staging(void* block) noexcept;

}  // namespace regatta::device::cuda
