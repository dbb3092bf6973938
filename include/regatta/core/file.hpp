#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace regatta {

/// @throws SystemFailure  if the file cannot be opened or read
std::string read_file(const std::filesystem::path& path);

/// Replaces `path` by `content` so that a reader sees the old or the new file, never a part: temporary file in the
/// same folder (host and process id in its name), optional fsync, rename.
/// @throws SystemFailure  naming the path and the system's reason
void replace_file(const std::filesystem::path& path, std::string_view content, bool sync = true);

/// The name that replace_file gives to its temporary file; ".NAME.HOST.PID.tmp" beside `path`.
std::filesystem::path temporary_name(const std::filesystem::path& path);

/// Moves the complete temporary file over `path`, after fsync of the file (and of the folder) when `sync`.
/// @throws SystemFailure
void commit_file(const std::filesystem::path& temporary, const std::filesystem::path& path, bool sync = true);

/// 64-bit FNV-1a hash of `text` as 16 hexadecimal digits, to compare inputs.
std::string fingerprint(std::string_view text);

}  // namespace regatta
