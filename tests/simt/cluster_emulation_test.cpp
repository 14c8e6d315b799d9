// SPDX-License-Identifier: MIT
// What the emulation promises of clusters: blocks that run together, and faults that are found.
#include <gtest/gtest.h>

#include <cuda_runtime.h>

#include <functional>
#include <string>
#include <vector>

#include "idl/cuda/device/cluster.cuh"
#include "idl/cuda/launch.cuh"

namespace idl::cuda {
namespace {

constexpr int k_blocks = 4;
constexpr int k_threads = 48;  // not a whole number of warps

LaunchShape shape(unsigned blocks, unsigned cluster = k_blocks) {
  return {.grid = dim3(blocks),
          .block = dim3(k_threads),
          .shared_bytes = k_blocks * k_threads * sizeof(int),
          .cluster = cluster};
}

std::string fault_of(const std::function<void()>& launching) {
  try {
    launching();
  } catch (const simt::Fault& fault) {
    return fault.what();
  }
  return {};
}

testing::AssertionResult says(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "'" << part << "' is not in '" << text << "'";
}

/// Every block tells all blocks of its cluster its numbers; which of the barriers there are is
/// told.
__global__ void exchange_kernel(bool start, bool between, bool end, int* to) {
  const DynamicShared<int> shared;
  const int rank = static_cast<int>(blockIdx.x) % k_blocks;
  const int thread = static_cast<int>(threadIdx.x);
  if (start) cluster_barrier<k_blocks>();
  for (int round = 0; round < 2; ++round) {
    for (int peer = 0; peer < k_blocks; ++peer)
      store_in_block(shared, rank * k_threads + thread, peer, 100 * rank + thread + round);
    if (between) cluster_barrier<k_blocks>();
    int sum = 0;
    for (int i = 0; i < k_blocks * k_threads; ++i) sum += shared[i];
    to[blockIdx.x * k_threads + threadIdx.x] = sum;
    if (end) cluster_barrier<k_blocks>();
  }
}

TEST(ClusterEmulation, BlocksReachEachOthersSharedMemory) {
  std::vector<int> to(2 * k_blocks * k_threads);
  launch(exchange_kernel, shape(2 * k_blocks), nullptr, true, true, true, to.data());
  const int expected = k_threads * 100 * (0 + 1 + 2 + 3) +
                       k_blocks * (k_threads * (k_threads - 1) / 2) + k_blocks * k_threads;
  EXPECT_EQ(to, std::vector<int>(to.size(), expected));
}

TEST(ClusterEmulation, FindsAMissingClusterBarrier) {
  std::vector<int> to(k_blocks * k_threads);
  const auto run = [&](bool start, bool between, bool end) {
    return fault_of(
        [&] { launch(exchange_kernel, shape(k_blocks), nullptr, start, between, end, to.data()); });
  };
  EXPECT_TRUE(says(run(false, true, true), "may not have started"));
  EXPECT_NE(run(true, false, true), "");
  EXPECT_TRUE(says(run(true, true, false), "with no barrier in between"));
}

/// The block's own barriers order nothing between blocks.
__global__ void weak_barrier_kernel(int* to) {
  const DynamicShared<int> shared;
  const int rank = static_cast<int>(blockIdx.x) % k_blocks;
  const int thread = static_cast<int>(threadIdx.x);
  shared[thread] = 0;
  cluster_barrier<k_blocks>();
  if (rank == 0) store_in_block(shared, thread, 1, thread);
  __syncthreads();
  if (rank == 1) to[thread] = shared[thread];
  cluster_barrier<k_blocks>();
}

TEST(ClusterEmulation, FindsBlocksThatOnlyTheirOwnBarriersSeparate) {
  std::vector<int> to(k_threads);
  EXPECT_TRUE(
      says(fault_of([&] { launch(weak_barrier_kernel, shape(k_blocks), nullptr, to.data()); }),
           "with no barrier in between"));
}

__global__ void early_end_kernel(bool waits) {
  const DynamicShared<int> shared;
  const int rank = static_cast<int>(blockIdx.x) % k_blocks;
  cluster_barrier<k_blocks>();
  if (rank == 2 && threadIdx.x == 0) store_in_block(shared, 0, 3, 1);
  if (waits) cluster_barrier<k_blocks>();
}

TEST(ClusterEmulation, FindsABlockThatEndsWhileAnotherWritesToIt) {
  EXPECT_EQ(fault_of([] { launch(early_end_kernel, shape(k_blocks), nullptr, true); }), "");
  for (int order = 0; order < 5; ++order)
    EXPECT_TRUE(
        says(fault_of([] { launch(early_end_kernel, shape(2 * k_blocks), nullptr, false); }),
             "ends, and another block uses its shared memory"));
}

__global__ void absent_block_kernel(int absent) {
  if (static_cast<int>(blockIdx.x) % k_blocks == absent) return;
  cluster_barrier<k_blocks>();
}

__global__ void two_barriers_kernel() {
  if (blockIdx.x % k_blocks == 0) {
    cluster_barrier<k_blocks>();
  } else {
    cluster_barrier<k_blocks>();
  }
}

TEST(ClusterEmulation, FindsBlocksThatDoNotMeet) {
  EXPECT_EQ(fault_of([] { launch(absent_block_kernel, shape(k_blocks), nullptr, -1); }), "");
  const std::string text =
      fault_of([] { launch(absent_block_kernel, shape(k_blocks), nullptr, 1); });
  EXPECT_TRUE(says(text, "cluster cannot go on"));
  EXPECT_TRUE(says(text, "144 threads wait at the cluster barrier"));
  EXPECT_TRUE(says(text, "48 threads have returned"));
  EXPECT_TRUE(says(fault_of([] { launch(two_barriers_kernel, shape(k_blocks), nullptr); }),
                   "divergence at a cluster barrier"));
}

__global__ void static_kernel() {
  __shared__ SharedArray<int, k_threads> shared;
  shared[static_cast<int>(threadIdx.x)] = 1;
}

__global__ void outside_kernel(int rank, int index) {
  const DynamicShared<int> shared;
  cluster_barrier<k_blocks>();
  store_in_block(shared, index, rank, 1);
}

TEST(ClusterEmulation, RefusesWhatNoClusterHas) {
  EXPECT_TRUE(says(fault_of([] { launch(static_kernel, shape(k_blocks), nullptr); }),
                   "static shared memory in a cluster"));
  EXPECT_TRUE(says(fault_of([] { launch(outside_kernel, shape(k_blocks), nullptr, 4, 0); }),
                   "of a cluster of 4"));
  EXPECT_TRUE(says(fault_of([] { launch(outside_kernel, shape(k_blocks), nullptr, 1, 192); }),
                   "uses element 192"));
  EXPECT_TRUE(says(fault_of([] { launch(absent_block_kernel, shape(6), nullptr, -1); }),
                   "clusters of 4 blocks"));
  EXPECT_TRUE(says(fault_of([] { launch(absent_block_kernel, shape(32, 32), nullptr, -1); }),
                   "clusters of 32 blocks"));
}

}  // namespace
}  // namespace idl::cuda
