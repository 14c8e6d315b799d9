// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/cpu/scratch.hpp"
#include "kernels/primitives.hpp"

namespace idl::cpu {

/// Gemm with its own loops, for 64-bit sizes and any transposition. Each entry of C is summed over
/// k in ascending order in runs of a fixed length, one multiplication and one addition at a time:
/// its bits do not depend on the other columns, on the number of threads or on the width of the
/// machine's vectors.
template <class T>
void fixed_order_gemm(const Gemm<T>& gemm, Scratch& scratch);

}  // namespace idl::cpu
