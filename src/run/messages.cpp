#include "regatta/run/messages.hpp"

#include <span>

#include "regatta/core/bytes.hpp"

namespace regatta::run {
namespace {

/// The fixed part of each message, as it travels; numbers and text follow it.
struct AssignHeader {
  std::int32_t trial, lane, attempt, until_epoch, weights, awaited;
  std::uint64_t seed;
  std::uint64_t values, team;
};
struct ReportHeader {
  std::int32_t trial, epoch;
  std::uint8_t state, reason, sums, unused[5];
  double value, standard_error, seconds, load_seconds, communicate_seconds;
  std::uint32_t metrics, fold_scores, text;
  std::int32_t exit_code;
};
struct CancelHeader {
  std::int32_t trial;
  std::uint8_t state, unused[3];
};
struct WeightsHeader {
  std::int32_t trial, to;
  std::uint64_t bytes;
};

struct IncumbentHeader {
  std::int32_t trial, values;
  double value;
};

void post(comm::Communicator& comm, Rank to, Tag tag, const ByteWriter& message) {
  comm.post(to, static_cast<int>(tag), message.bytes());
}

ByteReader open(const comm::Envelope& envelope, Tag tag) {
  require(envelope.tag == static_cast<int>(tag), "expected message ", static_cast<int>(tag), ", got ",
          envelope.tag);
  return ByteReader(envelope.payload);
}

}  // namespace

void send(comm::Communicator& comm, Rank to, const Assign& message) {
  ByteWriter writer;
  writer.add(AssignHeader{message.trial.value, message.lane, message.attempt, message.until_epoch,
                          message.weights.value, message.awaited ? 1 : 0, message.seed,
                          message.config.size(), message.team.size()});
  writer.add_all<double>(message.config);
  writer.add_all<std::int32_t>(message.team);
  post(comm, to, Tag::Assign, writer);
}

void send(comm::Communicator& comm, Rank to, const Report& message) {
  ByteWriter writer;
  writer.add(ReportHeader{message.trial.value,
                          message.epoch,
                          static_cast<std::uint8_t>(message.state),
                          static_cast<std::uint8_t>(message.reason),
                          static_cast<std::uint8_t>(message.sums),
                          {},
                          message.value,
                          message.standard_error,
                          message.seconds,
                          message.load_seconds,
                          message.communicate_seconds,
                          static_cast<std::uint32_t>(message.metrics.size()),
                          static_cast<std::uint32_t>(message.fold_scores.size()),
                          static_cast<std::uint32_t>(message.message.size()),
                          message.exit_code});
  writer.add_all<double>(message.metrics);
  writer.add_all<double>(message.fold_scores);
  writer.add_text(message.message);
  post(comm, to, Tag::Report, writer);
}

void send(comm::Communicator& comm, Rank to, const Cancel& message) {
  ByteWriter writer;
  writer.add(CancelHeader{message.trial.value, static_cast<std::uint8_t>(message.state), {}});
  post(comm, to, Tag::Cancel, writer);
}

void send(comm::Communicator& comm, Rank to, const Incumbent& message) {
  ByteWriter writer;
  writer.add(
      IncumbentHeader{message.trial.value, static_cast<std::int32_t>(message.config.size()), message.value});
  writer.add_all<double>(message.config);
  post(comm, to, Tag::Incumbent, writer);
}

void send(comm::Communicator& comm, Rank to, const Shutdown&) { post(comm, to, Tag::Shutdown, {}); }

void send(comm::Communicator& comm, Rank to, const Hand& message) {
  ByteWriter writer;
  writer.add(message);
  post(comm, to, Tag::Hand, writer);
}

void send(comm::Communicator& comm, Rank to, const Weights& message) {
  ByteWriter writer;
  writer.add(WeightsHeader{message.trial.value, message.to.value, message.bytes.size()});
  writer.add_all<std::byte>(message.bytes);
  post(comm, to, Tag::Weights, writer);
}

void send(comm::Communicator& comm, Rank to, const Checkpoint& message) {
  ByteWriter writer;
  writer.add(message);
  post(comm, to, Tag::Checkpoint, writer);
}

Assign open_assign(const comm::Envelope& envelope) {
  ByteReader reader = open(envelope, Tag::Assign);
  const auto header = reader.take<AssignHeader>();
  return {TrialId{header.trial},   header.lane,        header.attempt,
          header.until_epoch,      header.seed,        reader.take_all<std::vector<double>>(header.values),
          TrialId{header.weights}, header.awaited != 0, reader.take_all<std::vector<std::int32_t>>(header.team)};
}

Report open_report(const comm::Envelope& envelope) {
  ByteReader reader = open(envelope, Tag::Report);
  const auto header = reader.take<ReportHeader>();
  Report report{TrialId{header.trial},
                header.epoch,
                static_cast<search::TrialState>(header.state),
                static_cast<search::Reason>(header.reason),
                header.value,
                header.standard_error,
                header.seconds,
                header.load_seconds,
                header.communicate_seconds,
                reader.take_all<std::vector<double>>(header.metrics),
                reader.take_all<std::vector<double>>(header.fold_scores),
                {}};
  report.message = reader.take_all<std::string>(header.text);
  report.exit_code = header.exit_code;
  report.sums = static_cast<objective::Sums>(header.sums);
  return report;
}

Cancel open_cancel(const comm::Envelope& envelope) {
  const auto header = open(envelope, Tag::Cancel).take<CancelHeader>();
  return {TrialId{header.trial}, static_cast<search::TrialState>(header.state)};
}

Hand open_hand(const comm::Envelope& envelope) { return open(envelope, Tag::Hand).take<Hand>(); }

Weights open_weights(const comm::Envelope& envelope) {
  ByteReader reader = open(envelope, Tag::Weights);
  const auto header = reader.take<WeightsHeader>();
  return {TrialId{header.trial}, WorkerId{header.to}, reader.take_all<std::vector<std::byte>>(header.bytes)};
}

Checkpoint open_checkpoint(const comm::Envelope& envelope) {
  return open(envelope, Tag::Checkpoint).take<Checkpoint>();
}

Incumbent open_incumbent(const comm::Envelope& envelope) {
  ByteReader reader = open(envelope, Tag::Incumbent);
  const auto header = reader.take<IncumbentHeader>();
  require(header.values >= 0, "an incumbent has ", header.values, " values");
  return {TrialId{header.trial}, header.value,
          reader.take_all<std::vector<double>>(static_cast<std::uint64_t>(header.values))};
}

}  // namespace regatta::run
