// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/cpu/loop/column_steps.hpp"
#include "kernels/cpu/loop/lane_panels.hpp"
#include "kernels/cpu/loop/panel_updates.hpp"
#include "kernels/cpu/loop/row_order.hpp"
#include "kernels/cpu/product/dense_rows.hpp"
#include "kernels/cpu/product/relu_rows.hpp"
#include "kernels/cpu/product/sparse_rows.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/magnitude.hpp"

namespace idl::cpu {

/// The product and the update of SampleLanes, with the norms of each lane. `Factor` is op(A): a
/// ConstCsrView or a ConstMatrixView.
template <class T, class Update, class Factor>
class LaneIteration {
 public:
  static constexpr bool k_is_sparse = std::is_same_v<Factor, ConstCsrView<T>>;

  /// `order` is that of the rows of a sparse A by the time of the first iteration, if they are
  /// updated in registers.
  LaneIteration(const ColumnSteps<T, Update>& steps, const Factor& A, const RowOrder& order,
                index_t lanes)
      : A_(A),
        order_(order),
        rows_(steps.rows()),
        in_registers_(updates_in_registers(steps)),
        mixed_(steps.mix.has_value()),
        update_(steps.update, lanes),
        blocks_(steps.blocks),
        chunks_(chunks_of(blocks_)),
        settled_norms_(static_cast<std::size_t>(lanes)) {}

  /// Whether rows are updated in the registers that hold their products; sparse ones in their
  /// order, and all of them at once: block by block that is no faster, too few rows are updated
  /// together.
  static bool updates_in_registers(const ColumnSteps<T, Update>& steps) {
    if constexpr (k_is_picard)
      return steps.update.activation.kind == ActivationKind::relu &&
             (!k_is_sparse || steps.blocks.size() == 1);
    return false;
  }

  /// Whether a row sees what the blocks of rows before it have become in the same iteration.
  bool sees_new_rows() const { return blocks_.size() > 1; }
  /// Whether a state is its own next one.
  bool is_in_place() const { return sees_new_rows() && !in_registers_; }
  /// Whether A·0 = 0, with so few entries that the product takes less than to do without it.
  bool multiplies_zero() const {
    if constexpr (k_is_sparse) {
      const std::int64_t begin = A_.row_offsets[0];
      const std::int64_t count = A_.row_offsets[rows_] - begin;
      return count <= k_entries_of_zero * rows_ && are_finite(A_.values + begin, count, 1, count);
    } else {
      return are_finite(A_.data, A_.rows, A_.cols, A_.ld);
    }
  }
  /// Rows whose product is made at a time.
  index_t product_rows() const {
    index_t most = 0;
    for (const Chunk& chunk : chunks_) most = std::max(most, chunk.rows.count);
    return most;
  }

  /// Columns have come to their lanes: rows settle in the states, and an iteration later in the
  /// next ones.
  void settle_anew() { settling_for_ = order_.settling() + 1; }

  /// All rows at once, of a product and a state of zero.
  void start(const LanePanels<T>& panels, ColumnVectors<T>& vectors, index_t lines) {
    settle_anew();
    const index_t most = product_rows();
    std::fill_n(panels.product, most * panels.stride, T(0));
    const RowBlock all = {0, rows_};
    update_.begin();
    update_.begin_block(all);
    for (index_t first = 0; first < all.count; first += most) {
      PanelRows<T> chunk = panels.rows_of({first, std::min(most, all.count - first)});
      chunk.next = panels.state + first * panels.stride;
      chunk.old = panels.product;
      update_.update(chunk, lines);
    }
    update_.end_block();
    update_.settle(vectors.step_norms.data(), vectors.state_norms.data(), lines);
  }

  /// A block of rows after the other.
  void run(LanePanels<T>& panels, ColumnVectors<T>& vectors, index_t lines) {
    if (in_registers_)
      update_in_registers(panels, vectors, lines);
    else
      update_in_blocks(panels, vectors, lines);
    std::swap(panels.state, panels.next_state);
  }

 private:
  static constexpr bool k_is_picard = std::is_same_v<Update, PicardUpdate<T>>;
  using Rows = std::conditional_t<k_is_sparse, SparseRows<T>, DenseRows<T>>;
  /// Rows between a product and its update, where the product is made of the states before.
  static constexpr index_t k_chunk = 64;
  /// In a row of a sparse A, with which a column is multiplied while it is zero.
  static constexpr index_t k_entries_of_zero = 16;

  struct Chunk {
    RowBlock rows;
    const RowBlock* begun;  ///< the block whose first rows they are
    bool ends;              ///< the last rows of a block
  };

  static bool are_finite(const T* values, index_t rows, index_t columns, index_t ld) {
    Magnitude<T> largest = 0;
    with_widest_vectors([&](auto) __attribute__((always_inline)) {
      Magnitude<T> most = 0;
      for (index_t j = 0; j < columns; ++j)
        for (index_t i = 0; i < rows; ++i) most = std::max(most, magnitude(values[i + j * ld]));
      largest = most;
    });
    return largest < magnitude(std::numeric_limits<T>::infinity());
  }

  /// A block that is updated in place is multiplied as a whole before.
  static std::vector<Chunk> chunks_of(std::span<const RowBlock> blocks) {
    std::vector<Chunk> chunks;
    for (const RowBlock& block : blocks) {
      const index_t end = block.first + block.count;
      const index_t size = blocks.size() > 1 ? block.count : k_chunk;
      for (index_t first = block.first; first < end; first += size) {
        chunks.push_back({.rows = {first, std::min(size, end - first)},
                          .begun = first == block.first ? &block : nullptr,
                          .ends = first + size >= end});
      }
    }
    return chunks;
  }

  void update_in_blocks(const LanePanels<T>& panels, ColumnVectors<T>& vectors, index_t lines) {
    update_.begin();
    for (const Chunk& chunk : chunks_) {
      if (chunk.begun != nullptr) update_.begin_block(*chunk.begun);
      multiply_rows<T>(Rows{A_, chunk.rows.first, chunk.rows.count}, {panels.state, panels.stride},
                       {panels.product, panels.stride}, lines);
      update_.update(panels.rows_of(chunk.rows), lines);
      if (chunk.ends) update_.end_block();
    }
    update_.settle(vectors.step_norms.data(), vectors.state_norms.data(), lines);
  }

  void update_in_registers(const LanePanels<T>& panels, ColumnVectors<T>& vectors, index_t lines) {
    if constexpr (!k_is_picard) {
      return;
    } else if constexpr (!k_is_sparse) {
      const index_t lanes = lines * k_line_lanes<T>;
      std::fill_n(vectors.step_norms.data(), lanes, T(0));
      std::fill_n(vectors.state_norms.data(), lanes, T(0));
      const DenseReluRows<T> rows = {.A = A_,
                                     .X = {panels.state, panels.stride},
                                     .Z = panels.given.front(),
                                     .next = panels.next_state,
                                     .steps = vectors.step_norms.data(),
                                     .states = vectors.state_norms.data()};
      for (const RowBlock& block : blocks_) rows.update(block.first, block.count, lines);
    } else {
      const bool all_rows = mixed_ || settling_for_ > 0;
      if (settling_for_ > 0) --settling_for_;
      const index_t lanes = lines * k_line_lanes<T>;
      T* states = vectors.state_norms.data();
      if (all_rows) std::fill_n(settled_norms_.data(), lanes, T(0));
      std::copy_n(settled_norms_.data(), lanes, states);
      std::fill_n(vectors.step_norms.data(), lanes, T(0));
      ReluRows<T> rows = {.A = A_,
                          .X = {panels.state, panels.stride},
                          .Z = panels.given.front(),
                          .next = panels.next_state,
                          .steps = vectors.step_norms.data(),
                          .states = states};
      rows.update(order_.live(), lines);
      if (!all_rows) return;
      rows.states = settled_norms_.data();
      rows.update(order_.settled(), lines);
      std::transform(states, states + lanes, settled_norms_.data(), states, [](T a, T b) {
        return from_magnitude<T>(std::max(magnitude(a), magnitude(b)));
      });
    }
  }

  Factor A_;
  const RowOrder& order_;
  index_t rows_;
  bool in_registers_;
  bool mixed_;
  PanelUpdate<T, Update> update_;
  std::vector<RowBlock> blocks_;
  std::vector<Chunk> chunks_;
  int settling_for_ = 0;    ///< iterations
  Lines<T> settled_norms_;  ///< of the rows that have settled
};

}  // namespace idl::cpu
