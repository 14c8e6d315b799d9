// SPDX-License-Identifier: MIT
#include "bench/small_calls/eigen_loop.hpp"

#include <Eigen/Dense>
#include <algorithm>

namespace idl::bench {
namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <class T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

/// `Columns` is a matrix, or for one sample a vector, for which Eigen has loops of their own.
template <class T, class Columns>
struct Work {
  Columns X, next, Z, Y;

  int run(const Matrix<T>& A, const Matrix<T>& B, const Matrix<T>& C, const Matrix<T>& D,
          const Eigen::Map<const Columns>& U, T tolerance, int most) {
    Z.noalias() = B * U;
    X.setZero(A.rows(), U.cols());
    next.resize(A.rows(), U.cols());
    int done = 0;
    for (T change = tolerance + T(1); change > tolerance && done < most; ++done) {
      next.noalias() = A * X;
      next = (next + Z).cwiseMax(T(0));
      change = (next - X).cwiseAbs().maxCoeff();
      X.swap(next);
    }
    Y.noalias() = C * X;
    Y.noalias() += D * U;
    return done;
  }
};

}  // namespace

template <class T>
struct EigenLoop<T>::Matrices {
  Matrix<T> A, B, C, D;
  std::int64_t samples;
  Work<T, Matrix<T>> many;
  Work<T, Vector<T>> one;
};

template <class T>
EigenLoop<T>::EigenLoop(std::int64_t n, std::int64_t p, std::int64_t q, std::int64_t m, const T* A,
                        const T* B, const T* C, const T* D) {
  using Given = Eigen::Map<const Matrix<T>>;
  matrices_.reset(
      new Matrices{Given(A, n, n), Given(B, n, p), Given(C, q, n), Given(D, q, p), m, {}, {}});
}

template <class T>
EigenLoop<T>::~EigenLoop() = default;

template <class T>
int EigenLoop<T>::run(const T* U, T* Y, T tolerance, int most) {
  const Matrix<T>& A = matrices_->A;
  const Matrix<T>& B = matrices_->B;
  const Matrix<T>& C = matrices_->C;
  const Matrix<T>& D = matrices_->D;
  const auto solve = [&](auto& work, const auto& inputs) {
    const int iterations = work.run(A, B, C, D, inputs, tolerance, most);
    std::copy_n(work.Y.data(), work.Y.size(), Y);
    return iterations;
  };
  const std::int64_t m = matrices_->samples;
  if (m == 1) return solve(matrices_->one, Eigen::Map<const Vector<T>>(U, B.cols()));
  return solve(matrices_->many, Eigen::Map<const Matrix<T>>(U, B.cols(), m));
}

template class EigenLoop<float>;
template class EigenLoop<double>;

}  // namespace idl::bench
