// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/cpu/scratch.hpp"
#include "kernels/primitives.hpp"

namespace idl::cpu {

/// Gemm with its own loops, for 64-bit sizes and any transposition. Each entry of C is summed over
/// k in ascending order in runs of a fixed length (kernels/cpu/panel_product.hpp): its bits do not
/// depend on the other columns, on the number of threads or, among machines with fused
/// multiply-add, on the width of the vectors.
template <class T>
void fixed_order_gemm(const Gemm<T>& gemm, Scratch& scratch);

/// Whether Gemm is left to fixed_order_gemm: where a fixed order is asked for, and where it is
/// faster than the BLAS at hand or spares its threads and this library's a fight for the cores.
template <class T>
bool takes_fixed_order(const Gemm<T>& gemm);

}  // namespace idl::cpu
