// SPDX-License-Identifier: MIT
// result[0] = scale·Σ x_i or scale·max x_i, in two stages.
//
// The vector is cut into at most k_reduce_scratch equal pieces, whose number depends on the size
// alone. One block per piece: each thread takes every 256th element, in double, and the block adds
// its threads in a fixed tree. One more block combines the pieces in the same manner. 1 read of the
// vector. A vector of one piece takes one launch.
#include <cmath>

#include "idl/cuda/device/collectives.cuh"
#include "kernels/cuda/runtime/launchers.hpp"
#include "kernels/math/extrema.hpp"

namespace idl::cuda {
namespace {

constexpr int k_reduce_threads = 256;
constexpr index_t k_least_piece = 4096;

struct Larger {
  __device__ double operator()(double a, double b) const { return larger(a, b); }
};

/// to[b] = scale·(op over the elements of piece b).
template <class T, class To, class Op>
__global__ void reduce_kernel(const T* x, index_t size, index_t piece, double scale, To* to,
                              double nothing, Op op) {
  __shared__ SharedArray<double, k_reduce_threads / k_warp> shared;
  const index_t first = static_cast<index_t>(blockIdx.x) * piece;
  const index_t last = size - first < piece ? size : first + piece;
  double value = nothing;
  for (index_t i = first + static_cast<index_t>(threadIdx.x); i < last; i += k_reduce_threads) {
    value = op(value, static_cast<double>(x[i]));
  }
  value = block_reduce<k_reduce_threads>(value, op, shared);
  if (threadIdx.x == 0) to[blockIdx.x] = static_cast<To>(scale * value);
}

LaunchShape blocks(index_t count) {
  return {.grid = dim3(static_cast<unsigned>(count)),
          .block = dim3(static_cast<unsigned>(k_reduce_threads)),
          .shared_bytes = 0};
}

template <class T, class Op>
void reduce_by(Op op, double nothing, const Reduce<T>& r, double* scratch, CUstream_st* stream) {
  const auto scale = static_cast<double>(r.scale);
  const index_t even = (r.x.size + k_reduce_scratch - 1) / k_reduce_scratch;
  const index_t piece = even < k_least_piece ? k_least_piece : even;
  const index_t pieces = (r.x.size + piece - 1) / piece;
  if (pieces <= 1) {
    launch(reduce_kernel<T, T, Op>, blocks(1), stream, r.x.data, r.x.size, piece, scale,
           r.result.data, nothing, op);
    return;
  }
  launch(reduce_kernel<T, double, Op>, blocks(pieces), stream, r.x.data, r.x.size, piece, 1.0,
         scratch, nothing, op);
  launch(reduce_kernel<double, T, Op>, blocks(1), stream, scratch, pieces, pieces, scale,
         r.result.data, nothing, op);
}

}  // namespace

/// Writes 0 where there are no elements.
template <class T>
void reduce(const Reduce<T>& r, double* scratch, CUstream_st* stream) {
  if (r.kind == ReduceKind::sum) {
    reduce_by(Plus{}, 0.0, r, scratch, stream);
  } else {
    reduce_by(Larger{}, r.x.size == 0 ? 0.0 : -INFINITY, r, scratch, stream);
  }
}

template void reduce(const Reduce<float>&, double*, CUstream_st*);
template void reduce(const Reduce<double>&, double*, CUstream_st*);

}  // namespace idl::cuda
