// SPDX-License-Identifier: MIT
// The certificate of a recurrent pass: bounds that hold in every step, and what they say of its
// stability.
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "tests/host/recurrent_fixture.hpp"
#include "tests/host/recurrent_oracle.hpp"

namespace idl::test {
namespace {

template <class C>
class RecurrentStabilityTest : public RecurrentFixture<C> {
 protected:
  using Element = typename C::Scalar;

  /// x = relu(a·x + u + b·h), h = 2x + d·h.
  ImplicitRnn<Element> scalar_model(double a, double b, double d) {
    ImplicitRnn<Element> model(this->context(), {.inputs = 1, .states = 1, .hidden = 1},
                               {.well_posedness = WellPosedness::none(), .allow_unproven = true});
    this->put(model.cell().M(), {a, 2.0, 1.0, 0.0, b, d});
    return model;
  }
  RecurrentReport report_of(const ImplicitRnn<Element>& model) {
    RecurrentPassOptions options = {.backward = false};
    options.solver.forward.max_iterations = 40;
    RecurrentPass<Element> pass(this->context(), model, 1, 4, options);
    this->put(pass.x(), {1.0, 0.5, 0.25, 0.125});
    return pass.forward();
  }
};
TYPED_TEST_SUITE(RecurrentStabilityTest, AllCases, CaseNames);

TYPED_TEST(RecurrentStabilityTest, IsThePerronRootOfWhatAStepDoesToH) {
  // S = 2b/(1 − a) + |d|.
  const RecurrentReport growing = this->report_of(this->scalar_model(0.5, 0.25, -0.125));
  EXPECT_GE(growing.gain, 1.125);
  EXPECT_LE(growing.gain, 1.125 * 1.001);
  const RecurrentReport small = this->report_of(this->scalar_model(0.5, 0.125, -0.25));
  EXPECT_GE(small.gain, 0.75);
  EXPECT_LE(small.gain, 0.75 * 1.001);
  EXPECT_TRUE(small.contracting());
  ASSERT_EQ(small.witness.size(), 1u);
  EXPECT_GT(small.witness[0], 0.0);
  EXPECT_TRUE(holds(small.stability(), {"contracting", "0.75"}));
  EXPECT_FALSE(growing.contracting());
  EXPECT_TRUE(growing.witness.empty());
  EXPECT_TRUE(holds(growing.stability(), {"not proved", "1.125"}));
}

TYPED_TEST(RecurrentStabilityTest, IsUnknownWhereNoSolveHasABound) {
  const RecurrentReport report = this->report_of(this->scalar_model(-1.0, 0.25, 0.25));
  this->take_warnings();
  EXPECT_TRUE(std::isinf(report.gain));
  EXPECT_FALSE(report.contracting());
  for (const double bound : report.output_error_bound) EXPECT_TRUE(std::isinf(bound));
  EXPECT_TRUE(holds(report.stability(), {"unknown"}));
}

TYPED_TEST(RecurrentStabilityTest, AnOutputThatOverflowsHasNoBound) {
  using T = typename TypeParam::Scalar;
  ImplicitRnn<T> model = this->scalar_model(0.0, 0.0, 0.0);
  const double large = std::sqrt(static_cast<double>(std::numeric_limits<T>::max())) * 2.0;
  this->put(model.cell().M(), {0.0, large, 1.0, 0.0, 0.0, 0.0});
  RecurrentPass<T> pass(this->context(), model, 1, 1, {.backward = false});
  this->put(pass.x(), {large});
  const RecurrentReport report = pass.forward();
  this->take_warnings();
  EXPECT_TRUE(std::isinf(this->fetch_double(pass.outputs())[0]));
  EXPECT_TRUE(std::isinf(report.output_error_bound[0]));
  this->put(pass.x(), {large / 64.0});
  EXPECT_TRUE(std::isfinite(pass.forward().output_error_bound[0]));
}

TYPED_TEST(RecurrentStabilityTest, BoundsHoldWhateverTheModelAndTheTolerance) {
  using T = typename TypeParam::Scalar;
  for (int round = 0; round < 12; ++round) {
    ModelOptions options = {
        .activation = {round % 2 == 0 ? ActivationKind::relu : ActivationKind::sigmoid},
        .well_posedness = WellPosedness::inf_norm_ball(this->random_.uniform(0.1, 0.98)),
        .bias = round % 3 == 0};
    const ImplicitRnn<T> model = this->model_of(CellKind::dense, options);
    SolverOptions solver;
    solver.forward.absolute = std::pow(10.0, -this->random_.uniform(1.0, 6.0));
    const auto data = this->data_of();
    RecurrentPass<T> pass(this->context(), model, 3, 5, {.solver = solver, .backward = false});
    this->fill(pass, data);
    const RecurrentReport report = pass.forward();
    this->take_warnings();
    const auto exact =
        RecurrentOracle::of(this->context(), model).run(data.x, data.h0, data.lengths);
    const auto outputs = this->fetch_double(pass.outputs());
    for (std::size_t k = 0; k < outputs.size(); ++k)
      ASSERT_LE(static_cast<double>(std::abs(outputs[k] - exact.outputs[k])),
                report.output_error_bound[k / 4])
          << "model " << round;
    // Where S contracts, v says so.
    EXPECT_EQ(report.witness.size(), report.contracting() ? 4u : 0u);
  }
}

TYPED_TEST(RecurrentStabilityTest, OfAnUpperTriangularModelIsRoundingCarriedOn) {
  using T = typename TypeParam::Scalar;
  const ImplicitRnn<T> model = this->model_of(CellKind::strictly_upper);
  RecurrentPass<T> pass(this->context(), model, 3, 5, {.backward = false});
  this->fill(pass, this->data_of());
  const RecurrentReport report = pass.forward();
  // 13 terms of the size of 1 in each of some 10 sums, times S a few times over.
  const double u = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (const double bound : report.output_error_bound) EXPECT_LT(bound, 1e4 * u);
}

TYPED_TEST(RecurrentStabilityTest, OfALongChainOfStatesHasABound) {
  using T = typename TypeParam::Scalar;
  // Each state is the one after it, the last is u + h/2, and h is the first.
  constexpr index_t n = 260;
  ImplicitRnn<T> model(this->context(), {.inputs = 1, .states = n, .hidden = 1},
                       {.well_posedness = WellPosedness::strictly_upper_triangular()});
  constexpr std::size_t k_rows = n + 1;
  std::vector<double> M(k_rows * (n + 2), 0.0);
  for (std::size_t i = 0; i + 1 < n; ++i) M[i + (i + 1) * k_rows] = 1.0;
  M[n - 1 + n * k_rows] = 1.0;
  M[n - 1 + (n + 1) * k_rows] = 0.5;
  M[n] = 1.0;
  this->put(model.cell().M(), M);
  const RecurrentReport report = this->report_of(model);
  EXPECT_GE(report.gain, 0.5);
  EXPECT_LE(report.gain, 0.5 * 1.001);
  // n states, each rounded from n terms and passed on to all before it.
  const double u = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (const double bound : report.output_error_bound)
    EXPECT_LT(bound, 4.0 * static_cast<double>(n) * static_cast<double>(n) * u);
}

}  // namespace
}  // namespace idl::test
