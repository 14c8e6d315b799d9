// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "kernels/primitives.hpp"

/// A product and the update behind it, cut into blocks of rows, and put together again.
namespace idl {

/// Rows [first, first + count) of op(A) and of the result.
template <class T>
Gemm<T> rows_of(Gemm<T> product, index_t first, index_t count) {
  product.A =
      product.transpose_A ? product.A.columns(first, count) : product.A.row_range(first, count);
  product.C = product.C.row_range(first, count);
  return product;
}

/// Rows [first, first + count); behind other rows it joins their norms.
template <class T>
PicardUpdate<T> rows_of(PicardUpdate<T> update, index_t first, index_t count) {
  update.S = update.S.row_range(first, count);
  update.Z = update.Z.row_range(first, count);
  update.X = update.X.row_range(first, count);
  update.join = first > 0;
  return update;
}

/// Rows [first, first + count); behind other rows it joins their norms.
template <class T>
AdjointUpdate<T> rows_of(AdjointUpdate<T> update, index_t first, index_t count) {
  update.W = update.W.row_range(first, count);
  update.G = update.G.row_range(first, count);
  update.Psi = update.Psi.row_range(first, count);
  update.V = update.V.row_range(first, count);
  update.join = first > 0;
  return update;
}

/// One application of a map, whole, and where its blocks of rows begin.
template <class T, class Update>
struct RowSweep {
  Gemm<T> product;
  Update update;
  std::vector<index_t> first_rows;

  index_t rows_from(std::size_t block) const {
    const index_t end = block + 1 < first_rows.size() ? first_rows[block + 1] : product.C.rows;
    return end - first_rows[block];
  }
};

namespace row_blocks {

template <class View>
bool same(const View& a, const View& b) {
  return a.data == b.data && a.rows == b.rows && a.cols == b.cols && a.ld == b.ld;
}

template <class T>
bool same(const Gemm<T>& a, const Gemm<T>& b) {
  return same(a.A, b.A) && same(a.B, b.B) && same(a.C, b.C) && a.transpose_A == b.transpose_A &&
         a.transpose_B == b.transpose_B && a.alpha == b.alpha && a.beta == b.beta &&
         a.batch_invariant == b.batch_invariant;
}

template <class Update>
bool same_vectors(const Update& a, const Update& b) {
  return a.step_norms.data == b.step_norms.data && a.state_norms.data == b.state_norms.data &&
         a.status.data == b.status.data && a.join == b.join;
}

template <class T>
bool same(const PicardUpdate<T>& a, const PicardUpdate<T>& b) {
  return same(a.S, b.S) && same(a.Z, b.Z) && same(a.X, b.X) && a.activation == b.activation &&
         same_vectors(a, b);
}

template <class T>
bool same(const AdjointUpdate<T>& a, const AdjointUpdate<T>& b) {
  return same(a.W, b.W) && same(a.G, b.G) && same(a.Psi, b.Psi) && same(a.V, b.V) &&
         same_vectors(a, b);
}

/// All rows of a product whose first block is given.
template <class T>
Gemm<T> with_rows(Gemm<T> block, index_t rows) {
  (block.transpose_A ? block.A.cols : block.A.rows) = rows;
  block.C.rows = rows;
  return block;
}
template <class T>
PicardUpdate<T> with_rows(PicardUpdate<T> block, index_t rows) {
  block.S.rows = block.Z.rows = block.X.rows = rows;
  return block;
}
template <class T>
AdjointUpdate<T> with_rows(AdjointUpdate<T> block, index_t rows) {
  block.W.rows = block.G.rows = block.Psi.rows = block.V.rows = rows;
  return block;
}

}  // namespace row_blocks

/// The sweep whose blocks `steps` begins with, one product and one update each; empty where it
/// begins with nothing of that kind.
template <class T, class Update>
std::optional<RowSweep<T, Update>> leading_sweep(const Sequence& steps) {
  std::vector<index_t> first_rows;
  index_t rows = 0;
  for (std::size_t k = 0; k + 1 < steps.size(); k += 2) {
    const auto* product = std::get_if<Gemm<T>>(&steps[k]);
    if (product == nullptr || std::get_if<Update>(&steps[k + 1]) == nullptr) break;
    first_rows.push_back(rows);
    rows += product->C.rows;
  }
  if (first_rows.empty()) return std::nullopt;
  RowSweep<T, Update> sweep = {row_blocks::with_rows(std::get<Gemm<T>>(steps[0]), rows),
                               row_blocks::with_rows(std::get<Update>(steps[1]), rows), first_rows};
  for (std::size_t b = 0; b < first_rows.size(); ++b) {
    const index_t first = first_rows[b];
    const index_t count = sweep.rows_from(b);
    if (!row_blocks::same(std::get<Gemm<T>>(steps[2 * b]), rows_of(sweep.product, first, count)) ||
        !row_blocks::same(std::get<Update>(steps[2 * b + 1]), rows_of(sweep.update, first, count)))
      return std::nullopt;
  }
  return sweep;
}

}  // namespace idl
