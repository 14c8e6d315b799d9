// SPDX-License-Identifier: MIT
// Models whose A is LRᵀ, against plain loops in double with the product made.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "idl/batch_pass.hpp"
#include "idl/optimizer.hpp"
#include "idl/sparsify.hpp"
#include "tests/host/dense_oracle.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 33, .inputs = 5, .outputs = 3};
constexpr index_t k_samples = 5;

std::size_t size(index_t count) { return static_cast<std::size_t>(count); }

template <class C>
class LowRankModelTest : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  static double u() { return static_cast<double>(std::numeric_limits<Element>::epsilon()); }

  /// Its factors fill their budgets.
  ImplicitModel<Element> model(ModelOptions options, ModelShape shape = k_shape) {
    ImplicitModel<Element> model(this->context(), shape, options, 5);
    this->put(model.L(), random_.uniforms(shape.states * *options.rank, -2, 2));
    this->put(model.R(), random_.uniforms(shape.states * *options.rank, -2, 2));
    model.project(this->context());
    return model;
  }
  Dense<double> dense(ConstMatrixView<Element> view) {
    return {size(view.rows), size(view.cols), this->fetch_double(view)};
  }
  Matrix<Element> inputs(index_t samples = k_samples) {
    return this->matrix(k_shape.inputs, samples, random_.uniforms(k_shape.inputs * samples, -1, 1));
  }
  /// x and y for one sample, by 600 iterations: .95⁶⁰⁰ is 4e-14. A is LRᵀ.
  std::pair<std::vector<double>, std::vector<double>> answer(const ImplicitModel<Element>& model,
                                                             const Dense<double>& A,
                                                             std::vector<double> input) {
    if (model.options().bias) input.push_back(1.0);
    const std::vector<double> z =
        affine(dense(model.layout().at("B").of(model.M())), input, std::vector<double>(A.rows, 0));
    std::vector<double> x(A.rows, 0.0);
    for (int iteration = 0; iteration < 600; ++iteration) {
      x = affine(A, x, z);
      for (double& entry : x) entry = std::max(entry, 0.0);
    }
    std::vector<double> y(size(model.shape().outputs), 0.0);
    if (!model.options().no_D) y = affine(dense(model.layout().at("D").of(model.M())), input, y);
    return {x, affine(dense(model.layout().at("C").of(model.M())), x, y)};
  }
  void check_predictions(const ImplicitModel<Element>& model, const SolverOptions& options);

  RandomValues random_{29};
};
TYPED_TEST_SUITE(LowRankModelTest, AllCases, CaseNames);

template <class C>
void LowRankModelTest<C>::check_predictions(const ImplicitModel<Element>& model,
                                            const SolverOptions& options) {
  const auto U = inputs();
  const auto prediction = model.predict(this->context(), U, options);
  ASSERT_TRUE(prediction.report.all_converged());
  EXPECT_LE(prediction.report.contraction, 0.95 * (1 + 100 * u()));
  const auto X = this->fetch_double(prediction.X.view());
  const auto Y = this->fetch_double(prediction.Y.view());
  const auto values = this->fetch_double(U.view());
  double C_norm = 0;
  for (const double entry : this->fetch_double(model.C())) C_norm += std::abs(entry);
  const std::size_t n = size(model.shape().states);
  const Dense<double> A = multiply(dense(model.L()), transpose(dense(model.R())));
  for (std::size_t j = 0; j < size(k_samples); ++j) {
    const auto* first = values.data() + j * size(k_shape.inputs);
    const auto [x, y] = answer(model, A, {first, first + k_shape.inputs});
    const double bound = prediction.report.error_bound[j];
    EXPECT_LE(bound, 1e-2);
    for (std::size_t i = 0; i < n; ++i) ASSERT_LE(std::abs(X[i + n * j] - x[i]), bound + 1e-11);
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_NEAR(Y[i + y.size() * j], y[i], C_norm * bound + 1e-10 + 100 * u());
  }
}

TYPED_TEST(LowRankModelTest, PredictsAsTheDenseModelWithinItsCertificate) {
  for (const index_t rank : {0, 1, 4, 40})
    for (const bool bias : {false, true}) {
      SCOPED_TRACE("rank " + std::to_string(rank));
      const auto model = this->model({.bias = bias, .no_D = bias, .rank = rank});
      EXPECT_EQ(model.M().cols, 1);
      this->check_predictions(model, {});
      this->check_predictions(
          model, {.sweep = Sweep::gauss_seidel, .acceleration = Acceleration::anderson});
      this->check_predictions(model,
                              {.forward = {.absolute = 1e-3, .rule = StopRule::certified_bound},
                               .batch_invariant = true});
    }
}

TYPED_TEST(LowRankModelTest, ASampleHasTheSameBitsAloneAndBesideOneThatIsNoNumber) {
  const auto model = this->model({.rank = 4});
  auto U = this->inputs();
  const SolverOptions options = {.batch_invariant = true};
  const auto all = this->fetch(model.predict(this->context(), U, options).X.view());
  const auto alone =
      this->fetch(model.predict(this->context(), U.view().columns(3, 1), options).X.view());
  EXPECT_TRUE(same_bits(alone, {all.begin() + 3 * 33, all.begin() + 4 * 33}));
  this->put(U.view().columns(0, 1), std::vector<double>(5, std::nan("")));
  const auto prediction = model.predict(this->context(), U, options);
  EXPECT_EQ(this->take_warnings().size(), 1U);
  EXPECT_EQ(prediction.report.status[0], SolveStatus::diverged);
  const auto spoiled = this->fetch(prediction.X.view());
  EXPECT_TRUE(same_bits(std::vector(spoiled.begin() + 33, spoiled.end()),
                        std::vector(all.begin() + 33, all.end())));
}

TYPED_TEST(LowRankModelTest, ASolveStartsWhereItIsTold) {
  const auto model = this->model({.rank = 4});
  const auto U = this->inputs();
  const SolverOptions options = {.acceleration = Acceleration::none};
  const auto first = model.predict(this->context(), U, options);
  const auto again = model.predict(this->context(), U, options, first.X.view());
  for (std::size_t j = 0; j < size(k_samples); ++j)
    EXPECT_LT(again.report.iterations[j], first.report.iterations[j]);
}

/// w ↦ the nearest w with Σ|w_i| <= radius, by the threshold that sorting finds.
std::vector<double> projected(std::vector<double> w, double radius) {
  std::vector<double> sorted;
  double sum = 0;
  for (const double entry : w) sorted.push_back(std::abs(entry));
  for (const double entry : sorted) sum += entry;
  if (sum <= radius) return w;
  std::ranges::sort(sorted, std::greater<>());
  double partial = 0;
  double theta = 0;
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    partial += sorted[k];
    const double candidate = (partial - radius) / static_cast<double>(k + 1);
    if (sorted[k] > candidate) theta = candidate;
  }
  for (double& entry : w) entry = std::copysign(std::max(std::abs(entry) - theta, 0.0), entry);
  return w;
}

TYPED_TEST(LowRankModelTest, RowsOfLAndColumnsOfRAreProjectedOntoTheRootOfKappa) {
  using T = typename TypeParam::Scalar;
  for (const index_t rank : {1, 6}) {
    ImplicitModel<T> model(this->context(), k_shape,
                           {.well_posedness = WellPosedness::inf_norm_ball(0.8), .rank = rank}, 1);
    const Dense<double> step(33, size(rank), this->random_.uniforms(33 * rank, -1, 1));
    Dense<double> L = this->dense(std::as_const(model).L());
    Dense<double> R = this->dense(std::as_const(model).R());
    Matrix<T> dM = Matrix<T>::zeros(this->context(), model.M().rows, 1);
    this->put(model.layout().at("L").of(dM.view()), step.values);
    this->put(model.layout().at("R").of(dM.view()), step.values);
    Optimizer<T> sgd(this->context(), model, {.kind = OptimizerKind::sgd, .learning_rate = 0.5});
    sgd.step(this->context(), model, dM);
    for (std::size_t e = 0; e < step.values.size(); ++e) {
      L.values[e] -= 0.5 * step.values[e];
      R.values[e] -= 0.5 * step.values[e];
    }
    const double budget = std::sqrt(0.8);
    const Dense<double> new_L = this->dense(std::as_const(model).L());
    const Dense<double> new_R = this->dense(std::as_const(model).R());
    const double tolerance = 200 * this->u();
    for (std::size_t i = 0; i < 33; ++i) {
      std::vector<double> row;
      for (std::size_t k = 0; k < size(rank); ++k) row.push_back(L(i, k));
      row = projected(row, budget);
      double sum = 0;
      for (std::size_t k = 0; k < size(rank); ++k) {
        EXPECT_NEAR(new_L(i, k), row[k], tolerance);
        sum += std::abs(new_L(i, k));
      }
      EXPECT_LE(sum * sum, 0.8);
    }
    for (std::size_t k = 0; k < size(rank); ++k) {
      const auto first = R.values.begin() + static_cast<std::ptrdiff_t>(k * 33);
      const auto column = projected({first, first + 33}, budget);
      double sum = 0;
      for (std::size_t i = 0; i < 33; ++i) {
        EXPECT_NEAR(new_R(i, k), column[i], tolerance);
        sum += std::abs(new_R(i, k));
      }
      EXPECT_LE(sum * sum, 0.8);
    }
    const auto before = this->fetch(std::as_const(model).M());
    model.project(this->context());
    EXPECT_TRUE(same_bits(this->fetch(std::as_const(model).M()), before));
  }
}

TYPED_TEST(LowRankModelTest, RandomFactorsFillTheirBudgetsAndAFreeAIsLeftAlone) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), k_shape, {.rank = 8}, 3);
  const auto report = examine_well_posedness(this->context(), model.L(), model.R(), Activation{});
  EXPECT_GT(report.inf_norm, 0.4);
  EXPECT_LE(report.inf_norm, 0.95 * (1 + 100 * this->u()));
  ImplicitModel<T> free(this->context(), k_shape,
                        {.well_posedness = WellPosedness::none(), .rank = 2}, 3);
  this->put(free.R(), std::vector<double>(66, 7.0));
  free.project(this->context());
  EXPECT_EQ(this->fetch(std::as_const(free).R()), std::vector<T>(66, T(7)));
}

TYPED_TEST(LowRankModelTest, BorrowsItsParametersAsOneColumn) {
  using T = typename TypeParam::Scalar;
  const auto owner = this->model({.bias = true, .rank = 4});
  Matrix<T> memory(this->context(), owner.M().rows, 1);
  copy<T>(this->context(), owner.M(), memory);
  this->context().synchronize();  // the model has work of its own to do there
  auto borrowed = ImplicitModel<T>::borrow(memory, k_shape, owner.options());
  const auto U = this->inputs();
  EXPECT_EQ(this->fetch(borrowed.predict(this->context(), U).Y),
            this->fetch(owner.predict(this->context(), U).Y));
  this->put(memory, std::vector<double>(static_cast<std::size_t>(memory.rows()), 0.5));
  borrowed.project(this->context());
  const auto L = this->fetch_double(memory.view().block(0, 0, 4 * 33, 1));
  for (const double entry : L) EXPECT_NEAR(entry, std::sqrt(0.95) / 4, 10 * this->u());
  EXPECT_TRUE(holds(
      text_of<InvalidArgument>([&] { ImplicitModel<T>::borrow(memory, k_shape, {.rank = 4}); }),
      {"borrow: M is ", "expected "}));
}

TYPED_TEST(LowRankModelTest, RefusesMatricesThatDoNotFitByNameAndSizes) {
  using T = typename TypeParam::Scalar;
  const auto zeros = [&](index_t rows, index_t cols) {
    return Matrix<T>::zeros(this->context(), rows, cols);
  };
  const auto refusal = [&](const auto& change, ModelOptions options = {}) {
    ModelMatrices<T> matrices = {.A = LowRankMatrix<T>{zeros(6, 2), zeros(6, 2)},
                                 .B = zeros(6, 3),
                                 .C = zeros(4, 6),
                                 .D = zeros(4, 3)};
    change(matrices);
    return text_of<InvalidArgument>([&] { ImplicitModel<T>(this->context(), matrices, options); });
  };
  const auto nothing = [](auto&) {};
  EXPECT_TRUE(holds(refusal([&](auto& m) {
                      m.A = LowRankMatrix<T>{zeros(6, 2), zeros(6, 3)};
                    }),
                    {"L is 6x2", "R is 6x3"}));
  EXPECT_TRUE(holds(refusal([&](auto& m) {
                      m.A = LowRankMatrix<T>{zeros(6, 2), zeros(5, 2)};
                    }),
                    {"A is 6x5", "6x6"}));
  EXPECT_TRUE(holds(refusal([&](auto& m) {
                      m.B = LowRankMatrix<T>{zeros(6, 2), zeros(3, 2)};
                    }),
                    {"B is L R^T", "only A"}));
  EXPECT_TRUE(holds(refusal(nothing, {.rank = 3}), {"rank is 3", "L is 6x2"}));
  EXPECT_TRUE(holds(refusal([&](auto& m) { m.A = zeros(6, 6); }, {.rank = 3}),
                    {"rank is 3", "A is not L R^T"}));
  EXPECT_TRUE(
      holds(refusal(nothing, {.well_posedness = WellPosedness::strictly_upper_triangular()}),
            {"rank is 2", "strictly upper"}));
  const auto of_rank = [&](index_t rank) {
    return text_of<InvalidArgument>(
        [&] { ImplicitModel<T>(this->context(), k_shape, {.rank = rank}); });
  };
  EXPECT_TRUE(holds(of_rank(-1), {"rank is -1"}));
  const ImplicitModel<T> model(this->context(), k_shape, {.rank = 2});
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { static_cast<void>(model.A()); }),
                    {"'A'", "L, R, B, C, D"}));
}

TYPED_TEST(LowRankModelTest, WhatChoosesAmongEntriesOfARefusesFactors) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model(this->context(), k_shape, {.rank = 2});
  const auto refused = [&](const auto& action) {
    return holds(text_of<InvalidArgument>(action), {"A is L R^T of rank 2"});
  };
  EXPECT_TRUE(refused([&] { sparsify(this->context(), model, {.density = 0.5}); }));
  EXPECT_TRUE(refused([&] { compact(this->context(), model); }));
  EXPECT_TRUE(refused([&] { remove_dead(this->context(), model); }));
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([&] { Optimizer<T>(this->context(), model, {.prox = 0.5}); }),
            {"prox is 0.5", "L R^T"}));
}

TYPED_TEST(LowRankModelTest, IsExaminedByTheProductOfTheMagnitudesOfItsFactors) {
  for (const index_t rank : {0, 1, 3, 12}) {
    const ModelShape shape = {.states = 7, .inputs = 5, .outputs = 3};
    ModelOptions options = {.well_posedness = WellPosedness::none(), .rank = rank};
    const auto model = this->model(options, shape);
    Dense<double> L = this->dense(model.L());
    Dense<double> R = this->dense(model.R());
    std::ptrdiff_t zeros = 0;
    for (Dense<double>* factor : {&L, &R})
      for (double& entry : factor->values) {
        zeros += entry == 0.0 ? 1 : 0;
        entry = std::abs(entry);
      }
    const Dense<double> bound = multiply(L, transpose(R));
    const auto expected = examine_well_posedness<double>(
        *std::make_unique<Context>(Device::cpu()), {bound.values.data(), 7, 7, 7, Device::cpu()},
        Activation::leaky_relu(0.1));
    const auto actual =
        examine_well_posedness(this->context(), model.L(), model.R(), Activation::leaky_relu(0.1));
    EXPECT_NEAR(actual.inf_norm, expected.inf_norm, 1e-12 * expected.inf_norm);
    EXPECT_NEAR(actual.perron_root, expected.perron_root, 3e-6 * expected.perron_root);
    EXPECT_EQ(actual.contraction, actual.inf_norm);
    EXPECT_EQ(actual.proof, expected.proof);
    EXPECT_EQ(zeros, 0);
    EXPECT_EQ(actual.density, rank == 0 ? 0.0 : 1.0);
  }
}

template <class C>
class LowRankGradient : public LowRankModelTest<C> {};
TYPED_TEST_SUITE(LowRankGradient, DoubleCases, CaseNames);

/// Central differences with step h of numbers of the order of 1 are wrong by some 1e-10 + 1e-15/h.
TYPED_TEST(LowRankGradient, AgreesWithDifferences) {
  constexpr double k_step = 1e-5;
  for (const bool bias : {false, true}) {
    ImplicitModel<double> model =
        this->model({.activation = {ActivationKind::tanh}, .bias = bias, .no_D = bias, .rank = 3},
                    {.states = 7, .inputs = 5, .outputs = 3});
    for (const char* name : {"B", "C"}) {
      const auto tensor = model.layout().at(name).of(model.M());
      this->put(tensor, this->random_.uniforms(tensor.rows * tensor.cols, -1, 1));
    }
    BatchPass<double> pass(
        this->context(), model, 4,
        {.solver = {.forward = {.max_iterations = 3000, .absolute = 1e-15, .relative = 1e-15},
                    .adjoint = {.max_iterations = 3000, .absolute = 1e-15, .relative = 1e-15}},
         .input_gradient = true});
    this->put(pass.U(), this->random_.uniforms(20, -1, 1));
    const auto weights = this->random_.uniforms(12, -1, 1);
    const auto loss = [&] {
      static_cast<void>(pass.forward());
      const auto Y = this->fetch(pass.Y());
      double sum = 0;
      for (std::size_t k = 0; k < Y.size(); ++k) sum += weights[k] * Y[k];
      return sum;
    };
    loss();
    this->put(pass.dY(), weights);
    static_cast<void>(pass.backward());
    const auto check = [&](const std::string& name, MatrixView<double> parameter,
                           const std::vector<double>& gradient) {
      std::vector<double> values = this->fetch(parameter);
      double largest = 0;
      for (std::size_t k = 0; k < values.size(); ++k) {
        const double value = values[k];
        const auto at = [&](double moved) {
          values[k] = moved;
          this->put(parameter, values);
          return loss();
        };
        const double difference = at(value + k_step) - at(value - k_step);
        values[k] = value;
        EXPECT_NEAR(gradient[k], difference / (2 * k_step), 1e-8) << name << " entry " << k;
        largest = std::max(largest, std::abs(gradient[k]));
      }
      this->put(parameter, values);
      EXPECT_GT(largest, 1e-3) << name << ": a gradient of zero says nothing";
    };
    for (const ParameterTensor& tensor : model.layout().tensors)
      check(tensor.name, tensor.of(model.M()), this->fetch(tensor.of(pass.dM())));
    check("U", pass.U(), this->fetch(pass.dU()));
    this->take_warnings();  // tolerances of 1e-15 may end in stagnation
  }
}

}  // namespace
}  // namespace idl::test
