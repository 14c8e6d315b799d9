// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "host/backend_of.hpp"
#include "kernels/backend.hpp"
#include "tests/host/dense_oracle.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// The error bounds of the reports against dense solves in a wider type: double for float, long
/// double for double.
namespace idl::test {
namespace {

template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;

struct Problem {
  ModelShape shape;
  index_t samples = 0;
  Activation activation;
  double kappa = 0;  ///< L_φ‖A‖∞
  SolverOptions solver;
};

Tolerance random_tolerance(RandomValues& random) {
  constexpr std::int32_t k_iterations[] = {1, 7, 60, 300, 4000};
  constexpr double k_tolerances[] = {1e-2, 3e-6, 1e-9, 1e-14};
  return {.max_iterations = k_iterations[random.integer(0, 4)],
          .absolute = k_tolerances[random.integer(0, 3)],
          .relative = random.unit() < 0.5 ? 0.0 : k_tolerances[random.integer(0, 3)],
          .rule = random.unit() < 0.5 ? StopRule::step : StopRule::certified_bound};
}

Problem random_problem(RandomValues& random) {
  Problem problem;
  problem.shape.states = static_cast<index_t>(std::pow(64.0, random.unit()) + 0.5);
  problem.shape.inputs = random.integer(1, 8);
  problem.shape.outputs = random.integer(1, 5);
  problem.samples = random.integer(1, 4);
  const auto kinds = all_activations();
  problem.activation.kind =
      kinds[static_cast<std::size_t>(random.integer(0, static_cast<index_t>(kinds.size()) - 1))];
  problem.activation.alpha = random.uniform(-1.5, 1.5);
  // Half of them in the part where bounds are hard to keep.
  problem.kappa = random.unit() < 0.5 ? random.uniform(0.1, 0.9) : 1.0 - random.uniform(0.001, 0.1);
  problem.solver.forward = random_tolerance(random);
  problem.solver.adjoint = random_tolerance(random);
  problem.solver.batch_invariant = random.unit() < 0.2;
  return problem;
}

template <class C>
class Certificates : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;
  using R = Wide<Scalar>;

  ImplicitModel<Scalar> random_model(RandomValues& random, const Problem& problem) {
    ImplicitModel<Scalar> model(
        this->context(), problem.shape,
        {.activation = problem.activation, .well_posedness = WellPosedness::none()});
    const auto [n, p, q] = problem.shape;
    this->put(model.A(),
              random.matrix_of_norm(n, problem.kappa / lipschitz_constant(problem.activation)));
    this->put(model.B(), random.uniforms(n * p, -1.0, 1.0));
    this->put(model.C(), random.uniforms(q * n, -1.0, 1.0));
    this->put(model.D(), random.uniforms(q * p, -1.0, 1.0));
    return model;
  }

  Dense<R> wide(ConstMatrixView<Scalar> view) {
    return {static_cast<std::size_t>(view.rows), static_cast<std::size_t>(view.cols),
            this->fetch(view)};
  }
  static std::vector<R> column(const Dense<R>& X, index_t j) {
    const auto first = X.values.begin() + static_cast<std::ptrdiff_t>(X.rows) * j;
    return {first, first + static_cast<std::ptrdiff_t>(X.rows)};
  }
  static R max_norm(const std::vector<R>& x) {
    R worst = R(0);
    for (const R value : x) worst = std::max(worst, std::abs(value));
    return worst;
  }

  void check_state(const ImplicitModel<Scalar>& model, BatchPass<Scalar>& pass,
                   const SolveReport& report);
  void check_adjoint(const ImplicitModel<Scalar>& model, BatchPass<Scalar>& pass, bool invariant,
                     const SolveReport& report);

  /// max error/bound seen, to tell a sharp bound from an empty one.
  double tightest_state_ = 0;
  double tightest_adjoint_ = 0;
};

/// Error and residual of each column of X against the wide solution.
template <class C>
void Certificates<C>::check_state(const ImplicitModel<Scalar>& model, BatchPass<Scalar>& pass,
                                  const SolveReport& report) {
  const Activation& activation = model.options().activation;
  const Dense<R> A = wide(model.A());
  const Dense<R> B = wide(model.B());
  const Dense<R> U = wide(pass.U());
  const Dense<R> X = wide(pass.X());
  const Dense<R> Z = multiply(B, U);
  const R kappa = static_cast<R>(lipschitz_constant(activation)) * inf_norm(A);
  const R roundings = static_cast<R>(A.rows + B.cols + 16) * std::numeric_limits<R>::epsilon();
  for (index_t j = 0; j < pass.samples(); ++j) {
    const std::vector<R> x = column(X, j);
    const std::vector<R> z = column(Z, j);
    const Equilibrium<R> solution = solve_equilibrium(A, z, activation, x);
    // What the wide evaluation of φ(Ax+z) may itself be wrong by.
    const R noise = roundings * (inf_norm(A) * max_norm(x) + inf_norm(B) * max_norm(column(U, j)) +
                                 max_norm(x) + R(1));
    R residual = R(0);
    R error = R(0);
    std::vector<R> f = affine(A, x, z);
    for (std::size_t i = 0; i < x.size(); ++i) {
      residual = std::max(residual, std::abs(phi(activation, f[i]) - x[i]));
      error = std::max(error, std::abs(x[i] - solution.x[i]));
    }
    const auto k = static_cast<std::size_t>(j);
    const R uncertain = (solution.residual + noise) / (R(1) - kappa);
    ASSERT_LE(static_cast<double>(residual - noise), report.residual[k]) << "column " << j;
    ASSERT_LE(static_cast<double>(error - uncertain), report.error_bound[k]) << "column " << j;
    ASSERT_TRUE(std::isfinite(report.error_bound[k])) << "column " << j;
    if (error > R(10) * uncertain)
      tightest_state_ =
          std::max(tightest_state_, static_cast<double>(error) / report.error_bound[k]);
  }
}

/// ℓ1 error of each column of V against V = Ψ∘(AᵀV + G), for the Ψ and G that the device computes.
template <class C>
void Certificates<C>::check_adjoint(const ImplicitModel<Scalar>& model, BatchPass<Scalar>& pass,
                                    bool invariant, const SolveReport& report) {
  Context& context = this->context();
  Backend& backend = *backend_of(context);
  const index_t n = model.shape().states;
  const index_t m = pass.samples();
  Matrix<Scalar> Z(context, n, m);
  Matrix<Scalar> Psi(context, n, m);
  Matrix<Scalar> G(context, n, m);
  using Product = Gemm<Scalar>;
  backend.run(Product{.A = model.B(), .B = pass.U(), .C = Z, .batch_invariant = invariant});
  backend.run(Product{.A = model.A(), .B = pass.X(), .C = Psi, .batch_invariant = invariant});
  backend.run(ActivationDerivative<Scalar>{
      .S = Psi, .Z = Z, .Psi = Psi, .activation = model.options().activation});
  backend.run(Product{
      .A = model.C(), .B = pass.dY(), .C = G, .transpose_A = true, .batch_invariant = invariant});

  const Dense<R> A = wide(model.A());
  const Dense<R> psi = wide(Psi.view());
  const Dense<R> g = wide(G.view());
  const Dense<R> V = wide(pass.V());
  const R kappa = static_cast<R>(lipschitz_constant(model.options().activation)) * inf_norm(A);
  for (index_t j = 0; j < m; ++j) {
    const auto k = static_cast<std::size_t>(j);
    Dense<R> system(A.rows, A.rows);  // I − ΨAᵀ
    std::vector<R> right(A.rows);
    for (std::size_t i = 0; i < A.rows; ++i) {
      for (std::size_t l = 0; l < A.rows; ++l)
        system(i, l) = (i == l ? R(1) : R(0)) - psi(i, k) * A(l, i);
      right[i] = psi(i, k) * g(i, k);
    }
    const std::vector<R> exact = solve_dense(std::move(system), std::move(right));
    R error = R(0);
    R size = R(0);
    for (std::size_t i = 0; i < A.rows; ++i) {
      error += std::abs(V(i, k) - exact[i]);
      size += std::abs(exact[i]);
    }
    // Backward error of LU on a well-conditioned system.
    const R uncertain =
        R(16) * static_cast<R>(n) * std::numeric_limits<R>::epsilon() * size / (R(1) - kappa);
    ASSERT_LE(static_cast<double>(error - uncertain), report.error_bound[k]) << "column " << j;
    ASSERT_TRUE(std::isfinite(report.error_bound[k])) << "column " << j;
    if (error > R(10) * uncertain)
      tightest_adjoint_ =
          std::max(tightest_adjoint_, static_cast<double>(error) / report.error_bound[k]);
  }
}

TYPED_TEST_SUITE(Certificates, AllCases, CaseNames);

TYPED_TEST(Certificates, BoundTheErrorsOfAThousandRandomModels) {
  using T = typename TypeParam::Scalar;
  const std::uint64_t models = TypeParam::k_device == DeviceKind::cpu ? 1000 : 200;
  for (std::uint64_t seed = 0; seed < models; ++seed) {
    SCOPED_TRACE("model " + std::to_string(seed));
    RandomValues random(seed);
    const Problem problem = random_problem(random);
    const ImplicitModel<T> model = this->random_model(random, problem);
    BatchPass<T> pass(this->context(), model, problem.samples, {.solver = problem.solver});
    const double scale = std::pow(10.0, random.uniform(-2.0, 2.0));
    this->put(pass.U(), random.uniforms(problem.shape.inputs * problem.samples, -scale, scale));
    this->put(pass.dY(), random.uniforms(problem.shape.outputs * problem.samples, -1.0, 1.0));
    const SolveReport forward = pass.forward();
    ASSERT_NO_FATAL_FAILURE(this->check_state(model, pass, forward));
    const SolveReport backward = pass.backward();
    ASSERT_NO_FATAL_FAILURE(
        this->check_adjoint(model, pass, problem.solver.batch_invariant, backward));
    // Few iterations and tolerances below rounding are meant to be missed now and then.
    this->take_warnings();
  }
  // Among so many some come close to their bound; were none to, the bound would say little.
  EXPECT_GT(this->tightest_state_, 0.5);
  EXPECT_LE(this->tightest_state_, 1.0);
  EXPECT_GT(this->tightest_adjoint_, 0.5);
  EXPECT_LE(this->tightest_adjoint_, 1.0);
}

TYPED_TEST(Certificates, CertifiedStopKeepsTheErrorThatWasAskedFor) {
  using T = typename TypeParam::Scalar;
  const Problem problem{
      .shape = {24, 5, 3}, .samples = 6, .activation = {}, .kappa = 0.9, .solver = {}};
  RandomValues random(7);
  const ImplicitModel<T> model = this->random_model(random, problem);
  BatchPassOptions options;
  options.solver.forward = {.absolute = 1e-4, .rule = StopRule::certified_bound};
  options.solver.adjoint = options.solver.forward;
  BatchPass<T> pass(this->context(), model, 6, options);
  this->put(pass.U(), random.uniforms(5 * 6, -1.0, 1.0));
  this->put(pass.dY(), random.uniforms(3 * 6, -1.0, 1.0));
  const SolveReport forward = pass.forward();
  this->check_state(model, pass, forward);
  const SolveReport backward = pass.backward();
  this->check_adjoint(model, pass, false, backward);
  ASSERT_TRUE(forward.all_converged());
  ASSERT_TRUE(backward.all_converged());
  // The rule bounds κ/(1−κ)·step by 1e-4; rounding adds (n+p+4)·u·‖X‖·10 and the like.
  const double rounding = std::is_same_v<T, float> ? 1e-3 : 1e-11;
  EXPECT_LE(forward.worst_error_bound(), 1e-4 + rounding);
  EXPECT_LE(backward.worst_error_bound(), 1e-4 + rounding);
  EXPECT_NEAR(forward.contraction, 0.9, 1e-4);
}

TYPED_TEST(Certificates, NoBoundIsClaimedWhereTheMapNeedNotContract) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model(this->context(), {2, 1, 1}, {.well_posedness = WellPosedness::none()});
  this->put(model.A(), {0.0, 1.5, 1.5, 0.0});  // λ_pf = 1.5
  this->put(model.B(), {-1.0, -1.0});
  const auto U = this->matrix(1, 1, {1.0});
  // From zero relu(−1) = 0 stays a solution: it converges, but that proves nothing.
  const Prediction<T> prediction = model.predict(this->context(), U.view());
  EXPECT_TRUE(prediction.report.all_converged());
  EXPECT_TRUE(std::isinf(prediction.report.error_bound[0]));
  EXPECT_TRUE(std::isinf(prediction.report.worst_error_bound()));
  EXPECT_DOUBLE_EQ(std::floor(prediction.report.contraction * 1000.0), 1500.0);
}

}  // namespace
}  // namespace idl::test
