// SPDX-License-Identifier: MIT
#include "kernels/cpu/blas_library.hpp"

#include <string_view>

// OpenBLAS answers these questions; other libraries lack the functions.
#if defined(__GNUC__)
extern "C" {
__attribute__((weak)) char* openblas_get_config();
__attribute__((weak)) char* openblas_get_corename();
}
#endif

namespace idl::cpu {

const char* blas_description() {
#if defined(__GNUC__)
  if (openblas_get_config != nullptr) return openblas_get_config();
#endif
  return "BLAS";
}

BlasVectors blas_vectors() {
#if defined(__GNUC__)
  if (openblas_get_corename != nullptr) {
    const std::string_view core = openblas_get_corename();
    if (core == "Haswell" || core == "Zen") return BlasVectors::avx2;
  }
#endif
  return BlasVectors::unknown;
}

}  // namespace idl::cpu
