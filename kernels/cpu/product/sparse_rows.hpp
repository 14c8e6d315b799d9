// SPDX-License-Identifier: MIT
#pragma once

#include "idl/csr_matrix.hpp"

namespace idl::cpu {

/// Samples in a cache line: a panel of samples is as many wide, or some times as many.
template <class T>
inline constexpr index_t k_line_lanes = 64 / static_cast<index_t>(sizeof(T));

/// The most lines that are multiplied together.
inline constexpr index_t k_most_lines = 4;

/// Some rows of a sparse A.
template <class T>
struct SparseRows {
  ConstCsrView<T> A;
  index_t first;
  index_t count;
};

/// Samples side by side: entry i of sample s at data[i·stride + s].
template <class T>
struct SamplePanel {
  T* data;
  index_t stride;
};

/// sums(r, :) = Σ_e values_e · X(column_e, :) over the entries e of row first + r, for `lines`
/// cache lines of samples, from 1 to k_most_lines.
///
/// Entry e of a row is added to partial sum e mod 4 by one fused multiply-add where the machine has
/// it, and the sum is (s₀ + s₂) + (s₁ + s₃): its bits depend on nothing but the row and the sample.
template <class T>
void multiply_rows(const SparseRows<T>& rows, SamplePanel<const T> X, SamplePanel<T> sums,
                   index_t lines);

/// The same sums of one sample, whose entries are neighbours.
template <class T>
void multiply_rows(const SparseRows<T>& rows, const T* x, T* sums);

/// At most as many lines are summed over by row_products().
inline constexpr index_t k_most_product_lines = 8;

/// products_e <- Σ_s v_s · X(column_e, s) over the samples of `lines` cache lines, or with `add`
/// products_e + that, for the entries e of row `row` of the pattern P. Samples of even and of odd
/// lines are added up lane by lane, then the one sums to the others, then halves to halves.
template <class T>
void row_products(const CsrView<T>& P, index_t row, const T* v, SamplePanel<const T> X,
                  index_t lines, bool add);

extern template void row_products(const CsrView<float>&, index_t, const float*,
                                  SamplePanel<const float>, index_t, bool);
extern template void row_products(const CsrView<double>&, index_t, const double*,
                                  SamplePanel<const double>, index_t, bool);
extern template void multiply_rows(const SparseRows<float>&, SamplePanel<const float>,
                                   SamplePanel<float>, index_t);
extern template void multiply_rows(const SparseRows<double>&, SamplePanel<const double>,
                                   SamplePanel<double>, index_t);
extern template void multiply_rows(const SparseRows<float>&, const float*, float*);
extern template void multiply_rows(const SparseRows<double>&, const double*, double*);

}  // namespace idl::cpu
