#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "regatta/device/backend.hpp"
#include "regatta/device/buffer.hpp"
#include "regatta/train/dataset.hpp"

namespace regatta::train {

/// Samples in an order that is known beforehand, read by a thread of its own: while one window of them is
/// worked on, the next one is read and copied to the backend.
class SampleStream {
 public:
  using Rows = std::vector<std::int32_t>;

  /// Both must outlive this object.
  /// @param most_rows  of a window
  /// @throws device::OutOfDeviceMemory
  SampleStream(device::Backend& backend, const SampleSource& source, std::size_t most_rows);
  SampleStream(const SampleStream&) = delete;
  SampleStream& operator=(const SampleStream&) = delete;
  ~SampleStream();

  /// Adds a window with these rows to those that are to come.
  void announce(Rows rows);
  /// Whether next() need not wait; waits for this up to 10 ms.
  bool ready();
  /// The next window, rows x features on the backend, as they were announced; valid until the next call of
  /// this or ready().
  /// @throws InvalidInput  from here on, where the source cannot be read
  device::MatrixView<const float> next();

 private:
  float* block_of(std::size_t window);
  void leave_window();
  void run();
  bool read_window();
  void read(const Rows& rows, float* window);

  const SampleSource& source_;
  std::size_t most_rows_;
  bool far_;                ///< the backend's memory is not the host's
  device::HostBlock host_;  ///< two windows, even and odd ones; of a far backend the one that is being read
  std::array<device::Buffer<float>, 2> on_device_;  ///< even and odd windows of a far backend
  std::unique_ptr<device::Uploader> uploader_;      ///< to these
  std::vector<float> together_;      ///< what was read at once
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Rows> announced_;        ///< not yet taken by the thread
  std::size_t read_ = 0, taken_ = 0;  ///< windows so far
  std::size_t free_ = 2;              ///< first window for which there is no room yet
  std::deque<std::size_t> counts_;    ///< rows of those that were read but not taken
  std::exception_ptr problem_;
  bool stopped_ = false;
  std::thread thread_;
};

/// How the order of an epoch is drawn where samples are read window by window.
struct Windows {
  std::size_t rows = 0;  ///< that a rank holds at once, at most; 0: all
  std::size_t block =
      1;  ///< neighbours in the source that are read together; 1: each row is as near as any other
};

/// An order of `rows` for one epoch, drawn from `seed`.
///
/// Without windows or blocks, and where a window holds everything, all orders are equally likely. Otherwise
/// the blocks of the source are put into such an order and divided among the ranks, each of which takes its
/// share of every batch from its own blocks only; the rows of as many blocks as a window holds are shuffled
/// with each other.
/// @param rows  ascending
std::vector<std::int32_t> epoch_order(std::span<const std::int32_t> rows, std::uint64_t seed,
                                      const Windows& windows, std::size_t batch, std::size_t ranks);

/// Batches whose rows fill a window of one of `ranks` ranks; 0: all of the epoch.
std::size_t batches_per_window(const Windows& windows, std::size_t rows, std::size_t batch,
                               std::size_t ranks);

}  // namespace regatta::train
