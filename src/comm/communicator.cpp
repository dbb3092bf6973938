#include "regatta/comm/communicator.hpp"

#include "regatta/core/build_info.hpp"
#include "regatta/core/error.hpp"

namespace regatta::comm {

std::string Communicator::node() const { return host_name(); }

Communicator& Communicator::group_of(const std::vector<Rank>& ranks) {
  throw SystemFailure(concat("a group of ", size(), " ranks has none of ", ranks.size(), " within it"));
}

}  // namespace regatta::comm
