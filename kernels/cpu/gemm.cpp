// SPDX-License-Identifier: MIT
#include "kernels/cpu/gemm.hpp"

#include <cblas.h>

#include <algorithm>
#include <limits>

#include "kernels/cpu/blas_library.hpp"
#include "kernels/cpu/execute.hpp"
#include "kernels/cpu/flush_subnormals.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_width.hpp"

namespace idl::cpu {
namespace {

// C <- beta C.
template <class T>
void scale(const MatrixView<T>& C, T beta) {
  for (index_t j = 0; j < C.cols; ++j) {
    T* column = C.data + j * C.ld;
    if (beta == T(0)) {
      std::fill_n(column, C.rows, T(0));  // not 0·C, which would keep NaN
    } else if (beta != T(1)) {
      for (index_t i = 0; i < C.rows; ++i) column[i] *= beta;
    }
  }
}

bool fits_int(index_t value) { return value <= std::numeric_limits<int>::max(); }

// A leading dimension that BLAS accepts: the distance of columns does not matter for fewer than
// two.
template <class View>
index_t blas_ld(const View& view) {
  return std::max<index_t>(view.cols > 1 ? view.ld : view.rows, 1);
}

template <class T>
bool fits_blas(const Gemm<T>& g) {
  const auto fits = [](const auto& view) {
    return fits_int(view.rows) && fits_int(view.cols) && fits_int(blas_ld(view));
  };
  return fits(g.A) && fits(g.B) && fits(g.C);
}

BlasVectors own_vectors() {
  switch (widest_vectors()) {
    case VectorSet::avx512:
      return BlasVectors::avx512;
    case VectorSet::avx2:
      return BlasVectors::avx2;
    case VectorSet::baseline:
      break;
  }
  return BlasVectors::narrow;
}

double flops(const auto& g) {
  const auto k = static_cast<double>(g.transpose_A ? g.A.rows : g.A.cols);
  return 2.0 * static_cast<double>(g.C.rows) * static_cast<double>(g.C.cols) * k;
}

// Whether the loops of this library outrun the BLAS. They do where the vectors that it takes are
// narrower than the machine's: by 1.6 to 1.9 with AVX-512 against AVX2 kernels, by 4 to 5 against
// SSE3 kernels, which OpenBLAS 0.3.21 takes on processors that are younger than it. And they do in
// small products where the vectors are the same: with two threads, solves take up to 12 % and a
// training step of n = 100 16 % less time. Not for a few columns with Aᵀ, whose packing is not
// worth it then.
template <class T>
bool outruns_blas(const Gemm<T>& g) {
  static const BlasVectors own = own_vectors();
  static const BlasVectors others = blas_vectors();
  constexpr index_t k_few_columns = 8;
  constexpr double k_small = 2e8;
  if (own == BlasVectors::narrow || own < others) return false;
  return (own > others || flops(g) < k_small) && (!g.transpose_A || g.C.cols >= k_few_columns);
}

// Whether the BLAS's threads and this library's stand in each other's way, or the latter idle. A
// BLAS with a pool of its own (Debian's libopenblas0-pthread) makes solves of n = 100 to 300 take
// 3 to 9 times as long; only in large products is that waiting short against the work.
template <class T>
bool disturbs_threads(const Gemm<T>& g) {
  static const BlasThreads blas = blas_threads();
  constexpr double k_large = 8e9;
  if (thread_count() == 1) return false;
  if (blas == BlasThreads::none) return !in_parallel();
  return blas == BlasThreads::own && (in_parallel() || flops(g) < k_large);
}

template <class T, class Blas>
void call_blas(const Gemm<T>& g, Blas* blas) {
  const FlushSubnormals flush;
  const auto k = static_cast<int>(g.transpose_A ? g.A.rows : g.A.cols);
  blas(CblasColMajor, g.transpose_A ? CblasTrans : CblasNoTrans,
       g.transpose_B ? CblasTrans : CblasNoTrans, static_cast<int>(g.C.rows),
       static_cast<int>(g.C.cols), k, g.alpha, g.A.data, static_cast<int>(blas_ld(g.A)), g.B.data,
       static_cast<int>(blas_ld(g.B)), g.beta, g.C.data, static_cast<int>(blas_ld(g.C)));
}

}  // namespace

template <class T>
bool takes_fixed_order(const Gemm<T>& g) {
  return g.batch_invariant || outruns_blas(g) || disturbs_threads(g) || !fits_blas(g);
}

template bool takes_fixed_order(const Gemm<float>&);
template bool takes_fixed_order(const Gemm<double>&);

template <class T>
void execute(const Gemm<T>& g, Scratch& scratch) {
  if (g.C.rows == 0 || g.C.cols == 0) return;
  const index_t k = g.transpose_A ? g.A.rows : g.A.cols;
  if (k == 0) {
    scale(g.C, g.beta);
  } else if (takes_fixed_order(g)) {
    fixed_order_gemm(g, scratch);
  } else if constexpr (std::is_same_v<T, float>) {
    call_blas(g, &cblas_sgemm);
  } else {
    call_blas(g, &cblas_dgemm);
  }
}

template void execute(const Gemm<float>&, Scratch&);
template void execute(const Gemm<double>&, Scratch&);

}  // namespace idl::cpu
