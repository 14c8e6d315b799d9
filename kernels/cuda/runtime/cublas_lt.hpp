// SPDX-License-Identifier: MIT
#pragma once

#include <cublasLt.h>

namespace idl::cuda {

/// The functions of cuBLASLt that this library calls, named as they are without "cublasLt".
struct CublasLt {
  decltype(&cublasLtCreate) Create;
  decltype(&cublasLtDestroy) Destroy;
  decltype(&cublasLtGetStatusString) GetStatusString;
  decltype(&cublasLtGetVersion) GetVersion;
  decltype(&cublasLtMatmul) Matmul;
  decltype(&cublasLtMatmulAlgoConfigGetAttribute) MatmulAlgoConfigGetAttribute;
  decltype(&cublasLtMatmulAlgoGetHeuristic) MatmulAlgoGetHeuristic;
  decltype(&cublasLtMatmulDescCreate) MatmulDescCreate;
  decltype(&cublasLtMatmulDescDestroy) MatmulDescDestroy;
  decltype(&cublasLtMatmulDescSetAttribute) MatmulDescSetAttribute;
  decltype(&cublasLtMatmulPreferenceCreate) MatmulPreferenceCreate;
  decltype(&cublasLtMatmulPreferenceDestroy) MatmulPreferenceDestroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) MatmulPreferenceSetAttribute;
  decltype(&cublasLtMatrixLayoutCreate) MatrixLayoutCreate;
  decltype(&cublasLtMatrixLayoutDestroy) MatrixLayoutDestroy;
};

/// cuBLASLt itself, loaded by the first call and kept until the process ends: programs that use no
/// GPU need not have it, and do not wait for its 500 MB. @throws DeviceError (load_cublas_lt)
const CublasLt& cublas_lt();

/// The functions of the library `soname`, which is looked for as the dynamic linker does, and then
/// in `folder`. @throws DeviceError (what was tried and the linker's words; a function that is
/// missing)
CublasLt load_cublas_lt(const char* soname, const char* folder);

}  // namespace idl::cuda
