// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <vector>

#include "kernels/cuda/product/library_gemm.hpp"
#include "kernels/cuda/product/library_spmm.hpp"
#include "kernels/cuda/product/transpose_pattern.hpp"
#include "kernels/cuda/runtime/pool.hpp"
#include "kernels/primitives.hpp"

namespace idl::cuda {

/// What the steps of a backend share.
struct StepResources {
  LibraryGemm& products;
  LibrarySpmm& sparse_products;
  double* reduce_scratch;
};

/// Bytes of working memory that one primitive needs for itself.
std::size_t scratch_bytes(const Primitive& step);

/// Looks up what the primitive needs and what may not be looked up while a stream is captured.
void prepare(const Primitive& step, const StepResources& place);

/// What the primitive needs of the library for sparse products for itself; mostly nothing.
/// @throws OutOfMemory, DeviceError
SpmmPlan plan_of(const Primitive& step, const StepResources& place);

/// Enqueues one validated primitive. `scratch` has scratch_bytes(step) bytes, `plan` is
/// plan_of(step).
void enqueue(const Primitive& step, void* scratch, const SpmmPlan& plan, const StepResources& place,
             cudaStream_t stream);

/// A validated sequence, ready to be enqueued any number of times, under capture as well.
class Steps {
 public:
  /// Whether what stays the same in all runs of the sequence may be computed before the first.
  enum class Repetition { once, loop };

  /// `sequence`, `pool` and what `place` refers to must outlive this object. @throws OutOfMemory
  Steps(const Sequence& sequence, Repetition repetition, MemoryPool& pool,
        const StepResources& place);

  bool has_prelude() const;
  /// What has to be done once per launch, before the first run.
  void enqueue_prelude(cudaStream_t stream) const;
  /// One run.
  void enqueue(cudaStream_t stream) const;

 private:
  struct Scratch {
    void* data = nullptr;
    bool filled_by_prelude = false;
  };

  const Sequence& sequence_;
  StepResources place_;
  PoolMemory memory_;
  std::vector<Scratch> scratch_;  // of each step
  std::vector<SpmmPlan> plans_;   // likewise
};

}  // namespace idl::cuda
