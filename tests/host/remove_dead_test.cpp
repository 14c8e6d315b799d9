// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

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

using Indices = std::vector<index_t>;

template <class C>
class RemoveDeadTest : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  /// One nonzero entry of a matrix of a model.
  struct Entry {
    char matrix;
    index_t row;
    index_t col;
    double value;
  };
  /// A dense model of these entries, or one whose matrices are all in compressed rows.
  ImplicitModel<Element> model_of(ModelShape shape, const std::vector<Entry>& entries,
                                  ModelOptions options = {}, bool sparse = false) {
    ImplicitModel<Element> model(this->context(), shape, options);
    std::vector<double> M(static_cast<std::size_t>(model.M().rows * model.M().cols), 0.0);
    for (const auto& [matrix, row, col, value] : entries) {
      const ParameterTensor& tensor = model.layout().at(std::string(1, matrix));
      M[static_cast<std::size_t>(tensor.row + row + (tensor.col + col) * model.M().rows)] = value;
    }
    this->put(model.M(), M);
    return sparse ? sparsify(this->context(), model,
                             {.by = SparsifyRule::threshold, .threshold = 1e-30})
                  : std::move(model);
  }
  /// The answers of both, by plain loops, agree but for the rounding of the bias in T.
  void expect_same_answers(const ImplicitModel<Element>& old,
                           const ReducedModel<Element>& reduced) {
    RandomValues random(5);
    for (int sample = 0; sample < 3; ++sample) {
      const auto u = random.uniforms(old.shape().inputs, -1, 1);
      std::vector<double> kept;
      for (const index_t input : reduced.kept_inputs)
        kept.push_back(u[static_cast<std::size_t>(input)]);
      const Answer before = answer_of(this->context(), old, u);
      const Answer after = answer_of(this->context(), reduced.model, kept);
      // Biases below 4 in size, gains of a state below 20, rows of C of less than 10 in sum.
      const double rounding =
          400 * 4 * static_cast<double>(std::numeric_limits<Element>::epsilon());
      EXPECT_LE(max_difference(before.y, after.y), rounding);
      std::vector<double> x;
      for (const index_t state : reduced.kept_states)
        x.push_back(before.x[static_cast<std::size_t>(state)]);
      EXPECT_LE(max_difference(x, after.x), rounding);
    }
  }
};
TYPED_TEST_SUITE(RemoveDeadTest, AllCases, CaseNames);

TYPED_TEST(RemoveDeadTest, WhatNothingReadsGoesAndWhatIsZeroGoes) {
  for (const bool sparse : {false, true}) {
    // State 0 is read by itself alone, 1 and 3 by each other alone, 4 is zero and read by 2,
    // which takes input 1 and is an output.
    const auto model = this->model_of({5, 3, 2},
                                      {{'A', 0, 0, 0.5},
                                       {'A', 0, 2, 0.25},
                                       {'A', 1, 3, 0.5},
                                       {'A', 3, 1, 0.5},
                                       {'A', 2, 2, 0.25},
                                       {'A', 2, 4, 0.5},
                                       {'B', 0, 0, 1.0},
                                       {'B', 1, 0, 1.0},
                                       {'B', 2, 1, 1.0},
                                       {'C', 0, 2, 1.0},
                                       {'C', 1, 4, 1.0}},
                                      {}, sparse);
    const auto reduced = remove_dead(this->context(), model);
    EXPECT_EQ(reduced.kept_states, (Indices{2}));
    EXPECT_EQ(reduced.kept_inputs, (Indices{1}));
    EXPECT_EQ(reduced.model.shape(), (ModelShape{1, 1, 2}));
    for (const char* name : {"A", "B", "C", "D"})
      EXPECT_EQ(reduced.model.is_sparse(name), sparse) << name;
    this->expect_same_answers(model, reduced);
  }
}

TYPED_TEST(RemoveDeadTest, AnInputThatOnlyAnOutputReadsStays) {
  const auto model =
      this->model_of({2, 3, 1}, {{'B', 0, 2, 1.0}, {'C', 0, 0, 1.0}, {'D', 0, 1, 0.5}});
  const auto reduced = remove_dead(this->context(), model);
  EXPECT_EQ(reduced.kept_states, (Indices{0}));
  EXPECT_EQ(reduced.kept_inputs, (Indices{1, 2}));
  this->expect_same_answers(model, reduced);
}

TYPED_TEST(RemoveDeadTest, StatesThatReadEachOtherAndNothingElseAreZero) {
  const std::vector<typename TestFixture::Entry> entries = {
      {'A', 0, 1, 0.5},  {'A', 1, 0, -0.5}, {'A', 2, 0, 0.5}, {'A', 2, 2, 0.25},
      {'B', 2, 0, 0.75}, {'C', 0, 1, 1.0},  {'C', 0, 2, 1.0}};
  const auto zero = this->model_of({3, 1, 1}, entries, {.activation = {ActivationKind::tanh}});
  const auto reduced = remove_dead(this->context(), zero);
  EXPECT_EQ(reduced.kept_states, (Indices{2}));
  this->expect_same_answers(zero, reduced);
  // σ(0) is not zero.
  const auto not_zero =
      this->model_of({3, 1, 1}, entries, {.activation = {ActivationKind::sigmoid}});
  EXPECT_EQ(remove_dead(this->context(), not_zero).kept_states, (Indices{0, 1, 2}));
}

TYPED_TEST(RemoveDeadTest, ConstantStatesGoIntoTheBias) {
  for (const bool sparse : {false, true})
    for (const ActivationKind kind : {ActivationKind::sigmoid, ActivationKind::relu}) {
      // State 0 is φ(0.5), 1 is φ(0.25 φ(0.5)), 3 is φ(0); the bias is column 2 of B and D.
      const auto model = this->model_of({4, 2, 2},
                                        {{'A', 1, 0, 0.25},
                                         {'A', 2, 1, 0.5},
                                         {'A', 2, 2, 0.25},
                                         {'A', 2, 3, 0.125},
                                         {'B', 0, 2, 0.5},
                                         {'B', 2, 0, 1.0},
                                         {'C', 0, 0, 2.0},
                                         {'C', 0, 2, 1.0},
                                         {'C', 1, 3, 3.0},
                                         {'D', 1, 2, 0.5}},
                                        {.activation = {kind}, .bias = true}, sparse);
      const auto reduced = remove_dead(this->context(), model);
      EXPECT_EQ(reduced.kept_states, (Indices{2}));
      EXPECT_EQ(reduced.kept_inputs, (Indices{0}));
      this->expect_same_answers(model, reduced);
      EXPECT_EQ(reduced.model.is_sparse("B"), sparse);
    }
}

TYPED_TEST(RemoveDeadTest, AConstantThatAnOutputReadsStaysWhereThereIsNoDToHoldIt) {
  const std::vector<typename TestFixture::Entry> entries = {
      {'A', 2, 0, 0.5}, {'A', 2, 1, 0.25}, {'B', 2, 0, 1.0}, {'C', 0, 0, 1.0}, {'C', 0, 2, 1.0}};
  const auto model = this->model_of(
      {3, 1, 1}, entries, {.activation = {ActivationKind::softplus}, .bias = true, .no_D = true});
  const auto reduced = remove_dead(this->context(), model);
  EXPECT_EQ(reduced.kept_states, (Indices{0, 2}));
  this->expect_same_answers(model, reduced);
  // Without a bias nothing holds a constant.
  const auto without =
      this->model_of({3, 1, 1}, entries, {.activation = {ActivationKind::softplus}, .no_D = true});
  EXPECT_EQ(remove_dead(this->context(), without).kept_states, (Indices{0, 1, 2}));
}

TYPED_TEST(RemoveDeadTest, OneStateAndOneInputStay) {
  for (const bool sparse : {false, true})
    for (const bool bias : {false, true}) {
      const auto dead = this->model_of({3, 2, 2}, {}, {.bias = bias}, sparse);
      const auto reduced = remove_dead(this->context(), dead);
      EXPECT_EQ(reduced.model.shape(), (ModelShape{1, 1, 2}));
      EXPECT_EQ(reduced.kept_states.size(), 1U);
      EXPECT_EQ(reduced.kept_inputs.size(), 1U);
      this->expect_same_answers(dead, reduced);
      const auto constant =
          this->model_of({2, 2, 1}, {{'C', 0, 0, 2.0}, {'C', 0, 1, 1.0}},
                         {.activation = {ActivationKind::sigmoid}, .bias = bias}, sparse);
      this->expect_same_answers(constant, remove_dead(this->context(), constant));
    }
}

TYPED_TEST(RemoveDeadTest, WhereNothingIsDeadEveryBitStays) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), {12, 7, 3}, {.bias = true}, 3);
  const auto reduced = remove_dead(this->context(), model);
  EXPECT_EQ(reduced.kept_states.size(), 12U);
  EXPECT_EQ(reduced.kept_inputs.size(), 7U);
  EXPECT_TRUE(same_bits(download(this->context(), model.M()),
                        download(this->context(), reduced.model.M())));
}

TYPED_TEST(RemoveDeadTest, AnswersOfThinRandomModelsStayWithinBothCertificates) {
  using T = typename TypeParam::Scalar;
  RandomValues random(17);
  std::size_t removed = 0;
  for (const ActivationKind kind : all_activations())
    for (const bool bias : {false, true}) {
      const bool no_D = random.unit() < 0.5;
      const index_t n = random.integer(20, 33);
      const Activation activation = parse_activation(to_string(kind));
      const double kappa = std::min(0.8, 0.95 / lipschitz_constant(activation));
      const ImplicitModel<T> dense(this->context(), {n, 9, 3},
                                   {.activation = activation,
                                    .well_posedness = WellPosedness::inf_norm_ball(kappa),
                                    .bias = bias,
                                    .no_D = no_D},
                                   static_cast<std::uint64_t>(n));
      const auto model = sparsify(this->context(), dense, {.density = 0.05});
      const auto reduced = remove_dead(this->context(), model);
      removed += static_cast<std::size_t>(n) - reduced.kept_states.size();
      this->expect_same_answers(model, reduced);
      const auto again = remove_dead(this->context(), reduced.model);
      EXPECT_EQ(again.kept_states.size(), reduced.kept_states.size());
      EXPECT_EQ(again.kept_inputs.size(), reduced.kept_inputs.size());

      const index_t m = 5;
      const auto u = random.uniforms(9 * m, -1, 1);
      std::vector<double> kept;
      for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j)
        for (const index_t input : reduced.kept_inputs)
          kept.push_back(u[static_cast<std::size_t>(input) + j * 9]);
      const auto before = model.predict(this->context(), this->matrix(9, m, u));
      const auto after = reduced.model.predict(this->context(),
                                               this->matrix(reduced.model.shape().inputs, m, kept));
      const auto X = this->fetch_double(before.X.view());
      const auto X_after = this->fetch_double(after.X.view());
      const auto at = [](const std::vector<double>& values, std::size_t row, std::size_t rows,
                         std::size_t column) { return values[row + column * rows]; };
      const auto left = reduced.kept_states.size();
      for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j)
        for (std::size_t i = 0; i < left; ++i)
          // A bias of at most 1 is rounded once, and a state changes by no more than 1/(1−κL)
          // of it.
          ASSERT_NEAR(at(X_after, i, left, j),
                      at(X, static_cast<std::size_t>(reduced.kept_states[i]),
                         static_cast<std::size_t>(n), j),
                      before.report.error_bound[j] + after.report.error_bound[j] +
                          20 * static_cast<double>(std::numeric_limits<T>::epsilon()));
    }
  EXPECT_GT(removed, 30U);
}

}  // namespace
}  // namespace idl::test
