// SPDX-License-Identifier: MIT
// Recurrent passes in one kernel against the same passes step after step on the same device, and
// against naive loops in double.
#include <algorithm>
#include <memory>
#include <utility>

#include "host/backend_of.hpp"
#include "idl/error.hpp"
#include "kernels/recurrence.hpp"
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

struct CellSize {
  index_t states = 1;
  index_t inputs = 1;
  index_t hidden = 1;
  bool bias = false;
  bool has_D = true;

  index_t width() const { return inputs + hidden + (bias ? 1 : 0); }
};

/// What is asked of a pass beside its cell.
struct PassCase {
  index_t sequences = 1;
  index_t steps = 1;
  std::vector<std::int32_t> lengths{};  ///< none: all have all steps
  bool warm_start = true;
  bool wants_all = true;  ///< H and dH
  index_t truncate = 0;
  index_t first = 0;  ///< the caller's matrices begin so many steps before the description
  std::int32_t most = 60;
  double absolute = 1e-2;
};

/// CellNumbers of a contracting recurrence.
struct CellNumbers {
  std::vector<double> A, B, C, D, x, h, before, dH, dh, after;
};

template <class C>
class FusedRecurrenceTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;
  using Values = std::vector<double>;

  /// All that a forward and an adjoint pass leave.
  struct Outcome {
    Values X, U, Z, H, h, steps, norms;
    std::vector<std::uint8_t> status;
    std::vector<std::int32_t> iterations, active, fallbacks;
    Values V, g, dh, adjoint_steps, adjoint_norms;
    std::vector<std::uint8_t> adjoint_status;
    std::vector<std::int32_t> adjoint_iterations;
  };

  Values some(index_t rows, index_t cols, double row_sum) {
    return this->rounded(this->random_.uniforms(rows * cols, -row_sum / static_cast<double>(cols),
                                                row_sum / static_cast<double>(cols)));
  }
  /// Rows of A have sums of at most 0.8, those of B and C of 1, those of D of 0.3.
  CellNumbers numbers_of(const CellSize& cell, const PassCase& pass) {
    const index_t all = pass.sequences * (pass.first + pass.steps);
    const auto uniform = [&](index_t rows, index_t cols) {
      return this->rounded(this->random_.uniforms(rows * cols, -1.0, 1.0));
    };
    return {.A = some(cell.states, cell.states, 0.8),
            .B = some(cell.states, cell.width(), 1.0),
            .C = some(cell.hidden, cell.states, 1.0),
            .D = some(cell.hidden, cell.width(), 0.3),
            .x = uniform(cell.inputs, all),
            .h = uniform(cell.hidden, pass.sequences),
            .before = uniform(cell.states, pass.sequences),
            .dH = uniform(cell.hidden, all),
            .dh = uniform(cell.hidden, pass.sequences),
            .after = uniform(cell.states, pass.sequences)};
  }

  RecurrentLoop<Element> loop_of(const CellSize& cell, const PassCase& pass) {
    const index_t m = pass.sequences;
    const index_t columns = m * pass.steps;
    const auto count = static_cast<std::size_t>(columns);
    const auto counters = [&] { return this->vector(std::vector<std::int32_t>(count, 9)); };
    return {
        .product = this->view(cell.states, m),
        .output = this->view(cell.hidden, m),
        .columns = {.status = this->statuses(columns),
                    .iterations = counters(),
                    .best_steps = this->reals(columns, 5.0),
                    .stalled = counters(),
                    .active = this->vector(std::vector<std::int32_t>{7}),
                    .fallbacks = counters(),
                    .low_iterations = counters()},
        .step_norms = this->reals(columns, 5.0),
        .state_norms = this->reals(columns, 5.0),
        .decision = {.absolute = static_cast<Element>(pass.absolute), .max_iterations = pass.most},
        .warm_start = pass.warm_start};
  }

  template <class Pass>
  void launch(const Pass& pass, LoopStrategy strategy) {
    Backend& backend = *backend_of(this->context());
    backend.choose_loop_strategy(strategy);
    const auto program = backend.compile(pass);
    backend.choose_loop_strategy(LoopStrategy::automatic);
    EXPECT_EQ(program->strategy(), strategy);
    program->launch();
  }

  Recurrence<Element> forward_of(const CellSize& cell, const PassCase& pass,
                                 const CellNumbers& numbers) {
    const index_t m = pass.sequences;
    const index_t columns = m * pass.steps;
    const index_t all = m * (pass.first + pass.steps);
    auto lengths = pass.lengths;
    lengths.resize(static_cast<std::size_t>(m), static_cast<std::int32_t>(pass.first + pass.steps));
    Recurrence<Element> forward = {
        .A = DenseMap<Element>{this->view(cell.states, cell.states, numbers.A)},
        .B = DenseMap<Element>{this->view(cell.states, cell.width(), numbers.B)},
        .C = DenseMap<Element>{this->view(cell.hidden, cell.states, numbers.C)},
        .activation = {.kind = ActivationKind::tanh},
        .lengths = this->vector(lengths),
        .first = pass.first,
        .x = this->view(cell.inputs, all, numbers.x),
        .X = this->view(cell.states, columns, 3.0),
        .U = this->view(cell.width(), columns, cell.bias ? 1.0 : 3.0),
        .Z = this->view(cell.states, columns, 3.0),
        .h = this->view(cell.hidden, m, numbers.h),
        .X_before = this->view(cell.states, m, numbers.before),
        .loop = loop_of(cell, pass)};
    if (cell.has_D) forward.D = DenseMap<Element>{this->view(cell.hidden, cell.width(), numbers.D)};
    if (pass.wants_all) forward.H = this->view(cell.hidden, all, 3.0);
    return forward;
  }

  RecurrenceAdjoint<Element> adjoint_of(const CellSize& cell, const PassCase& pass,
                                        const CellNumbers& numbers,
                                        const Recurrence<Element>& forward) {
    const index_t m = pass.sequences;
    const index_t columns = m * pass.steps;
    RecurrenceAdjoint<Element> adjoint = {.A = forward.A,
                                          .B = forward.B,
                                          .C = forward.C,
                                          .D = forward.D,
                                          .activation = forward.activation,
                                          .lengths = forward.lengths,
                                          .first = pass.first,
                                          .inputs = cell.inputs,
                                          .X = forward.X,
                                          .Z = forward.Z,
                                          .dh = this->view(cell.hidden, m, numbers.dh),
                                          .V = this->view(cell.states, columns, 3.0),
                                          .g = this->view(cell.hidden, columns, 3.0),
                                          .V_after = this->view(cell.states, m, numbers.after),
                                          .Psi = this->view(cell.states, m),
                                          .G = this->view(cell.states, m),
                                          .truncate = pass.truncate,
                                          .loop = loop_of(cell, pass)};
    if (pass.wants_all)
      adjoint.dH = this->view(cell.hidden, m * (pass.first + pass.steps), numbers.dH);
    return adjoint;
  }

  /// Both passes by one strategy.
  Outcome run(LoopStrategy strategy, const CellSize& cell, const PassCase& pass,
              const CellNumbers& numbers) {
    this->forget_views();
    const Recurrence<Element> forward = forward_of(cell, pass, numbers);
    launch(forward, strategy);
    const RecurrenceAdjoint<Element> adjoint = adjoint_of(cell, pass, numbers, forward);
    launch(adjoint, strategy);
    EXPECT_TRUE(this->frames_untouched());
    return {.X = this->fetch_double(forward.X),
            .U = this->fetch_double(forward.U),
            .Z = this->fetch_double(forward.Z),
            .H = pass.wants_all ? this->fetch_double(forward.H) : Values{},
            .h = this->fetch_double(forward.h),
            .steps = this->fetch_reals(forward.loop.step_norms),
            .norms = this->fetch_reals(forward.loop.state_norms),
            .status = this->fetch_vector(forward.loop.columns.status),
            .iterations = this->fetch_vector(forward.loop.columns.iterations),
            .active = this->fetch_vector(forward.loop.columns.active),
            .fallbacks = this->fetch_vector(forward.loop.columns.fallbacks),
            .V = this->fetch_double(adjoint.V),
            .g = this->fetch_double(adjoint.g),
            .dh = this->fetch_double(adjoint.dh),
            .adjoint_steps = this->fetch_reals(adjoint.loop.step_norms),
            .adjoint_norms = this->fetch_reals(adjoint.loop.state_norms),
            .adjoint_status = this->fetch_vector(adjoint.loop.columns.status),
            .adjoint_iterations = this->fetch_vector(adjoint.loop.columns.iterations)};
  }

  /// Rounding of sums of so many terms in both ways, which a solve amplifies by 1/(1 − 0.8) and the
  /// recurrence, whose S has rows of at most 1·1/(1 − 0.8)·1 + 0.3, over a few steps.
  static double tolerance(const CellSize& cell) {
    return 200.0 * static_cast<double>(cell.states + cell.width() + 8) * KernelTest<C>::unit();
  }

  /// The kernel against the steps: the same decisions, the same numbers but for rounding.
  void compare(const CellSize& cell, const PassCase& pass) {
    SCOPED_TRACE(testing::Message()
                 << "n " << cell.states << ", p " << cell.inputs << ", q " << cell.hidden << ", m "
                 << pass.sequences << ", T " << pass.steps);
    const CellNumbers numbers = numbers_of(cell, pass);
    const Outcome fused = run(LoopStrategy::fused_recurrence, cell, pass, numbers);
    const Outcome steps = run(LoopStrategy::conditional_node, cell, pass, numbers);
    EXPECT_EQ(fused.status, steps.status);
    EXPECT_EQ(fused.iterations, steps.iterations);
    EXPECT_EQ(fused.active, steps.active);
    EXPECT_EQ(fused.fallbacks, steps.fallbacks);
    EXPECT_EQ(fused.adjoint_status, steps.adjoint_status);
    EXPECT_EQ(fused.adjoint_iterations, steps.adjoint_iterations);
    const double near = tolerance(cell);
    for (const auto part : {&Outcome::X, &Outcome::U, &Outcome::Z, &Outcome::H, &Outcome::h,
                            &Outcome::steps, &Outcome::norms, &Outcome::V, &Outcome::g,
                            &Outcome::dh, &Outcome::adjoint_steps, &Outcome::adjoint_norms}) {
      ASSERT_EQ((fused.*part).size(), (steps.*part).size());
      EXPECT_LT(max_difference(fused.*part, steps.*part), near);
    }
  }

  /// h of all steps, in double, iterated to the end.
  static Values naive(const CellSize& cell, const PassCase& pass, const CellNumbers& numbers) {
    const auto n = static_cast<std::size_t>(cell.states);
    const auto q = static_cast<std::size_t>(cell.hidden);
    const auto p = static_cast<std::size_t>(cell.inputs);
    const auto times = static_cast<std::size_t>(pass.steps);
    const auto row = [](const Values& M, std::size_t rows, std::size_t i, const Values& v) {
      double sum = 0;
      for (std::size_t k = 0; k < v.size(); ++k) sum += M[i + k * rows] * v[k];
      return sum;
    };
    Values all;
    for (std::size_t b = 0; b < static_cast<std::size_t>(pass.sequences); ++b) {
      const auto from_h = numbers.h.begin() + static_cast<std::ptrdiff_t>(b * q);
      Values h(from_h, from_h + static_cast<std::ptrdiff_t>(q));
      for (std::size_t t = 0; t < times; ++t) {
        const auto from_x = numbers.x.begin() + static_cast<std::ptrdiff_t>((b * times + t) * p);
        Values u(from_x, from_x + static_cast<std::ptrdiff_t>(p));
        u.insert(u.end(), h.begin(), h.end());
        if (cell.bias) u.push_back(1.0);
        Values X(n, 0.0);
        for (int iteration = 0; iteration < 200; ++iteration) {
          Values next(n);
          for (std::size_t i = 0; i < n; ++i)
            next[i] = std::tanh(row(numbers.A, n, i, X) + row(numbers.B, n, i, u));
          X = next;
        }
        for (std::size_t i = 0; i < q; ++i)
          h[i] = row(numbers.C, q, i, X) + (cell.has_D ? row(numbers.D, q, i, u) : 0.0);
        all.insert(all.end(), h.begin(), h.end());
      }
    }
    return all;
  }
};
TYPED_TEST_SUITE(FusedRecurrenceTest, CudaCases, CaseNames);

TYPED_TEST(FusedRecurrenceTest, AgreesWithNaiveLoops) {
  const CellSize cell = {.states = 20, .inputs = 2, .hidden = 18, .bias = true};
  PassCase pass = {.sequences = 3, .steps = 4};
  // Below it an iteration moves nothing but the last bits.
  pass.absolute = 4.0 * this->unit();
  const auto numbers = this->numbers_of(cell, pass);
  const auto got = this->run(LoopStrategy::fused_recurrence, cell, pass, numbers);
  EXPECT_LT(max_difference(got.H, this->naive(cell, pass, numbers)), this->tolerance(cell));
}

TYPED_TEST(FusedRecurrenceTest, DoesWhatTheStepsDoForAwkwardSizes) {
  const CellSize smallest = {.states = 1, .inputs = 1, .hidden = 1};
  this->compare(smallest, {.sequences = 1, .steps = 1});
  this->compare(smallest, {.sequences = 31, .steps = 2, .most = 4});
  this->compare({.states = 3, .inputs = 5, .hidden = 1}, {.sequences = 33, .steps = 2, .most = 3});
  this->compare({.states = 1, .inputs = 1, .hidden = 23}, {.sequences = 2, .steps = 3});
  this->compare({.states = 24, .inputs = 1, .hidden = 22, .bias = true},
                {.sequences = 2, .steps = 5});
  // On a device of 4 multiprocessors more than one sequence a block.
  this->compare({.states = 5, .inputs = 2, .hidden = 4}, {.sequences = 51, .steps = 2, .most = 4});
}

TYPED_TEST(FusedRecurrenceTest, DoesWhatTheStepsDoForLargerCells) {
  this->compare({.states = 25, .inputs = 3, .hidden = 24}, {.sequences = 2, .steps = 2, .most = 5});
  this->compare({.states = 64, .inputs = 4, .hidden = 60}, {.sequences = 1, .steps = 2, .most = 3});
  this->compare({.states = 30, .inputs = 1, .hidden = 30},
                {.sequences = 17, .steps = 2, .most = 3});
  if (sizeof(typename TypeParam::Scalar) == 8) return;
  this->compare({.states = 128, .inputs = 1, .hidden = 63}, {.steps = 2, .most = 3});
  this->compare({.states = 96, .inputs = 1, .hidden = 95}, {.steps = 2, .most = 3});
  this->compare({.states = 110, .inputs = 2, .hidden = 100}, {.steps = 2, .most = 3});
}

TYPED_TEST(FusedRecurrenceTest, FollowsTheOptionsOfAPass) {
  const CellSize cell = {.states = 7, .inputs = 3, .hidden = 5};
  this->compare(cell, {.sequences = 3, .steps = 4, .warm_start = false});
  this->compare(cell, {.sequences = 3, .steps = 4, .wants_all = false});
  this->compare(cell, {.sequences = 3, .steps = 5, .truncate = 2});
  this->compare(cell, {.sequences = 3, .steps = 3, .truncate = 2, .first = 2});
  this->compare({.states = 7, .inputs = 3, .hidden = 5, .has_D = false},
                {.sequences = 3, .steps = 3});
  this->compare(cell, {.sequences = 3, .steps = 3, .most = 1});
}

TYPED_TEST(FusedRecurrenceTest, SequencesEndWhereTheirLengthsSay) {
  const CellSize cell = {.states = 6, .inputs = 2, .hidden = 4};
  for (const bool warm : {true, false})
    for (const index_t truncate : {0, 2})
      this->compare(cell, {.sequences = 5,
                           .steps = 4,
                           .lengths = {4, 1, 2, 4, 3},
                           .warm_start = warm,
                           .truncate = truncate});
  // Two steps of sequences of which some have ended before.
  this->compare(cell, {.sequences = 4, .steps = 2, .lengths = {1, 2, 3, 4}, .first = 2});
  const PassCase all_ended = {.sequences = 2, .steps = 2, .lengths = {1, 1}, .first = 2};
  this->compare(cell, all_ended);
  const auto numbers = this->numbers_of(cell, all_ended);
  const auto got = this->run(LoopStrategy::fused_recurrence, cell, all_ended, numbers);
  EXPECT_EQ(got.h, numbers.h);
  EXPECT_EQ(got.dh, numbers.dh);
  EXPECT_EQ(got.iterations, std::vector<std::int32_t>(4, 0));
}

TYPED_TEST(FusedRecurrenceTest, NaNInOneSequenceLeavesTheBitsOfOthersAlone) {
  const CellSize cell = {.states = 6, .inputs = 2, .hidden = 4};
  const index_t m = 50;
  const PassCase pass = {.sequences = m, .steps = 2, .most = 4};
  auto numbers = this->numbers_of(cell, pass);
  const auto clean = this->run(LoopStrategy::fused_recurrence, cell, pass, numbers);
  numbers.x[static_cast<std::size_t>((5 * 2 + 1) * 2)] = k_nan;  // sequence 5, step 1
  const auto got = this->run(LoopStrategy::fused_recurrence, cell, pass, numbers);
  for (std::size_t j = 0; j < static_cast<std::size_t>(m * 2); ++j) {
    const bool spoiled = j % static_cast<std::size_t>(m) == 5;
    if (spoiled) {
      EXPECT_EQ(got.status[j] == static_cast<std::uint8_t>(SolveStatus::diverged), j >= 50);
      continue;
    }
    EXPECT_EQ(got.iterations[j], clean.iterations[j]);
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(got.X[i + 6 * j], clean.X[i + 6 * j]);
      EXPECT_EQ(got.V[i + 6 * j], clean.V[i + 6 * j]);
    }
  }
  EXPECT_EQ(got.active, (std::vector<std::int32_t>{0}));
}

TYPED_TEST(FusedRecurrenceTest, ASequenceHasTheSameBitsInAnyBatch) {
  const CellSize cell = {.states = 6, .inputs = 2, .hidden = 4};
  const PassCase many = {.sequences = 51, .steps = 2, .most = 4};
  const PassCase one = {.sequences = 1, .steps = 2, .most = 4};
  const auto numbers = this->numbers_of(cell, many);
  const auto batch = this->run(LoopStrategy::fused_recurrence, cell, many, numbers);
  for (const std::size_t b : {std::size_t{0}, std::size_t{49}, std::size_t{50}}) {
    const auto part = [&](const std::vector<double>& all, std::size_t size) {
      const auto from = all.begin() + static_cast<std::ptrdiff_t>(b * size);
      return std::vector<double>(from, from + static_cast<std::ptrdiff_t>(size));
    };
    auto own = numbers;
    own.x = part(numbers.x, 4);
    own.h = part(numbers.h, 4);
    own.before = part(numbers.before, 6);
    own.dH = part(numbers.dH, 8);
    own.dh = part(numbers.dh, 4);
    own.after = part(numbers.after, 6);
    const auto alone = this->run(LoopStrategy::fused_recurrence, cell, one, own);
    EXPECT_EQ(alone.H, part(batch.H, 8));
    EXPECT_EQ(alone.h, part(batch.h, 4));
    EXPECT_EQ(alone.dh, part(batch.dh, 4));
  }
}

TYPED_TEST(FusedRecurrenceTest, RefusesWhatDoesNotFit) {
  const auto refuses = [&](const CellSize& cell, auto change) {
    const PassCase pass = {};
    const auto numbers = this->numbers_of(cell, pass);
    auto forward = this->forward_of(cell, pass, numbers);
    change(forward);
    EXPECT_THROW(this->launch(forward, LoopStrategy::fused_recurrence), NotSupported);
  };
  const auto nothing = [](auto&) {};
  refuses({.states = 129, .inputs = 1, .hidden = 1}, nothing);
  refuses({.states = 1, .inputs = 1, .hidden = 113}, nothing);
  refuses({.states = 1, .inputs = 112, .hidden = 1}, nothing);
  refuses({.states = 4, .inputs = 1, .hidden = 1},
          [](auto& forward) { forward.loop.sweep = Sweep::gauss_seidel; });
  refuses({.states = 4, .inputs = 1, .hidden = 1},
          [](auto& forward) { forward.loop.decision.max_iterations = 0; });
  refuses({.states = 4, .inputs = 1, .hidden = 1}, []<class T>(Recurrence<T>& forward) {
    forward.A = StrictlyUpperMap<T>{entries_of(forward.A).value()};
  });
}

}  // namespace
}  // namespace idl::test
