// SPDX-License-Identifier: MIT
// Compiled with contraction, as panel_product.cpp is: a sum of products becomes fused
// multiply-adds.
#include "kernels/cpu/product/sparse_rows.hpp"

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/product/row_sums.hpp"

namespace idl::cpu {
namespace {

template <class T, std::size_t W, std::size_t Packs>
__attribute__((always_inline)) inline void multiply_packs(const SparseRows<T>& rows,
                                                          SamplePanel<const T> X,
                                                          SamplePanel<T> sums) {
  constexpr std::size_t k_lanes = W / sizeof(T);
  const ConstCsrView<T> A = rows.A;
  T* to = sums.data;
  std::int64_t e = A.row_offsets[rows.first];
  for (index_t r = 0; r < rows.count; ++r, to += sums.stride) {
    const std::int64_t end = A.row_offsets[rows.first + r + 1];
    PartialSums<T, W, Packs> acc = {};
    add_row<T, W, Packs>(A, e, end, X, acc);
    e = end;
    for (std::size_t p = 0; p < Packs; ++p) {
      Pack<T, W> sum;
      add_up<T, W, Packs, k_partial>(acc, p, sum);
      store<T, W>(sum, to + p * k_lanes);
    }
  }
}

// As many lines at a time as the registers hold.
template <class T, std::size_t W, std::size_t Lines>
__attribute__((always_inline)) inline void multiply_lines(const SparseRows<T>& rows,
                                                          SamplePanel<const T> X,
                                                          SamplePanel<T> sums) {
  if constexpr (W == 64) {
    multiply_packs<T, W, Lines>(rows, X, sums);
  } else {
    constexpr std::size_t k_packs = 2;
    for (std::size_t at = 0; at < Lines * 64; at += k_packs * W) {
      const auto lane = static_cast<index_t>(at / sizeof(T));
      multiply_packs<T, W, k_packs>(rows, {X.data + lane, X.stride},
                                    {sums.data + lane, sums.stride});
    }
  }
}

// v stays in registers from entry to entry, where they are many.
template <class T, std::size_t W, std::size_t Lines>
__attribute__((always_inline)) inline void products_of_lines(const CsrView<T>& P, index_t row,
                                                             const T* v, SamplePanel<const T> X,
                                                             bool add) {
  constexpr std::size_t k_packs = Lines * 64 / W;
  constexpr std::size_t k_line_packs = 64 / W;
  constexpr std::size_t k_pack_lanes = W / sizeof(T);
  Pack<T, W> of_row[k_packs];
  for (std::size_t p = 0; p < k_packs; ++p) load<T, W>(of_row[p], v + p * k_pack_lanes);
  const std::int64_t end = P.row_offsets[row + 1];
  for (std::int64_t e = P.row_offsets[row]; e < end; ++e) {
    const T* x = X.data + P.col_indices[e] * X.stride;
    LaneSums<T, W> sums[2];
    for (std::size_t p = 0; p < k_packs; ++p) {
      Pack<T, W> factor;
      load<T, W>(factor, x + p * k_pack_lanes);
      sums[p / k_line_packs % 2].sums[p % k_line_packs] += of_row[p] * factor;
    }
    for (std::size_t p = 0; p < k_line_packs; ++p) sums[0].sums[p] += sums[1].sums[p];
    P.values[e] = (add ? P.values[e] : T(0)) + sums[0].total();
  }
}

template <class T, std::size_t W, std::size_t Lines>
__attribute__((always_inline)) inline void products_of_row(const CsrView<T>& P, index_t row,
                                                           const T* v, SamplePanel<const T> X,
                                                           index_t lines, bool add) {
  if constexpr (Lines > 1) {
    if (lines < static_cast<index_t>(Lines))
      return products_of_row<T, W, Lines - 1>(P, row, v, X, lines, add);
  }
  products_of_lines<T, W, Lines>(P, row, v, X, add);
}

}  // namespace

template <class T>
void row_products(const CsrView<T>& P, index_t row, const T* v, SamplePanel<const T> X,
                  index_t lines, bool add) {
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    products_of_row<T, width(), std::size_t{k_most_product_lines}>(P, row, v, X, lines, add);
  });
}

template <class T>
void multiply_rows(const SparseRows<T>& rows, SamplePanel<const T> X, SamplePanel<T> sums,
                   index_t lines) {
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    switch (lines) {
      case 1:
        return multiply_lines<T, width(), 1>(rows, X, sums);
      case 2:
        return multiply_lines<T, width(), 2>(rows, X, sums);
      case 3:
        return multiply_lines<T, width(), 3>(rows, X, sums);
      default:
        return multiply_lines<T, width(), 4>(rows, X, sums);
    }
  });
}

template <class T>
void multiply_rows(const SparseRows<T>& rows, const T* x, T* sums) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    const ConstCsrView<T> A = rows.A;
    for (index_t r = 0; r < rows.count; ++r) {
      std::int64_t e = A.row_offsets[rows.first + r];
      const std::int64_t end = A.row_offsets[rows.first + r + 1];
      T acc[k_partial] = {};
      for (; e + 4 <= end; e += 4)
        for (std::int64_t q = 0; q < 4; ++q) acc[q] += x[A.col_indices[e + q]] * A.values[e + q];
      for (std::int64_t q = 0; e + q < end; ++q)
        acc[q] += x[A.col_indices[e + q]] * A.values[e + q];
      sums[r] = (acc[0] + acc[2]) + (acc[1] + acc[3]);
    }
  });
}

template void row_products(const CsrView<float>&, index_t, const float*, SamplePanel<const float>,
                           index_t, bool);
template void row_products(const CsrView<double>&, index_t, const double*,
                           SamplePanel<const double>, index_t, bool);
template void multiply_rows(const SparseRows<float>&, SamplePanel<const float>, SamplePanel<float>,
                            index_t);
template void multiply_rows(const SparseRows<double>&, SamplePanel<const double>,
                            SamplePanel<double>, index_t);
template void multiply_rows(const SparseRows<float>&, const float*, float*);
template void multiply_rows(const SparseRows<double>&, const double*, double*);

}  // namespace idl::cpu
