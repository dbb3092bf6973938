#include <algorithm>

#include "handle.hpp"

namespace regatta::h5 {
namespace {

bool is_number(const Type& type) {
  const H5T_class_t kind = H5Tget_class(type.get());
  return kind == H5T_FLOAT || kind == H5T_INTEGER;
}

/// Lengths of the dataset's dimensions, after checking that their product is possible.
std::vector<hsize_t> checked_extents(const OpenFile& file, std::string_view path, const Dataset& dataset) {
  const Space space(H5Dget_space(dataset.get()));
  const Type type(H5Dget_type(dataset.get()));
  const H5S_class_t kind = H5Sget_simple_extent_type(space.get());
  if (kind != H5S_SIMPLE && kind != H5S_SCALAR) fail<InvalidInput>(file.path, path, "holds no values");
  std::vector<hsize_t> lengths = extents(space);
  std::uintmax_t bytes = std::max<std::size_t>(1, H5Tget_size(type.get()));
  for (const hsize_t length : lengths) {
    if (length != 0 && bytes > file.most_bytes / length)
      fail<InvalidInput>(file.path, path, "claims more values than a file of this size can hold");
    bytes *= length;
  }
  return lengths;
}

std::size_t checked_count(const OpenFile& file, std::string_view path, const Dataset& dataset) {
  std::size_t count = 1;
  for (const hsize_t length : checked_extents(file, path, dataset)) count *= length;
  return count;
}

Dataset number_dataset(const OpenFile& file, std::string_view path) {
  Dataset dataset = file.dataset(path);
  const Type type(H5Dget_type(dataset.get()));
  if (!is_number(type)) fail<InvalidInput>(file.path, path, "does not hold numbers");
  return dataset;
}

template <class T>
std::vector<T> read_numbers(const OpenFile& file, std::string_view path, hid_t type) {
  const Dataset dataset = number_dataset(file, path);
  std::vector<T> values(checked_count(file, path, dataset));
  const herr_t done = H5Dread(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  expect<InvalidInput>(done >= 0, file.path, path, "cannot be read");
  return values;
}

void read_slab(const OpenFile& file, std::string_view path, hid_t type, hsize_t first, hsize_t count,
               std::size_t size, void* values) {
  const Dataset dataset = number_dataset(file, path);
  const Space space(H5Dget_space(dataset.get()));
  std::vector<hsize_t> lengths = extents(space);
  if (lengths.empty()) fail<InvalidInput>(file.path, path, "is a single value, expected rows");
  if (first > lengths.front() || count > lengths.front() - first)
    fail<InvalidInput>(
        file.path, path,
        concat("has ", lengths.front(), " rows, asked for rows ", first, " to ", first + count));
  lengths.front() = count;
  const Space memory(H5Screate_simple(static_cast<int>(lengths.size()), lengths.data(), nullptr));
  const hssize_t expected = H5Sget_simple_extent_npoints(memory.get());
  if (static_cast<hsize_t>(expected) != size)
    fail<InvalidInput>(file.path, path,
                       concat(count, " rows hold ", expected, " values, got room for ", size));
  if (size == 0) return;
  std::vector<hsize_t> start(lengths.size(), 0);
  start.front() = first;
  H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, lengths.data(), nullptr);
  const herr_t done = H5Dread(dataset.get(), type, memory.get(), space.get(), H5P_DEFAULT, values);
  expect<InvalidInput>(done >= 0, file.path, path, "cannot be read");
}

Attribute open_attribute(const OpenFile& file, std::string_view path, const Object& object,
                         std::string_view name) {
  Attribute attribute(H5Aopen(object.get(), std::string(name).c_str(), H5P_DEFAULT));
  if (!attribute.valid()) fail<InvalidInput>(file.path, path, concat("has no attribute '", name, "'"));
  const Space space(H5Aget_space(attribute.get()));
  if (H5Sget_simple_extent_npoints(space.get()) != 1)
    fail<InvalidInput>(file.path, path, concat("its attribute '", name, "' must be one value"));
  return attribute;
}

}  // namespace

bool File::has_attribute(std::string_view path, std::string_view name) const {
  const Turn turn;
  return impl_->exists(path) && H5Aexists(impl_->object(path).get(), std::string(name).c_str()) > 0;
}

std::vector<std::size_t> File::shape(std::string_view path) const {
  const Turn turn;
  const Dataset dataset = impl_->dataset(path);
  const std::vector<hsize_t> lengths = checked_extents(*impl_, path, dataset);
  return {lengths.begin(), lengths.end()};
}

std::size_t File::chunk_rows(std::string_view path) const {
  const Turn turn;
  const Dataset dataset = impl_->dataset(path);
  const Properties storage(H5Dget_create_plist(dataset.get()));
  if (H5Pget_layout(storage.get()) != H5D_CHUNKED) return 0;
  std::vector<hsize_t> lengths(H5S_MAX_RANK);
  H5Pget_chunk(storage.get(), H5S_MAX_RANK, lengths.data());
  return lengths.front();
}

bool File::is_floating(std::string_view path) const {
  const Turn turn;
  const Dataset dataset = number_dataset(*impl_, path);
  return H5Tget_class(Type(H5Dget_type(dataset.get())).get()) == H5T_FLOAT;
}

std::vector<double> File::read_doubles(std::string_view path) const {
  const Turn turn;
  return read_numbers<double>(*impl_, path, H5T_NATIVE_DOUBLE);
}

std::vector<float> File::read_floats(std::string_view path) const {
  const Turn turn;
  return read_numbers<float>(*impl_, path, H5T_NATIVE_FLOAT);
}

std::vector<std::int64_t> File::read_integers(std::string_view path) const {
  const Turn turn;
  return read_numbers<std::int64_t>(*impl_, path, H5T_NATIVE_INT64);
}

std::vector<std::string> File::read_strings(std::string_view path) const {
  const Turn turn;
  const Dataset dataset = impl_->dataset(path);
  const Type type(H5Dget_type(dataset.get()));
  if (H5Tget_class(type.get()) != H5T_STRING) fail<InvalidInput>(impl_->path, path, "does not hold text");
  checked_count(*impl_, path, dataset);
  const Space space(H5Dget_space(dataset.get()));
  return strings_of(type, space, [&](hid_t memory, void* buffer) {
    const herr_t done = H5Dread(dataset.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer);
    expect<InvalidInput>(done >= 0, impl_->path, path, "cannot be read");
  });
}

void File::read_rows(std::string_view path, std::size_t first, std::size_t count,
                     std::span<float> values) const {
  const Turn turn;
  read_slab(*impl_, path, H5T_NATIVE_FLOAT, first, count, values.size(), values.data());
}

void File::read_rows(std::string_view path, std::size_t first, std::size_t count,
                     std::span<std::int32_t> values) const {
  const Turn turn;
  read_slab(*impl_, path, H5T_NATIVE_INT32, first, count, values.size(), values.data());
}

std::string File::text_attribute(std::string_view path, std::string_view name) const {
  const Turn turn;
  const Object object = impl_->object(path);
  const Attribute attribute = open_attribute(*impl_, path, object, name);
  const Type type(H5Aget_type(attribute.get()));
  if (H5Tget_class(type.get()) != H5T_STRING)
    fail<InvalidInput>(impl_->path, path, concat("its attribute '", name, "' is not text"));
  const Space space(H5Aget_space(attribute.get()));
  return strings_of(type, space,
                    [&](hid_t memory, void* buffer) {
                      expect<InvalidInput>(H5Aread(attribute.get(), memory, buffer) >= 0, impl_->path, path,
                                           concat("its attribute '", name, "' cannot be read"));
                    })
      .front();
}

double File::number_attribute(std::string_view path, std::string_view name) const {
  const Turn turn;
  const Object object = impl_->object(path);
  const Attribute attribute = open_attribute(*impl_, path, object, name);
  const Type type(H5Aget_type(attribute.get()));
  if (!is_number(type))
    fail<InvalidInput>(impl_->path, path, concat("its attribute '", name, "' is not a number"));
  double value = 0.0;
  expect<InvalidInput>(H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &value) >= 0, impl_->path, path,
                       concat("its attribute '", name, "' cannot be read"));
  return value;
}

}  // namespace regatta::h5
