// SPDX-License-Identifier: MIT
#include "kernels/cuda/product/library_spmm.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include "idl/error.hpp"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T>
inline constexpr cudaDataType k_type = std::is_same_v<T, double> ? CUDA_R_64F : CUDA_R_32F;
/// The others add up in an order that changes from run to run.
constexpr cusparseSpMMAlg_t k_algorithm = CUSPARSE_SPMM_CSR_ALG3;
constexpr cusparseOperation_t k_as_it_is = CUSPARSE_OPERATION_NON_TRANSPOSE;

/// cuSPARSE is documented for offsets and columns of one width.
template <class T>
bool is_for_library(const SampleSpmm<T>& s) {
  constexpr index_t k_most = std::numeric_limits<std::int32_t>::max();
  return s.C.rows > 0 && s.C.cols > 0 && s.A.cols > 0 && s.A.nnz > 0 && s.A.nnz <= k_most &&
         s.A.rows < k_most;
}

}  // namespace

bool LibrarySpmm::available() {
  if (available_) return *available_;
  try {
    cusparse();
  } catch (const DeviceError&) {
    available_ = false;
    return false;
  }
  const DeviceWaitLock lock;
  cusparseStatus_t status = cusparse().Create(library_.put());
  if (wants_memory(status)) {
    pool_.make_room();
    status = cusparse().Create(library_.put());
  }
  if (status != CUSPARSE_STATUS_SUCCESS) static_cast<void>(library_.release());
  check_allocation(status, device_, 0, "cusparseCreate", __FILE__, __LINE__);
  available_ = true;
  return true;
}

template <class T>
SpmmPlan LibrarySpmm::prepare(const SampleSpmm<T>& s) {
  SpmmPlan plan;
  if (!is_for_library(s) || !available()) return plan;
  const Cusparse& library = cusparse();
  const index_t count = s.A.rows + 1;
  plan.offsets_ = PoolMemory(pool_, static_cast<std::size_t>(count) * sizeof(std::int32_t));
  auto* offsets = static_cast<std::int32_t*>(plan.offsets_.data());
  narrow_offsets(s.A.row_offsets, offsets, count, stream_);
  IDL_CUDA_CHECK(library.CreateConstCsr(plan.A_.put(), s.A.rows, s.A.cols, s.A.nnz, offsets,
                                        s.A.col_indices, s.A.values, CUSPARSE_INDEX_32I,
                                        CUSPARSE_INDEX_32I, CUSPARSE_INDEX_BASE_ZERO, k_type<T>));
  // Transposed, in rows: so the samples of a state are neighbours.
  IDL_CUDA_CHECK(library.CreateConstDnMat(plan.B_.put(), s.B.cols, s.B.rows, s.B.ld, s.B.data,
                                          k_type<T>, CUSPARSE_ORDER_ROW));
  IDL_CUDA_CHECK(library.CreateDnMat(plan.C_.put(), s.C.cols, s.C.rows, s.C.ld, s.C.data, k_type<T>,
                                     CUSPARSE_ORDER_ROW));
  const T alpha = T(1);
  const T beta = T(0);
  std::size_t bytes = 0;
  const DeviceWaitLock lock;  // what is loaded on the way may wait for the device
  IDL_CUDA_CHECK(library.SetStream(library_.get(), stream_));
  IDL_CUDA_CHECK(library.SpMM_bufferSize(library_.get(), k_as_it_is, k_as_it_is, &alpha,
                                         plan.A_.get(), plan.B_.get(), &beta, plan.C_.get(),
                                         k_type<T>, k_algorithm, &bytes));
  plan.buffer_ = PoolMemory(pool_, bytes);
  IDL_CUDA_CHECK(library.SpMM_preprocess(library_.get(), k_as_it_is, k_as_it_is, &alpha,
                                         plan.A_.get(), plan.B_.get(), &beta, plan.C_.get(),
                                         k_type<T>, k_algorithm, plan.buffer_.data()));
  return plan;
}

template <class T>
void LibrarySpmm::run(const SampleSpmm<T>& s, const SpmmPlan& plan, cudaStream_t stream) {
  if (!plan) return sample_spmm_in_fixed_order(s, stream);
  const Cusparse& library = cusparse();
  const T alpha = T(1);
  const T beta = T(0);
  IDL_CUDA_CHECK(library.SetStream(library_.get(), stream));
  IDL_CUDA_CHECK(library.SpMM(library_.get(), k_as_it_is, k_as_it_is, &alpha, plan.A_.get(),
                              plan.B_.get(), &beta, plan.C_.get(), k_type<T>, k_algorithm,
                              plan.buffer_.data()));
}

void LibrarySpmm::describe(Facts& facts) const {
  if (!library_) return;
  int version = 0;
  IDL_CUDA_CHECK(cusparse().GetVersion(library_.get(), &version));
  facts.emplace_back("cusparse", std::to_string(version));
}

template SpmmPlan LibrarySpmm::prepare(const SampleSpmm<float>&);
template SpmmPlan LibrarySpmm::prepare(const SampleSpmm<double>&);
template void LibrarySpmm::run(const SampleSpmm<float>&, const SpmmPlan&, cudaStream_t);
template void LibrarySpmm::run(const SampleSpmm<double>&, const SpmmPlan&, cudaStream_t);

}  // namespace idl::cuda
