// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "idl/cuda/fused/shapes.cuh"
#include "idl/cuda/fused/state_map.cuh"
#include "idl/cuda/launch.cuh"
#include "idl/custom_activation.hpp"

/// The kernels of an own activation, for nvcc. φ and φ' of the struct are marked IDL_CUDA_CALLABLE.
/// Solves for the state with a dense A run as one kernel where the library's own do, others as a
/// graph of products and updates. Those for the adjoint state need φ' before they begin alone.
namespace idl::cuda {
namespace detail {

/// One thread an entry, as long as the grid may be; the same arithmetic in every thread.
template <class Row, class T, bool Derivative>
__global__ void activation_kernel(Row row, ConstMatrixView<T> S, ConstMatrixView<T> Z,
                                  MatrixView<T> X) {
  const index_t entries = X.rows * X.cols;
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t e = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; e < entries;
       e += step) {
    const index_t j = e / X.rows;
    const index_t i = e - j * X.rows;
    const T sum = S.data[i + j * S.ld] + Z.data[i + j * Z.ld];
    if constexpr (Derivative)
      X.data[i + j * X.ld] = row.derivative(sum);
    else
      X.data[i + j * X.ld] = row(sum);
  }
}

template <class Row, class T, bool Derivative>
void launch_activation(double alpha, ConstMatrixView<T> S, ConstMatrixView<T> Z, MatrixView<T> X,
                       CUstream_st* stream) {
  constexpr int k_threads = 256;
  constexpr index_t k_most_entries = index_t{65535} * k_threads;
  const index_t entries = std::min(X.rows * X.cols, k_most_entries);
  if (entries == 0) return;
  launch(activation_kernel<Row, T, Derivative>, one_thread_each(entries, k_threads), stream,
         idl::detail::row_with<Row>(alpha), S, Z, X);
}

template <class Row, class T, FusedSizes Sizes>
index_t rounds_of_row(index_t n, index_t m, int multiprocessors) {
  return rounds_of<T, FusedStateMap<T, Row>, Sizes>(n, m, multiprocessors);
}

template <class Row, class T, FusedSizes Sizes>
void launch_solve(double alpha, const FusedSolve<T>& solve, ConstMatrixView<T> A,
                  ConstMatrixView<T> Z, int multiprocessors, CUstream_st* stream) {
  const FusedStateMap<T, Row> map{Z, idl::detail::row_with<Row>(alpha)};
  launch_fused<Sizes>(solve, DenseFactor<T>{A.data, A.ld}, map, multiprocessors, stream);
}

template <class Row, class T, FusedSizes Sizes>
ActivationKernels<T> kernels_of_row() {
  return {.value = launch_activation<Row, T, false>,
          .derivative = launch_activation<Row, T, true>,
          .solve = {.most_rows = k_most_rows<T, Sizes>,
                    .rounds = rounds_of_row<Row, T, Sizes>,
                    .launch = launch_solve<Row, T, Sizes>}};
}

template <template <class> class Phi, FusedSizes Sizes>
CustomActivation described() {
  CustomActivation custom = idl::detail::described<Phi>();
  custom.float_kernels = kernels_of_row<Phi<float>, float, Sizes>();
  custom.double_kernels = kernels_of_row<Phi<double>, double, Sizes>();
  return custom;
}

}  // namespace detail

/// The activation Phi, registered for the CPU and for CUDA devices. To be called in a source that
/// nvcc compiles; from then on the name stands for it everywhere.
/// @tparam Sizes  the n for which solves run as one kernel; `all` take some three times as long to
///         compile
/// @param alpha  the usual one unless said otherwise
/// @throws InvalidArgument as register_activation()
template <template <class> class Phi, FusedSizes Sizes = FusedSizes::one_block>
Activation custom_activation(std::optional<double> alpha = std::nullopt) {
  const CustomActivation custom = detail::described<Phi, Sizes>();
  return register_activation(custom, alpha.value_or(custom.usual_alpha));
}

}  // namespace idl::cuda
