// SPDX-License-Identifier: MIT
#pragma once

#include "idl/activation.hpp"
#include "idl/matrix.hpp"
#include "kernels/cpu/product/sparse_rows.hpp"
#include "kernels/cpu/runtime/lines.hpp"
#include "kernels/cpu/steps/magnitude.hpp"
#include "kernels/loop_updates.hpp"

/// The updates of a loop on panels of samples: each sample gets the bits that the primitive of the
/// same name gives its column.
namespace idl::cpu {

/// `count` rows of panels, all with one stride. `next` may be `old`.
template <class T>
struct PanelRows {
  index_t count;
  index_t stride;
  const T* product;
  const T* given[2];  ///< Z, or G and Ψ
  const T* old;
  T* next;
};

template <class T, class Update>
class PanelUpdate;

/// PicardUpdate. Maxima need no order.
template <class T>
class PanelUpdate<T, PicardUpdate<T>> {
 public:
  PanelUpdate(const PicardUpdate<T>& update, index_t lanes)
      : activation_(update.activation),
        step_(static_cast<std::size_t>(lanes)),
        state_(static_cast<std::size_t>(lanes)) {}

  void begin();
  void begin_block(const RowBlock&) {}
  void update(const PanelRows<T>& rows, index_t lines);
  void end_block() {}
  /// The norms of all rows.
  void settle(T* steps, T* states, index_t lines) const;

 private:
  Activation activation_;
  Lines<Magnitude<T>> step_, state_;
};

/// AdjointUpdate. Norms are summed as LaneSums adds up a block of rows: row i of the block in
/// partial sum i mod k_line_lanes, halves of these added to halves, then the rows after the last
/// full set, then block to block.
template <class T>
class PanelUpdate<T, AdjointUpdate<T>> {
 public:
  PanelUpdate(const AdjointUpdate<T>&, index_t lanes)
      : lanes_(lanes),
        partial_step_(static_cast<std::size_t>(lanes * k_line_lanes<T>)),
        partial_state_(partial_step_.size()),
        step_(static_cast<std::size_t>(lanes)),
        state_(static_cast<std::size_t>(lanes)) {}

  void begin() { first_block_ = true; }
  void begin_block(const RowBlock& block);
  void update(const PanelRows<T>& rows, index_t lines);
  void end_block();
  void settle(T* steps, T* states, index_t lines) const;

 private:
  void update_block(const PanelRows<T>& rows, index_t lines);
  void update_part(const PanelRows<T>& rows, index_t lines);
  void fold();

  index_t lanes_;
  index_t row_ = 0;   ///< of the block, that comes next
  index_t rows_ = 0;  ///< of the block
  index_t full_ = 0;  ///< rows of the block that fill sets
  bool folded_ = false;
  bool first_block_ = true;
  Lines<T> partial_step_, partial_state_;  ///< folded: the sums of the block in front
  Lines<T> step_, state_;                  ///< of the blocks before
};

extern template class PanelUpdate<float, PicardUpdate<float>>;
extern template class PanelUpdate<double, PicardUpdate<double>>;
extern template class PanelUpdate<float, AdjointUpdate<float>>;
extern template class PanelUpdate<double, AdjointUpdate<double>>;

}  // namespace idl::cpu
