// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// A second solve of the same shape allocates nothing.
namespace idl::test {
namespace {

template <class C>
class Memory : public DeviceTest<C> {};
TYPED_TEST_SUITE(Memory, AllCases, CaseNames);

TYPED_TEST(Memory, IsNotAllocatedByASecondPassOfTheSameShape) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  for (const bool invariant : {false, true}) {
    for (const StopRule rule : {StopRule::step, StopRule::certified_bound}) {
      RandomValues random(81);
      ImplicitModel<T> model(context, {40, 12, 5}, {.bias = true}, 4);
      BatchPassOptions options;
      options.input_gradient = true;
      options.solver.batch_invariant = invariant;
      options.solver.forward.rule = options.solver.adjoint.rule = rule;
      BatchPass<T> pass(context, model, 30, options);
      Optimizer<T> optimizer(context, model, {});
      const auto labels =
          Vector<std::int32_t>::from_host(context, std::vector<std::int32_t>(30, 2));
      Vector<T> losses(context, 30);
      const auto step = [&] {
        this->put(pass.U(), random.uniforms(12 * 30, -1.0, 1.0));
        (void)pass.forward();
        softmax_cross_entropy<T>(context, pass.Y(), labels.view(), pass.dY(), losses, {});
        (void)pass.backward();
        optimizer.step(context, model, pass.dM());
        context.synchronize();
      };
      step();
      const MemoryStatistics first = context.memory();
      for (int k = 0; k < 3; ++k) step();
      const MemoryStatistics later = context.memory();
      EXPECT_EQ(later.allocations, first.allocations);
      EXPECT_EQ(later.bytes_in_use, first.bytes_in_use);
      EXPECT_GT(first.allocations, 0U);
      EXPECT_GT(first.bytes_in_use, 0U);
    }
  }
}

TYPED_TEST(Memory, IsNotAllocatedByALaterStartFromAnotherX0) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  const ImplicitModel<T> model(context, {20, 4, 2});
  BatchPass<T> pass(context, model, 8, {.backward = false});
  const auto X0 = Matrix<T>::zeros(context, 20, 8);
  pass.start_from(X0.view());
  (void)pass.forward();
  const std::size_t allocations = context.memory().allocations;
  pass.start_from(X0.view());
  (void)pass.forward();
  EXPECT_EQ(context.memory().allocations, allocations);
}

TYPED_TEST(Memory, GoesBackWhenItsOwnersEnd) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  const std::size_t before = context.memory().bytes_in_use;
  {
    const auto X = Matrix<T>::zeros(context, 1000, 10);
    EXPECT_GE(context.memory().bytes_in_use, before + 10000 * sizeof(T));
  }
  EXPECT_EQ(context.memory().bytes_in_use, before);
  EXPECT_GE(context.memory().peak_bytes, before + 10000 * sizeof(T));
}

TYPED_TEST(Memory, IsTheSameBeforeAndAfterManyPredictions) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  const ImplicitModel<T> model(context, {20, 4, 2});
  const auto U = Matrix<T>::zeros(context, 4, 300);
  (void)model.predict(context, U.view());
  const std::size_t before = context.memory().bytes_in_use;
  for (int k = 0; k < 10; ++k) (void)model.predict(context, U.view());
  EXPECT_EQ(context.memory().bytes_in_use, before);
}

template <class C>
class WorkingMemory : public DeviceTest<C> {};
TYPED_TEST_SUITE(WorkingMemory, CpuCases, CaseNames);

// A is packed by the first solve.
TYPED_TEST(WorkingMemory, OfLoopsIsCountedForAsLongAsTheyLive) {
  using T = typename TypeParam::Scalar;
  constexpr index_t k_states = 300;
  Context& context = this->context();
  const ImplicitModel<T> model(context, {k_states, 4, 2});
  const MemoryStatistics before = context.memory();
  {
    BatchPass<T> pass(context, model, 64, {.backward = false});
    const MemoryStatistics made = context.memory();
    (void)pass.forward();
    const MemoryStatistics run = context.memory();
    EXPECT_GE(run.bytes_in_use, made.bytes_in_use + k_states * k_states * sizeof(T));
    EXPECT_GE(run.peak_bytes, run.bytes_in_use);
    EXPECT_GT(run.allocations, made.allocations);
  }
  EXPECT_LT(context.memory().bytes_in_use, before.bytes_in_use + k_states * k_states * sizeof(T));
}

}  // namespace
}  // namespace idl::test
