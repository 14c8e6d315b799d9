// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/product/sparse_rows.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"

/// The sum of a row of a sparse matrix, as multiply_rows() defines it, in registers. Only for
/// sources that are compiled with contraction: a product that is added is one fused multiply-add.
namespace idl::cpu {

/// Sums that are at work at the same time: a fused multiply-add takes 4 cycles, and two begin in
/// each.
inline constexpr std::size_t k_partial = 4;

/// The partial sums of a row, for some packs of samples.
template <class T, std::size_t W, std::size_t Packs>
using PartialSums = Pack<T, W>[k_partial][Packs];

/// sums[q] += values_e · X(column_e, :) for the next `Count` entries, q the place of e among them.
template <class T, std::size_t W, std::size_t Packs, std::size_t Count>
__attribute__((always_inline)) inline void add_entries(const ConstCsrView<T>& A, std::int64_t e,
                                                       SamplePanel<const T> X,
                                                       PartialSums<T, W, Packs>& sums) {
  constexpr std::size_t k_lanes = W / sizeof(T);
  for (std::size_t q = 0; q < Count; ++q) {
    const auto at = e + static_cast<std::int64_t>(q);
    const T value = A.values[at];
    const T* x = X.data + A.col_indices[at] * X.stride;
    for (std::size_t p = 0; p < Packs; ++p) {
      Pack<T, W> factor;
      load<T, W>(factor, x + p * k_lanes);
      sums[q][p] += factor * value;
    }
  }
}

/// Entries [e, end) of a row.
template <class T, std::size_t W, std::size_t Packs>
__attribute__((always_inline)) inline void add_row(const ConstCsrView<T>& A, std::int64_t e,
                                                   std::int64_t end, SamplePanel<const T> X,
                                                   PartialSums<T, W, Packs>& sums) {
  for (; e + 4 <= end; e += 4) add_entries<T, W, Packs, 4>(A, e, X, sums);
  switch (end - e) {
    case 3:
      add_entries<T, W, Packs, 3>(A, e, X, sums);
      break;
    case 2:
      add_entries<T, W, Packs, 2>(A, e, X, sums);
      break;
    case 1:
      add_entries<T, W, Packs, 1>(A, e, X, sums);
      break;
    default:
      break;
  }
}

/// result <- the sum of a row with `Entries` entries, 4 for as many or more. Of sums that nothing
/// was added to one is enough, which makes a zero of either sign a positive one as all of them do.
template <class T, std::size_t W, std::size_t Packs, std::size_t Entries>
__attribute__((always_inline)) inline void add_up(const PartialSums<T, W, Packs>& sums,
                                                  std::size_t p, Pack<T, W>& result) {
  const Pack<T, W> zero = {};
  if constexpr (Entries == 0)
    result = zero;
  else if constexpr (Entries == 1)
    result = sums[0][p] + zero;
  else if constexpr (Entries == 2)
    result = sums[0][p] + (sums[1][p] + zero);
  else
    result = (sums[0][p] + sums[2][p]) + (sums[1][p] + sums[3][p]);
}

}  // namespace idl::cpu
