// SPDX-License-Identifier: MIT
// Whether the host waits for the GPU in a solve, by counting the calls of the CUDA runtime that
// wait or ask: tests/CMakeLists.txt has the linker lead them here.
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>

#include "host/backend_of.hpp"
#include "host/solver/fixed_point_solver.hpp"
#include "idl/error.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

std::atomic<int> waits{0};

}  // namespace

// What --wrap calls the runtime's functions and ours in their place; not there without CUDA.
#define IDL_COUNTED(name)                                               \
  extern "C" int real_##name(void*) __asm__("__real_" #name);           \
  extern "C" int counted_##name(void*) __asm__("__wrap_" #name);        \
  extern "C" __attribute__((weak)) int real_##name(void*);              \
  extern "C" __attribute__((used)) int counted_##name(void* argument) { \
    waits += 1;                                                         \
    return real_##name(argument);                                       \
  }
IDL_COUNTED(cudaStreamSynchronize)
IDL_COUNTED(cudaEventSynchronize)
IDL_COUNTED(cudaEventQuery)
IDL_COUNTED(cudaStreamQuery)
IDL_COUNTED(cudaDeviceSynchronize)
#undef IDL_COUNTED

namespace {

class HostWaits : public DeviceTest<Case<DeviceKind::cuda, float>> {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (real_cudaStreamSynchronize == nullptr)
      GTEST_SKIP() << "no GPU: no CUDA runtime to be counted";
  }

  /// Waits of the host in the launches of a forward and an adjoint solve, without what fetches
  /// their reports.
  int waits_in_a_solve(index_t n, LoopStrategy strategy) {
    RandomValues random(3);
    const index_t m = 64, p = 8;
    backend_of(context())->choose_loop_strategy(strategy);
    const auto A = matrix(n, n, random.matrix_of_norm(n, 0.9));
    const auto B = matrix(n, p, random.uniforms(n * p, -1.0, 1.0));
    const auto C = matrix(3, n, random.uniforms(n * 3, -1.0, 1.0));
    const auto U = matrix(p, m, random.uniforms(m * p, -1.0, 1.0));
    const auto dY = matrix(3, m, random.uniforms(m * 3, -1.0, 1.0));
    Matrix<float> X(context(), n, m);
    Matrix<float> V(context(), n, m);
    solver::FixedPointSolver<float> forward(
        context(),
        solver::EquilibriumProblem<float>{
            .A = DenseMap<float>{A}, .B = DenseMap<float>{B}, .U = U, .X = X, .activation = {}});
    solver::FixedPointSolver<float> adjoint(context(),
                                            solver::AdjointProblem<float>{.A = DenseMap<float>{A},
                                                                          .C = DenseMap<float>{C},
                                                                          .Z = forward.forcing(),
                                                                          .X = X,
                                                                          .dY = dY,
                                                                          .V = V,
                                                                          .activation = {}});
    context().synchronize();
    const int before = waits;
    forward.launch();
    adjoint.launch();
    const int during = waits - before;
    EXPECT_TRUE(forward.report().all_converged());
    EXPECT_TRUE(adjoint.report().all_converged());
    EXPECT_GT(waits.load(), before + during) << "the report's own wait was not counted";
    return during;
  }
};

TEST_F(HostWaits, ThereAreNoneInASolveThatTheDeviceEnds) {
  EXPECT_EQ(waits_in_a_solve(60, LoopStrategy::fused), 0);
  try {
    EXPECT_EQ(waits_in_a_solve(60, LoopStrategy::conditional_node), 0);
    EXPECT_EQ(waits_in_a_solve(60, LoopStrategy::compacted), 0);
    EXPECT_EQ(waits_in_a_solve(60, LoopStrategy::refined), 0);
  } catch (const NotSupported&) {
    // This driver has no conditional nodes.
  }
}

TEST_F(HostWaits, ThereAreNoneBetweenTheStepsOfARecurrentPass) {
  const ImplicitRnn<float> model(context(), {.inputs = 3, .states = 60, .hidden = 7});
  RecurrentPass<float> pass(context(), model, 64, 5, {});
  context().synchronize();
  const int before = waits;
  pass.forward_async();
  pass.backward_async();
  EXPECT_EQ(waits.load(), before);
  EXPECT_TRUE(pass.forward().solves.all_converged());
}

TEST_F(HostWaits, ReplayedBlocksAreAskedForButNotWaitedFor) {
  EXPECT_GT(waits_in_a_solve(60, LoopStrategy::block_replay), 0);
}

}  // namespace
}  // namespace idl::test
