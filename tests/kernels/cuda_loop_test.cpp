// SPDX-License-Identifier: MIT
// Loops that the device ends, by each strategy that the CUDA backend has.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "idl/error.hpp"
#include "kernels/backend.hpp"
#include "tests/kernels/cuda_fixture.hpp"

namespace idl {
namespace {

constexpr LoopStrategy k_both_strategies[] = {LoopStrategy::conditional_node,
                                              LoopStrategy::block_replay};

const char* name_of(LoopStrategy strategy) {
  return strategy == LoopStrategy::conditional_node ? "conditional node" : "block replay";
}

class CudaLoopTest : public CudaBackendTest {
 protected:
  /// The loop with this strategy; nothing where the device or its driver cannot.
  std::unique_ptr<Program> loop(LoopStrategy strategy, const Sequence& sequence,
                                const Vector<std::int32_t>& active, std::int32_t max_iterations) {
    backend().choose_loop_strategy(strategy);
    try {
      return backend().compile_while(sequence, active.view(), max_iterations);
    } catch (const NotSupported&) {
      return nullptr;
    }
  }
};

/// A small equilibrium X = tanh(A X + Z) with everything that its loop needs.
struct Equilibrium {
  static constexpr index_t k_states = 33;
  static constexpr index_t k_samples = 7;

  explicit Equilibrium(Context& context)
      : A(Matrix<double>::from_host(context, k_states, k_states,
                                    positive(k_states * k_states, 0.05))),
        Z(Matrix<double>::from_host(context, k_states, k_samples,
                                    waves(k_states * k_samples, 0.5))),
        X(context, k_states, k_samples),
        S(context, k_states, k_samples),
        status(context, k_samples),
        iterations(context, k_samples),
        stalled(context, k_samples),
        active(context, 1),
        best_steps(context, k_samples),
        step_norms(context, k_samples),
        state_norms(context, k_samples) {}

  static std::vector<double> waves(index_t count, double size) {
    std::vector<double> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = size * std::sin(1.7 * static_cast<double>(i) + 0.3);
    }
    return values;
  }
  // Of one sign, so that the iteration is about as slow as the row sums allow: a factor of 0.7.
  static std::vector<double> positive(index_t count, double size) {
    std::vector<double> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double turns = 0.6180339887498949 * static_cast<double>(i);
      values[i] = size * std::abs(2 * (turns - std::floor(turns)) - 1);
    }
    return values;
  }

  ColumnStatus<double> columns() { return {status, iterations, best_steps, stalled, active}; }

  void reset(Backend& backend) {
    backend.run(Fill<double>{.Y = X, .value = 0.0});
    backend.run(ResetStatus<double>{columns(), step_norms, state_norms});
  }

  Sequence step(std::int32_t max_iterations) {
    return {Gemm<double>{.A = A, .B = X, .C = S},
            PicardUpdate<double>{.S = S,
                                 .Z = Z,
                                 .X = X,
                                 .activation = {.kind = ActivationKind::tanh},
                                 .step_norms = step_norms,
                                 .state_norms = state_norms,
                                 .status = status.view()},
            UpdateStatus<double>{.step_norms = step_norms.view(),
                                 .state_norms = state_norms.view(),
                                 .columns = columns(),
                                 .absolute = 1e-9,
                                 .max_iterations = max_iterations}};
  }

  Matrix<double> A, Z, X, S;
  Vector<std::uint8_t> status;
  Vector<std::int32_t> iterations, stalled, active;
  Vector<double> best_steps, step_norms, state_norms;
};

TEST_F(CudaLoopTest, LoopsRunExactlyAsOftenAsAllowed) {
  const Matrix<float> one = filled(1, 1, 1.0F);
  const Vector<std::int32_t> active = integer(1);  // stays so
  for (const LoopStrategy strategy : k_both_strategies) {
    for (const std::int32_t allowed : {0, 1, 7, 8, 9, 16, 17}) {
      Matrix<float> count = filled(1, 1, 0.0F);
      const auto program =
          loop(strategy, {AddScaled<float>{.X = one, .Y = count}}, active, allowed);
      if (program == nullptr) break;
      for (int launch = 1; launch <= 2; ++launch) {
        program->launch();
        EXPECT_EQ(download(context(), count)[0], static_cast<float>(launch * allowed))
            << name_of(strategy) << ", at most " << allowed << " iterations, launch " << launch;
      }
    }
  }
}

TEST_F(CudaLoopTest, LoopsEndWhereTheHostWouldEndThem) {
  constexpr std::int32_t k_allowed = 300;
  Equilibrium e(context());
  e.reset(backend());
  std::int32_t host_iterations = 0;
  const std::unique_ptr<Program> one_step = backend().compile(e.step(k_allowed));
  while (download(context(), e.active)[0] > 0 && host_iterations < k_allowed) {
    one_step->launch();
    host_iterations += 1;
  }
  const std::vector<double> expected = download(context(), e.X);
  const std::vector<std::int32_t> expected_iterations = download(context(), e.iterations);
  ASSERT_GT(host_iterations, 2);
  ASSERT_LT(host_iterations, k_allowed);

  for (const LoopStrategy strategy : k_both_strategies) {
    const auto program = loop(strategy, e.step(k_allowed), e.active, k_allowed);
    if (program == nullptr) continue;
    for (int launch = 0; launch < 2; ++launch) {
      e.reset(backend());
      program->launch();
      EXPECT_EQ(download(context(), e.X), expected) << name_of(strategy);
      EXPECT_EQ(download(context(), e.iterations), expected_iterations) << name_of(strategy);
      EXPECT_EQ(download(context(), e.active)[0], 0) << name_of(strategy);
    }
  }
}

TEST_F(CudaLoopTest, LoopsLeaveUnfinishedColumnsToTheCaller) {
  Equilibrium e(context());
  for (const LoopStrategy strategy : k_both_strategies) {
    for (const std::int32_t allowed : {1, 7, 8, 9}) {
      const auto program = loop(strategy, e.step(1000), e.active, allowed);
      if (program == nullptr) break;
      // 1e-9 is some 45 iterations away.
      e.reset(backend());
      program->launch();
      const std::vector<std::int32_t> iterations = download(context(), e.iterations);
      EXPECT_EQ(iterations, std::vector<std::int32_t>(iterations.size(), allowed))
          << name_of(strategy);
      EXPECT_EQ(download(context(), e.active)[0], Equilibrium::k_samples) << name_of(strategy);
    }
  }
}

TEST_F(CudaLoopTest, ConditionalNodesRunNothingWithoutActiveColumns) {
  const Matrix<float> one = filled(1, 1, 1.0F);
  Matrix<float> count = filled(1, 1, 0.0F);
  const Vector<std::int32_t> active = integer(0);
  const auto program =
      loop(LoopStrategy::conditional_node, {AddScaled<float>{.X = one, .Y = count}}, active, 10);
  if (program == nullptr) GTEST_SKIP() << "no conditional nodes here";
  program->launch();
  EXPECT_EQ(download(context(), count)[0], 0.0F);
}

TEST_F(CudaLoopTest, BlocksAreReplayedAtMostTwiceBeyondTheEnd) {
  constexpr std::int32_t k_allowed = 1000;
  constexpr std::int32_t k_block = 8;
  Equilibrium e(context());
  const Matrix<float> one = filled(1, 1, 1.0F);
  Matrix<float> count = filled(1, 1, 0.0F);
  Sequence steps = e.step(k_allowed);
  steps.emplace_back(AddScaled<float>{.X = one, .Y = count});
  const auto program = loop(LoopStrategy::block_replay, steps, e.active, k_allowed);
  ASSERT_NE(program, nullptr);
  e.reset(backend());
  program->launch();
  const std::vector<std::int32_t> iterations = download(context(), e.iterations);
  const std::int32_t last = *std::max_element(iterations.begin(), iterations.end());
  const auto runs = static_cast<std::int32_t>(download(context(), count)[0]);
  EXPECT_GE(runs, last);
  EXPECT_LE(runs, (last + k_block - 1) / k_block * k_block + k_block);
}

TEST_F(CudaLoopTest, LoopsTransposeASparseMatrixAnewAtEachLaunch) {
  // A = [0 2; 0 0] as CSR, later [0 0; 3 0]: the pattern changes between the launches.
  Matrix<float> dense = filled(2, 2, 0.0F);
  Vector<std::int32_t> columns(context(), 1);
  Vector<float> values(context(), 1);
  DeviceMemory offsets(context(), 3 * sizeof(std::int64_t));
  DeviceMemory nnz(context(), sizeof(std::int64_t));
  auto* row_offsets = static_cast<std::int64_t*>(offsets.data());
  const CsrView<float> P = {row_offsets, columns.data(), values.data(), 2, 2, 1, Device::cuda()};
  const ConstCsrView<float> A = {row_offsets, columns.data(), values.data(), 2, 2,
                                 1,           Device::cuda()};
  const VectorView<std::int64_t> count = {static_cast<std::int64_t*>(nnz.data()), 1,
                                          Device::cuda()};
  const Matrix<float> B = filled(2, 1, 1.0F);
  Matrix<float> C = filled(2, 1, 0.0F);
  const Vector<std::int32_t> active = integer(1);
  const auto product = [&](bool fixed_pattern) {
    return Sequence{
        Spmm<float>{.A = A, .B = B, .C = C, .transpose_A = true, .fixed_pattern = fixed_pattern}};
  };
  const auto check = [&](LoopStrategy strategy, bool fixed_pattern) {
    const auto program = loop(strategy, product(fixed_pattern), active, 3);
    if (program == nullptr) return;
    upload<float>(context(), std::vector<float>{0, 0, 2, 0}, dense.view());
    backend().run(DenseToCsr<float>{.A = dense, .P = P, .nnz = count});
    program->launch();
    EXPECT_EQ(download(context(), C), (std::vector<float>{0, 2})) << name_of(strategy);
    upload<float>(context(), std::vector<float>{0, 3, 0, 0}, dense.view());
    backend().run(DenseToCsr<float>{.A = dense, .P = P, .nnz = count});
    program->launch();
    EXPECT_EQ(download(context(), C), (std::vector<float>{3, 0})) << name_of(strategy);
  };
  for (const LoopStrategy strategy : k_both_strategies) {
    check(strategy, true);
    check(strategy, false);
  }
}

TEST_F(CudaLoopTest, ASecondLaunchAllocatesNothing) {
  Equilibrium e(context());
  for (const LoopStrategy strategy : k_both_strategies) {
    const auto program = loop(strategy, e.step(300), e.active, 300);
    if (program == nullptr) continue;
    e.reset(backend());
    program->launch();
    context().synchronize();
    const MemoryStatistics before = context().memory();
    e.reset(backend());
    program->launch();
    context().synchronize();
    EXPECT_EQ(context().memory().allocations, before.allocations) << name_of(strategy);
    EXPECT_EQ(context().memory().peak_bytes, before.peak_bytes) << name_of(strategy);
  }
}

}  // namespace
}  // namespace idl
