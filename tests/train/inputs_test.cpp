#include <filesystem>
#include <map>

#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"
#include "regatta/core/random.hpp"
#include "regatta/h5/file.hpp"
#include "regatta/train/dataset.hpp"
#include "regatta/train/generate.hpp"
#include "regatta/train/import.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::train {
namespace {

using testing::ElementsAre;
using testing::Pointwise;

const std::filesystem::path shipped = std::filesystem::path(REGATTA_SOURCE_DIR) / "inputs" / "data";
const std::filesystem::path digits = std::filesystem::path(REGATTA_SHARED_DIR) / "data" / "tab" / "optdigits";

const std::filesystem::path vowels =
    std::filesystem::path(REGATTA_SHARED_DIR) / "data" / "seq" / "japanese_vowels";

/// Numbers of another processor or library may differ in their last digits.
void expect_same(const Split& file, const Table& made) {
  EXPECT_THAT(file.x, Pointwise(testing::FloatNear(1e-5f), made.x));
  EXPECT_THAT(file.labels, testing::ElementsAreArray(made.labels));
  EXPECT_THAT(file.values, Pointwise(testing::FloatNear(1e-5f), made.values));
  EXPECT_THAT(file.lengths, testing::ElementsAreArray(made.lengths));
}

void expect_same(const Dataset& file, const TableSet& made) {
  EXPECT_EQ(file.shape, made.shape);
  EXPECT_EQ(file.class_names, made.class_names);
  expect_same(file.train, made.train);
  expect_same(file.valid, made.valid);
  expect_same(file.test, made.test);
}

TEST(Inputs, IrisIsWhatItsTableGives) {
  comm::PrivateMemory memory;

  const Dataset data = load_dataset(shipped / "iris.h5", memory);

  expect_same(data, import_data({shipped / "iris.csv"}, {{"test_fraction", "0"}, {"valid_fraction", "0"}}));
  EXPECT_EQ(data.train.rows, 150u);
  EXPECT_THAT(data.class_names, ElementsAre("setosa", "versicolor", "virginica"));
  EXPECT_THAT(h5::File::open(shipped / "iris.h5").read_doubles("/standardise/mean"),
              Pointwise(testing::DoubleNear(5e-4), {5.843, 3.057, 3.758, 1.199}));
}

TEST(Inputs, RegressionIsWhatItsGeneratorGives) {
  comm::PrivateMemory memory;

  expect_same(load_dataset(shipped / "regression.h5", memory), generate_regression(RegressionOptions{}));
}

TEST(Inputs, DigitsHaveTheirRowsAndClasses) {
  const DatasetInfo info = inspect_dataset(shipped / "digits.h5");

  EXPECT_EQ(info.features, 64u);
  EXPECT_EQ(info.classes, 10u);
  EXPECT_EQ(info.train_rows, 3000u);
  EXPECT_EQ(info.valid_rows, 823u);
  EXPECT_EQ(info.test_rows, 1797u);
  EXPECT_EQ(info.licence, "CC BY 4.0");
}

TEST(Inputs, DigitsAreWhatTheirTablesGive) {
  if (!std::filesystem::exists(digits)) GTEST_SKIP() << "no tables of the digits in " << digits;
  comm::PrivateMemory memory;
  const std::map<std::string, std::string> options{{"test_file", (digits / "optdigits_test.csv").string()},
                                                   {"valid_fraction", "0.2153"},
                                                   {"shape", "8x8x1"}};

  expect_same(load_dataset(shipped / "digits.h5", memory),
              import_data({digits / "optdigits_train.csv"}, options));
}

TEST(Inputs, VowelsHaveTheirRowsAndLengths) {
  comm::PrivateMemory memory;

  const Dataset data = load_dataset(shipped / "vowels.h5", memory);

  EXPECT_THAT(data.shape, ElementsAre(29, 12));
  EXPECT_EQ(data.classes, 9u);
  EXPECT_EQ(data.train.rows, 216u);
  EXPECT_EQ(data.valid.rows, 54u);
  EXPECT_EQ(data.test.rows, 370u);
  EXPECT_EQ(std::ranges::min(data.test.lengths), 7);
  EXPECT_EQ(std::ranges::max(data.test.lengths), 29);
}

TEST(Inputs, VowelsAreWhatTheirTextsGive) {
  if (!std::filesystem::exists(vowels)) GTEST_SKIP() << "no series of the vowels in " << vowels;
  comm::PrivateMemory memory;

  expect_same(
      load_dataset(shipped / "vowels.h5", memory),
      import_data({vowels / "JapaneseVowels_TRAIN.ts"},
                  {{"test_file", (vowels / "JapaneseVowels_TEST.ts").string()}, {"valid_fraction", "0.2"}}));
}

TEST(Inputs, ADamagedTableIsReadOrRefusedWithItsName) {
  const support::TemporaryFolder folder;
  const std::string whole = read_file(shipped / "iris.csv");
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    std::string text = whole.substr(0, 1 + random.below(whole.size()));
    for (int i = 0; i < 3; ++i) text[random.below(text.size())] = static_cast<char>(random.below(256));
    const auto file = folder.write("damaged.csv", text);

    try {
      check_dataset(import_data({file}, {}));
    } catch (const InvalidInput& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("damaged.csv")) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace regatta::train
