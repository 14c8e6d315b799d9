// SPDX-License-Identifier: MIT
#include "kernels/cuda/library_gemm.hpp"

#include <algorithm>
#include <array>
#include <type_traits>

namespace idl::cuda {
namespace {

// The plans of a caller who never repeats a shape must not pile up.
constexpr std::size_t k_most_plans = 1024;
constexpr std::uintptr_t k_most_alignment = 256;

// NVIDIA's advice: 32 MiB from Hopper on, 4 MiB before.
std::size_t workspace_bytes(int device) {
  int major = 0;
  IDL_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  constexpr std::size_t k_mebibyte = std::size_t{1} << 20U;
  return (major >= 9 ? 32 : 4) * k_mebibyte;
}

std::uint32_t alignment_of(const void* data) {
  const auto address = reinterpret_cast<std::uintptr_t>(data) | k_most_alignment;
  return static_cast<std::uint32_t>(address & (~address + 1));  // the lowest bit that is set
}

MatrixLayout make_layout(cudaDataType type, index_t rows, index_t cols, index_t ld) {
  MatrixLayout layout;
  IDL_CUDA_CHECK(cublasLtMatrixLayoutCreate(layout.put(), type, static_cast<std::uint64_t>(rows),
                                            static_cast<std::uint64_t>(cols), ld));
  return layout;
}

cublasOperation_t operation(bool transpose) { return transpose ? CUBLAS_OP_T : CUBLAS_OP_N; }

template <class V>
void set(const MatmulPreference& preference, cublasLtMatmulPreferenceAttributes_t attribute,
         V value) {
  IDL_CUDA_CHECK(
      cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof value));
}

}  // namespace

LibraryGemm::LibraryGemm(int device, MemoryPool& pool)
    : pool_(pool), workspace_(pool, workspace_bytes(device)) {
  const DeviceWaitLock lock;
  pool.check_with_room("cublasLtCreate", [&] { return cublasLtCreate(lt_.put()); });
}

template <class T>
LibraryGemm::Shape LibraryGemm::shape_of(const Gemm<T>& g) {
  return {.rows = g.C.rows,
          .cols = g.C.cols,
          .inner = g.transpose_A ? g.A.rows : g.A.cols,
          .A_ld = g.A.ld,
          .B_ld = g.B.ld,
          .C_ld = g.C.ld,
          .A_alignment = alignment_of(g.A.data),
          .B_alignment = alignment_of(g.B.data),
          .C_alignment = alignment_of(g.C.data),
          .transpose_A = g.transpose_A,
          .transpose_B = g.transpose_B,
          .type = std::is_same_v<T, double> ? CUDA_R_64F : CUDA_R_32F};
}

LibraryGemm::Shape LibraryGemm::shape_of(const LowGemm& g) {
  return {.rows = g.C.rows,
          .cols = g.C.cols,
          .inner = g.transpose_A ? g.A.rows : g.A.cols,
          .A_ld = g.A.ld,
          .B_ld = g.B.ld,
          .C_ld = g.C.ld,
          .A_alignment = alignment_of(g.A.data),
          .B_alignment = alignment_of(g.B.data),
          .C_alignment = alignment_of(g.C.data),
          .transpose_A = g.transpose_A,
          .transpose_B = false,
          .type = CUDA_R_16BF};
}

LibraryGemm::Plan LibraryGemm::make_plan(const Shape& s) const {
  const bool is_double = s.type == CUDA_R_64F;
  const cudaDataType result_type = is_double ? CUDA_R_64F : CUDA_R_32F;
  Plan plan;
  IDL_CUDA_CHECK(cublasLtMatmulDescCreate(
      plan.product.put(), is_double ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F, result_type));
  const cublasOperation_t on_A = operation(s.transpose_A);
  const cublasOperation_t on_B = operation(s.transpose_B);
  IDL_CUDA_CHECK(cublasLtMatmulDescSetAttribute(plan.product.get(), CUBLASLT_MATMUL_DESC_TRANSA,
                                                &on_A, sizeof on_A));
  IDL_CUDA_CHECK(cublasLtMatmulDescSetAttribute(plan.product.get(), CUBLASLT_MATMUL_DESC_TRANSB,
                                                &on_B, sizeof on_B));
  plan.A = make_layout(s.type, s.transpose_A ? s.inner : s.rows, s.transpose_A ? s.rows : s.inner,
                       s.A_ld);
  plan.B = make_layout(s.type, s.transpose_B ? s.cols : s.inner, s.transpose_B ? s.inner : s.cols,
                       s.B_ld);
  plan.C = make_layout(result_type, s.rows, s.cols, s.C_ld);

  MatmulPreference preference;
  IDL_CUDA_CHECK(cublasLtMatmulPreferenceCreate(preference.put()));
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
      static_cast<std::uint64_t>(workspace_.bytes()));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, s.A_alignment);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, s.B_alignment);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, s.C_alignment);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, s.C_alignment);

  std::array<cublasLtMatmulHeuristicResult_t, 4> found{};
  int count = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      lt_.get(), plan.product.get(), plan.A.get(), plan.B.get(), plan.C.get(), plan.C.get(),
      preference.get(), static_cast<int>(found.size()), found.data(), &count);
  // Shapes beyond 32 bits, for example, are answered so.
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return plan;
  IDL_CUDA_CHECK(status);
  for (int i = 0; i < count; ++i) {
    const auto& candidate = found[static_cast<std::size_t>(i)];
    if (candidate.state != CUBLAS_STATUS_SUCCESS) continue;
    if (candidate.workspaceSize > workspace_.bytes()) continue;
    plan.algorithm = candidate.algo;
    break;
  }
  return plan;
}

const LibraryGemm::Plan& LibraryGemm::plan_for(const Shape& shape) {
  const auto known = plans_.find(shape);
  if (known != plans_.end()) return known->second;
  return plans_.emplace(shape, make_plan(shape)).first->second;
}

void LibraryGemm::begin_preparation() {
  if (plans_.size() >= k_most_plans) plans_.clear();
}

template <class Product>
void LibraryGemm::prepare_plan(const Product& gemm) {
  if (!plan_for(shape_of(gemm)).algorithm) make_blas();
}

void LibraryGemm::make_blas() {
  if (blas_) return;
  const DeviceWaitLock lock;
  pool_.check_with_room("cublasCreate", [&] { return cublasCreate(blas_.put()); });
}

template <class T>
void LibraryGemm::prepare(const Gemm<T>& gemm) {
  prepare_plan(gemm);
}

void LibraryGemm::prepare(const LowGemm& gemm) {
  if (gemm.C.rows > 0 && gemm.C.cols > 0) prepare_plan(gemm);
}

template <class T>
void LibraryGemm::run(const Gemm<T>& g, cudaStream_t stream) {
  const Shape shape = shape_of(g);
  const Plan& plan = plan_for(shape);
  if (!plan.algorithm) {
    run_by_blas(g, shape, stream);
    return;
  }
  IDL_CUDA_CHECK(cublasLtMatmul(lt_.get(), plan.product.get(), &g.alpha, g.A.data, plan.A.get(),
                                g.B.data, plan.B.get(), &g.beta, g.C.data, plan.C.get(), g.C.data,
                                plan.C.get(), &*plan.algorithm, workspace_.data(),
                                workspace_.bytes(), stream));
}

void LibraryGemm::run(const LowGemm& g, cudaStream_t stream) {
  if (g.C.rows == 0 || g.C.cols == 0) return;
  const Shape shape = shape_of(g);
  const Plan& plan = plan_for(shape);
  if (!plan.algorithm) {
    run_by_blas(g, shape, stream);
    return;
  }
  constexpr float k_one = 1.0F;
  constexpr float k_zero = 0.0F;
  IDL_CUDA_CHECK(cublasLtMatmul(lt_.get(), plan.product.get(), &k_one, g.A.data, plan.A.get(),
                                g.B.data, plan.B.get(), &k_zero, g.C.data, plan.C.get(), g.C.data,
                                plan.C.get(), &*plan.algorithm, workspace_.data(),
                                workspace_.bytes(), stream));
}

void LibraryGemm::give_blas(cudaStream_t stream) {
  make_blas();
  IDL_CUDA_CHECK(cublasSetStream(blas_.get(), stream));
  // The stream's change has put the handle's own workspace back.
  IDL_CUDA_CHECK(cublasSetWorkspace(blas_.get(), workspace_.data(), workspace_.bytes()));
}

void LibraryGemm::run_by_blas(const LowGemm& g, const Shape& s, cudaStream_t stream) {
  give_blas(stream);
  constexpr float k_one = 1.0F;
  constexpr float k_zero = 0.0F;
  IDL_CUDA_CHECK(cublasGemmEx_64(blas_.get(), operation(s.transpose_A), CUBLAS_OP_N, s.rows, s.cols,
                                 s.inner, &k_one, g.A.data, s.type, s.A_ld, g.B.data, s.type,
                                 s.B_ld, &k_zero, g.C.data, CUDA_R_32F, s.C_ld, CUBLAS_COMPUTE_32F,
                                 CUBLAS_GEMM_DEFAULT));
}

template <class T>
void LibraryGemm::run_by_blas(const Gemm<T>& g, const Shape& s, cudaStream_t stream) {
  give_blas(stream);
  const cublasOperation_t on_A = operation(s.transpose_A);
  const cublasOperation_t on_B = operation(s.transpose_B);
  if constexpr (std::is_same_v<T, float>) {
    IDL_CUDA_CHECK(cublasSgemm_64(blas_.get(), on_A, on_B, s.rows, s.cols, s.inner, &g.alpha,
                                  g.A.data, s.A_ld, g.B.data, s.B_ld, &g.beta, g.C.data, s.C_ld));
  } else {
    IDL_CUDA_CHECK(cublasDgemm_64(blas_.get(), on_A, on_B, s.rows, s.cols, s.inner, &g.alpha,
                                  g.A.data, s.A_ld, g.B.data, s.B_ld, &g.beta, g.C.data, s.C_ld));
  }
}

template void LibraryGemm::prepare(const Gemm<float>&);
template void LibraryGemm::prepare(const Gemm<double>&);
template void LibraryGemm::run(const Gemm<float>&, cudaStream_t);
template void LibraryGemm::run(const Gemm<double>&, cudaStream_t);

}  // namespace idl::cuda
