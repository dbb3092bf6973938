#include "regatta/train/dataset.hpp"

#include <cmath>
#include <limits>
#include <thread>

#include "regatta/core/error.hpp"
#include "regatta/h5/file.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"
#include "two_rank_node.hpp"

namespace regatta::train {
namespace {

using comm::PrivateMemory;
using support::message_of;
using support::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TableSet flowers() {
  TableSet data;
  data.shape = {2};
  data.classes = 3;
  data.class_names = {"setosa", "versicolor", "virginica"};
  data.origin = "a garden";
  data.licence = "CC BY 4.0";
  data.train = {{0, 1, 2, 3, 4, 5}, {0, 1, 2}, {}};
  data.valid = {{6, 7}, {2}, {}};
  return data;
}

TableSet slopes() {
  TableSet data;
  data.shape = {1};
  data.outputs = 2;
  data.train = {{1, 2}, {}, {10, 11, 20, 21}};
  data.test = {{3}, {}, {30, 31}};
  return data;
}

/// A file as a user of another HDF5 library would write it: the fewest things that a reader needs.
void write_plain(const std::filesystem::path& path, const std::vector<float>& x,
                 const std::vector<std::int32_t>& y, std::int64_t classes = 2) {
  h5::File file = h5::File::create(path);
  file.write("/train/x", x, std::vector<std::size_t>{x.size() / 2, 2});
  file.write("/train/y", y);
  file.set_attribute("/", "classes", classes);
  file.close();
}

template <class Kind = InvalidInput>
std::string load_message(const std::filesystem::path& path) {
  PrivateMemory memory;
  return message_of<Kind>([&] { load_dataset(path, memory); });
}

TEST(Dataset, IsReadBackAsItWasWritten) {
  const TemporaryFolder folder;
  PrivateMemory memory;
  write_dataset(folder / "a.h5", flowers());

  const Dataset data = load_dataset(folder / "a.h5", memory);

  EXPECT_EQ(data.features, 2u);
  EXPECT_EQ(data.classes, 3u);
  EXPECT_EQ(data.outputs, 0u);
  EXPECT_THAT(data.shape, ElementsAre(2));
  EXPECT_THAT(data.class_names, ElementsAre("setosa", "versicolor", "virginica"));
  EXPECT_EQ(data.origin, "a garden");
  EXPECT_EQ(data.licence, "CC BY 4.0");
  EXPECT_EQ(data.train.rows, 3u);
  EXPECT_THAT(data.train.x, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(data.train.labels, ElementsAre(0, 1, 2));
  EXPECT_THAT(data.train.values, IsEmpty());
  EXPECT_THAT(data.valid.x, ElementsAre(6, 7));
  EXPECT_THAT(data.valid.labels, ElementsAre(2));
  EXPECT_EQ(data.test.rows, 0u);
}

TEST(Dataset, KeepsSeveralTargetsOfARegression) {
  const TemporaryFolder folder;
  PrivateMemory memory;
  write_dataset(folder / "a.h5", slopes());

  const Dataset data = load_dataset(folder / "a.h5", memory);

  EXPECT_EQ(data.classes, 0u);
  EXPECT_EQ(data.outputs, 2u);
  EXPECT_THAT(data.train.values, ElementsAre(10, 11, 20, 21));
  EXPECT_THAT(data.train.labels, IsEmpty());
  EXPECT_EQ(data.valid.rows, 0u);
  EXPECT_THAT(data.test.values, ElementsAre(30, 31));
}

TEST(Dataset, KeepsTheShapeOfImages) {
  const TemporaryFolder folder;
  PrivateMemory memory;
  TableSet images = flowers();
  images.shape = {2, 1, 1};
  write_dataset(folder / "a.h5", images);

  const Dataset data = load_dataset(folder / "a.h5", memory);

  EXPECT_THAT(data.shape, ElementsAre(2, 1, 1));
  EXPECT_EQ(data.features, 2u);
}

/// Two labelled sequences of three steps, the second padded.
TableSet tagged() {
  TableSet data;
  data.shape = {3};
  data.tokens = 5;
  data.classes = 2;
  data.labels_per_sample = 3;
  data.train = {{0, 4, 2, 1, 3, 0}, {0, no_label, 1, 1, 0, no_label}, {}, {3, 2}};
  data.valid = {{1, 1, 1}, {1, 1, 1}, {}, {}};
  return data;
}

/// Two sequences of up to two steps of two channels.
TableSet signals() {
  TableSet data;
  data.shape = {2, 2};
  data.classes = 2;
  data.train = {{0, 1, 2, 3, 4, 5, 0, 0}, {0, 1}, {}, {2, 1}};
  return data;
}

TEST(Dataset, KeepsSequencesOfTokensWithALabelPerStep) {
  const TemporaryFolder folder;
  PrivateMemory memory;
  write_dataset(folder / "a.h5", tagged());

  const Dataset data = load_dataset(folder / "a.h5", memory);

  EXPECT_EQ(data.tokens, 5u);
  EXPECT_EQ(data.labels_per_sample, 3u);
  EXPECT_THAT(data.train.labels, ElementsAre(0, -1, 1, 1, 0, -1));
  EXPECT_THAT(data.train.lengths, ElementsAre(3, 2));
  EXPECT_THAT(data.valid.lengths, IsEmpty());
  const DatasetInfo info = inspect_dataset(folder / "a.h5");
  EXPECT_THAT(info.shape, ElementsAre(3));
  EXPECT_EQ(info.tokens, 5u);
  EXPECT_EQ(info.labels_per_sample, 3u);
}

TEST(Dataset, KeepsTheLengthsOfSignals) {
  const TemporaryFolder folder;
  PrivateMemory memory;
  write_dataset(folder / "a.h5", signals());

  const Dataset data = load_dataset(folder / "a.h5", memory);

  EXPECT_EQ(data.labels_per_sample, 1u);
  EXPECT_THAT(data.train.lengths, ElementsAre(2, 1));
}

TEST(Dataset, RefusesSequencesThatBreakARule) {
  const auto problem = [](TableSet data, auto change) {
    change(data);
    return message_of<InvalidInput>([&] { check_dataset(data); });
  };

  EXPECT_THAT(problem(signals(), [](TableSet& d) { d.train.lengths[1] = 3; }),
              HasSubstr("train/lengths: row 1 (from 0) has length 3, expected 1 .. 2"));
  EXPECT_THAT(problem(signals(), [](TableSet& d) { d.train.lengths[0] = 0; }), HasSubstr("has length 0"));
  EXPECT_THAT(problem(signals(), [](TableSet& d) { d.train.labels[0] = no_label; }), HasSubstr("label -1"));
  EXPECT_THAT(problem(signals(), [](TableSet& d) { d.shape = {4}; }), HasSubstr("2 lengths, expected 0"));
  EXPECT_THAT(problem(tagged(), [](TableSet& d) { d.train.x[4] = 5; }),
              HasSubstr("train/x: row 1 (from 0) holds 5, expected a token 0 .. 4"));
  EXPECT_THAT(problem(tagged(), [](TableSet& d) { d.train.x[0] = 0.5f; }), HasSubstr("expected a token"));
  EXPECT_THAT(problem(tagged(), [](TableSet& d) { d.train.labels[5] = 1; }),
              HasSubstr("row 1 (from 0) has a label at step 2 behind its length 2, expected -1"));
  EXPECT_THAT(problem(tagged(), [](TableSet& d) { d.train.labels[0] = 2; }), HasSubstr("expected -1 .. 1"));
}

TEST(Dataset, NamesTheFileWhereSequencesBreakARule) {
  const TemporaryFolder folder;
  const auto problem = [&](std::int32_t length, std::int64_t tokens, std::size_t columns) {
    h5::File file = h5::File::create(folder / "a.h5");
    file.write("/train/x", std::vector<float>(6, 1), std::vector<std::size_t>{6 / columns, columns});
    file.write("/train/y", std::vector<std::int32_t>(6, 1), std::vector<std::size_t>{2, 3});
    file.write("/train/lengths", std::vector<std::int32_t>{3, length});
    file.set_attribute("/", "classes", std::int64_t{2});
    if (tokens != 0) file.set_attribute("/", "tokens", tokens);
    file.close();
    return load_message(folder / "a.h5");
  };

  EXPECT_EQ(problem(3, 2, 3), "no exception");
  EXPECT_THAT(problem(4, 2, 3), HasSubstr("a.h5: /train/lengths: row 1 (from 0) has length 4"));
  EXPECT_THAT(problem(2, 2, 3), HasSubstr("a.h5: /train/y: row 1 (from 0) has a label at step 2"));
  EXPECT_THAT(problem(3, 1, 3), HasSubstr("a.h5: /train/x: row 0 (from 0) holds 1, expected a token 0 .. 0"));
  EXPECT_THAT(problem(3, -1, 3), HasSubstr("tokens must be a whole number from 1"));
  EXPECT_THAT(problem(3, 0, 3), HasSubstr("a.h5: /train/y: must be one label per row, got 3"));
}

TEST(Dataset, IsInspectedWithoutReadingItsNumbers) {
  const TemporaryFolder folder;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  write_plain(folder / "a.h5", {nan, nan, 0, 0, 0, 0}, {0, 1, 1});

  const DatasetInfo info = inspect_dataset(folder / "a.h5");

  EXPECT_EQ(info.features, 2u);
  EXPECT_EQ(info.classes, 2u);
  EXPECT_EQ(info.train_rows, 3u);
  EXPECT_EQ(info.valid_rows, 0u);
}

TEST(Dataset, TakesTheTaskFromTheTypeOfItsTargets) {
  const TemporaryFolder folder;
  PrivateMemory memory;
  h5::File file = h5::File::create(folder / "a.h5");
  file.write("/train/x", std::vector<double>{0, 1}, std::vector<std::size_t>{2, 1});
  file.write("/train/y", std::vector<double>{0.5, 1.5});
  file.close();

  const Dataset data = load_dataset(folder / "a.h5", memory);

  EXPECT_EQ(data.outputs, 1u);
  EXPECT_THAT(data.train.values, ElementsAre(0.5f, 1.5f));
}

TEST(Dataset, KeepsWhatWasDoneToTheNumbers) {
  const TemporaryFolder folder;
  TableSet data = slopes();
  data.scaling = {{3.0}, {0.5}};
  data.target_scaling = {{1.0, 2.0}, {4.0, 5.0}};
  write_dataset(folder / "a.h5", data);

  const h5::File file = h5::File::open(folder / "a.h5");

  EXPECT_THAT(file.read_doubles("/standardise/mean"), ElementsAre(3.0));
  EXPECT_THAT(file.read_doubles("/standardise/scale"), ElementsAre(0.5));
  EXPECT_THAT(file.read_doubles("/standardise/target_mean"), ElementsAre(1.0, 2.0));
  EXPECT_THAT(file.read_doubles("/standardise/target_scale"), ElementsAre(4.0, 5.0));
}

TEST(Dataset, NamesTheFirstRowThatIsNotFinite) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  const float infinity = std::numeric_limits<float>::infinity();
  write_plain(path, {0, 1, 2, infinity, 4, std::nanf("")}, {0, 1, 0});

  EXPECT_EQ(load_message(path),
            path.string() + ": /train/x: row 1 (from 0) holds inf, expected finite numbers");
}

TEST(Dataset, NamesTheFirstLabelOutOfRange) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";

  write_plain(path, {0, 1, 2, 3, 4, 5}, {0, 1, 2});
  EXPECT_EQ(load_message(path), path.string() + ": /train/y: row 2 (from 0) holds label 2, expected 0 .. 1");
  write_plain(path, {0, 1, 2, 3, 4, 5}, {0, -1, 1});
  EXPECT_EQ(load_message(path), path.string() + ": /train/y: row 1 (from 0) holds label -1, expected 0 .. 1");
}

TEST(Dataset, RefusesLabelsThatDoNotFitTheRows) {
  const TemporaryFolder folder;
  write_plain(folder / "a.h5", {0, 1, 2, 3}, {0, 1, 1});

  EXPECT_THAT(load_message(folder / "a.h5"), HasSubstr("/train/y: has 3 rows, /train/x has 2"));
}

TEST(Dataset, NeedsToKnowTheNumberOfClasses) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  h5::File file = h5::File::create(path);
  file.write("/train/x", std::vector<float>{0, 1}, std::vector<std::size_t>{2, 1});
  file.write("/train/y", std::vector<std::int32_t>{0, 1});
  file.close();

  EXPECT_THAT(load_message(path), HasSubstr("needs the attribute classes"));
  write_plain(path, {0, 1}, {0}, 1);
  EXPECT_THAT(load_message(path), HasSubstr("classes must be a whole number of at least 2, got 1"));
}

TEST(Dataset, SaysWhichPartIsMissing) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  h5::File file = h5::File::create(path);
  file.write("/train/x", std::vector<float>{0, 1}, std::vector<std::size_t>{2, 1});
  file.close();

  EXPECT_EQ(load_message(path), path.string() + ": /train/y: is missing");
}

/// The message for a right file of two rows and two features to which `change` adds something wrong.
template <class Change>
std::string message_after(const Change& change) {
  const TemporaryFolder folder;
  h5::File file = h5::File::create(folder / "a.h5");
  file.write("/train/x", std::vector<float>{0, 1, 2, 3}, std::vector<std::size_t>{2, 2});
  file.write("/train/y", std::vector<std::int32_t>{0, 1});
  file.set_attribute("/", "classes", std::int64_t{2});
  change(file);
  file.close();
  return load_message(folder / "a.h5");
}

TEST(Dataset, RefusesPartsThatDoNotFitEachOther) {
  using Shape = std::vector<std::size_t>;
  const std::vector<float> six(6, 0.0f);
  const std::vector<std::int32_t> labels{0, 1};

  EXPECT_THAT(message_after([&](h5::File& file) {
                file.write("/valid/x", six, Shape{2, 3});
                file.write("/valid/y", labels);
              }),
              HasSubstr("/valid/x: its samples are 3, those of /train/x are 2"));
  EXPECT_THAT(message_after([&](h5::File& file) {
                file.write("/valid/x", six, Shape{3, 2});
              }),
              HasSubstr("/valid/y: is missing"));
  EXPECT_THAT(message_after([&](h5::File& file) { file.write("/test/y", labels); }),
              HasSubstr("/test/x: is missing beside /test/y"));
  EXPECT_THAT(message_after([&](h5::File& file) {
                file.write("/test/x", six, Shape{3, 2});
                file.write("/test/y", std::vector<float>{0.5f, 1.0f, 0.0f});
              }),
              HasSubstr("/test/y: labels must be stored as integers"));
  EXPECT_THAT(message_after([&](h5::File& file) {
                file.write("/test/x", std::vector<float>{1, 2}, Shape{2, 1, 1});
                file.write("/test/y", labels);
              }),
              HasSubstr("/test/x: its samples are 1 x 1, those of /train/x are 2"));
  EXPECT_THAT(message_after([&](h5::File& file) {
                file.write("/valid/x", six);
                file.write("/valid/y", labels);
              }),
              HasSubstr("/valid/x: must be rows x features (or rows x the shape of a sample), got 6"));
  EXPECT_THAT(
      message_after([&](h5::File& file) { file.write("/class_names", std::vector<std::string>{"a"}); }),
      HasSubstr("/class_names: has 1 names for 2 classes"));
  EXPECT_THAT(message_after([&](h5::File& file) { file.set_attribute("/", "task", "ranking"); }),
              HasSubstr("task must be classification or regression, got 'ranking'"));
  EXPECT_THAT(message_after([&](h5::File& file) { file.set_attribute("/", "regatta_data", "2"); }),
              HasSubstr("regatta_data is '2', this version of Regatta reads '1'"));
  EXPECT_THAT(message_after([&](h5::File& file) {
                file.write("/valid/x", std::vector<std::string>{"a"});
                file.write("/valid/y", labels);
              }),
              HasSubstr("/valid/x"));
}

TEST(Dataset, RefusesForeignAndMissingFiles) {
  const TemporaryFolder folder;
  const auto csv = folder.write("a.csv", "1,2\n");

  EXPECT_EQ(load_message(folder / "none.h5"), (folder / "none.h5").string() + ": there is no such file");
  EXPECT_THAT(load_message(csv), HasSubstr(csv.string() + ": is no HDF5 file"));
}

TEST(Dataset, RefusesAFileCutAnywhereWithoutCrashing) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  TableSet data = flowers();
  data.train.x.resize(4000);
  data.train.labels.resize(2000);
  write_dataset(path, data);
  const auto size = std::filesystem::file_size(path);

  for (std::uintmax_t length = size; length-- > 0; length -= std::min<std::uintmax_t>(length, 61)) {
    std::filesystem::resize_file(path, length);
    EXPECT_THAT(load_message(path), HasSubstr(path.string()))
        << "at " << length << " of " << size << " bytes";
  }
}

TEST(Dataset, LeavesTheOldFileWhenTheNewOneIsWrong) {
  const TemporaryFolder folder;
  PrivateMemory memory;
  write_dataset(folder / "a.h5", flowers());
  TableSet wrong = flowers();
  wrong.train.labels[0] = 3;

  EXPECT_THROW(write_dataset(folder / "a.h5", wrong), InvalidInput);
  EXPECT_EQ(load_dataset(folder / "a.h5", memory).train.rows, 3u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Dataset, SaysWhyAFileCannotBeWritten) {
  const TemporaryFolder folder;

  EXPECT_THAT(message_of<SystemFailure>([&] { write_dataset(folder / "none" / "a.h5", flowers()); }),
              HasSubstr("cannot be created"));
}

TEST(CheckDataset, NamesThePartAndTheRule) {
  const auto message = [](const auto& change) {
    TableSet data = flowers();
    change(data);
    return message_of<InvalidInput>([&] { check_dataset(data); });
  };

  EXPECT_EQ(message([](TableSet&) {}), "no exception");
  EXPECT_THAT(message([](TableSet& data) { data.shape = {}; }), HasSubstr("shape of a sample"));
  EXPECT_THAT(message([](TableSet& data) { data.outputs = 1; }), HasSubstr("got 3 and 1"));
  EXPECT_THAT(message([](TableSet& data) { data.classes = 1; }), HasSubstr("at least 2 classes"));
  EXPECT_THAT(message([](TableSet& data) { data.class_names.pop_back(); }),
              HasSubstr("2 names for 3 classes"));
  EXPECT_THAT(message([](TableSet& data) { data.train = {}; }), HasSubstr("train: has no rows"));
  EXPECT_THAT(message([](TableSet& data) { data.valid.x.push_back(0); }),
              HasSubstr("valid: 3 numbers are no whole"));
  EXPECT_THAT(message([](TableSet& data) { data.valid.labels.clear(); }),
              HasSubstr("valid: has 0 labels, expected 1"));
  EXPECT_THAT(message([](TableSet& data) { data.train.x[3] = std::nanf(""); }), HasSubstr("train/x: row 1"));
  EXPECT_THAT(message([](TableSet& data) { data.train.values = {1}; }),
              HasSubstr("has 1 targets, expected 0"));
  EXPECT_THAT(message([](TableSet& data) { data.scaling = {{0.0}, {1.0}}; }), HasSubstr("expected 2"));
}

TEST(Dataset, IsReadOnceForAllRanksOfANode) {
  const TemporaryFolder folder;
  write_dataset(folder / "a.h5", flowers());
  Node node;
  NodeRank first(node, true), second(node, false);
  Dataset follower;

  std::thread other([&] { follower = load_dataset(folder / "a.h5", second); });
  const Dataset leader = load_dataset(folder / "a.h5", first);
  other.join();

  EXPECT_EQ(follower.train.x.data(), leader.train.x.data());
  EXPECT_THAT(follower.train.labels, ElementsAre(0, 1, 2));
  EXPECT_THAT(follower.class_names, ElementsAre("setosa", "versicolor", "virginica"));
  EXPECT_EQ(follower.licence, "CC BY 4.0");
}

TEST(Dataset, TellsAllRanksOfANodeWhatIsWrong) {
  const TemporaryFolder folder;
  write_plain(folder / "bad_number.h5", {0, std::nanf("")}, {1});
  write_plain(folder / "bad_layout.h5", {0, 1}, {1, 0});

  for (const char* const name : {"bad_number.h5", "bad_layout.h5", "none.h5"}) {
    Node node;
    NodeRank first(node, true), second(node, false);
    std::string follower;
    std::thread other(
        [&] { follower = message_of<InvalidInput>([&] { load_dataset(folder / name, second); }); });
    const std::string leader = message_of<InvalidInput>([&] { load_dataset(folder / name, first); });
    other.join();

    EXPECT_THAT(leader, HasSubstr(name));
    EXPECT_EQ(follower, leader);
  }
}

}  // namespace
}  // namespace regatta::train
