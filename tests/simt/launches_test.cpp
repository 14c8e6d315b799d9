// SPDX-License-Identifier: MIT
// How many kernels and library products a piece of work takes, as nodes of a graph or by
// themselves. Fewer is better: what is here is what there is.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "host/backend_of.hpp"
#include "host/train/optimizer_program.hpp"
#include "host/train/training_step.hpp"
#include "idl/idl.hpp"
#include "tests/simt/grid.hpp"

namespace idl::test {
namespace {

class Launches : public testing::Test {
 protected:
  template <class Action>
  static std::uint64_t of(const Action& action) {
    const std::uint64_t before = simt::launches();
    action();
    return simt::launches() - before;
  }

  Context context_{Device::cuda(0)};
};

TEST_F(Launches, AnOptimisersStepAndTheProjectionAreOneAndTheirFactorsAnother) {
  ImplicitModel<float> model(context_, {.states = 20, .inputs = 5, .outputs = 3});
  const auto dM = Matrix<float>::zeros(context_, model.M().rows, model.M().cols);
  for (const OptimizerKind kind : {OptimizerKind::adam, OptimizerKind::adamw, OptimizerKind::sgd}) {
    Optimizer<float> optimizer(context_, model, {.kind = kind});
    EXPECT_EQ(of([&] { optimizer.step(context_, model, dM.view()); }), 2U);
  }
}

TEST_F(Launches, ATrainingStepOfASmallModelIsNine) {
  backend_of(context_)->choose_loop_strategy(LoopStrategy::fused);
  ImplicitModel<float> model(context_, {.states = 20, .inputs = 5, .outputs = 3});
  Optimizer<float> optimizer(context_, model, {});
  TrainingStep<float> step(context_, model, 4, LossKind::softmax_cross_entropy, {}, optimizer);
  std::vector<float> U(20, 0.5F);
  std::vector<std::int32_t> labels = {0, 1, 2, 0};
  OptimizerProgram<float>::prepare_step(optimizer, context_, 1.0);
  EXPECT_EQ(
      of([&] {
        step.launch({.U = U.data(), .labels = labels.data(), .target = nullptr, .samples = 4});
      }),
      9U);
  EXPECT_EQ(step.fetch().get(context_).not_converged, 0);
}

TEST_F(Launches, ASmallSolveIsOneHoweverManyIterationsItTakes) {
  backend_of(context_)->choose_loop_strategy(LoopStrategy::fused);
  const ImplicitModel<float> model(context_, {.states = 20, .inputs = 5, .outputs = 3});
  BatchPass<float> pass(context_, model, 4, {.backward = false});
  const std::vector<float> U(20, 0.5F);
  upload<float>(context_, U, pass.U());
  // U to its place, Z, the solve, Y.
  EXPECT_EQ(of([&] { pass.forward_async(); }), 4U);
}

}  // namespace
}  // namespace idl::test
