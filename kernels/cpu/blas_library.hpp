// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <string>

namespace idl::cpu {

/// What the BLAS says about itself: "OpenBLAS 0.3.21 for Haswell", or "BLAS" where it is silent.
std::string blas_description();

enum class BlasVectors : std::uint8_t { unknown, avx2 };

/// The vectors of the kernels that the BLAS has chosen for this machine, where it is known to have
/// chosen AVX2.
BlasVectors blas_vectors();

}  // namespace idl::cpu
