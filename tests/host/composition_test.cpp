// SPDX-License-Identifier: MIT
#include "idl/composition.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/host/device_test.hpp"
#include "tests/host/model_oracle.hpp"
#include "tests/host/random_values.hpp"

/// Models of models, against the models themselves by plain loops in double.
namespace idl::test {
namespace {

constexpr ModelShape k_inner{.states = 7, .inputs = 3, .outputs = 4};
constexpr ModelShape k_outer{.states = 5, .inputs = 4, .outputs = 2};
constexpr index_t k_columns = 3;

template <class C>
class CompositionTest : public DeviceTest<C> {
 protected:
  using Element = typename C::Scalar;

  /// With ‖A‖∞ = norm and the other entries up to `size`.
  ImplicitModel<Element> model(const ModelShape& shape, const ModelOptions& options,
                               double norm = 0.8, double size = 1.0) {
    ImplicitModel<Element> made(this->context(), shape, options);
    const auto random = [&](MatrixView<Element> matrix) {
      this->put(matrix, random_.uniforms(matrix.rows * matrix.cols, -size, size));
    };
    random(made.B());
    random(made.C());
    if (!options.no_D) random(made.D());
    this->put(made.A(), random_.matrix_of_norm(shape.states, norm));
    made.project(this->context());
    return made;
  }
  std::vector<double> inputs() { return random_.uniforms(k_inner.inputs * k_columns, -1.0, 1.0); }

  /// Of each sample the largest difference between the model's answer and that of `expected` is one
  /// that its certificate and roundings allow: each entry of the parameters is off by u|entry|
  /// after it was rounded, which moves the state like a residual of that size.
  template <class Expected>
  void check(const ImplicitModel<Element>& model, const Expected& expected) {
    SolverOptions options;
    options.forward.absolute = std::is_same_v<Element, float> ? 1e-5 : 1e-12;
    options.forward.relative = options.forward.absolute;
    options.forward.max_iterations = 2000;
    const std::vector<double> U = inputs();
    const auto answer =
        model.predict(this->context(), this->matrix(k_inner.inputs, k_columns, U), options);
    EXPECT_TRUE(answer.report.all_converged());
    const auto norm = [&](const char* name) {
      return inf_norm(dense_of(this->context(), model, name));
    };
    const double eps = std::numeric_limits<Element>::epsilon();
    const std::vector<double> X = this->fetch_double(answer.X.view());
    const std::vector<double> Y = this->fetch_double(answer.Y.view());
    for (std::size_t j = 0; j < k_columns; ++j) {
      const std::vector<double> u(U.begin() + static_cast<std::ptrdiff_t>(3 * j),
                                  U.begin() + static_cast<std::ptrdiff_t>(3 * j + 3));
      const std::vector<double> y = expected(u);
      double x_norm = 1.0;
      for (const double x : X) x_norm = std::max(x_norm, std::abs(x));
      const double bound = answer.report.error_bound[j];
      const double gain = bound / answer.report.residual[j];
      const double moved = gain * 2.0 * eps * (norm("A") * x_norm + norm("B"));
      const double allowed =
          norm("C") * (bound + moved) + 16.0 * eps * (norm("C") * x_norm + norm("D"));
      ASSERT_TRUE(std::isfinite(allowed));
      for (std::size_t i = 0; i < y.size(); ++i)
        EXPECT_NEAR(Y[j * y.size() + i], y[i], allowed) << "sample " << j;
    }
  }

  RandomValues random_{17};
};
TYPED_TEST_SUITE(CompositionTest, AllCases, CaseNames);

TYPED_TEST(CompositionTest, ACascadeAnswersAsTheTwoModelsInSequence) {
  Context& context = this->context();
  for (const ActivationKind kind : {ActivationKind::relu, ActivationKind::tanh})
    for (const int with : {0, 1, 2, 3, 7, 8, 11, 13, 15}) {
      const auto options = [&](int bias, int no_D) {
        return ModelOptions{
            .activation = {.kind = kind}, .bias = (with & bias) != 0, .no_D = (with & no_D) != 0};
      };
      const auto inner = this->model(k_inner, options(1, 4));
      const auto outer = this->model(k_outer, options(2, 8));
      const auto both = cascade(context, outer, inner);
      EXPECT_EQ(both.shape(), (ModelShape{.states = 12, .inputs = 3, .outputs = 2}));
      EXPECT_EQ(both.options().bias, (with & 3) != 0);
      EXPECT_EQ(both.options().no_D, (with & 8) != 0 || (with & 6) == 4);
      this->check(both, [&](const std::vector<double>& u) {
        return answer_of(context, outer, answer_of(context, inner, u).y).y;
      });
    }
}

TYPED_TEST(CompositionTest, ASumAnswersWithTheSumOfBoth) {
  Context& context = this->context();
  for (const int with : {0, 1, 2, 4, 9, 12, 15}) {
    const auto options = [&](int bias, int no_D) {
      return ModelOptions{.activation = {.kind = ActivationKind::tanh},
                          .bias = (with & bias) != 0,
                          .no_D = (with & no_D) != 0};
    };
    const auto first = this->model(k_inner, options(1, 4), 0.7);
    const auto second = this->model({9, k_inner.inputs, k_inner.outputs}, options(2, 8), 0.9);
    const auto both = parallel_sum(context, first, second);
    EXPECT_EQ(both.shape().states, 16);
    EXPECT_EQ(both.options().no_D, (with & 12) == 12);
    EXPECT_EQ(both.options().well_posedness, WellPosedness::inf_norm_ball(0.95));
    this->check(both, [&](const std::vector<double>& u) {
      std::vector<double> y = answer_of(context, first, u).y;
      const std::vector<double> other = answer_of(context, second, u).y;
      std::ranges::transform(y, other, y.begin(), std::plus<>());
      return y;
    });
  }
}

TYPED_TEST(CompositionTest, HasTheBlocksWorkedOutByHand) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  const auto made = [&](const std::vector<double>& A, const std::vector<double>& B, double C,
                        const std::vector<double>& D) {
    const auto cols = static_cast<index_t>(B.size());
    return ImplicitModel<T>(context,
                            {.A = this->matrix(1, 1, A),
                             .B = this->matrix(1, cols, B),
                             .C = this->matrix(1, 1, {C}),
                             .D = this->matrix(1, cols, D)},
                            {.bias = cols == 2});
  };
  const auto outer = made({0.5}, {2, 3}, 4, {5, 6});
  const auto inner = made({0.25}, {7}, 8, {9});
  const auto both = cascade(context, outer, inner);
  EXPECT_EQ(dense_of(context, both, "A").values, (std::vector<double>{0.5, 0, 16, 0.25}));
  EXPECT_EQ(dense_of(context, both, "B").values, (std::vector<double>{18, 7, 3, 0}));
  EXPECT_EQ(dense_of(context, both, "C").values, (std::vector<double>{4, 40}));
  EXPECT_EQ(dense_of(context, both, "D").values, (std::vector<double>{45, 6}));
  EXPECT_EQ(both.options().well_posedness.kind, WellPosednessKind::none);
  const auto report = examine_well_posedness<T>(context, both.A(), both.options().activation);
  EXPECT_EQ(report.proof, WellPosednessProof::perron);
  EXPECT_NEAR(report.perron_root, 0.5, 1e-6);
  const auto sum = parallel_sum(context, outer, inner);
  EXPECT_EQ(dense_of(context, sum, "A").values, (std::vector<double>{0.5, 0, 0, 0.25}));
  EXPECT_EQ(dense_of(context, sum, "B").values, (std::vector<double>{2, 7, 3, 0}));
  EXPECT_EQ(dense_of(context, sum, "C").values, (std::vector<double>{4, 8}));
  EXPECT_EQ(dense_of(context, sum, "D").values, (std::vector<double>{14, 6}));
}

TYPED_TEST(CompositionTest, KeepsTheConstraintThatBothHaveWhereAFitsIntoIt) {
  Context& context = this->context();
  const auto ball = [](double kappa) {
    return ModelOptions{.well_posedness = WellPosedness::inf_norm_ball(kappa)};
  };
  const auto inner = this->model(k_inner, ball(0.9), 0.5, 0.1);
  const auto outer = this->model(k_outer, ball(0.6), 0.5, 0.1);
  EXPECT_EQ(cascade(context, outer, inner).options().well_posedness,
            WellPosedness::inf_norm_ball(0.9));
  const ModelOptions triangular = {.well_posedness = WellPosedness::strictly_upper_triangular()};
  const auto first = this->model(k_inner, triangular);
  const auto second = this->model(k_outer, triangular);
  const auto both = cascade(context, second, first);
  EXPECT_EQ(both.options().well_posedness.kind, WellPosednessKind::strictly_upper_triangular);
  this->check(both, [&](const std::vector<double>& u) {
    return answer_of(context, second, answer_of(context, first, u).y).y;
  });
  EXPECT_EQ(cascade(context, second, inner).options().well_posedness.kind, WellPosednessKind::none);
}

TYPED_TEST(CompositionTest, SparseModelsAreComposedOfAllTheirEntries) {
  Context& context = this->context();
  const auto inner = sparsify(context, this->model(k_inner, {.bias = true}), {.density = 0.4});
  const auto outer = this->model(k_outer, {});
  this->check(cascade(context, outer, inner), [&](const std::vector<double>& u) {
    return answer_of(context, outer, answer_of(context, inner, u).y).y;
  });
}

TYPED_TEST(CompositionTest, ASampleThatIsNotFiniteLeavesTheBitsOfOthersAlone) {
  Context& context = this->context();
  const auto both = cascade(context, this->model(k_outer, {}), this->model(k_inner, {}));
  std::vector<double> U = this->inputs();
  const auto clean = both.predict(context, this->matrix(3, k_columns, U));
  U[4] = std::numeric_limits<double>::quiet_NaN();
  const auto spoilt = both.predict(context, this->matrix(3, k_columns, U));
  EXPECT_FALSE(this->take_warnings().empty());
  for (const index_t j : {0, 2})
    EXPECT_TRUE(same_bits(this->fetch(spoilt.Y.view().columns(j, 1)),
                          this->fetch(clean.Y.view().columns(j, 1))));
  EXPECT_EQ(spoilt.report.status[1], SolveStatus::diverged);
}

TYPED_TEST(CompositionTest, OtherUnitsBringAModelIntoABallAndKeepItsAnswers) {
  Context& context = this->context();
  const auto inner = this->model(k_inner, {.bias = true}, 0.8);
  const auto outer = this->model(k_outer, {}, 0.8);
  const auto both = cascade(context, outer, inner);
  EXPECT_GT(inf_norm(dense_of(context, both, "A")), 1.0);
  for (const double kappa : {0.85, 0.95}) {
    const auto scaled = rescaled(context, both, kappa);
    EXPECT_EQ(scaled.options().well_posedness, WellPosedness::inf_norm_ball(kappa));
    EXPECT_LE(inf_norm(dense_of(context, scaled, "A")), kappa * (1.0 + 1e-6));
    this->check(scaled, [&](const std::vector<double>& u) {
      return answer_of(context, outer, answer_of(context, inner, u).y).y;
    });
  }
}

TYPED_TEST(CompositionTest, RefusesWhatDoesNotFit) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  const auto inner = this->model(k_inner, {});
  const auto outer = this->model(k_outer, {});
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { cascade(context, inner, outer); }),
                    {"cascade: the outer model has 3 inputs and 4 outputs, the inner one 4 inputs "
                     "and 2 outputs"}));
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([&] { parallel_sum(context, inner, outer); }),
            {"parallel_sum: the first model has 3 inputs and 4 outputs", "4 inputs and 2"}));
  const auto other = this->model(k_outer, {.activation = {.kind = ActivationKind::tanh}});
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { cascade(context, other, inner); }),
                    {"different activations, tanh and relu"}));
  const auto leaky = [&](double alpha) {
    return this->model(k_inner, {.activation = Activation::leaky_relu(alpha)});
  };
  const auto steep = leaky(0.2);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { parallel_sum(context, leaky(0.1), steep); }),
                    {"leaky_relu and leaky_relu with another alpha"}));
  const ImplicitModel<T> low_rank(context, k_inner, {.rank = 2});
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { cascade(context, outer, low_rank); }),
                    {"cascade: A of the inner model is LRᵀ"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { rescaled(context, other, 0.9); }),
                    {"rescaled: the activation is tanh"}));
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([&] { rescaled(context, inner, 1.0); }), {"kappa is 1"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { rescaled(context, inner, 0.01); }),
                    {"rescaled: kappa is 0.01", "Perron root"}));
}

TYPED_TEST(CompositionTest, RefusesUnitsThatLeaveTheRangeOfTheirType) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  // A chain of states, each a thousand times the one after it.
  constexpr std::size_t n = std::is_same_v<T, float> ? 14 : 56;
  std::vector<double> A(n * n, 0.0);
  for (std::size_t i = 0; i + 1 < n; ++i) A[i + (i + 1) * n] = 1e3;
  const ImplicitModel<T> chain(
      context,
      {.A = this->matrix(n, n, A),
       .B = this->matrix(n, 1, std::vector<double>(n, 1.0)),
       .C = this->matrix(1, n, std::vector<double>(n, 1.0))},
      {.well_posedness = WellPosedness::strictly_upper_triangular(), .no_D = true});
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { rescaled(context, chain, 0.9); }),
                    {"rescaled: states would be scaled by up to", "range of their type"}));
}

}  // namespace
}  // namespace idl::test
