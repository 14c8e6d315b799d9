// SPDX-License-Identifier: MIT
// Compiled with contraction, as panel_product.cpp is: a sum of products becomes fused
// multiply-adds.
#include "kernels/cpu/product/dense_rows.hpp"

#include "kernels/cpu/product/dense_sums.hpp"

namespace idl::cpu {

template <class T>
void multiply_rows(const DenseRows<T>& rows, SamplePanel<const T> X, SamplePanel<T> sums,
                   index_t lines) {
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    constexpr std::size_t W = width();
    const ConstMatrixView<T> A = rows.A.row_range(rows.first, rows.count);
    for_packs<T, W>(
        lines * k_line_lanes<T>, [&](auto packs, index_t lane) __attribute__((always_inline)) {
          for_tiles<k_tile_rows<W>>(
              0, A.rows, [&](auto count, index_t i) __attribute__((always_inline)) {
                TileSums<T, W, count(), packs()> tile = {};
                add_columns<T, W, count(), packs()>(A.data + i, A.ld, X.data + lane, X.stride,
                                                    A.cols, tile);
                T* to = sums.data + i * sums.stride + lane;
                for (std::size_t r = 0; r < count(); ++r, to += sums.stride)
                  for (std::size_t p = 0; p < packs(); ++p)
                    store<T, W>(tile[r][p], to + p * W / sizeof(T));
              });
        });
  });
}

template void multiply_rows(const DenseRows<float>&, SamplePanel<const float>, SamplePanel<float>,
                            index_t);
template void multiply_rows(const DenseRows<double>&, SamplePanel<const double>,
                            SamplePanel<double>, index_t);

}  // namespace idl::cpu
