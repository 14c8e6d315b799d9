// SPDX-License-Identifier: MIT
// cuSPARSE. The declarations are those of its header. Its documentation has the rules that are
// watched here: from the preparation on, a buffer belongs to one matrix and one product.
#include <cstdint>
#include <string>

#include "idl/error.hpp"
#include "kernels/cuda/runtime/cusparse.hpp"
#include "tests/fake_cuda/state.hpp"

struct cusparseContext {
  cudaStream_t stream = nullptr;
};
struct cusparseSpMatDescr {
  cudaDataType type;
  const void* buffer = nullptr;  // active from the preparation on
  cusparseConstDnMatDescr_t B = nullptr;
  cusparseDnMatDescr_t C = nullptr;
};
struct cusparseDnMatDescr {
  cudaDataType type;
  cusparseOrder_t order;
};

using idl::fake::must_not_be_captured;
using idl::fake::sparse_fault;
using idl::fake::state;

namespace idl::fake {

void sparse_fault(const std::string& words) {
  const std::lock_guard lock(state().mutex);
  state().sparse_faults.push_back(words);
}

void must_not_be_captured(const char* name) {
  const std::lock_guard lock(state().mutex);
  if (!state().capturing.empty())
    state().sparse_faults.push_back(std::string(name) + " while a stream is captured");
}

void must_not_be_active(const void* data) {
  const std::lock_guard lock(state().mutex);
  if (state().active_buffers.contains(data))
    state().sparse_faults.emplace_back("a buffer is given back before its matrix");
}

int sparse_objects() {
  const std::lock_guard lock(state().mutex);
  return static_cast<int>(state().sparse_objects.size());
}

std::vector<std::string> sparse_faults() {
  const std::lock_guard lock(state().mutex);
  return state().sparse_faults;
}

void hide_cusparse() {
  const std::lock_guard lock(state().mutex);
  state().hides_cusparse = true;
}

}  // namespace idl::fake

namespace {

constexpr std::size_t k_buffer_bytes = 1000;

cusparseStatus_t sparse_call(const char* name) {
  return static_cast<cusparseStatus_t>(idl::fake::call(name));
}

template <class H, class Object>
cusparseStatus_t make(const char* name, H* handle, const Object& object) {
  must_not_be_captured(name);
  const cusparseStatus_t status = sparse_call(name);
  *handle = nullptr;
  if (status != CUSPARSE_STATUS_SUCCESS) return status;
  *handle = new Object(object);
  const std::lock_guard lock(state().mutex);
  state().sparse_objects.insert(*handle);
  return status;
}

template <class Object>
cusparseStatus_t destroy(const char* name, const Object* object) {
  must_not_be_captured(name);
  bool known = false;
  {
    const std::lock_guard lock(state().mutex);
    known = state().sparse_objects.erase(object) == 1;
    std::erase_if(state().active_buffers,
                  [object](const auto& pair) { return pair.second == object; });
  }
  if (known)
    delete object;
  else
    sparse_fault(std::string(name) + " of what there is not");
  return sparse_call(name);
}

/// What every call of a product must be, for this library.
void check_product(cusparseOperation_t on_A, cusparseOperation_t on_B, cusparseConstSpMatDescr_t A,
                   cusparseConstDnMatDescr_t B, cusparseDnMatDescr_t C, cudaDataType type,
                   cusparseSpMMAlg_t algorithm) {
  if (algorithm != CUSPARSE_SPMM_CSR_ALG3) sparse_fault("an algorithm that repeats no bits");
  if (on_A != CUSPARSE_OPERATION_NON_TRANSPOSE || on_B != CUSPARSE_OPERATION_NON_TRANSPOSE)
    sparse_fault("a transposed factor, which that algorithm does not know");
  if (A->type != type || B->type != type || C->type != type) sparse_fault("several types");
  if (B->order != CUSPARSE_ORDER_ROW || C->order != CUSPARSE_ORDER_ROW)
    sparse_fault("samples that are no neighbours");
}

double value_of(const void* factor, cudaDataType type) {
  return type == CUDA_R_64F ? *static_cast<const double*>(factor)
                            : static_cast<double>(*static_cast<const float*>(factor));
}

}  // namespace

const char* cusparseGetErrorString(cusparseStatus_t) { return "planned by a test"; }

// Both wait for the device.
cusparseStatus_t cusparseCreate(cusparseHandle_t* handle) {
  idl::fake::spoil_captures();
  return make("cusparseCreate", handle, cusparseContext{});
}
cusparseStatus_t cusparseDestroy(cusparseHandle_t handle) {
  idl::fake::spoil_captures();
  return destroy("cusparseDestroy", handle);
}
cusparseStatus_t cusparseGetVersion(cusparseHandle_t, int* version) {
  *version = 12603;
  return CUSPARSE_STATUS_SUCCESS;
}
cusparseStatus_t cusparseSetStream(cusparseHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return sparse_call("cusparseSetStream");
}

cusparseStatus_t cusparseCreateConstCsr(cusparseConstSpMatDescr_t* matrix, std::int64_t,
                                        std::int64_t, std::int64_t, const void*, const void*,
                                        const void*, cusparseIndexType_t offsets,
                                        cusparseIndexType_t columns, cusparseIndexBase_t,
                                        cudaDataType type) {
  if (offsets != CUSPARSE_INDEX_32I || columns != CUSPARSE_INDEX_32I)
    sparse_fault("indices of other widths than 32 bits");
  return make("cusparseCreateConstCsr", matrix, cusparseSpMatDescr{.type = type});
}
cusparseStatus_t cusparseDestroySpMat(cusparseConstSpMatDescr_t matrix) {
  return destroy("cusparseDestroySpMat", matrix);
}
cusparseStatus_t cusparseCreateConstDnMat(cusparseConstDnMatDescr_t* matrix, std::int64_t,
                                          std::int64_t, std::int64_t, const void*,
                                          cudaDataType type, cusparseOrder_t order) {
  return make("cusparseCreateConstDnMat", matrix, cusparseDnMatDescr{type, order});
}
cusparseStatus_t cusparseCreateDnMat(cusparseDnMatDescr_t* matrix, std::int64_t, std::int64_t,
                                     std::int64_t, void*, cudaDataType type,
                                     cusparseOrder_t order) {
  return make("cusparseCreateDnMat", matrix, cusparseDnMatDescr{type, order});
}
cusparseStatus_t cusparseDestroyDnMat(cusparseConstDnMatDescr_t matrix) {
  return destroy("cusparseDestroyDnMat", matrix);
}

cusparseStatus_t cusparseSpMM_bufferSize(cusparseHandle_t, cusparseOperation_t on_A,
                                         cusparseOperation_t on_B, const void*,
                                         cusparseConstSpMatDescr_t A, cusparseConstDnMatDescr_t B,
                                         const void*, cusparseDnMatDescr_t C, cudaDataType type,
                                         cusparseSpMMAlg_t algorithm, size_t* bytes) {
  must_not_be_captured("cusparseSpMM_bufferSize");
  check_product(on_A, on_B, A, B, C, type, algorithm);
  *bytes = k_buffer_bytes;
  return sparse_call("cusparseSpMM_bufferSize");
}

cusparseStatus_t cusparseSpMM_preprocess(cusparseHandle_t handle, cusparseOperation_t on_A,
                                         cusparseOperation_t on_B, const void*,
                                         cusparseConstSpMatDescr_t A, cusparseConstDnMatDescr_t B,
                                         const void*, cusparseDnMatDescr_t C, cudaDataType type,
                                         cusparseSpMMAlg_t algorithm, void* buffer) {
  must_not_be_captured("cusparseSpMM_preprocess");
  check_product(on_A, on_B, A, B, C, type, algorithm);
  const cusparseStatus_t status = sparse_call("cusparseSpMM_preprocess");
  if (status != CUSPARSE_STATUS_SUCCESS) return status;
  bool taken = false;
  {
    const std::lock_guard lock(state().mutex);
    taken = !state().active_buffers.emplace(buffer, A).second;
  }
  if (taken) sparse_fault("a buffer of two matrices");
  // What cuSPARSE keeps with a matrix that it does not change.
  auto* prepared = const_cast<cusparseSpMatDescr*>(A);
  prepared->buffer = buffer;
  prepared->B = B;
  prepared->C = C;
  return idl::fake::enqueue("preparation", handle->stream) == cudaSuccess
             ? status
             : CUSPARSE_STATUS_EXECUTION_FAILED;
}

cusparseStatus_t cusparseSpMM(cusparseHandle_t handle, cusparseOperation_t on_A,
                              cusparseOperation_t on_B, const void* alpha,
                              cusparseConstSpMatDescr_t A, cusparseConstDnMatDescr_t B,
                              const void* beta, cusparseDnMatDescr_t C, cudaDataType type,
                              cusparseSpMMAlg_t algorithm, void* buffer) {
  check_product(on_A, on_B, A, B, C, type, algorithm);
  if (A->buffer == nullptr || A->buffer != buffer || A->B != B || A->C != C)
    sparse_fault("another product than the prepared one");
  if (value_of(alpha, type) != 1.0 || value_of(beta, type) != 0.0)
    sparse_fault("factors that take another pass");
  return idl::fake::enqueue("cusparseSpMM", handle->stream) == cudaSuccess
             ? CUSPARSE_STATUS_SUCCESS
             : CUSPARSE_STATUS_EXECUTION_FAILED;
}

// In the place of the library that would be loaded.
namespace idl::cuda {

const Cusparse& cusparse() {
  static constexpr Cusparse k_fakes = {.Create = cusparseCreate,
                                       .Destroy = cusparseDestroy,
                                       .GetErrorString = cusparseGetErrorString,
                                       .GetVersion = cusparseGetVersion,
                                       .SetStream = cusparseSetStream,
                                       .CreateConstCsr = cusparseCreateConstCsr,
                                       .CreateConstDnMat = cusparseCreateConstDnMat,
                                       .CreateDnMat = cusparseCreateDnMat,
                                       .DestroySpMat = cusparseDestroySpMat,
                                       .DestroyDnMat = cusparseDestroyDnMat,
                                       .SpMM_bufferSize = cusparseSpMM_bufferSize,
                                       .SpMM_preprocess = cusparseSpMM_preprocess,
                                       .SpMM = cusparseSpMM};
  const std::lock_guard lock(fake::state().mutex);
  if (fake::state().hides_cusparse)
    throw DeviceError("cuSPARSE", "loading libcusparse.so.12", "hidden by a test", {});
  return k_fakes;
}

}  // namespace idl::cuda
