// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/host/device_test.hpp"
#include "tests/host/model_oracle.hpp"
#include "tests/host/random_values.hpp"

/// Certificates of other people's states, and how solves went, against plain loops in double.
namespace idl::test {
namespace {

constexpr ModelShape k_shape{33, 7, 4};
constexpr index_t k_samples = 5;
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

template <class C>
class CertifyTest : public DeviceTest<C> {
 protected:
  using Element = typename C::Scalar;

  ImplicitModel<Element> model(WellPosedness constraint = WellPosedness::inf_norm_ball(0.9)) {
    ImplicitModel<Element> made(this->context(), k_shape,
                                {.activation = {.kind = ActivationKind::sigmoid},
                                 .well_posedness = constraint,
                                 .bias = true},
                                3);
    this->put(made.M(), random_.uniforms(made.M().rows * made.M().cols, -1.5, 1.5));
    made.project(this->context());
    return made;
  }
  Matrix<Element> random(index_t rows, double size) {
    return this->matrix(rows, k_samples, random_.uniforms(rows * k_samples, -size, size));
  }
  static std::vector<double> column(const std::vector<double>& values, index_t j) {
    const auto rows = static_cast<std::ptrdiff_t>(values.size()) / k_samples;
    return {values.begin() + j * rows, values.begin() + (j + 1) * rows};
  }

  /// Each bound is above what it bounds, and no more than `slack` times it.
  void check(const ImplicitModel<Element>& model, ConstMatrixView<Element> X, double slack) {
    const auto U = random(k_shape.inputs, 2.0);
    const SolveReport report = certify(this->context(), model, U, X);
    const std::vector<double> inputs = this->fetch_double(U.view());
    const std::vector<double> states = this->fetch_double(X);
    const Dense<double> A = dense_of(this->context(), model, "A");
    const Dense<double> B = dense_of(this->context(), model, "B");
    for (index_t j = 0; j < k_samples; ++j) {
      const auto k = static_cast<std::size_t>(j);
      std::vector<double> u = column(inputs, j);
      const double error =
          max_difference(column(states, j), answer_of(this->context(), model, u).x);
      u.push_back(1.0);
      std::vector<double> applied =
          affine(A, column(states, j), affine(B, u, std::vector<double>(A.rows, 0.0)));
      for (double& value : applied) value = phi(model.options().activation, value);
      const double residual = max_difference(column(states, j), applied);
      EXPECT_GE(report.residual[k], residual);
      EXPECT_LE(report.residual[k], slack * residual);
      EXPECT_GE(report.error_bound[k], error);
      EXPECT_LE(report.error_bound[k], slack * residual / (1.0 - 0.9));
      EXPECT_EQ(report.status[k], SolveStatus::max_iterations);
      EXPECT_EQ(report.iterations[k], 1);
    }
  }

  RandomValues random_{71};
};
TYPED_TEST_SUITE(CertifyTest, AllCases, CaseNames);

TYPED_TEST(CertifyTest, BoundsResidualAndErrorOfAnyStates) {
  const auto model = this->model();
  this->check(model, this->random(k_shape.states, 1.0).view(), 1.001);
  this->check(model, this->random(k_shape.states, 1e-3).view(), 1.001);
}

TYPED_TEST(CertifyTest, BoundsThemWhereStatesAreSubstitutedToo) {
  const auto model = this->model(WellPosedness::strictly_upper_triangular());
  const auto X = this->random(k_shape.states, 1.0);
  const auto U = this->random(k_shape.inputs, 2.0);
  const SolveReport report = certify(this->context(), model, U.view(), X.view());
  const std::vector<double> inputs = this->fetch_double(U.view());
  const std::vector<double> states = this->fetch_double(X.view());
  for (index_t j = 0; j < k_samples; ++j) {
    const double error = max_difference(
        this->column(states, j), answer_of(this->context(), model, this->column(inputs, j)).x);
    const auto k = static_cast<std::size_t>(j);
    EXPECT_GE(report.error_bound[k], error);
    EXPECT_LE(report.error_bound[k], 1.01 * error);
    EXPECT_GE(report.residual[k], error / (1.0 + report.contraction));
  }
}

TYPED_TEST(CertifyTest, AcceptsTheLibrarysOwnAnswers) {
  using T = typename TypeParam::Scalar;
  for (const auto constraint :
       {WellPosedness::inf_norm_ball(0.9), WellPosedness::strictly_upper_triangular()}) {
    const auto model = this->model(constraint);
    const auto U = this->random(k_shape.inputs, 2.0);
    SolverOptions options;
    options.forward.absolute = 1e-4;
    const Prediction<T> answer = model.predict(this->context(), U.view(), options);
    const SolveReport report = certify(this->context(), model, U.view(), answer.X.view(), options);
    EXPECT_TRUE(report.all_converged());
    for (std::size_t j = 0; j < report.error_bound.size(); ++j)
      EXPECT_LT(report.error_bound[j], 1e-4 / (1.0 - 0.9) + 3.0 * answer.report.error_bound[j]);
  }
}

TYPED_TEST(CertifyTest, ASampleThatIsNotFiniteIsToldAndHarmsNoOther) {
  const auto model = this->model();
  const auto U = this->random(k_shape.inputs, 2.0);
  const auto X = this->random(k_shape.states, 1.0);
  const SolveReport clean = certify(this->context(), model, U.view(), X.view());
  std::vector<double> values = this->fetch_double(X.view());
  values[static_cast<std::size_t>(2 * k_shape.states + 3)] = k_nan;
  values[static_cast<std::size_t>(3 * k_shape.states)] = std::numeric_limits<double>::infinity();
  const auto spoilt = this->matrix(k_shape.states, k_samples, values);
  const SolveReport report = certify(this->context(), model, U.view(), spoilt.view());
  for (std::size_t j = 0; j < 5; ++j) {
    const bool lost = j == 2 || j == 3;
    EXPECT_EQ(report.status[j], lost ? SolveStatus::diverged : SolveStatus::max_iterations);
    EXPECT_EQ(report.error_bound[j],
              lost ? std::numeric_limits<double>::infinity() : clean.error_bound[j]);
  }
}

TYPED_TEST(CertifyTest, RefusesOtherShapes) {
  const auto model = this->model();
  const auto U = this->random(k_shape.inputs, 2.0);
  const auto X = this->random(k_shape.states, 1.0);
  const auto refusal = [&](auto&& u, auto&& x) {
    return text_of<InvalidArgument>(
        [&] { static_cast<void>(certify(this->context(), model, u, x)); });
  };
  EXPECT_TRUE(holds(refusal(U.view(), U.view()), {"X has 7 rows", "33 states"}));
  EXPECT_TRUE(holds(refusal(X.view(), X.view()), {"U is 33x5", "expected 7x5"}));
  EXPECT_TRUE(holds(refusal(U.view().columns(0, 4), X.view()), {"U is 7x4", "expected 7x5"}));
}

TYPED_TEST(CertifyTest, HistoryHasTheStepOfEachIterationOfThatSolve) {
  using T = typename TypeParam::Scalar;
  const auto model = this->model();
  const auto U = this->random(k_shape.inputs, 2.0);
  const auto X0 = this->random(k_shape.states, 1.0);
  for (const Sweep sweep : {Sweep::jacobi, Sweep::gauss_seidel})
    for (const Acceleration acceleration : {Acceleration::none, Acceleration::anderson})
      for (const bool given : {false, true}) {
        SolverOptions options{.sweep = sweep, .acceleration = acceleration};
        options.forward.absolute = 1e-6;
        const auto start = given ? std::optional<ConstMatrixView<T>>(X0.view()) : std::nullopt;
        const SolveHistory history =
            solve_history(this->context(), model, U.view(), options, start);
        ASSERT_EQ(history.steps.size(), 5U);
        for (std::size_t j = 0; j < 5; ++j) {
          ASSERT_EQ(history.steps[j].size(),
                    static_cast<std::size_t>(history.report.iterations[j]));
          EXPECT_EQ(history.steps[j].back(), history.report.step[j]);
        }
        // The k-th step is the last of a solve that ends after k iterations.
        SolverOptions ended = options;
        ended.forward.max_iterations = 3;
        const SolveReport third = model.predict(this->context(), U.view(), ended, start).report;
        this->take_warnings();
        for (std::size_t j = 0; j < 5; ++j) {
          ASSERT_GE(history.steps[j].size(), 3U);
          EXPECT_NEAR(history.steps[j][2], third.step[j], 1e-5 * history.steps[j][0]);
        }
      }
  SolverOptions none;
  none.forward.max_iterations = 0;
  EXPECT_TRUE(solve_history(this->context(), model, U.view(), none).steps[0].empty());
  EXPECT_EQ(this->take_warnings().size(), 1U);
}

// By substitution A would be solved exactly, and no step would be left.
TYPED_TEST(CertifyTest, HistoryOfAStrictlyUpperTriangularAKnowsWhatIsOpen) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(
      this->context(),
      ModelMatrices<T>{.A = this->matrix(3, 3, {0, 0, 0, 2, 0, 0, 0, 2, 0}),
                       .B = this->matrix(3, 1, {0, 0, 1}),
                       .C = this->matrix(1, 3, {0, 0, 0}),
                       .D = this->matrix(1, 1, {0})},
      {.well_posedness = WellPosedness::strictly_upper_triangular()});
  const auto U = this->matrix(1, 1, {1});
  SolverOptions options;
  options.forward.max_iterations = 1;
  // x = (0, 0, 1), where (4, 2, 1) is right.
  const SolveReport one = solve_history(this->context(), model, U.view(), options).report;
  EXPECT_GE(one.error_bound[0], 4.0);
  EXPECT_GE(one.residual[0], 2.0);
  options.forward.max_iterations = 10;
  const SolveReport all = solve_history(this->context(), model, U.view(), options).report;
  EXPECT_EQ(all.status[0], SolveStatus::converged);
  EXPECT_LE(model.predict(this->context(), U.view()).report.error_bound[0], 1e-4);
  this->take_warnings();
}

TYPED_TEST(CertifyTest, OfRepeatedWarningsTheFirstTheTenthAndTheHundredthAreTold) {
  ContextOptions options = this->options();
  options.every_solve_warning = false;
  Context context(options);
  const auto model = this->model();
  const auto U = this->random(k_shape.inputs, 2.0);
  SolverOptions none;
  none.forward.max_iterations = 0;
  for (int k = 0; k < 120; ++k) static_cast<void>(model.predict(context, U.view(), none));
  BatchPass<typename TypeParam::Scalar> pass(context, model, 2, {.solver = none});
  static_cast<void>(pass.forward());
  const auto warnings = this->take_warnings();
  ASSERT_EQ(warnings.size(), 4U);
  EXPECT_TRUE(holds(warnings[0], {"predict: 5 of 5 columns"}));
  EXPECT_EQ(warnings[0].find("such warning"), std::string::npos);
  EXPECT_TRUE(holds(warnings[1], {"the 10th such warning"}));
  EXPECT_TRUE(holds(warnings[2], {"the 100th such warning"}));
  EXPECT_TRUE(holds(warnings[3], {"forward solve: 2 of 2"}));
}

TYPED_TEST(CertifyTest, ActivationsAreAppliedEntryByEntryAlsoInPlace) {
  using T = typename TypeParam::Scalar;
  std::vector<double> values = this->random_.uniforms(33 * k_samples, -4.0, 4.0);
  values[0] = 0.0;
  values[7] = k_nan;
  const auto X = this->matrix(33, k_samples, values);
  values = this->fetch_double(X.view());
  for (const ActivationKind kind : all_activations()) {
    const Activation activation{.kind = kind, .alpha = 0.25};
    Matrix<T> Y(this->context(), 33, k_samples);
    Matrix<T> in_place = X.clone(this->context());
    apply(this->context(), activation, X.view(), Y);
    apply(this->context(), activation, in_place.view(), in_place);
    const auto got = this->fetch_double(Y.view());
    EXPECT_TRUE(same_bits(this->fetch(Y.view()), this->fetch(in_place.view())));
    apply_derivative(this->context(), activation, X.view(), Y);
    const auto slopes = this->fetch_double(Y.view());
    const double u = 8.0 * static_cast<double>(std::numeric_limits<T>::epsilon());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i == 7) {
        EXPECT_TRUE(std::isnan(got[i]));
        continue;
      }
      EXPECT_NEAR(got[i], phi(activation, values[i]), 4.0 * u) << to_string(kind);
      if (i == 0) continue;  // a kink
      const double h = 1e-6;
      const double slope =
          (phi(activation, values[i] + h) - phi(activation, values[i] - h)) / (2.0 * h);
      EXPECT_NEAR(slopes[i], slope, u + 1e-8) << to_string(kind) << " at " << values[i];
    }
  }
  Matrix<T> narrow(this->context(), 33, 2);
  EXPECT_TRUE(holds(
      text_of<InvalidArgument>([&] { apply(this->context(), Activation{}, X.view(), narrow); }),
      {"apply", "X is 33x5", "Y is 33x2"}));
}

}  // namespace
}  // namespace idl::test
