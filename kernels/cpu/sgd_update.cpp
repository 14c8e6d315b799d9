// SPDX-License-Identifier: MIT
#include "kernels/cpu/execute.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_width.hpp"
#include "kernels/math/adam.hpp"

namespace idl::cpu {
namespace {

template <class T>
void sgd_column(const SgdFactors<T>& factors, T* __restrict M, const T* __restrict dM,
                T* __restrict velocity, index_t rows) {
  with_widest_vectors([=](auto) __attribute__((always_inline)) {
    for (index_t i = 0; i < rows; ++i) sgd_entry(factors, M[i], dM[i], velocity[i]);
  });
}

}  // namespace

template <class T>
void execute(const SgdUpdate<T>& u, Scratch&) {
  const SgdFactors<T> factors = with_schedule(sgd_factors(u), u.schedule);
  parallel_for(u.M.cols, u.M.rows, [&](index_t j) {
    sgd_column(factors, u.M.data + j * u.M.ld, u.dM.data + j * u.dM.ld,
               u.velocity.data + j * u.velocity.ld, u.M.rows);
  });
}

template void execute(const SgdUpdate<float>&, Scratch&);
template void execute(const SgdUpdate<double>&, Scratch&);

}  // namespace idl::cpu
