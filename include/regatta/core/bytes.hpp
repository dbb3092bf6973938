#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "regatta/core/error.hpp"

namespace regatta {

/// Numbers and texts as bytes in this machine's own order, one behind the other.
class ByteWriter {
 public:
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void add(const T& value) { append(&value, sizeof(T)); }
  template <class T>
  void add_all(std::span<const T> values) {
    append(values.data(), values.size_bytes());
  }
  void add_text(std::string_view text) { append(text.data(), text.size()); }

  std::span<const std::byte> bytes() const { return bytes_; }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  void append(const void* data, std::size_t size) {
    const auto* begin = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), begin, begin + size);
  }
  std::vector<std::byte> bytes_;
};

/// Takes such bytes apart in the same order.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  /// @throws InvalidInput  if fewer bytes are left
  template <class T>
  requires std::is_trivially_copyable_v<T> T take() {
    T value{};
    copy(&value, sizeof(T));
    return value;
  }
  /// `count` values in a container of them.
  /// @throws InvalidInput  if fewer bytes are left
  template <class Container>
  Container take_all(std::uint64_t count) {
    using T = typename Container::value_type;
    require(count <= bytes_.size() / sizeof(T), "bytes end too early: ", count * sizeof(T), " wanted, ",
            bytes_.size(), " left");
    Container values(count, T{});
    copy(values.data(), count * sizeof(T));
    return values;
  }
  std::size_t left() const { return bytes_.size(); }

 private:
  void copy(void* to, std::size_t size) {
    require(size <= bytes_.size(), "bytes end too early: ", size, " wanted, ", bytes_.size(), " left");
    if (size > 0) std::memcpy(to, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
  }
  std::span<const std::byte> bytes_;
};

}  // namespace regatta
