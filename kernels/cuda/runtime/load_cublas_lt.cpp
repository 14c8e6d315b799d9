// SPDX-License-Identifier: MIT
#include <dlfcn.h>

#include <string>

#include "idl/error.hpp"
#include "kernels/cuda/runtime/cublas_lt.hpp"

namespace idl::cuda {
namespace {

std::string linkers_words() {
  const char* words = dlerror();
  return words == nullptr ? "unknown error" : words;
}

void* open(const char* soname, const char* folder) {
  if (void* library = dlopen(soname, RTLD_NOW | RTLD_LOCAL)) return library;
  const std::string failure = linkers_words();
  if (void* library = dlopen((std::string(folder) + "/" + soname).c_str(), RTLD_NOW | RTLD_LOCAL))
    return library;
  throw DeviceError("cuBLASLt", std::string("loading ") + soname,
                    failure + "; " + linkers_words() +
                        "; where it lies elsewhere, LD_LIBRARY_PATH must name that folder",
                    {});
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr)
    throw DeviceError("cuBLASLt", std::string("looking for ") + name, linkers_words(), {});
}

}  // namespace

CublasLt load_cublas_lt(const char* soname, const char* folder) {
  void* library = open(soname, folder);
  CublasLt lt = {};
  find(library, "cublasLtCreate", lt.Create);
  find(library, "cublasLtDestroy", lt.Destroy);
  find(library, "cublasLtGetStatusString", lt.GetStatusString);
  find(library, "cublasLtGetVersion", lt.GetVersion);
  find(library, "cublasLtMatmul", lt.Matmul);
  find(library, "cublasLtMatmulAlgoConfigGetAttribute", lt.MatmulAlgoConfigGetAttribute);
  find(library, "cublasLtMatmulAlgoGetHeuristic", lt.MatmulAlgoGetHeuristic);
  find(library, "cublasLtMatmulDescCreate", lt.MatmulDescCreate);
  find(library, "cublasLtMatmulDescDestroy", lt.MatmulDescDestroy);
  find(library, "cublasLtMatmulDescSetAttribute", lt.MatmulDescSetAttribute);
  find(library, "cublasLtMatmulPreferenceCreate", lt.MatmulPreferenceCreate);
  find(library, "cublasLtMatmulPreferenceDestroy", lt.MatmulPreferenceDestroy);
  find(library, "cublasLtMatmulPreferenceSetAttribute", lt.MatmulPreferenceSetAttribute);
  find(library, "cublasLtMatrixLayoutCreate", lt.MatrixLayoutCreate);
  find(library, "cublasLtMatrixLayoutDestroy", lt.MatrixLayoutDestroy);
  return lt;
}

}  // namespace idl::cuda
