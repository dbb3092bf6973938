#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace regatta::objective {

/// Larger checkpoints stay where they are: only their place is kept [bytes].
inline constexpr std::uint64_t largest_archive = std::uint64_t{1} << 28;

/// All regular files and symbolic links in `directory` and below, with their permissions; of more than
/// `largest` bytes only where they are. Empty: there is none. Files that vanish meanwhile are left out.
std::vector<std::byte> pack_directory(const std::filesystem::path& directory,
                                      std::uint64_t largest = largest_archive);

/// Makes `directory` hold what was packed, and nothing else. Of what was too large to be packed it takes what
/// its own place holds now.
/// @throws SystemFailure  it cannot be written
void unpack_directory(std::span<const std::byte> packed, const std::filesystem::path& directory);

}  // namespace regatta::objective
