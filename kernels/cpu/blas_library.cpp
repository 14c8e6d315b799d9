// SPDX-License-Identifier: MIT
#include "kernels/cpu/blas_library.hpp"

#include <string>
#include <string_view>

// OpenBLAS answers these questions; other libraries lack the functions.
#if defined(__GNUC__)
extern "C" {
__attribute__((weak)) char* openblas_get_config();
__attribute__((weak)) char* openblas_get_corename();
__attribute__((weak)) int openblas_get_parallel();
__attribute__((weak)) int openblas_get_num_threads();
}
#endif

namespace idl::cpu {

std::string blas_description() {
#if defined(__GNUC__)
  if (openblas_get_config != nullptr && openblas_get_corename != nullptr) {
    // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...": the name and the version.
    const std::string config = openblas_get_config();
    const std::size_t version = config.find(' ');
    const std::size_t end = version == std::string::npos ? version : config.find(' ', version + 1);
    const BlasThreads threads = blas_threads();
    return config.substr(0, end) + " for " + openblas_get_corename() +
           (threads == BlasThreads::own    ? ", pthreads"
            : threads == BlasThreads::none ? ", one thread"
                                           : "");
  }
#endif
  return "BLAS";
}

BlasVectors blas_vectors() {
#if defined(__GNUC__) && defined(__x86_64__)
  if (openblas_get_corename != nullptr) {
    const std::string_view core = openblas_get_corename();
    if (core == "SkylakeX" || core == "Cooperlake" || core == "SapphireRapids")
      return BlasVectors::avx512;
    if (core == "Haswell" || core == "Zen") return BlasVectors::avx2;
    // What an unknown processor is taken for, and those before AVX2.
    for (const std::string_view old :
         {"Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Sandybridge", "Atom", "Athlon",
          "Opteron", "Opteron_SSE3", "Barcelona", "Bobcat", "Bulldozer", "Piledriver",
          "Steamroller", "Nano"})
      if (core == old) return BlasVectors::narrow;
  }
#endif
  return BlasVectors::unknown;
}

BlasThreads blas_threads() {
#if defined(__GNUC__)
  if (openblas_get_parallel != nullptr && openblas_get_num_threads != nullptr) {
    constexpr int k_openmp = 2;  // of the answers 0 (none), 1 (pthreads or Windows' threads), 2
    if (openblas_get_parallel() == k_openmp) return BlasThreads::openmp;
    return openblas_get_num_threads() > 1 ? BlasThreads::own : BlasThreads::none;
  }
#endif
  return BlasThreads::unknown;
}

}  // namespace idl::cpu
