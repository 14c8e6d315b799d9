// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <numeric>

#include "tests/golden/golden_file.hpp"
#include "tests/host/device_test.hpp"

/// 60 steps of Adam against the original PyTorch package, which projects A before every forward
/// pass; here A is projected at the start and after each step, which is the same sequence.
namespace idl::test {
namespace {

template <class C>
class GoldenAdam : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  void SetUp() override {
    DeviceTest<C>::SetUp();
    file_ = read_golden("adam");
  }

  ImplicitModel<Scalar> initial_model() {
    ImplicitModel<Scalar> model(this->context(), {50, 30, 10});
    this->put(model.A(), transposed(file_.at("A_init")));
    this->put(model.B(), transposed(file_.at("B_init")));
    this->put(model.C(), transposed(file_.at("C_init")));
    this->put(model.D(), transposed(file_.at("D_init")));
    model.project(this->context());
    return model;
  }

  /// Batch k of 25 samples.
  void load(std::size_t k, BatchPass<Scalar>& pass) {
    const std::size_t size = 25 * 30;
    this->put(pass.U(), {all_U_.begin() + static_cast<std::ptrdiff_t>(k * size),
                         all_U_.begin() + static_cast<std::ptrdiff_t>((k + 1) * size)});
  }

  io::Safetensors file_;
  std::vector<double> all_U_;
};
TYPED_TEST_SUITE(GoldenAdam, DoubleCases, CaseNames);

TYPED_TEST(GoldenAdam, EndsSixtyStepsAtTheSameParameters) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  ImplicitModel<T> model = this->initial_model();
  Optimizer<T> optimizer(context, model, {.learning_rate = number(this->file_, "lr")});
  SolverOptions solver;
  solver.forward = {.max_iterations = 2000, .absolute = 1e-14, .relative = 1e-14};
  solver.adjoint = {.max_iterations = 2000, .absolute = 1e-16, .relative = 1e-14};
  BatchPass<T> pass(context, model, 25, {.solver = solver});
  Vector<T> losses(context, 25);

  this->all_U_ = this->file_.at("U").template as<double>();
  const auto labels = this->file_.at("labels").template as<std::int32_t>();
  const auto expected_losses = this->file_.at("losses").template as<double>();
  for (std::size_t k = 0; k < 60; ++k) {
    this->load(k, pass);
    ASSERT_TRUE(pass.forward().all_converged());
    const auto batch_labels = Vector<std::int32_t>::from_host(
        context, std::span<const std::int32_t>(labels).subspan(k * 25, 25));
    softmax_cross_entropy<T>(context, pass.Y(), batch_labels.view(), pass.dY(), losses, {});
    const std::vector<T> values = download(context, losses);
    EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0) / 25.0, expected_losses[k], 1e-8)
        << "step " << k;
    ASSERT_TRUE(pass.backward().all_converged());
    optimizer.step(context, model, pass.dM());
  }

  const auto near = [&](const char* name, MatrixView<T> block) {
    EXPECT_LE(max_difference(this->fetch_double(block), transposed(this->file_.at(name))), 1e-8)
        << name;
  };
  near("A_final", model.A());
  near("B_final", model.B());
  near("C_final", model.C());
  near("D_final", model.D());
  this->load(0, pass);
  ASSERT_TRUE(pass.forward().all_converged());
  EXPECT_LE(max_difference(this->fetch_double(pass.Y()),
                           this->file_.at("Y_final_batch0").template as<double>()),
            1e-7);
}

}  // namespace
}  // namespace idl::test
