// SPDX-License-Identifier: MIT
#include "kernels/cuda/product/library_gemm.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>

#include "kernels/cuda/runtime/launchers.hpp"

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
  IDL_CUDA_CHECK(cublas_lt().MatrixLayoutCreate(
      layout.put(), type, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(cols), ld));
  return layout;
}

cublasOperation_t operation(bool transpose) { return transpose ? CUBLAS_OP_T : CUBLAS_OP_N; }

template <class V>
void set(const MatmulPreference& preference, cublasLtMatmulPreferenceAttributes_t attribute,
         V value) {
  IDL_CUDA_CHECK(
      cublas_lt().MatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof value));
}

/// Numbers of cuBLASLt's own.
std::string describe_algorithm(const cublasLtMatmulAlgo_t& algorithm) {
  const auto number = [&](cublasLtMatmulAlgoConfigAttributes_t attribute) {
    std::uint32_t value = 0;
    std::size_t written = 0;
    IDL_CUDA_CHECK(cublas_lt().MatmulAlgoConfigGetAttribute(&algorithm, attribute, &value,
                                                            sizeof value, &written));
    return std::to_string(value);
  };
  return "algorithm " + number(CUBLASLT_ALGO_CONFIG_ID) + ", tile " +
         number(CUBLASLT_ALGO_CONFIG_TILE_ID) + ", stages " +
         number(CUBLASLT_ALGO_CONFIG_STAGES_ID) + ", split " +
         number(CUBLASLT_ALGO_CONFIG_SPLITK_NUM);
}

}  // namespace

LibraryGemm::LibraryGemm(int device, MemoryPool& pool) : workspace_(pool, workspace_bytes(device)) {
  const DeviceWaitLock lock;
  pool.check_with_room("cublasLtCreate", [&] { return cublas_lt().Create(lt_.put()); });
}

template <class Product>
LibraryGemm::Shape LibraryGemm::shape_of(const Product& g, cudaDataType type, bool transpose_B) {
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
          .transpose_B = transpose_B,
          .type = type};
}

template <class T>
const LibraryGemm::Plan& LibraryGemm::plan_for(const Gemm<T>& g) {
  constexpr cudaDataType k_type = std::is_same_v<T, double> ? CUDA_R_64F : CUDA_R_32F;
  return plan_for(shape_of(g, k_type, g.transpose_B));
}

const LibraryGemm::Plan& LibraryGemm::plan_for(const LowGemm& g) {
  return plan_for(shape_of(g, CUDA_R_16BF, false));
}

LibraryGemm::Plan LibraryGemm::make_plan(const Shape& s) const {
  const bool is_double = s.type == CUDA_R_64F;
  const cudaDataType result_type = is_double ? CUDA_R_64F : CUDA_R_32F;
  Plan plan;
  IDL_CUDA_CHECK(cublas_lt().MatmulDescCreate(
      plan.product.put(), is_double ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F, result_type));
  const cublasOperation_t on_A = operation(s.transpose_A);
  const cublasOperation_t on_B = operation(s.transpose_B);
  IDL_CUDA_CHECK(cublas_lt().MatmulDescSetAttribute(plan.product.get(), CUBLASLT_MATMUL_DESC_TRANSA,
                                                    &on_A, sizeof on_A));
  IDL_CUDA_CHECK(cublas_lt().MatmulDescSetAttribute(plan.product.get(), CUBLASLT_MATMUL_DESC_TRANSB,
                                                    &on_B, sizeof on_B));
  plan.A = make_layout(s.type, s.transpose_A ? s.inner : s.rows, s.transpose_A ? s.rows : s.inner,
                       s.A_ld);
  plan.B = make_layout(s.type, s.transpose_B ? s.cols : s.inner, s.transpose_B ? s.inner : s.cols,
                       s.B_ld);
  plan.C = make_layout(result_type, s.rows, s.cols, s.C_ld);

  MatmulPreference preference;
  IDL_CUDA_CHECK(cublas_lt().MatmulPreferenceCreate(preference.put()));
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
      static_cast<std::uint64_t>(workspace_.bytes()));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, s.A_alignment);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, s.B_alignment);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, s.C_alignment);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, s.C_alignment);

  std::array<cublasLtMatmulHeuristicResult_t, 4> found{};
  int count = 0;
  // That of CUDA 13.3 fails beside a capture under way.
  const DeviceWaitLock lock;
  const cublasStatus_t status = cublas_lt().MatmulAlgoGetHeuristic(
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

void LibraryGemm::describe_plans(Facts& facts) const {
  for (const auto& [s, plan] : plans_) {
    const char* const type = s.type == CUDA_R_64F   ? " f64"
                             : s.type == CUDA_R_32F ? " f32"
                                                    : " bf16";
    facts.emplace_back("plan " + std::to_string(s.rows) + "x" + std::to_string(s.cols) + "x" +
                           std::to_string(s.inner) + type + (s.transpose_A ? " At" : "") +
                           (s.transpose_B ? " Bt" : ""),
                       plan.algorithm ? describe_algorithm(*plan.algorithm) : "fixed order");
  }
}

void LibraryGemm::begin_preparation() {
  if (plans_.size() >= k_most_plans) plans_.clear();
}

template <class T>
void LibraryGemm::prepare(const Gemm<T>& gemm) {
  plan_for(gemm);
}

void LibraryGemm::prepare(const LowGemm& gemm) {
  if (gemm.C.rows > 0 && gemm.C.cols > 0) plan_for(gemm);
}

template <class Product, class Factor>
void LibraryGemm::multiply(const Product& g, Factor alpha, Factor beta, cudaStream_t stream) {
  const Plan& plan = plan_for(g);
  if (!plan.algorithm) return gemm_in_fixed_order(g, stream);
  IDL_CUDA_CHECK(cublas_lt().Matmul(lt_.get(), plan.product.get(), &alpha, g.A.data, plan.A.get(),
                                    g.B.data, plan.B.get(), &beta, g.C.data, plan.C.get(), g.C.data,
                                    plan.C.get(), &*plan.algorithm, workspace_.data(),
                                    workspace_.bytes(), stream));
}

template <class T>
void LibraryGemm::run(const Gemm<T>& g, cudaStream_t stream) {
  multiply(g, g.alpha, g.beta, stream);
}

void LibraryGemm::run(const LowGemm& g, cudaStream_t stream) {
  if (g.C.rows > 0 && g.C.cols > 0) multiply(g, 1.0F, 0.0F, stream);
}

template void LibraryGemm::prepare(const Gemm<float>&);
template void LibraryGemm::prepare(const Gemm<double>&);
template void LibraryGemm::run(const Gemm<float>&, cudaStream_t);
template void LibraryGemm::run(const Gemm<double>&, cudaStream_t);

}  // namespace idl::cuda
