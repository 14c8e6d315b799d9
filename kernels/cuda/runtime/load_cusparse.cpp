// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/cusparse.hpp"
#include "kernels/cuda/runtime/shared_library.hpp"

namespace idl::cuda {

Cusparse load_cusparse(const char* soname, const char* folder) {
  const SharedLibrary library("cuSPARSE", soname, folder);
  Cusparse sparse = {};
  library.find("cusparseCreate", sparse.Create);
  library.find("cusparseDestroy", sparse.Destroy);
  library.find("cusparseGetErrorString", sparse.GetErrorString);
  library.find("cusparseGetVersion", sparse.GetVersion);
  library.find("cusparseSetStream", sparse.SetStream);
  library.find("cusparseCreateConstCsr", sparse.CreateConstCsr);
  library.find("cusparseCreateConstDnMat", sparse.CreateConstDnMat);
  library.find("cusparseCreateDnMat", sparse.CreateDnMat);
  library.find("cusparseDestroySpMat", sparse.DestroySpMat);
  library.find("cusparseDestroyDnMat", sparse.DestroyDnMat);
  library.find("cusparseSpMM_bufferSize", sparse.SpMM_bufferSize);
  library.find("cusparseSpMM_preprocess", sparse.SpMM_preprocess);
  library.find("cusparseSpMM", sparse.SpMM);
  return sparse;
}

}  // namespace idl::cuda
