#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hdf5.h>

#include "regatta/core/error.hpp"
#include "regatta/h5/file.hpp"

namespace regatta::h5 {

/// The turn of one thread in the HDF5 library, which most builds do not make safe for threads. Also keeps
/// HDF5 from printing its errors: they go into our exceptions.
class Turn {
 public:
  Turn() : lock_(mutex()) { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

 private:
  static std::recursive_mutex& mutex();
  std::lock_guard<std::recursive_mutex> lock_;
};

/// The message at the bottom of HDF5's error stack: what really went wrong.
std::string innermost_message();

/// Owns one HDF5 identifier and gives it back with `Close`; negative when the call that made it failed.
template <herr_t (*Close)(hid_t)>
class Handle {
 public:
  explicit Handle(hid_t id) : id_(id) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) Close(id_);
  }

  bool valid() const { return id_ >= 0; }
  hid_t get() const { return id_; }

 private:
  hid_t id_;
};

using Attribute = Handle<H5Aclose>;
using Dataset = Handle<H5Dclose>;
using Group = Handle<H5Gclose>;
using Object = Handle<H5Oclose>;
using Properties = Handle<H5Pclose>;
using Space = Handle<H5Sclose>;
using Type = Handle<H5Tclose>;

/// Throws `Kind`: "FILE: PATH: RULE".
template <class Kind>
[[noreturn]] void fail(const std::filesystem::path& file, std::string_view path, std::string_view rule) {
  throw Kind(concat(file.string(), ": ", path, ": ", rule));
}

/// Throws `Kind` with HDF5's own reason unless `ok`.
template <class Kind>
void expect(bool ok, const std::filesystem::path& file, std::string_view path, std::string_view rule) {
  if (!ok) fail<Kind>(file, path, concat(rule, " (HDF5: ", innermost_message(), ")"));
}

/// An open file and where it lies.
struct OpenFile {
  std::filesystem::path path;
  hid_t file = H5I_INVALID_HID;
  std::uintmax_t most_bytes = std::numeric_limits<std::uintmax_t>::max();  ///< that its datasets can hold
  int output = -1;  ///< system's descriptor of a new file, which lies in memory until it is closed

  OpenFile() = default;
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile();
  /// Writes a new file out and closes it.
  /// @throws SystemFailure
  void close();
  /// @throws InvalidInput  after close()
  hid_t id() const;
  bool exists(std::string_view path_inside) const;
  Dataset dataset(std::string_view path_inside) const;
  /// The group or dataset at `path_inside`.
  Object object(std::string_view path_inside) const;
};

struct File::Impl : OpenFile {};

/// Lengths of all dimensions; none for a scalar.
std::vector<hsize_t> extents(const Space& space);

/// All strings of a dataset or attribute, read by `read(memory type, buffer)`.
template <class Read>
std::vector<std::string> strings_of(const Type& stored, const Space& space, const Read& read) {
  const auto count = static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.get()));
  std::vector<std::string> texts;
  texts.reserve(count);
  const Type memory(H5Tcopy(stored.get()));  // keeps the character set: HDF5 does not convert between them
  if (H5Tis_variable_str(stored.get()) > 0) {
    std::vector<char*> pointers(count, nullptr);
    read(memory.get(), pointers.data());
    for (const char* text : pointers) texts.emplace_back(text == nullptr ? "" : text);
    H5Dvlen_reclaim(memory.get(), space.get(), H5P_DEFAULT, pointers.data());
    return texts;
  }
  const std::size_t length = H5Tget_size(stored.get());
  H5Tset_strpad(memory.get(), H5T_STR_NULLPAD);
  std::vector<char> characters(count * length, '\0');
  read(memory.get(), characters.data());
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view field(characters.data() + i * length, length);
    texts.emplace_back(field.substr(0, field.find('\0')));
  }
  return texts;
}

}  // namespace regatta::h5
