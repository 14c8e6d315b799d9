// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/cublas_lt.hpp"

#include <string>

namespace idl::cuda {

const CublasLt& cublas_lt() {
  // Of the version whose declarations this file was compiled with.
  static const CublasLt loaded = load_cublas_lt(
      ("libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR)).c_str(), IDL_CUDA_LIBRARY_FOLDER);
  return loaded;
}

}  // namespace idl::cuda
