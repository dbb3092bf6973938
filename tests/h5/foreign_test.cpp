#include <hdf5.h>

#include "regatta/core/error.hpp"
#include "regatta/h5/file.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::h5 {
namespace {

using support::message_of;
using support::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

/// A dataset /x of `rows` elements of `stored` type, as other programs write it.
void write_foreign(const std::filesystem::path& path, hid_t stored, hid_t memory, hsize_t rows,
                   const void* values) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(1, &rows, nullptr);
  const hid_t dataset = H5Dcreate2(file, "/x", stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (values != nullptr) H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(dataset);
  H5Sclose(space);
  H5Fclose(file);
}

hid_t string_type(std::size_t length, H5T_str_t padding) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, length);
  H5Tset_strpad(type, padding);
  return type;
}

TEST(H5Foreign, ReadsTextsOfVariableLength) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const hid_t type = string_type(H5T_VARIABLE, H5T_STR_NULLTERM);
  const char* const texts[] = {"alpha", "", "a longer one"};
  write_foreign(path, type, type, 3, texts);
  H5Tclose(type);

  EXPECT_THAT(File::open(path).read_strings("/x"), ElementsAre("alpha", "", "a longer one"));
}

TEST(H5Foreign, ReadsTextsPaddedWithBlanksAsFortranWritesThem) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const hid_t type = string_type(5, H5T_STR_SPACEPAD);
  write_foreign(path, type, type, 2, "ab   abcde");
  H5Tclose(type);

  EXPECT_THAT(File::open(path).read_strings("/x"), ElementsAre("ab", "abcde"));
}

TEST(H5Foreign, ReadsTextsThatEndWithAZeroAsCWritesThem) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const hid_t type = string_type(3, H5T_STR_NULLTERM);
  write_foreign(path, type, type, 2, "ab\0c\0");
  H5Tclose(type);

  EXPECT_THAT(File::open(path).read_strings("/x"), ElementsAre("ab", "c"));
}

TEST(H5Foreign, ReadsNumbersOfTheOtherByteOrder) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const double values[] = {1.5, -2.0};
  write_foreign(path, H5T_IEEE_F32BE, H5T_NATIVE_DOUBLE, 2, values);

  EXPECT_THAT(File::open(path).read_doubles("/x"), ElementsAre(1.5, -2.0));
}

TEST(H5Foreign, RefusesADatasetThatClaimsMoreThanTheFileCanHold) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk[] = {16, 16};
  H5Pset_chunk(properties, 2, chunk);
  const hsize_t lengths[] = {hsize_t{1} << 40, hsize_t{1} << 30};
  const hid_t space = H5Screate_simple(2, lengths, nullptr);
  H5Dclose(H5Dcreate2(file, "/x", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, properties, H5P_DEFAULT));
  H5Pclose(properties);
  H5Sclose(space);
  H5Fclose(file);

  EXPECT_THAT(message_of<InvalidInput>([&] { File::open(path).read_floats("/x"); }),
              HasSubstr("/x: claims more values than a file of this size can hold"));
  EXPECT_THAT(message_of<InvalidInput>([&] { File::open(path).shape("/x"); }),
              HasSubstr("/x: claims more values"));
}

TEST(H5Foreign, RefusesTypesThatAreNoNumbers) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const hid_t type = H5Tcreate(H5T_OPAQUE, 4);
  write_foreign(path, type, type, 1, "abcd");
  H5Tclose(type);

  EXPECT_THAT(message_of<InvalidInput>([&] { File::open(path).is_floating("/x"); }),
              HasSubstr("/x: does not hold numbers"));
}

}  // namespace
}  // namespace regatta::h5
