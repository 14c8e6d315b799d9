// SPDX-License-Identifier: MIT
// Passes through C give what BatchPass gives, and gradients that difference quotients agree with.
#include <cmath>

#include "tests/host/c_api_fixture.hpp"

namespace idl::test {
namespace {

template <class C>
class CApiPass : public CApiFixture<C> {
 protected:
  using Element = typename C::Scalar;
  using Base = CApiFixture<C>;
  using Base::k_m, Base::k_n, Base::k_p, Base::k_q;
  static constexpr std::int64_t k_rows = k_n + k_q;
  static constexpr std::int64_t k_cols = k_n + k_p;

  static idl_pass_settings with_input_gradient() {
    auto settings = sized<idl_pass_settings>();
    settings.input_gradient = 1;
    return settings;
  }
  Handle<idl_pass> make_pass(const idl_pass_settings* settings = nullptr) {
    return this->template made<idl_pass>([&](idl_pass** pass) {
      return idl_pass_create(this->c_context_.get(), this->c_model_.get(), k_m, settings, pass);
    });
  }

  /// On the host, without gaps.
  struct Forward {
    std::vector<Element> Y = std::vector<Element>(k_q * k_m);
    std::vector<Element> X = std::vector<Element>(k_n * k_m);
    std::vector<idl_sample_report> reports = std::vector<idl_sample_report>(k_m);
    idl_status status = IDL_STATUS_ERROR;
  };
  static Forward forward(idl_pass* pass, const std::vector<Element>& U,
                         const Element* X0 = nullptr) {
    Forward result;
    result.status = idl_pass_forward(pass, U.data(), k_p, X0, k_n, result.Y.data(), k_q,
                                     result.X.data(), k_n, IDL_MEMORY_HOST, result.reports.data());
    EXPECT_EQ(result.status, IDL_STATUS_OK) << idl_last_error();
    return result;
  }
  struct Backward {
    std::vector<Element> dM = std::vector<Element>(k_rows * k_cols);
    std::vector<Element> dU = std::vector<Element>(k_p * k_m);
    std::vector<idl_sample_report> reports = std::vector<idl_sample_report>(k_m);
  };
  static Backward backward(idl_pass* pass, const std::vector<Element>& dY) {
    Backward result;
    EXPECT_EQ(idl_pass_backward(pass, dY.data(), k_q, result.dM.data(), k_rows, result.dU.data(),
                                k_p, IDL_MEMORY_HOST, result.reports.data()),
              IDL_STATUS_OK)
        << idl_last_error();
    return result;
  }
};
TYPED_TEST_SUITE(CApiPass, AllCases, CaseNames);

template <class C>
class CApiGradient : public CApiPass<C> {};
TYPED_TEST_SUITE(CApiGradient, DoubleCases, CaseNames);

TYPED_TEST(CApiPass, GivesTheBitsOfABatchPassOnTheHostAndOnTheDevice) {
  using T = typename TypeParam::Scalar;
  constexpr auto n = TestFixture::k_n, p = TestFixture::k_p, q = TestFixture::k_q,
                 m = TestFixture::k_m;
  const std::vector<T> U = this->inputs();
  const std::vector<T> dY = this->values(q * m, 2);
  ImplicitModel<T> model = this->cpp_model();
  BatchPass<T> expected(this->context(), model, m, {.input_gradient = true});
  const auto device_U = Matrix<T>::from_host(this->context(), p, m, U);
  const auto device_dY = Matrix<T>::from_host(this->context(), q, m, dY);
  copy<T>(this->context(), device_U, expected.U());
  const SolveReport report = expected.forward();
  copy<T>(this->context(), device_dY, expected.dY());
  const SolveReport adjoint = expected.backward();

  const auto settings = this->with_input_gradient();
  const auto pass = this->make_pass(&settings);
  const auto forward = this->forward(pass.get(), U);
  const auto backward = this->backward(pass.get(), dY);
  EXPECT_EQ(forward.Y, this->fetch(expected.Y()));
  EXPECT_EQ(forward.X, this->fetch(expected.X()));
  EXPECT_EQ(backward.dM, this->fetch(expected.dM()));
  EXPECT_EQ(backward.dU, this->fetch(expected.dU()));
  for (std::size_t j = 0; j < m; ++j) {
    EXPECT_EQ(forward.reports[j].status, IDL_SOLVE_CONVERGED);
    EXPECT_EQ(forward.reports[j].iterations, report.iterations[j]);
    EXPECT_EQ(forward.reports[j].error_bound, report.error_bound[j]);
    EXPECT_EQ(backward.reports[j].iterations, adjoint.iterations[j]);
    EXPECT_EQ(backward.reports[j].error_bound, adjoint.error_bound[j]);
  }

  Matrix<T> Y(this->context(), q, m), X(this->context(), n, m), dU(this->context(), p, m);
  Matrix<T> dM(this->context(), n + q, n + p);
  this->context().synchronize();  // two contexts: what one wrote the other reads
  EXPECT_EQ(idl_pass_forward(pass.get(), device_U.data(), device_U.ld(), nullptr, 0, Y.data(),
                             Y.ld(), X.data(), X.ld(), IDL_MEMORY_DEVICE, nullptr),
            IDL_STATUS_OK)
      << idl_last_error();
  EXPECT_EQ(idl_pass_backward(pass.get(), device_dY.data(), device_dY.ld(), dM.data(), dM.ld(),
                              dU.data(), dU.ld(), IDL_MEMORY_DEVICE, nullptr),
            IDL_STATUS_OK)
      << idl_last_error();
  EXPECT_EQ(this->fetch(Y), forward.Y);
  EXPECT_EQ(this->fetch(X), forward.X);
  EXPECT_EQ(this->fetch(dM), backward.dM);
  EXPECT_EQ(this->fetch(dU), backward.dU);
}

TYPED_TEST(CApiGradient, AgreesWithDifferenceQuotients) {
  constexpr auto m = TestFixture::k_m, q = TestFixture::k_q, rows = TestFixture::k_rows;
  idl_solver_options exact = {};
  exact.max_iterations = 5000;
  exact.absolute_tolerance = exact.relative_tolerance = 1e-15;
  auto settings = this->with_input_gradient();
  settings.solver = &exact;
  auto smooth = this->model_settings();
  smooth.activation = "tanh";
  smooth.seed = 5;
  this->c_model_ = this->template made<idl_model>([&](idl_model** model) {
    return idl_model_create_with(this->c_context_.get(), &smooth, model);
  });
  const auto pass = this->make_pass(&settings);
  std::vector<double> U = this->inputs();
  const std::vector<double> dY = this->values(q * m, 2);
  std::vector<double> M = this->parameters(this->c_model_.get());
  // ℓ = Σ dY∘Y.
  const auto loss = [&] {
    EXPECT_EQ(idl_model_write(this->c_context_.get(), this->c_model_.get(), "M", M.data(), rows,
                              IDL_MEMORY_HOST),
              IDL_STATUS_OK);
    const auto result = this->forward(pass.get(), U);
    double sum = 0.0;
    for (std::size_t k = 0; k < dY.size(); ++k) sum += dY[k] * result.Y[k];
    return sum;
  };
  loss();
  const auto gradient = this->backward(pass.get(), dY);
  // h²|f'''|/6 + 1e-15·size/h with h = 1e-5 and numbers of the order of 10: some 1e-8.
  constexpr double k_step = 1e-5;
  const auto check = [&](std::vector<double>& operand, const std::vector<double>& slopes,
                         const char* name) {
    for (std::size_t k = 0; k < operand.size(); k += 3) {
      const double value = operand[k];
      operand[k] = value + k_step;
      const double above = loss();
      operand[k] = value - k_step;
      const double below = loss();
      operand[k] = value;
      EXPECT_NEAR(slopes[k], (above - below) / (2 * k_step), 1e-7) << name << ", entry " << k;
    }
  };
  check(M, gradient.dM, "dM");
  check(U, gradient.dU, "dU");
}

TYPED_TEST(CApiPass, StartsFromX0OnTheHostAndFromZeroWithoutIt) {
  const auto U = this->inputs();
  const auto pass = this->make_pass();
  const auto cold = this->forward(pass.get(), U);
  const auto warm = this->forward(pass.get(), U, cold.X.data());
  const auto again = this->forward(pass.get(), U);
  EXPECT_EQ(again.Y, cold.Y);
  for (std::size_t j = 0; j < TestFixture::k_m; ++j) {
    EXPECT_GT(cold.reports[j].iterations, 2);
    EXPECT_LE(warm.reports[j].iterations, 2);
    EXPECT_EQ(again.reports[j].iterations, cold.reports[j].iterations);
  }
}

TYPED_TEST(CApiPass, RestoresAStateSoThatTheGradientHasTheSameBits) {
  const auto U = this->inputs();
  const auto dY = this->values(TestFixture::k_q * TestFixture::k_m, 2);
  const auto settings = this->with_input_gradient();
  const auto pass = this->make_pass(&settings);
  const auto state = this->forward(pass.get(), U);
  const auto expected = this->backward(pass.get(), dY);
  this->forward(pass.get(), this->values(TestFixture::k_p * TestFixture::k_m, 9), state.X.data());
  ASSERT_EQ(idl_pass_restore(pass.get(), U.data(), TestFixture::k_p, state.X.data(),
                             TestFixture::k_n, IDL_MEMORY_HOST),
            IDL_STATUS_OK)
      << idl_last_error();
  const auto restored = this->backward(pass.get(), dY);
  EXPECT_EQ(restored.dM, expected.dM);
  EXPECT_EQ(restored.dU, expected.dU);
}

TYPED_TEST(CApiPass, ANanInOneSampleIsToldAndLeavesTheOthersAlone) {
  using T = typename TypeParam::Scalar;
  constexpr auto p = TestFixture::k_p, q = TestFixture::k_q;
  auto settings = sized<idl_context_settings>();
  const std::string device = to_string(this->device());
  settings.device = device.c_str();
  settings.log = [](void* data, idl_severity, const char*) { ++*static_cast<int*>(data); };
  int warnings = 0;
  settings.log_data = &warnings;
  ASSERT_EQ(idl_context_synchronize(this->c_context_.get()), IDL_STATUS_OK);  // it made the model
  const auto context = this->template made<idl_context>(
      [&](idl_context** made) { return idl_context_create_with(&settings, made); });
  const auto pass = this->template made<idl_pass>([&](idl_pass** made) {
    return idl_pass_create(context.get(), this->c_model_.get(), TestFixture::k_m, nullptr, made);
  });
  std::vector<T> U = this->inputs();
  const auto expected = this->forward(pass.get(), U);
  U[2 * p] = std::numeric_limits<T>::quiet_NaN();
  const auto spoiled = this->forward(pass.get(), U);
  EXPECT_EQ(warnings, 1);
  for (std::size_t j = 0; j < TestFixture::k_m; ++j) {
    EXPECT_EQ(spoiled.reports[j].status, j == 2 ? IDL_SOLVE_DIVERGED : IDL_SOLVE_CONVERGED);
    for (std::size_t i = 0; i < q && j != 2; ++i)
      EXPECT_EQ(spoiled.Y[i + j * q], expected.Y[i + j * q]);
  }
  std::vector<T> Y(q * TestFixture::k_m);
  EXPECT_EQ(idl_pass_forward(pass.get(), U.data(), p, nullptr, 0, Y.data(), q, nullptr, 0,
                             IDL_MEMORY_HOST, nullptr),
            IDL_STATUS_NOT_CONVERGED);
  EXPECT_TRUE(holds(idl_last_error(), {"1 of 6 samples did not converge, the first is sample 2"}));
  EXPECT_TRUE(same_bits(Y, spoiled.Y));
}

TYPED_TEST(CApiPass, SolvesTheAdjointByTolerancesOfItsOwn) {
  idl_solver_options one = {};
  one.max_iterations = 1;
  one.gauss_seidel = one.anderson = -1;
  idl_solver_options plain = {};
  plain.gauss_seidel = plain.anderson = -1;
  auto settings = this->with_input_gradient();
  settings.solver = &plain;
  settings.adjoint = &one;
  const auto pass = this->make_pass(&settings);
  const auto forward = this->forward(pass.get(), this->inputs());
  EXPECT_EQ(forward.reports[0].status, IDL_SOLVE_CONVERGED);
  EXPECT_GT(forward.reports[0].iterations, 1);
  const auto dY = this->values(TestFixture::k_q * TestFixture::k_m, 2);
  for (const idl_sample_report& report : this->backward(pass.get(), dY).reports)
    EXPECT_LE(report.iterations, 1);
}

TYPED_TEST(CApiPass, RefusesWhatIsWrongAndSaysWhy) {
  using T = typename TypeParam::Scalar;
  constexpr auto n = TestFixture::k_n, p = TestFixture::k_p, q = TestFixture::k_q;
  idl_context* context = this->c_context_.get();
  const idl_model* model = this->c_model_.get();
  const std::vector<T> U = this->inputs();
  std::vector<T> out(100, T(-7));
  idl_pass* none = nullptr;
  expect_refused(idl_pass_create(context, model, 0, nullptr, &none), "m is 0");
  expect_refused(idl_pass_create(context, nullptr, 6, nullptr, &none), "model is a null pointer");
  auto settings = this->with_input_gradient();
  settings.forward_only = 1;
  expect_refused(idl_pass_create(context, model, 6, &settings, &none), "forward_only");
  EXPECT_EQ(none, nullptr);

  const auto pass = this->make_pass();
  const auto back = [&](idl_pass* of, void* dU) {
    return idl_pass_backward(of, U.data(), q, out.data(), n + q, dU, p, IDL_MEMORY_HOST, nullptr);
  };
  expect_refused(back(pass.get(), nullptr), "there is no state");
  const auto forward = [&](const void* inputs, std::int64_t ldu, const void* X0, std::int64_t ldx0,
                           std::int64_t ldy, int memory) {
    return idl_pass_forward(pass.get(), inputs, ldu, X0, ldx0, out.data(), ldy, nullptr, 0,
                            static_cast<idl_memory>(memory), nullptr);
  };
  expect_refused(forward(nullptr, p, nullptr, 0, q, 0), "U is a null pointer");
  expect_refused(forward(U.data(), p - 1, nullptr, 0, q, 0), "ldu is 3");
  expect_refused(forward(U.data(), p, U.data(), n - 1, q, 0), "ldx0 is 4");
  expect_refused(forward(U.data(), p, nullptr, 0, q - 1, 0), "ldy is 2");
  expect_refused(forward(U.data(), p, nullptr, 0, q, 7), "memory is 7");
  expect_refused(forward(reinterpret_cast<const char*>(U.data()) + 1, p, nullptr, 0, q, 0),
                 "no multiple of " + std::to_string(sizeof(T)));
  expect_refused(idl_pass_restore(pass.get(), U.data(), p, nullptr, n, IDL_MEMORY_HOST),
                 "X is a null pointer");
  this->forward(pass.get(), U);
  expect_refused(back(pass.get(), out.data()), "without input_gradient");
  EXPECT_EQ(out, std::vector<T>(100, T(-7)));

  auto only = sized<idl_pass_settings>();
  only.forward_only = 1;
  const auto forward_only = this->make_pass(&only);
  this->forward(forward_only.get(), U);
  expect_refused(back(forward_only.get(), nullptr), "forward_only");
}

}  // namespace
}  // namespace idl::test
