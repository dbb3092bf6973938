#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"
#include "regatta/log/journal.hpp"
#include "sample_study.hpp"
#include "support/temporary_folder.hpp"

namespace regatta::log {
namespace {

using search::Event;
using support::TemporaryFolder;
using testing::HasSubstr;
using testing::ThrowsMessage;

struct Read {
  JournalContent content;
  std::vector<std::vector<std::byte>> events;  // as bytes, which compare
};

Read read_all(const std::filesystem::path& file) {
  Read result;
  result.content = read_journal(file, [&](Event&& event) { result.events.push_back(encode(event)); });
  return result;
}

std::vector<std::vector<std::byte>> encoded(const std::vector<Event>& events) {
  std::vector<std::vector<std::byte>> result;
  for (const Event& event : events) result.push_back(encode(event));
  return result;
}

std::size_t frame_size(const auto& content) { return 16 + encode(content).size(); }

// Ends of the frames of the sample journal.
std::vector<std::size_t> frame_ends() {
  std::vector<std::size_t> ends{frame_size(sample_header())};
  for (const Event& event : sample_events()) ends.push_back(ends.back() + frame_size(event));
  return ends;
}

std::string sample_bytes(const TemporaryFolder& folder) {
  JournalWriter::create(folder / "sample.bin", sample_header()).write(sample_events());
  return read_file(folder / "sample.bin");
}

TEST(Journal, ReadsBackWhatWasWritten) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "journal.bin";
  JournalWriter writer = JournalWriter::create(file, sample_header());
  const std::vector<Event> events = sample_events();

  writer.write(std::span(events).first(3));
  writer.write({});
  writer.write(std::span(events).subspan(3));
  writer.sync();
  const Read read = read_all(file);

  EXPECT_EQ(encode(read.content.header), encode(sample_header()));
  EXPECT_EQ(read.events, encoded(events));
  EXPECT_EQ(read.content.events, events.size());
  EXPECT_EQ(read.content.valid_bytes, std::filesystem::file_size(file));
  EXPECT_FALSE(read.content.torn);
}

TEST(Journal, IsNeverOverwritten) {
  const TemporaryFolder folder;
  JournalWriter::create(folder / "journal.bin", sample_header());

  EXPECT_THAT([&] { JournalWriter::create(folder / "journal.bin", sample_header()); },
              ThrowsMessage<SystemFailure>(HasSubstr("File exists")));
}

TEST(Journal, CutAtAnyByteGivesExactlyTheWholeFrames) {
  const TemporaryFolder folder;
  const std::string whole = sample_bytes(folder);
  const std::vector<std::size_t> ends = frame_ends();
  ASSERT_EQ(ends.back(), whole.size());

  const auto file = folder.write("cut.bin", whole);
  for (std::size_t size = whole.size(); size-- > ends.front();) {
    std::filesystem::resize_file(file, size);
    const Read read = read_all(file);
    const auto frames = std::ranges::count_if(ends, [&](std::size_t end) { return end <= size; });
    ASSERT_EQ(read.events.size(), static_cast<std::size_t>(frames) - 1) << size;
    ASSERT_EQ(read.content.torn, read.content.valid_bytes != size) << size;
  }
}

TEST(Journal, CutWithinItsFirstFrameIsNoJournal) {
  const TemporaryFolder folder;
  const std::string whole = sample_bytes(folder);

  const auto file = folder.write("cut.bin", whole);
  for (std::size_t size = frame_ends().front(); size-- > 0;) {
    std::filesystem::resize_file(file, size);
    ASSERT_THROW(read_all(file), InvalidInput) << size;
  }
}

TEST(Journal, GoesOnAfterATornTailAtAnyByte) {
  const TemporaryFolder folder;
  const std::string whole = sample_bytes(folder);
  const std::vector<std::size_t> ends = frame_ends();
  const std::vector<Event> more = {search::JobEnded{5, "after the cut"}};

  for (std::size_t size = ends[ends.size() - 4]; size <= whole.size(); ++size) {
    const auto file = folder.write("cut.bin", whole.substr(0, size));
    const std::size_t before = read_all(file).events.size();
    JournalWriter::append(file).write(more);
    const Read after = read_all(file);
    ASSERT_EQ(after.events.size(), before + 1) << size;
    ASSERT_EQ(after.events.back(), encode(more[0])) << size;
    ASSERT_FALSE(after.content.torn) << size;
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "cut.bin.cut"));  // half a frame is not worth keeping
}

TEST(Journal, FindsEveryFlippedBit) {
  const TemporaryFolder folder;
  const std::string whole = sample_bytes(folder);
  const std::vector<std::size_t> ends = frame_ends();

  const auto file = folder.write("damaged.bin", whole);
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](std::size_t byte, char content) {
    stream.seekp(static_cast<std::streamoff>(byte));
    stream.put(content).flush();
  };

  for (std::size_t byte = ends.front(); byte < whole.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      put(byte, static_cast<char>(whole[byte] ^ (1 << bit)));
      const Read read = read_all(file);
      const auto before = std::ranges::count_if(ends, [&](std::size_t end) { return end <= byte; });
      ASSERT_EQ(read.events.size(), static_cast<std::size_t>(before) - 1) << byte << " bit " << bit;
      ASSERT_TRUE(read.content.torn);
    }
    put(byte, whole[byte]);
  }
  EXPECT_FALSE(read_all(file).content.torn);
}

TEST(Journal, KeepsWholeFramesThatLieBehindDamage) {
  const TemporaryFolder folder;
  std::string damaged = sample_bytes(folder);
  const std::size_t end = frame_ends()[4];
  damaged[end + 20] = static_cast<char>(~damaged[end + 20]);
  const auto file = folder.write("journal.bin", damaged);

  JournalWriter::append(file);

  EXPECT_EQ(std::filesystem::file_size(file), end);
  EXPECT_EQ(read_file(folder / "journal.bin.cut"), damaged.substr(end));
}

TEST(Journal, ReadsFramesLargerThanItsBlocks) {
  const TemporaryFolder folder;
  const std::vector<Event> events = {search::Note{"large", std::vector<double>(400'000, 0.5)},
                                     search::JobEnded{1, "end"}};

  JournalWriter::create(folder / "journal.bin", sample_header()).write(events);

  EXPECT_EQ(read_all(folder / "journal.bin").events, encoded(events));
}

TEST(Journal, SaysWhatAForeignFileLacks) {
  const TemporaryFolder folder;

  EXPECT_THAT([&] { read_all(folder / "absent.bin"); },
              ThrowsMessage<InvalidInput>(HasSubstr("No such file")));
  EXPECT_THAT([&] { read_all(folder.write("text.bin", "[study]\nname = digits, and so on\n")); },
              ThrowsMessage<InvalidInput>(HasSubstr("is no journal")));
  EXPECT_THROW(JournalWriter::append(folder.write("other.bin", "foreign")), InvalidInput);
  EXPECT_EQ(read_file(folder / "other.bin"), "foreign");
}

TEST(Journal, SaysThatItWasRemoved) {
  const TemporaryFolder folder;
  JournalWriter writer = JournalWriter::create(folder / "journal.bin", sample_header());
  std::filesystem::remove(folder / "journal.bin");

  EXPECT_THAT([&] { writer.sync(); }, ThrowsMessage<SystemFailure>(HasSubstr("was removed")));
}

// A limit on the file's size fails in the middle of a frame, as a full disk does. In a child, as limits are
// for good.
TEST(Journal, AWriteThatFailsHalfWayLeavesNoHalfFrame) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "journal.bin";
  const std::size_t limit = frame_size(sample_header()) + 100;
  const auto child = [&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{limit, limit};
    ::setrlimit(RLIMIT_FSIZE, &small);
    JournalWriter writer = JournalWriter::create(file, sample_header());
    const std::vector<Event> large = {search::Note{"large", std::vector<double>(50)}};
    const std::vector<Event> little = {search::JobEnded{1, "fits"}};
    std::string message;
    try {
      writer.write(large);
    } catch (const SystemFailure& failure) {
      message = failure.what();
    }
    writer.write(little);
    std::ofstream(folder / "message") << message;
  };

  const pid_t pid = ::fork();
  if (pid == 0) {
    child();
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);

  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(folder / "message"), "journal " + file.string() + ": File too large");
  const Read read = read_all(file);
  EXPECT_EQ(read.events, encoded({search::JobEnded{1, "fits"}}));
  EXPECT_FALSE(read.content.torn);
}

}  // namespace
}  // namespace regatta::log
