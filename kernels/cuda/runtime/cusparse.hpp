// SPDX-License-Identifier: MIT
#pragma once

#include <cusparse.h>

#include <cstddef>

namespace idl::cuda {

/// The functions of cuSPARSE that this library calls, named as they are without "cusparse".
struct Cusparse {
  decltype(&cusparseCreate) Create;
  decltype(&cusparseDestroy) Destroy;
  decltype(&cusparseGetErrorString) GetErrorString;
  decltype(&cusparseGetVersion) GetVersion;
  decltype(&cusparseSetStream) SetStream;
  decltype(&cusparseCreateConstCsr) CreateConstCsr;
  decltype(&cusparseCreateConstDnMat) CreateConstDnMat;
  decltype(&cusparseCreateDnMat) CreateDnMat;
  decltype(&cusparseDestroySpMat) DestroySpMat;
  decltype(&cusparseDestroyDnMat) DestroyDnMat;
  decltype(&cusparseSpMM_bufferSize) SpMM_bufferSize;
  decltype(&cusparseSpMM_preprocess) SpMM_preprocess;
  decltype(&cusparseSpMM) SpMM;
};

/// cuSPARSE itself, loaded by the first call and kept until the process ends, as cublas_lt() is.
/// @throws DeviceError (load_cusparse)
const Cusparse& cusparse();

/// As load_cublas_lt(). @throws DeviceError
Cusparse load_cusparse(const char* soname, const char* folder);

/// As those of check.hpp, which is included everywhere, while cuSPARSE's header takes long to read.
void check(cusparseStatus_t status, const char* call, const char* file, int line);
void check_allocation(cusparseStatus_t status, int device, std::size_t bytes, const char* call,
                      const char* file, int line);
void report_failure(cusparseStatus_t status, const char* call) noexcept;

/// Whether a call failed for want of memory.
inline bool wants_memory(cusparseStatus_t status) {
  return status == CUSPARSE_STATUS_ALLOC_FAILED || status == CUSPARSE_STATUS_INSUFFICIENT_RESOURCES;
}

}  // namespace idl::cuda
