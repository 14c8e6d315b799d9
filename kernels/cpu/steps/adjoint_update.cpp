// SPDX-License-Identifier: MIT
#include <cmath>

#include "idl/detail/column_status.hpp"
#include "idl/solver.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"

namespace idl::cpu {
namespace {

template <class T>
struct Norms {
  T step;
  T state;
};

// v <- psi ∘ (w + g), n entries: 4 reads and 1 write each.
template <class T, std::size_t W>
__attribute__((always_inline)) inline Norms<T> update_entries(const T* __restrict w,
                                                              const T* __restrict g,
                                                              const T* __restrict psi,
                                                              T* __restrict v, index_t n) {
  using Sums = LaneSums<T, W>;
  Sums steps;
  Sums states;
  index_t i = 0;
  for (; i + Sums::k_lanes <= n; i += Sums::k_lanes) {
    for (index_t p = 0; p < Sums::k_packs; ++p) {
      const index_t at = i + p * Sums::k_pack_lanes;
      Pack<T, W> next, other, old;
      load<T, W>(next, w + at);
      load<T, W>(other, g + at);
      next += other;
      load<T, W>(other, psi + at);
      next *= other;
      load<T, W>(old, v + at);
      store<T, W>(next, v + at);
      old = next - old;
      make_absolute<T, W>(old);
      make_absolute<T, W>(next);
      steps.sums[p] += old;
      states.sums[p] += next;
    }
  }
  Norms<T> norms{steps.total(), states.total()};
  for (; i < n; ++i) {
    const T next = psi[i] * (w[i] + g[i]);
    norms.step += std::abs(next - v[i]);
    norms.state += std::abs(next);
    v[i] = next;
  }
  return norms;
}

template <class T>
void update_running(const AdjointUpdate<T>& u, std::span<const index_t> columns) {
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    for (const index_t j : columns) {
      const Norms<T> norms =
          update_entries<T, width()>(u.W.data + j * u.W.ld, u.G.data + j * u.G.ld,
                                     u.Psi.data + j * u.Psi.ld, u.V.data + j * u.V.ld, u.V.rows);
      u.step_norms.data[j] = u.join ? u.step_norms.data[j] + norms.step : norms.step;
      u.state_norms.data[j] = u.join ? u.state_norms.data[j] + norms.state : norms.state;
    }
  });
}

}  // namespace

template <class T>
void execute(const AdjointUpdate<T>& u, Scratch&) {
  parallel_for(u.V.cols, u.V.rows, [&](index_t j) {
    if (u.status.data[j] == k_running) update_running(u, {&j, 1});
  });
}

template <class T>
void update_columns(const AdjointUpdate<T>& u, std::span<const index_t> columns) {
  update_running(u, columns);
}

template void execute(const AdjointUpdate<float>&, Scratch&);
template void execute(const AdjointUpdate<double>&, Scratch&);
template void update_columns(const AdjointUpdate<float>&, std::span<const index_t>);
template void update_columns(const AdjointUpdate<double>&, std::span<const index_t>);

}  // namespace idl::cpu
