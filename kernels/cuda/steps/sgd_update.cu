// SPDX-License-Identifier: MIT
// One step of SGD (kernels/math/adam.hpp), entry by entry (entries.cuh). 3 reads and 2 writes of
// the matrix.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/left_out.cuh"
#include "kernels/cuda/runtime/launchers.hpp"
#include "kernels/optimiser_factors.hpp"

namespace idl::cuda {
namespace {

template <class T, int N>
__global__ void sgd_update_kernel(SgdUpdate<T> u, SgdFactors<T> fixed, Entries<N> entries) {
  const SgdFactors<T> factors = with_schedule(fixed, u.schedule);
  const EntrySpan at = entries.span();
  by_packs<N>(at.count, [&](auto width, int part) {
    constexpr int W = decltype(width)::value;
    Pack<T, W> M = load_pack<W>(entry_of(u.M, at) + part);
    const Pack<T, W> dM = load_pack<W>(entry_of(u.dM, at) + part);
    Pack<T, W> velocity = load_pack<W>(entry_of(u.velocity, at) + part);
    bool taken = true;
    for (int e = 0; e < W; ++e) taken &= sgd_entry(factors, M.x[e], dM.x[e], velocity.x[e]);
    store_pack(entry_of(u.M, at) + part, M);
    store_pack(entry_of(u.velocity, at) + part, velocity);
    if (!taken) note_left_out(u.left_out);
  });
}

template <int N, class T>
void launch_update(const SgdUpdate<T>& u, CUstream_st* stream) {
  const Entries<N> entries(u.M.rows, u.M.cols);
  launch(sgd_update_kernel<T, N>, entries.shape(), stream, u, sgd_factors(u), entries);
}

}  // namespace

template <class T>
void sgd_update(const SgdUpdate<T>& update, CUstream_st* stream) {
  SgdUpdate<T> u = update;
  if (u.M.rows == 0 || u.M.cols == 0) return;
  join_columns(u.M, u.dM, u.velocity);
  packs_fit(u.M, u.dM, u.velocity) ? launch_update<k_pack<T>>(u, stream)
                                   : launch_update<1>(u, stream);
}

template void sgd_update(const SgdUpdate<float>&, CUstream_st*);
template void sgd_update(const SgdUpdate<double>&, CUstream_st*);

}  // namespace idl::cuda
