#include "regatta/core/memory.hpp"

#include <cmath>

#include "support/temporary_folder.hpp"

namespace regatta {
namespace {

constexpr double mib = 1 << 20;

/// Folders of a computer with 16 GiB, of which 12 GiB are free.
class MemoryTest : public testing::Test {
 protected:
  MemoryTest() {
    root.write("proc/meminfo",
               "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:   12582912 kB\n"
               "HugePages_Total:       0\nHugepagesize:       2048 kB\n");
  }
  void group_2(const std::string& folder, const std::string& most, double used, double read = 0) {
    const std::filesystem::path at = "sys/fs/cgroup" + folder;
    root.write(at / "memory.max", most + "\n");
    root.write(at / "memory.current", std::to_string(static_cast<std::int64_t>(used)) + "\n");
    root.write(at / "memory.stat", "anon 1\nfile 99999\nactive_file 7\ninactive_file " +
                                       std::to_string(static_cast<std::int64_t>(read)) + "\nslab 3\n");
  }
  void group_1(const std::string& folder, double most, double used, double read = 0) {
    const std::filesystem::path at = "sys/fs/cgroup/memory" + folder;
    root.write(at / "memory.limit_in_bytes", std::to_string(static_cast<std::int64_t>(most)) + "\n");
    root.write(at / "memory.usage_in_bytes", std::to_string(static_cast<std::int64_t>(used)) + "\n");
    root.write(at / "memory.stat", "inactive_file 1\ntotal_inactive_file " +
                                       std::to_string(static_cast<std::int64_t>(read)) + "\n");
  }
  void process_in(const std::string& groups) { root.write("proc/self/cgroup", groups); }
  void expect(double installed_mib, double available_mib) const {
    const SystemMemory memory = system_memory(root.path());
    EXPECT_EQ(memory.installed, installed_mib * mib);
    EXPECT_EQ(memory.available, available_mib * mib);
  }

  support::TemporaryFolder root;
};

TEST_F(MemoryTest, IsThatOfTheComputerWithoutGroups) {
  expect(16384, 12288);
  process_in("0::/\n");
  expect(16384, 12288);
}

TEST_F(MemoryTest, IsThatOfTheProcesssGroup) {
  process_in("0::/system.slice/slurmstepd.scope/job_77/step_0\n");
  group_2("/system.slice/slurmstepd.scope/job_77/step_0", "1073741824", 600 * mib, 100 * mib);
  group_2("/system.slice/another.service", "1048576", 0);

  expect(1024, 524);
}

/// Slurm limits the job, and its steps have no limit of their own.
TEST_F(MemoryTest, IsTheLeastOfAllGroupsAbove) {
  process_in("0::/slurm/job_77/step_0/user/task_1\n");
  group_2("/slurm/job_77/step_0/user/task_1", "max", 300 * mib);
  group_2("/slurm/job_77/step_0/user", "max", 400 * mib);
  group_2("/slurm/job_77/step_0", "4294967296", 3072 * mib);
  group_2("/slurm/job_77", "2147483648", 500 * mib);
  group_2("/slurm", "max", 5000 * mib);

  expect(2048, 1024);
}

TEST_F(MemoryTest, IsThatOfAContainerThatSeesItsGroupAsTheRoot) {
  process_in("0::/\n");
  group_2("", "536870912", 512 * mib, 2 * mib);
  expect(512, 2);
  group_2("", "536870912", 513 * mib);
  expect(512, 0);
  group_2("", "max", 513 * mib);
  expect(16384, 12288);
}

TEST_F(MemoryTest, IsThatOfGroupsOfVersion1) {
  process_in("9:name=systemd:/x\n5:cpu,cpuacct:/x\n4:memory:/slurm/uid_1/job_2/step_0\n1:cpuset:/\n0::/x\n");
  const double unlimited = 9223372036854771712.0;
  group_1("", unlimited, 9000 * mib);
  group_1("/slurm", unlimited, 4000 * mib);
  group_1("/slurm/uid_1", 3000 * mib, 2500 * mib, 500 * mib);
  group_1("/slurm/uid_1/job_2", 2000 * mib, 800 * mib);
  group_1("/slurm/uid_1/job_2/step_0", unlimited, 800 * mib);
  group_1("/x", 1 * mib, 1 * mib);

  expect(2000, 1000);
}

/// Its folder has the name that it has outside, and is mounted as the root.
TEST_F(MemoryTest, IsThatOfAContainerWhoseGroupIsOutOfSight) {
  process_in("7:memory,hugetlb:/docker/0123456789abcdef\n0::/../docker/0123456789abcdef\n");
  group_1("", 256 * mib, 100 * mib, 50 * mib);

  expect(256, 206);
}

TEST(Memory, OfThisComputerHoldsNoExabyte) {
  EXPECT_TRUE(fits_memory(1000));
  EXPECT_FALSE(fits_memory(std::size_t{1} << 60));
  const SystemMemory memory = system_memory();
  EXPECT_LE(memory.available, memory.installed);
  EXPECT_GT(memory.available, 0);
}

}  // namespace
}  // namespace regatta
