#include "regatta/comm/lane_group.hpp"

#include <deque>

#include "regatta/core/error.hpp"

namespace regatta::comm {

class LaneGroup::Lane final : public Communicator {
 public:
  Lane(LaneGroup& lanes, int lane) : lanes_(lanes), lane_(lane) {}

  Rank rank() const override { return Rank{group().rank().value * count() + lane_}; }
  int size() const override { return group().size() * count(); }

  void post(Rank to, int tag, std::span<const std::byte> payload) override {
    require(tag >= 0 && tag < most_tags, "a lane's tag lies between 0 and ", most_tags - 1, ", got ", tag);
    const int lane = to.value % count();
    if (to.value / count() == group().rank().value)
      lanes_.lanes_[static_cast<std::size_t>(lane)]->take({rank(), tag, {payload.begin(), payload.end()}});
    else
      group().post(Rank{to.value / count()}, tag + most_tags * (lane + most_lanes * lane_), payload);
  }

  std::optional<Envelope> poll() override {
    while (box_.empty()) {
      auto envelope = group().poll();
      if (!envelope) return std::nullopt;
      lanes_.sort(std::move(*envelope));
    }
    Envelope envelope = std::move(box_.front());
    box_.pop_front();
    return envelope;
  }

  bool drained() override { return group().drained(); }
  std::unique_ptr<Pending> begin_sum(std::span<float> values) override { return group().begin_sum(values); }

  void take(Envelope envelope) { box_.push_back(std::move(envelope)); }

 private:
  Communicator& group() const { return lanes_.group_; }
  int count() const { return static_cast<int>(lanes_.lanes_.size()); }

  LaneGroup& lanes_;
  int lane_;
  std::deque<Envelope> box_;  ///< arrived, for this lane
};

LaneGroup::LaneGroup(Communicator& group, int lanes) : group_(group) {
  require(lanes >= 1 && lanes <= most_lanes, "a rank has 1 to ", most_lanes, " lanes, got ", lanes);
  for (int lane = 0; lane < lanes; ++lane) lanes_.push_back(std::make_unique<Lane>(*this, lane));
}

LaneGroup::~LaneGroup() = default;

Communicator& LaneGroup::at(int lane) { return *lanes_.at(static_cast<std::size_t>(lane)); }

/// Puts a message of the group before the lane that it is for.
void LaneGroup::sort(Envelope envelope) {
  const int lanes = envelope.tag / most_tags, to = lanes % most_lanes, from = lanes / most_lanes;
  envelope.tag %= most_tags;
  envelope.source = Rank{envelope.source.value * static_cast<std::int32_t>(lanes_.size()) + from};
  lanes_.at(static_cast<std::size_t>(to))->take(std::move(envelope));
}

}  // namespace regatta::comm
