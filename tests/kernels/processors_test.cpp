// SPDX-License-Identifier: MIT
#include "kernels/base/processors.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

#include "tests/io/files.hpp"

namespace idl::test {
namespace {

namespace fs = std::filesystem;

/// Stand-ins for /proc/self/cgroup and /sys/fs/cgroup.
class CpuQuota : public testing::Test {
 protected:
  std::optional<double> quota(const std::string& membership) {
    write("membership", membership);
    return cpu_quota(folder_.path() / "membership", folder_.path() / "cgroup");
  }
  void write(const std::string& name, const std::string& text) {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(CpuQuota, IsThatOfTheGroupInVersion2) {
  write("cgroup/a/b/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota("0::/a/b\n"), 1.5);
  write("cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(quota("0::/a/b\n"), std::nullopt);
}

TEST_F(CpuQuota, IsTheLeastOnTheWayToTheRoot) {
  write("cgroup/a/b/cpu.max", "400000 100000\n");
  write("cgroup/a/cpu.max", "200000 100000\n");
  write("cgroup/cpu.max", "800000 100000\n");
  EXPECT_EQ(quota("0::/a/b\n"), 2.0);
}

TEST_F(CpuQuota, IsThatOfTheRootInAContainerThatSeesTheHostsPath) {
  write("cgroup/cpu.max", "300000 100000\n");
  EXPECT_EQ(quota("0::/docker/0123456789ab\n"), 3.0);
  EXPECT_EQ(quota("0::/../../elsewhere\n"), 3.0);
}

TEST_F(CpuQuota, IsQuotaByPeriodInVersion1) {
  write("cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "50000\n");
  write("cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "20000\n");
  EXPECT_EQ(quota("5:cpuset:/other\n4:cpu,cpuacct:/job\n"), 2.5);
  EXPECT_EQ(quota("4:cpuacct,cpuset:/job\n"), std::nullopt) << "other controllers";
  write("cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(quota("4:cpu,cpuacct:/job\n"), std::nullopt);
}

TEST_F(CpuQuota, IsNoneWhereTheFilesAreMissingOrSayNothingOfUse) {
  EXPECT_EQ(quota("0::/a\n"), std::nullopt);
  EXPECT_EQ(quota(""), std::nullopt);
  EXPECT_EQ(quota("nonsense\n"), std::nullopt);
  for (const char* text :
       {"", "100000", "100000 0\n", "nan 100000\n", "0 100000\n", "-5 100000\n"}) {
    write("cgroup/cpu.max", text);
    EXPECT_EQ(quota("0::/\n"), std::nullopt) << text;
  }
}

TEST(Processors, AreThoseOfTheCallersAffinity) {
#ifdef __linux__
  std::thread([] {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &set);
    ASSERT_EQ(sched_setaffinity(0, sizeof set, &set), 0);
    EXPECT_EQ(available_processors(), 1);
  }).join();
#endif
  EXPECT_GE(available_processors(), 1);
}

TEST(Processors, ThreadsAreWhatOpenMPsVariableSays) {
  EXPECT_EQ(threads_of("3"), 3);
  EXPECT_EQ(threads_of(" 3 "), 3);
  EXPECT_EQ(threads_of("4,2"), 4) << "of nested regions: the outermost";
  EXPECT_EQ(threads_of("100000"), k_most_threads);
  EXPECT_EQ(threads_of("99999999999999999999"), k_most_threads);
  for (const char* text : {"", " ", "0", "-2", "two", "2x", "2.5", ","})
    EXPECT_EQ(threads_of(text), std::nullopt) << text;
}

}  // namespace
}  // namespace idl::test
