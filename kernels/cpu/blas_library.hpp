// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace idl::cpu {

/// What the BLAS says about itself: "OpenBLAS 0.3.21 for Haswell", with ", pthreads" or ", one
/// thread" behind it where it does not multiply with OpenMP's threads; "BLAS" where it is silent.
std::string blas_description();

/// The widest vectors of the kernels that the BLAS has chosen for this machine, in ascending order;
/// `unknown` above all, so that it is never taken for narrower than others.
enum class BlasVectors : std::uint8_t { narrow, avx2, avx512, unknown };

/// A BLAS that is older than the processor may take kernels from long before both of them.
BlasVectors blas_vectors();

/// Whose threads the BLAS multiplies with: those of OpenMP, as this library does; a pool of its
/// own, which waits for work on the cores that OpenMP's threads wait on, and which a caller inside
/// a parallel region gets too; or only the caller's.
enum class BlasThreads : std::uint8_t { unknown, openmp, own, none };

BlasThreads blas_threads();

}  // namespace idl::cpu
