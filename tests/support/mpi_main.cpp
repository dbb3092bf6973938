// The main of test binaries that run under mpirun: every rank runs all tests. Rank 0 prints its progress in full, the
// others print only their failures, at once and with their rank, so that a failure before a deadlock is seen too. The
// exit code of every rank is the worst over all ranks.
#include <gtest/gtest.h>
#include <mpi.h>

#include <iostream>
#include <sstream>
#include <string>

namespace {

/// Prints the failures of one rank on stderr, each as one write so that ranks do not mix within a message.
class FailuresOfARank : public testing::EmptyTestEventListener {
 public:
  explicit FailuresOfARank(int rank) : rank_(rank) {}

  /// Remembered here: to ask GoogleTest for it while it reports a failure is a deadlock.
  void OnTestStart(const testing::TestInfo& test) override {
    test_ = std::string(test.test_suite_name()) + "." + test.name();
  }
  void OnTestEnd(const testing::TestInfo&) override { test_ = "set-up or tear-down"; }

  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const char* file = result.file_name() ? result.file_name() : "unknown file";
    std::ostringstream text;
    text << "[rank " << rank_ << "] " << test_ << " failed at " << file << ":" << result.line_number() << "\n"
         << result.message() << "\n";
    std::cerr << text.str() << std::flush;
  }

 private:
  int rank_;
  std::string test_ = "set-up or tear-down";
};

int run_tests_of_rank(int rank) {
  testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
  if (rank > 0) {
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailuresOfARank(rank));
  }
  return RUN_ALL_TESTS();
}

int worst_over_ranks(int result) {
  int worst = 0;
  MPI_Allreduce(&result, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return worst;
}

}  // namespace

int main(int argc, char** argv) {
  int thread_level = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &thread_level);
  testing::InitGoogleTest(&argc, argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const int own = run_tests_of_rank(rank);
  const int worst = worst_over_ranks(own);
  if (rank == 0 && own == 0 && worst != 0) std::cout << "[  FAILED  ] on another rank, see above" << std::endl;
  MPI_Finalize();
  return worst;
}
