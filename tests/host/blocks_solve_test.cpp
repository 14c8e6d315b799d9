// SPDX-License-Identifier: MIT
// One model after another as one solve, A = [A₂ B₂C₁; 0 A₁] and B = [B₂D₁; B₁], against the two
// solves one after the other (El Ghaoui et al. 2021, section 3).
#include <gtest/gtest.h>

#include <cmath>

#include "host/solver/fixed_point_solver.hpp"
#include "tests/host/dense_oracle.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

constexpr index_t k_samples = 6;
constexpr index_t k_inputs = 4;
constexpr index_t k_between = 3;  ///< outputs of the first model, inputs of the second

template <class C>
class BlocksSolve : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;
  using Wide = std::conditional_t<std::is_same_v<Scalar, float>, double, long double>;

  Dense<Wide> wide(ConstMatrixView<Scalar> view) {
    return {static_cast<std::size_t>(view.rows), static_cast<std::size_t>(view.cols),
            this->fetch(view)};
  }
  Matrix<Scalar> drawn(index_t rows, index_t cols, double size) {
    return this->matrix(rows, cols, random_.uniforms(rows * cols, -size, size));
  }
  /// Of n states: a contraction, or with `upper` a strictly upper triangular matrix of any norm.
  Matrix<Scalar> state_matrix(index_t n, bool upper) {
    std::vector<double> A = random_.matrix_of_norm(n, upper ? 3.0 : 0.7);
    for (index_t j = 0; j < n && upper; ++j)
      for (index_t i = j; i < n; ++i) A[static_cast<std::size_t>(i + j * n)] = 0.0;
    return this->matrix(n, n, A);
  }
  LinearMap<Scalar> map_of(const Matrix<Scalar>& A, bool upper) {
    if (upper) return StrictlyUpperMap<Scalar>{A};
    return DenseMap<Scalar>{A};
  }

  void check(index_t n1, index_t n2, bool upper, const SolverOptions& options);

  RandomValues random_{29};
};

template <class C>
void BlocksSolve<C>::check(index_t n1, index_t n2, bool upper, const SolverOptions& options) {
  const auto A1 = state_matrix(n1, upper), A2 = state_matrix(n2, upper);
  const auto B1 = drawn(n1, k_inputs, 1.0), B2 = drawn(n2, k_between, 0.3);
  // B₂C₁ and B₂D₁ have rank k_between: their factors are B₂ and the transposes of C₁ and D₁.
  const auto C1_transposed = drawn(n1, k_between, 0.3 / static_cast<double>(n1));
  const auto D1_transposed = drawn(k_inputs, k_between, 0.3);
  const auto U = drawn(k_inputs, k_samples, 1.0);
  const index_t n = n1 + n2;
  const BlocksMap<Scalar> A = {{n2, n1},
                               {n2, n1},
                               {{0, 0, map_of(A2, upper)},
                                {0, 1, LowRankMap<Scalar>{.L = B2, .R = C1_transposed}},
                                {1, 1, map_of(A1, upper)}}};
  const BlocksMap<Scalar> B = {
      {n2, n1},
      {k_inputs},
      {{0, 0, LowRankMap<Scalar>{.L = B2, .R = D1_transposed}}, {1, 0, DenseMap<Scalar>{B1}}}};
  const auto C2 = drawn(1, n, 1.0);
  const auto dY = this->matrix(1, k_samples, std::vector<double>(k_samples, 1.0));
  Matrix<Scalar> X(this->context(), n, k_samples), V(this->context(), n, k_samples);
  solver::FixedPointSolver<Scalar> forward(
      this->context(),
      solver::EquilibriumProblem<Scalar>{.A = A, .B = B, .U = U, .X = X, .activation = {}},
      options);
  forward.launch();
  const SolveReport state = forward.report();
  solver::FixedPointSolver<Scalar> backward(
      this->context(),
      solver::AdjointProblem<Scalar>{.A = A,
                                     .C = DenseMap<Scalar>{C2},
                                     .Z = forward.forcing(),
                                     .X = X,
                                     .dY = dY,
                                     .V = V,
                                     .activation = {}},
      options);
  backward.launch();
  const SolveReport adjoint = backward.report();
  EXPECT_TRUE(state.all_converged());
  EXPECT_TRUE(adjoint.all_converged());
  EXPECT_EQ(forward.strategy() == LoopStrategy::substitution, upper);
  EXPECT_EQ(backward.strategy() == LoopStrategy::substitution, upper);

  const Dense<Wide> G = wide(C2), got = wide(X), got_V = wide(V), u = wide(U);
  const Dense<Wide> Z1 = multiply(wide(B1), u);
  const Dense<Wide> B2C1 = multiply(wide(B2), transpose(wide(C1_transposed)));
  const Dense<Wide> B2D1 = multiply(wide(B2), transpose(wide(D1_transposed)));
  const Dense<Wide> Z2 = multiply(B2D1, u);
  const auto first = static_cast<std::size_t>(n1), second = static_cast<std::size_t>(n2);
  const Dense<Wide> wide_A1 = wide(A1), wide_A2 = wide(A2);
  const auto solve = [&](const Dense<Wide>& matrix, const std::vector<Wide>& z) {
    // Substitution, or an iteration to the last digit of a contraction by 0.7.
    std::vector<Wide> x(z.size(), Wide(0));
    for (int k = 0; k < (upper ? 1 : 130); ++k)
      for (std::size_t i = z.size(); i-- > 0;) {
        Wide s = z[i];
        for (std::size_t l = 0; l < z.size(); ++l) s += matrix(i, l) * x[l];
        x[i] = std::max(s, Wide(0));
      }
    return x;
  };
  for (std::size_t j = 0; j < k_samples; ++j) {
    std::vector<Wide> z1(first), z2(second);
    for (std::size_t i = 0; i < first; ++i) z1[i] = Z1(i, j);
    const auto x1 = solve(wide_A1, z1);
    for (std::size_t i = 0; i < second; ++i) {
      z2[i] = Z2(i, j);
      for (std::size_t l = 0; l < first; ++l) z2[i] += B2C1(i, l) * x1[l];
    }
    const auto x2 = solve(wide_A2, z2);
    Wide error = 0;
    for (std::size_t i = 0; i < second; ++i) error = std::max(error, std::abs(got(i, j) - x2[i]));
    for (std::size_t i = 0; i < first; ++i)
      error = std::max(error, std::abs(got(second + i, j) - x1[i]));
    // Of LRᵀ no magnitudes are known: without a norm below 1 the bound is +inf.
    EXPECT_LE(static_cast<double>(error), state.error_bound[j]);
    EXPECT_LE(static_cast<double>(error), 1e-3);

    // V = Ψ∘(AᵀV + G), whose ones and zeros relu tells exactly.
    const auto slope = [&](std::size_t i) { return got(i, j) > Wide(0) ? Wide(1) : Wide(0); };
    Wide residual = 0;
    for (std::size_t i = 0; i < first + second; ++i) {
      Wide s = G(0, i);
      for (std::size_t l = 0; l < second; ++l)
        s += (i < second ? wide_A2(l, i) : B2C1(l, i - second)) * got_V(l, j);
      for (std::size_t l = 0; l < first && i >= second; ++l)
        s += wide_A1(l, i - second) * got_V(second + l, j);
      residual += std::abs(slope(i) * s - got_V(i, j));
    }
    EXPECT_LE(static_cast<double>(residual), 1e-2);
    EXPECT_LE(static_cast<double>(residual), adjoint.residual[j]);
  }
}

TYPED_TEST_SUITE(BlocksSolve, AllCases, CaseNames);

TYPED_TEST(BlocksSolve, OneModelAfterAnotherIsASolveOfBlocks) {
  for (const auto& [n1, n2] : {std::pair{1, 1}, {7, 20}, {33, 12}}) {
    SCOPED_TRACE(std::to_string(n1) + " and " + std::to_string(n2));
    this->check(n1, n2, false, {});
    this->check(n1, n2, false,
                {.sweep = Sweep::gauss_seidel, .acceleration = Acceleration::anderson});
    this->check(n1, n2, false, {.batch_invariant = true});
  }
}

TYPED_TEST(BlocksSolve, NilpotentModelsAreSubstitutedBlockByBlock) {
  for (const auto& [n1, n2] : {std::pair{1, 1}, {7, 20}, {70, 12}}) {
    SCOPED_TRACE(std::to_string(n1) + " and " + std::to_string(n2));
    this->check(n1, n2, true, {});
  }
}

}  // namespace
}  // namespace idl::test
