// What two ranks of a node pay to add up their gradients: in the memory that they share, as training does it,
// and by MPI_Allreduce; and what a network's training gains from the second rank at the same batch.
//
// Wall time of the slower rank; each repetition takes all in turns.

#include <mpi.h>

#include <array>
#include <cmath>
#include <iostream>
#include <map>
#include <string>

#include "benchmark.hpp"
#include "regatta/comm/mpi_communicator.hpp"
#include "regatta/comm/session.hpp"
#include "regatta/comm/team_memory.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "support/process.hpp"
#include "training.hpp"

using namespace regatta;

namespace {

struct Sum {
  std::string title;
  std::size_t numbers;
  std::string target;  ///< in shared memory [us]
};

const Sum sums[] = {{"4 KB", 1024, ""},
                    {"20 KB", 5120, "<= 1"},
                    {"104 KB", 26122, ""},
                    {"2.1 MB", 535818, "<= 60"},
                    {"10 MB", 2621440, ""}};

/// Wall time of a call on the slower rank [us].
template <class Call>
double microseconds(int calls, const Call& call) {
  MPI_Barrier(MPI_COMM_WORLD);
  const Stopwatch clock;
  for (int i = 0; i < calls; ++i) call();
  double spent = 1e6 * clock.seconds() / calls;
  MPI_Allreduce(MPI_IN_PLACE, &spent, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return spent;
}

/// All numbers of all ranks are their sums afterwards.
void sum_all(comm::TeamMemory& memory) {
  const auto [first, end] = comm::TeamMemory::slice_of(memory.rank(), memory.size(), {0, memory.block().size()});
  memory.wait_for_all();
  memory.sum(first, end);
  memory.give(first, end);
  memory.wait_for_all();
}

void add_sums(benchmark::Report& report, comm::Communicator& team) {
  for (const Sum& sum : sums) {
    comm::TeamMemory memory(sum.numbers);
    require(memory.connect(team), "the ranks cannot share memory");
    std::vector<float> numbers(sum.numbers, 0.0f);
    const auto by_mpi = [&] {
      MPI_Allreduce(MPI_IN_PLACE, numbers.data(), static_cast<int>(numbers.size()), MPI_FLOAT, MPI_SUM,
                    MPI_COMM_WORLD);
    };
    memory.block().back() = 1;
    sum_all(memory);
    require(memory.block().back() == static_cast<float>(team.size()), "the sum is wrong");
    memory.block().back() = 0;
    const int calls = static_cast<int>(std::ceil(2e6 / static_cast<double>(sum.numbers + 2000)));
    benchmark::Figure shared{concat(sum.title, " in shared memory"), {}, "us", sum.target, ""};
    benchmark::Figure mpi{concat(sum.title, " by MPI_Allreduce"), {}, "us", "", "in place"};
    for (int i = 0; i < report.repeats(); ++i) {
      shared.values.push_back(microseconds(calls, [&] { sum_all(memory); }));
      mpi.values.push_back(microseconds(calls, by_mpi));
    }
    report.add(shared);
    report.add(mpi);
  }
}

/// Training of one size on rank 0 alone, by both in shared memory, and by both with sums by MPI.
/// @param apart  the team, as if every other rank were on another node
void add_training(benchmark::Report& report, comm::Communicator& team, comm::Communicator& apart,
                  const benchmark::TrainingSize& size, const std::string& target) {
  // As many that ends of epochs do not weigh more than in a training, but few, because both ranks are seldom alone on a machine
  // for long.
  const std::size_t steps = size.operations < 1e7 ? 128 : size.operations < 1e9 ? 32 : 8;
  const std::size_t rows = steps * size.batch;
  benchmark::TrainingSize half_batch = size;
  half_batch.batch /= 2;
  benchmark::Training alone(size, rows), half(half_batch, rows / 2), shared(size, rows, &team),
      summed(size, rows, &team, false), between(size, rows, &apart);
  for (auto* training : {&alone, &half, &shared, &summed, &between}) training->epoch();
  const std::string title = concat("(", size.name, ") ", size.network, ", batch ", size.batch);
  benchmark::Figure one{title, {}, "us/step", "", "rank 0 alone"};
  benchmark::Figure each{"... both ranks, half a batch each", {}, "us/step", "", "without sums: what the machine allows"};
  benchmark::Figure two{"... by two ranks", {}, "us/step", "", "updates shared"};
  benchmark::Figure gain{"... times faster", {}, "", target, ""};
  benchmark::Figure mpi{"... with MPI_Iallreduce", {}, "us/step", "", "every rank updates all"};
  benchmark::Figure nodes{"... as on two nodes", {}, "us/step", "", "updates bucket by bucket"};
  for (int i = 0; i < report.repeats(); ++i) {
    one.values.push_back(microseconds(1,
                                      [&] {
                                        if (team.rank().value == 0) alone.epoch();
                                      }) /
                         static_cast<double>(steps));
    each.values.push_back(microseconds(1, [&] { half.epoch(); }) / static_cast<double>(steps));
    two.values.push_back(microseconds(1, [&] { shared.epoch(); }) / static_cast<double>(steps));
    mpi.values.push_back(microseconds(1, [&] { summed.epoch(); }) / static_cast<double>(steps));
    nodes.values.push_back(microseconds(1, [&] { between.epoch(); }) / static_cast<double>(steps));
    gain.values.push_back(one.values.back() / two.values.back());
  }
  for (const auto& figure : {one, each, two, gain, mpi, nodes}) report.add(figure);
}

}  // namespace

int main(int argc, char** argv) {
  const comm::Launch launch = comm::detect_launch();
  if (launch.launcher == "none") {
    const auto result = support::run_process(support::mpirun(2, {argv, argv + argc}), {.timeout_s = 600});
    std::cout << result.out;
    std::cerr << result.err;
    return result.exit_code;
  }
  benchmark::Report report("allreduce", argc, argv, 25);
  const comm::Session session(launch, argc, argv);
  comm::MpiCommunicator team(MPI_COMM_WORLD);
  comm::MpiCommunicator apart(MPI_COMM_WORLD, team.rank().value % 2 == 0 ? "first" : "second");
  add_sums(report, team);
  const std::map<std::string, std::string> targets = {{"a", ""}, {"c", ">= 1.8"}, {"e", ">= 1.9"}};
  for (const auto& size : benchmark::training_sizes())
    if (const auto target = targets.find(size.name); target != targets.end())
      add_training(report, team, apart, size, target->second);
  if (team.rank().value == 0) report.finish();
}
