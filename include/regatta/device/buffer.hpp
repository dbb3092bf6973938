#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "regatta/device/backend.hpp"

namespace regatta::device {

/// One block of a backend, which must outlive it; owned unless made by over(). T is float or std::int32_t.
template <class T>
class Buffer {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, std::int32_t>);

 public:
  Buffer() = default;
  /// `count` zeros. @throws OutOfDeviceMemory
  Buffer(Backend& backend, std::size_t count) : backend_(&backend), size_(count) {
    if (count == 0) return;
    if constexpr (std::is_same_v<T, float>)
      data_ = backend.allocate(count);
    else
      data_ = backend.allocate_indices(count);
  }
  Buffer(Backend& backend, std::span<const T> values) : Buffer(backend, values.size()) {
    if (size_ > 0) backend.upload(values, data_);
  }
  /// Over numbers that belong to somebody else, who keeps them longer, where `backend` can work on them.
  static Buffer over(Backend& backend, std::span<T> numbers) {
    Buffer buffer;
    buffer.backend_ = &backend;
    buffer.data_ = numbers.data();
    buffer.size_ = numbers.size();
    buffer.owns_ = false;
    return buffer;
  }
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(backend_, other.backend_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(owns_, other.owns_);
    return *this;
  }
  ~Buffer() {
    if (data_ && owns_) backend_->release(data_);
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }

  /// A copy on the host.
  std::vector<float> download() const requires std::is_same_v<T, float> {
    std::vector<float> host(size_);
    if (size_ > 0) backend_->download(data_, host);
    return host;
  }

 private:
  Backend* backend_ = nullptr;
  T* data_ = nullptr;
  std::size_t size_ = 0;
  bool owns_ = true;
};

/// Memory of the host that uploads to a backend, which must outlive it, are fast from.
class HostBlock {
 public:
  HostBlock(Backend& backend, std::size_t count) : backend_(backend), data_(backend.allocate_host(count)) {}
  HostBlock(const HostBlock&) = delete;
  HostBlock& operator=(const HostBlock&) = delete;
  ~HostBlock() { backend_.release_host(data_); }

  float* data() { return data_; }

 private:
  Backend& backend_;
  float* data_;
};

}  // namespace regatta::device
