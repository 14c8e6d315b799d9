// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/cusparse.hpp"

// Of the version whose declarations this file was compiled with; in one piece, as bench/gpu_check
// looks for it in programs. It is not the toolkit's.
#define IDL_LITERAL(number) #number
#define IDL_SONAME(name, version) name IDL_LITERAL(version)

namespace idl::cuda {

const Cusparse& cusparse() {
  static const Cusparse loaded =
      load_cusparse(IDL_SONAME("libcusparse.so.", CUSPARSE_VER_MAJOR), IDL_CUDA_LIBRARY_FOLDER);
  return loaded;
}

}  // namespace idl::cuda
