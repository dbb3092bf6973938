#pragma once

#include <vector>

#include "regatta/comm/communicator.hpp"
#include "regatta/run/study.hpp"

namespace regatta::run {

/// The life of a sub-controller's rank until the study is over: reads what there is, makes one proposal, and
/// so on; asleep where there is neither.
/// @param owners   ranks of all sub-controllers, by number
/// @param ceiling  longest sleep [s]
void own_domains(const StudyPlan& plan, const std::vector<Rank>& owners, comm::Communicator& comm,
                 double ceiling);

}  // namespace regatta::run
