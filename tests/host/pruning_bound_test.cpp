// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "idl/sparsify.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/model_oracle.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

constexpr double k_infinity = std::numeric_limits<double>::infinity();
constexpr index_t k_samples = 4;

template <class C>
class PruningBoundTest : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  ImplicitModel<Element> random_model(ModelShape shape, ModelOptions options) {
    ImplicitModel<Element> model(this->context(), shape, options);
    const auto draw = [&](MatrixView<Element> matrix, double size) {
      this->put(matrix, random_.uniforms(matrix.rows * matrix.cols, -size, size));
    };
    draw(model.M(), 1.0);
    draw(model.A(), 2.0 / static_cast<double>(shape.states));
    model.project(this->context());
    return model;
  }
  std::vector<double> random_inputs(const ImplicitModel<Element>& model) {
    const auto values = random_.uniforms(model.shape().inputs * k_samples, -1.0, 1.0);
    std::vector<double> rounded;
    for (const double value : values)
      rounded.push_back(static_cast<double>(static_cast<Element>(value)));
    return rounded;
  }
  PruningBound bound_of(const ImplicitModel<Element>& model, const ImplicitModel<Element>& pruned,
                        const std::vector<double>& U) {
    const index_t p = model.shape().inputs;
    return pruning_bound(this->context(), model, pruned,
                         this->matrix(p, static_cast<index_t>(U.size()) / p, U));
  }
  /// Change and bound, of the states and of the outputs, for each sample.
  struct Compared {
    double change;
    double bound;
  };
  std::vector<Compared> compare(const ImplicitModel<Element>& model,
                                const ImplicitModel<Element>& pruned,
                                const std::vector<double>& U) {
    const PruningBound bound = bound_of(model, pruned, U);
    EXPECT_EQ(bound.worst_state, *std::ranges::max_element(bound.state));
    EXPECT_EQ(bound.worst_output, *std::ranges::max_element(bound.output));
    std::vector<Compared> compared;
    const auto p = static_cast<std::ptrdiff_t>(model.shape().inputs);
    for (std::size_t j = 0; j < bound.state.size(); ++j) {
      const auto first = U.begin() + static_cast<std::ptrdiff_t>(j) * p;
      const std::vector<double> u(first, first + p);
      const Answer before = answer_of(this->context(), model, u);
      const Answer after = answer_of(this->context(), pruned, u);
      compared.push_back({max_difference(before.x, after.x), bound.state[j]});
      compared.push_back({max_difference(before.y, after.y), bound.output[j]});
    }
    return compared;
  }
  /// 2 states, 1 input, 1 output, all entries positive.
  ImplicitModel<Element> positive_model() {
    ImplicitModel<Element> model(this->context(), {2, 1, 1},
                                 {.activation = {.kind = ActivationKind::identity}});
    this->put(model.A(), {0.25, 0.25, 0.5, 0.125});
    this->put(model.B(), {1.0, 0.5});
    this->put(model.C(), {2.0, 0.5});
    this->put(model.D(), {0.25});
    return model;
  }

  RandomValues random_{31};
};
TYPED_TEST_SUITE(PruningBoundTest, AllCases, CaseNames);

TYPED_TEST(PruningBoundTest, TheChangeNeverExceedsIt) {
  for (const ActivationKind kind : all_activations())
    for (const double contraction : {0.5, 0.8, 0.95}) {
      // An emulated device would take minutes.
      if (TypeParam::k_device == DeviceKind::cuda && contraction > 0.5) continue;
      const Activation activation = parse_activation(to_string(kind));
      const double kappa = std::min(contraction / lipschitz_constant(activation), 0.99);
      const auto model =
          this->random_model({.states = this->random_.integer(1, 20), .inputs = 5, .outputs = 3},
                             {.activation = activation,
                              .well_posedness = WellPosedness::inf_norm_ball(kappa),
                              .bias = this->random_.unit() < 0.5,
                              .no_D = this->random_.unit() < 0.5});
      const auto U = this->random_inputs(model);
      for (const double density : {0.0, 0.1, 0.5, 0.9})
        for (const SparsifyTarget target :
             {SparsifyTarget::state_matrix, SparsifyTarget::all_matrices}) {
          const auto pruned =
              sparsify(this->context(), model, {.target = target, .density = density});
          for (const auto& [change, bound] : this->compare(model, pruned, U)) {
            // The oracle's own answers are off by some roundings of double.
            ASSERT_LE(change, bound + 1e-13) << to_string(kind) << " " << density;
            ASSERT_LT(bound, k_infinity);
          }
        }
    }
}

TYPED_TEST(PruningBoundTest, IsReachedByALinearModelWithoutNegativeNumbers) {
  using T = typename TypeParam::Scalar;
  const auto model = this->positive_model();
  // A_01 and B_1 go, C and D stay.
  ModelMatrices<T> matrices = {
      .A = CsrMatrix<T>(this->context(), {2, 2, {0, 1, 3}, {0, 0, 1}, {0.25, 0.25, 0.125}}),
      .B = CsrMatrix<T>(this->context(), {2, 1, {0, 1, 1}, {0}, {1.0}}),
      .C = this->matrix(1, 2, {2.0, 0.5}),
      .D = this->matrix(1, 1, {0.25})};
  const ImplicitModel<T> pruned(this->context(), matrices, model.options());
  for (const auto& [change, bound] : this->compare(model, pruned, {1.0, 0.0, 3.0})) {
    EXPECT_LE(change, bound * (1 + 1e-13));
    EXPECT_GE(change, bound * (1 - 1e-6) - 1e-200);
  }
}

TYPED_TEST(PruningBoundTest, IsZeroWhereNothingWasPruned) {
  const auto model = this->random_model({12, 5, 3}, {.bias = true});
  const auto U = this->random_inputs(model);
  for (const double density : {1.0, 0.4}) {
    const auto given = sparsify(this->context(), model, {.density = density});
    const PruningBound bound = this->bound_of(given, given, U);
    EXPECT_LT(bound.worst_state, 1e-290);
    EXPECT_LT(bound.worst_output, 1e-290);
  }
}

TYPED_TEST(PruningBoundTest, ASampleThatIsNotFiniteHasNoneAndLeavesOthersTheirs) {
  const auto model = this->random_model({12, 5, 3}, {});
  const auto pruned = sparsify(this->context(), model, {.density = 0.5});
  auto U = this->random_inputs(model);
  const PruningBound clean = this->bound_of(model, pruned, U);
  U[7] = std::numeric_limits<double>::quiet_NaN();
  U[16] = k_infinity;
  const PruningBound spoiled = this->bound_of(model, pruned, U);
  for (const std::size_t j : {1U, 3U}) {
    EXPECT_EQ(spoiled.state[j], k_infinity);
    EXPECT_EQ(spoiled.output[j], k_infinity);
  }
  for (const std::size_t j : {0U, 2U}) {
    EXPECT_EQ(spoiled.state[j], clean.state[j]);
    EXPECT_EQ(spoiled.output[j], clean.output[j]);
  }
  EXPECT_EQ(spoiled.worst_state, k_infinity);
}

TYPED_TEST(PruningBoundTest, IsInfiniteWhereThePrunedModelIsNotKnownToBeWellPosed) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->positive_model();
  ImplicitModel<T> pruned(
      this->context(), model.shape(),
      {.activation = model.options().activation, .well_posedness = WellPosedness::none()});
  copy<T>(this->context(), model.M(), pruned.M());
  this->put(pruned.A(), {1.25, 0.0, 0.0, 0.125});
  const PruningBound bound = this->bound_of(model, pruned, {1.0, 2.0});
  EXPECT_EQ(bound.state, (std::vector<double>{k_infinity, k_infinity}));
  EXPECT_EQ(bound.output, (std::vector<double>{k_infinity, k_infinity}));
}

TYPED_TEST(PruningBoundTest, HoldsForStrictlyUpperTriangularModelsOfLargeNorm) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model = this->random_model(
      {12, 5, 3}, {.well_posedness = WellPosedness::strictly_upper_triangular(), .bias = true});
  this->put(model.A(), this->random_.uniforms(144, -2.0, 2.0));
  model.project(this->context());
  ImplicitModel<T> pruned = model.clone(this->context());
  auto A = this->fetch_double(std::as_const(model).A());
  for (double& value : A)
    if (std::abs(value) < 0.5) value = 0.0;
  this->put(pruned.A(), A);
  for (const auto& [change, bound] : this->compare(model, pruned, this->random_inputs(model))) {
    EXPECT_LE(change, bound * (1 + 1e-12));
    EXPECT_GT(change, 0.0);
    EXPECT_LT(bound, k_infinity);
  }
}

TYPED_TEST(PruningBoundTest, OfMoreSamplesThanAreSolvedAtATimeIsThatOfEach) {
  const auto model =
      this->random_model({3, 2, 2}, {.well_posedness = WellPosedness::inf_norm_ball(0.5)});
  const auto pruned = sparsify(this->context(), model, {.density = 0.5});
  const auto few = this->random_inputs(model);
  std::vector<double> many;
  for (int k = 0; k < 600; ++k) many.insert(many.end(), few.begin(), few.end());
  const PruningBound expected = this->bound_of(model, pruned, few);
  const PruningBound bound = this->bound_of(model, pruned, many);
  ASSERT_EQ(bound.state.size(), 2400U);
  // Two solves that stop at 1e-9 may end apart by their certificates.
  for (std::size_t j = 0; j < bound.state.size(); ++j) {
    ASSERT_NEAR(bound.state[j], expected.state[j % 4], 1e-6 * expected.state[j % 4]);
    ASSERT_NEAR(bound.output[j], expected.output[j % 4], 1e-6 * expected.output[j % 4]);
  }
  const PruningBound none = this->bound_of(model, pruned, {});
  EXPECT_TRUE(none.state.empty());
  EXPECT_EQ(none.worst_output, 0.0);
}

TYPED_TEST(PruningBoundTest, RefusesModelsThatDifferInMoreThanTheirEntries) {
  const auto model = this->random_model({12, 5, 3}, {});
  const auto refusal = [&](const auto& other, const std::vector<double>& U) {
    return text_of<InvalidArgument>([&] { static_cast<void>(this->bound_of(model, other, U)); });
  };
  const auto U = this->random_inputs(model);
  EXPECT_TRUE(holds(refusal(this->random_model({11, 5, 3}, {}), U), {"12 states", "11 states"}));
  EXPECT_TRUE(holds(refusal(this->random_model({12, 5, 3}, {.bias = true}), U),
                    {"without a bias", "with a bias"}));
  EXPECT_TRUE(holds(
      refusal(this->random_model({12, 5, 3}, {.activation = {.kind = ActivationKind::tanh}}), U),
      {"activation", "relu", "tanh"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] {
                      static_cast<void>(pruning_bound(this->context(), model, model,
                                                      this->matrix(2, 1, {1.0, 2.0})));
                    }),
                    {"U has 2 rows", "5 inputs"}));
}

}  // namespace
}  // namespace idl::test
