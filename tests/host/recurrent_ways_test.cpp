// SPDX-License-Identifier: MIT
// The ways in which the CPU runs a recurrent pass: the bits are those of step after step.
#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "host/backend_of.hpp"
#include "host/recurrent/recurrent_parts.hpp"
#include "tests/host/recurrent_fixture.hpp"

namespace idl::test {
namespace {

template <class C>
class RecurrentWaysTest : public RecurrentFixture<C> {
 protected:
  using Element = typename C::Scalar;
  using Data = typename RecurrentFixture<C>::Data;

  struct Answer {
    std::vector<Element> outputs, last, dM{}, dx{}, dh0{};
    SolveReport forward, backward;
    std::vector<double> bounds;
    LoopStrategy way;
  };
  Answer answer_by(LoopStrategy strategy, const ImplicitRnn<Element>& model, const Data& data,
                   const RecurrentPassOptions& options) {
    Backend& backend = *backend_of(this->context());
    backend.choose_loop_strategy(strategy);
    RecurrentPass<Element> pass(this->context(), model, this->k_sequences, this->k_steps, options);
    this->fill(pass, data);
    this->fill_gradients(pass, data);
    backend.choose_loop_strategy(LoopStrategy::automatic);
    const RecurrentReport report = pass.forward();
    Answer answer = {.outputs = this->fetch(pass.outputs()),
                     .last = this->fetch(pass.last()),
                     .forward = report.solves,
                     .backward = pass.backward(),
                     .bounds = report.output_error_bound,
                     .way = strategy_of(RecurrentParts<Element>::forward(pass))};
    answer.dM = this->fetch(pass.dM());
    answer.dx = this->fetch(pass.dx());
    answer.dh0 = this->fetch(pass.dh0());
    this->take_warnings();
    return answer;
  }
  static void expect_same(const Answer& given, const Answer& expected) {
    EXPECT_TRUE(same_bits(given.outputs, expected.outputs));
    EXPECT_TRUE(same_bits(given.last, expected.last));
    EXPECT_TRUE(same_bits(given.dM, expected.dM));
    EXPECT_TRUE(same_bits(given.dx, expected.dx));
    EXPECT_TRUE(same_bits(given.dh0, expected.dh0));
    EXPECT_EQ(given.bounds, expected.bounds);
    for (const auto& [one, other] : {std::pair(&given.forward, &expected.forward),
                                     std::pair(&given.backward, &expected.backward)}) {
      EXPECT_EQ(one->status, other->status);
      EXPECT_EQ(one->iterations, other->iterations);
      EXPECT_EQ(one->fallbacks, other->fallbacks);
      EXPECT_EQ(one->low_precision_iterations, other->low_precision_iterations);
      EXPECT_TRUE(same_bits(one->step, other->step));
      EXPECT_TRUE(same_bits(one->error_bound, other->error_bound));
    }
  }
};
using CpuCases = testing::Types<Case<DeviceKind::cpu, float>, Case<DeviceKind::cpu, double>>;
TYPED_TEST_SUITE(RecurrentWaysTest, CpuCases, CaseNames);

TYPED_TEST(RecurrentWaysTest, HaveTheSameBits) {
  for (const index_t inputs : {2, 9}) {
    RecurrentShape shape = this->k_sizes;
    shape.inputs = inputs;
    const auto data = this->data_of(shape);
    for (const WellPosedness& constraint :
         {WellPosedness::inf_norm_ball(0.95), WellPosedness::none()}) {
      auto model_options = this->smooth();
      model_options.well_posedness = constraint;
      model_options.no_D = inputs == 9;
      const auto model = this->model_of(CellKind::dense, model_options, shape);
      for (const bool warm : {true, false})
        for (const index_t kept : {0, 2}) {
          const RecurrentPassOptions options = {.input_gradient = true,
                                                .warm_start = warm,
                                                .truncate = kept == 0 ? 0 : 3,
                                                .recompute = kept};
          const auto sequences = this->answer_by(LoopStrategy::automatic, model, data, options);
          const auto steps = this->answer_by(LoopStrategy::column_by_column, model, data, options);
          EXPECT_EQ(sequences.way, LoopStrategy::fused);
          EXPECT_EQ(steps.way, LoopStrategy::column_by_column);
          this->expect_same(sequences, steps);
        }
    }
  }
}

TYPED_TEST(RecurrentWaysTest, HaveTheSameBitsWithNaN) {
  auto data = this->data_of();
  const auto model = this->model_of(CellKind::dense);
  data.x[5 * 2 + 2] = std::numeric_limits<double>::quiet_NaN();  // sequence 1, step 1, its last
  const auto sequences =
      this->answer_by(LoopStrategy::automatic, model, data, {.input_gradient = true});
  const auto steps =
      this->answer_by(LoopStrategy::step_by_step, model, data, {.input_gradient = true});
  EXPECT_EQ(steps.way, LoopStrategy::step_by_step);
  EXPECT_EQ(sequences.forward.status, steps.forward.status);
  EXPECT_EQ(sequences.forward.status[6], SolveStatus::diverged);
  // The first of five steps of sequence 0 and all of sequence 2.
  for (std::size_t k = 0; k < 5 * 4; ++k) EXPECT_EQ(sequences.outputs[k], steps.outputs[k]);
  for (std::size_t k = 10 * 4; k < 15 * 4; ++k) EXPECT_EQ(sequences.outputs[k], steps.outputs[k]);
}

TYPED_TEST(RecurrentWaysTest, OtherMatricesThanDenseOnesGoStepAfterStep) {
  for (const CellKind kind : {CellKind::compressed_rows, CellKind::low_rank}) {
    const auto model = this->model_of(kind);
    const auto answer =
        this->answer_by(LoopStrategy::automatic, model, this->data_of(), {.input_gradient = true});
    EXPECT_EQ(answer.way, LoopStrategy::column_by_column);
  }
  const auto upper = this->model_of(CellKind::strictly_upper);
  EXPECT_EQ(
      this->answer_by(LoopStrategy::automatic, upper, this->data_of(), {.input_gradient = true})
          .way,
      LoopStrategy::substitution);
}

}  // namespace
}  // namespace idl::test
