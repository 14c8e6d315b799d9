// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/cpu/product/panel_product.hpp"
#include "kernels/primitives.hpp"

namespace idl::cpu {

/// At most as many columns multiply an A faster as it lies than packed, in a loop that reads it
/// some ten times.
inline constexpr index_t k_few_columns = 4;

/// What multiply_panel() makes, bit for bit, for any number of rows and at most k_few_columns
/// columns. No room is needed after the rows, neither in `A` nor in the sums. So few columns leave
/// registers for many rows: sums that wait for nothing but their own additions are what a product
/// with one column needs.
template <class T>
void multiply_few(const Panel<T>& A, index_t rows, index_t length, const PanelColumns<T>& columns);

/// Makes the product in the calling thread and returns true if it is one of few columns with an A
/// that stays in the cache: too small for two threads, and to be made without a copy of anything.
template <class T>
bool multiply_few(const Gemm<T>& gemm);

extern template bool multiply_few(const Gemm<float>&);
extern template bool multiply_few(const Gemm<double>&);
extern template void multiply_few(const Panel<float>&, index_t, index_t,
                                  const PanelColumns<float>&);
extern template void multiply_few(const Panel<double>&, index_t, index_t,
                                  const PanelColumns<double>&);

}  // namespace idl::cpu
