// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/cublas_lt.hpp"
#include "kernels/cuda/runtime/shared_library.hpp"

namespace idl::cuda {

CublasLt load_cublas_lt(const char* soname, const char* folder) {
  const SharedLibrary library("cuBLASLt", soname, folder);
  CublasLt lt = {};
  library.find("cublasLtCreate", lt.Create);
  library.find("cublasLtDestroy", lt.Destroy);
  library.find("cublasLtGetStatusString", lt.GetStatusString);
  library.find("cublasLtGetVersion", lt.GetVersion);
  library.find("cublasLtMatmul", lt.Matmul);
  library.find("cublasLtMatmulAlgoConfigGetAttribute", lt.MatmulAlgoConfigGetAttribute);
  library.find("cublasLtMatmulAlgoGetHeuristic", lt.MatmulAlgoGetHeuristic);
  library.find("cublasLtMatmulDescCreate", lt.MatmulDescCreate);
  library.find("cublasLtMatmulDescDestroy", lt.MatmulDescDestroy);
  library.find("cublasLtMatmulDescSetAttribute", lt.MatmulDescSetAttribute);
  library.find("cublasLtMatmulPreferenceCreate", lt.MatmulPreferenceCreate);
  library.find("cublasLtMatmulPreferenceDestroy", lt.MatmulPreferenceDestroy);
  library.find("cublasLtMatmulPreferenceSetAttribute", lt.MatmulPreferenceSetAttribute);
  library.find("cublasLtMatrixLayoutCreate", lt.MatrixLayoutCreate);
  library.find("cublasLtMatrixLayoutDestroy", lt.MatrixLayoutDestroy);
  return lt;
}

}  // namespace idl::cuda
