#include "tree_messages.hpp"

#include <type_traits>
#include <utility>

#include "regatta/core/bytes.hpp"

namespace regatta::search {
namespace {

template <class T>
concept Plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

/// Writes a message field by field.
struct Writer {
  ByteWriter bytes;

  template <Plain T>
  void field(T& value) {
    bytes.add(value);
  }
  template <class T>
  void field(std::vector<T>& values) {
    bytes.add(std::uint64_t{values.size()});
    for (T value : values) field(value);
  }
  template <class T>
  void field(T& part) {
    fields(*this, part);
  }
};

/// Reads it in the same order.
struct Reader {
  ByteReader bytes;

  template <Plain T>
  void field(T& value) {
    value = bytes.take<T>();
  }
  template <class T>
  void field(std::vector<T>& values) {
    const auto count = bytes.take<std::uint64_t>();
    require(count <= bytes.left(), "bytes end too early: ", count, " entries wanted, ", bytes.left(),
            " bytes left");
    for (std::uint64_t i = 0; i < count; ++i) {
      T value{};
      field(value);
      values.push_back(std::move(value));
    }
  }
  template <class T>
  void field(T& part) {
    fields(*this, part);
  }
};

template <class Way, class... Fields>
void each(Way& way, Fields&... parts) {
  (way.field(parts), ...);
}

void fields(auto& way, Observation& m) { each(way, m.kind, m.domain, m.result, m.loss, m.config); }
void fields(auto& way, Scale& m) { each(way, m.losses); }
void fields(auto& way, AllLosses& m) { each(way, m.losses); }
void fields(auto& way, AskDomain& m) { each(way, m.domain, m.number, m.rule); }
void fields(auto& way, Offer& m) { each(way, m.domain, m.number, m.config); }
void fields(auto& way, RegionTree::Summary& m) {
  each(way, m.visits, m.in_flight, m.value, m.entropy, m.branching, m.height, m.has_children, m.draws);
}
void fields(auto& way, DomainSummary& m) { each(way, m.domain, m.summary); }
void fields(auto& way, DivideDomain& m) { each(way, m.domain, m.first); }
void fields(auto& way, Split& m) { each(way, m.kind, m.parameter, m.borders, m.child_of, m.shares); }
void fields(auto& way, DomainChildren& m) { each(way, m.domain, m.first, m.split); }
void fields(auto& way, GiveDomain& m) { each(way, m.domain, m.to); }
void fields(auto& way, Part::Side& m) {
  each(way, m.low, m.high, m.words, m.may_be_active, m.may_be_inactive);
}
void fields(auto& way, Part& m) {
  m.visit_fields([&](auto&... parts) { each(way, parts...); });
}
void fields(auto& way, RegionTree::Root& m) { each(way, m.part, m.log_volume, m.depth, m.key); }
void fields(auto& way, Subtree::Result& m) { each(way, m.number, m.config, m.loss); }
void fields(auto& way, Subtree::Running& m) { each(way, m.config, m.loss, m.offered); }
void fields(auto& way, Subtree& m) { each(way, m.domain, m.root, m.results, m.running); }

/// The alternative of that number.
template <std::size_t number = 0>
TreeMessage alternative(std::size_t index) {
  if constexpr (number < std::variant_size_v<TreeMessage>) {
    if (index == number) return std::variant_alternative_t<number, TreeMessage>{};
    return alternative<number + 1>(index);
  }
  throw InvalidInput(concat("a message between controllers of a tree has no kind ", index));
}

}  // namespace

std::vector<std::byte> encode(TreeMessage message) {
  Writer writer;
  writer.bytes.add(static_cast<std::uint8_t>(message.index()));
  std::visit([&](auto& content) { writer.field(content); }, message);
  return writer.bytes.take();
}

TreeMessage decode_tree_message(std::span<const std::byte> bytes) {
  Reader reader{ByteReader(bytes)};
  TreeMessage message = alternative(reader.bytes.take<std::uint8_t>());
  std::visit([&](auto& content) { reader.field(content); }, message);
  return message;
}

}  // namespace regatta::search
