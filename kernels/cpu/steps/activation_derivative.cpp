// SPDX-License-Identifier: MIT
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/activation_loops.hpp"

namespace idl::cpu {

template <class T>
void execute(const ActivationDerivative<T>& d, Scratch&) {
  dispatch_loops<T>(d.activation, [&](auto phi) {
    using Phi = decltype(phi);
    parallel_for(d.Psi.cols, d.Psi.rows * Phi::k_work, [&](index_t j) {
      if constexpr (std::is_same_v<Phi, LoopsRow<T>>) {
        phi.derivative(d.S.columns(j, 1), d.Z.columns(j, 1), d.Psi.columns(j, 1));
      } else {
        // Psi may be S, so nothing is said about overlap.
        const T* s = d.S.data + j * d.S.ld;
        const T* z = d.Z.data + j * d.Z.ld;
        T* psi = d.Psi.data + j * d.Psi.ld;
        const index_t n = d.Psi.rows;
        with_widest_vectors([=](auto) __attribute__((always_inline)) {
          const auto f = phi;  // whose constants then cannot change with psi
          for (index_t i = 0; i < n; ++i) psi[i] = f.derivative(s[i] + z[i]);
        });
      }
    });
  });
}

template void execute(const ActivationDerivative<float>&, Scratch&);
template void execute(const ActivationDerivative<double>&, Scratch&);

}  // namespace idl::cpu
