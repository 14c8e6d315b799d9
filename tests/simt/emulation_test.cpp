// SPDX-License-Identifier: MIT
// What the emulation promises: threads that meet, and faults that are found. The kernels here are
// toys, right ones and wrong ones.
#include <gtest/gtest.h>

#include <cuda_runtime.h>

#include <functional>
#include <string>
#include <vector>

#include "idl/cuda/device/shared.cuh"
#include "idl/cuda/launch.cuh"

namespace idl::cuda {
namespace {

constexpr int k_threads = 96;

LaunchShape shape(unsigned blocks, unsigned threads = k_threads, std::size_t shared_bytes = 0) {
  return {.grid = dim3(blocks), .block = dim3(threads), .shared_bytes = shared_bytes};
}

/// The text of the fault that a launch ends with; empty where it ends well.
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

// Right kernels.

__global__ void reverse_kernel(const int* from, int* to) {
  __shared__ SharedArray<int, k_threads> shared;
  const int thread = static_cast<int>(threadIdx.x);
  const int first = static_cast<int>(blockIdx.x * blockDim.x);
  shared[thread] = from[first + thread];
  __syncthreads();
  to[first + thread] = shared[k_threads - 1 - thread];
}

TEST(Emulation, RunsAKernel) {
  std::vector<int> from;
  for (int i = 0; i < 3 * k_threads; ++i) from.push_back(i);
  std::vector<int> to(from.size());
  launch(reverse_kernel, shape(3), nullptr, from.data(), to.data());
  for (int i = 0; i < 3 * k_threads; ++i)
    EXPECT_EQ(to[static_cast<std::size_t>(i)],
              i / k_threads * k_threads + k_threads - 1 - i % k_threads);
}

__global__ void dynamic_kernel(float* sums) {
  const DynamicShared<float> halves;
  const DynamicShared<double> doubles(k_threads * sizeof(float));
  const int thread = static_cast<int>(threadIdx.x);
  halves[thread] = 0.5F;
  doubles[thread] = thread;
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < k_threads; ++i) sum += halves[i] + static_cast<float>(doubles[i]);
  sums[thread] = sum;
}

TEST(Emulation, HasDynamicSharedMemory) {
  std::vector<float> sums(k_threads);
  const auto run = [&](std::size_t bytes) {
    launch(dynamic_kernel, shape(1, k_threads, bytes), nullptr, sums.data());
  };
  run(k_threads * (sizeof(float) + sizeof(double)));
  for (const float sum : sums)
    EXPECT_EQ(sum, k_threads * 0.5F + k_threads * (k_threads - 1) / 2.0F);
  EXPECT_TRUE(says(fault_of([&] { run(k_threads * sizeof(float)); }), "shared array of 0"));
}

__global__ void block_votes_kernel(int* any, int* all, int* count) {
  const auto thread = threadIdx.x;
  any[thread] = __syncthreads_or(thread == 17);
  all[thread] = __syncthreads_and(thread != 17);
  count[thread] = __syncthreads_count(thread % 3 == 0);
}

TEST(Emulation, ReducesAtBarriers) {
  std::vector<int> any(k_threads), all(k_threads), count(k_threads);
  launch(block_votes_kernel, shape(1), nullptr, any.data(), all.data(), count.data());
  EXPECT_EQ(any, std::vector<int>(k_threads, 1));
  EXPECT_EQ(all, std::vector<int>(k_threads, 0));
  EXPECT_EQ(count, std::vector<int>(k_threads, k_threads / 3));
}

struct WarpAnswers {
  unsigned largest;
  int from_third, up, down, exchanged, in_eights, any, all;
  unsigned ballot;
};

__global__ void warp_kernel(WarpAnswers* answers) {
  const int lane = static_cast<int>(threadIdx.x);
  constexpr unsigned k_all = 0xffffffffU;
  WarpAnswers mine = {};
  mine.largest = __reduce_max_sync(k_all, threadIdx.x * 7 % 32);
  mine.from_third = __shfl_sync(k_all, lane, 3);
  mine.up = __shfl_up_sync(k_all, lane, 5);
  mine.down = __shfl_down_sync(k_all, lane, 5);
  mine.exchanged = __shfl_xor_sync(k_all, lane, 16);
  mine.in_eights = __shfl_down_sync(k_all, lane, 1, 8);
  if (lane < 8) {  // a mask of some lanes
    mine.ballot = __ballot_sync(0xffU, lane % 2 == 0);
    mine.any = __any_sync(0xffU, lane == 9);
    mine.all = __all_sync(0xffU, lane < 9);
  }
  __syncwarp();
  answers[lane] = mine;
}

TEST(Emulation, ShufflesAndVotesInWarps) {
  std::vector<WarpAnswers> answers(32);
  launch(warp_kernel, shape(1, 32), nullptr, answers.data());
  for (int lane = 0; lane < 32; ++lane) {
    const WarpAnswers& got = answers[static_cast<std::size_t>(lane)];
    EXPECT_EQ(got.largest, 31U);
    EXPECT_EQ(got.from_third, 3);
    EXPECT_EQ(got.up, lane < 5 ? lane : lane - 5);
    EXPECT_EQ(got.down, lane + 5 < 32 ? lane + 5 : lane);
    EXPECT_EQ(got.exchanged, lane ^ 16);
    EXPECT_EQ(got.in_eights, lane % 8 == 7 ? lane : lane + 1);
    EXPECT_EQ(got.ballot, lane < 8 ? 0x55U : 0U);
    EXPECT_EQ(got.any, 0);
    EXPECT_EQ(got.all, lane < 8 ? 1 : 0);
  }
}

__global__ void atomic_kernel(int* counters) {
  atomicAdd(&counters[0], 2);
  atomicSub(&counters[1], 1);
  atomicMax(&counters[2], static_cast<int>(threadIdx.x));
  atomicMin(&counters[3], static_cast<int>(threadIdx.x));
  if (threadIdx.x == 40) atomicCAS(&counters[4], 7, 8);
}

TEST(Emulation, CountsAtomically) {
  std::vector<int> counters = {0, 0, 0, 1000, 7};
  launch(atomic_kernel, shape(2), nullptr, counters.data());
  EXPECT_EQ(counters, (std::vector<int>{4 * k_threads, -2 * k_threads, k_threads - 1, 0, 8}));
}

__global__ void order_kernel(std::vector<unsigned>* order) { order->push_back(threadIdx.x); }

TEST(Emulation, RunsThreadsInAnotherOrderEachTime) {
  std::vector<unsigned> first, second;
  launch(order_kernel, shape(1), nullptr, &first);
  launch(order_kernel, shape(1), nullptr, &second);
  EXPECT_EQ(first.size(), k_threads);
  EXPECT_NE(first, second);
}

// Planted faults.

__global__ void missed_barrier_kernel(int skipped) {
  if (static_cast<int>(threadIdx.x) == skipped) return;
  __syncthreads();
}

TEST(Emulation, FindsAThreadThatReturnsBeforeABarrier) {
  EXPECT_EQ(fault_of([] { launch(missed_barrier_kernel, shape(2), nullptr, -1); }), "");
  const std::string text = fault_of([] { launch(missed_barrier_kernel, shape(2), nullptr, 5); });
  EXPECT_TRUE(says(text, "95 threads wait at the barrier"));
  EXPECT_TRUE(says(text, "1 threads have returned"));
  EXPECT_TRUE(says(text, "emulation_test.cpp:"));
}

__global__ void two_barriers_kernel() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST(Emulation, FindsThreadsAtDifferentBarriers) {
  const std::string text = fault_of([] { launch(two_barriers_kernel, shape(1), nullptr); });
  EXPECT_TRUE(says(text, "divergence at a barrier"));
  EXPECT_TRUE(says(text, "32 threads wait"));
  EXPECT_TRUE(says(text, "64 threads wait"));
}

__global__ void outside_kernel(int index) {
  __shared__ SharedArray<int, 8> shared;
  if (threadIdx.x == 3) shared[index] = 1;
}

TEST(Emulation, FindsAccessesOutsideASharedArray) {
  EXPECT_EQ(fault_of([] { launch(outside_kernel, shape(1), nullptr, 7); }), "");
  for (const int index : {8, -1}) {
    const std::string text = fault_of([=] { launch(outside_kernel, shape(1), nullptr, index); });
    EXPECT_TRUE(says(text, "thread (3,0,0) of block (0,0,0) uses element " + std::to_string(index) +
                               " of a shared array of 8"));
  }
}

__global__ void unwritten_kernel(int written, int* to) {
  __shared__ SharedArray<int, k_threads> shared;
  const int thread = static_cast<int>(threadIdx.x);
  if (thread < written) shared[thread] = thread;
  __syncthreads();
  to[thread] = shared[thread];
}

TEST(Emulation, FindsReadsOfSharedMemoryThatNobodyWrote) {
  std::vector<int> to(k_threads);
  EXPECT_EQ(fault_of([&] { launch(unwritten_kernel, shape(2), nullptr, k_threads, to.data()); }),
            "");
  // What the launch before has left does not count, nor what another block wrote.
  const std::string text =
      fault_of([&] { launch(unwritten_kernel, shape(2), nullptr, k_threads - 1, to.data()); });
  EXPECT_TRUE(says(text, "read by thread (95,0,0)"));
  EXPECT_TRUE(says(text, "nobody wrote"));
}

__global__ void race_kernel(bool first_barrier, bool second_barrier, int* to) {
  __shared__ SharedArray<int, k_threads> shared;
  const int thread = static_cast<int>(threadIdx.x);
  const int other = (thread + 33) % k_threads;
  for (int round = 0; round < 2; ++round) {
    shared[thread] = thread;
    if (first_barrier) __syncthreads();
    to[thread] = shared[other];
    if (second_barrier) __syncthreads();
  }
}

TEST(Emulation, FindsAccessesThatNoBarrierOrders) {
  std::vector<int> to(k_threads);
  const auto run = [&](bool first, bool second) {
    return fault_of([&] { launch(race_kernel, shape(1), nullptr, first, second, to.data()); });
  };
  EXPECT_EQ(run(true, true), "");
  EXPECT_NE(run(false, true), "");
  EXPECT_TRUE(says(run(true, false), "with no barrier in between"));
}

__global__ void warp_race_kernel(bool synced, int* to) {
  __shared__ SharedArray<int, 32> shared;
  const int lane = static_cast<int>(threadIdx.x);
  shared[lane] = lane;
  if (synced) __syncwarp();
  to[lane] = shared[31 - lane];
}

TEST(Emulation, TakesASynchronisedWarpForOrdered) {
  std::vector<int> to(32);
  EXPECT_EQ(fault_of([&] { launch(warp_race_kernel, shape(1, 32), nullptr, true, to.data()); }),
            "");
  EXPECT_NE(fault_of([&] { launch(warp_race_kernel, shape(1, 32), nullptr, false, to.data()); }),
            "");
}

__global__ void missing_lane_kernel(unsigned mask) {
  if (threadIdx.x != 4) __shfl_xor_sync(mask, 1.0F, 1);
}

TEST(Emulation, FindsLanesThatDoNotTakePart) {
  const auto run = [](unsigned mask) {
    return fault_of([=] { launch(missing_lane_kernel, shape(1, 32), nullptr, mask); });
  };
  EXPECT_TRUE(says(run(0xffffffffU), "31 threads wait in __shfl_xor_sync"));
  EXPECT_TRUE(says(run(0xffffffefU), "which takes no part"));
  EXPECT_TRUE(says(run(0x0000ffefU), "is not in its own mask"));
}

__global__ void large_kernel() {
  __shared__ SharedArray<double, 6145> shared;
  shared[0] = 1.0;
}

TEST(Emulation, RefusesWhatNoDeviceCanLaunch) {
  EXPECT_TRUE(says(fault_of([] { launch(large_kernel, shape(1), nullptr); }),
                   "49160 bytes of static shared memory"));
  const auto run = [](const LaunchShape& at) {
    return fault_of([&] { launch(missed_barrier_kernel, at, nullptr, -1); });
  };
  EXPECT_TRUE(says(run(shape(1, 1025)), "1025 threads"));
  EXPECT_TRUE(says(run(shape(0)), "grid of (0,1,1)"));
  EXPECT_TRUE(says(run({.grid = dim3(1, 65536), .block = dim3(32), .shared_bytes = 0}), "grid"));
  EXPECT_TRUE(says(run(shape(1, 32, std::size_t{228} << 10U)), "shared memory"));
}

TEST(Emulation, GoesOnAfterAFault) {
  EXPECT_NE(fault_of([] { launch(missed_barrier_kernel, shape(3), nullptr, 50); }), "");
  std::vector<int> from(k_threads, 3);
  std::vector<int> to(k_threads);
  launch(reverse_kernel, shape(1), nullptr, from.data(), to.data());
  EXPECT_EQ(to, from);
}

}  // namespace
}  // namespace idl::cuda
