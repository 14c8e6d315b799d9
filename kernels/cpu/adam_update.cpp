// SPDX-License-Identifier: MIT
#include "kernels/cpu/execute.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_width.hpp"
#include "kernels/math/adam.hpp"

namespace idl::cpu {
namespace {

// A root and two divisions make an entry worth several plain ones.
constexpr index_t k_work_of_entry = 4;

template <class T>
void adam_column(const AdamFactors<T>& factors, T* __restrict M, const T* __restrict dM,
                 T* __restrict m1, T* __restrict m2, index_t rows) {
  with_widest_vectors([=](auto) __attribute__((always_inline)) {
    for (index_t i = 0; i < rows; ++i) adam_entry(factors, M[i], dM[i], m1[i], m2[i]);
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
