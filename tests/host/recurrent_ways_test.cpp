// SPDX-License-Identifier: MIT
// The ways in which the CPU runs the solves of a recurrent pass: bits are those of steps over all
// columns.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
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
    RecurrentPass<Element> pass(this->context(), model, static_cast<index_t>(data.lengths.size()),
                                this->k_steps, options);
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
TYPED_TEST_SUITE(RecurrentWaysTest, CpuCases, CaseNames);

TYPED_TEST(RecurrentWaysTest, HaveTheSameBits) {
  for (const CellKind kind : k_cell_kinds)
    for (const bool warm : {true, false})
      for (const index_t kept : {0, 2}) {
        const auto data = this->data_of();
        const auto model = this->model_of(kind);
        const RecurrentPassOptions options = {.solver = {.batch_invariant = true},
                                              .input_gradient = true,
                                              .warm_start = warm,
                                              .truncate = kept == 0 ? 0 : 3,
                                              .recompute = kept};
        const auto columns = this->answer_by(LoopStrategy::automatic, model, data, options);
        const auto steps = this->answer_by(LoopStrategy::step_by_step, model, data, options);
        EXPECT_EQ(columns.way, kind == CellKind::strictly_upper ? LoopStrategy::substitution
                                                                : LoopStrategy::column_by_column);
        EXPECT_EQ(steps.way, LoopStrategy::step_by_step);
        if (kind != CellKind::strictly_upper) this->expect_same(columns, steps);
      }
}

TYPED_TEST(RecurrentWaysTest, BlocksOfSequencesHaveTheSameBits) {
  for (const CellKind kind : {CellKind::dense, CellKind::compressed_rows, CellKind::low_rank})
    for (const index_t sequences : {32, 33, 97})
      for (const Acceleration acceleration : {Acceleration::none, Acceleration::anderson}) {
        SCOPED_TRACE(std::to_string(sequences) + " sequences");
        const auto data = this->data_of(this->k_sizes, sequences);
        const auto model = this->model_of(kind);
        RecurrentPassOptions options = {.solver = {.batch_invariant = true},
                                        .input_gradient = true};
        options.solver.acceleration = acceleration;
        const auto blocks = this->answer_by(LoopStrategy::automatic, model, data, options);
        EXPECT_EQ(blocks.way, LoopStrategy::column_by_column);
        this->expect_same(blocks,
                          this->answer_by(LoopStrategy::step_by_step, model, data, options));
      }
}

TYPED_TEST(RecurrentWaysTest, SequencesSideBySideHaveTheSameBits) {
  struct Case {
    RecurrentShape shape;
    ActivationKind activation;
    bool bias;
    bool no_D;
    bool warm;
    index_t kept;
  };
  // Fewer inputs than entries of h, and more; states in one block of rows, and in two.
  const Case cases[] = {
      {{.inputs = 2, .states = 6, .hidden = 4}, ActivationKind::relu, true, false, false, 0},
      {{.inputs = 5, .states = 7, .hidden = 4}, ActivationKind::tanh, true, false, true, 2},
      {{.inputs = 4, .states = 6, .hidden = 4}, ActivationKind::relu, false, true, false, 2},
      {{.inputs = 1, .states = 40, .hidden = 17}, ActivationKind::relu, false, false, true, 0}};
  constexpr index_t k_many = 37;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.shape.states);
    auto model_options = this->smooth();
    model_options.activation = {c.activation};
    model_options.bias = c.bias;
    model_options.no_D = c.no_D;
    const auto model = this->model_of(CellKind::dense, model_options, c.shape);
    const auto data = this->data_of(c.shape, k_many);
    RecurrentPassOptions options = {.solver = {.batch_invariant = true},
                                    .input_gradient = true,
                                    .warm_start = c.warm,
                                    .truncate = c.kept == 0 ? 0 : 3,
                                    .recompute = c.kept};
    const auto lanes = this->answer_by(LoopStrategy::automatic, model, data, options);
    EXPECT_EQ(lanes.way, LoopStrategy::column_by_column);
    this->expect_same(lanes, this->answer_by(LoopStrategy::step_by_step, model, data, options));

    // A pass without gradients keeps no states.
    options.backward = options.input_gradient = false;
    RecurrentPass<typename TypeParam::Scalar> forward(this->context(), model, k_many, this->k_steps,
                                                      options);
    this->fill(forward, data);
    const RecurrentReport report = forward.forward();
    EXPECT_TRUE(same_bits(this->fetch(forward.outputs()), lanes.outputs));
    EXPECT_TRUE(same_bits(this->fetch(forward.last()), lanes.last));
    EXPECT_EQ(report.output_error_bound, lanes.bounds);
    this->take_warnings();
  }
}

TYPED_TEST(RecurrentWaysTest, ProductsWithAllInputsAreMadeBeforehandWhereTheyAreMany) {
  // As many inputs as entries of h, and one less: with zeros for the last one the same numbers.
  RecurrentShape more = this->k_sizes;
  more.inputs = more.hidden;
  RecurrentShape fewer = more;
  --fewer.inputs;
  const auto model = this->model_of(CellKind::dense, this->smooth(), more);
  auto data = this->data_of(more);
  for (std::size_t k = 3; k < data.x.size(); k += 4) data.x[k] = 0.0;
  const auto together = this->answer_by(LoopStrategy::automatic, model, data, this->exact());
  auto without = this->model_of(CellKind::dense, this->smooth(), fewer);
  std::vector<typename TypeParam::Scalar> M = download(this->context(), model.cell().M());
  // Column 6 + 3 of M is that of the last input.
  const auto rows = static_cast<std::ptrdiff_t>(model.cell().M().rows);
  M.erase(M.begin() + 9 * rows, M.begin() + 10 * rows);
  upload<typename TypeParam::Scalar>(this->context(), M, without.cell().M());
  auto thinner = data;
  thinner.x.clear();
  for (std::size_t k = 0; k < data.x.size(); ++k)
    if (k % 4 != 3) thinner.x.push_back(data.x[k]);
  const auto each = this->answer_by(LoopStrategy::automatic, without, thinner, this->exact());
  this->expect_near({each.outputs.begin(), each.outputs.end()},
                    {together.outputs.begin(), together.outputs.end()}, this->close(), "outputs");
  this->expect_near({each.dh0.begin(), each.dh0.end()}, {together.dh0.begin(), together.dh0.end()},
                    this->close(), "dh0");
}

}  // namespace
}  // namespace idl::test
