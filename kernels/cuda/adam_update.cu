// SPDX-License-Identifier: MIT
// One step of Adam (kernels/math/adam.hpp), entry by entry (entries.cuh). 4 reads and 3 writes of
// the matrix.
#include "kernels/cuda/entries.cuh"
#include "kernels/cuda/launchers.hpp"
#include "kernels/math/adam.hpp"

namespace idl::cuda {
namespace {

template <class T, int N>
__global__ void adam_update_kernel(AdamUpdate<T> u, AdamFactors<T> factors, Entries<N> entries) {
  const EntrySpan at = entries.span();
  Pack<T, N> M = load_pack<N>(entry_of(u.M, at), at.count);
  const Pack<T, N> dM = load_pack<N>(entry_of(u.dM, at), at.count);
  Pack<T, N> m1 = load_pack<N>(entry_of(u.m1, at), at.count);
  Pack<T, N> m2 = load_pack<N>(entry_of(u.m2, at), at.count);
  for (int e = 0; e < N; ++e) adam_entry(factors, M.x[e], dM.x[e], m1.x[e], m2.x[e]);
  store_pack(entry_of(u.M, at), M, at.count);
  store_pack(entry_of(u.m1, at), m1, at.count);
  store_pack(entry_of(u.m2, at), m2, at.count);
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
