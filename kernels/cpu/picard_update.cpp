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
template <class T, class Phi>
Norms<T> update_column(const T* __restrict s, const T* __restrict z, T* __restrict x, index_t n,
                       Phi phi) {
  Magnitude<T> step = 0;
  Magnitude<T> state = 0;
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    const Phi f = phi;  // whose constants then cannot change with x
    Magnitude<T> largest_step = 0;
    Magnitude<T> largest_state = 0;
    for (index_t i = 0; i < n; ++i) {
      const T next = f(s[i] + z[i]);
      const Magnitude<T> change = magnitude(next - x[i]);
      const Magnitude<T> size = magnitude(next);
      largest_step = change > largest_step ? change : largest_step;
      largest_state = size > largest_state ? size : largest_state;
      x[i] = next;
    }
    step = largest_step;
    state = largest_state;
  });
  return {from_magnitude<T>(step), from_magnitude<T>(state)};
}

}  // namespace

template <class T>
void execute(const PicardUpdate<T>& u, Scratch&) {
  constexpr auto k_running = static_cast<std::uint8_t>(SolveStatus::running);
  dispatch<T>(u.activation, [&](auto phi) {
    parallel_for(u.X.cols, u.X.rows * decltype(phi)::k_work, [&](index_t j) {
      if (u.status.data[j] != k_running) return;
      const Norms<T> norms = update_column(u.S.data + j * u.S.ld, u.Z.data + j * u.Z.ld,
                                           u.X.data + j * u.X.ld, u.X.rows, phi);
      u.step_norms.data[j] = u.join ? larger(u.step_norms.data[j], norms.step) : norms.step;
      u.state_norms.data[j] = u.join ? larger(u.state_norms.data[j], norms.state) : norms.state;
    });
  });
}

template void execute(const PicardUpdate<float>&, Scratch&);
template void execute(const PicardUpdate<double>&, Scratch&);

}  // namespace idl::cpu
