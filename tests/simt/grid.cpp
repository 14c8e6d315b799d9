// SPDX-License-Identifier: MIT
#include "tests/simt/grid.hpp"

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "tests/simt/cluster.hpp"
#include "tests/simt/fiber.hpp"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace idl::simt {
namespace {

constexpr unsigned k_most_threads = 1024;
constexpr unsigned k_most_blocks = 16;
constexpr std::size_t k_most_shared = std::size_t{227} << 10U;

Cluster* running_cluster = nullptr;

Cluster& current() {
  if (running_cluster == nullptr) throw Fault("this is for kernels under way only");
  return *running_cluster;
}

void check_shape(dim3 grid, dim3 block, std::size_t shared_bytes, unsigned cluster) {
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > k_most_threads || block.z > 64)
    throw Fault("a block of " + std::to_string(threads) + " threads cannot be launched");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffU || grid.y > 65535U ||
      grid.z > 65535U)
    throw Fault("a grid of " + text(uint3{grid.x, grid.y, grid.z}) + " blocks cannot be launched");
  if (shared_bytes > k_most_shared)
    throw Fault(std::to_string(shared_bytes) + " bytes of shared memory cannot be had");
  if (cluster == 0 || cluster > k_most_blocks || grid.x % cluster != 0)
    throw Fault("clusters of " + std::to_string(cluster) + " blocks cannot share out a grid of " +
                text(uint3{grid.x, grid.y, grid.z}));
}

std::uint64_t seed() {
  const char* text = std::getenv("IDL_SIMT_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

std::atomic<std::uint64_t> launch_count{0};

}  // namespace

void run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, unsigned cluster,
              const std::function<void()>& kernel) {
  static std::mutex one_at_a_time;
  static auto* const fibers = new FiberPool;  // paused stacks are never unwound
  static std::uint64_t blocks = 0;
  const std::lock_guard lock(one_at_a_time);
  check_shape(grid, block, shared_bytes, cluster);
  gridDim = grid;
  blockDim = block;
  static std::uint64_t grids = 0;
  grids += 1;
  launch_count += 1;
  Dice dice(seed() * 1000003U + grids);
  const unsigned clusters = grid.x / cluster;
  std::vector<std::uint64_t> order(std::uint64_t{clusters} * grid.y * grid.z);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t other = dice.below(i + 1);
    order[i] = order[other];
    order[other] = i;
  }
  for (const std::uint64_t number : order) {
    const uint3 first = {static_cast<unsigned>(number % clusters) * cluster,
                         static_cast<unsigned>(number / clusters % grid.y),
                         static_cast<unsigned>(number / clusters / grid.y)};
    Cluster running(block, cluster, shared_bytes, kernel, *fibers, dice);
    running_cluster = &running;
    try {
      running.run(first, blocks);
    } catch (...) {
      running_cluster = nullptr;
      throw;
    }
    running_cluster = nullptr;
  }
}

int wait_for_block(Combine combine, int predicate, Where where) {
  return current().wait_for_block(combine, predicate, where);
}
void wait_for_cluster(Where where) { current().wait_for_cluster(where); }
void exchange_in_warp(Exchange& exchange, Where where) {
  current().exchange_in_warp(exchange, where);
}
unsigned lane_of_thread() { return current().running_lane(); }
Moment now() { return current().now(); }
std::string running_thread() { return current().running(); }
void claim_static_shared(std::size_t bytes) { current().claim_static(bytes); }
DynamicMemory dynamic_shared() { return current().dynamic(); }
DynamicMemory dynamic_shared_of(unsigned rank) { return current().dynamic_of(rank); }

std::uint64_t launches() { return launch_count; }
void count_launch() { launch_count += 1; }

}  // namespace idl::simt
