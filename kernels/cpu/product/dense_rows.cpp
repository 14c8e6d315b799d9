// SPDX-License-Identifier: MIT
// Compiled with contraction, as panel_product.cpp is: a sum of products becomes fused
// multiply-adds.
#include "kernels/cpu/product/dense_rows.hpp"

#include <cstddef>

#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"

namespace idl::cpu {
namespace {

// `Rows` rows times `Packs` packs of samples, with all sums in registers.
template <class T, std::size_t W, std::size_t Rows, std::size_t Packs>
__attribute__((always_inline)) inline void multiply_tile(const DenseRows<T>& rows,
                                                         SamplePanel<const T> X,
                                                         SamplePanel<T> sums) {
  constexpr std::size_t k_lanes = W / sizeof(T);
  Pack<T, W> acc[Rows][Packs] = {};
  const T* a = rows.A.data + rows.first;
  const T* x = X.data;
  const index_t ld = rows.A.ld;
  const index_t length = rows.A.cols;
  for (index_t k = 0; k < length; ++k, a += ld, x += X.stride) {
    Pack<T, W> of_samples[Packs];
    for (std::size_t p = 0; p < Packs; ++p) load<T, W>(of_samples[p], x + p * k_lanes);
    for (std::size_t r = 0; r < Rows; ++r)
      for (std::size_t p = 0; p < Packs; ++p) acc[r][p] += of_samples[p] * a[r];
  }
  for (std::size_t r = 0; r < Rows; ++r)
    for (std::size_t p = 0; p < Packs; ++p)
      store<T, W>(acc[r][p], sums.data + static_cast<index_t>(r) * sums.stride + p * k_lanes);
}

// `Rows` rows at a time, then the rest together.
template <class T, std::size_t W, std::size_t Rows, std::size_t Packs>
__attribute__((always_inline)) inline void multiply_tiles(DenseRows<T> rows, SamplePanel<const T> X,
                                                          SamplePanel<T> sums) {
  constexpr auto k_rows = static_cast<index_t>(Rows);
  for (; rows.count >= k_rows; rows.count -= k_rows) {
    multiply_tile<T, W, Rows, Packs>(rows, X, sums);
    rows.first += k_rows;
    sums.data += k_rows * sums.stride;
  }
  if constexpr (Rows > 1) {
    if (rows.count > 0) multiply_tiles<T, W, Rows - 1, Packs>(rows, X, sums);
  }
}

}  // namespace

template <class T>
void multiply_rows(const DenseRows<T>& rows, SamplePanel<const T> X, SamplePanel<T> sums,
                   index_t lines) {
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    constexpr std::size_t W = width();
    constexpr std::size_t k_packs = 2;
    constexpr auto k_step = static_cast<index_t>(k_packs * W / sizeof(T));
    // 2·Rows sums, two packs of samples and a factor: 32 registers with AVX-512, 16 otherwise.
    constexpr std::size_t k_rows = W == 64 ? 12 : 4;
    const index_t lanes = lines * k_line_lanes<T>;
    index_t lane = 0;
    for (; lane + k_step <= lanes; lane += k_step)
      multiply_tiles<T, W, k_rows, k_packs>(rows, {X.data + lane, X.stride},
                                            {sums.data + lane, sums.stride});
    if constexpr (W == 64) {
      if (lane < lanes)
        multiply_tiles<T, W, k_rows, 1>(rows, {X.data + lane, X.stride},
                                        {sums.data + lane, sums.stride});
    }
  });
}

template void multiply_rows(const DenseRows<float>&, SamplePanel<const float>, SamplePanel<float>,
                            index_t);
template void multiply_rows(const DenseRows<double>&, SamplePanel<const double>,
                            SamplePanel<double>, index_t);

}  // namespace idl::cpu
