// SPDX-License-Identifier: MIT
// The solvers with A = LRᵀ: states, adjoints and what the reports say of them, against the dense A
// in a wider type.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "host/solver/fixed_point_solver.hpp"
#include "tests/host/dense_oracle.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

constexpr index_t k_samples = 6;
constexpr index_t k_inputs = 3;

template <class C>
class LowRankSolve : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;
  using Wide = std::conditional_t<std::is_same_v<Scalar, float>, double, long double>;

  /// The factors of a contraction, each with half of the budget: ‖L‖∞ = ‖Rᵀ‖∞ = √κ.
  void make(index_t n, index_t rank, double kappa) {
    const double half = std::sqrt(kappa);
    L_ = this->matrix(n, rank, factor(n, rank, half, true));
    R_ = this->matrix(n, rank, factor(n, rank, half, false));
    B_ = this->matrix(n, k_inputs, random_.uniforms(n * k_inputs, -1.0, 1.0));
    C_ = this->matrix(1, n, random_.uniforms(n, -1.0, 1.0));
    U_ = this->matrix(k_inputs, k_samples, random_.uniforms(k_inputs * k_samples, -0.1, 0.1));
    dY_ = this->matrix(1, k_samples, std::vector<double>(k_samples, 1.0));
    X_ = Matrix<Scalar>(this->context(), n, k_samples);
    V_ = Matrix<Scalar>(this->context(), n, k_samples);
  }
  std::vector<double> factor(index_t n, index_t rank, double norm, bool by_rows) {
    std::vector<double> F = random_.uniforms(n * rank, -1.0, 1.0);
    const auto rows = static_cast<std::size_t>(n);
    const auto cols = static_cast<std::size_t>(rank);
    for (std::size_t a = 0; a < (by_rows ? rows : cols); ++a) {
      double sum = 0.0;
      const auto at = [&](std::size_t b) -> double& {
        return F[by_rows ? a + b * rows : b + a * rows];
      };
      for (std::size_t b = 0; b < (by_rows ? cols : rows); ++b) sum += std::abs(at(b));
      for (std::size_t b = 0; b < (by_rows ? cols : rows); ++b) at(b) *= norm / sum;
    }
    return F;
  }

  LowRankMap<Scalar> A() const { return {.L = L_, .R = R_}; }
  solver::EquilibriumProblem<Scalar> equilibrium() {
    return {.A = A(), .B = DenseMap<Scalar>{B_}, .U = U_, .X = X_, .activation = {}};
  }
  Dense<Wide> wide(ConstMatrixView<Scalar> view) {
    return {static_cast<std::size_t>(view.rows), static_cast<std::size_t>(view.cols),
            this->fetch(view)};
  }

  void check(index_t n, index_t rank, const SolverOptions& options);

  Matrix<Scalar> L_, R_, B_, C_, U_, dY_, X_, V_;
  RandomValues random_{17};
};

template <class C>
void LowRankSolve<C>::check(index_t n, index_t rank, const SolverOptions& options) {
  make(n, rank, 0.9);
  solver::FixedPointSolver<Scalar> forward(this->context(), equilibrium(), options);
  forward.launch();
  const SolveReport state = forward.report();
  solver::FixedPointSolver<Scalar> backward(
      this->context(),
      solver::AdjointProblem<Scalar>{.A = A(),
                                     .C = DenseMap<Scalar>{C_},
                                     .Z = forward.forcing(),
                                     .X = X_,
                                     .dY = dY_,
                                     .V = V_,
                                     .activation = {}},
      options);
  backward.launch();
  const SolveReport adjoint = backward.report();
  EXPECT_TRUE(state.all_converged());
  EXPECT_TRUE(adjoint.all_converged());
  EXPECT_LE(state.contraction, 0.9 * 1.001);
  const Dense<Wide> dense = multiply(wide(L_), transpose(wide(R_)));
  const Dense<Wide> Z = multiply(wide(B_), wide(U_));
  const Dense<Wide> G = wide(C_);
  const Dense<Wide> X = wide(X_);
  const Dense<Wide> V = wide(V_);
  const auto size = static_cast<std::size_t>(n);
  for (std::size_t j = 0; j < k_samples; ++j) {
    std::vector<Wide> z(size), x(size), right(size);
    Dense<Wide> system(size, size);  // I − ΨAᵀ; relu's Ψ is known from X
    for (std::size_t i = 0; i < size; ++i) {
      z[i] = Z(i, j);
      x[i] = X(i, j);
      const Wide psi = X(i, j) > Wide(0) ? Wide(1) : Wide(0);
      for (std::size_t l = 0; l < size; ++l)
        system(i, l) = (i == l ? Wide(1) : Wide(0)) - psi * dense(l, i);
      right[i] = psi * G(0, i);
    }
    const auto exact = solve_equilibrium(dense, z, {}, x);
    const auto v = solve_dense(std::move(system), std::move(right));
    double error = 0.0, adjoint_error = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
      error = std::max(error, static_cast<double>(std::abs(X(i, j) - exact.x[i])));
      adjoint_error += static_cast<double>(std::abs(V(i, j) - v[i]));
    }
    EXPECT_LE(error, state.error_bound[j]);
    EXPECT_LE(adjoint_error, adjoint.error_bound[j]);
    EXPECT_LE(state.error_bound[j], 1e-2);
    EXPECT_LE(adjoint.error_bound[j], 1e-1);
  }
}

TYPED_TEST_SUITE(LowRankSolve, AllCases, CaseNames);

TYPED_TEST(LowRankSolve, BoundsItsErrorsAgainstTheDenseModel) {
  const SolverOptions certified = {
      .forward = {.absolute = 1e-4, .rule = StopRule::certified_bound},
      .adjoint = {.absolute = 1e-3, .rule = StopRule::certified_bound}};
  // States may be so large that no absolute tolerance is above their rounding.
  const Tolerance relative = {.relative = 1e-6};
  for (const auto& [n, rank] : {std::pair{1, 1}, {20, 1}, {33, 5}, {40, 0}, {12, 20}}) {
    SCOPED_TRACE(std::to_string(n) + " of rank " + std::to_string(rank));
    this->check(n, rank, {.forward = relative, .adjoint = relative});
    this->check(n, rank, certified);
    this->check(n, rank,
                {.forward = relative,
                 .adjoint = relative,
                 .sweep = Sweep::gauss_seidel,
                 .acceleration = Acceleration::anderson});
    this->check(n, rank, {.batch_invariant = true});
  }
}

TYPED_TEST(LowRankSolve, ASampleIsTheSameAloneAndAfterOneThatIsNotANumber) {
  using T = typename TypeParam::Scalar;
  this->make(40, 4, 0.8);
  const SolverOptions options = {.batch_invariant = true};
  solver::FixedPointSolver<T> solver(this->context(), this->equilibrium(), options);
  solver.launch();
  const auto all = this->fetch(this->X_);
  auto U = this->fetch(this->U_);
  U[0] = std::numeric_limits<T>::quiet_NaN();
  upload<T>(this->context(), U, this->U_);
  solver.launch();
  const SolveReport report = solver.report();
  EXPECT_EQ(report.status[0], SolveStatus::diverged);
  EXPECT_EQ(report.count(SolveStatus::converged), static_cast<std::size_t>(k_samples - 1));
  const auto spoiled = this->fetch(this->X_);
  for (std::size_t e = 40; e < all.size(); ++e) EXPECT_EQ(spoiled[e], all[e]);
}

}  // namespace
}  // namespace idl::test
