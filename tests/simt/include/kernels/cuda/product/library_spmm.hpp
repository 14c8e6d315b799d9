// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include "kernels/primitives.hpp"
#include "tests/simt/device.hpp"
#include "tests/simt/grid.hpp"

/// Takes the place of kernels/cuda/product/library_spmm.hpp in the emulation, as library_gemm.hpp
/// beside it does: cuSPARSE has no kernels of ours.
namespace idl::cuda {

struct SpmmPlan {};

class LibrarySpmm {
 public:
  bool available() { return true; }
  template <class T>
  SpmmPlan prepare(const SampleSpmm<T>&) {
    return {};
  }
  template <class T>
  void run(const SampleSpmm<T>& s, const SpmmPlan&, cudaStream_t) {
    simt::count_launch();
    for (index_t i = 0; i < s.C.cols; ++i) {
      const std::int64_t begin = s.A.row_offsets[i];
      for (index_t j = 0; j < s.C.rows; ++j)
        s.C.data[j + i * s.C.ld] = simt::sum_of_products<T>(
            s.A.row_offsets[i + 1] - begin, [&](index_t l) { return s.A.values[begin + l]; },
            [&](index_t l) { return s.B.data[j + s.A.col_indices[begin + l] * s.B.ld]; });
    }
  }
};

}  // namespace idl::cuda
