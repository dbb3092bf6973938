#include "regatta/train/sample_stream.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "device/cuda_tested_backend.hpp"
#include "far_backend.hpp"
#include "regatta/comm/local_group.hpp"
#include "regatta/core/bytes.hpp"
#include "regatta/core/error.hpp"
#include "regatta/h5/file.hpp"
#include "regatta/train/trainer.hpp"
#include "samples.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::train {
namespace {

using support::TemporaryFolder;
using testing::HasSubstr;

constexpr std::size_t features = 64, rows = 4500, window = 1500;

TableSet table_of(const Samples& samples) {
  TableSet data;
  data.shape = {samples.features};
  data.classes = samples.classes;
  data.train = samples.train;
  data.valid = samples.valid;
  return data;
}

std::vector<std::int32_t> ascending(std::size_t count) {
  std::vector<std::int32_t> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i] = static_cast<std::int32_t>(i);
  return all;
}

TEST(EpochOrder, IsAnyOrderWhereAWindowHoldsAllRows) {
  const auto all = ascending(100);
  const auto order = epoch_order(all, 7, {}, 10, 1);
  EXPECT_TRUE(std::ranges::is_permutation(order, all));
  EXPECT_EQ(epoch_order(all, 7, {100, 16}, 10, 1), order);
  EXPECT_EQ(epoch_order(all, 7, {20, 1}, 10, 1), order) << "no row is nearer than another";
  EXPECT_NE(epoch_order(all, 8, {}, 10, 1), order);
}

TEST(EpochOrder, MixesTheBlocksOfAWindowOnly) {
  const auto all = ascending(1000);

  const auto order = epoch_order(all, 7, {100, 20}, 50, 1);

  EXPECT_TRUE(std::ranges::is_permutation(order, all));
  EXPECT_EQ(epoch_order(all, 7, {100, 20}, 50, 1), order);
  EXPECT_NE(epoch_order(all, 8, {100, 20}, 50, 1), order);
  std::set<std::int32_t> blocks;
  for (std::size_t i = 0; i < 100; ++i) blocks.insert(order[i] / 20);
  EXPECT_EQ(blocks.size(), 5u);
  EXPECT_FALSE(std::ranges::is_sorted(std::span(order).first(20)));
}

/// What the ranks of a team read of an epoch.
TEST(EpochOrder, GivesEachRankBlocksOfItsOwn) {
  constexpr std::size_t count = 1003, batch = 50, ranks = 3, block = 20;
  const auto order = epoch_order(ascending(count), 7, {100, block}, batch, ranks);

  std::vector<std::set<std::int32_t>> taken(ranks);
  std::multiset<std::int32_t> readers;  // of each block
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    std::set<std::int32_t> blocks;
    for (std::size_t first = 0; first < count; first += batch) {
      const Share share = share_of(std::min(batch, count - first), rank, ranks);
      for (std::size_t i = first + share.first; i < first + share.end; ++i) {
        taken[rank].insert(order[i]);
        blocks.insert(order[i] / static_cast<std::int32_t>(block));
      }
    }
    readers.insert(blocks.begin(), blocks.end());
  }

  EXPECT_TRUE(std::ranges::is_permutation(order, ascending(count)));
  EXPECT_EQ(taken[0].size() + taken[1].size() + taken[2].size(), count) << "no row twice";
  EXPECT_LE(readers.size(), (count + block - 1) / block + ranks - 1)
      << "only blocks at the borders have two readers";
}

/// Numbers its samples; notes who asks for what.
class Counting final : public SampleSource {
 public:
  std::size_t features() const override { return 2; }
  std::size_t block_rows() const override { return 4; }
  void read(std::size_t first, std::span<float> x) const override {
    if (first >= 40) throw InvalidInput("there is no such row");
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(2 * first + i);
    const std::lock_guard lock(mutex);
    reads += 1;
    largest = std::max(largest, x.size() / 2);
  }
  mutable std::mutex mutex;
  mutable std::size_t reads = 0, largest = 0;
};

template <class MakeBackend>
void expect_rows_in_order(MakeBackend make) {
  const auto backend = make();
  const Counting source;
  SampleStream stream(*backend, source, 5);
  const std::vector<SampleStream::Rows> windows{{7, 0, 39}, {}, {3, 2, 1, 0, 4}, {38}, {5, 11}};
  for (const auto& wanted : windows) stream.announce(wanted);

  for (const auto& wanted : windows) {
    const auto x = stream.next();
    ASSERT_EQ(x.rows, wanted.size());
    for (std::size_t i = 0; i < x.rows; ++i)
      EXPECT_EQ(x.data[2 * i + 1], static_cast<float>(2 * wanted[i] + 1));
  }
  EXPECT_EQ(source.reads, 8u) << "one for the rows of each block";
  EXPECT_EQ(source.largest, 4u);
}

TEST(SampleStream, GivesRowsInTheOrderInWhichTheyWereAnnounced) {
  expect_rows_in_order(device::make_cpu_backend);
}

TEST(SampleStream, PutsThemWhereTheBackendReads) {
  expect_rows_in_order([] { return std::make_unique<FarBackend>(); });
  expect_rows_in_order(device::make_tested_backend);
}

TEST(SampleStream, TellsWhyRowsCannotBeRead) {
  const auto backend = device::make_cpu_backend();
  const Counting source;
  SampleStream stream(*backend, source, 2);
  stream.announce({1, 2});
  stream.announce({41});
  EXPECT_EQ(stream.next().rows, 2u);
  EXPECT_EQ(support::message_of<InvalidInput>([&] { stream.next(); }), "there is no such row");
  EXPECT_THROW(stream.announce({1, 2, 3}), InvalidInput);
}

TEST(SampleStream, EndsWhileWindowsAreOutstanding) {
  const auto backend = device::make_cpu_backend();
  const Counting source;
  SampleStream stream(*backend, source, 2);
  for (int i = 0; i < 10; ++i) stream.announce({1, 2});
}

/// A file whose samples stay in it, and the same data in memory.
struct Stored {
  explicit Stored(std::unique_ptr<device::Backend> on = device::make_cpu_backend()) : backend(std::move(on)) {
    write_dataset(folder / "a.h5", table_of(samples));
    data = load_dataset(folder / "a.h5", memory, 1000);
    loaded = load_dataset(folder / "a.h5", memory);
    streamed = std::make_unique<DeviceData>(*backend, data, 2 * sizeof(float) * features * window);
    resident = std::make_unique<DeviceData>(*backend, loaded);
  }

  TemporaryFolder folder;
  Samples samples = clouds(rows, features, 3);
  comm::PrivateMemory memory;
  std::unique_ptr<device::Backend> backend;
  Dataset data, loaded;
  std::unique_ptr<DeviceData> streamed, resident;
};

TrainingSpec spec_of(std::size_t inputs) {
  TrainingSpec spec;
  spec.network = mlp({inputs, {16}, 3});
  spec.learning_rate.base = 0.01;
  spec.learning_rate.epochs = 4;
  spec.batch = 50;
  spec.seed = 5;
  return spec;
}

struct Course {
  std::vector<double> losses;
  std::vector<float> outputs;

  bool operator==(const Course&) const = default;
};

Course train(device::Backend& backend, const Part& part, const Part& valid,
             comm::Communicator* team = nullptr) {
  Trainer trainer(backend, part, 3, spec_of(features), {team});
  Course course;
  while (course.losses.size() < 3)
    if (const auto loss = trainer.advance()) {
      course.losses.push_back(loss->mean);
      course.outputs = trainer.outputs(valid);
    }
  return course;
}

TEST(SampleStream, TrainsBitByBitAsSamplesInMemoryInTheSameOrder) {
  for (const bool far : {false, true}) {
    Stored stored(far ? std::make_unique<FarBackend>() : device::make_cpu_backend());
    EXPECT_TRUE(stored.data.train.x.empty());
    EXPECT_EQ(stored.streamed->train().x.data, nullptr);
    DeviceSplit same_order = stored.resident->train();
    same_order.windows = {window, 100};
    DeviceSplit streamed = stored.streamed->train();
    streamed.windows = same_order.windows;

    const Course wanted = train(*stored.backend, Part(same_order), Part(stored.resident->valid()));

    EXPECT_EQ(train(*stored.backend, Part(streamed), Part(stored.streamed->valid())), wanted);
    EXPECT_NE(train(*stored.backend, Part(stored.resident->train()), Part(stored.resident->valid())), wanted);
  }
}

TEST(SampleStream, TrainsBitByBitAsSamplesInMemoryWhereAWindowHoldsAllOfThem) {
  Stored stored;
  const DeviceData wide(*stored.backend, stored.data);
  EXPECT_EQ(train(*stored.backend, Part(wide.train()), Part(wide.valid())),
            train(*stored.backend, Part(stored.resident->train()), Part(stored.resident->valid())));
}

TEST(SampleStream, ServesPartsOfASplit) {
  Stored stored;
  std::vector<std::int32_t> held_out, others;
  for (std::int32_t row = 0; row < static_cast<std::int32_t>(rows); ++row)
    (row % 5 == 0 ? held_out : others).push_back(row);
  const auto course = [&](DeviceSplit split) {
    split.windows = {window, 100};
    return train(*stored.backend, Part(split, others), Part(split, held_out));
  };
  EXPECT_EQ(course(stored.streamed->train()), course(stored.resident->train()));
}

TEST(SampleStream, GoesOnBitByBitAfterSaveAndLoad) {
  Stored stored;
  const Part part(stored.streamed->train()), valid(stored.streamed->valid());
  const auto epoch = [](Trainer& trainer) {
    for (;;)
      if (const auto loss = trainer.advance()) return loss->mean;
  };
  Trainer first(*stored.backend, part, 3, spec_of(features)),
      second(*stored.backend, part, 3, spec_of(features));
  epoch(first);
  ByteWriter writer;
  first.save(writer);
  const auto saved = writer.take();
  epoch(second);
  epoch(second);
  ByteReader reader(saved);
  second.load(reader);
  for (int e = 0; e < 2; ++e) EXPECT_EQ(epoch(second), epoch(first));
  EXPECT_EQ(second.outputs(valid), first.outputs(valid));
}

TEST(SampleStream, TrainsATeamAsOneRankInTheSameOrder) {
  constexpr int ranks = 2;
  comm::LocalGroup group(ranks);
  std::vector<Course> streamed(ranks), resident(ranks);
  const auto work = [&](int rank) {
    Stored stored;
    DeviceSplit same_order = stored.resident->train(), from_file = stored.streamed->train();
    same_order.windows = from_file.windows = {window, 100};
    const auto place = static_cast<std::size_t>(rank);
    streamed[place] =
        train(*stored.backend, Part(from_file), Part(stored.streamed->valid()), &group.at(Rank{rank}));
    resident[place] =
        train(*stored.backend, Part(same_order), Part(stored.resident->valid()), &group.at(Rank{rank}));
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  EXPECT_EQ(streamed[0], resident[0]);
  EXPECT_EQ(streamed[1], resident[0]);
}

TEST(SampleStream, TellsTheRowOfANumberThatIsNone) {
  const TemporaryFolder folder;
  h5::File file = h5::File::create(folder / "a.h5");
  std::vector<float> x{0, 1, 2, 3, 4, std::nanf(""), 6, 7};
  file.write("/train/x", x, std::vector<std::size_t>{4, 2});
  file.write("/train/y", std::vector<std::int32_t>{0, 1, 0, 1});
  file.set_attribute("/", "classes", std::int64_t{2});
  file.close();
  comm::PrivateMemory memory;

  const Dataset data = load_dataset(folder / "a.h5", memory, 1);

  std::vector<float> two(4);
  data.train.source->read(0, two);
  EXPECT_EQ(two, (std::vector<float>{0, 1, 2, 3}));
  EXPECT_THAT(support::message_of<InvalidInput>([&] { data.train.source->read(1, two); }),
              HasSubstr("row 2 (from 0)"));
}

TEST(SampleStream, FeedsADeviceThatHasNoRoomForTheSamples) {
  Stored stored(std::make_unique<FarBackend>());
  FarBackend small;
  small.most = stored.samples.train.x.size();
  const DeviceData placed(small, stored.loaded, 2 * sizeof(float) * features * window);
  EXPECT_EQ(placed.train().x.data, nullptr);
  EXPECT_EQ(train(small, Part(placed.train()), Part(placed.valid())),
            train(*stored.backend, Part(stored.resident->train()), Part(stored.resident->valid())))
      << "in any order, because the host's memory has them all";
}

}  // namespace
}  // namespace regatta::train
