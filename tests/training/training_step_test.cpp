// SPDX-License-Identifier: MIT
#include "host/train/training_step.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "host/backend_of.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 20, .inputs = 12, .outputs = 4};
constexpr index_t k_samples = 9;

/// Which primitive each step is.
std::vector<std::size_t> kinds_of(const Sequence& sequence) {
  std::vector<std::size_t> kinds;
  for (const Primitive& step : sequence) kinds.push_back(step.index());
  return kinds;
}

template <class C>
class TrainingStepTest : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  ImplicitModel<Element> model() { return {this->context(), k_shape, {}, 3}; }

  /// Memory of the batch is that of this object.
  HostBatch<Element> batch() {
    RandomValues random(5);
    const std::vector<double> inputs = random.uniforms(k_shape.inputs * k_samples, 0.0, 1.0);
    U_.assign(inputs.begin(), inputs.end());
    labels_.clear();
    target_.assign(static_cast<std::size_t>(k_shape.outputs * k_samples), Element(0));
    for (index_t j = 0; j < k_samples; ++j) {
      labels_.push_back(static_cast<std::int32_t>(random.integer(0, k_shape.outputs - 1)));
      target_[static_cast<std::size_t>(j * k_shape.outputs + labels_.back())] = Element(1);
    }
    return {.U = U_.data(), .labels = labels_.data(), .target = target_.data(), .samples = 9};
  }

  std::vector<Element> U_;
  std::vector<std::int32_t> labels_;
  std::vector<Element> target_;
};
TYPED_TEST_SUITE(TrainingStepTest, AllCases, CaseNames);

TYPED_TEST(TrainingStepTest, IsOneProgramFromTheUploadedBatchToTheGradient) {
  using T = typename TypeParam::Scalar;
  const auto model = this->model();
  // Not in one go, which would hide the steps.
  backend_of(this->context())->choose_loop_strategy(LoopStrategy::conditional_node);
  const SolverOptions picard = {.sweep = Sweep::jacobi, .acceleration = Acceleration::none};
  const TrainingStep<T> step(this->context(), model, k_samples, LossKind::softmax_cross_entropy,
                             picard, true);
  const Sequence forward = {Gemm<T>{},         ResetStatus<T>{},  Fill<T>{},         Fill<T>{},
                            PicardUpdate<T>{}, UpdateStatus<T>{},  // the first iteration
                            Gemm<T>{},         PicardUpdate<T>{}, UpdateStatus<T>{}, Gemm<T>{}};
  const Sequence loss = {SoftmaxCrossEntropy<T>{}};
  const Sequence backward = {
      Gemm<T>{}, Gemm<T>{},          ActivationDerivative<T>{}, ResetStatus<T>{}, Fill<T>{},
      Fill<T>{}, AdjointUpdate<T>{}, UpdateStatus<T>{},  // the first iteration
      Gemm<T>{}, AdjointUpdate<T>{}, UpdateStatus<T>{},         Gemm<T>{}};
  Sequence expected = forward;
  expected.insert(expected.end(), loss.begin(), loss.end());
  const TrainingStep<T> evaluation(this->context(), model, k_samples,
                                   LossKind::softmax_cross_entropy, picard, false);
  EXPECT_EQ(kinds_of(evaluation.sequence()), kinds_of(expected));
  expected.insert(expected.end(), backward.begin(), backward.end());
  EXPECT_EQ(kinds_of(step.sequence()), kinds_of(expected));
}

TYPED_TEST(TrainingStepTest, HasTheBitsOfItsPartsCalledOneByOne) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  const auto model = this->model();
  const HostBatch<T> batch = this->batch();
  for (const LoopStrategy strategy :
       {LoopStrategy::automatic, LoopStrategy::fused, LoopStrategy::conditional_node})
    for (const LossKind loss : {LossKind::softmax_cross_entropy, LossKind::squared_error}) {
      backend_of(context)->choose_loop_strategy(strategy);
      TrainingStep<T> step(context, model, k_samples, loss, {}, true);
      BatchPass<T> pass(context, model, k_samples);
      Vector<std::int32_t> labels(context, k_samples);
      Matrix<T> target(context, k_shape.outputs, k_samples);
      Matrix<T> none(context, k_shape.outputs, 0);
      Vector<T> losses(context, k_samples);
      Vector<T> correct(context, k_samples);
      upload<T>(context, this->U_, pass.U());
      upload<T>(context, this->target_, target);
      upload<std::int32_t>(context, this->labels_, labels);
      static_cast<void>(pass.forward());
      const bool entropy = loss == LossKind::softmax_cross_entropy;
      softmax_cross_entropy<T>(context, pass.Y(), labels, entropy ? pass.dY() : none.view(), losses,
                               correct);
      if (!entropy) squared_error<T>(context, pass.Y(), target, pass.dY(), losses);
      static_cast<void>(pass.backward());
      double loss_sum = 0.0;
      for (const T value : download<T>(context, losses)) loss_sum += static_cast<double>(value);
      double right = 0.0;
      for (const T value : download<T>(context, correct)) right += static_cast<double>(value);
      for (int launch = 0; launch < 2; ++launch) {
        step.launch(batch);
        const BatchFigures figures = step.fetch().get(context);
        EXPECT_EQ(this->fetch(step.dM()), this->fetch(pass.dM()));
        EXPECT_NEAR(figures.loss_sum, loss_sum, 2.0 * std::numeric_limits<T>::epsilon() * loss_sum);
        EXPECT_EQ(figures.correct, right);
        EXPECT_EQ(figures.not_converged, 0);
      }
    }
}

TYPED_TEST(TrainingStepTest, HasTheGradientOfAMeanOverManySamplesAsCloseAsOfOneOverFew) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  std::vector<double> M = this->fetch_double(model.M());
  for (double& value : M) value *= 20;
  this->put(model.M(), M);
  model.project(this->context());
  this->batch();
  const auto gradient = [&](index_t times, const SolverOptions& solver) {
    std::vector<T> U;
    std::vector<std::int32_t> labels;
    for (index_t k = 0; k < times; ++k) {
      U.insert(U.end(), this->U_.begin(), this->U_.end());
      labels.insert(labels.end(), this->labels_.begin(), this->labels_.end());
    }
    TrainingStep<T> step(this->context(), model, times * k_samples, LossKind::softmax_cross_entropy,
                         solver, true);
    step.launch(
        {.U = U.data(), .labels = labels.data(), .target = nullptr, .samples = times * k_samples});
    step.fetch().get(this->context());
    return this->fetch(step.dM());
  };
  SolverOptions tight;
  tight.forward.absolute = tight.adjoint.absolute = sizeof(T) == 4 ? 1e-6 : 1e-12;
  const std::vector<T> exact = gradient(1, tight);
  double norm = 0.0;
  for (const T value : exact) norm = std::max(norm, std::abs(static_cast<double>(value)));
  SolverOptions coarse;
  coarse.adjoint.absolute = 1e-4;
  for (const index_t times : {1, 60}) {
    const std::vector<T> found = gradient(times, coarse);
    double error = 0.0;
    for (std::size_t i = 0; i < exact.size(); ++i)
      error = std::max(error, std::abs(static_cast<double>(found[i] - exact[i])));
    EXPECT_LE(error, 2e-3 * norm) << times;
  }
}

}  // namespace
}  // namespace idl::test
