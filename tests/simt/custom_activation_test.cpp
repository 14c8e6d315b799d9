// SPDX-License-Identifier: MIT
// The kernels of own activations, as a user's source has them, on the emulated device.
#include <gtest/gtest.h>

#include "idl/cuda/custom_activation.cuh"
#include "kernels/cuda/loop/fused_recurrence.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"
#include "tests/support/own_activations.hpp"

namespace idl::test {
namespace {

template <class C>
class CustomActivationKernels : public DeviceTest<C> {};
TYPED_TEST_SUITE(CustomActivationKernels, CudaCases, CaseNames);

TYPED_TEST(CustomActivationKernels, SolveAsTheLibrarysOwn) {
  using T = typename TypeParam::Scalar;
  const Activation own = cuda::custom_activation<OwnLeakyRelu>(0.3);
  const index_t n = 9, p = 4, m = 3;
  for (const bool sparse : {false, true})
    for (const WellPosedness constraint :
         {WellPosedness::inf_norm_ball(0.9), WellPosedness::strictly_upper_triangular()}) {
      std::vector<std::vector<double>> values[2];
      for (const bool is_own : {false, true}) {
        RandomValues random(7);
        const ModelOptions options{.activation = is_own ? own : Activation::leaky_relu(0.3),
                                   .well_posedness = constraint};
        ImplicitModel<T> dense(this->context(), {n, p, 2}, options, 11);
        if (constraint.kind == WellPosednessKind::inf_norm_ball)
          this->put(dense.A(), random.matrix_of_norm(n, 0.8));
        const auto copied = [&](ConstMatrixView<T> matrix) {
          Matrix<T> result(this->context(), matrix.rows, matrix.cols);
          copy<T>(this->context(), matrix, result);
          return result;
        };
        const ImplicitModel<T> model =
            sparse ? ImplicitModel<T>(
                         this->context(),
                         ModelMatrices<T>{.A = CsrMatrix<T>::from_dense(this->context(), dense.A()),
                                          .B = copied(dense.B()),
                                          .C = copied(dense.C()),
                                          .D = copied(dense.D())},
                         options)
                   : dense.clone(this->context());
        BatchPass<T> pass(this->context(), model, m, {.input_gradient = true});
        this->put(pass.U(), random.uniforms(p * m, -1.0, 1.0));
        this->put(pass.dY(), random.uniforms(2 * m, -1.0, 1.0));
        EXPECT_TRUE(pass.forward().all_converged());
        EXPECT_TRUE(pass.backward().all_converged());
        values[is_own] = {this->fetch_double(pass.X()), this->fetch_double(pass.dU())};
      }
      // Both within the tolerance of the iteration, which for the norms here is some 1e-5.
      for (std::size_t k = 0; k < 2; ++k)
        EXPECT_LT(max_difference(values[0][k], values[1][k]), 1e-4) << sparse;
    }
}

TYPED_TEST(CustomActivationKernels, RunRecurrentModelsAsTheLibrarysOwn) {
  using T = typename TypeParam::Scalar;
  const Activation own = cuda::custom_activation<OwnLeakyRelu>(0.3);
  std::vector<double> outputs[2];
  for (const bool is_own : {false, true}) {
    const ImplicitRnn<T> model(this->context(), {.inputs = 2, .states = 5, .hidden = 3},
                               {.activation = is_own ? own : Activation::leaky_relu(0.3)}, 4);
    RecurrentPass<T> pass(this->context(), model, 2, 3);
    this->put(pass.x(), RandomValues(9).uniforms(2 * 6, -1.0, 1.0));
    EXPECT_TRUE(pass.forward().solves.all_converged());
    outputs[is_own] = this->fetch_double(pass.outputs());
  }
  // Both within the tolerance of the iteration.
  EXPECT_LT(max_difference(outputs[0], outputs[1]), 1e-4);
}

TEST(CustomActivationPasses, AreInNoKernelForAllSteps) {
  static float entries[16] = {};
  const DenseMap<float> map{ConstMatrixView<float>{&entries[0], 4, 4, 4, Device::cuda(0)}};
  Recurrence<float> pass;
  pass.A = map;
  pass.B = map;
  pass.C = map;
  pass.loop.decision.max_iterations = 10;
  EXPECT_TRUE(cuda::FusedRecurrence::fits(pass));
  pass.activation = cuda::custom_activation<OwnLeakyRelu>();
  EXPECT_FALSE(cuda::FusedRecurrence::fits(pass));
}

TYPED_TEST(CustomActivationKernels, HaveTheValuesOfTheCpu) {
  using T = typename TypeParam::Scalar;
  const Activation own = cuda::custom_activation<LogCosh>();
  Context cpu(Device::cpu());
  for (const auto& [rows, cols] : {std::pair<index_t, index_t>{0, 3}, {1, 1}, {1000, 3}}) {
    const std::vector<double> x = RandomValues(3).uniforms(rows * cols, -9.0, 9.0);
    const std::vector<T> values(x.begin(), x.end());
    std::vector<T> results[2][2];
    for (const bool on_device : {false, true}) {
      Context& context = on_device ? this->context() : cpu;
      const auto X = Matrix<T>::from_host(context, rows, cols, values);
      Matrix<T> Y = Matrix<T>::zeros(context, rows, cols);
      apply<T>(context, own, X, Y);
      results[on_device][0] = download<T>(context, Y.view());
      apply_derivative<T>(context, own, X, Y);
      results[on_device][1] = download<T>(context, Y.view());
    }
    for (std::size_t k = 0; k < 2; ++k)
      for (std::size_t e = 0; e < values.size(); ++e)
        EXPECT_NEAR(results[0][k][e], results[1][k][e],
                    8 * std::numeric_limits<T>::epsilon() * (1 + std::abs(results[0][k][e])));
  }
}

}  // namespace
}  // namespace idl::test
