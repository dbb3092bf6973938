#include "regatta/train/shared_update.hpp"

#include <algorithm>
#include <thread>

#include "regatta/core/clock.hpp"

namespace regatta::train {
namespace {

constexpr std::size_t most_in_flight = 4;

}  // namespace

std::vector<Share> buckets_of(std::span<const std::size_t> layers, std::size_t weights, std::size_t parameters,
                              std::size_t size) {
  if (weights < 2 * size) return {{0, parameters}};
  std::vector<Share> buckets;
  std::size_t end = weights;
  for (std::size_t layer = layers.size(); layer-- > 0;) {
    const std::size_t first = layers[layer], count = end - first;
    if (count == 0 || (count < size && first > 0)) continue;
    const int parts = static_cast<int>(std::max<std::size_t>(count / size, 1));
    for (int part = parts; part-- > 0;) {
      const auto [from, to] = comm::TeamMemory::slice_of(part, parts, {first, end});
      if (from < to) buckets.push_back({from, to});
    }
    end = first;
  }
  if (weights < parameters) buckets.push_back({weights, parameters});
  return buckets;
}

SharedUpdate::SharedUpdate(const device::Backend& backend, comm::Communicator* team, std::size_t parameters,
                           std::size_t bucket)
    : team_(backend.host_memory() ? team : nullptr),
      bucket_(bucket),
      layout_(parameters, team_ ? static_cast<std::size_t>(team_->size()) : 1),
      memory_(team_ ? comm::TeamMemory(layout_.size) : comm::TeamMemory()) {}

bool SharedUpdate::active(const Network& network) {
  if (team_ && !tried_) {
    connected_ = memory_.connect(*team_);
    if (connected_) divide(network);
  }
  tried_ = true;
  return connected_;
}

/// Who adds up what. There are as many slices as the smallest node has ranks: with more of them its ranks would have several,
/// and be no sooner done.
void SharedUpdate::divide(const Network& network) {
  const auto& nodes = memory_.nodes();
  const auto smallest = std::ranges::min_element(nodes, {}, &std::vector<Rank>::size);
  slices_ = static_cast<int>(smallest->size());
  const bool slice = memory_.rank() < slices_;
  if (nodes.size() == 1) {
    buckets_ = {{0, network.parameters().size()}};
  } else {
    buckets_ = buckets_of(network.layer_starts(), network.weights(), network.parameters().size(),
                          bucket_ * static_cast<std::size_t>(slices_));
    std::vector<Rank> ranks;
    for (const auto& node : nodes) ranks.push_back(slice ? node[static_cast<std::size_t>(memory_.rank())] : Rank{});
    if (slice) across_ = &team_->group_of(ranks);
  }
  for (std::size_t bucket = 0; slice && bucket < buckets_.size(); ++bucket)
    if (const Share own = slice_of(memory_.rank(), buckets_[bucket]); own.first < own.end) pieces_.push_back({bucket, own});
}

Share SharedUpdate::slice_of(int rank, Share bucket) const {
  const auto [first, end] = comm::TeamMemory::slice_of(rank, slices_, {bucket.first, bucket.end});
  return {first, end};
}

void SharedUpdate::ready(std::size_t first) {
  for (; final_ < buckets_.size() && buckets_[final_].first >= first; ++final_) memory_.arrive();
  progress();
}

void SharedUpdate::progress() {
  if (!across_) return;
  for (; !in_flight_.empty() && in_flight_.front()->test(); ++summed_) in_flight_.pop_front();
  for (; begun_ < pieces_.size() && in_flight_.size() < most_in_flight; ++begun_) {
    const auto [bucket, numbers] = pieces_[begun_];
    if (bucket >= final_ || !memory_.all_arrived(arrivals_ + bucket + 1)) return;
    const std::size_t first = layout_.gradients + numbers.first, end = layout_.gradients + numbers.end;
    memory_.sum(first, end);
    in_flight_.push_back(across_->begin_sum(memory_.block().subspan(first, end - first)));
  }
}

/// Returns when a piece has been summed, or on a node alone when it can be.
void SharedUpdate::wait_for_sum(std::size_t piece) {
  const Stopwatch clock;
  if (!across_) memory_.wait_for(arrivals_ + pieces_[piece].bucket + 1);
  for (progress(); across_ && summed_ <= piece; progress()) {
    if (begun_ == pieces_.size() || in_flight_.size() == most_in_flight)
      in_flight_.front()->wait();
    else if (in_flight_.empty())
      memory_.wait_for(arrivals_ + pieces_[begun_].bucket + 1);
    else
      std::this_thread::yield();
  }
  wait_seconds_ += clock.seconds();
}

/// The norm is that of all slices, so none may be updated before all have been summed.
void SharedUpdate::take_squared_norm(Network& network) {
  std::vector<Share> own;
  for (std::size_t piece = 0; piece < pieces_.size(); ++piece) {
    const Share numbers = pieces_[piece].numbers;
    wait_for_sum(piece);
    if (!across_) memory_.sum(layout_.gradients + numbers.first, layout_.gradients + numbers.end);
    own.push_back(numbers);
  }
  network.take_squared_norm(own, [this](float* squares) {
    const Stopwatch clock;
    *squares = memory_.sum_of(*squares);
    wait_seconds_ += clock.seconds();
  });
}

void SharedUpdate::step(Network& network, const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip) {
  constexpr std::size_t chunk = 4096;  ///< numbers that are still in the first cache when they are given away
  constexpr std::size_t tile = 8 * chunk;  ///< of an update, some 10 us: to look after sums on their way takes 0.2
  ready(0);
  if (clip > 0) take_squared_norm(network);
  const bool sum = !across_ && clip == 0;
  for (std::size_t piece = 0; piece < pieces_.size(); ++piece) {
    if (clip == 0) wait_for_sum(piece);
    const auto [first, end] = pieces_[piece].numbers;
    for (std::size_t at = first; at < end; at += chunk) {
      const std::size_t next = std::min(at + chunk, end);
      if (sum) memory_.sum(layout_.gradients + at, layout_.gradients + next);
      network.update(optimizer, rate, step, clip, {at, next});
      memory_.give(at, next);
      if ((next - first) % tile == 0) progress();
    }
  }
  final_ = begun_ = summed_ = 0;
  const Stopwatch clock;
  memory_.wait_for(arrivals_ = memory_.arrive());
  wait_seconds_ += clock.seconds();
}

void SharedUpdate::complete() {
  for (int rank = 0; rank < std::min(slices_, memory_.size()); ++rank) {
    if (rank == memory_.rank()) continue;
    for (const Share bucket : buckets_) {
      const auto [first, end] = slice_of(rank, bucket);
      for (const std::size_t moment : {layout_.first_moment, layout_.second_moment})
        memory_.take(rank, moment + first, moment + end);
    }
  }
}

}  // namespace regatta::train
