// SPDX-License-Identifier: MIT
#include <algorithm>

#include "idl/detail/column_status.hpp"
#include "idl/solver.hpp"
#include "kernels/cpu/runtime/copy_few.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/activation_loops.hpp"
#include "kernels/cpu/steps/norm_lanes.hpp"

namespace idl::cpu {
namespace {

/// The next x of s and z.
template <class Phi>
struct ValueOfSum {
  Phi phi;
  template <class T>
  __attribute__((always_inline)) T operator()(T s, T z) const {
    return phi(s + z);
  }
};

/// Where s is φ already.
struct ValueAsItIs {
  template <class T>
  __attribute__((always_inline)) T operator()(T s, T) const {
    return s;
  }
};

// x <- next(s, z), a vector, of which the first `count` entries are meant and the others become 0.
template <class T, class Next, class Count>
__attribute__((always_inline)) inline void update_vector(const T* __restrict s,
                                                         const T* __restrict z, T* __restrict x,
                                                         Count count, const Next& next_of,
                                                         NormLanes<T>& norms) {
  for (index_t l = 0; l < NormLanes<T>::k_lanes; ++l) {
    const T next = l < count ? next_of(s[l], z[l]) : T(0);
    const Magnitude<T> change = magnitude(next - x[l]);
    const Magnitude<T> size = magnitude(next);
    norms.step[l] = change > norms.step[l] ? change : norms.step[l];
    norms.state[l] = size > norms.state[l] ? size : norms.state[l];
    x[l] = next;
  }
}

// x <- next(s, z), n entries: 3 reads and 1 write each. What fills no vector is taken in one all
// the same: one by one, each sign that relu asks for is a branch that nobody can foresee.
template <bool WholeLines, class T, class Next, class Count>
__attribute__((always_inline)) inline void update_entries(const T* __restrict s,
                                                          const T* __restrict z, T* __restrict x,
                                                          Count n, const Next& next_of,
                                                          NormLanes<T>& norms) {
  constexpr std::integral_constant<index_t, NormLanes<T>::k_lanes> k_lanes;
  NormLanes<T> lanes = norms;
  index_t i = 0;
  for (; i + k_lanes <= n; i += k_lanes)
    update_vector(s + i, z + i, x + i, k_lanes, next_of, lanes);
  if (const index_t left = n - i; left > 0) {
    if constexpr (WholeLines) {
      update_vector(s + i, z + i, x + i, left, next_of, lanes);
    } else {
      T rest[3][k_lanes()] = {};
      copy_few<k_lanes / 2>(s + i, left, rest[0]);
      copy_few<k_lanes / 2>(z + i, left, rest[1]);
      copy_few<k_lanes / 2>(x + i, left, rest[2]);
      update_vector(rest[0], rest[1], rest[2], left, next_of, lanes);
      copy_few<k_lanes / 2>(rest[2], left, x + i);
    }
  }
  norms = lanes;
}

// Loops make φ of some entries at a time, which then lie in the cache.
template <class T>
__attribute__((always_inline)) inline void update_by_loops(const T* s, const T* z, T* x, index_t n,
                                                           const LoopsRow<T>& phi,
                                                           NormLanes<T>& norms) {
  constexpr index_t k_entries = 256;
  alignas(64) T values[k_entries];
  for (index_t i = 0; i < n; i += k_entries) {
    const index_t count = std::min(k_entries, n - i);
    phi.value({s + i, count, 1, count, {}}, {z + i, count, 1, count, {}},
              {values, count, 1, count, {}});
    update_entries<false>(values, values, x + i, count, ValueAsItIs{}, norms);
  }
}

// The same for whole lines of memory, and for neighbouring columns together.
template <class T>
__attribute__((always_inline)) inline void update_by_loops(const PicardUpdate<T>& u,
                                                           std::span<const index_t> columns,
                                                           const LoopsRow<T>& phi,
                                                           std::span<NormLanes<T>> norms) {
  constexpr index_t k_lanes = NormLanes<T>::k_lanes;
  constexpr index_t k_entries = 1024;
  alignas(64) T values[k_entries];
  const index_t rows = (u.X.rows + k_lanes - 1) / k_lanes * k_lanes;
  const index_t most = std::max<index_t>(k_entries / std::max<index_t>(rows, 1), 1);
  if (!u.join)
    for (const index_t j : columns) norms[static_cast<std::size_t>(j)] = {};
  for (std::size_t first = 0; first < columns.size();) {
    const index_t j = columns[first];
    index_t count = 0;
    while (count < most && first < columns.size() && columns[first] == j + count) ++count, ++first;
    for (index_t i = 0; i < rows; i += k_entries) {
      const index_t height = std::min(k_entries, rows - i);
      phi.value({u.S.data + i + j * u.S.ld, height, count, u.S.ld, {}},
                {u.Z.data + i + j * u.Z.ld, height, count, u.Z.ld, {}},
                {values, height, count, height, {}});
      for (index_t c = 0; c < count; ++c)
        update_entries<true>(values + c * height, values + c * height,
                             u.X.data + i + (j + c) * u.X.ld, std::min(height, u.X.rows - i),
                             ValueAsItIs{}, norms[static_cast<std::size_t>(j + c)]);
    }
  }
}

template <bool WholeLines, class T, class Phi>
__attribute__((always_inline)) inline void update_column(const PicardUpdate<T>& u, const Phi& phi,
                                                         index_t j, NormLanes<T>& norms) {
  const T* s = u.S.data + j * u.S.ld;
  const T* z = u.Z.data + j * u.Z.ld;
  T* x = u.X.data + j * u.X.ld;
  if constexpr (std::is_same_v<Phi, LoopsRow<T>>) {
    update_by_loops(s, z, x, u.X.rows, phi, norms);
  } else {
    const ValueOfSum<Phi> next_of{phi};
    // The blocks of a sweep, mostly: a number that is known needs no loop.
    constexpr std::integral_constant<index_t, 32> k_block;
    if (u.X.rows == k_block) {
      update_entries<WholeLines>(s, z, x, k_block, next_of, norms);
    } else {
      update_entries<WholeLines>(s, z, x, u.X.rows, next_of, norms);
    }
  }
}

template <class T>
__attribute__((always_inline)) inline T largest(const Magnitude<T> (&lanes)[64 / sizeof(T)]) {
  Magnitude<T> result = 0;
  for (const Magnitude<T> lane : lanes) result = lane > result ? lane : result;
  return from_magnitude<T>(result);
}

// Of two norms, NaN above all.
template <class T>
T larger_magnitude(T a, T b) {
  return from_magnitude<T>(std::max(magnitude(a), magnitude(b)));
}

}  // namespace

template <class T>
void execute(const PicardUpdate<T>& u, Scratch&) {
  dispatch_loops<T>(u.activation, [&](auto phi) {
    parallel_for(u.X.cols, u.X.rows * decltype(phi)::k_work, [&](index_t j) {
      if (u.status.data[j] != k_running) return;
      with_widest_vectors([&](auto) __attribute__((always_inline)) {
        const auto f = phi;  // whose constants then cannot change with x
        NormLanes<T> norms{};
        update_column<false>(u, f, j, norms);
        const T step = largest<T>(norms.step);
        const T state = largest<T>(norms.state);
        u.step_norms.data[j] = u.join ? larger_magnitude(u.step_norms.data[j], step) : step;
        u.state_norms.data[j] = u.join ? larger_magnitude(u.state_norms.data[j], state) : state;
      });
    });
  });
}

template <class T>
void update_columns(const PicardUpdate<T>& u, std::span<const index_t> columns,
                    std::span<NormLanes<T>> norms) {
  dispatch_loops<T>(u.activation, [&](auto phi) {
    with_widest_vectors([&](auto) __attribute__((always_inline)) {
      const auto f = phi;
      if constexpr (std::is_same_v<decltype(phi), LoopsRow<T>>) {
        update_by_loops(u, columns, f, norms);
      } else {
        for (const index_t j : columns) {
          NormLanes<T>& of_column = norms[static_cast<std::size_t>(j)];
          if (!u.join) of_column = {};
          update_column<true>(u, f, j, of_column);
        }
      }
    });
  });
}

template <class T>
void settle_norms(const PicardUpdate<T>& u, std::span<const index_t> columns,
                  std::span<const NormLanes<T>> norms) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    for (const index_t j : columns) {
      const NormLanes<T>& of_column = norms[static_cast<std::size_t>(j)];
      u.step_norms.data[j] = largest<T>(of_column.step);
      u.state_norms.data[j] = largest<T>(of_column.state);
    }
  });
}

template void execute(const PicardUpdate<float>&, Scratch&);
template void execute(const PicardUpdate<double>&, Scratch&);
template void update_columns(const PicardUpdate<float>&, std::span<const index_t>,
                             std::span<NormLanes<float>>);
template void update_columns(const PicardUpdate<double>&, std::span<const index_t>,
                             std::span<NormLanes<double>>);
template void settle_norms(const PicardUpdate<float>&, std::span<const index_t>,
                           std::span<const NormLanes<float>>);
template void settle_norms(const PicardUpdate<double>&, std::span<const index_t>,
                           std::span<const NormLanes<double>>);

}  // namespace idl::cpu
