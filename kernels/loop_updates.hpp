// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include "kernels/loop_primitives.hpp"

/// What the two updates of a loop, PicardUpdate and AdjointUpdate, call by different names.
namespace idl {

/// X or V, of which the next product is made.
template <class T>
MatrixView<T>& state_of(PicardUpdate<T>& update) {
  return update.X;
}
template <class T>
MatrixView<T>& state_of(AdjointUpdate<T>& update) {
  return update.V;
}

/// S or W, the product of the last X or V.
template <class T>
ConstMatrixView<T>& product_of(PicardUpdate<T>& update) {
  return update.S;
}
template <class T>
ConstMatrixView<T>& product_of(AdjointUpdate<T>& update) {
  return update.W;
}

/// What stays the same for the whole loop.
template <class T>
std::array<ConstMatrixView<T>*, 1> constants_of(PicardUpdate<T>& update) {
  return {&update.Z};
}
template <class T>
std::array<ConstMatrixView<T>*, 2> constants_of(AdjointUpdate<T>& update) {
  return {&update.G, &update.Psi};
}

/// Rows that are updated together: [first, first + count).
struct RowBlock {
  index_t first;
  index_t count;
};

/// A block of rows; after other rows it joins their norms.
template <class T>
PicardUpdate<T> rows_of(PicardUpdate<T> update, const RowBlock& rows) {
  update.S = update.S.row_range(rows.first, rows.count);
  update.Z = update.Z.row_range(rows.first, rows.count);
  update.X = update.X.row_range(rows.first, rows.count);
  update.join = rows.first > 0;
  return update;
}
template <class T>
AdjointUpdate<T> rows_of(AdjointUpdate<T> update, const RowBlock& rows) {
  update.W = update.W.row_range(rows.first, rows.count);
  update.G = update.G.row_range(rows.first, rows.count);
  update.Psi = update.Psi.row_range(rows.first, rows.count);
  update.V = update.V.row_range(rows.first, rows.count);
  update.join = rows.first > 0;
  return update;
}

}  // namespace idl
