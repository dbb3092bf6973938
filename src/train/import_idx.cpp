#include <algorithm>
#include <cstdint>
#include <functional>
#include <numeric>

#include "import_samples.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"
#include "regatta/train/import.hpp"

namespace regatta::train {
namespace {

/// Format: two zero bytes, a type (8: unsigned byte), the number of dimensions, their lengths as big-endian
/// 32-bit numbers, the values. @see LeCun, Cortes, Burges, The MNIST database of handwritten digits
struct IdxFile {
  std::string file;
  std::string bytes;
  std::vector<std::size_t> lengths;
  std::size_t start = 0;

  explicit IdxFile(const std::filesystem::path& path) : file(path.string()), bytes(read_file(path)) {
    require(!bytes.starts_with("\x1f\x8b"), file, ": is packed by gzip, unpack it first: gunzip ", file);
    require(bytes.size() >= 4 && byte(0) == 0 && byte(1) == 0, file,
            ": is no IDX file (it must start with two zeros)");
    require(byte(2) == 8, file, ": holds values of IDX type ", byte(2), ", expected unsigned bytes (type 8)");
    const std::size_t dimensions = byte(3);
    require(dimensions >= 1 && dimensions <= 4, file, ": has ", dimensions, " dimensions, expected 1 to 4");
    start = 4 + 4 * dimensions;
    require(bytes.size() >= start, file, ": ends within its header");
    for (std::size_t i = 0; i < dimensions; ++i) lengths.push_back(length_at(4 + 4 * i));
    const std::size_t room = bytes.size() - start;
    std::size_t expected = 1;
    for (const std::size_t length : lengths) {
      require(length > 0, file, ": has a dimension of length 0");
      require(expected <= room / length, file, ": is truncated: its header asks for more than its ", room,
              " values");
      expected *= length;
    }
    require(expected == room, file, ": holds ", room, " values, its header says ", expected);
  }

  unsigned byte(std::size_t place) const { return static_cast<unsigned char>(bytes[place]); }
  std::size_t length_at(std::size_t place) const {
    return (std::size_t{byte(place)} << 24) + (byte(place + 1) << 16) + (byte(place + 2) << 8) +
           byte(place + 3);
  }
};

IdxFile images_of(const std::filesystem::path& path) {
  IdxFile images(path);
  require(images.lengths.size() >= 2, images.file,
          ": holds labels (1 dimension), expected images: images come first");
  return images;
}

RawSamples read_samples(const IdxFile& images, const std::filesystem::path& labels_path) {
  const IdxFile labels(labels_path);
  require(labels.lengths.size() == 1, labels.file, ": has ", labels.lengths.size(),
          " dimensions, expected labels (1 dimension) after the images");
  require(labels.lengths[0] == images.lengths[0], labels.file, ": holds ", labels.lengths[0], " labels, ",
          images.file, " holds ", images.lengths[0], " images");
  RawSamples samples;
  samples.rows = images.lengths[0];
  samples.x.reserve(images.bytes.size());
  for (std::size_t i = images.start; i < images.bytes.size(); ++i) samples.x.push_back(images.byte(i));
  for (std::size_t i = labels.start; i < labels.bytes.size(); ++i)
    samples.labels.push_back(static_cast<std::int32_t>(labels.byte(i)));
  return samples;
}

std::vector<std::size_t> sample_shape(const IdxFile& images) {
  std::vector<std::size_t> shape(images.lengths.size() == 3 ? 3 : images.lengths.size() - 1,
                                 1);  // one channel
  std::copy(images.lengths.begin() + 1, images.lengths.end(), shape.begin());
  return shape;
}

}  // namespace

TableSet import_idx(const IdxOptions& options) {
  const IdxFile images = images_of(options.images);
  const RawSamples samples = read_samples(images, options.labels);
  RawSamples test;
  if (!options.test_images.empty()) {
    const IdxFile test_images = images_of(options.test_images);
    require(sample_shape(test_images) == sample_shape(images), test_images.file,
            ": its images are of another size than those of ", images.file);
    test = read_samples(test_images, options.test_labels);
  }
  TableSet data;
  data.shape = sample_shape(images);
  data.classes = static_cast<std::size_t>(std::ranges::max(samples.labels)) + 1;
  for (std::size_t c = 0; c < data.classes; ++c) data.class_names.push_back(std::to_string(c));
  split_and_scale(samples, test, options, false, data);
  check_dataset(data);
  return data;
}

}  // namespace regatta::train
