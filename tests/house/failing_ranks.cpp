// A test under MPI that fails on one rank only, for mpi_main_test.cpp.
#include <gtest/gtest.h>
#include <mpi.h>

TEST(Ranks, AreNotTheLast) {
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  EXPECT_NE(rank, ranks - 1) << "the last one speaks";
}
