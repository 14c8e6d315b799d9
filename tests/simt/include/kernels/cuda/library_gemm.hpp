// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include "kernels/primitives.hpp"
#include "tests/simt/grid.hpp"

/// Takes the place of kernels/cuda/library_gemm.hpp in the emulation: cuBLAS has no kernels of
/// ours, so its products are made by plain loops.
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
        float sum = 0;
        for (index_t l = 0; l < inner; ++l) {
          const BFloat16 a = g.transpose_A ? g.A.data[l + i * g.A.ld] : g.A.data[i + l * g.A.ld];
          sum += to_float(a) * to_float(g.B.data[l + j * g.B.ld]);
        }
        g.C.data[i + j * g.C.ld] = sum;
      }
    }
  }

  template <class T>
  void run(const Gemm<T>& g, cudaStream_t) {
    simt::count_launch();
    const index_t inner = g.transpose_A ? g.A.rows : g.A.cols;
    for (index_t j = 0; j < g.C.cols; ++j) {
      for (index_t i = 0; i < g.C.rows; ++i) {
        T sum = T(0);
        for (index_t l = 0; l < inner; ++l) {
          const T a = g.transpose_A ? g.A.data[l + i * g.A.ld] : g.A.data[i + l * g.A.ld];
          const T b = g.transpose_B ? g.B.data[j + l * g.B.ld] : g.B.data[l + j * g.B.ld];
          sum += a * b;
        }
        T& c = g.C.data[i + j * g.C.ld];
        c = g.beta == T(0) ? g.alpha * sum : g.alpha * sum + g.beta * c;
      }
    }
  }
};

}  // namespace idl::cuda
