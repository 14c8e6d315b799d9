// SPDX-License-Identifier: MIT
// The kernels of own activations, as a user's source has them, on the emulated device.
#include <gtest/gtest.h>

#include "host/backend_of.hpp"
#include "host/solver/fixed_point_solver.hpp"
#include "idl/cuda/custom_activation.cuh"
#include "kernels/cuda/loop/fused_recurrence.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"
#include "tests/support/own_activations.hpp"

namespace idl::test {
namespace {

/// Leaky ReLU under a second name, compiled for clusters too.
template <class T>
struct ClusterLeakyRelu : OwnLeakyRelu<T> {
  static constexpr std::string_view k_name = "cluster_leaky_relu";
};

template <class C>
class CustomActivationKernels : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  struct Answer {
    std::vector<Scalar> values;
    std::vector<std::int32_t> iterations;
    LoopStrategy strategy = LoopStrategy::automatic;
  };

  /// More than a block holds.
  static constexpr index_t k_above_block = sizeof(Scalar) == 4 ? 209 : 145;

  Matrix<Scalar> matrix(index_t rows, index_t cols, const std::vector<double>& values) {
    return Matrix<Scalar>::from_host(this->context(), rows, cols,
                                     std::vector<Scalar>(values.begin(), values.end()));
  }

  template <class Problem>
  Answer answer(const Problem& problem, const Matrix<Scalar>& values) {
    solver::FixedPointSolver<Scalar> solver(this->context(), problem, {});
    for (int launch = 0; launch < 2; ++launch) solver.launch();  // the second like the first
    return {this->fetch(values.view()), solver.report().iterations, solver.strategy()};
  }

  Answer picard(const LinearMap<Scalar>& A, index_t n, const Activation& activation) {
    RandomValues random(5);
    const auto B = matrix(n, 2, random.uniforms(n * 2, -1, 1));
    const auto U = matrix(2, 3, random.uniforms(6, -1, 1));
    Matrix<Scalar> X(this->context(), n, 3);
    return answer(
        solver::EquilibriumProblem<Scalar>{
            .A = A, .B = DenseMap<Scalar>{B}, .U = U, .X = X, .activation = activation},
        X);
  }

  Answer adjoint(const LinearMap<Scalar>& A, index_t n, const Activation& activation) {
    RandomValues random(6);
    const auto C_matrix = matrix(2, n, random.uniforms(2 * n, -1, 1));
    const auto Z = matrix(n, 3, random.uniforms(n * 3, -1, 1));
    const auto X = matrix(n, 3, random.uniforms(n * 3, -1, 1));
    const auto dY = matrix(2, 3, random.uniforms(6, -1, 1));
    Matrix<Scalar> V(this->context(), n, 3);
    return answer(solver::AdjointProblem<Scalar>{.A = A,
                                                 .C = DenseMap<Scalar>{C_matrix},
                                                 .Z = Z,
                                                 .X = X.view(),
                                                 .dY = dY,
                                                 .V = V,
                                                 .activation = activation},
                  V);
  }

  void expect_same_way_and_bits(LoopStrategy way, const Answer& own, const Answer& librarys) const {
    EXPECT_EQ(own.strategy, way);
    EXPECT_EQ(librarys.strategy, way);
    EXPECT_TRUE(same_bits(own.values, librarys.values));
    EXPECT_EQ(own.iterations, librarys.iterations);
    EXPECT_GT(*std::min_element(own.iterations.begin(), own.iterations.end()), 3);
  }
};
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

TYPED_TEST(CustomActivationKernels, SolveInOneKernelWithTheBitsOfTheLibrarysOwn) {
  using T = typename TypeParam::Scalar;
  const Activation own = cuda::custom_activation<OwnLeakyRelu>(0.3);
  const Activation librarys = Activation::leaky_relu(0.3);
  backend_of(this->context())->choose_loop_strategy(LoopStrategy::fused);
  for (const index_t n : {1, 9, 70}) {
    const auto A = this->matrix(n, n, RandomValues(7).matrix_of_norm(n, 0.8));
    const DenseMap<T> map{A};
    this->expect_same_way_and_bits(LoopStrategy::fused, this->picard(map, n, own),
                                   this->picard(map, n, librarys));
    this->expect_same_way_and_bits(LoopStrategy::fused, this->adjoint(map, n, own),
                                   this->adjoint(map, n, librarys));
  }
}

TYPED_TEST(CustomActivationKernels, FindTheAdjointOfASparseModelAsTheLibrarysOwn) {
  using T = typename TypeParam::Scalar;
  const index_t n = 40;
  const std::vector<double> values = RandomValues(7).matrix_of_norm(n, 0.8);
  std::vector<double> transposed(values.size());
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) transposed[j + i * n] = values[i + j * n];
  const auto A = CsrMatrix<T>::from_dense(this->context(), this->matrix(n, n, values));
  const auto At = CsrMatrix<T>::from_dense(this->context(), this->matrix(n, n, transposed));
  const CsrMap<T> map{.A = A.view(), .transposed = At.view(), .longest_row = n};
  const Activation own = cuda::custom_activation<OwnLeakyRelu>(0.3);
  for (const LoopStrategy way : {LoopStrategy::row_split, LoopStrategy::fused}) {
    backend_of(this->context())->choose_loop_strategy(way);
    this->expect_same_way_and_bits(way, this->adjoint(map, n, own),
                                   this->adjoint(map, n, Activation::leaky_relu(0.3)));
  }
  // The state is found by the library's kernel, which has no own activation in it.
  EXPECT_THROW(this->picard(map, n, own), NotSupported);
}

TYPED_TEST(CustomActivationKernels, AreCompiledForClustersOnRequest) {
  using T = typename TypeParam::Scalar;
  const index_t n = this->k_above_block;
  const auto A = this->matrix(n, n, RandomValues(7).matrix_of_norm(n, 0.8));
  const DenseMap<T> map{A};
  backend_of(this->context())->choose_loop_strategy(LoopStrategy::fused);
  const Activation in_a_block = cuda::custom_activation<OwnLeakyRelu>(0.3);
  EXPECT_THROW(this->picard(map, n, in_a_block), NotSupported);
  // Another source may have registered it for blocks, before or after: the larger one is taken.
  cuda::custom_activation<ClusterLeakyRelu>(0.3);
  const Activation in_clusters =
      cuda::custom_activation<ClusterLeakyRelu, cuda::FusedSizes::all>(0.3);
  cuda::custom_activation<ClusterLeakyRelu>(0.3);
  this->expect_same_way_and_bits(LoopStrategy::fused, this->picard(map, n, in_clusters),
                                 this->picard(map, n, Activation::leaky_relu(0.3)));
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
