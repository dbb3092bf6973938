#include "regatta/train/sliced_update.hpp"

#include <algorithm>

namespace regatta::train {

SlicedUpdate::SlicedUpdate(device::DeviceTeam& team, std::size_t rank, std::size_t size, Network& network)
    : team_(team),
      network_(network),
      layout_(network.parameters().size(), size),
      own_{std::min(rank * layout_.slice, network.parameters().size()),
           std::min((rank + 1) * layout_.slice, network.parameters().size())} {}

void SlicedUpdate::step(const OptimizerSpec& optimizer, double rate, std::int64_t step, double clip) {
  team_.sum_slices(at(layout_.gradients), layout_.slice);
  if (clip > 0) network_.take_squared_norm({&own_, 1}, [this](float* squares) { team_.sum(squares, 1); });
  network_.update(optimizer, rate, step, clip, own_);
  team_.share_slices(at(0), layout_.slice);
}

void SlicedUpdate::complete() {
  for (const std::size_t moment : {layout_.first_moment, layout_.second_moment})
    team_.share_slices(at(moment), layout_.slice);
}

}  // namespace regatta::train
