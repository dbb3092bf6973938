#pragma once

#include <functional>
#include <string>

#include "regatta/comm/session.hpp"

namespace regatta::run {

/// Runs `action` on rank 0 and gives its text to all ranks. What it throws there is thrown on all ranks alike (as
/// InvalidInput, Unavailable or SystemFailure), so that a job that cannot start ends everywhere without a hang. Collective.
/// @param session  null: this process alone
std::string from_rank0(comm::Session* session, const std::function<std::string()>& action);

}  // namespace regatta::run
