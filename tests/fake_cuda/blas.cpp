// SPDX-License-Identifier: MIT
// cuBLASLt. The declarations are those of its header.
#include <cstdint>
#include <cstring>

#include "kernels/cuda/runtime/cublas_lt.hpp"
#include "tests/fake_cuda/state.hpp"

using idl::fake::blas_call;
using idl::fake::enqueue;

namespace {

template <class H>
cublasStatus_t make(const char* name, H* handle) {
  const cublasStatus_t status = blas_call(name);
  *handle = status == CUBLAS_STATUS_SUCCESS ? reinterpret_cast<H>(new char) : nullptr;
  return status;
}

template <class H>
cublasStatus_t destroy(const char* name, H handle) {
  delete reinterpret_cast<char*>(handle);
  return blas_call(name);
}

// As the libraries answer when a stream cannot take their work.
cublasStatus_t multiply(const char* name, cudaStream_t stream) {
  return enqueue(name, stream) == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                                              : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // namespace

const char* cublasLtGetStatusString(cublasStatus_t) { return "planned by a test"; }

// Both wait for the device.
cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  idl::fake::spoil_captures();
  return make("cublasLtCreate", handle);
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  idl::fake::spoil_captures();
  return destroy("cublasLtDestroy", handle);
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, cublasComputeType_t,
                                        cudaDataType_t) {
  return make("cublasLtMatmulDescCreate", product);
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) {
  return destroy("cublasLtMatmulDescDestroy", product);
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t, cublasLtMatmulDescAttributes_t,
                                              const void*, size_t) {
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType, uint64_t,
                                          uint64_t, int64_t) {
  return make("cublasLtMatrixLayoutCreate", layout);
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return destroy("cublasLtMatrixLayoutDestroy", layout);
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return make("cublasLtMatmulPreferenceCreate", preference);
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return destroy("cublasLtMatmulPreferenceDestroy", preference);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t,
                                                    cublasLtMatmulPreferenceAttributes_t,
                                                    const void*, size_t) {
  return CUBLAS_STATUS_SUCCESS;
}
size_t cublasLtGetVersion() { return 130100; }
// As if every algorithm were 21, every tile 22, ...
cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t*,
                                                    cublasLtMatmulAlgoConfigAttributes_t attribute,
                                                    void* value, size_t bytes, size_t* written) {
  std::uint32_t number = 0;
  if (attribute == CUBLASLT_ALGO_CONFIG_ID) number = 21;
  if (attribute == CUBLASLT_ALGO_CONFIG_TILE_ID) number = 22;
  if (attribute == CUBLASLT_ALGO_CONFIG_STAGES_ID) number = 23;
  if (attribute == CUBLASLT_ALGO_CONFIG_SPLITK_NUM) number = 24;
  if (bytes != sizeof number) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(value, &number, sizeof number);
  *written = sizeof number;
  return blas_call("cublasLtMatmulAlgoConfigGetAttribute");
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t, int,
                                              cublasLtMatmulHeuristicResult_t found[], int* count) {
  found[0] = {};
  *count = 1;
  return blas_call("cublasLtMatmulAlgoGetHeuristic");
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t, const void*, const void*,
                              cublasLtMatrixLayout_t, const void*, cublasLtMatrixLayout_t,
                              const void*, const void*, cublasLtMatrixLayout_t, void*,
                              cublasLtMatrixLayout_t, const cublasLtMatmulAlgo_t*, void*, size_t,
                              cudaStream_t stream) {
  return multiply("cublasLtMatmul", stream);
}

// In the place of the library that would be loaded.
namespace idl::cuda {

const CublasLt& cublas_lt() {
  static constexpr CublasLt k_fakes = {
      .Create = cublasLtCreate,
      .Destroy = cublasLtDestroy,
      .GetStatusString = cublasLtGetStatusString,
      .GetVersion = cublasLtGetVersion,
      .Matmul = cublasLtMatmul,
      .MatmulAlgoConfigGetAttribute = cublasLtMatmulAlgoConfigGetAttribute,
      .MatmulAlgoGetHeuristic = cublasLtMatmulAlgoGetHeuristic,
      .MatmulDescCreate = cublasLtMatmulDescCreate,
      .MatmulDescDestroy = cublasLtMatmulDescDestroy,
      .MatmulDescSetAttribute = cublasLtMatmulDescSetAttribute,
      .MatmulPreferenceCreate = cublasLtMatmulPreferenceCreate,
      .MatmulPreferenceDestroy = cublasLtMatmulPreferenceDestroy,
      .MatmulPreferenceSetAttribute = cublasLtMatmulPreferenceSetAttribute,
      .MatrixLayoutCreate = cublasLtMatrixLayoutCreate,
      .MatrixLayoutDestroy = cublasLtMatrixLayoutDestroy};
  return k_fakes;
}

}  // namespace idl::cuda
