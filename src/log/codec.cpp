#include "codec.hpp"

#include <bit>
#include <concepts>
#include <cstring>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "regatta/core/error.hpp"
#include "regatta/log/journal.hpp"

namespace regatta::log {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the journal is little-endian, and so is every machine so far");

// First byte of a payload: what it is. Events follow in the order of search::Event.
constexpr std::uint8_t header_tag = 0;
constexpr std::uint8_t first_event_tag = 1;

template <class T, class Plain>
concept Is = std::same_as<std::remove_const_t<T>, Plain>;

// One list of fields per event serves both directions. The order reaches disk.
template <Is<search::TrialCreated> E>
auto fields(E& e) {
  return std::tie(e.trial, e.origin, e.seed, e.events_seen, e.parent, e.time, e.config);
}
template <Is<search::TrialStarted> E>
auto fields(E& e) {
  return std::tie(e.trial, e.worker, e.lane, e.from_epoch, e.until_epoch, e.time);
}
template <Is<search::TrialReported> E>
auto fields(E& e) {
  return std::tie(e.trial, e.epoch, e.value, e.time, e.metrics);
}
template <Is<search::TrialEnded> E>
auto fields(E& e) {
  return std::tie(e.trial, e.state, e.reason, e.objective, e.standard_error, e.epochs, e.exit_code, e.seconds,
                  e.load_seconds, e.communicate_seconds, e.time, e.fold_scores, e.message);
}
template <Is<search::TrialRequeued> E>
auto fields(E& e) {
  return std::tie(e.trial, e.time);
}
template <Is<search::WorkerJoined> E>
auto fields(E& e) {
  return std::tie(e.worker, e.rank, e.ranks, e.cores, e.time, e.host, e.device, e.device_uuid);
}
template <Is<search::JobStarted> E>
auto fields(E& e) {
  return std::tie(e.time, e.host, e.job_id, e.launcher, e.command_line, e.git_commit);
}
template <Is<search::JobEnded> E>
auto fields(E& e) {
  return std::tie(e.time, e.reason);
}
template <Is<search::Note> E>
auto fields(E& e) {
  return std::tie(e.key, e.values);
}
template <Is<search::TrialChanged> E>
auto fields(E& e) {
  return std::tie(e.trial, e.epoch, e.donor, e.time, e.config);
}
template <Is<search::StudyHeader> H>
auto fields(H& h) {
  return std::tie(h.name, h.run_uuid, h.metric, h.maximize, h.seed, h.metrics, h.used_inputs, h.space,
                  h.constraints, h.input_hash, h.searcher, h.scheduler, h.objective, h.trials, h.created,
                  h.software);
}

class Encoder {
 public:
  explicit Encoder(std::vector<std::byte>& out) : out_(out) {}

  template <class Number>
  requires std::is_arithmetic_v<Number> || std::is_enum_v<Number>
  void put(Number value) { append(&value, sizeof value); }
  template <class Kind>
  void put(Id<Kind> id) {
    put(id.value);
  }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    append(text.data(), text.size());
  }
  void put(const std::vector<double>& values) {
    put(static_cast<std::uint32_t>(values.size()));
    append(values.data(), values.size() * sizeof(double));
  }
  template <class A, class B>
  void put(const std::pair<A, B>& pair) {
    put(pair.first);
    put(pair.second);
  }
  template <class Item>
  void put(const std::vector<Item>& items) {
    put(static_cast<std::uint32_t>(items.size()));
    for (const Item& item : items) put(item);
  }
  template <class Struct>
  void put_fields(const Struct& value) {
    std::apply([this](const auto&... field) { (put(field), ...); }, fields(value));
  }

 private:
  void append(const void* bytes, std::size_t count) {
    const auto* first = static_cast<const std::byte*>(bytes);
    out_.insert(out_.end(), first, first + count);
  }

  std::vector<std::byte>& out_;
};

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> payload) : rest_(payload) {}

  template <class Number>
  requires std::is_arithmetic_v<Number>
  void take(Number& value) { copy(&value, sizeof value); }
  void take(bool& value) { value = code(2) != 0; }
  void take(search::TrialState& state) {
    state = static_cast<search::TrialState>(code(search::trial_state_count));
  }
  void take(search::Reason& reason) { reason = static_cast<search::Reason>(code(search::reason_count)); }
  void take(search::Origin& origin) { origin = static_cast<search::Origin>(code(2)); }
  template <class Kind>
  void take(Id<Kind>& id) {
    take(id.value);
  }
  void take(std::string& text) {
    text.resize(count(1));
    copy(text.data(), text.size());
  }
  void take(std::vector<double>& values) {
    values.resize(count(sizeof(double)));
    copy(values.data(), values.size() * sizeof(double));
  }
  template <class A, class B>
  void take(std::pair<A, B>& pair) {
    take(pair.first);
    take(pair.second);
  }
  template <class Item>
  void take(std::vector<Item>& items) {
    items.resize(count(sizeof(std::uint32_t)));  // every item holds a length at least
    for (Item& item : items) take(item);
  }
  template <class Struct>
  Struct take_fields() {
    Struct value;
    std::apply([this](auto&... field) { (take(field), ...); }, fields(value));
    require(rest_.empty(), "a record of the journal has ", rest_.size(), " bytes too many");
    return value;
  }
  std::uint8_t code(int limit) {
    std::uint8_t value = 0;
    copy(&value, 1);
    require(value < limit, "a record of the journal has code ", int{value}, " where it must be below ",
            limit);
    return value;
  }

 private:
  std::size_t count(std::size_t least_item_size) {
    std::uint32_t items = 0;
    take(items);
    require(items <= rest_.size() / least_item_size, "a record of the journal ends too early");
    return items;
  }
  void copy(void* to, std::size_t bytes) {
    require(bytes <= rest_.size(), "a record of the journal ends too early");
    if (bytes > 0) std::memcpy(to, rest_.data(), bytes);
    rest_ = rest_.subspan(bytes);
  }

  std::span<const std::byte> rest_;
};

template <std::size_t... index>
search::Event decode_alternative(std::size_t wanted, Decoder& decoder, std::index_sequence<index...>) {
  search::Event event;
  static_cast<void>(
      ((index == wanted &&
        (event = decoder.take_fields<std::variant_alternative_t<index, search::Event>>(), true)) ||
       ...));
  return event;
}

}  // namespace

void encode_to(std::vector<std::byte>& out, const search::Event& event) {
  Encoder encoder(out);
  encoder.put(static_cast<std::uint8_t>(first_event_tag + event.index()));
  std::visit([&](const auto& alternative) { encoder.put_fields(alternative); }, event);
}

void encode_to(std::vector<std::byte>& out, const search::StudyHeader& header) {
  Encoder encoder(out);
  encoder.put(header_tag);
  encoder.put(journal_schema);
  encoder.put_fields(header);
}

std::vector<std::byte> encode(const search::Event& event) {
  std::vector<std::byte> payload;
  encode_to(payload, event);
  return payload;
}

std::vector<std::byte> encode(const search::StudyHeader& header) {
  std::vector<std::byte> payload;
  encode_to(payload, header);
  return payload;
}

search::Event decode_event(std::span<const std::byte> payload) {
  constexpr std::size_t alternatives = std::variant_size_v<search::Event>;
  Decoder decoder(payload);
  const std::uint8_t tag = decoder.code(first_event_tag + int{alternatives});
  require(tag != header_tag, "a record of the journal is a header where an event must be");
  return decode_alternative(tag - std::size_t{first_event_tag}, decoder,
                            std::make_index_sequence<alternatives>());
}

search::StudyHeader decode_header(std::span<const std::byte> payload) {
  Decoder decoder(payload);
  decoder.code(header_tag + 1);
  std::uint32_t schema = 0;
  decoder.take(schema);
  require(schema >= 1 && schema <= journal_schema, "the journal has schema ", schema,
          ", and this program reads schemas 1 to ", journal_schema, ": use a newer regatta");
  return decoder.take_fields<search::StudyHeader>();
}

}  // namespace regatta::log
