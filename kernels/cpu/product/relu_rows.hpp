// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "idl/matrix.hpp"
#include "kernels/cpu/product/sparse_rows.hpp"

namespace idl::cpu {

/// Rows of a sparse matrix by their number of entries: [e] has those with e entries, the last those
/// with as many as it says or more.
inline constexpr std::size_t k_many_entries = 4;
using RowsByEntries = std::array<std::span<const std::int32_t>, k_many_entries + 1>;

/// PicardUpdate with relu on panels of samples, in the registers that hold the products:
/// next(i, :) <- relu(Σ_e values_e · X(column_e, :) + Z(i, :)) over the entries e of row i, summed
/// as multiply_rows() does. Joins the largest |next − X| and |next| of each sample to `steps` and
/// `states`.
template <class T>
struct ReluRows {
  ConstCsrView<T> A;
  SamplePanel<const T> X;
  const T* Z;  ///< as X, and so is `next`
  T* next;
  T* steps;
  T* states;

  /// `lines` from 1 to k_most_lines.
  void update(const RowsByEntries& rows, index_t lines) const;
};

/// The same of a dense A, row after row: of the states before `first` the new ones are taken.
template <class T>
struct DenseReluRows {
  ConstMatrixView<T> A;
  SamplePanel<const T> X;
  const T* Z;  ///< as X, and so is `next`
  T* next;
  T* steps;
  T* states;

  /// `count` rows from `first` on.
  void update(index_t first, index_t count, index_t lines) const;
};

extern template struct ReluRows<float>;
extern template struct ReluRows<double>;
extern template struct DenseReluRows<float>;
extern template struct DenseReluRows<double>;

}  // namespace idl::cpu
