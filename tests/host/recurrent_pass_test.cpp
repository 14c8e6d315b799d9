// SPDX-License-Identifier: MIT
// Recurrent passes against plain loops.
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/host/recurrent_fixture.hpp"
#include "tests/host/recurrent_oracle.hpp"

namespace idl::test {
namespace {

template <class C>
class RecurrentPassTest : public RecurrentFixture<C> {};
TYPED_TEST_SUITE(RecurrentPassTest, AllCases, CaseNames);

TYPED_TEST(RecurrentPassTest, FollowsTheTrajectoryWithinItsBound) {
  using T = typename TypeParam::Scalar;
  for (const CellKind kind : k_cell_kinds) {
    const ImplicitRnn<T> model = this->model_of(kind);
    const auto data = this->data_of();
    for (const bool warm : {true, false}) {
      RecurrentPass<T> pass(this->context(), model, this->k_sequences, this->k_steps,
                            {.backward = false, .warm_start = warm});
      this->fill(pass, data);
      const RecurrentReport report = pass.forward();
      EXPECT_TRUE(report.solves.all_converged());
      const auto exact =
          RecurrentOracle::of(this->context(), model).run(data.x, data.h0, data.lengths);
      const std::vector<double> outputs = this->fetch_double(pass.outputs());
      const std::vector<double> last = this->fetch_double(pass.last());
      const auto hidden = static_cast<std::size_t>(this->k_sizes.hidden);
      for (std::size_t b = 0; b < 3; ++b)
        for (std::size_t t = 0; t < 5; ++t) {
          const std::size_t column = 5 * b + t;
          const bool ended = t >= static_cast<std::size_t>(data.lengths[b]);
          const double bound = report.output_error_bound[column];
          EXPECT_EQ(report.solves.iterations[column] == 0, ended);
          EXPECT_EQ(bound == 0.0, ended);
          EXPECT_TRUE(std::isfinite(bound));
          for (std::size_t i = 0; i < hidden; ++i) {
            const double difference = static_cast<double>(
                std::abs(outputs[column * hidden + i] - exact.outputs[column * hidden + i]));
            ASSERT_LE(difference, bound) << "sequence " << b << ", step " << t;
            if (t + 1 == static_cast<std::size_t>(data.lengths[b])) {
              ASSERT_EQ(last[b * hidden + i], outputs[column * hidden + i]);
            }
          }
        }
    }
  }
}

TYPED_TEST(RecurrentPassTest, NothingAfterTheEndOfASequenceCounts) {
  using T = typename TypeParam::Scalar;
  const ImplicitRnn<T> model = this->model_of(CellKind::dense);
  auto data = this->data_of();
  RecurrentPass<T> pass(this->context(), model, 3, 5, this->exact());
  const auto expected = this->gradients_of(pass, data);
  const auto outputs = this->fetch(pass.outputs());
  // Sequence 1 has two steps.
  for (std::size_t t = 2; t < 5; ++t) {
    for (std::size_t i = 0; i < 2; ++i)
      data.x[(5 + t) * 2 + i] = std::numeric_limits<double>::quiet_NaN();
    for (std::size_t i = 0; i < 4; ++i)
      data.d_outputs[(5 + t) * 4 + i] = std::numeric_limits<double>::infinity();
  }
  const auto given = this->gradients_of(pass, data);
  EXPECT_TRUE(same_bits(this->fetch(pass.outputs()), outputs));
  EXPECT_EQ(given.dM, expected.dM);
  EXPECT_EQ(given.dx, expected.dx);
  EXPECT_EQ(given.dh0, expected.dh0);
  for (std::size_t k = (5 + 2) * 4; k < 10 * 4; ++k) EXPECT_EQ(outputs[k], T(0));
  for (std::size_t k = (5 + 2) * 2; k < 10 * 2; ++k) EXPECT_EQ(given.dx[k], 0.0);
  // The lengths of later passes are their own.
  pass.set_lengths({});
  data.lengths = {5, 5, 5};
  data.x = this->data_of().x;
  this->put(pass.x(), data.x);
  EXPECT_TRUE(this->ended(pass.forward().solves));
  const auto exact = RecurrentOracle::of(this->context(), model).run(data.x, data.h0, data.lengths);
  EXPECT_LE(max_difference(this->fetch_double(pass.outputs()), in_double(exact.outputs)),
            this->close());
}

TYPED_TEST(RecurrentPassTest, NaNInOneSequenceLeavesTheBitsOfOthersAlone) {
  using T = typename TypeParam::Scalar;
  for (const CellKind kind : k_cell_kinds) {
    const ImplicitRnn<T> model = this->model_of(kind);
    auto data = this->data_of();
    RecurrentPass<T> pass(this->context(), model, 3, 5, this->exact());
    const auto expected = this->gradients_of(pass, data);
    const auto outputs = this->fetch(pass.outputs());
    data.x[5 * 2] = std::numeric_limits<double>::quiet_NaN();  // sequence 1, step 0
    this->fill(pass, data);
    const RecurrentReport report = pass.forward();
    EXPECT_EQ(report.solves.status[5], SolveStatus::diverged);
    EXPECT_EQ(report.solves.status[6], SolveStatus::diverged);
    EXPECT_TRUE(std::isinf(report.output_error_bound[5]));
    EXPECT_TRUE(std::isfinite(report.output_error_bound[4]));
    (void)pass.backward();
    EXPECT_FALSE(this->take_warnings().empty());
    const auto after = this->fetch(pass.outputs());
    const auto dx = this->fetch_double(pass.dx());
    const auto dh0 = this->fetch_double(pass.dh0());
    for (const std::size_t b : {0u, 2u}) {
      for (std::size_t k = 5 * 4 * b; k < 5 * 4 * (b + 1); ++k) ASSERT_EQ(after[k], outputs[k]);
      for (std::size_t k = 5 * 2 * b; k < 5 * 2 * (b + 1); ++k) ASSERT_EQ(dx[k], expected.dx[k]);
      for (std::size_t k = 4 * b; k < 4 * (b + 1); ++k) ASSERT_EQ(dh0[k], expected.dh0[k]);
    }
    EXPECT_TRUE(std::isnan(after[5 * 4]));
    EXPECT_EQ(after[(5 + 2) * 4], T(0));
  }
}

// A pass refers to the memory of the model, not to the object that it was made with.
TYPED_TEST(RecurrentPassTest, GoesOnWhereTheModelHasMoved) {
  using T = typename TypeParam::Scalar;
  ImplicitRnn<T> model = this->model_of(CellKind::dense);
  const auto data = this->data_of();
  RecurrentPass<T> pass(this->context(), model, 3, 5, {});
  const auto run = [&] {
    this->fill(pass, data);
    this->put(pass.d_last(), data.d_last);
    auto bounds = pass.forward().output_error_bound;
    const auto adjoint = pass.backward().error_bound;
    bounds.insert(bounds.end(), adjoint.begin(), adjoint.end());
    const auto gradient = this->fetch_double(pass.dM());
    bounds.insert(bounds.end(), gradient.begin(), gradient.end());
    return bounds;
  };
  const auto before = run();
  const ImplicitRnn<T> moved = std::move(model);
  model = ImplicitRnn<T>(this->context(), this->k_sizes,
                         {.activation = {ActivationKind::sigmoid},
                          .well_posedness = WellPosedness::inf_norm_ball(0.1)});
  EXPECT_EQ(run(), before);
  this->put(pass.d_outputs(), data.d_outputs);  // made only now
  EXPECT_NE(run(), before);
}

TYPED_TEST(RecurrentPassTest, WarmStartsSaveIterations) {
  using T = typename TypeParam::Scalar;
  const ImplicitRnn<T> model = this->model_of(CellKind::dense);
  auto data = this->data_of();
  // Steps that hardly differ.
  for (std::size_t k = 2; k < data.x.size(); ++k) data.x[k] = data.x[k % 2];
  data.lengths = {5, 5, 5};
  double iterations[2] = {};
  for (const bool warm : {false, true}) {
    RecurrentPass<T> pass(this->context(), model, 3, 5,
                          {.solver = {.acceleration = Acceleration::none}, .warm_start = warm});
    this->fill(pass, data);
    this->put(pass.d_last(), data.d_last);
    iterations[warm ? 1 : 0] = pass.forward().solves.mean_iterations();
    EXPECT_TRUE(pass.backward().all_converged());
  }
  EXPECT_LT(iterations[1], iterations[0]);
}

TYPED_TEST(RecurrentPassTest, AHeadAddsItsGradientToThatOfTheLastStep) {
  using T = typename TypeParam::Scalar;
  auto shape = this->k_sizes;
  shape.outputs = 2;
  ImplicitRnn<T> model = this->model_of(CellKind::dense, this->smooth(), shape);
  const auto data = this->data_of();
  auto options = this->exact();
  options.last_only = true;
  RecurrentPass<T> pass(this->context(), model, 3, 5, options);
  this->fill(pass, data);
  EXPECT_TRUE(this->ended(pass.forward().solves));
  const auto W = this->fetch_double(model.head());
  const auto last = this->fetch_double(pass.last());
  const std::vector<double> dY = {1, -0.5, 0.25, 2, -1, 0.5};
  std::vector<double> Y(6), d_head(10, 0.0), d_last(12, 0.0);
  for (std::size_t b = 0; b < 3; ++b)
    for (std::size_t i = 0; i < 2; ++i) {
      Y[2 * b + i] = W[i + 2 * 4];
      for (std::size_t k = 0; k < 4; ++k) {
        Y[2 * b + i] += W[i + 2 * k] * last[4 * b + k];
        d_head[i + 2 * k] += dY[2 * b + i] * last[4 * b + k];
        d_last[4 * b + k] += dY[2 * b + i] * W[i + 2 * k];
      }
      d_head[i + 2 * 4] += dY[2 * b + i];
    }
  this->expect_near(this->fetch_double(pass.Y()), Y, this->close(), "Y");
  this->put(pass.dY(), dY);
  EXPECT_TRUE(this->ended(pass.backward()));
  this->expect_near(this->fetch_double(pass.d_head()), d_head, this->close(), "d_head");
  const auto dM = this->fetch_double(pass.dM());
  // As if that had come for the last h itself.
  this->put(pass.dY(), std::vector<double>(6, 0.0));
  this->put(pass.d_last(), d_last);
  EXPECT_TRUE(this->ended(pass.backward()));
  this->expect_near(this->fetch_double(pass.dM()), dM, this->close(), "dM");
  const ImplicitRnn<T> copied = model.clone(this->context());
  EXPECT_EQ(this->fetch_double(copied.head()), W);
  EXPECT_EQ(copied.shape(), model.shape());
}

TYPED_TEST(RecurrentPassTest, APassThatRunsAgainAllocatesNothing) {
  using T = typename TypeParam::Scalar;
  const ImplicitRnn<T> model = this->model_of(CellKind::dense);
  const auto data = this->data_of();
  RecurrentPass<T> pass(this->context(), model, 3, 5, {.input_gradient = true});
  this->fill(pass, data);
  this->fill_gradients(pass, data);
  const auto run = [&] {
    pass.forward_async();
    pass.backward_async();
    return this->fetch_double(pass.dM());
  };
  const auto first = run();
  const std::size_t allocations = this->context().memory().allocations;
  EXPECT_EQ(run(), first);
  EXPECT_EQ(this->context().memory().allocations, allocations);
}

TYPED_TEST(RecurrentPassTest, BackwardComesAfterForwardWithTheSameLengths) {
  using T = typename TypeParam::Scalar;
  const ImplicitRnn<T> model = this->model_of(CellKind::dense);
  RecurrentPass<T> pass(this->context(), model, 3, 5);
  const auto refusal = [&] {
    return text_of<InvalidArgument>([&] { static_cast<void>(pass.backward()); });
  };
  EXPECT_TRUE(holds(refusal(), {"backward comes after forward"}));
  EXPECT_TRUE(pass.forward().solves.all_converged());
  EXPECT_TRUE(pass.backward().all_converged());
  pass.set_lengths(std::vector<std::int32_t>{1, 2, 3});
  EXPECT_TRUE(holds(refusal(), {"with the same lengths"}));
}

TYPED_TEST(RecurrentPassTest, RefusesWhatDoesNotFit) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  const auto refused = [](auto&& action) { return text_of<InvalidArgument>(action); };
  const auto made = [&](const RecurrentShape& shape, const ModelOptions& options = {}) {
    return refused([&] { ImplicitRnn<T>(context, shape, options); });
  };
  EXPECT_TRUE(holds(made({.inputs = 2, .states = 3, .hidden = 0}), {"hidden is 0"}));
  EXPECT_TRUE(holds(made({.inputs = 0, .states = 3, .hidden = 2}), {"inputs is 0"}));
  EXPECT_TRUE(holds(made({.inputs = 2, .states = 0, .hidden = 2}), {"states is 0"}));
  EXPECT_TRUE(
      holds(made({.inputs = 2, .states = 3, .hidden = 2, .outputs = -1}), {"outputs is -1"}));
  // silu: L = 1.0998.
  EXPECT_TRUE(
      holds(made({.inputs = 2, .states = 3, .hidden = 2}, {.activation = {ActivationKind::silu}}),
            {"1.0"}));
  EXPECT_TRUE(holds(refused([&] {
                      ImplicitRnn<T>(context, ImplicitModel<T>(context, {3, 4, 2}), 1);
                    }),
                    {"the cell has 4 inputs", "1 of x", "2 of h"}));
  const ImplicitRnn<T> model = this->model_of(CellKind::dense);
  const auto pass_of = [&](index_t sequences, index_t steps, const RecurrentPassOptions& options) {
    return refused([&] { RecurrentPass<T>(context, model, sequences, steps, options); });
  };
  EXPECT_TRUE(holds(pass_of(0, 5, {}), {"sequences is 0"}));
  EXPECT_TRUE(holds(pass_of(3, 0, {}), {"steps is 0"}));
  EXPECT_TRUE(holds(pass_of(3, 5, {.truncate = -1}), {"truncate is -1"}));
  EXPECT_TRUE(holds(pass_of(3, 5, {.recompute = -2}), {"recompute is -2"}));
  EXPECT_TRUE(holds(pass_of(1 << 20, 1 << 20, {}), {"1048576 sequences"}));

  RecurrentPass<T> pass(context, model, 3, 5, {.backward = false, .last_only = true});
  const auto lengths = [&](const std::vector<std::int32_t>& values) {
    return refused([&] { pass.set_lengths(values); });
  };
  EXPECT_TRUE(holds(lengths({5, 0, 1}), {"sequence 1 is 0", "[1, 5]"}));
  EXPECT_TRUE(holds(lengths({5, 1, 6}), {"sequence 2 is 6", "[1, 5]"}));
  EXPECT_TRUE(holds(lengths({5, 1}), {"2 lengths", "3 sequences"}));
  // Another h0 than the sequences have.
  EXPECT_TRUE(
      holds(refused([&] { copy<T>(context, Matrix<T>::zeros(context, 4, 2).view(), pass.h0()); }),
            {"4x2", "4x3"}));
  EXPECT_TRUE(holds(refused([&] { (void)pass.outputs(); }), {"last_only"}));
  EXPECT_TRUE(holds(refused([&] { (void)pass.Y(); }), {"no head"}));
  EXPECT_TRUE(holds(refused([&] { (void)pass.backward(); }), {"without the backward pass"}));
  EXPECT_TRUE(holds(refused([&] { (void)pass.dx(); }), {"without input_gradient"}));
}

}  // namespace
}  // namespace idl::test
