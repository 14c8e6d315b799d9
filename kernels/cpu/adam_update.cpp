// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/cpu/execute.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_width.hpp"
#include "kernels/math/adam.hpp"

namespace idl::cpu {
namespace {

// A root and two divisions make an entry worth several plain ones.
constexpr index_t k_work_of_entry = 4;

// Full vectors, then the entries that are left in one more: one by one their roots and divisions
// would take as long as those of all others together in a column of 100.
template <class T>
void adam_column(const AdamFactors<T>& factors, T* __restrict M, const T* __restrict dM,
                 T* __restrict m1, T* __restrict m2, index_t rows) {
  constexpr index_t k_lanes = 64 / static_cast<index_t>(sizeof(T));
  with_widest_vectors([=](auto) __attribute__((always_inline)) {
    index_t i = 0;
    for (; i + k_lanes <= rows; i += k_lanes) {
      for (index_t l = i; l < i + k_lanes; ++l) adam_entry(factors, M[l], dM[l], m1[l], m2[l]);
    }
    if (i == rows) return;
    const index_t left = rows - i;
    T rest[4][64 / sizeof(T)] = {};
    std::copy_n(M + i, left, rest[0]);
    std::copy_n(dM + i, left, rest[1]);
    std::copy_n(m1 + i, left, rest[2]);
    std::copy_n(m2 + i, left, rest[3]);
    for (index_t l = 0; l < k_lanes; ++l)
      adam_entry(factors, rest[0][l], rest[1][l], rest[2][l], rest[3][l]);
    std::copy_n(rest[0], left, M + i);
    std::copy_n(rest[2], left, m1 + i);
    std::copy_n(rest[3], left, m2 + i);
  });
}

}  // namespace

template <class T>
void execute(const AdamUpdate<T>& u, Scratch&) {
  const AdamFactors<T> factors = with_schedule(adam_factors(u), u.schedule);
  parallel_for(u.M.cols, u.M.rows * k_work_of_entry, [&](index_t j) {
    adam_column(factors, u.M.data + j * u.M.ld, u.dM.data + j * u.dM.ld, u.m1.data + j * u.m1.ld,
                u.m2.data + j * u.m2.ld, u.M.rows);
  });
}

template void execute(const AdamUpdate<float>&, Scratch&);
template void execute(const AdamUpdate<double>&, Scratch&);

}  // namespace idl::cpu
