// SPDX-License-Identifier: MIT
// One step of Adam (kernels/math/adam.hpp), entry by entry (entries.cuh). 4 reads and 3 writes of
// the matrix.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/left_out.cuh"
#include "kernels/cuda/runtime/launchers.hpp"
#include "kernels/optimiser_factors.hpp"

namespace idl::cuda {
namespace {

template <class T, int N>
__global__ void adam_update_kernel(AdamUpdate<T> u, AdamFactors<T> fixed, Entries<N> entries) {
  const AdamFactors<T> factors = with_schedule(fixed, u.schedule);
  const EntrySpan at = entries.span();
  by_packs<N>(at.count, [&](auto width, int part) {
    constexpr int W = decltype(width)::value;
    Pack<T, W> M = load_pack<W>(entry_of(u.M, at) + part);
    const Pack<T, W> dM = load_pack<W>(entry_of(u.dM, at) + part);
    Pack<T, W> m1 = load_pack<W>(entry_of(u.m1, at) + part);
    Pack<T, W> m2 = load_pack<W>(entry_of(u.m2, at) + part);
    bool taken = true;
    for (int e = 0; e < W; ++e) taken &= adam_entry(factors, M.x[e], dM.x[e], m1.x[e], m2.x[e]);
    store_pack(entry_of(u.M, at) + part, M);
    store_pack(entry_of(u.m1, at) + part, m1);
    store_pack(entry_of(u.m2, at) + part, m2);
    if (!taken) note_left_out(u.left_out);
  });
}

template <int N, class T>
void launch_update(const AdamUpdate<T>& u, CUstream_st* stream) {
  const Entries<N> entries(u.M.rows, u.M.cols);
  launch(adam_update_kernel<T, N>, entries.shape(), stream, u, adam_factors(u), entries);
}

}  // namespace

template <class T>
void adam_update(const AdamUpdate<T>& update, CUstream_st* stream) {
  AdamUpdate<T> u = update;
  if (u.M.rows == 0 || u.M.cols == 0) return;
  join_columns(u.M, u.dM, u.m1, u.m2);
  packs_fit(u.M, u.dM, u.m1, u.m2) ? launch_update<k_pack<T>>(u, stream)
                                   : launch_update<1>(u, stream);
}

template void adam_update(const AdamUpdate<float>&, CUstream_st*);
template void adam_update(const AdamUpdate<double>&, CUstream_st*);

}  // namespace idl::cuda
