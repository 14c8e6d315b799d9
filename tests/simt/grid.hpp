// SPDX-License-Identifier: MIT
#pragma once

#include <vector_types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <stdexcept>
#include <string>

/// A grid of CUDA threads on the CPU: clusters one after the other (of one block where a launch
/// asks for none), the threads of a cluster as fibers that are resumed in a random order and run
/// until they wait for each other. The order follows from IDL_SIMT_SEED (1 where it is not set) and
/// the number of the launch.
namespace idl::simt {

/// What a GPU would answer with a wrong result, a hang or nothing at all.
class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using Where = std::source_location;

/// Runs `kernel` once per thread, with threadIdx and its kin set; `cluster` neighbouring blocks (in
/// x) form a cluster. @throws Fault
void run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, unsigned cluster,
              const std::function<void()>& kernel);

/// Launches so far in the whole process, library products among them.
std::uint64_t launches();
/// For what takes the place of a library.
void count_launch();

// What follows is for kernels under way.

enum class Combine : std::uint8_t { nothing, any, all, count };

/// Waits for all threads of the block and combines what they bring.
int wait_for_block(Combine combine, int predicate, Where where);

/// Waits for all threads of the cluster.
void wait_for_cluster(Where where);

/// One lane's part in an exchange between the lanes of `mask`: it brings `bytes` bytes at `value`
/// and takes those that lane `source` brings to `result`.
struct Exchange {
  const char* name = nullptr;
  unsigned mask = 0;
  const void* value = nullptr;
  void* result = nullptr;
  std::size_t bytes = 0;
  unsigned source = 0;
  bool predicate = false;
  unsigned number = 0;
  unsigned ballot = 0;   ///< out: the lanes whose predicate holds
  unsigned largest = 0;  ///< out: the largest number of the lanes
};

/// Waits for all lanes of the mask.
void exchange_in_warp(Exchange& exchange, Where where);

unsigned lane_of_thread();

/// Where the running thread is in the order that barriers and warps' exchanges make.
struct Moment {
  std::uint64_t cluster = 0;  ///< counted over all launches; 0: never
  std::uint64_t block = 0;    ///< likewise
  std::uint32_t cluster_barriers = 0;
  std::uint32_t barriers = 0;
  std::uint32_t warp_exchanges = 0;
  std::int32_t thread = 0;  ///< in its cluster, as is the warp
  std::int32_t warp = 0;
};
Moment now();

/// "thread (5,0,0) of block (1,0,0)".
std::string running_thread();

/// Counts static shared memory of the running block. @throws Fault beyond 48 KiB, and in clusters,
/// whose blocks would share the one copy that there is
void claim_static_shared(std::size_t bytes);

class History;

/// Bytes of dynamic shared memory that have one history.
inline constexpr std::size_t k_dynamic_grain = 4;

/// The dynamic shared memory of the running block.
struct DynamicMemory {
  std::byte* data;
  std::size_t bytes;
  History* histories;
};
DynamicMemory dynamic_shared();

/// That of block `rank` of the cluster, for access by the running block. @throws Fault where no
/// cluster barrier lies between the start of that block, or its end, and the access
DynamicMemory dynamic_shared_of(unsigned rank);

}  // namespace idl::simt

extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
