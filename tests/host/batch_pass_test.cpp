// SPDX-License-Identifier: MIT
#include "idl/batch_pass.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include <cmath>
#include <variant>

#include "host/solver/fixed_point_solver.hpp"
#include "tests/host/dense_oracle.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// A pass that is used again and again.
namespace idl::test {
namespace {

constexpr index_t k_n = 9;
constexpr index_t k_p = 4;
constexpr index_t k_q = 3;
constexpr index_t k_m = 6;

template <class C>
class BatchPassTest : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  void SetUp() override {
    DeviceTest<C>::SetUp();
    if (this->IsSkipped()) return;
    RandomValues random(121);
    model_.emplace(this->context(), ModelShape{k_n, k_p, k_q});
    this->put(model_->A(), random.matrix_of_norm(k_n, 0.8));
    this->put(model_->B(), random.uniforms(k_n * k_p, -1.0, 1.0));
    this->put(model_->C(), random.uniforms(k_q * k_n, -1.0, 1.0));
    this->put(model_->D(), random.uniforms(k_q * k_p, -1.0, 1.0));
    model_->project(this->context());
    U_ = random.uniforms(k_p * k_m, -1.0, 1.0);
    dY_ = random.uniforms(k_q * k_m, -1.0, 1.0);
  }

  BatchPass<Scalar> pass(const BatchPassOptions& options = {.input_gradient = true}) {
    BatchPass<Scalar> result(this->context(), *model_, k_m, options);
    this->put(result.U(), U_);
    this->put(result.dY(), dY_);
    return result;
  }

  std::optional<ImplicitModel<Scalar>> model_;
  std::vector<double> U_;
  std::vector<double> dY_;
};
TYPED_TEST_SUITE(BatchPassTest, AllCases, CaseNames);

TYPED_TEST(BatchPassTest, GivesTheSameBitsEachTime) {
  auto pass = this->pass();
  EXPECT_TRUE(pass.forward().all_converged());
  EXPECT_TRUE(pass.backward().all_converged());
  const auto X = this->fetch(pass.X());
  const auto dM = this->fetch(pass.dM());
  EXPECT_TRUE(pass.forward().all_converged());
  EXPECT_TRUE(pass.backward().all_converged());
  EXPECT_TRUE(same_bits(this->fetch(pass.X()), X));
  EXPECT_TRUE(same_bits(this->fetch(pass.dM()), dM));
}

TYPED_TEST(BatchPassTest, SeesParametersThatChange) {
  auto pass = this->pass();
  EXPECT_TRUE(pass.forward().all_converged());
  this->put(this->model_->A(), std::vector<double>(k_n * k_n, 0.0));
  this->put(this->model_->B(), std::vector<double>(k_n * k_p, 0.25));
  const SolveReport report = pass.forward();
  EXPECT_EQ(report.contraction, 0.0);
  const auto X = this->fetch_double(pass.X());
  for (std::size_t j = 0; j < k_m; ++j) {
    double z = 0.0;
    for (std::size_t i = 0; i < k_p; ++i) z += 0.25 * this->U_[i + k_p * j];
    EXPECT_NEAR(X[k_n * j], std::max(z, 0.0), 1e-6);
  }
}

TYPED_TEST(BatchPassTest, StartsFromZeroAgainWhenToldTo) {
  auto pass = this->pass();
  const SolveReport cold = pass.forward();
  const auto X = this->fetch(pass.X());
  const auto X0 = this->matrix(k_n, k_m, std::vector<double>(X.begin(), X.end()));
  pass.start_from(X0.view());
  const SolveReport warm = pass.forward();
  EXPECT_LT(warm.max_iterations_used(), cold.max_iterations_used());
  pass.start_from(std::nullopt);
  const SolveReport again = pass.forward();
  EXPECT_EQ(again.iterations, cold.iterations);
  EXPECT_TRUE(same_bits(this->fetch(pass.X()), X));
}

TYPED_TEST(BatchPassTest, WithoutAdjointIterationsLeavesTheDirectPartOfTheGradient) {
  auto options = BatchPassOptions{.input_gradient = true};
  options.solver.adjoint.max_iterations = 0;
  auto pass = this->pass(options);
  EXPECT_TRUE(pass.forward().all_converged());
  const SolveReport report = pass.backward();
  EXPECT_EQ(report.count(SolveStatus::max_iterations), static_cast<std::size_t>(k_m));
  EXPECT_EQ(this->take_warnings().size(), 1U);
  EXPECT_EQ(this->fetch_double(pass.V()), std::vector<double>(k_n * k_m, 0.0));
  // dM = [0; dY][X; U]ᵀ.
  const Dense<double> expected =
      multiply(Dense<double>(k_q, k_m, this->dY_),
               transpose(Dense<double>(k_n, k_m, this->fetch_double(pass.X()))));
  const double u = static_cast<double>(std::numeric_limits<typename TypeParam::Scalar>::epsilon());
  EXPECT_LE(max_difference(this->fetch_double(pass.dM().block(k_n, 0, k_q, k_n)), expected.values),
            8.0 * k_m * u * 10.0);
  EXPECT_EQ(this->fetch_double(pass.dM().block(0, 0, k_n, k_n)),
            std::vector<double>(k_n * k_n, 0.0));
}

TYPED_TEST(BatchPassTest, AfterOneAdjointIterationHasTheGradientOfOneStep) {
  auto options = BatchPassOptions{.input_gradient = true};
  options.solver.adjoint.max_iterations = 1;
  auto pass = this->pass(options);
  EXPECT_TRUE(pass.forward().all_converged());
  const SolveReport report = pass.backward();
  EXPECT_EQ(report.iterations, std::vector<std::int32_t>(k_m, 1));
  this->take_warnings();
  // V = Ψ∘CᵀdY, and Ψ of a relu is 1 where X > 0.
  const Dense<double> G =
      multiply(transpose(Dense<double>(k_q, k_n, this->fetch_double(this->model_->C()))),
               Dense<double>(k_q, k_m, this->dY_));
  const auto X = this->fetch_double(pass.X());
  const auto V = this->fetch_double(pass.V());
  for (std::size_t k = 0; k < V.size(); ++k)
    EXPECT_NEAR(V[k], X[k] > 0.0 ? G.values[k] : 0.0, 1e-6) << k;
}

TYPED_TEST(BatchPassTest, HandsItsOutcomeOverWithoutAReport) {
  using T = typename TypeParam::Scalar;
  this->U_[0] = std::numeric_limits<double>::quiet_NaN();
  auto pass = this->pass();
  const SolveReport forward = pass.forward();
  const SolveReport backward = pass.backward();
  this->take_warnings();
  pass.forward_async();
  auto pending_forward = pass.fetch_forward_outcome();
  pass.backward_async();
  auto pending_backward = pass.fetch_backward_outcome();
  const auto check = [](const typename BatchPass<T>::Outcome& outcome, const SolveReport& report) {
    for (std::size_t k = 0; k < 5; ++k)
      EXPECT_EQ(outcome.counts[k],
                static_cast<std::int64_t>(report.count(static_cast<SolveStatus>(k))))
          << k;
    EXPECT_EQ(outcome.max_iterations_used, report.max_iterations_used());
    EXPECT_DOUBLE_EQ(outcome.mean_iterations, report.mean_iterations());
    EXPECT_FALSE(std::isfinite(outcome.worst_step));
    EXPECT_EQ(outcome.first_diverged, 0);
    EXPECT_EQ(outcome.first_not_converged, 0);
  };
  check(pending_forward.get(), forward);
  check(pending_backward.get(), backward);
  this->U_[0] = 0.5;
  auto clean = this->pass();
  clean.forward_async();
  const auto outcome = clean.fetch_forward_outcome().get();
  EXPECT_EQ(outcome.first_diverged, -1);
  EXPECT_EQ(outcome.first_not_converged, -1);
  EXPECT_THROW((void)typename BatchPass<T>::Pending().get(), InvalidArgument);
  auto once = clean.fetch_forward_outcome();
  (void)once.get();
  EXPECT_THROW((void)once.get(), InvalidArgument);
}

TYPED_TEST(BatchPassTest, HasNoOutcomeBeforeItHasRun) {
  auto pass = this->pass();
  EXPECT_THROW((void)pass.fetch_forward_outcome(), InvalidArgument);
  pass.forward_async();
  (void)pass.fetch_forward_outcome().get();
  EXPECT_THROW((void)pass.fetch_backward_outcome(), InvalidArgument);
}

TYPED_TEST(BatchPassTest, GoesBackwardWhereItHasBeenForward) {
  auto pass = this->pass();
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { (void)pass.backward(); }),
                    {"backward comes after forward"}));
  (void)pass.forward();
  (void)pass.backward();
}

TYPED_TEST(BatchPassTest, CanBeMoved) {
  using T = typename TypeParam::Scalar;
  auto first = this->pass();
  EXPECT_TRUE(first.forward().all_converged());
  const auto X = this->fetch(first.X());
  BatchPass<T> second = std::move(first);
  EXPECT_EQ(second.samples(), k_m);
  EXPECT_TRUE(second.forward().all_converged());
  EXPECT_TRUE(same_bits(this->fetch(second.X()), X));
}

TYPED_TEST(BatchPassTest, IsFilledByPlainCopiesOfBatchFirstArrays) {
  using T = typename TypeParam::Scalar;
  auto filled = this->pass();
  (void)filled.forward();
  (void)filled.backward();
  BatchPass<T> pass(this->context(), *this->model_, k_m);
  const MatrixView<T> U = pass.U();
  const MatrixView<T> dY = pass.dY();
  EXPECT_EQ(U.ld, k_p);
  EXPECT_EQ(dY.ld, k_q);
  const std::vector<T> inputs(this->U_.begin(), this->U_.end());
  const std::vector<T> gradients(this->dY_.begin(), this->dY_.end());
  if constexpr (TypeParam::k_device == DeviceKind::cpu) {
    std::memcpy(U.data, inputs.data(), inputs.size() * sizeof(T));
    std::memcpy(dY.data, gradients.data(), gradients.size() * sizeof(T));
  } else {
    upload(this->context(), inputs, U);
    upload(this->context(), gradients, dY);
  }
  EXPECT_TRUE(pass.forward().all_converged());
  EXPECT_TRUE(pass.backward().all_converged());
  EXPECT_TRUE(same_bits(this->fetch(pass.Y()), this->fetch(filled.Y())));
  EXPECT_TRUE(same_bits(this->fetch(pass.dM()), this->fetch(filled.dM())));
  // What was filled in stays there, and may be changed in place.
  EXPECT_EQ(this->fetch(pass.U()), inputs);
  upload(this->context(), std::vector<T>(k_p * k_m, T(0)), pass.U());
  (void)pass.forward();
  EXPECT_EQ(this->fetch(pass.Y()), std::vector<T>(k_q * k_m, T(0)));
}

TYPED_TEST(BatchPassTest, OfATriangularModelHasNoGradientBelowTheDiagonal) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model(this->context(), {k_n, k_p, k_q},
                         {.well_posedness = WellPosedness::strictly_upper_triangular()}, 5);
  BatchPass<T> pass(this->context(), model, k_m);
  this->put(pass.U(), this->U_);
  this->put(pass.dY(), this->dY_);
  EXPECT_TRUE(pass.forward().all_converged());
  EXPECT_TRUE(pass.backward().all_converged());
  const auto dA = this->fetch(pass.dM().block(0, 0, k_n, k_n));
  bool some = false;
  for (std::size_t j = 0; j < k_n; ++j) {
    for (std::size_t i = 0; i < j; ++i) some = some || dA[i + k_n * j] != T(0);
    for (std::size_t i = j; i < k_n; ++i) EXPECT_EQ(dA[i + k_n * j], T(0));
  }
  EXPECT_TRUE(some);
}

// Nothing of the host is in a loop: it is made of these primitives alone.
TYPED_TEST(BatchPassTest, IteratesAProductAnUpdateAndADecision) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  const auto& model = *this->model_;
  const auto U = Matrix<T>::zeros(context, k_p, k_m);
  const auto dY = Matrix<T>::zeros(context, k_q, k_m);
  Matrix<T> X(context, k_n, k_m);
  Matrix<T> V(context, k_n, k_m);
  solver::FixedPointSolver<T> equilibrium(context,
                                          solver::EquilibriumProblem<T>{.A = DenseMap<T>{model.A()},
                                                                        .B = DenseMap<T>{model.B()},
                                                                        .U = U,
                                                                        .X = X,
                                                                        .activation = {}});
  const Sequence forward = steps_of(equilibrium.description()).iteration;
  ASSERT_EQ(forward.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<Gemm<T>>(forward[0]));
  EXPECT_TRUE(std::holds_alternative<PicardUpdate<T>>(forward[1]));
  EXPECT_TRUE(std::holds_alternative<UpdateStatus<T>>(forward[2]));
  solver::FixedPointSolver<T> adjoint(context,
                                      solver::AdjointProblem<T>{.A = DenseMap<T>{model.A()},
                                                                .C = DenseMap<T>{model.C()},
                                                                .Z = equilibrium.forcing(),
                                                                .X = X,
                                                                .dY = dY,
                                                                .V = V,
                                                                .activation = {}});
  const Sequence backward = steps_of(adjoint.description()).iteration;
  ASSERT_EQ(backward.size(), 3U);
  ASSERT_TRUE(std::holds_alternative<Gemm<T>>(backward[0]));
  EXPECT_TRUE(std::get<Gemm<T>>(backward[0]).transpose_A);
  EXPECT_TRUE(std::holds_alternative<AdjointUpdate<T>>(backward[1]));
  EXPECT_TRUE(std::holds_alternative<UpdateStatus<T>>(backward[2]));
}

}  // namespace
}  // namespace idl::test
