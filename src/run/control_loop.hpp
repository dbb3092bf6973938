#pragma once

#include <span>
#include <vector>

#include "regatta/run/study.hpp"

namespace regatta::run {

class WorkerThread;

/// Rank 0's work: drives the controller with real messages, the clock, the log and the signals until the study is over.
/// @param peers   communicator to all workers' leaders
/// @param leaders rank of each worker's leader in `peers`
/// @param thread  rank 0's own worker, or null
/// @param earlier what jobs before this one have logged
StudyOutcome steer(const StudyPlan& plan, const JobFacts& facts, comm::Communicator& peers,
                   const std::vector<Rank>& leaders, WorkerThread* thread,
                   std::span<const search::Event> earlier, log::RunLog& log, Observer& observer);

}  // namespace regatta::run
