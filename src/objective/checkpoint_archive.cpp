#include "checkpoint_archive.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <system_error>

#include "regatta/core/bytes.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"

namespace regatta::objective {
namespace {

namespace fs = std::filesystem;

enum class Kind : std::uint8_t { File, Link, Place };

/// One thing in an archive, as it is written; its name and its content follow.
struct EntryHeader {
  Kind kind = Kind::File;
  std::uint8_t unused[3] = {};
  std::uint32_t permissions = 0;
  std::uint64_t name = 0, content = 0;  ///< [bytes]
};

void add(ByteWriter& archive, Kind kind, const std::string& name, const std::string& content,
         fs::perms permissions = fs::perms::none) {
  archive.add(EntryHeader{kind, {}, static_cast<std::uint32_t>(permissions), name.size(), content.size()});
  archive.add_text(name);
  archive.add_text(content);
}

struct Found {
  fs::path path;
  bool link = false;
};

/// In a fixed order.
std::vector<Found> files_below(const fs::path& directory) {
  std::vector<Found> files;
  std::error_code ignored;
  for (fs::recursive_directory_iterator each(directory, ignored), end; each != end; each.increment(ignored)) {
    const fs::file_status status = each->symlink_status(ignored);
    if (fs::is_regular_file(status) || fs::is_symlink(status)) files.push_back({each->path(), fs::is_symlink(status)});
  }
  std::ranges::sort(files, {}, &Found::path);
  return files;
}

std::uint64_t size_of(const std::vector<Found>& files) {
  std::uint64_t size = 0;
  std::error_code gone;
  for (const Found& each : files)
    if (const std::uint64_t own = each.link ? 0 : fs::file_size(each.path, gone); !gone) size += own;
  return size;
}

void add_file(ByteWriter& archive, const Found& file, const std::string& name) {
  try {
    if (file.link) return add(archive, Kind::Link, name, fs::read_symlink(file.path).string());
    add(archive, Kind::File, name, read_file(file.path), fs::status(file.path).permissions());
  } catch (const std::exception&) {  // it has vanished
  }
}

void write_entry(const EntryHeader& header, const fs::path& path, const std::string& content) {
  fs::create_directories(path.parent_path());
  if (header.kind == Kind::Link) return fs::create_symlink(content, path);
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) throw SystemFailure("cannot write " + path.string());
  fs::permissions(path, static_cast<fs::perms>(header.permissions));
}

/// Puts a complete directory in the place of another.
void replace_directory(const fs::path& complete, const fs::path& directory) {
  fs::remove_all(directory);
  fs::rename(complete, directory);
}

}  // namespace

std::vector<std::byte> pack_directory(const fs::path& directory, std::uint64_t largest) {
  const std::vector<Found> files = files_below(directory);
  ByteWriter archive;
  if (size_of(files) > largest) {
    add(archive, Kind::Place, "", directory.string());
  } else {
    for (const Found& each : files) add_file(archive, each, each.path.lexically_relative(directory).string());
  }
  return archive.take();
}

void unpack_directory(std::span<const std::byte> packed, const fs::path& directory) try {
  const fs::path fresh = directory.string() + ".new";
  fs::remove_all(fresh);
  fs::create_directories(fresh);
  for (ByteReader reader(packed); reader.left() > 0;) {
    const auto header = reader.take<EntryHeader>();
    const auto name = reader.take_all<std::string>(header.name);
    const auto content = reader.take_all<std::string>(header.content);
    if (header.kind != Kind::Place) {
      write_entry(header, fresh / name, content);
    } else if (content == directory) {
      fs::remove_all(fresh);
      return;
    } else {
      fs::copy(content, fresh, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    }
  }
  replace_directory(fresh, directory);
} catch (const fs::filesystem_error& error) {
  throw SystemFailure(concat("cannot restore the checkpoint in ", directory.string(), ": ", error.what()));
}

}  // namespace regatta::objective
