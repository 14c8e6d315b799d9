// SPDX-License-Identifier: MIT
// Psi <- φ'(S + Z), entry by entry (entries.cuh). 2 reads and 1 write of n·m elements.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/runtime/launchers.hpp"
#include "kernels/custom_activation.hpp"
#include "kernels/math/activations.hpp"

namespace idl::cuda {
namespace {

// Psi may be S, so there is no __restrict__ here.
template <class T, class Phi, int N>
__global__ void activation_derivative_kernel(ActivationDerivative<T> d, Phi phi,
                                             Entries<N> entries) {
  const EntrySpan at = entries.span();
  by_packs<N>(at.count, [&](auto width, int part) {
    constexpr int W = decltype(width)::value;
    const Pack<T, W> product = load_pack<W>(entry_of(d.S, at) + part);
    const Pack<T, W> forcing = load_pack<W>(entry_of(d.Z, at) + part);
    Pack<T, W> slope;
    for (int e = 0; e < W; ++e) slope.x[e] = phi.derivative(product.x[e] + forcing.x[e]);
    store_pack(entry_of(d.Psi, at) + part, slope);
  });
}

template <int N, class T, class Phi>
void launch_derivative(const ActivationDerivative<T>& d, Phi phi, CUstream_st* stream) {
  const Entries<N> entries(d.Psi.rows, d.Psi.cols);
  launch(activation_derivative_kernel<T, Phi, N>, entries.shape(), stream, d, phi, entries);
}

}  // namespace

template <class T>
void activation_derivative(const ActivationDerivative<T>& derivative, CUstream_st* stream) {
  ActivationDerivative<T> d = derivative;
  if (d.Psi.rows == 0 || d.Psi.cols == 0) return;
  if (d.activation.kind == ActivationKind::custom) {
    const double alpha = d.activation.alpha;
    kernels_of<T>(custom_of(d.activation)).derivative(alpha, d.S, d.Z, d.Psi, stream);
    return;
  }
  join_columns(d.Psi, d.S, d.Z);
  const bool packs = packs_fit(d.S, d.Z, d.Psi);
  dispatch<T>(d.activation, [&](auto phi) {
    packs ? launch_derivative<k_pack<T>>(d, phi, stream) : launch_derivative<1>(d, phi, stream);
  });
}

template void activation_derivative(const ActivationDerivative<float>&, CUstream_st*);
template void activation_derivative(const ActivationDerivative<double>&, CUstream_st*);

}  // namespace idl::cuda
