#include "regatta/train/import.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "regatta/core/error.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::train {
namespace {

using support::message_of;
using support::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Texts = std::map<std::string, std::string>;

const Texts all_train{{"test_fraction", "0"}, {"valid_fraction", "0"}, {"scale", "none"}};

Texts with(Texts texts, const Texts& more) {
  for (const auto& [name, text] : more) texts[name] = text;
  return texts;
}

TableSet import_text(std::string_view text, const Texts& options) {
  const TemporaryFolder folder;
  return import_data({folder.write("a.csv", text)}, options);
}

/// The message without the name of the folder: "a.csv:3: ...".
std::string import_message(std::string_view text, const Texts& options = all_train) {
  const TemporaryFolder folder;
  const auto file = folder.write("a.csv", text);
  std::string message = message_of<InvalidInput>([&] { import_data({file}, options); });
  const std::string prefix = folder.path().string() + "/";
  for (auto at = message.find(prefix); at != std::string::npos; at = message.find(prefix))
    message.erase(at, prefix.size());
  return message;
}

std::vector<float> sorted(std::vector<float> values) {
  std::ranges::sort(values);
  return values;
}

TEST(ImportCsv, ReadsNumbersAndClassesOfWords) {
  const TableSet data = import_text("x,y,kind\n1,2,b\n3,4,a\n", all_train);

  EXPECT_THAT(data.shape, ElementsAre(2));
  EXPECT_EQ(data.classes, 2u);
  EXPECT_EQ(data.outputs, 0u);
  EXPECT_THAT(data.class_names, ElementsAre("a", "b"));
  EXPECT_THAT(sorted(data.train.x), ElementsAre(1, 2, 3, 4));
  const std::size_t first = data.train.x[0] == 1.0f ? 0 : 1;
  EXPECT_EQ(data.train.labels[first], 1);
  EXPECT_EQ(data.train.labels[1 - first], 0);
  EXPECT_THAT(data.test.x, IsEmpty());
}

TEST(ImportCsv, FindsTheSeparator) {
  for (const char* const text : {"1,2,a\n3,4,b\n", "1;2;a\n3;4;b\n", "1\t2\ta\n3\t4\tb\n", "1 2 a\n3 4 b\n",
                                 "  1   2  a \n 3 4\t b\n", "1, 2 , a\r\n3,4,b\r\n",
                                 "\xef\xbb\xbf"
                                 "1,2,a\n\n3,4,b"}) {
    const TableSet data = import_text(text, all_train);

    EXPECT_THAT(sorted(data.train.x), ElementsAre(1, 2, 3, 4)) << text;
    EXPECT_THAT(data.class_names, ElementsAre("a", "b")) << text;
  }
}

TEST(ImportCsv, UnderstandsQuotedFields) {
  const TableSet data =
      import_text("\"x, left\",kind\n1,\"a \"\"b\"\"\"\n\"2\",\"two\nlines, one field\"\n", all_train);

  EXPECT_THAT(data.class_names, ElementsAre("a \"b\"", "two\nlines, one field"));
  EXPECT_THAT(sorted(data.train.x), ElementsAre(1, 2));
}

TEST(ImportCsv, TellsAHeaderFromSamples) {
  EXPECT_EQ(import_text("a,b\n1,2\n3,4\n", all_train).train.x.size(), 2u);
  EXPECT_EQ(import_text("1,2\n1,2\n3,4\n", all_train).train.x.size(), 3u);
  EXPECT_EQ(import_text("T,1,2\nU,3,4\nT,5,6\n", with(all_train, {{"target", "1"}})).train.labels.size(), 3u);
  EXPECT_EQ(import_text("1,2\n3,4\n5,6\n", with(all_train, {{"header", "yes"}})).train.x.size(), 2u);
  EXPECT_THAT(import_message("a,b\n1,2\n", with(all_train, {{"header", "no"}, {"task", "regression"}})),
              HasSubstr("a.csv:1: column 2 holds 'b', expected a number such as 1.5"));
}

TEST(ImportCsv, FindsTheTargetByNameAndByNumber) {
  const char* const text = "a,b,c\n1,20,x\n2,30,x\n";

  for (const char* const target : {"b", "2", "-2"}) {
    const TableSet data =
        import_text(text, with(all_train, {{"target", target}, {"task", "regression"}, {"ignore", "c"}}));
    EXPECT_THAT(sorted(data.train.values), ElementsAre(20, 30)) << target;
    EXPECT_THAT(sorted(data.train.x), ElementsAre(1, 2)) << target;
  }
  EXPECT_EQ(import_message(text, with(all_train, {{"target", "bb"}})),
            "a.csv: has no column 'bb', expected a name of the first line or a number from 1 to 3 or from -1 "
            "(the last) "
            "to -3; did you mean 'b'?");
  EXPECT_THAT(import_message(text, with(all_train, {{"target", "4"}})), HasSubstr("has no column '4'"));
  EXPECT_THAT(import_message(text, with(all_train, {{"target", "0"}})), HasSubstr("has no column '0'"));
  EXPECT_THAT(import_message(text, with(all_train, {{"ignore", "c"}})),
              HasSubstr("column 'c' is ignored, but also"));
  EXPECT_THAT(import_message(text, with(all_train, {{"target", "a,b,c"}})), HasSubstr("no column is left"));
}

TEST(ImportCsv, ReadsSeveralTargets) {
  const TableSet data = import_text("x,u,v\n1,10,11\n", with(all_train, {{"target", "u,v"}}));

  EXPECT_EQ(data.outputs, 2u);
  EXPECT_THAT(data.train.values, ElementsAre(10, 11));
  EXPECT_THAT(
      import_message("x,u,v\n1,10,11\n", with(all_train, {{"target", "u,v"}, {"task", "classification"}})),
      HasSubstr("a classification has one target, got 2"));
}

TEST(ImportCsv, GuessesTheTaskFromTheTarget) {
  std::string many = "x,y\n";
  for (int i = 0; i < 200; ++i) many += "1," + std::to_string(i % 60) + "\n";

  EXPECT_EQ(import_text("1,0\n2,1\n3,0\n4,1\n", all_train).classes, 2u);
  EXPECT_EQ(import_text("1,0.5\n2,1\n3,0\n4,1\n", all_train).outputs, 1u);
  EXPECT_EQ(import_text("1,10\n2,20\n3,30\n", all_train).outputs, 1u) << "every value once";
  EXPECT_EQ(import_text(many, all_train).outputs, 1u) << "more than 50 values";
  EXPECT_EQ(import_text(many, with(all_train, {{"task", "classification"}})).classes, 60u);
}

TEST(ImportCsv, PutsClassesInNumericOrder) {
  const TableSet data =
      import_text("1,10\n2,9\n3,10.0\n4,9\n", with(all_train, {{"task", "classification"}}));

  EXPECT_THAT(data.class_names, ElementsAre("9", "10"));
}

TEST(ImportCsv, SpreadsWordsOverColumnsOfZeroAndOne) {
  const TableSet data = import_text("c,x,y\nred,1,0.5\nblue,2,0.25\nred,3,1.5\n", all_train);

  EXPECT_THAT(data.shape, ElementsAre(3));
  for (std::size_t row = 0; row < 3; ++row) {
    const float* const x = data.train.x.data() + 3 * row;
    EXPECT_EQ(x[0], x[2] == 2.0f ? 1.0f : 0.0f) << "blue";
    EXPECT_EQ(x[1], x[2] == 2.0f ? 0.0f : 1.0f) << "red";
  }
}

TEST(ImportCsv, NamesEveryBadFieldWithItsLine) {
  EXPECT_EQ(import_message("x,y,z\n1,2,0.5\n,3,0.5\n4,abc,\n4,nan,1\n"),
            "a.csv:3: column 'x' is empty, expected a number such as 1.5\n"
            "a.csv:4: column 'y' holds 'abc', expected a number such as 1.5\n"
            "a.csv:4: column 'z' is empty, expected a number such as 1.5\n"
            "a.csv:5: column 'y' is empty ('nan'), expected a number such as 1.5");
  EXPECT_EQ(import_message("c,y\nred,0.5\n7,1.5\nred,2\n"),
            "a.csv:3: column 'c' holds '7', expected one of the words of this column: red");
  EXPECT_EQ(import_message("1,a\n2,?\n3,b\n"),
            "a.csv:2: column 2 is empty ('?'), expected one of the classes: a, b");
  EXPECT_THAT(import_message("x,y\n1e39,0.5\n2,1\n"),
              HasSubstr("a.csv:2: column 'x' holds '1e39', expected a number such as 1.5"));
  EXPECT_THAT(import_message("x;y\n1,5;0.5\n2;1\n"),
              HasSubstr("a.csv:2: column 'x' holds '1,5', expected a number such as 1.5"));
}

TEST(ImportCsv, GivesSamplesTheShapeAskedFor) {
  const char* const text = "1,2,3,4,a\n5,6,7,8,b\n";

  EXPECT_THAT(import_text(text, with(all_train, {{"shape", "2x2x1"}})).shape, ElementsAre(2, 2, 1));
  EXPECT_EQ(import_message(text, with(all_train, {{"shape", "2x3"}})),
            "a.csv: has 4 features, the shape asked for holds 6");
  EXPECT_EQ(import_message(text, with(all_train, {{"shape", "2xa"}})),
            "command line: shape must be lengths such as 8x8x1, got '2xa'");
}

TEST(ImportCsv, TellsAtMostTwentyProblems) {
  std::string text = "x,y\n1,0.5\n";
  for (int i = 0; i < 100; ++i) text += "?,1\n";

  const std::string message = import_message(text);

  EXPECT_EQ(std::ranges::count(message, '\n'), 19);
}

TEST(ImportCsv, NamesTheLineThatIsBroken) {
  EXPECT_EQ(import_message("1,2,3\n\n1,2\n"), "a.csv:3: has 2 fields, expected 3 as in line 1");
  EXPECT_EQ(import_message("1,2\n3,\"4\n5,6\n"), "a.csv:2: a quote is opened and never closed");
  EXPECT_EQ(import_message("1,2\n3,\"4\" 5\n"), "a.csv:2: a field goes on after its closing quote");
  EXPECT_EQ(import_message("1\n2\n"), "a.csv:1: has one column, expected at least a feature and a target");
  EXPECT_EQ(import_message("\n\n"), "a.csv: holds no samples");
  EXPECT_EQ(import_message(""), "a.csv: holds no samples");
  EXPECT_EQ(import_message("x,y\n", with(all_train, {{"header", "yes"}})), "a.csv: holds no samples");
  EXPECT_EQ(import_message("1,a\n2,a\n"), "a.csv: column 2 has 1 class, expected at least 2");
  EXPECT_EQ(import_message(std::string_view("1,a\0\n", 5)), "a.csv: is no text: it holds zero bytes");
}

TEST(ImportCsv, SuggestsToLeaveOutIdentifiers) {
  std::string text = "id,x,y\n";
  for (int i = 0; i < 300; ++i) text += "name" + std::to_string(i) + ",1,0.5\n";

  EXPECT_THAT(import_message(text),
              HasSubstr("column 'id' holds more than 256 different words; leave it out with ignore=id"));
  EXPECT_EQ(import_text(text, with(all_train, {{"ignore", "id"}})).train.x.size(), 300u);
}

TEST(ImportCsv, TakesTestRowsFromAFileOfTheirOwn) {
  const TemporaryFolder folder;
  const auto train = folder.write("train.csv", "x,y\n0,a\n2,b\n");
  const auto test = folder.write("test.csv", "x,y\n4,b\n");

  const TableSet data =
      import_data({train}, {{"test_file", test.string()}, {"valid_fraction", "0"}, {"scale", "standard"}});

  EXPECT_THAT(data.train.labels.size(), 2u);
  EXPECT_THAT(data.test.labels, ElementsAre(1));
  EXPECT_THAT(data.test.x, ElementsAre(3.0f)) << "by mean 1 and deviation 1 of the training rows";
}

TEST(ImportCsv, RefusesATestFileThatDoesNotFit) {
  const TemporaryFolder folder;
  const auto train = folder.write("train.csv", "x,y\n0,a\n2,b\n");
  const auto message = [&](std::string_view text) {
    const auto test = folder.write("test.csv", text);
    return message_of<InvalidInput>([&] { import_data({train}, {{"test_file", test.string()}}); });
  };

  EXPECT_THAT(message("x,y\n4,c\n"),
              HasSubstr("test.csv:2: column 'y' holds 'c', expected one of the classes: a, b"));
  EXPECT_THAT(message("1,2,a\n"), HasSubstr("test.csv:1: has 3 fields, expected 2 as in"));
  EXPECT_THAT(message("x,z\n4,a\n"), HasSubstr("test.csv:1: its columns are not named as those of"));
}

TEST(ImportCsv, FitsTheScalingOnTheTrainingRowsAlone) {
  std::string text = "x,c,y\n";
  for (int i = 0; i < 40; ++i) text += std::to_string(i * i) + ",7," + std::to_string(0.5 * i) + "\n";

  const TableSet data = import_text(text, {{"scale_targets", "true"}});

  ASSERT_EQ(data.train.x.size(), 56u);
  double sum = 0.0, squares = 0.0, raw = 0.0, target = 0.0;
  for (std::size_t row = 0; row < 28; ++row) {
    const double x = data.train.x[2 * row];
    sum += x;
    squares += x * x;
    raw += x * data.scaling.divisor[0] + data.scaling.offset[0];
    target += data.train.values[row];
    EXPECT_EQ(data.train.x[2 * row + 1], 0.0f) << "constant";
  }
  EXPECT_NEAR(sum, 0.0, 1e-4);
  EXPECT_NEAR(squares / 28.0, 1.0, 1e-4);
  EXPECT_NEAR(raw / 28.0, data.scaling.offset[0], 1e-3);
  EXPECT_NEAR(target, 0.0, 1e-4);
  EXPECT_EQ(data.scaling.offset[1], 7.0);
  EXPECT_EQ(data.scaling.divisor[1], 1.0);
  EXPECT_GT(std::abs(data.scaling.offset[0] - 39.0 * 79.0 / 6.0), 1e-6) << "mean of all 40 rows";
}

TEST(ImportCsv, ScalesAsAsked) {
  const char* const text = "x,y\n2,0.5\n4,1\n10,2\n";

  EXPECT_THAT(sorted(import_text(text, with(all_train, {{"scale", "minmax"}})).train.x),
              ElementsAre(0, 0.25f, 1));
  EXPECT_THAT(sorted(import_text(text, with(all_train, {{"scale", "16"}})).train.x),
              ElementsAre(0.125f, 0.25f, 0.625f));
  EXPECT_THAT(sorted(import_text(text, all_train).train.x), ElementsAre(2, 4, 10));
  EXPECT_THAT(import_message(text, with(all_train, {{"scale", "0"}})),
              HasSubstr("scale must be above 0, got 0"));
}

TEST(ImportData, NamesWrongOptions) {
  EXPECT_EQ(import_message("1,a\n2,b\n", {{"targte", "1"}}),
            "command line: there is no option 'targte'; did you mean 'target'?");
  EXPECT_THAT(import_message("1,a\n2,b\n", {{"test_fraction", "1.5"}}),
              HasSubstr("test_fraction must be at most 1"));
  EXPECT_THAT(import_message("1,a\n2,b\n", {{"task", "regresion"}}), HasSubstr("did you mean 'regression'?"));
  EXPECT_THAT(import_message("1,a\n2,b\n", {{"test_fraction", "0.5"}, {"valid_fraction", "0.5"}}),
              HasSubstr("together below 1"));
}

TEST(ImportData, KeepsOriginAndLicence) {
  const TableSet data =
      import_text("1,a\n2,b\n", with(all_train, {{"origin", "here"}, {"licence", "CC0-1.0"}}));

  EXPECT_EQ(data.origin, "here");
  EXPECT_EQ(data.licence, "CC0-1.0");
}

TEST(ImportData, NamesFilesThatItDoesNotRead) {
  const TemporaryFolder folder;
  const auto message = [&](const std::vector<std::filesystem::path>& files) {
    return message_of<InvalidInput>([&] { import_data(files, {}); });
  };
  const auto packed = folder.write("a.csv.gz", "\x1f\x8b\x08\x00");
  const auto csv = folder.write("a.csv", "1,a\n2,b\n");

  EXPECT_THAT(message({folder / "none.csv"}), HasSubstr("none.csv: there is no such file"));
  EXPECT_THAT(message({folder.path()}), HasSubstr("is a folder"));
  EXPECT_THAT(message({packed}), HasSubstr("is packed by gzip, unpack it first: gunzip"));
  EXPECT_THAT(message({folder.write("a.h5", "\x89HDF\r\n")}), HasSubstr("is an HDF5 file"));
  EXPECT_THAT(message({folder.write("a.zip", "PK\x03\x04")}), HasSubstr("is packed by zip"));
  EXPECT_THAT(message({csv, csv}), HasSubstr("expected one table, got 2 files"));
  EXPECT_THAT(message({}), HasSubstr("no file to import"));
}

std::string idx(const std::vector<unsigned>& lengths, std::size_t values, char type = 8) {
  std::string bytes{'\0', '\0', type, static_cast<char>(lengths.size())};
  for (const unsigned length : lengths)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(length >> shift);
  for (std::size_t i = 0; i < values; ++i) bytes += static_cast<char>(i % 256);
  return bytes;
}

TEST(ImportIdx, ReadsImagesBetweenZeroAndOne) {
  const TemporaryFolder folder;
  const auto images = folder.write("images", idx({4, 8, 8}, 256));
  const auto labels = folder.write("labels", idx({4}, 4));

  const TableSet data = import_data({images, labels}, {{"valid_fraction", "0"}, {"test_fraction", "0"}});

  EXPECT_THAT(data.shape, ElementsAre(8, 8, 1));
  EXPECT_EQ(data.classes, 4u);
  EXPECT_THAT(data.class_names, ElementsAre("0", "1", "2", "3"));
  ASSERT_EQ(data.train.x.size(), 256u);
  for (std::size_t row = 0; row < 4; ++row)
    EXPECT_FLOAT_EQ(data.train.x[64 * row + 1], static_cast<float>(64 * data.train.labels[row] + 1) / 255.0f);
}

TEST(ImportIdx, TakesTestImagesInTheirOrder) {
  const TemporaryFolder folder;
  const auto images = folder.write("images", idx({4, 2, 2}, 16)),
             labels = folder.write("labels", idx({4}, 4));

  const TableSet data = import_data({images, labels, images, labels}, {{"valid_fraction", "0"}});

  EXPECT_EQ(data.train.labels.size(), 4u);
  EXPECT_THAT(data.test.labels, ElementsAre(0, 1, 2, 3));
}

TEST(ImportIdx, NamesFileAndRule) {
  const TemporaryFolder folder;
  const auto images = folder.write("images", idx({4, 2, 2}, 16)),
             labels = folder.write("labels", idx({4}, 4));
  const auto message = [&](const std::filesystem::path& first, const std::filesystem::path& second) {
    return message_of<InvalidInput>([&] { import_data({first, second}, {}); });
  };

  EXPECT_THAT(message(labels, images), HasSubstr("labels: holds labels (1 dimension), expected images"));
  EXPECT_THAT(message(images, images), HasSubstr("images: has 3 dimensions, expected labels"));
  EXPECT_THAT(message(images, folder.write("few", idx({3}, 3))), HasSubstr("few: holds 3 labels"));
  EXPECT_THAT(message(images, folder.write("gz", "\x1f\x8b")), HasSubstr("gz: is packed by gzip"));
  EXPECT_THAT(message(folder.write("float", idx({4, 2}, 8, 13)), labels),
              HasSubstr("IDX type 13, expected unsigned"));
  EXPECT_THAT(message(folder.write("none", idx({0, 2}, 0)), labels), HasSubstr("dimension of length 0"));
  EXPECT_THAT(message(folder.write("more", idx({4, 2}, 9)), labels),
              HasSubstr("holds 9 values, its header says 8"));
  EXPECT_THAT(message_of<InvalidInput>([&] { import_data({images}, {}); }), HasSubstr("IMAGES LABELS"));
  EXPECT_THAT(message_of<InvalidInput>([&] {
                import_data({images, labels}, {{"target", "1"}});
              }),
              HasSubstr("target is an option for tables"));
}

TEST(ImportIdx, RefusesAFileCutAnywhereOrWithHugeLengths) {
  const TemporaryFolder folder;
  const auto labels = folder.write("labels", idx({4}, 4));
  const std::string whole = idx({4, 2, 2}, 16);
  IdxOptions options;
  options.images = folder / "images";
  options.labels = labels;

  for (std::size_t length = 0; length < whole.size(); ++length) {
    folder.write("images", whole.substr(0, length));
    EXPECT_THAT(message_of<InvalidInput>([&] { import_idx(options); }), HasSubstr("images")) << length;
  }
  const auto huge = folder.write("huge", idx({0xffffffffu, 0xffffffffu, 0xffffffffu}, 16));
  EXPECT_THAT(message_of<InvalidInput>([&] {
                import_data({huge, labels}, {});
              }),
              HasSubstr("huge: is truncated"));
}

constexpr const char* two_series =
    "# a comment\n@problemName Two\n@timeStamps false\n@classLabel true up down\n@data\n"
    "1,2,3:10,10,10:up\n5:10:down\n";

TEST(ImportSequences, PadsSeriesAndScalesTheirChannels) {
  const TemporaryFolder folder;
  const auto file = folder.write("a.ts", two_series),
             test = folder.write("b.ts", std::string(two_series) + "1,1,1,1:0,0,0,0:up\n");

  const TableSet data = import_data({file}, {{"test_file", test.string()}, {"valid_fraction", "0"}});

  EXPECT_THAT(data.shape, ElementsAre(4, 2));
  EXPECT_THAT(data.class_names, ElementsAre("up", "down"));
  ASSERT_EQ(data.train.lengths.size(), 2u);
  EXPECT_THAT(data.test.lengths, ElementsAre(3, 1, 4));
  EXPECT_THAT(data.test.labels, ElementsAre(0, 1, 0));
  EXPECT_THAT(data.scaling.offset, ElementsAre(2.75, 10));  // of 1, 2, 3, 5 and of a constant
  const float deviation = std::sqrt((1.75f * 1.75f + 0.75f * 0.75f + 0.25f * 0.25f + 2.25f * 2.25f) / 4);
  EXPECT_NEAR(data.test.x[0], -1.75f / deviation, 1e-6);
  EXPECT_EQ(data.test.x[1], 0);
  EXPECT_EQ(data.test.x[6], 0) << "padding";
  EXPECT_NEAR(data.test.x[8], 2.25f / deviation, 1e-6);
}

TEST(ImportSequences, NamesTheLineThatBreaksARule) {
  const TemporaryFolder folder;
  const auto problem = [&](std::string text) {
    const auto file = folder.write("a.ts", text);
    return message_of<InvalidInput>([&] { import_data({file}, {}); });
  };
  const std::string series = two_series;

  EXPECT_THAT(problem(series + "1:2:3:up\n"), HasSubstr("a.ts:8: has 3 channels, the first series has 2"));
  EXPECT_THAT(problem(series + "1:2,3:up\n"), HasSubstr("a.ts:8: channel 2 has 2 steps, channel 1 has 1"));
  EXPECT_THAT(problem(series + "1:?:up\n"), HasSubstr("expected a number such as 1.5, got '?'"));
  EXPECT_THAT(problem(series + "1:2:dwn\n"), HasSubstr("did you mean 'down'?"));
  EXPECT_THAT(problem("@timeStamps true\n@data\n"), HasSubstr("a.ts:1: series with time stamps"));
  EXPECT_THAT(problem("@classLabel true a b\n"), HasSubstr("has no line @data"));
}

}  // namespace
}  // namespace regatta::train
