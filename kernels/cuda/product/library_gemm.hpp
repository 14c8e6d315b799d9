// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "kernels/base/facts.hpp"
#include "kernels/cuda/runtime/handle.hpp"
#include "kernels/cuda/runtime/pool.hpp"
#include "kernels/primitives.hpp"

namespace idl::cuda {

/// Gemm by cuBLASLt in true float32 or float64 (no TF32), and LowGemm, with a workspace of its own,
/// so that it may be captured into graphs and repeats its bits. What cuBLASLt recommends for a
/// shape is asked once and kept; where it has nothing, gemm_in_fixed_order takes over.
class LibraryGemm {
 public:
  /// `device` must be current and that of `pool`, which gives the workspace and must outlive this
  /// object.
  LibraryGemm(int device, MemoryPool& pool);

  /// Forgets the plans if they have become too many. What is prepared from here on stays until the
  /// next call, so that a program may be prepared step by step and then captured.
  void begin_preparation();
  /// Looks up everything that run() needs, which is not allowed while a stream is captured.
  template <class T>
  void prepare(const Gemm<T>& gemm);
  void prepare(const LowGemm& gemm);

  /// Adds a fact for each plan: the product's sizes, and cuBLASLt's numbers for its algorithm.
  void describe_plans(Facts& facts) const;

  /// Not empty, not batch_invariant, and with at least one term in the sums.
  template <class T>
  void run(const Gemm<T>& gemm, cudaStream_t stream);
  void run(const LowGemm& gemm, cudaStream_t stream);

 private:
  /// All that the choice of an algorithm depends on.
  struct Shape {
    index_t rows;
    index_t cols;
    index_t inner;
    index_t A_ld;
    index_t B_ld;
    index_t C_ld;
    std::uint32_t A_alignment;
    std::uint32_t B_alignment;
    std::uint32_t C_alignment;
    bool transpose_A;
    bool transpose_B;
    cudaDataType type;  ///< of A and B

    auto operator<=>(const Shape&) const = default;
  };
  struct Plan {
    MatmulDescriptor product;
    MatrixLayout A;
    MatrixLayout B;
    MatrixLayout C;
    std::optional<cublasLtMatmulAlgo_t> algorithm;
  };

  template <class Product>
  static Shape shape_of(const Product& product, cudaDataType type, bool transpose_B);
  Plan make_plan(const Shape& shape) const;
  const Plan& plan_for(const Shape& shape);
  template <class T>
  const Plan& plan_for(const Gemm<T>& gemm);
  const Plan& plan_for(const LowGemm& gemm);
  /// C <- alpha op(A) op(B) + beta C.
  template <class Product, class Factor>
  void multiply(const Product& product, Factor alpha, Factor beta, cudaStream_t stream);

  BlasLt lt_;
  PoolMemory workspace_;
  std::map<Shape, Plan> plans_;
};

}  // namespace idl::cuda
