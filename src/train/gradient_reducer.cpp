#include "regatta/train/gradient_reducer.hpp"

#include "regatta/core/clock.hpp"

namespace regatta::train {
namespace {

constexpr std::size_t most_in_flight = 4;

}  // namespace

GradientReducer::GradientReducer(device::Backend& backend, comm::Communicator* team, std::size_t weights,
                                 std::size_t parameters, std::size_t bucket)
    : backend_(backend),
      team_(team && team->size() > 1 ? team : nullptr),
      weights_(weights),
      parameters_(parameters),
      bucket_(bucket),
      unsent_(weights) {
  if (team_ && !backend.host_memory()) staging_.emplace(backend, parameters);
}

void GradientReducer::take(const TeamSums::Way& way) {
  if (way.path == SumPath::Staged) return;
  way_ = &way;
  staging_.reset();
}

void GradientReducer::ready(float* gradients, std::size_t first) {
  if (!team_ || way_) return;
  progress();
  if (first > 0) {
    if (unsent_ - first >= bucket_) start(gradients, first, unsent_);
    return;
  }
  const bool whole = unsent_ == weights_;
  if (whole) return start(gradients, 0, parameters_);
  if (unsent_ > 0) start(gradients, 0, unsent_);
  start(gradients, weights_, parameters_);
}

void GradientReducer::progress() {
  for (Sum& sum : in_flight_) sum.pending->test();
}

void GradientReducer::start(float* gradients, std::size_t first, std::size_t end) {
  while (in_flight_.size() >= most_in_flight) take_oldest(gradients);
  unsent_ = first < weights_ ? first : unsent_;
  std::span<float> values(gradients + first, end - first);
  if (staging_) {
    const std::span<float> copy(staging_->data() + first, end - first);
    backend_.download(values.data(), copy);
    values = copy;
  } else {
    backend_.synchronise();
  }
  in_flight_.push_back({first, values, team_->begin_sum(values)});
}

void GradientReducer::take_oldest(float* gradients) {
  const Stopwatch clock;
  Sum& sum = in_flight_.front();
  sum.pending->wait();
  if (staging_) backend_.upload(sum.values, gradients + sum.first);
  in_flight_.pop_front();
  wait_seconds_ += clock.seconds();
}

void GradientReducer::finish(float* gradients) {
  if (way_) {
    const Stopwatch clock;
    way_->sum(backend_, *team_, {gradients, parameters_});
    wait_seconds_ += clock.seconds();
    return;
  }
  while (!in_flight_.empty()) take_oldest(gradients);
  unsent_ = weights_;
}

}  // namespace regatta::train
