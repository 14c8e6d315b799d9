// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include "kernels/primitives.hpp"
#include "tests/simt/device.hpp"
#include "tests/simt/grid.hpp"

/// Takes the place of kernels/cuda/product/library_gemm.hpp in the emulation: cuBLAS has no kernels
/// of ours, so its products are made by plain loops.
namespace idl::cuda {

class LibraryGemm {
 public:
  void begin_preparation() {}
  template <class T>
  void prepare(const Gemm<T>&) {}

  void prepare(const LowGemm&) {}
  void run(const LowGemm& g, cudaStream_t) {
    simt::count_launch();
    const index_t inner = g.transpose_A ? g.A.rows : g.A.cols;
    for (index_t j = 0; j < g.C.cols; ++j) {
      for (index_t i = 0; i < g.C.rows; ++i) {
        g.C.data[i + j * g.C.ld] = simt::sum_of_products<float>(
            inner,
            [&](index_t l) {
              return to_float(g.A.data[g.transpose_A ? l + i * g.A.ld : i + l * g.A.ld]);
            },
            [&](index_t l) { return to_float(g.B.data[l + j * g.B.ld]); });
      }
    }
  }

  template <class T>
  void run(const Gemm<T>& g, cudaStream_t) {
    simt::count_launch();
    const index_t inner = g.transpose_A ? g.A.rows : g.A.cols;
    for (index_t j = 0; j < g.C.cols; ++j) {
      for (index_t i = 0; i < g.C.rows; ++i) {
        const T sum = simt::sum_of_products<T>(
            inner,
            [&](index_t l) { return g.A.data[g.transpose_A ? l + i * g.A.ld : i + l * g.A.ld]; },
            [&](index_t l) { return g.B.data[g.transpose_B ? j + l * g.B.ld : l + j * g.B.ld]; });
        T& c = g.C.data[i + j * g.C.ld];
        c = g.beta == T(0) ? g.alpha * sum : g.alpha * sum + g.beta * c;
      }
    }
  }
};

}  // namespace idl::cuda
