// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <numeric>

#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// With batch_invariant a sample's answer has the same bits whatever batch it is in.
namespace idl::test {
namespace {

constexpr index_t k_states = 37;
constexpr index_t k_inputs = 19;
constexpr index_t k_outputs = 10;

template <class C>
class BatchInvariance : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  ImplicitModel<Scalar> random_model(RandomValues& random, Activation activation = {}) {
    ImplicitModel<Scalar> model(this->context(), {k_states, k_inputs, k_outputs},
                                {.activation = activation});
    this->put(model.A(), random.matrix_of_norm(k_states, 0.9));
    this->put(model.B(), random.uniforms(k_states * k_inputs, -1.0, 1.0));
    this->put(model.C(), random.uniforms(k_outputs * k_states, -1.0, 1.0));
    this->put(model.D(), random.uniforms(k_outputs * k_inputs, -1.0, 1.0));
    model.project(this->context());
    return model;
  }

  static SolverOptions invariant() {
    SolverOptions options;
    options.batch_invariant = true;
    return options;
  }

  /// Y above X for each column of U, one vector per column.
  std::vector<std::vector<Scalar>> answers(const ImplicitModel<Scalar>& model,
                                           const std::vector<double>& U,
                                           const SolverOptions& options = invariant()) {
    const auto m = static_cast<index_t>(U.size()) / k_inputs;
    const Matrix<Scalar> device_U = this->matrix(k_inputs, m, U);
    const Prediction<Scalar> prediction = model.predict(this->context(), device_U.view(), options);
    const std::vector<Scalar> Y = this->fetch(prediction.Y.view());
    const std::vector<Scalar> X = this->fetch(prediction.X.view());
    std::vector<std::vector<Scalar>> result;
    for (std::ptrdiff_t j = 0; j < m; ++j) {
      std::vector<Scalar> column(Y.begin() + j * k_outputs, Y.begin() + (j + 1) * k_outputs);
      column.insert(column.end(), X.begin() + j * k_states, X.begin() + (j + 1) * k_states);
      result.push_back(std::move(column));
    }
    return result;
  }

  static std::vector<double> column(const std::vector<double>& U, std::ptrdiff_t j) {
    return {U.begin() + j * k_inputs, U.begin() + (j + 1) * k_inputs};
  }
};
TYPED_TEST_SUITE(BatchInvariance, AllCases, CaseNames);

TYPED_TEST(BatchInvariance, ASampleAloneHasTheBitsThatItHasAmongAThousand) {
  RandomValues random(11);
  const auto model = this->random_model(random);
  const std::vector<double> U = random.uniforms(k_inputs * 1000, -1.0, 1.0);
  const auto together = this->answers(model, U);
  for (const std::ptrdiff_t j : {0, 1, 31, 255, 256, 499, 997, 999})
    EXPECT_TRUE(same_bits(this->answers(model, this->column(U, j)).at(0),
                          together.at(static_cast<std::size_t>(j))))
        << "column " << j;
}

TYPED_TEST(BatchInvariance, ASampleHasTheSameBitsInAnotherPlace) {
  RandomValues random(12);
  const auto model = this->random_model(random, {ActivationKind::tanh});
  const index_t m = 103;
  const std::vector<double> U = random.uniforms(k_inputs * m, -1.0, 1.0);
  std::vector<double> reversed;
  for (std::ptrdiff_t j = m; j-- > 0;) {
    const std::vector<double> one = this->column(U, j);
    reversed.insert(reversed.end(), one.begin(), one.end());
  }
  const auto forward = this->answers(model, U);
  const auto backward = this->answers(model, reversed);
  for (std::size_t j = 0; j < forward.size(); ++j)
    EXPECT_TRUE(same_bits(forward[j], backward[forward.size() - 1 - j])) << "column " << j;
}

TYPED_TEST(BatchInvariance, BatchesOfEverySizeGiveTheSameBits) {
  RandomValues random(13);
  const auto model = this->random_model(random);
  const std::vector<double> U = random.uniforms(k_inputs * 70, -1.0, 1.0);
  const auto all = this->answers(model, U);
  for (const std::ptrdiff_t m : {2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65}) {
    const auto some = this->answers(model, {U.begin(), U.begin() + m * k_inputs});
    for (std::size_t j = 0; j < some.size(); ++j)
      ASSERT_TRUE(same_bits(some[j], all[j])) << "column " << j << " of " << m;
  }
}

TYPED_TEST(BatchInvariance, HoldsForTheAdjointAndTheInputGradientToo) {
  using T = typename TypeParam::Scalar;
  RandomValues random(14);
  const auto model = this->random_model(random);
  const std::vector<double> U = random.uniforms(k_inputs * 50, -1.0, 1.0);
  const std::vector<double> dY = random.uniforms(k_outputs * 50, -1.0, 1.0);
  const auto gradients = [&](index_t first, index_t count) {
    BatchPass<T> pass(this->context(), model, count,
                      {.solver = this->invariant(), .input_gradient = true});
    this->put(pass.U(), {U.begin() + first * k_inputs, U.begin() + (first + count) * k_inputs});
    this->put(pass.dY(),
              {dY.begin() + first * k_outputs, dY.begin() + (first + count) * k_outputs});
    EXPECT_TRUE(pass.forward().all_converged());
    EXPECT_TRUE(pass.backward().all_converged());
    return std::pair(this->fetch(pass.V()), this->fetch(pass.dU()));
  };
  const auto [all_V, all_dU] = gradients(0, 50);
  const auto [V, dU] = gradients(20, 3);
  EXPECT_TRUE(same_bits(std::span(V), std::span(all_V).subspan(20 * k_states, 3 * k_states)));
  EXPECT_TRUE(same_bits(std::span(dU), std::span(all_dU).subspan(20 * k_inputs, 3 * k_inputs)));
}

TYPED_TEST(BatchInvariance, GivesTheAnswersOfTheUsualOrderUpToRounding) {
  RandomValues random(15);
  const auto model = this->random_model(random);
  const std::vector<double> U = random.uniforms(k_inputs * 40, -1.0, 1.0);
  SolverOptions exact;
  exact.forward = {.max_iterations = 1000, .absolute = 0.0, .relative = 1e-6};
  SolverOptions exact_invariant = exact;
  exact_invariant.batch_invariant = true;
  const auto usual = this->answers(model, U, exact);
  const auto invariant = this->answers(model, U, exact_invariant);
  // Both stop at a relative step of 1e-6, so both are within 9e-6 of the state, whose entries are
  // at most ‖B‖∞/(1−κ) <= 190; the outputs are sums of 56 such.
  for (std::size_t j = 0; j < usual.size(); ++j) {
    const std::vector<double> a(usual[j].begin(), usual[j].end());
    const std::vector<double> b(invariant[j].begin(), invariant[j].end());
    double scale = 0.0;
    for (const double value : a) scale = std::max(scale, std::abs(value));
    EXPECT_LE(max_difference(a, b), 56 * 2 * 9e-6 * scale);
  }
}

TYPED_TEST(BatchInvariance, TwoRunsOfTheUsualOrderGiveTheSameBits) {
  RandomValues random(16);
  const auto model = this->random_model(random);
  const std::vector<double> U = random.uniforms(k_inputs * 300, -1.0, 1.0);
  const auto first = this->answers(model, U, {});
  const auto second = this->answers(model, U, {});
  for (std::size_t j = 0; j < first.size(); ++j) ASSERT_TRUE(same_bits(first[j], second[j]));
}

}  // namespace
}  // namespace idl::test
