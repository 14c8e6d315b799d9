// SPDX-License-Identifier: MIT
// Solves as they are described: each way to run one against the steps that the description stands
// for.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "host/backend_of.hpp"
#include "idl/error.hpp"
#include "tests/kernels/solve_test.hpp"

namespace idl::test {
namespace {

constexpr index_t k_states = 37;
constexpr index_t k_samples = 12;

/// What is described.
struct Form {
  bool adjoint = false;
  Sweep sweep = Sweep::jacobi;
  bool mixed = false;
  SolveStart start = SolveStart::zero;
  std::int32_t most = 300;
  bool sparse = false;
  index_t rank = 0;  ///< of A = LRᵀ, if not 0
  bool blocks = false;
};

std::string described(const Form& form) {
  return std::string(form.adjoint ? "adjoint" : "Picard") + ", " +
         std::string(to_string(form.sweep)) + (form.mixed ? ", mixed" : "") + ", start " +
         std::to_string(static_cast<int>(form.start)) + ", " + std::to_string(form.most) +
         " iterations" + (form.sparse ? ", sparse" : "") +
         (form.rank > 0 ? ", rank " + std::to_string(form.rank) : "") +
         (form.blocks ? ", blocks" : "");
}

template <class C>
class FixedPointTest : public SolveTest<C> {
 protected:
  using Element = typename C::Scalar;
  using Answer = typename SolveTest<C>::Answer;

  /// The same numbers each time, in memory of their own; that of the description before it goes.
  FixedPoint<Element> describe(const Form& form) {
    this->forget_views();
    RandomValues random(9);
    const index_t n = k_states;
    const index_t m = k_samples;
    FixedPoint<Element> solve;
    const std::vector<double> entries = random.matrix_of_norm(n, 0.9);
    if (form.sparse)
      solve.A = this->sparse_map(n, entries, 0.2);
    else if (form.rank > 0)
      set_factors(solve, form.rank, random);
    else if (form.blocks)
      solve.A = this->grid_of(n, entries, true);
    else
      solve.A = DenseMap<Element>{this->view(n, n, entries)};
    solve.transpose = form.adjoint;
    solve.batch_invariant = true;  // the same bits whichever columns a product has
    solve.X = this->view(n, m, random.uniforms(n * m, -1.0, 1.0));
    solve.product = this->view(n, m, 0.0);
    // Columns of very different sizes stop at very different times.
    std::vector<double> forcing = random.uniforms(n * m, -1.0, 1.0);
    for (std::size_t k = 0; k < forcing.size(); ++k)
      forcing[k] *= std::pow(10.0, -static_cast<double>(k / k_states * 7 % 5));
    const auto F = this->view(n, m, forcing);
    if (form.adjoint) {
      const auto Psi = this->view(n, m, random.uniforms(n * m, -1.0, 1.0));
      AdjointMap<Element> map = {.G = F, .Psi = Psi};
      if (form.start != SolveStart::running)
        map.derivative =
            ActivationDerivative<Element>{.S = Psi, .Z = F, .Psi = Psi, .activation = k_tanh};
      solve.f = map;
    } else {
      solve.f = PicardMap<Element>{.Z = F, .activation = k_tanh};
    }
    this->set_columns(solve, m, 0, {3});
    solve.decision = {.absolute = Element(1e-4), .max_iterations = form.most};
    solve.sweep = form.sweep;
    if (form.mixed) solve.mix = this->history(n, m);
    solve.start = form.start;
    return solve;
  }

  /// A = LRᵀ with rows of |L| and columns of |R| that sum up to 0.9 or less.
  void set_factors(FixedPoint<Element>& solve, index_t rank, RandomValues& random) {
    const index_t n = k_states;
    const double k = 0.9;
    const auto L =
        random.uniforms(n * rank, -k / static_cast<double>(rank), k / static_cast<double>(rank));
    const auto R =
        random.uniforms(n * rank, -k / static_cast<double>(n), k / static_cast<double>(n));
    solve.A = LowRankMap<Element>{.L = this->view(n, rank, L), .R = this->view(n, rank, R)};
    solve.inner = this->view(rank, k_samples, k_nan);
  }

  /// By a loop of this test over steps_of().
  Answer by_steps(const Form& form) {
    const FixedPoint<Element> solve = describe(form);
    const SolveSteps steps = steps_of(solve);
    Backend& backend = *backend_of(this->context());
    backend.run_in_order(steps.start);
    const auto iteration = backend.compile(steps.iteration);
    const std::int32_t first = starts_from_zero(solve) ? 1 : 0;
    for (std::int32_t k = first; k<form.most&& this->fetch_vector(solve.columns.active)[0]> 0; ++k)
      iteration->launch();
    return this->answer_of(solve);
  }

  /// By a program of the backend, launched once.
  Answer by_strategy(const Form& form, LoopStrategy strategy, LoopStrategy& taken) {
    return this->launch(describe(form), strategy, taken);
  }

  static constexpr Activation k_tanh{.kind = ActivationKind::tanh};

  std::vector<Form> forms() const {
    std::vector<Form> all;
    for (const bool adjoint : {false, true})
      for (const Sweep sweep : {Sweep::jacobi, Sweep::gauss_seidel})
        for (const bool mixed : {false, true})
          for (const SolveStart start :
               {SolveStart::zero, SolveStart::given, SolveStart::running}) {
            for (const std::int32_t most : {0, 1, 3, 300})
              all.push_back({adjoint, sweep, mixed, start, most});
            all.push_back({adjoint, sweep, mixed, start, 300, true});
            all.push_back({adjoint, sweep, mixed, start, 300, false, 5});
            if (!mixed && start == SolveStart::zero)
              all.push_back({adjoint, sweep, mixed, start, 4, false, 0, true});
          }
    return all;
  }
};
TYPED_TEST_SUITE(FixedPointTest, AllCases, CaseNames);

/// All but those in another arithmetic or order of summation.
TYPED_TEST(FixedPointTest, EveryWayOfTheSameProductsHasTheBitsOfTheSteps) {
  for (const Form& form : this->forms()) {
    const auto expected = this->by_steps(form);
    for (const LoopStrategy strategy :
         {LoopStrategy::step_by_step, LoopStrategy::column_by_column,
          LoopStrategy::conditional_node, LoopStrategy::block_replay, LoopStrategy::compacted}) {
      LoopStrategy taken = LoopStrategy::automatic;
      typename TestFixture::Answer got;
      try {
        got = this->by_strategy(form, strategy, taken);
      } catch (const NotSupported&) {
        continue;
      }
      if (taken == LoopStrategy::fused) continue;
      SCOPED_TRACE(described(form) + ", " + std::string(to_string(taken)));
      EXPECT_EQ(got.X, expected.X);
      EXPECT_EQ(got.status, expected.status);
      EXPECT_EQ(got.iterations, expected.iterations);
      EXPECT_EQ(got.active, expected.active);
      EXPECT_EQ(got.fallbacks, expected.fallbacks);
      for (std::size_t j = 0; j < got.steps.size(); ++j) {
        EXPECT_TRUE(got.steps[j] == expected.steps[j]) << got.steps[j] << expected.steps[j];
        EXPECT_EQ(got.norms[j], expected.norms[j]);
      }
    }
  }
}

/// Each way of its own arithmetic is as near to the steps as rounding and the tolerance let it.
TYPED_TEST(FixedPointTest, EveryOtherWayEndsWhereTheStepsEnd) {
  for (const LoopStrategy strategy :
       {LoopStrategy::automatic, LoopStrategy::fused, LoopStrategy::refined,
        LoopStrategy::row_split, LoopStrategy::library_product})
    for (const bool adjoint : {false, true})
      for (const SolveStart start : {SolveStart::zero, SolveStart::given}) {
        const bool sparse =
            strategy == LoopStrategy::row_split || strategy == LoopStrategy::library_product;
        const Form form = {.adjoint = adjoint, .start = start, .sparse = sparse};
        LoopStrategy taken = LoopStrategy::automatic;
        const auto got = this->by_strategy(form, strategy, taken);
        const auto expected = this->by_steps(form);
        SCOPED_TRACE(described(form) + ", " + std::string(to_string(taken)));
        EXPECT_TRUE(!sparse || taken == strategy);
        EXPECT_EQ(got.status, expected.status);
        // Two iterates whose steps are below 1e-4 are within 1e-4·κ/(1−κ) of the solution each, in
        // ℓ∞ for the state; for the adjoint that is a bound in ℓ1.
        EXPECT_LE(max_difference(got.X, expected.X), 2e-3);
      }
}

TYPED_TEST(FixedPointTest, ProgramsTellHowTheyRun) {
  const bool cpu = TypeParam::k_device == DeviceKind::cpu;
  const auto taken_for = [&](LoopStrategy strategy, const Form& form) {
    LoopStrategy taken = LoopStrategy::automatic;
    this->by_strategy(form, strategy, taken);
    return taken;
  };
  const Form mixed = {.mixed = true};
  if (cpu) {
    EXPECT_EQ(taken_for(LoopStrategy::automatic, {}), LoopStrategy::column_by_column);
    EXPECT_EQ(taken_for(LoopStrategy::automatic, mixed), LoopStrategy::column_by_column);
    EXPECT_EQ(taken_for(LoopStrategy::automatic, {.sparse = true}), LoopStrategy::column_by_column);
    EXPECT_EQ(taken_for(LoopStrategy::step_by_step, {}), LoopStrategy::step_by_step);
  } else {
    EXPECT_EQ(taken_for(LoopStrategy::fused, {}), LoopStrategy::fused);
    EXPECT_THROW(taken_for(LoopStrategy::fused, mixed), NotSupported);
  }
  EXPECT_EQ(taken_for(LoopStrategy::compacted, {}), LoopStrategy::compacted);
  EXPECT_NE(taken_for(LoopStrategy::compacted, mixed), LoopStrategy::compacted);
  Backend& backend = *backend_of(this->context());
  EXPECT_EQ(backend.compile(Sequence{})->strategy(), LoopStrategy::straight);
}

TYPED_TEST(FixedPointTest, AJoinedSolveRunsAsItDoesAlone) {
  Backend& backend = *backend_of(this->context());
  for (const LoopStrategy strategy : {LoopStrategy::automatic, LoopStrategy::compacted}) {
    const Form form = {};
    LoopStrategy taken = LoopStrategy::automatic;
    const auto expected = this->by_strategy(form, strategy, taken);
    const auto solve = this->describe(form);
    backend.choose_loop_strategy(strategy);
    Programs parts;
    parts.push_back(backend.compile(solve));
    const auto joined = backend.join(std::move(parts));
    EXPECT_EQ(joined->strategy(), taken);
    for (int launch = 0; launch < 2; ++launch) {
      joined->launch();
      EXPECT_EQ(this->answer_of(solve).X, expected.X);
    }
  }
}

TYPED_TEST(FixedPointTest, WrongDescriptionsAreRefusedWithTheirShapes) {
  using T = typename TypeParam::Scalar;
  Backend& backend = *backend_of(this->context());
  const auto refused = [&](const FixedPoint<T>& solve,
                           std::initializer_list<std::string_view> parts) {
    EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { backend.compile(solve); }), parts));
  };
  auto solve = this->describe({});
  solve.A = DenseMap<T>{this->view(k_states, k_states - 1)};
  refused(solve, {"FixedPoint", "A is 37x36", "square"});
  solve = this->describe({});
  solve.X = this->view(k_states - 1, k_samples);
  refused(solve, {"FixedPoint", "X has 36 rows", "37"});
  solve = this->describe({});
  solve.f = PicardMap<T>{.Z = this->view(k_states, k_samples + 1), .activation = {}};
  refused(solve, {"FixedPoint", "Z is 37x13", "37x12"});
  solve = this->describe({});
  solve.sweep = Sweep::automatic;
  refused(solve, {"FixedPoint", "sweep"});
  solve = this->describe({.rank = 4});
  solve.inner = solve.inner.row_range(0, 3);
  refused(solve, {"FixedPoint", "inner has 3 rows", "L has 4 columns"});
  solve = this->describe({.rank = 4});
  solve.inner = solve.inner.columns(0, 2);
  refused(solve, {"FixedPoint", "inner has 2 columns", "12"});
  solve = this->describe({.rank = 4});
  auto factors = std::get<LowRankMap<T>>(solve.A);
  factors.R = factors.R.columns(0, 3);
  solve.A = factors;
  refused(solve, {"FixedPoint", "R has 3 columns", "L has 4 columns"});
  solve = this->describe({.blocks = true});
  auto grid = std::get<BlocksMap<T>>(solve.A);
  const auto refused_grid = [&](const auto& change, std::initializer_list<std::string_view> parts) {
    auto changed = grid;
    change(changed);
    solve.A = changed;
    refused(solve, parts);
  };
  refused_grid([&](auto& g) { g.blocks[1].map = DenseMap<T>{this->view(12, 11)}; },
               {"FixedPoint", "block (0, 1) of A is 12x11", "12x12"});
  refused_grid([](auto& g) { g.blocks[6].row = 3; },
               {"FixedPoint", "block (3, 1) of A", "outside the grid of 3x3"});
  refused_grid([](auto& g) { std::swap(g.blocks[1], g.blocks[2]); },
               {"FixedPoint", "block (0, 1) of A comes after"});
  refused_grid([](auto& g) { g.blocks[1].col = 0; }, {"FixedPoint", "block (0, 0) of A comes"});
  refused_grid(
      [&](auto& g) {
        g.blocks[1].map = LowRankMap<T>{.L = this->view(12, 2), .R = this->view(12, 2)};
      },
      {"FixedPoint", "inner has 0 rows", "blocks of A need 2"});
  refused_grid([](auto& g) { g.widths.push_back(1); }, {"FixedPoint", "A is 37x38"});
  solve = this->describe({.mixed = true});
  solve.columns.fallbacks = {};
  refused(solve, {"FixedPoint", "fallbacks has 0 elements", "12"});
  solve = this->describe({});
  solve.step_norms = this->reals(k_samples - 1, 0.0);
  refused(solve, {"step_norms has 11 elements", "12"});
}

}  // namespace
}  // namespace idl::test
