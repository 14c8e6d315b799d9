// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "kernels/cpu/product/packed_gemm.hpp"
#include "kernels/fixed_point.hpp"

namespace idl::cpu {

/// op(A)X of a solve for some columns, with all that makes up A packed once: one product, or two
/// for A = LRᵀ, of which the first is taken by the second.
template <class T>
class PackedProducts {
 public:
  /// The map is one whose products are made by Gemm.
  explicit PackedProducts(const FixedPoint<T>& solve) : columns_(solve.X.cols) {
    const Sequence steps = product_steps<T>(
        solve.A, solve.X, solve.product,
        {.transpose = solve.transpose, .batch_invariant = solve.batch_invariant}, solve.inner);
    for (const Primitive& step : steps) gemms_.push_back(std::get<Gemm<T>>(step));
  }

  /// Whether they are such that PackedGemm takes them, and can begin where these blocks do.
  bool fit(std::span<const RowBlock> blocks) const {
    return std::ranges::all_of(gemms_, [](const auto& g) { return PackedGemm<T>::fits(g); }) &&
           std::ranges::all_of(blocks,
                               [](const auto& b) { return PackedGemm<T>::begins_at(b.first); });
  }
  std::size_t bytes() const { return static_cast<std::size_t>(entries()) * sizeof(T); }
  index_t rows() const { return gemms_.back().C.rows; }
  index_t columns() const { return columns_; }
  /// Rows of what lies between the two; 0 where there is one.
  index_t inner_rows() const { return gemms_.size() > 1 ? gemms_.front().C.rows : 0; }
  /// Multiplications for each column.
  index_t entries() const {
    index_t sum = 0;
    for (const Gemm<T>& g : gemms_) sum += g.A.rows * g.A.cols;
    return sum;
  }

  /// Makes room; then each panel is to be packed, by whichever thread. @throws OutOfMemory
  void prepare() {
    for (std::size_t k = 0; k < gemms_.size(); ++k) packed_[k].prepare(gemms_[k], columns_);
  }
  index_t panels() const { return packed_[0].panels() + packed_[1].panels(); }
  void pack(index_t panel) {
    const index_t first = packed_[0].panels();
    panel < first ? packed_[0].pack(panel) : packed_[1].pack(panel - first);
  }

  /// A block of rows of `groups`; where there are two products, the first one fills the sums of
  /// `inner`, which are the factors of `groups`.
  void multiply(const RowBlock& rows, std::span<PanelColumns<T>> inner,
                std::span<PanelColumns<T>> groups) const {
    if (gemms_.size() > 1) packed_[0].multiply(0, inner_rows(), inner);
    packed_[gemms_.size() - 1].multiply(rows.first, rows.count, groups);
  }

 private:
  index_t columns_;
  std::vector<Gemm<T>> gemms_;
  std::array<PackedGemm<T>, 2> packed_;
};

}  // namespace idl::cpu
