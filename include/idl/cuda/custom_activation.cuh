// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "idl/cuda/launch_kernel.cuh"
#include "idl/custom_activation.hpp"

/// The kernels of an own activation, for nvcc. φ and φ' of the struct are marked IDL_CUDA_CALLABLE.
/// A solve with one runs as a graph of products and updates; the kernels for whole small solves and
/// for samples side by side belong to the library's own activations.
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
  constexpr index_t k_threads = 256;
  constexpr index_t k_most_blocks = 65535;
  const index_t blocks = std::min((X.rows * X.cols + k_threads - 1) / k_threads, k_most_blocks);
  if (blocks == 0) return;
  launch_kernel(activation_kernel<Row, T, Derivative>, static_cast<unsigned>(blocks),
                static_cast<unsigned>(k_threads), stream, idl::detail::row_with<Row>(alpha), S, Z,
                X);
}

template <class Row, class T>
ActivationKernels<T> kernels_of_row() {
  return {launch_activation<Row, T, false>, launch_activation<Row, T, true>};
}

template <template <class> class Phi>
CustomActivation described() {
  CustomActivation custom = idl::detail::described<Phi>();
  custom.float_kernels = kernels_of_row<Phi<float>, float>();
  custom.double_kernels = kernels_of_row<Phi<double>, double>();
  return custom;
}

}  // namespace detail

/// The activation Phi, registered for the CPU and for CUDA devices. To be called in a source that
/// nvcc compiles; from then on the name stands for it everywhere.
/// @param alpha  the usual one unless said otherwise
/// @throws InvalidArgument as register_activation()
template <template <class> class Phi>
Activation custom_activation(std::optional<double> alpha = std::nullopt) {
  const CustomActivation custom = detail::described<Phi>();
  return register_activation(custom, alpha.value_or(custom.usual_alpha));
}

}  // namespace idl::cuda
