// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "kernels/base/facts.hpp"
#include "kernels/cuda/runtime/cusparse.hpp"
#include "kernels/cuda/runtime/handle.hpp"
#include "kernels/cuda/runtime/pool.hpp"
#include "kernels/primitives.hpp"

namespace idl::cuda {

/// By a function of cuSPARSE, which is loaded, since it has made the handle.
template <auto Function, class H>
cudaError_t give_back(H handle) noexcept {
  report_failure((cusparse().*Function)(handle), "giving back a handle of cuSPARSE");
  return cudaSuccess;
}
using SparseLibrary =
    Handle<cusparseHandle_t,
           destroy_alone<give_back<&Cusparse::Destroy, cusparseHandle_t>, cusparseHandle_t>>;
using SparseMatrix = Handle<cusparseConstSpMatDescr_t,
                            give_back<&Cusparse::DestroySpMat, cusparseConstSpMatDescr_t>>;
using DenseFactor = Handle<cusparseConstDnMatDescr_t,
                           give_back<&Cusparse::DestroyDnMat, cusparseConstDnMatDescr_t>>;
using DenseResult =
    Handle<cusparseDnMatDescr_t, give_back<&Cusparse::DestroyDnMat, cusparseDnMatDescr_t>>;

/// What one SampleSpmm needs of cuSPARSE, made before it is captured. It belongs to this one step:
/// from the preparation on, cuSPARSE keeps what it knows of the pattern in the buffer. Empty where
/// the product is made by our own kernel.
class SpmmPlan {
 public:
  SpmmPlan() = default;
  explicit operator bool() const { return static_cast<bool>(A_); }

 private:
  friend class LibrarySpmm;

  // Memory first, so that it is given back last.
  PoolMemory offsets_;
  PoolMemory buffer_;
  SparseMatrix A_;
  DenseFactor B_;
  DenseResult C_;
};

/// SampleSpmm by cuSPARSE, with the one algorithm that repeats its bits (CUSPARSE_SPMM_CSR_ALG3).
/// The library is loaded when it is first asked for, and where it is not there our own kernel takes
/// over.
class LibrarySpmm {
 public:
  /// The device of `pool` must be current; preparations are work of `stream`, the pool's.
  LibrarySpmm(int device, MemoryPool& pool, cudaStream_t stream)
      : device_(device), pool_(pool), stream_(stream) {}

  /// Whether there is a cuSPARSE; loads it. @throws OutOfMemory, DeviceError (it is there and
  /// fails)
  bool available();

  /// Descriptors, the buffer, and what cuSPARSE finds out about the pattern beforehand. Not while a
  /// stream is captured. @throws OutOfMemory, DeviceError
  template <class T>
  SpmmPlan prepare(const SampleSpmm<T>& spmm);

  /// Enqueues the product of `plan` on `stream`, which may be captured; values are those that A has
  /// when it runs.
  template <class T>
  void run(const SampleSpmm<T>& spmm, const SpmmPlan& plan, cudaStream_t stream);

  /// Adds the version, where it is loaded.
  void describe(Facts& facts) const;

 private:
  int device_;
  MemoryPool& pool_;
  cudaStream_t stream_;
  SparseLibrary library_;
  std::optional<bool> available_;
};

}  // namespace idl::cuda
