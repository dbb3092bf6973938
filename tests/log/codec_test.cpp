#include <gmock/gmock.h>

#include <limits>

#include "regatta/core/error.hpp"
#include "regatta/log/journal.hpp"
#include "sample_study.hpp"

namespace regatta::log {
namespace {

using search::Event;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::NanSensitiveDoubleEq;
using testing::ThrowsMessage;

constexpr double infinity = std::numeric_limits<double>::infinity();

template <class E>
E through_bytes(const E& event) {
  return std::get<E>(decode_event(encode(Event(event))));
}

TEST(Codec, KeepsACreatedTrialWithInactiveParameters) {
  const search::TrialCreated event{{2147483647}, search::Origin::User, ~0ull, 1ull << 63, {5},
                                   1.75e9,       {nan, -0.0, 5e-324}};

  const auto copy = through_bytes(event);

  EXPECT_EQ(copy.trial, event.trial);
  EXPECT_EQ(copy.origin, search::Origin::User);
  EXPECT_EQ(copy.seed, ~0ull);
  EXPECT_EQ(copy.events_seen, 1ull << 63);
  EXPECT_EQ(copy.parent, TrialId{5});
  EXPECT_EQ(copy.time, 1.75e9);
  EXPECT_THAT(copy.config, ElementsAre(NanSensitiveDoubleEq(nan), -0.0, 5e-324));
  EXPECT_TRUE(std::signbit(copy.config[1]));
}

TEST(Codec, KeepsAStartedTrial) {
  const auto copy = through_bytes(search::TrialStarted{{3}, {9999}, 15, 9, 27, 0.25});

  EXPECT_EQ(copy.trial, TrialId{3});
  EXPECT_EQ(copy.worker, WorkerId{9999});
  EXPECT_EQ(copy.lane, 15);
  EXPECT_EQ(copy.from_epoch, 9);
  EXPECT_EQ(copy.until_epoch, 27);
  EXPECT_EQ(copy.time, 0.25);
}

TEST(Codec, KeepsAReportOfTenThousandMetrics) {
  std::vector<double> metrics(10'000);
  for (std::size_t i = 0; i < metrics.size(); ++i) metrics[i] = 1.0 / static_cast<double>(i + 1);

  const auto copy = through_bytes(search::TrialReported{{3}, 27, -infinity, 12.5, metrics});

  EXPECT_EQ(copy.epoch, 27);
  EXPECT_EQ(copy.value, -infinity);
  EXPECT_EQ(copy.time, 12.5);
  EXPECT_EQ(copy.metrics, metrics);
}

TEST(Codec, KeepsAnEndedTrial) {
  const search::TrialEnded event{{7},
                                 search::TrialState::Failed,
                                 search::Reason::OutOfMemory,
                                 nan,
                                 0.5,
                                 3,
                                 -9,
                                 12.5,
                                 1.5,
                                 0.25,
                                 99.0,
                                 {0.1, nan},
                                 "zu groß für das Gerät: 日本 \"x\"\n"};

  const auto copy = through_bytes(event);

  EXPECT_EQ(copy.state, search::TrialState::Failed);
  EXPECT_EQ(copy.reason, search::Reason::OutOfMemory);
  EXPECT_TRUE(std::isnan(copy.objective));
  EXPECT_EQ(copy.standard_error, 0.5);
  EXPECT_EQ(copy.epochs, 3);
  EXPECT_EQ(copy.exit_code, -9);
  EXPECT_THAT((std::vector{copy.seconds, copy.load_seconds, copy.communicate_seconds, copy.time}),
              ElementsAre(12.5, 1.5, 0.25, 99.0));
  EXPECT_THAT(copy.fold_scores, ElementsAre(0.1, NanSensitiveDoubleEq(nan)));
  EXPECT_EQ(copy.message, event.message);
}

TEST(Codec, KeepsTheEventsOfWorkersAndJobs) {
  const auto requeued = through_bytes(search::TrialRequeued{{4}, 5.5});
  const auto worker =
      through_bytes(search::WorkerJoined{{1}, 8, 4, 16, 2.5, "node-ä", "NVIDIA H200", "GPU-00"});
  const auto job =
      through_bytes(search::JobStarted{1.5, "host", "", "srun", "regatta run 'a b.ini'", "abc+dirty"});
  const auto end = through_bytes(search::JobEnded{3.5, ""});
  const auto note = through_bytes(search::Note{"", {}});

  EXPECT_EQ(requeued.trial, TrialId{4});
  EXPECT_EQ(requeued.time, 5.5);
  EXPECT_THAT((std::vector{worker.worker.value, worker.rank, worker.ranks, worker.cores}),
              ElementsAre(1, 8, 4, 16));
  EXPECT_THAT((std::vector{worker.host, worker.device, worker.device_uuid}),
              ElementsAre("node-ä", "NVIDIA H200", "GPU-00"));
  EXPECT_EQ(worker.time, 2.5);
  EXPECT_THAT((std::vector{job.host, job.job_id, job.launcher, job.command_line, job.git_commit}),
              ElementsAre("host", "", "srun", "regatta run 'a b.ini'", "abc+dirty"));
  EXPECT_EQ(job.time, 1.5);
  EXPECT_EQ(end.time, 3.5);
  EXPECT_EQ(end.reason, "");
  EXPECT_EQ(note.key, "");
  EXPECT_THAT(note.values, testing::IsEmpty());
}

TEST(Codec, KeepsAChangeOfHyperparameters) {
  const auto copy = through_bytes(search::TrialChanged{{4}, 9, {2}, 1.5, {0.25, nan}});

  EXPECT_EQ(copy.trial, TrialId{4});
  EXPECT_EQ(copy.epoch, 9);
  EXPECT_EQ(copy.donor, TrialId{2});
  EXPECT_EQ(copy.time, 1.5);
  EXPECT_THAT(copy.config, ElementsAre(0.25, NanSensitiveDoubleEq(nan)));
}

TEST(Codec, KeepsTheHeader) {
  const search::StudyHeader header = sample_header();

  const search::StudyHeader copy = decode_header(encode(header));

  EXPECT_THAT((std::vector{copy.name, copy.run_uuid, copy.metric, copy.used_inputs, copy.input_hash,
                           copy.searcher, copy.scheduler, copy.objective}),
              ElementsAre(header.name, header.run_uuid, header.metric, header.used_inputs, header.input_hash,
                          header.searcher, header.scheduler, header.objective));
  EXPECT_TRUE(copy.maximize);
  EXPECT_EQ(copy.seed, header.seed);
  EXPECT_THAT(copy.metrics, ElementsAreArray(header.metrics));
  EXPECT_THAT(copy.space, ElementsAreArray(header.space));
  EXPECT_THAT(copy.constraints, ElementsAreArray(header.constraints));
  EXPECT_THAT(copy.software, ElementsAreArray(header.software));
  EXPECT_EQ(copy.trials, 60);
  EXPECT_EQ(copy.created, 1000);
}

// The bytes of version 1: a change of the order or width of a field breaks every journal on disk.
TEST(Codec, WritesTheBytesOfSchemaOne) {
  const auto bytes = encode(Event(search::TrialRequeued{{258}, 1.0}));

  EXPECT_THAT(bytes, ElementsAreArray(std::vector<std::byte>{
                         std::byte{5}, std::byte{2}, std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0},
                         std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0},
                         std::byte{0xf0}, std::byte{0x3f}}));
}

TEST(Codec, RejectsEveryEventThatIsCutShort) {
  for (const Event& event : sample_events()) {
    const std::vector<std::byte> bytes = encode(event);
    for (std::size_t length = 0; length < bytes.size(); ++length)
      EXPECT_THROW(decode_event(std::span(bytes).first(length)), InvalidInput)
          << event.index() << " at " << length;
  }
}

TEST(Codec, RejectsWhatIsNoEvent) {
  std::vector<std::byte> too_long = encode(Event(search::JobEnded{1, "x"}));
  too_long.push_back(std::byte{0});
  const std::vector<std::byte> unknown{std::byte{200}};
  std::vector<std::byte> huge_text = encode(Event(search::JobEnded{1, ""}));
  huge_text[9] = huge_text[12] = std::byte{0xff};  // a length of 4 GB

  EXPECT_THROW(decode_event(too_long), InvalidInput);
  EXPECT_THROW(decode_event(unknown), InvalidInput);
  EXPECT_THROW(decode_event(huge_text), InvalidInput);
  EXPECT_THROW(decode_event(encode(sample_header())), InvalidInput);
  EXPECT_THROW(decode_header(encode(sample_events()[0])), InvalidInput);
}

TEST(Codec, RejectsAHeaderOfANewerSchema) {
  std::vector<std::byte> bytes = encode(sample_header());
  bytes[1] = std::byte{2};

  EXPECT_THAT([&] { decode_header(bytes); }, ThrowsMessage<InvalidInput>(HasSubstr("schema 2")));
}

}  // namespace
}  // namespace regatta::log
