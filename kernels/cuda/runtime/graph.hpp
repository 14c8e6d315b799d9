// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "kernels/backend.hpp"
#include "kernels/cuda/loop/fused_loop.hpp"
#include "kernels/cuda/loop/fused_recurrence.hpp"
#include "kernels/cuda/loop/fused_sparse.hpp"
#include "kernels/cuda/runtime/steps.hpp"

/// Programs: graphs that are captured once and launched many times, or a kernel.
namespace idl::cuda {

/// What a program needs of the backend that it runs on.
struct ProgramEnvironment {
  std::shared_ptr<Backend> backend;  ///< keeps all the rest alive
  int device;
  cudaStream_t stream;          ///< where programs run
  cudaStream_t capture_stream;  ///< where they are recorded, and nothing runs but the probe
  MemoryPool& pool;
  StepResources place;
};

/// A program that may be a part of a graph: plain nodes, in the order of the stream.
class RecordableProgram : public Program {
 public:
  using Program::Program;
  /// Looks up again what may not be looked up while a stream is captured.
  virtual void prepare() {}
  /// Enqueues the program on `stream`, which may be captured.
  virtual void enqueue(cudaStream_t stream) const = 0;
};

/// A validated sequence as one graph.
std::unique_ptr<Program> compile_straight(const ProgramEnvironment& home, Sequence sequence);

/// A small solve as one kernel, which does the steps of `iteration`; no graph is needed.
std::unique_ptr<Program> compile_fused_loop(const ProgramEnvironment& home, Sequence iteration,
                                            const FusedLoop& loop);
std::unique_ptr<Program> compile_fused_loop(const ProgramEnvironment& home, Sequence iteration,
                                            const FusedSparseLoop& loop);
/// All steps of a recurrent pass likewise, each of which does those steps.
std::unique_ptr<Program> compile_fused_loop(const ProgramEnvironment& home, Sequence steps,
                                            const FusedRecurrence& loop);

/// A loop as a conditional WHILE node. @throws DeviceError, NotSupported where that does not work.
std::unique_ptr<Program> compile_conditional_loop(const ProgramEnvironment& home, Sequence sequence,
                                                  const std::int32_t* active,
                                                  std::int32_t max_iterations, std::int32_t until);

/// A loop as graphs of k_block_iterations iterations. launch() enqueues block i + 1 before it looks
/// at what block i left in active[0], and returns with at most two blocks not yet run.
std::unique_ptr<Program> compile_block_loop(const ProgramEnvironment& home, Sequence sequence,
                                            const std::int32_t* active, std::int32_t max_iterations,
                                            std::int32_t until);

/// Each longest run of recordable parts as one graph; the others are launched in between.
std::unique_ptr<Program> join_programs(const ProgramEnvironment& home, Programs given);

inline constexpr std::int32_t k_block_iterations = 8;

/// Whether conditional WHILE nodes work here: builds a loop of two iterations, runs it and counts.
/// Nothing is known where others have spoiled all attempts, or memory was short.
std::optional<bool> conditional_nodes_work(const ProgramEnvironment& home);

}  // namespace idl::cuda
