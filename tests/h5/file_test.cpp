#include "regatta/h5/file.hpp"

#include <sys/resource.h>
#include <cmath>
#include <csignal>
#include <fstream>
#include <limits>
#include <numeric>
#include <thread>

#include "regatta/core/error.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::h5 {
namespace {

using support::message_of;
using support::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(H5File, ReadsBackNumbersOfEveryTypeAsTheyWereWritten) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const std::vector<double> doubles{0.1, -1e300, std::numeric_limits<double>::infinity()};
  const std::vector<float> floats{0.25f, -3.0f};
  const std::vector<std::int64_t> integers{std::numeric_limits<std::int64_t>::min(), 0, 9007199254740993};
  const std::vector<std::int32_t> labels{-1, 7};
  const std::vector<std::uint8_t> bytes{0, 255};
  File file = File::create(path);
  file.write("/doubles", doubles);
  file.write("/deep/down/floats", floats);
  file.write("/integers", integers);
  file.write("/labels", labels);
  file.write("/bytes", bytes);
  file.close();

  const File read = File::open(path);

  EXPECT_EQ(read.read_doubles("/doubles"), doubles);
  EXPECT_EQ(read.read_floats("/deep/down/floats"), floats);
  EXPECT_EQ(read.read_integers("/integers"), integers);
  EXPECT_THAT(read.read_integers("/labels"), ElementsAre(-1, 7));
  EXPECT_THAT(read.read_doubles("/bytes"), ElementsAre(0.0, 255.0));
  EXPECT_TRUE(read.is_floating("/doubles"));
  EXPECT_FALSE(read.is_floating("/labels"));
}

TEST(H5File, KeepsNotANumber) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const std::vector<double> values{std::nan(""), 1.0};
  File file = File::create(path);
  file.write("/x", values);
  file.close();

  EXPECT_TRUE(std::isnan(File::open(path).read_doubles("/x").front()));
}

TEST(H5File, ReadsBackAMatrixThatIsLargeEnoughToBeChunkedAndDeflated) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const std::vector<std::size_t> shape{5000, 3, 2};
  std::vector<float> values(30000);
  std::iota(values.begin(), values.end(), 0.0f);
  File file = File::create(path);
  file.write("/x", values, shape);
  file.close();

  const File read = File::open(path);

  EXPECT_EQ(read.shape("/x"), shape);
  EXPECT_EQ(read.read_floats("/x"), values);
  EXPECT_LT(std::filesystem::file_size(path), values.size() * sizeof(float));
}

TEST(H5File, ReadsSomeRowsOfAMatrix) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const std::vector<float> values{0, 1, 2, 3, 4, 5, 6, 7};
  const std::vector<std::size_t> shape{4, 2};
  const std::vector<std::int32_t> labels{4, 5, 6, 7};
  File file = File::create(path);
  file.write("/x", values, shape);
  file.write("/y", labels);
  std::vector<float> rows(4);
  std::vector<std::int32_t> some(2);

  file.read_rows("/x", 1, 2, rows);
  file.read_rows("/y", 2, 2, some);

  EXPECT_THAT(rows, ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(some, ElementsAre(6, 7));
}

TEST(H5File, RefusesRowsOutsideAndBuffersOfTheWrongSize) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  File file = File::create(path);
  file.write("/x", std::vector<float>{0, 1, 2, 3}, std::vector<std::size_t>{2, 2});
  std::vector<float> buffer(3);

  EXPECT_THAT(message_of<InvalidInput>([&] { file.read_rows("/x", 1, 2, buffer); }),
              HasSubstr("/x: has 2 rows, asked for rows 1 to 3"));
  EXPECT_THAT(message_of<InvalidInput>([&] { file.read_rows("/x", 0, 1, buffer); }),
              HasSubstr("/x: 1 rows hold 2 values, got room for 3"));
}

TEST(H5File, ReadsBackTextsUpToTheLongest) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const std::vector<std::string> texts{"", "épée", "a much longer text", "x y"};
  File file = File::create(path);
  file.write("/names", texts);
  file.write("/blank", std::vector<std::string>{""});
  file.close();

  const File read = File::open(path);

  EXPECT_EQ(read.read_strings("/names"), texts);
  EXPECT_THAT(read.read_strings("/blank"), ElementsAre(""));
}

TEST(H5File, KeepsEmptyDatasets) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  File file = File::create(path);
  file.write("/none", std::vector<double>{});
  file.write("/no_text", std::vector<std::string>{});
  file.write("/no_rows", std::vector<float>{}, std::vector<std::size_t>{0, 4});
  file.close();

  const File read = File::open(path);

  EXPECT_THAT(read.read_doubles("/none"), IsEmpty());
  EXPECT_THAT(read.read_strings("/no_text"), IsEmpty());
  EXPECT_THAT(read.shape("/no_rows"), ElementsAre(0, 4));
}

TEST(H5File, ReadsBackAttributesOfTheFileOfGroupsAndOfDatasets) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const std::string long_text(100000, 'x');
  File file = File::create(path);
  file.write("/x", std::vector<double>{1.0});
  file.set_attribute("/", "inputs", long_text);
  file.set_attribute("/", "nothing", "");
  file.set_attribute("/x", "units", "s");
  file.set_attribute("/new/group", "count", std::int64_t{12});
  file.set_attribute("/new/group", "ratio", 0.5);
  file.set_attribute("/new/group", "ratio", 0.75);
  file.close();

  const File read = File::open(path);

  EXPECT_EQ(read.text_attribute("/", "inputs"), long_text);
  EXPECT_EQ(read.text_attribute("/", "nothing"), "");
  EXPECT_EQ(read.text_attribute("/x", "units"), "s");
  EXPECT_EQ(read.number_attribute("/new/group", "count"), 12.0);
  EXPECT_EQ(read.number_attribute("/new/group", "ratio"), 0.75);
  EXPECT_TRUE(read.has_attribute("/x", "units"));
  EXPECT_FALSE(read.has_attribute("/x", "unit"));
  EXPECT_FALSE(read.has_attribute("/y", "units"));
}

TEST(H5File, KnowsWhatExistsAndListsGroupsByName) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  File file = File::create(path);
  file.write("/trials/state", std::vector<double>{1.0});
  file.write("/trials/params/units", std::vector<double>{1.0});

  EXPECT_TRUE(file.exists("/"));
  EXPECT_TRUE(file.exists("/trials/params/units"));
  EXPECT_FALSE(file.exists("/trials/params/layers"));
  EXPECT_FALSE(file.exists("/reports/metrics/loss"));
  EXPECT_FALSE(file.exists("/trials/state/deeper"));
  EXPECT_THAT(file.list("/trials"), ElementsAre("params", "state"));
  EXPECT_THAT(file.list("/"), ElementsAre("trials"));
}

TEST(H5File, NamesFilePathAndRuleWhenSomethingIsNotThere) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  File file = File::create(path);
  file.write("/text", std::vector<std::string>{"a"});
  file.write("/x", std::vector<double>{1.0});
  file.set_attribute("/x", "units", "s");
  const std::string prefix = path.string();

  EXPECT_EQ(message_of<InvalidInput>([&] { file.read_doubles("/y"); }), prefix + ": /y: is missing");
  EXPECT_EQ(message_of<InvalidInput>([&] { file.read_doubles("/text"); }),
            prefix + ": /text: does not hold numbers");
  EXPECT_EQ(message_of<InvalidInput>([&] { file.read_strings("/x"); }), prefix + ": /x: does not hold text");
  EXPECT_EQ(message_of<InvalidInput>([&] { file.text_attribute("/x", "unit"); }),
            prefix + ": /x: has no attribute 'unit'");
  EXPECT_EQ(message_of<InvalidInput>([&] { file.number_attribute("/x", "units"); }),
            prefix + ": /x: its attribute 'units' is not a number");
  EXPECT_THAT(message_of<InvalidInput>([&] { file.list("/x"); }), HasSubstr("/x: is not a group"));
  EXPECT_THAT(message_of<InvalidInput>([&] { file.list("/y"); }), HasSubstr("/y: is missing"));
  EXPECT_THAT(message_of<InvalidInput>([&] { file.read_doubles("/"); }), HasSubstr("/: is not a dataset"));
}

TEST(H5File, RefusesToWriteTwiceOrToTheWrongShape) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  File file = File::create(path);
  file.write("/x", std::vector<double>{1.0});
  const std::vector<std::size_t> shape{2, 2};

  EXPECT_THAT(message_of<InvalidInput>([&] { file.write("/x", std::vector<double>{1.0}); }),
              HasSubstr("/x: exists already"));
  EXPECT_THAT(message_of<InvalidInput>([&] { file.write("/y", std::vector<double>{1.0}, shape); }),
              HasSubstr("/y: its shape holds 4 values, got 1"));
}

TEST(H5File, RefusesUseAfterClose) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  File file = File::create(path);
  file.close();
  file.close();

  EXPECT_THAT(message_of<InvalidInput>([&] { file.write("/x", std::vector<double>{1.0}); }),
              HasSubstr("is closed"));
}

TEST(H5File, MovesItsFile) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  File file = File::create(path);
  File other = std::move(file);
  other.write("/x", std::vector<double>{2.0});
  other.close();

  EXPECT_THAT(File::open(path).read_doubles("/x"), ElementsAre(2.0));
}

TEST(H5File, SaysWhyAFileCannotBeOpened) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const std::string name = path.string();
  const auto message = [&] { return message_of<InvalidInput>([&] { File::open(path); }); };

  EXPECT_EQ(message(), name + ": there is no such file");
  std::ofstream(path).close();
  EXPECT_EQ(message(), name + ": is empty, expected an HDF5 file");
  std::ofstream(path) << "a,b,c\n1,2,3\n";
  EXPECT_EQ(message(), name + ": is no HDF5 file (it does not have the signature of one)");
  EXPECT_THAT(message_of<InvalidInput>([] { File::open(std::filesystem::temp_directory_path()); }),
              HasSubstr("is a folder"));
}

TEST(H5File, SaysWhyAFileCannotBeCreated) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";

  EXPECT_THAT(message_of<SystemFailure>([&] { File::create(path / "below" / "a.h5"); }),
              HasSubstr("cannot be created"));
}

TEST(H5File, RefusesAFileCutAnywhereWithoutCrashing) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  std::vector<double> values(3000);
  std::iota(values.begin(), values.end(), 0.0);
  File file = File::create(path);
  file.write("/a/x", values);
  file.write("/names", std::vector<std::string>{"one", "two"});
  file.set_attribute("/", "text", "something");
  file.close();
  const auto size = std::filesystem::file_size(path);

  for (std::uintmax_t length = size; length-- > 0; length -= std::min<std::uintmax_t>(length, 97)) {
    std::filesystem::resize_file(path, length);
    EXPECT_THAT(message_of<InvalidInput>([&] { File::open(path); }), HasSubstr(path.string()))
        << "at " << length << " of " << size << " bytes";
  }
}

TEST(H5File, TellsThatTheDiskIsFull) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  std::vector<double> noise(200000);
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = std::sin(static_cast<double>(i * i));
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{100000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);

  const std::string message = message_of<SystemFailure>([&] {
    File file = File::create(path);
    file.write("/x", noise);
    file.close();
  });
  setrlimit(RLIMIT_FSIZE, &before);

  EXPECT_EQ(message, path.string() + ": could not be written: File too large");
}

TEST(H5File, CanBeWrittenAgainAfterTheDiskWasFull) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{100, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  {
    File file = File::create(path);
    file.write("/x", std::vector<double>{1.0});
    EXPECT_THROW(file.close(), SystemFailure);
  }
  setrlimit(RLIMIT_FSIZE, &before);

  File file = File::create(path);
  file.write("/x", std::vector<double>{2.0});
  file.close();

  EXPECT_THAT(File::open(path).read_doubles("/x"), ElementsAre(2.0));
}

TEST(H5File, ServesSeveralThreadsAtOnce) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  std::vector<double> values(20000);
  std::iota(values.begin(), values.end(), 0.0);
  File file = File::create(path);
  file.write("/x", values);
  file.close();
  std::vector<int> matches(4, 0);

  std::vector<std::thread> threads;
  for (int& count : matches)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) count += File::open(path).read_doubles("/x") == values ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();

  EXPECT_THAT(matches, ElementsAre(20, 20, 20, 20));
}

TEST(H5, NamesItsVersion) {
  EXPECT_THAT(library_version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace regatta::h5
