// SPDX-License-Identifier: MIT
#pragma once

#include "idl/matrix.hpp"
#include "kernels/cpu/product/sparse_rows.hpp"

namespace idl::cpu {

/// Some rows of a dense A.
template <class T>
struct DenseRows {
  ConstMatrixView<T> A;
  index_t first;
  index_t count;
};

/// sums(r, :) = Σ_k A(first + r, k) · X(k, :), for `lines` cache lines of samples, from 1 to
/// k_most_lines. k ascends and each step is one fused multiply-add where the machine has it: the
/// bits that multiply_panel() gives.
template <class T>
void multiply_rows(const DenseRows<T>& rows, SamplePanel<const T> X, SamplePanel<T> sums,
                   index_t lines);

extern template void multiply_rows(const DenseRows<float>&, SamplePanel<const float>,
                                   SamplePanel<float>, index_t);
extern template void multiply_rows(const DenseRows<double>&, SamplePanel<const double>,
                                   SamplePanel<double>, index_t);

}  // namespace idl::cpu
