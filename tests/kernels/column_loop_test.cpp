// SPDX-License-Identifier: MIT
// Loops on the CPU run column by column, a few at a time, and the next column is taken as soon as
// one has stopped. None of that may be seen in the answers.
#include <algorithm>
#include <cmath>

#include "host/backend_of.hpp"
#include "tests/kernels/sparse.hpp"

namespace idl::test {
namespace {

template <class C>
class ColumnLoopTest : public SparseTest<C> {
 protected:
  using Element = typename C::Scalar;

  struct Answer {
    std::vector<Element> X, steps, norms, best;
    std::vector<std::uint8_t> status;
    std::vector<std::int32_t> iterations, stalled, active, fallbacks;
    bool operator==(const Answer&) const = default;
  };

  double density_ = 1.0;    ///< of A, which below 1 is CSR
  bool is_chain_ = false;   ///< A, which then is CSR: each state depends on the one before
  bool is_spoilt_ = false;  ///< A holds a NaN, and of every other column the forcing is negative
  ActivationKind activation_ = ActivationKind::tanh;
  SolveStart start_ = SolveStart::running;

  CsrMap<Element> chain(index_t n) {
    const auto size = static_cast<std::size_t>(n);
    std::vector<double> below(size * size), above(size * size);
    for (std::size_t i = 1; i < size; ++i)
      below[i + (i - 1) * size] = above[i - 1 + i * size] = 0.9;
    return {.A = this->read_only(this->to_csr(n, n, below)),
            .transposed = this->read_only(this->to_csr(n, n, above)),
            .longest_row = 1};
  }

  /// Whole: by compile(). Otherwise step by step over all columns, while the host looks.
  Answer solve(bool whole, bool adjoint, index_t n, index_t m, std::int32_t most,
               bool mixed = false, bool in_blocks = false, bool with_nan = false) {
    this->forget_views();
    RandomValues random(5);
    Backend& backend = *backend_of(this->context());
    std::vector<double> entries = random.matrix_of_norm(n, 0.9);
    if (is_spoilt_) entries[0] = k_nan;
    LinearMap<Element> A = DenseMap<Element>{this->view(n, n, entries)};
    if (density_ < 1.0) A = this->sparse_map(n, entries, density_);
    if (is_chain_) A = chain(n);
    // Columns of very different sizes stop at very different times.
    std::vector<double> forcing = random.uniforms(n * m, -1.0, 1.0);
    for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j)
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
        forcing[i + j * static_cast<std::size_t>(n)] *=
            std::pow(10.0, -static_cast<double>(j * 7 % 9));
    for (std::size_t j = 0; is_spoilt_ && j < static_cast<std::size_t>(m); j += 2)
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
        forcing[i + j * static_cast<std::size_t>(n)] *=
            forcing[i + j * static_cast<std::size_t>(n)] > 0 ? -1 : 1;
    for (std::size_t j = 2; with_nan && j < static_cast<std::size_t>(m); j += 5)
      forcing[j * static_cast<std::size_t>(n) + 1] = k_nan;
    const auto Z = this->view(n, m, forcing);
    const auto Psi = this->view(n, m, random.uniforms(n * m, 0.0, 1.0));
    const auto X = this->view(n, m, 0.0);
    // Two of them have stopped before the start, if there are so many.
    const auto status =
        m > 1 ? this->statuses(m, {1, static_cast<std::size_t>(m - 1)}) : this->statuses(m, {});
    const auto count = static_cast<std::size_t>(m);
    const auto iterations = this->vector(std::vector<std::int32_t>(count, 0));
    const auto stalled = this->vector(std::vector<std::int32_t>(count, 0));
    const auto active = this->vector(
        std::vector<std::int32_t>{static_cast<std::int32_t>(m - std::min<index_t>(m - 1, 2))});
    const auto best = this->reals(m, 1e30);
    const auto step_norms = this->reals(m, 0.0);
    const auto norms = this->reals(m, 0.0);
    const auto fallbacks = this->vector(std::vector<std::int32_t>(count, 0));
    FixedPoint<Element> solve = {
        .A = A,
        .transpose = adjoint,
        .batch_invariant = true,
        .X = X,
        .product = this->view(n, m, 0.0),
        .f = PicardMap<Element>{.Z = Z, .activation = {.kind = activation_}},
        .columns = {status, iterations, best, stalled, active, fallbacks},
        .step_norms = step_norms,
        .state_norms = norms,
        .decision = {.absolute = Element(1e-4), .max_iterations = most},
        .sweep = in_blocks ? Sweep::gauss_seidel : Sweep::jacobi,
        .start = start_};
    if (adjoint) solve.f = AdjointMap<Element>{.G = Z, .Psi = Psi};
    if (mixed) {
      const auto memory = [&] { return this->view(n, m, 0.0); };
      solve.mix =
          AndersonHistory<Element>{.Y = memory(),
                                   .F_even = memory(),
                                   .G_even = memory(),
                                   .F_odd = memory(),
                                   .G_odd = memory(),
                                   .accepted = this->reals(m, 0.0),
                                   .points = this->vector(std::vector<std::int32_t>(count, 0))};
    }
    if (whole) {
      const auto program = backend.compile(solve);
      EXPECT_EQ(program->strategy(), LoopStrategy::column_by_column);
      program->launch();
    } else {
      const SolveSteps steps = steps_of(solve);
      if (start_ != SolveStart::running) backend.compile(steps.start)->launch();
      const auto step = backend.compile(steps.iteration);
      for (std::int32_t k = 0; this->fetch_vector(active)[0] > 0 && k < most; ++k) step->launch();
    }
    EXPECT_TRUE(this->frames_untouched());
    return {this->fetch(X),
            this->fetch_vector(step_norms),
            this->fetch_vector(norms),
            this->fetch_vector(best),
            this->fetch_vector(status),
            this->fetch_vector(iterations),
            this->fetch_vector(stalled),
            this->fetch_vector(active),
            this->fetch_vector(fallbacks)};
  }
};
TYPED_TEST_SUITE(ColumnLoopTest, CpuCases, CaseNames);

TYPED_TEST(ColumnLoopTest, GivesTheBitsOfALoopOverAllColumns) {
  for (const bool adjoint : {false, true})
    for (const index_t m : {1, 2, 3, 4, 5, 9, 40, 300}) {
      const auto expected = this->solve(false, adjoint, 33, m, 300);
      EXPECT_EQ(expected.active[0], 0);
      EXPECT_TRUE(expected == this->solve(true, adjoint, 33, m, 300))
          << (adjoint ? "adjoint, " : "Picard, ") << m << " columns";
    }
}

TYPED_TEST(ColumnLoopTest, MakesNoNanOfAStateOfZero) {
  this->is_spoilt_ = true;
  this->activation_ = ActivationKind::relu;
  this->start_ = SolveStart::zero;
  for (const double density : {1.0, 0.1})
    for (const index_t n : {5, 33, 70}) {
      this->density_ = density;
      const auto expected = this->solve(false, false, n, 200, 300);
      const auto converged =
          std::ranges::count(expected.status, static_cast<std::uint8_t>(SolveStatus::converged));
      EXPECT_GE(converged, 100);
      EXPECT_LT(converged, 200);
      const auto given = this->solve(true, false, n, 200, 300);
      EXPECT_EQ(expected.status, given.status);
      EXPECT_EQ(expected.iterations, given.iterations);
    }
}

TYPED_TEST(ColumnLoopTest, GivesTheBitsOfAnAcceleratedLoopOverAllColumns) {
  for (const bool adjoint : {false, true})
    for (const index_t m : {1, 2, 3, 4, 5, 9, 40, 300}) {
      const auto expected = this->solve(false, adjoint, 33, m, 300, true);
      EXPECT_EQ(expected.active[0], 0);
      EXPECT_TRUE(expected == this->solve(true, adjoint, 33, m, 300, true))
          << (adjoint ? "adjoint, " : "Picard, ") << m << " columns";
    }
}

TYPED_TEST(ColumnLoopTest, GivesTheBitsOfALoopOverAllColumnsInBlocksOfRows) {
  for (const bool adjoint : {false, true})
    for (const bool mixed : {false, true})
      for (const index_t m : {1, 2, 4, 5, 40, 300}) {
        const auto expected = this->solve(false, adjoint, 75, m, 300, mixed, true);
        EXPECT_EQ(expected.active[0], 0);
        EXPECT_TRUE(expected == this->solve(true, adjoint, 75, m, 300, mixed, true))
            << (adjoint ? "adjoint, " : "Picard, ") << m << " columns";
        EXPECT_FALSE(expected == this->solve(true, adjoint, 75, m, 300, mixed, false));
      }
}

TYPED_TEST(ColumnLoopTest, GivesTheBitsOfALoopOverAllColumnsWhereAIsSmall) {
  for (const ActivationKind kind : {ActivationKind::relu, ActivationKind::tanh})
    for (const SolveStart start : {SolveStart::zero, SolveStart::given, SolveStart::running}) {
      this->activation_ = kind;
      this->start_ = start;
      for (const bool mixed : {false, true})
        for (const bool in_blocks : {false, true})
          for (const index_t n : {1, 5, 20, 40, 61})
            for (const index_t m : {7, 8, 16, 100}) {
              const auto expected = this->solve(false, false, n, m, 60, mixed, in_blocks);
              EXPECT_TRUE(expected == this->solve(true, false, n, m, 60, mixed, in_blocks))
                  << n << " rows, " << m << " columns, " << to_string(kind) << ", start "
                  << static_cast<int>(start) << (mixed ? ", mixed" : "")
                  << (in_blocks ? ", in blocks" : "");
            }
    }
}

TYPED_TEST(ColumnLoopTest, GivesTheBitsOfALoopOverAllColumnsWhereRowsFillWholeLinesOrOneIsLeft) {
  for (const bool adjoint : {false, true})
    for (const index_t n : {1, 16, 64, 65, 129})
      for (const index_t m : {1, 3, 50}) {
        const auto expected = this->solve(false, adjoint, n, m, 300, true, true);
        EXPECT_EQ(expected.active[0], 0);
        EXPECT_TRUE(expected == this->solve(true, adjoint, n, m, 300, true, true))
            << (adjoint ? "adjoint, " : "Picard, ") << n << " rows, " << m << " columns";
      }
}

TYPED_TEST(ColumnLoopTest, GivesTheBitsOfALoopOverAllColumnsWhereALeavesTheCache) {
  for (const bool adjoint : {false, true}) {
    const auto expected = this->solve(false, adjoint, 520, 150, 300, true, true);
    EXPECT_EQ(expected.active[0], 0);
    EXPECT_TRUE(expected == this->solve(true, adjoint, 520, 150, 300, true, true));
  }
}

TYPED_TEST(ColumnLoopTest, GivesTheBitsOfALoopOverAllColumnsWhereSumsAreMadeInTwoRuns) {
  for (const bool adjoint : {false, true}) {
    const auto expected = this->solve(false, adjoint, 1050, 40, 300, false, true);
    EXPECT_EQ(expected.active[0], 0);
    EXPECT_TRUE(expected == this->solve(true, adjoint, 1050, 40, 300, false, true));
  }
}

TYPED_TEST(ColumnLoopTest, ColumnsThatDivergeLeaveNothingToThoseThatTakeTheirPlace) {
  for (const ActivationKind kind : {this->activation_, ActivationKind::relu})
    for (const std::size_t n : {std::size_t{75}, std::size_t{36}})
      for (const bool adjoint : {false, true})
        for (const bool in_blocks : {false, true}) {
          this->activation_ = kind;
          const auto rows = static_cast<index_t>(n);
          const auto expected = this->solve(false, adjoint, rows, 120, 300, true, in_blocks, true);
          const auto answer = this->solve(true, adjoint, rows, 120, 300, true, in_blocks, true);
          const auto diverged = static_cast<std::uint8_t>(SolveStatus::diverged);
          EXPECT_EQ(std::count(answer.status.begin(), answer.status.end(), diverged), 24);
          EXPECT_EQ(answer.status, expected.status);
          EXPECT_EQ(answer.iterations, expected.iterations);
          for (std::size_t j = 0; j < answer.status.size(); ++j) {
            if (answer.status[j] == diverged) continue;
            for (std::size_t i = n * j; i < n * (j + 1); ++i) ASSERT_EQ(answer.X[i], expected.X[i]);
          }
        }
}

TYPED_TEST(ColumnLoopTest, StopsAtTheMostIterations) {
  for (const bool adjoint : {false, true})
    for (const std::int32_t most : {0, 1, 2, 4}) {
      const auto expected = this->solve(false, adjoint, 33, 100, most);
      EXPECT_TRUE(expected == this->solve(true, adjoint, 33, 100, most)) << most << " iterations";
      EXPECT_EQ(*std::ranges::max_element(expected.iterations), most);
    }
}

TYPED_TEST(ColumnLoopTest, ColumnsStopAtDifferentTimes) {
  const auto answer = this->solve(true, false, 33, 100, 300);
  std::vector<std::int32_t> sorted = answer.iterations;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted[1], 0);                // stopped before the start
  EXPECT_LT(sorted[20], sorted[80] / 2);  // so that most slots are taken over and over
}

TYPED_TEST(ColumnLoopTest, GivesTheBitsOfALoopOverAllColumnsWhereAIsSparse) {
  for (const double density : {0.3, 0.02, 0.0}) {
    this->density_ = density;
    for (const bool adjoint : {false, true})
      for (const bool mixed : {false, true})
        for (const bool in_blocks : {false, true})
          for (const index_t m : {1, 2, 9, 33, 300}) {
            const auto expected = this->solve(false, adjoint, 75, m, 300, mixed, in_blocks);
            EXPECT_EQ(expected.active[0], 0);
            EXPECT_TRUE(expected == this->solve(true, adjoint, 75, m, 300, mixed, in_blocks))
                << (adjoint ? "adjoint, " : "Picard, ") << (mixed ? "mixed, " : "")
                << (in_blocks ? "in blocks, " : "") << m << " columns, density " << density;
          }
  }
}

// With relu a row is updated in the registers that hold its product, and rows that settle are left
// out: at the lowest densities that is most of them.
TYPED_TEST(ColumnLoopTest, GivesTheBitsOfALoopOverAllColumnsWhereASparseRowEndsInRelu) {
  this->activation_ = ActivationKind::relu;
  for (const SolveStart start : {SolveStart::running, SolveStart::zero, SolveStart::given})
    for (const double density : {0.1, 0.01, 0.0})
      for (const bool mixed : {false, true})
        for (const index_t m : {1, 70}) {
          this->start_ = start;
          this->density_ = density;
          const auto expected = this->solve(false, false, 75, m, 40, mixed);
          EXPECT_TRUE(expected == this->solve(true, false, 75, m, 40, mixed))
              << (mixed ? "mixed, " : "") << m << " columns, density " << density << ", start "
              << static_cast<int>(start);
        }
}

TYPED_TEST(ColumnLoopTest, GivesTheBitsOfALoopOverAllColumnsWhereOneStateSettlesAfterTheOther) {
  this->activation_ = ActivationKind::relu;
  this->is_chain_ = true;
  for (const SolveStart start : {SolveStart::zero, SolveStart::given})
    for (const bool in_blocks : {false, true})
      for (const index_t n : {5, 16, 17, 75}) {
        this->start_ = start;
        const auto expected = this->solve(false, false, n, 40, 40, false, in_blocks);
        EXPECT_TRUE(expected == this->solve(true, false, n, 40, 40, false, in_blocks))
            << n << " rows, " << (in_blocks ? "in blocks, " : "") << "start "
            << static_cast<int>(start);
      }
}

TYPED_TEST(ColumnLoopTest, GivesTheBitsOfALoopOverAllColumnsWhereThatOfASparseMatrixBeginsAtZero) {
  this->start_ = SolveStart::zero;
  this->density_ = 0.1;
  for (const bool adjoint : {false, true})
    for (const bool mixed : {false, true})
      for (const bool in_blocks : {false, true})
        for (const index_t n : {1, 33, 75}) {
          const auto expected = this->solve(false, adjoint, n, 70, 40, mixed, in_blocks);
          EXPECT_TRUE(expected == this->solve(true, adjoint, n, 70, 40, mixed, in_blocks))
              << (adjoint ? "adjoint, " : "Picard, ") << (mixed ? "mixed, " : "")
              << (in_blocks ? "in blocks, " : "") << n << " rows";
        }
}

TYPED_TEST(ColumnLoopTest, GivesTheBitsOfALoopOverAllColumnsOfSparseMatricesOfEverySize) {
  this->density_ = 0.1;
  for (const bool adjoint : {false, true})
    for (const index_t n : {1, 2, 15, 16, 31, 32, 33, 64, 129, 600})
      for (const bool in_blocks : {false, true}) {
        const auto expected = this->solve(false, adjoint, n, 70, 300, true, in_blocks);
        EXPECT_TRUE(expected == this->solve(true, adjoint, n, 70, 300, true, in_blocks))
            << (adjoint ? "adjoint, " : "Picard, ") << n << " rows";
      }
}

TYPED_TEST(ColumnLoopTest, ColumnsThatDivergeBesideASparseReluLeaveNothingToOthers) {
  this->activation_ = ActivationKind::relu;
  this->density_ = 0.03;
  for (const SolveStart start : {SolveStart::running, SolveStart::zero}) {
    this->start_ = start;
    const auto expected = this->solve(false, false, 75, 120, 300, false, false, true);
    const auto answer = this->solve(true, false, 75, 120, 300, false, false, true);
    EXPECT_EQ(answer.status, expected.status);
    EXPECT_EQ(answer.iterations, expected.iterations);
    for (std::size_t j = 0; j < answer.status.size(); ++j) {
      if (j % 5 == 2) continue;  // with NaN in the forcing
      EXPECT_NE(answer.status[j], static_cast<std::uint8_t>(SolveStatus::diverged));
      for (std::size_t i = 75 * j; i < 75 * (j + 1); ++i) ASSERT_EQ(answer.X[i], expected.X[i]);
    }
  }
}

TYPED_TEST(ColumnLoopTest, ColumnsThatDivergeBesideASparseMatrixLeaveNothingToOthers) {
  this->density_ = 0.2;
  const auto diverged = static_cast<std::uint8_t>(SolveStatus::diverged);
  for (const bool adjoint : {false, true})
    for (const bool in_blocks : {false, true}) {
      const auto expected = this->solve(false, adjoint, 75, 120, 300, true, in_blocks, true);
      const auto answer = this->solve(true, adjoint, 75, 120, 300, true, in_blocks, true);
      EXPECT_EQ(std::count(answer.status.begin(), answer.status.end(), diverged), 24);
      EXPECT_EQ(answer.status, expected.status);
      EXPECT_EQ(answer.iterations, expected.iterations);
      for (std::size_t j = 0; j < answer.status.size(); ++j) {
        if (answer.status[j] == diverged) continue;
        for (std::size_t i = 75 * j; i < 75 * (j + 1); ++i) ASSERT_EQ(answer.X[i], expected.X[i]);
      }
    }
}

TYPED_TEST(ColumnLoopTest, StopsAtTheMostIterationsWhereAIsSparse) {
  this->density_ = 0.2;
  for (const std::int32_t most : {0, 1, 2, 4})
    EXPECT_TRUE(this->solve(false, false, 33, 100, most) == this->solve(true, false, 33, 100, most))
        << most << " iterations";
}

}  // namespace
}  // namespace idl::test
