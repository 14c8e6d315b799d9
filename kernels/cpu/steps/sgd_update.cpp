// SPDX-License-Identifier: MIT
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/prefetch.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/left_out.hpp"
#include "kernels/optimiser_factors.hpp"

namespace idl::cpu {
namespace {

/// @returns whether all gradients were finite
template <class T>
__attribute__((always_inline)) inline bool sgd_entries(const SgdFactors<T>& factors,
                                                       T* __restrict M, const T* __restrict dM,
                                                       T* __restrict velocity, index_t count) {
  EntryCount<T> left_out = 0;
  for (index_t i = 0; i < count; ++i)
    left_out += sgd_entry(factors, M[i], dM[i], velocity[i]) ? 0 : 1;
  return left_out == 0;
}

template <class T>
void sgd_column(const SgdFactors<T>& of_step, T* M, const T* dM, T* velocity, index_t rows,
                const T* M_ahead, VectorView<std::int32_t> left_out) {
  with_widest_vectors([=](auto) __attribute__((always_inline)) {
    prefetch_for_writing(M_ahead, rows);
    const SgdFactors<T> factors = of_step;  // which then cannot change with M
    if (!sgd_entries(factors, M, dM, velocity, rows)) note_left_out(left_out);
  });
}

}  // namespace

template <class T>
void execute(const SgdUpdate<T>& u, Scratch&) {
  const SgdFactors<T> factors = with_schedule(sgd_factors(u), u.schedule);
  parallel_for(u.M.cols, u.M.rows, [&](index_t j) {
    sgd_column(factors, u.M.data + j * u.M.ld, u.dM.data + j * u.dM.ld,
               u.velocity.data + j * u.velocity.ld, u.M.rows, column_to_prefetch(u.M, j),
               u.left_out);
  });
}

template void execute(const SgdUpdate<float>&, Scratch&);
template void execute(const SgdUpdate<double>&, Scratch&);

}  // namespace idl::cpu
