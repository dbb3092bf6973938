#include "regatta/h5/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <system_error>

#include "handle.hpp"

namespace regatta::h5 {
namespace {

/// Deflate packs at most 1032 to 1: a dataset that claims more is not in the file, and must not be allocated.
constexpr std::uintmax_t best_compression = 2048;

constexpr std::size_t memory_step = std::size_t{1} << 20;  ///< [bytes] by which a new file grows in memory

Properties reading_properties() {
  Properties properties(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_fclose_degree(properties.get(), H5F_CLOSE_STRONG);
  // Files appear by rename only, so locks guard nothing; and they fail on file systems mounted without flock.
  H5Pset_file_locking(properties.get(), false, true);
  return properties;
}

/// HDF5 builds a new file in memory and we write it in one go: when HDF5 itself meets a full disk, it can
/// neither close the file nor open another of that name, and crashes at exit (seen with 1.10.8).
Properties memory_properties() {
  Properties properties(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_fclose_degree(properties.get(), H5F_CLOSE_STRONG);
  H5Pset_libver_bounds(properties.get(), H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
  H5Pset_fapl_core(properties.get(), memory_step, false);
  return properties;
}

std::vector<char> image_of(hid_t file, const std::filesystem::path& path) {
  const auto wanted = [&](bool ok) {
    if (!ok) throw SystemFailure(concat(path.string(), ": could not be completed: ", innermost_message()));
  };
  wanted(H5Fflush(file, H5F_SCOPE_LOCAL) >= 0);
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  wanted(size >= 0);
  std::vector<char> image(static_cast<std::size_t>(size));
  wanted(H5Fget_file_image(file, image.data(), image.size()) >= 0);
  return image;
}

void write_all(int output, std::span<const char> bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(output, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      throw SystemFailure(concat(path.string(), ": could not be written: ", std::strerror(errno)));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

herr_t keep_first(unsigned depth, const H5E_error2_t* error, void* text) {
  if (depth == 0 && error->desc != nullptr) *static_cast<std::string*>(text) = error->desc;
  return 0;
}

void require_hdf5_file(const std::filesystem::path& path) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  require(std::filesystem::exists(status), path.string(), ": there is no such file");
  require(!std::filesystem::is_directory(status), path.string(), ": is a folder, expected an HDF5 file");
  require(std::filesystem::file_size(path, failure) > 0, path.string(), ": is empty, expected an HDF5 file");
  const htri_t answer = H5Fis_hdf5(path.c_str());
  require(answer >= 0, path.string(), ": cannot be read (HDF5: ", innermost_message(), ")");
  require(answer > 0, path.string(), ": is no HDF5 file (it does not have the signature of one)");
}

}  // namespace

std::recursive_mutex& Turn::mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

std::string innermost_message() {
  std::string text = "no reason given";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text);
  return text;
}

std::vector<hsize_t> extents(const Space& space) {
  const int dimensions = H5Sget_simple_extent_ndims(space.get());
  std::vector<hsize_t> lengths(dimensions > 0 ? static_cast<std::size_t>(dimensions) : 0);
  if (!lengths.empty()) H5Sget_simple_extent_dims(space.get(), lengths.data(), nullptr);
  return lengths;
}

OpenFile::~OpenFile() {
  const Turn turn;
  try {
    close();
  } catch (...) {  // whoever wants to know calls close() before
  }
}

void OpenFile::close() {
  const Turn turn;
  const Handle<H5Fclose> closing(std::exchange(file, H5I_INVALID_HID));
  const int written = std::exchange(output, -1);
  if (written < 0) return;
  try {
    if (closing.valid()) write_all(written, image_of(closing.get(), path), path);
  } catch (...) {
    ::close(written);
    throw;
  }
  if (::close(written) != 0)
    throw SystemFailure(concat(path.string(), ": could not be written: ", std::strerror(errno)));
}

hid_t OpenFile::id() const {
  require(file >= 0, path.string(), ": is closed");
  return file;
}

bool OpenFile::exists(std::string_view path_inside) const {
  // H5Lexists fails, instead of answering no, when a group on the way is missing.
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = path_inside.find('/', end + 1);
    const std::string part(path_inside.substr(0, end));
    if (part == "/") continue;
    if (H5Lexists(id(), part.c_str(), H5P_DEFAULT) <= 0) return false;
    if (H5Oexists_by_name(id(), part.c_str(), H5P_DEFAULT) <= 0) return false;
  }
  return true;
}

Dataset OpenFile::dataset(std::string_view path_inside) const {
  if (!exists(path_inside)) fail<InvalidInput>(path, path_inside, "is missing");
  Dataset found(H5Dopen2(id(), std::string(path_inside).c_str(), H5P_DEFAULT));
  expect<InvalidInput>(found.valid(), path, path_inside, "is not a dataset or cannot be read");
  return found;
}

Object OpenFile::object(std::string_view path_inside) const {
  if (!exists(path_inside)) fail<InvalidInput>(path, path_inside, "is missing");
  Object found(H5Oopen(id(), std::string(path_inside).c_str(), H5P_DEFAULT));
  expect<InvalidInput>(found.valid(), path, path_inside, "cannot be read");
  return found;
}

File::File(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;
File::~File() = default;

File File::create(const std::filesystem::path& path) {
  const Turn turn;
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->output = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (impl->output < 0)
    throw SystemFailure(concat(path.string(), ": cannot be created: ", std::strerror(errno)));
  impl->file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, memory_properties().get());
  if (impl->file < 0)
    throw SystemFailure(concat(path.string(), ": cannot be created: ", innermost_message()));
  return File(std::move(impl));
}

File File::open(const std::filesystem::path& path) {
  const Turn turn;
  require_hdf5_file(path);
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, reading_properties().get());
  require(impl->file >= 0, path.string(), ": is a damaged or truncated HDF5 file: ", innermost_message());
  impl->most_bytes = std::filesystem::file_size(path) * best_compression;
  return File(std::move(impl));
}

void File::close() { impl_->close(); }

bool File::exists(std::string_view path) const {
  const Turn turn;
  return impl_->exists(path);
}

std::vector<std::string> File::list(std::string_view group) const {
  const Turn turn;
  if (!impl_->exists(group)) fail<InvalidInput>(impl_->path, group, "is missing");
  const Group opened(H5Gopen2(impl_->id(), std::string(group).c_str(), H5P_DEFAULT));
  expect<InvalidInput>(opened.valid(), impl_->path, group, "is not a group");
  H5G_info_t info{};
  expect<InvalidInput>(H5Gget_info(opened.get(), &info) >= 0, impl_->path, group, "cannot be listed");
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const ssize_t length =
        H5Lget_name_by_idx(opened.get(), ".", H5_INDEX_NAME, H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT);
    expect<InvalidInput>(length >= 0, impl_->path, group, "cannot be listed");
    std::string name(static_cast<std::size_t>(length), '\0');
    H5Lget_name_by_idx(opened.get(), ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size() + 1,
                       H5P_DEFAULT);
    names.push_back(std::move(name));
  }
  return names;
}

std::string library_version() {
  const Turn turn;
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return concat(major, '.', minor, '.', release);
}

}  // namespace regatta::h5
