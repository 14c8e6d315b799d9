// SPDX-License-Identifier: MIT
// X_i <- f_i(S_i + Σ_j op(A)_ij X_j) row after row, and the norms of each column.
//
// A warp takes a column, lane l its rows l and l + 32, and a block of four warps keeps op(A) in
// shared memory. Each row is broadcast as soon as it is known, and every lane adds it to its own
// rows. Per column: k broadcasts and applications of f, one after the other; 3 or 4 reads and 1
// write of k elements. op(A) is read once for four columns, from the cache.
#include <cmath>

#include "kernels/cuda/device/collectives.cuh"
#include "kernels/cuda/runtime/launchers.hpp"
#include "kernels/loop_updates.hpp"
#include "kernels/math/activations.hpp"
#include "kernels/math/column_status.hpp"

namespace idl::cuda {
namespace {

constexpr int k_rows = static_cast<int>(k_most_substituted_rows);
constexpr int k_parts = k_rows / k_warp;  ///< rows of a lane
constexpr int k_pitch = k_rows + 1;       ///< entries of a row of A go to different banks
constexpr int k_warps = 4;
constexpr int k_threads = k_warps * k_warp;

/// f(S) = φ(S + Z), with norms in ℓ∞.
template <class T, class Phi>
struct PicardRows {
  static constexpr bool k_has_slopes = false;
  Phi phi;

  __device__ T operator()(T s, T z, T) const { return phi(s + z); }
  /// Over the rows of a warp, and `before`.
  __device__ static T norm(const T (&x)[k_parts], T before) {
    Magnitude<T> largest = magnitude(before);
    for (const T value : x) largest = Maximum{}(largest, magnitude(value));
    return from_magnitude<T>(warp_reduce(largest, Maximum{}));
  }
};

/// f(W) = Ψ∘(W + G), with norms in ℓ1.
template <class T>
struct AdjointRows {
  static constexpr bool k_has_slopes = true;

  __device__ T operator()(T w, T g, T psi) const { return psi * (w + g); }
  __device__ static T norm(const T (&v)[k_parts], T before) {
    T sum = T(0);
    for (const T value : v) sum += std::abs(value);
    return before + warp_reduce(sum, Plus{});
  }
};

/// An update, by names that both have.
template <class T>
struct Operands {
  ConstMatrixView<T> S;
  ConstMatrixView<T> forcing;
  ConstMatrixView<T> slopes;
  MatrixView<T> X;
  T* step_norms;
  T* state_norms;
  const std::uint8_t* status;
  bool join;
};

/// triangle[k + i·k_pitch] <- what row i adds to row k, 0 where k does not wait for i.
template <class T, class Shared>
__device__ void gather_triangle(const ConstMatrixView<T>& A, bool transpose, Shared& triangle) {
  const auto n = static_cast<int>(A.rows);
  for (int e = static_cast<int>(threadIdx.x); e < k_rows * k_rows; e += k_threads) {
    const int row = e % k_rows;  // of A, so that neighbours read neighbours
    const int col = e / k_rows;
    const T value = row < col && col < n ? A.data[row + col * A.ld] : T(0);
    triangle[transpose ? col + row * k_pitch : row + col * k_pitch] = value;
  }
}

template <class T>
__device__ void load_rows(const ConstMatrixView<T>& X, index_t j, int lane, T (&rows)[k_parts]) {
  for (int part = 0; part < k_parts; ++part) {
    const int i = lane + part * k_warp;
    rows[part] = i < X.rows ? X.data[i + j * X.ld] : T(0);
  }
}

template <class T, class Rows>
__global__ void substitute_kernel(ConstMatrixView<T> A, bool transpose, Operands<T> u, Rows f) {
  __shared__ SharedArray<T, k_rows * k_pitch> triangle;
  gather_triangle(A, transpose, triangle);
  __syncthreads();
  const int lane = static_cast<int>(threadIdx.x) % k_warp;
  const index_t j =
      static_cast<index_t>(blockIdx.x) * k_warps + static_cast<int>(threadIdx.x) / k_warp;
  if (j >= u.X.cols || u.status[j] != k_running) return;

  const auto n = static_cast<int>(u.X.rows);
  T sums[k_parts];
  T forcing[k_parts];
  T slopes[k_parts] = {};
  T x[k_parts] = {};
  load_rows(u.S, j, lane, sums);
  load_rows(u.forcing, j, lane, forcing);
  if constexpr (Rows::k_has_slopes) load_rows(u.slopes, j, lane, slopes);
  for (int step = 0; step < n; ++step) {
    const int i = transpose ? step : n - 1 - step;
    T next = T(0);
    for (int part = 0; part < k_parts; ++part)
      if (i / k_warp == part) next = f(sums[part], forcing[part], slopes[part]);
    next = __shfl_sync(k_full_warp, next, i % k_warp);
    for (int part = 0; part < k_parts; ++part) {
      const int row = lane + part * k_warp;
      if (row == i) x[part] = next;
      sums[part] += triangle[row + i * k_pitch] * next;
    }
  }
  for (int part = 0; part < k_parts; ++part) {
    const int i = lane + part * k_warp;
    if (i < n) u.X.data[i + j * u.X.ld] = x[part];
  }
  const T norm = Rows::norm(x, u.join ? u.state_norms[j] : T(0));
  if (lane == 0) {
    u.state_norms[j] = norm;
    u.step_norms[j] = norm == norm ? T(0) : norm;
  }
}

template <class T, class Update, class Rows>
void launch_substitution(const Substitute<T>& s, Update u, const Rows& rows, CUstream_st* stream) {
  const auto constants = constants_of(u);
  const Operands<T> operands = {.S = product_of(u),
                                .forcing = *constants.front(),
                                .slopes = *constants.back(),
                                .X = state_of(u),
                                .step_norms = u.step_norms.data,
                                .state_norms = u.state_norms.data,
                                .status = u.status.data,
                                .join = u.join};
  if (operands.X.cols == 0) return;
  const auto blocks = static_cast<unsigned>((operands.X.cols + k_warps - 1) / k_warps);
  launch(substitute_kernel<T, Rows>, {.grid = dim3(blocks), .block = dim3(k_threads)}, stream, s.A,
         s.transpose, operands, rows);
}

}  // namespace

template <class T>
void substitute(const Substitute<T>& s, CUstream_st* stream) {
  if (const auto* picard = std::get_if<PicardUpdate<T>>(&s.update)) {
    dispatch<T>(picard->activation, [&](auto phi) {
      launch_substitution(s, *picard, PicardRows<T, decltype(phi)>{phi}, stream);
    });
  } else {
    launch_substitution(s, std::get<AdjointUpdate<T>>(s.update), AdjointRows<T>{}, stream);
  }
}

template void substitute(const Substitute<float>&, CUstream_st*);
template void substitute(const Substitute<double>&, CUstream_st*);

}  // namespace idl::cuda
