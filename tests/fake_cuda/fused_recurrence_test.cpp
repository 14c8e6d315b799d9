// SPDX-License-Identifier: MIT
// All steps of a recurrent pass are one launch where the cell is small, also as a part of a graph.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"
#include "kernels/recurrence.hpp"
#include "tests/fake_cuda/fake_cuda.hpp"

namespace idl::test {
namespace {

constexpr index_t k_sequences = 5;
constexpr index_t k_steps = 7;
constexpr index_t k_columns = k_sequences * k_steps;

class FusedRecurrences : public testing::Test {
 protected:
  ~FusedRecurrences() override { fake::reset(); }

  Backend& backend() { return *backend_of(context_); }
  MatrixView<float> view(index_t rows, index_t cols) {
    matrices_.emplace_back(context_, rows, cols);
    return matrices_.back().view();
  }
  Vector<std::int32_t>& counters(index_t size) { return counters_.emplace_back(context_, size); }
  VectorView<float> norms() { return norms_.emplace_back(context_, k_columns).view(); }

  RecurrentLoop<float> loop(index_t states, index_t hidden) {
    return {.product = view(states, k_sequences),
            .output = view(hidden, k_sequences),
            .columns = {.status = status_.view(),
                        .iterations = counters(k_columns).view(),
                        .best_steps = norms(),
                        .stalled = counters(k_columns).view(),
                        .active = counters(1).view()},
            .step_norms = norms(),
            .state_norms = norms(),
            .decision = {.absolute = 1e-5F, .max_iterations = 30}};
  }
  Recurrence<float> forward(index_t states, index_t hidden) {
    return {.A = DenseMap<float>{view(states, states)},
            .B = DenseMap<float>{view(states, 1 + hidden)},
            .C = DenseMap<float>{view(hidden, states)},
            .activation = {},
            .lengths = counters(k_sequences).view(),
            .x = view(1, k_columns),
            .X = view(states, k_columns),
            .U = view(1 + hidden, k_columns),
            .Z = view(states, k_columns),
            .h = view(hidden, k_sequences),
            .loop = loop(states, hidden)};
  }
  RecurrenceAdjoint<float> adjoint(const Recurrence<float>& pass) {
    const index_t states = pass.X.rows;
    const index_t hidden = pass.h.rows;
    return {.A = pass.A,
            .B = pass.B,
            .C = pass.C,
            .activation = pass.activation,
            .lengths = pass.lengths,
            .inputs = 1,
            .X = pass.X,
            .Z = pass.Z,
            .dh = pass.h,
            .V = view(states, k_columns),
            .g = view(hidden, k_columns),
            .Psi = view(states, k_sequences),
            .G = view(states, k_sequences),
            .loop = pass.loop};
  }

 private:
  bool is_reset_ = (fake::reset(), true);
  Context context_{Device::cuda(0)};
  std::vector<Matrix<float>> matrices_;
  std::vector<Vector<std::int32_t>> counters_;
  std::vector<Vector<float>> norms_;
  Vector<std::uint8_t> status_{context_, k_columns};
};

TEST_F(FusedRecurrences, OfASmallCellAreOneLaunch) {
  const auto program = backend().compile(forward(20, 20));
  EXPECT_EQ(program->strategy(), LoopStrategy::fused_recurrence);
  EXPECT_EQ(fake::calls("cudaLaunchKernel"), 0);
  EXPECT_EQ(fake::calls("cudaStreamBeginCapture"), 0);
  program->launch();
  EXPECT_EQ(fake::calls("cudaLaunchKernel"), 1);
  EXPECT_EQ(fake::calls("cudaGraphLaunch"), 0);
}

TEST_F(FusedRecurrences, AndTheirAdjointOneAfterTheProductOfAllStates) {
  const auto program = backend().compile(adjoint(forward(20, 20)));
  EXPECT_EQ(program->strategy(), LoopStrategy::fused_recurrence);
  const int launches = fake::calls("cudaLaunchKernel");
  program->launch();
  EXPECT_EQ(fake::calls("cudaLaunchKernel"), launches + 1);
  EXPECT_EQ(fake::calls("cudaGraphLaunch"), 1);
}

TEST_F(FusedRecurrences, OfALargeCellAreRunStepAfterStep) {
  EXPECT_NE(backend().compile(forward(300, 20))->strategy(), LoopStrategy::fused_recurrence);
}

TEST_F(FusedRecurrences, AreAPartOfTheGraphOfAJoinedProgram) {
  const Recurrence<float> pass = forward(20, 20);
  Programs parts;
  parts.push_back(backend().compile({Fill<float>{.Y = pass.h}}));
  parts.push_back(backend().compile(pass));
  const auto joined = backend().join(std::move(parts));
  EXPECT_EQ(joined->strategy(), LoopStrategy::fused_recurrence);
  const int launches = fake::calls("cudaLaunchKernel");
  joined->launch();
  EXPECT_EQ(fake::calls("cudaLaunchKernel"), launches);
  EXPECT_EQ(fake::calls("cudaGraphLaunch"), 1);
}

}  // namespace
}  // namespace idl::test
