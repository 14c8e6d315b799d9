// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// predict_into(), and what a context keeps from one prediction for the next.
namespace idl::test {
namespace {

constexpr index_t k_n = 21, k_p = 6, k_q = 3;

template <class C>
class PredictInto : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  void fill(ImplicitModel<Scalar>& model, std::uint64_t seed) {
    RandomValues random(seed);
    this->put(model.A(), random.matrix_of_norm(k_n, 0.9));
    this->put(model.B(), random.uniforms(k_n * k_p, -1.0, 1.0));
    this->put(model.C(), random.uniforms(k_q * k_n, -1.0, 1.0));
    this->put(model.D(), random.uniforms(k_q * k_p, -1.0, 1.0));
  }
  ImplicitModel<Scalar> model(std::uint64_t seed, ModelOptions options = {}) {
    ImplicitModel<Scalar> made(this->context(), {k_n, k_p, k_q}, options);
    fill(made, seed);
    return made;
  }
  Matrix<Scalar> inputs(index_t samples) {
    RandomValues random(static_cast<std::uint64_t>(samples));
    return this->matrix(k_p, samples, random.uniforms(k_p * samples, -1.0, 1.0));
  }

  struct Answer {
    std::vector<Scalar> Y, X;
    SolveReport report;
  };
  Answer into(Context& context, const ImplicitModel<Scalar>& model, ConstMatrixView<Scalar> U,
              const SolverOptions& options = {},
              std::optional<ConstMatrixView<Scalar>> X0 = std::nullopt) {
    Matrix<Scalar> Y(this->context(), k_q, U.cols), X(this->context(), k_n, U.cols);
    Answer answer;
    model.predict_into(context, U, Y, X.view(), answer.report, options, X0);
    answer.Y = this->fetch(Y);
    answer.X = this->fetch(X);
    return answer;
  }
  /// What a context gives that has kept nothing.
  Answer afresh(const ImplicitModel<Scalar>& model, ConstMatrixView<Scalar> U,
                const SolverOptions& options = {},
                std::optional<ConstMatrixView<Scalar>> X0 = std::nullopt) {
    Context fresh(this->options());
    const Answer answer = into(fresh, model, U, options, X0);
    fresh.synchronize();
    return answer;
  }
  static void expect_same(const Answer& answer, const Answer& expected) {
    EXPECT_TRUE(same_bits(answer.Y, expected.Y));
    EXPECT_TRUE(same_bits(answer.X, expected.X));
    EXPECT_EQ(answer.report.status, expected.report.status);
    EXPECT_EQ(answer.report.iterations, expected.report.iterations);
    EXPECT_EQ(answer.report.fallbacks, expected.report.fallbacks);
    EXPECT_EQ(answer.report.low_precision_iterations, expected.report.low_precision_iterations);
    EXPECT_EQ(answer.report.step, expected.report.step);
    EXPECT_EQ(answer.report.residual, expected.report.residual);
    EXPECT_EQ(answer.report.error_bound, expected.report.error_bound);
    EXPECT_EQ(answer.report.contraction, expected.report.contraction);
  }
};
TYPED_TEST_SUITE(PredictInto, AllCases, CaseNames);

TYPED_TEST(PredictInto, WritesWhatPredictReturnsIntoViewsAndNothingBesideThem) {
  using T = typename TypeParam::Scalar;
  const auto model = this->model(1);
  for (const index_t m : {1, 2, 5, 40}) {
    const auto U = this->inputs(m);
    const auto expected = model.predict(this->context(), U.view());
    const std::vector<double> frame(static_cast<std::size_t>((k_n + 4) * (m + 2)), 77.0);
    auto Y = this->matrix(k_n + 4, m + 2, frame);
    auto X = this->matrix(k_n + 4, m + 2, frame);
    SolveReport report;
    model.predict_into(this->context(), U, Y.view().block(2, 1, k_q, m),
                       X.view().block(3, 1, k_n, m), report);
    EXPECT_TRUE(same_bits(this->fetch(Y.view().block(2, 1, k_q, m)), this->fetch(expected.Y)));
    EXPECT_TRUE(same_bits(this->fetch(X.view().block(3, 1, k_n, m)), this->fetch(expected.X)));
    EXPECT_EQ(report.iterations, expected.report.iterations);
    EXPECT_EQ(report.error_bound, expected.report.error_bound);
    const auto untouched = [&](const Matrix<T>& matrix) {
      return std::ranges::count(this->fetch(matrix), T(77));
    };
    EXPECT_EQ(untouched(Y), (k_n + 4) * (m + 2) - k_q * m);
    EXPECT_EQ(untouched(X), (k_n + 4) * (m + 2) - k_n * m);
  }
}

TYPED_TEST(PredictInto, LeavesTheStatesAwayAndFillsAReportThatHeldMore) {
  using T = typename TypeParam::Scalar;
  const auto model = this->model(1);
  SolveReport report;
  for (const index_t m : {7, 2, 0}) {
    const auto U = this->inputs(m);
    Matrix<T> Y(this->context(), k_q, m);
    model.predict_into(this->context(), U, Y, std::nullopt, report);
    const auto expected = model.predict(this->context(), U.view());
    EXPECT_TRUE(same_bits(this->fetch(Y), this->fetch(expected.Y)));
    EXPECT_EQ(report.status, expected.report.status);
    EXPECT_EQ(report.residual, expected.report.residual);
    EXPECT_EQ(report.contraction, expected.report.contraction);
  }
}

TYPED_TEST(PredictInto, SeesParametersThatChangeInPlace) {
  auto model = this->model(1);
  const auto U = this->inputs(3);
  const auto first = this->into(this->context(), model, U);
  this->fill(model, 2);
  const auto second = this->into(this->context(), model, U);
  this->expect_same(second, this->afresh(model, U));
  EXPECT_FALSE(same_bits(first.Y, second.Y));
}

TYPED_TEST(PredictInto, SeesAModelThatTookThePlaceOfAnother) {
  using T = typename TypeParam::Scalar;
  const auto U = this->inputs(3);
  auto moved = this->model(1);
  this->into(this->context(), moved, U);
  const ImplicitModel<T> target = std::move(moved);
  this->expect_same(this->into(this->context(), target, U), this->afresh(target, U));
  // Freed memory is mostly given to the next one that asks for as much.
  for (const std::uint64_t seed : {3U, 4U, 5U}) {
    const auto next = std::make_unique<ImplicitModel<T>>(this->model(seed));
    this->expect_same(this->into(this->context(), *next, U), this->afresh(*next, U));
  }
}

TYPED_TEST(PredictInto, TellsModelsOptionsAndShapesApart) {
  const auto relu = this->model(1);
  const auto tanh = this->model(1, {.activation = {.kind = ActivationKind::tanh}});
  const auto free = this->model(1, {.well_posedness = WellPosedness::none()});
  const auto without_D = this->model(1, {.no_D = true});
  SolverOptions loose, plain, invariant;
  loose.forward.absolute = 1e-2;
  plain.acceleration = Acceleration::none;
  invariant.batch_invariant = true;
  // More than are kept, and twice, so that all have been kept or thrown away once.
  for (int round = 0; round < 2; ++round)
    for (const index_t m : {1, 3})
      for (const auto* model : {&relu, &tanh, &free, &without_D})
        for (const SolverOptions& options : {SolverOptions{}, loose, plain, invariant}) {
          const auto U = this->inputs(m);
          this->expect_same(this->into(this->context(), *model, U, options),
                            this->afresh(*model, U, options));
        }
}

TYPED_TEST(PredictInto, StartsWhereItIsToldThisTimeAndNotWhereTheLastOneBegan) {
  const auto model = this->model(1);
  const auto U = this->inputs(3);
  RandomValues random(9);
  const auto X0 = this->matrix(k_n, 3, random.uniforms(k_n * 3, 0.0, 1.0));
  const auto other = this->matrix(k_n, 3, random.uniforms(k_n * 3, 0.0, 1.0));
  const auto from_zero = this->afresh(model, U);
  for (int round = 0; round < 2; ++round) {
    this->expect_same(this->into(this->context(), model, U, {}, X0.view()),
                      this->afresh(model, U, {}, X0.view()));
    this->expect_same(this->into(this->context(), model, U), from_zero);
    this->expect_same(this->into(this->context(), model, U, {}, other.view()),
                      this->afresh(model, U, {}, other.view()));
  }
}

TYPED_TEST(PredictInto, OutlivesTheMoveOfItsContext) {
  const auto model = this->model(1, {.well_posedness = WellPosedness::none()});
  const auto U = this->inputs(3);
  const auto expected = this->afresh(model, U);
  auto first = std::make_unique<Context>(this->options());
  this->into(*first, model, U);
  Context second = std::move(*first);
  first.reset();
  this->expect_same(this->into(second, model, U), expected);
  second.synchronize();
}

TYPED_TEST(PredictInto, WarnsOncePerCallHoweverOftenItIsCalled) {
  const auto model = this->model(1);
  const auto U = this->inputs(3);
  SolverOptions options;
  options.forward.max_iterations = 1;
  for (int call = 0; call < 2; ++call) {
    const auto answer = this->into(this->context(), model, U, options);
    EXPECT_EQ(answer.report.count(SolveStatus::max_iterations), 3U);
    EXPECT_EQ(this->take_warnings().size(), 1U);
  }
}

TYPED_TEST(PredictInto, RefusesWrongShapesAndResultsThatLieInTheInputs) {
  using T = typename TypeParam::Scalar;
  const auto model = this->model(1);
  auto U = this->inputs(4);
  Matrix<T> Y(this->context(), k_q, 4), X(this->context(), k_n, 3), wide(this->context(), k_q, 5);
  SolveReport report;
  const auto refusal = [&](MatrixView<T> to, std::optional<MatrixView<T>> states) {
    return text_of<InvalidArgument>(
        [&] { model.predict_into(this->context(), U, to, states, report); });
  };
  EXPECT_TRUE(holds(refusal(wide, std::nullopt), {"Y is 3x5", "expected 3x4"}));
  EXPECT_TRUE(holds(refusal(Y, X.view()), {"X is 21x3", "expected 21x4"}));
  EXPECT_TRUE(holds(refusal(U.view().row_range(2, k_q), std::nullopt), {"U and Y", "overlap"}));
  EXPECT_TRUE(
      holds(refusal({nullptr, k_q, 4, k_q, this->device()}, std::nullopt), {"Y", "no data"}));
  auto own = this->model(1);
  const MatrixView<T> parameters = own.M().block(0, 0, k_q, 4);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] {
                      own.predict_into(this->context(), U, parameters, std::nullopt, report);
                    }),
                    {"M and Y", "overlap"}));
}

}  // namespace
}  // namespace idl::test
