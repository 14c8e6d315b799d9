// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/cpu/runtime/copy_few.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/prefetch.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/left_out.hpp"
#include "kernels/optimiser_factors.hpp"

namespace idl::cpu {
namespace {

// A root and a division make an entry worth several plain ones.
constexpr index_t k_work_of_entry = 4;

/// @returns whether all gradients were finite
template <class T>
__attribute__((always_inline)) inline bool adam_entries(const AdamFactors<T>& factors,
                                                        T* __restrict M, const T* __restrict dM,
                                                        T* __restrict m1, T* __restrict m2,
                                                        index_t count) {
  EntryCount<T> left_out = 0;
  for (index_t i = 0; i < count; ++i)
    left_out += adam_entry(factors, M[i], dM[i], m1[i], m2[i]) ? 0 : 1;
  return left_out == 0;
}

template <class T>
inline constexpr index_t k_lanes = 64 / static_cast<index_t>(sizeof(T));

// Full vectors, then what is left in one more: one by one the roots and divisions of a few entries
// would take as long as those of all others together in a column of 100. It holds the last entries
// and, to be full, some that the others hold too, as they were before.
template <class T>
void adam_column(const AdamFactors<T>& of_step, T* M, const T* dM, T* m1, T* m2, index_t rows,
                 const T* M_ahead, VectorView<std::int32_t> left_out) {
  with_widest_vectors([=](auto) __attribute__((always_inline)) {
    prefetch_for_writing(M_ahead, rows);
    const AdamFactors<T> factors = of_step;  // which then cannot change with M
    const index_t full = rows / k_lanes<T> * k_lanes<T>;
    if (full == rows) {
      if (!adam_entries(factors, M, dM, m1, m2, rows)) note_left_out(left_out);
      return;
    }
    const index_t count = std::min(rows, k_lanes<T>);
    const index_t first = rows - count;
    T last[4][k_lanes<T>] = {};
    copy_few<k_lanes<T>>(M + first, count, last[0]);
    copy_few<k_lanes<T>>(dM + first, count, last[1]);
    copy_few<k_lanes<T>>(m1 + first, count, last[2]);
    copy_few<k_lanes<T>>(m2 + first, count, last[3]);
    const bool all = adam_entries(factors, M, dM, m1, m2, full);
    if (!adam_entries(factors, last[0], last[1], last[2], last[3], k_lanes<T>) || !all)
      note_left_out(left_out);
    copy_few<k_lanes<T>>(last[0], count, M + first);
    copy_few<k_lanes<T>>(last[2], count, m1 + first);
    copy_few<k_lanes<T>>(last[3], count, m2 + first);
  });
}

}  // namespace

template <class T>
void execute(const AdamUpdate<T>& u, Scratch&) {
  const AdamFactors<T> factors = with_schedule(adam_factors(u), u.schedule);
  parallel_for(u.M.cols, u.M.rows * k_work_of_entry, [&](index_t j) {
    adam_column(factors, u.M.data + j * u.M.ld, u.dM.data + j * u.dM.ld, u.m1.data + j * u.m1.ld,
                u.m2.data + j * u.m2.ld, u.M.rows, column_to_prefetch(u.M, j), u.left_out);
  });
}

template void execute(const AdamUpdate<float>&, Scratch&);
template void execute(const AdamUpdate<double>&, Scratch&);

}  // namespace idl::cpu
