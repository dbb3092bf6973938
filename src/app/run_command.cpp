#include "run_command.hpp"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>

#include "banner.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "regatta/core/build_info.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/file.hpp"
#include "regatta/core/text.hpp"
#include "regatta/log/journal.hpp"
#include "regatta/process/launcher.hpp"
#include "regatta/run/agreement.hpp"
#include "regatta/run/study.hpp"
#include "study_inputs.hpp"
#include "study_plan.hpp"

namespace regatta::app {
namespace {

/// When the job has to have ended, and who says so.
struct Deadline {
  double time = 0;
  std::string source;
};

/// The batch system's end leaves a margin for the last trials to be called in and for the log to be closed.
Deadline find_deadline(const StudyInputs& inputs) {
  constexpr double margin = 60;
  Deadline deadline;
  if (inputs.walltime > 0) deadline = {wall_time() + inputs.walltime, "study.walltime"};
  const char* job_end = std::getenv("SLURM_JOB_END_TIME");
  if (const auto end = parse_number(job_end ? job_end : ""); end && *end > 0) {
    const double stop = *end - margin;
    if (deadline.time == 0 || stop < deadline.time) deadline = {stop, "SLURM_JOB_END_TIME less 1 min"};
  }
  return deadline;
}

/// Rank 0 reads the input files and tells the others what is in force.
StudyInputs share_inputs(const Arguments& arguments, bool resume, comm::Session* session) {
  StudyInputs inputs;
  const std::string used = run::from_rank0(session, [&] {
    inputs = resume ? resumed_inputs(arguments) : read_inputs(arguments.operands.front(), arguments.overrides);
    require(inputs.objective.type != "external", "objective.type = external has its trials run by another program: start it with "
            "regatta serve");
    return inputs.used;
  });
  const bool rank0 = !session || session->world().rank().value == 0;
  return rank0 ? inputs : parse_inputs(used, arguments.operands.front(), {}, NamedFiles::Trust);
}

/// A job that is ready to run on this rank.
struct Prepared {
  StudyInputs inputs;
  Deadline deadline;
  run::StudyPlan plan;
  std::unique_ptr<run::Job> job;
};

/// Collective; what it throws as Error is thrown on all ranks alike.
std::unique_ptr<Prepared> prepare(const Arguments& arguments, bool resume, const comm::Launch& launch,
                                  comm::Session* session, std::optional<process::Launcher>& launcher) {
  auto prepared = std::make_unique<Prepared>();
  prepared->inputs = share_inputs(arguments, resume, session);
  prepared->deadline = find_deadline(prepared->inputs);
  prepared->plan = make_plan(prepared->inputs, arguments, launch, session);
  prepared->plan.deadline = prepared->deadline.time;
  prepared->plan.resume = resume;
  if (prepared->inputs.objective.type != "command") launcher.reset();
  prepared->plan.launcher = launcher ? &*launcher : nullptr;
  prepared->job = std::make_unique<run::Job>(prepared->plan, session);
  return prepared;
}

int run_on_rank0(Prepared& prepared) {
  Console console(prepared.plan, prepared.inputs);
  console.say(banner_text(prepared.plan, prepared.job->facts(), prepared.inputs, prepared.deadline.source));
  const run::StudyOutcome outcome = prepared.job->run(console);
  console.summarise();
  return outcome.succeeded > 0 || outcome.interrupted ? finished : no_trial_succeeded;
}

int run_on_other_rank(Prepared& prepared) {
  run::Observer silent;
  prepared.job->run(silent);
  return finished;
}

/// Errors before the job has started are met by all ranks alike, and rank 0 tells them; a later one ends all ranks from
/// the rank that met it, while MPI still lives.
int run_under_mpi(const Arguments& arguments, bool resume, const comm::Launch& launch, comm::Session& session,
                  std::optional<process::Launcher>& launcher) {
  const Rank rank = session.world().rank();
  std::unique_ptr<Prepared> prepared;
  try {
    prepared = prepare(arguments, resume, launch, &session, launcher);
  } catch (const Error& error) {
    if (rank.value == 0) std::cerr << complaint(error) << std::endl;  // while the others still wait in MPI_Finalize
    return exit_code_of(error);
  }
  try {
    return rank.value == 0 ? run_on_rank0(*prepared) : run_on_other_rank(*prepared);
  } catch (const std::exception& error) {
    std::cerr << concat("regatta: error: rank ", rank.value, " on ", host_name(), ": ", error.what(), "\n") << std::flush;
    session.abort(exit_code_of(error));
  }
}

int start(const Arguments& arguments, bool resume) {
  const comm::Launch launch = comm::detect_launch();
  std::optional<process::Launcher> launcher(std::in_place);  // before MPI: an MPI process must not fork
  if (!launch.speaks_mpi) {
    comm::require_all_ranks(launch, 1);
    return run_on_rank0(*prepare(arguments, resume, launch, nullptr, launcher));
  }
  int argc = arguments.argc;
  char** argv = arguments.argv;
  comm::Session session(launch, argc, argv);
  return run_under_mpi(arguments, resume, launch, session, launcher);
}

}  // namespace

StudyInputs resumed_inputs(const Arguments& arguments) {
  const std::filesystem::path directory = arguments.operands.front();
  const search::StudyHeader header = log::read_header(directory / "journal.bin");
  std::vector<Override> overrides = arguments.overrides;
  overrides.push_back({"log", {"directory", directory.string(), {"command line"}}});
  StudyInputs inputs = parse_inputs(header.used_inputs, directory / "used_inputs.ini", overrides);
  require(inputs.fingerprint == header.input_hash, "run ", directory.string(),
          " cannot go on with another space, objective, metric, seed, searcher or scheduler; what may change are the budget, "
          "the workers and the log");
  return inputs;
}

int run_command(const Arguments& arguments) { return start(arguments, false); }

int resume_command(const Arguments& arguments) { return start(arguments, true); }

}  // namespace regatta::app
