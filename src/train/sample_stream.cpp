#include "regatta/train/sample_stream.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"
#include "regatta/train/layer.hpp"

namespace regatta::train {

SampleStream::SampleStream(device::Backend& backend, const SampleSource& source, std::size_t most_rows)
    : source_(source),
      most_rows_(most_rows),
      far_(!backend.host_memory()),
      host_(backend, (far_ ? 1 : 2) * most_rows * source.features()),
      on_device_{device::Buffer<float>(backend, far_ ? most_rows * source.features() : 0),
                 device::Buffer<float>(backend, far_ ? most_rows * source.features() : 0)},
      uploader_(backend.make_uploader()),
      together_(source.block_rows() * source.features()),
      thread_([this] { run(); }) {}

SampleStream::~SampleStream() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SampleStream::announce(Rows rows) {
  require(rows.size() <= most_rows_, "a window of ", most_rows_, " rows cannot take ", rows.size());
  {
    const std::lock_guard lock(mutex_);
    announced_.push_back(std::move(rows));
  }
  changed_.notify_all();
}

bool SampleStream::ready() {
  std::unique_lock lock(mutex_);
  leave_window();
  return changed_.wait_for(lock, std::chrono::milliseconds(10),
                           [this] { return read_ > taken_ || problem_; });
}

device::MatrixView<const float> SampleStream::next() {
  std::unique_lock lock(mutex_);
  leave_window();
  changed_.wait(lock, [this] { return read_ > taken_ || problem_; });
  if (read_ == taken_) std::rethrow_exception(problem_);
  const float* window = block_of(taken_++);
  const std::size_t rows = counts_.front(), features = source_.features();
  counts_.pop_front();
  return {window, rows, features};
}

float* SampleStream::block_of(std::size_t window) {
  return far_ ? on_device_[window % 2].data() : host_.data() + window % 2 * most_rows_ * source_.features();
}

/// Lets the block of the last window that was taken be read into; the mutex is held.
void SampleStream::leave_window() {
  if (free_ == taken_ + 2) return;
  if (uploader_) uploader_->leave();
  free_ = taken_ + 2;
  changed_.notify_all();
}

/// What the thread does until it is stopped or cannot read.
void SampleStream::run() {
  try {
    while (read_window()) {
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    problem_ = std::current_exception();
    changed_.notify_all();
  }
}

bool SampleStream::read_window() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || (!announced_.empty() && read_ < free_); });
  if (stopped_) return false;
  const Rows rows = std::move(announced_.front());
  announced_.pop_front();
  float* window = block_of(read_);
  lock.unlock();
  read(rows, far_ ? host_.data() : window);
  if (far_) uploader_->upload({host_.data(), rows.size() * source_.features()}, window);
  lock.lock();
  counts_.push_back(rows.size());
  ++read_;
  changed_.notify_all();
  return true;
}

/// Reads the rows in the order of the source, those of a block at once, and puts each where it belongs.
void SampleStream::read(const Rows& rows, float* window) {
  const std::size_t features = source_.features(), block = source_.block_rows();
  std::vector<std::pair<std::size_t, std::size_t>> sorted;  // row, its place
  sorted.reserve(rows.size());
  for (const std::int32_t row : rows) sorted.emplace_back(static_cast<std::size_t>(row), sorted.size());
  std::ranges::sort(sorted);
  for (auto from = sorted.begin(); from != sorted.end();) {
    if (const std::lock_guard lock(mutex_); stopped_) return;
    const std::size_t first = from->first;
    const auto to =
        std::find_if(from, sorted.end(), [&](const auto& row) { return row.first / block != first / block; });
    source_.read(first, std::span(together_).first((std::prev(to)->first + 1 - first) * features));
    for (; from != to; ++from)
      std::copy_n(together_.data() + (from->first - first) * features, features,
                  window + from->second * features);
  }
}

namespace {

/// Blocks [first, end) of `rows` in a random order.
std::vector<std::int32_t> shuffled_blocks(std::span<const std::int32_t> rows, std::size_t block,
                                          Random& random) {
  const auto block_of = [&](std::size_t place) { return static_cast<std::size_t>(rows[place]) / block; };
  std::vector<Share> blocks;
  for (std::size_t place = 0; place < rows.size(); ++place) {
    if (place == 0 || block_of(place) != block_of(place - 1)) blocks.push_back({place, place});
    ++blocks.back().end;
  }
  random.shuffle(std::span(blocks));
  std::vector<std::int32_t> all;
  all.reserve(rows.size());
  for (const Share& part : blocks)
    all.insert(all.end(), rows.begin() + static_cast<std::ptrdiff_t>(part.first),
               rows.begin() + static_cast<std::ptrdiff_t>(part.end));
  return all;
}

}  // namespace

std::size_t batches_per_window(const Windows& windows, std::size_t rows, std::size_t batch,
                               std::size_t ranks) {
  const std::size_t most_of_batch = (batch + ranks - 1) / ranks;
  const std::size_t batches = std::max<std::size_t>(windows.rows / most_of_batch, 1);
  return windows.rows == 0 || batches * batch >= rows ? 0 : batches;
}

std::vector<std::int32_t> epoch_order(std::span<const std::int32_t> rows, std::uint64_t seed,
                                      const Windows& windows, std::size_t batch, std::size_t ranks) {
  Random random(seed);
  std::vector<std::int32_t> order(rows.begin(), rows.end());
  const std::size_t window = batches_per_window(windows, rows.size(), batch, ranks) * batch;
  if (window == 0 || windows.block == 1) {
    random.shuffle(std::span(order));
    return order;
  }
  std::vector<std::int32_t> dealt = shuffled_blocks(rows, windows.block, random);
  std::size_t next = 0;  // of `dealt`
  for (std::size_t rank = 0; rank < ranks; ++rank)
    for (std::size_t first = 0; first < rows.size(); first += window) {
      const std::size_t end = std::min(first + window, rows.size());
      std::vector<Share> places;
      std::size_t count = 0;
      for (std::size_t start = first; start < end; start += batch) {
        const Share share = share_of(std::min(batch, end - start), rank, ranks);
        places.push_back({start + share.first, start + share.end});
        count += share.end - share.first;
      }
      random.shuffle(std::span(dealt).subspan(next, count));
      for (const Share& place : places)
        for (std::size_t i = place.first; i < place.end; ++i) order[i] = dealt[next++];
    }
  return order;
}

}  // namespace regatta::train
