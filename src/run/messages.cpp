#include "regatta/run/messages.hpp"

#include <cstring>
#include <span>
#include <type_traits>

#include "regatta/core/error.hpp"

namespace regatta::run {
namespace {

/// The fixed part of each message, as it travels; numbers and text follow it.
struct AssignHeader {
  std::int32_t trial, lane, attempt, until_epoch;
  std::uint64_t seed;
  std::uint64_t values;
};
struct ReportHeader {
  std::int32_t trial, epoch;
  std::uint8_t state, reason, unused[6];
  double value, standard_error, seconds, load_seconds, communicate_seconds;
  std::uint32_t metrics, fold_scores, text, unused_too;
};
struct CancelHeader {
  std::int32_t trial;
  std::uint8_t state, unused[3];
};

struct IncumbentHeader {
  std::int32_t trial, values;
  double value;
};

/// Bytes of a message in the making.
class Packer {
 public:
  template <class T>
  void add(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    append(&value, sizeof(T));
  }
  void add(std::span<const double> values) { append(values.data(), values.size_bytes()); }
  void add(std::string_view text) { append(text.data(), text.size()); }
  void post(comm::Communicator& comm, Rank to, Tag tag) const { comm.post(to, static_cast<int>(tag), bytes_); }

 private:
  void append(const void* data, std::size_t size) {
    const auto* begin = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), begin, begin + size);
  }
  std::vector<std::byte> bytes_;
};

/// Takes a message apart; every piece is checked against the bytes that are there.
class Unpacker {
 public:
  Unpacker(const comm::Envelope& envelope, Tag tag) : bytes_(envelope.payload) {
    require(envelope.tag == static_cast<int>(tag), "expected message ", static_cast<int>(tag), ", got ", envelope.tag);
  }
  template <class T>
  T take() {
    T value{};
    copy(&value, sizeof(T));
    return value;
  }
  std::vector<double> take_numbers(std::uint64_t count) {
    require(count <= bytes_.size() / sizeof(double), "a message ends too early");
    std::vector<double> values(count);
    copy(values.data(), count * sizeof(double));
    return values;
  }
  std::string take_text(std::size_t size) {
    require(size <= bytes_.size(), "a message ends too early");
    std::string text(size, '\0');
    copy(text.data(), size);
    return text;
  }

 private:
  void copy(void* to, std::size_t size) {
    require(size <= bytes_.size(), "a message ends too early");
    if (size > 0) std::memcpy(to, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
  }
  std::span<const std::byte> bytes_;
};

}  // namespace

void send(comm::Communicator& comm, Rank to, const Assign& message) {
  Packer packer;
  packer.add(AssignHeader{message.trial.value, message.lane, message.attempt, message.until_epoch, message.seed,
                          message.config.size()});
  packer.add(std::span<const double>(message.config));
  packer.post(comm, to, Tag::Assign);
}

void send(comm::Communicator& comm, Rank to, const Report& message) {
  Packer packer;
  packer.add(ReportHeader{message.trial.value,
                          message.epoch,
                          static_cast<std::uint8_t>(message.state),
                          static_cast<std::uint8_t>(message.reason),
                          {},
                          message.value,
                          message.standard_error,
                          message.seconds,
                          message.load_seconds,
                          message.communicate_seconds,
                          static_cast<std::uint32_t>(message.metrics.size()),
                          static_cast<std::uint32_t>(message.fold_scores.size()),
                          static_cast<std::uint32_t>(message.message.size()),
                          0});
  packer.add(std::span<const double>(message.metrics));
  packer.add(std::span<const double>(message.fold_scores));
  packer.add(std::string_view(message.message));
  packer.post(comm, to, Tag::Report);
}

void send(comm::Communicator& comm, Rank to, const Cancel& message) {
  Packer packer;
  packer.add(CancelHeader{message.trial.value, static_cast<std::uint8_t>(message.state), {}});
  packer.post(comm, to, Tag::Cancel);
}

void send(comm::Communicator& comm, Rank to, const Incumbent& message) {
  Packer packer;
  packer.add(IncumbentHeader{message.trial.value, static_cast<std::int32_t>(message.config.size()), message.value});
  packer.add(std::span<const double>(message.config));
  packer.post(comm, to, Tag::Incumbent);
}

void send(comm::Communicator& comm, Rank to, const Shutdown&) { Packer().post(comm, to, Tag::Shutdown); }

Assign open_assign(const comm::Envelope& envelope) {
  Unpacker unpacker(envelope, Tag::Assign);
  const auto header = unpacker.take<AssignHeader>();
  return {TrialId{header.trial}, header.lane, header.attempt, header.until_epoch, header.seed,
          unpacker.take_numbers(header.values)};
}

Report open_report(const comm::Envelope& envelope) {
  Unpacker unpacker(envelope, Tag::Report);
  const auto header = unpacker.take<ReportHeader>();
  Report report{TrialId{header.trial},
                header.epoch,
                static_cast<search::TrialState>(header.state),
                static_cast<search::Reason>(header.reason),
                header.value,
                header.standard_error,
                header.seconds,
                header.load_seconds,
                header.communicate_seconds,
                unpacker.take_numbers(header.metrics),
                unpacker.take_numbers(header.fold_scores),
                {}};
  report.message = unpacker.take_text(header.text);
  return report;
}

Cancel open_cancel(const comm::Envelope& envelope) {
  const auto header = Unpacker(envelope, Tag::Cancel).take<CancelHeader>();
  return {TrialId{header.trial}, static_cast<search::TrialState>(header.state)};
}

Incumbent open_incumbent(const comm::Envelope& envelope) {
  Unpacker unpacker(envelope, Tag::Incumbent);
  const auto header = unpacker.take<IncumbentHeader>();
  return {TrialId{header.trial}, header.value, unpacker.take_numbers(static_cast<std::uint64_t>(header.values))};
}

}  // namespace regatta::run
