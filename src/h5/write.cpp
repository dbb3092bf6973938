#include <algorithm>
#include <functional>
#include <numeric>

#include "handle.hpp"

namespace regatta::h5 {
namespace {

constexpr hsize_t small_dataset = 1024;  ///< [values] up to here a chunk index costs more than it saves
constexpr hsize_t chunk_rows = 4096;
constexpr hsize_t chunk_bytes = hsize_t{1} << 20;  ///< HDF5's own chunk cache holds 1 MiB
constexpr unsigned deflate_level = 6;

Properties link_properties() {
  Properties properties(H5Pcreate(H5P_LINK_CREATE));
  H5Pset_create_intermediate_group(properties.get(), 1);
  H5Pset_char_encoding(properties.get(), H5T_CSET_UTF8);
  return properties;
}

Properties storage_properties(std::vector<hsize_t> lengths, std::size_t count, std::size_t value_bytes) {
  Properties properties(H5Pcreate(H5P_DATASET_CREATE));
  H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER);
  H5Pset_obj_track_times(properties.get(), false);  // the same values give the same file
  if (count <= small_dataset) return properties;
  const hsize_t row_bytes = std::max<hsize_t>(1, count / lengths.front() * value_bytes);
  lengths.front() = std::min({lengths.front(), chunk_rows, std::max<hsize_t>(1, chunk_bytes / row_bytes)});
  H5Pset_chunk(properties.get(), static_cast<int>(lengths.size()), lengths.data());
  if (H5Zfilter_avail(H5Z_FILTER_DEFLATE) <= 0) return properties;
  // Columns of doubles and counters pack better by byte planes; samples of few different floats pack better
  // as they are.
  if (value_bytes == 8) H5Pset_shuffle(properties.get());
  H5Pset_deflate(properties.get(), deflate_level);
  return properties;
}

void write_values(const OpenFile& file, std::string_view path, hid_t type, const void* values,
                  std::size_t count, std::span<const std::size_t> shape) {
  std::vector<hsize_t> lengths(shape.begin(), shape.end());
  if (lengths.empty()) lengths.push_back(count);
  const hsize_t expected = std::accumulate(lengths.begin(), lengths.end(), hsize_t{1}, std::multiplies<>());
  if (expected != count)
    fail<InvalidInput>(file.path, path, concat("its shape holds ", expected, " values, got ", count));
  if (file.exists(path)) fail<InvalidInput>(file.path, path, "exists already");
  const Space space(H5Screate_simple(static_cast<int>(lengths.size()), lengths.data(), nullptr));
  const Properties storage = storage_properties(lengths, count, H5Tget_size(type));
  const Dataset dataset(H5Dcreate2(file.id(), std::string(path).c_str(), type, space.get(),
                                   link_properties().get(), storage.get(), H5P_DEFAULT));
  expect<SystemFailure>(dataset.valid(), file.path, path, "cannot be created");
  const herr_t written = H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  expect<SystemFailure>(written >= 0, file.path, path, "cannot be written");
}

template <class T>
void write_numbers(const OpenFile& file, std::string_view path, hid_t type, std::span<const T> values,
                   std::span<const std::size_t> shape) {
  write_values(file, path, type, values.data(), values.size(), shape);
}

void make_missing_group(const OpenFile& file, std::string_view path) {
  if (file.exists(path)) return;
  const Group group(
      H5Gcreate2(file.id(), std::string(path).c_str(), link_properties().get(), H5P_DEFAULT, H5P_DEFAULT));
  expect<SystemFailure>(group.valid(), file.path, path, "cannot be created");
}

void write_attribute(const OpenFile& file, std::string_view path, std::string_view name, hid_t type,
                     const void* value) {
  const std::string title(name);
  make_missing_group(file, path);
  const Object object = file.object(path);
  if (H5Aexists(object.get(), title.c_str()) > 0) H5Adelete(object.get(), title.c_str());
  const Space scalar(H5Screate(H5S_SCALAR));
  const Attribute attribute(
      H5Acreate2(object.get(), title.c_str(), type, scalar.get(), H5P_DEFAULT, H5P_DEFAULT));
  const std::string rule = "its attribute '" + title + "' cannot be written";
  expect<SystemFailure>(attribute.valid(), file.path, path, rule);
  expect<SystemFailure>(H5Awrite(attribute.get(), type, value) >= 0, file.path, path, rule);
}

Type text_type(std::size_t length) {
  Type type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), length);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

}  // namespace

void File::write(std::string_view path, std::span<const double> values, std::span<const std::size_t> shape) {
  const Turn turn;
  write_numbers(*impl_, path, H5T_NATIVE_DOUBLE, values, shape);
}

void File::write(std::string_view path, std::span<const float> values, std::span<const std::size_t> shape) {
  const Turn turn;
  write_numbers(*impl_, path, H5T_NATIVE_FLOAT, values, shape);
}

void File::write(std::string_view path, std::span<const std::int64_t> values,
                 std::span<const std::size_t> shape) {
  const Turn turn;
  write_numbers(*impl_, path, H5T_NATIVE_INT64, values, shape);
}

void File::write(std::string_view path, std::span<const std::int32_t> values,
                 std::span<const std::size_t> shape) {
  const Turn turn;
  write_numbers(*impl_, path, H5T_NATIVE_INT32, values, shape);
}

void File::write(std::string_view path, std::span<const std::uint8_t> values,
                 std::span<const std::size_t> shape) {
  const Turn turn;
  write_numbers(*impl_, path, H5T_NATIVE_UINT8, values, shape);
}

void File::write(std::string_view path, std::span<const std::string> values) {
  const Turn turn;
  std::size_t length = 1;
  for (const std::string& text : values) length = std::max(length, text.size());
  std::vector<char> characters(values.size() * length, '\0');
  for (std::size_t i = 0; i < values.size(); ++i)
    std::ranges::copy(values[i], characters.begin() + i * length);
  const Type type = text_type(length);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  write_values(*impl_, path, type.get(), characters.data(), values.size(), {});
}

void File::set_attribute(std::string_view path, std::string_view name, std::string_view text) {
  const Turn turn;
  const std::string terminated(text);
  const char* const value = terminated.c_str();
  write_attribute(*impl_, path, name, text_type(H5T_VARIABLE).get(), &value);
}

void File::set_attribute(std::string_view path, std::string_view name, double value) {
  const Turn turn;
  write_attribute(*impl_, path, name, H5T_NATIVE_DOUBLE, &value);
}

void File::set_attribute(std::string_view path, std::string_view name, std::int64_t value) {
  const Turn turn;
  write_attribute(*impl_, path, name, H5T_NATIVE_INT64, &value);
}

}  // namespace regatta::h5
