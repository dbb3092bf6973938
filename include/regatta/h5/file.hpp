#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace regatta::h5 {

/// An HDF5 file with typed access to datasets of numbers, fixed-length strings and scalar attributes: what
/// h5py, pandas, MATLAB, HDFView and h5dump all read. Calls are serialised by one lock, so threads may use
/// different files.
///
/// Paths are absolute inside the file ("/trials/state"); missing groups are made. All functions
/// @throws InvalidInput   the file is not what the caller expects: names file, path and rule
/// @throws SystemFailure  HDF5 could not write; names file and path
class File {
 public:
  /// A new file at `path` (replacing one), readable by HDF5 1.8 and later; it is built in memory and written
  /// by close().
  static File create(const std::filesystem::path& path);
  /// For reading; says when a file is absent, no HDF5 file, or truncated.
  static File open(const std::filesystem::path& path);

  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  ~File();
  /// Writes everything out and closes; errors are told here, not in the destructor.
  void close();

  /// Writes a dataset; `shape` empty means one dimension of values.size(). More than 1024 values are
  /// deflated in chunks of up to 4096 rows and about 1 MiB. A path is written once.
  void write(std::string_view path, std::span<const double> values, std::span<const std::size_t> shape = {});
  void write(std::string_view path, std::span<const float> values, std::span<const std::size_t> shape = {});
  void write(std::string_view path, std::span<const std::int64_t> values,
             std::span<const std::size_t> shape = {});
  void write(std::string_view path, std::span<const std::int32_t> values,
             std::span<const std::size_t> shape = {});
  void write(std::string_view path, std::span<const std::uint8_t> values,
             std::span<const std::size_t> shape = {});
  /// Fixed-length UTF-8, as long as the longest text (at least 1 byte).
  void write(std::string_view path, std::span<const std::string> values);

  /// Attributes of a group or dataset ("/" is the file): variable-length UTF-8 text or one number.
  void set_attribute(std::string_view path, std::string_view name, std::string_view text);
  void set_attribute(std::string_view path, std::string_view name, double value);
  void set_attribute(std::string_view path, std::string_view name, std::int64_t value);

  bool exists(std::string_view path) const;
  bool has_attribute(std::string_view path, std::string_view name) const;
  /// Names of the members of a group, in alphabetical order.
  std::vector<std::string> list(std::string_view group) const;
  /// Lengths of the dimensions of a dataset, none for a single value; refuses more values than the file can
  /// hold.
  std::vector<std::size_t> shape(std::string_view path) const;

  /// The whole dataset, converted to the number type asked for.
  std::vector<double> read_doubles(std::string_view path) const;
  std::vector<float> read_floats(std::string_view path) const;
  std::vector<std::int64_t> read_integers(std::string_view path) const;
  std::vector<std::string> read_strings(std::string_view path) const;
  /// Reads rows [first, first + count) of the first dimension into `values`.
  void read_rows(std::string_view path, std::size_t first, std::size_t count, std::span<float> values) const;
  void read_rows(std::string_view path, std::size_t first, std::size_t count,
                 std::span<std::int32_t> values) const;
  /// Rows that are stored, and unpacked, together; 0: all rows lie one after another.
  std::size_t chunk_rows(std::string_view path) const;
  /// Whether the elements are floating-point numbers (else integers); throws for other types.
  bool is_floating(std::string_view path) const;

  std::string text_attribute(std::string_view path, std::string_view name) const;
  double number_attribute(std::string_view path, std::string_view name) const;

 private:
  struct Impl;
  explicit File(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// "1.10.8": of the library at run time.
std::string library_version();

}  // namespace regatta::h5
