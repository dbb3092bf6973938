#include "regatta/comm/local_group.hpp"

namespace regatta::comm {

void JoinedCommunicator::post(Rank to, int tag, std::span<const std::byte> payload) {
  if (to.value == group_.size()) {
    link_.post(Rank{1}, tag, payload);
  } else {
    group_.post(to, tag, payload);
  }
}

std::optional<Envelope> JoinedCommunicator::poll() {
  if (auto envelope = link_.poll()) {
    envelope->source = Rank{group_.size()};
    return envelope;
  }
  return group_.poll();
}

}  // namespace regatta::comm
