// SPDX-License-Identifier: MIT
#include <algorithm>

#include "idl/solver.hpp"
#include "kernels/cpu/execute.hpp"
#include "kernels/cpu/magnitude.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_width.hpp"
#include "kernels/math/activations.hpp"

namespace idl::cpu {
namespace {

template <class T>
struct Norms {
  T step;
  T state;
};

// Of two norms, NaN above all.
template <class T>
T larger(T a, T b) {
  return from_magnitude<T>(std::max(magnitude(a), magnitude(b)));
}

// x <- φ(s + z), n entries: 3 reads and 1 write each.
template <class T, class Phi, class Count>
__attribute__((always_inline)) inline Norms<T> update_entries(const T* __restrict s,
                                                              const T* __restrict z,
                                                              T* __restrict x, Count n,
                                                              const Phi& phi) {
  Magnitude<T> step = 0;
  Magnitude<T> state = 0;
  for (index_t i = 0; i < n; ++i) {
    const T next = phi(s[i] + z[i]);
    const Magnitude<T> change = magnitude(next - x[i]);
    const Magnitude<T> size = magnitude(next);
    step = change > step ? change : step;
    state = size > state ? size : state;
    x[i] = next;
  }
  return {from_magnitude<T>(step), from_magnitude<T>(state)};
}

template <class T, class Phi>
void update_running(const PicardUpdate<T>& u, Phi phi, std::span<const index_t> columns) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    const Phi f = phi;  // whose constants then cannot change with x
    for (const index_t j : columns) {
      const T* s = u.S.data + j * u.S.ld;
      const T* z = u.Z.data + j * u.Z.ld;
      T* x = u.X.data + j * u.X.ld;
      // The blocks of a sweep, mostly: a number that is known needs no loop.
      constexpr std::integral_constant<index_t, 32> k_block;
      const Norms<T> norms = u.X.rows == k_block ? update_entries(s, z, x, k_block, f)
                                                 : update_entries(s, z, x, u.X.rows, f);
      u.step_norms.data[j] = u.join ? larger(u.step_norms.data[j], norms.step) : norms.step;
      u.state_norms.data[j] = u.join ? larger(u.state_norms.data[j], norms.state) : norms.state;
    }
  });
}

}  // namespace

template <class T>
void execute(const PicardUpdate<T>& u, Scratch&) {
  constexpr auto k_running = static_cast<std::uint8_t>(SolveStatus::running);
  dispatch<T>(u.activation, [&](auto phi) {
    parallel_for(u.X.cols, u.X.rows * decltype(phi)::k_work, [&](index_t j) {
      if (u.status.data[j] == k_running) update_running(u, phi, {&j, 1});
    });
  });
}

template <class T>
void update_columns(const PicardUpdate<T>& u, std::span<const index_t> columns) {
  dispatch<T>(u.activation, [&](auto phi) { update_running(u, phi, columns); });
}

template void execute(const PicardUpdate<float>&, Scratch&);
template void execute(const PicardUpdate<double>&, Scratch&);
template void update_columns(const PicardUpdate<float>&, std::span<const index_t>);
template void update_columns(const PicardUpdate<double>&, std::span<const index_t>);

}  // namespace idl::cpu
