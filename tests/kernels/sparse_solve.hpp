// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "tests/kernels/solve_test.hpp"

/// Solves with a sparse A by a given strategy, and by naive loops in double.
namespace idl::test {

inline constexpr double k_tolerance = 1e-3;
inline constexpr double k_contraction = 0.5;

/// What is solved. Numbers follow from the sizes and the density alone.
struct Problem {
  index_t n = 40;
  index_t m = 3;
  double density = 0.1;
  bool adjoint = false;
  SolveStart start = SolveStart::zero;
  std::int32_t most = 30;
  bool batch_invariant = false;
  bool certified = false;
};

inline std::string described(const Problem& p) {
  return std::string(p.adjoint ? "adjoint " : "Picard ") + std::to_string(p.n) + "x" +
         std::to_string(p.m) + ", density " + std::to_string(p.density) + ", start " +
         std::to_string(static_cast<int>(p.start)) + ", " + std::to_string(p.most) + " iterations";
}

template <class C>
class SparseSolveTest : public SolveTest<C> {
 protected:
  using Element = typename C::Scalar;

  using typename SolveTest<C>::Answer;

  /// The numbers of a problem.
  struct Numbers {
    std::vector<double> A, start, held, slopes;
  };

  /// n×n, of which the sums of |entries| of rows and of columns are at most k_contraction.
  std::vector<double> contraction(index_t n, double density) {
    const auto size = static_cast<std::size_t>(n);
    std::vector<double> A(size * size, 0.0);
    std::vector<double> rows(size, 0.0), cols(size, 0.0);
    for (std::size_t k = 0; k < A.size(); ++k) {
      if (this->random_.unit() >= density) continue;
      A[k] = this->random_.uniforms(1, -1.0, 1.0)[0];
      rows[k % size] += std::abs(A[k]);
      cols[k / size] += std::abs(A[k]);
    }
    for (std::size_t k = 0; k < A.size(); ++k)
      if (A[k] != 0.0) A[k] *= k_contraction / std::max(rows[k % size], cols[k / size]);
    return this->rounded(A);
  }

  Numbers numbers_of(const Problem& p) {
    this->random_ = RandomValues(5);
    const index_t count = p.n * p.m;
    Numbers numbers;
    numbers.A = contraction(p.n, p.density);
    numbers.start = this->rounded(this->random_.uniforms(count, -1.0, 1.0));
    numbers.held = this->rounded(this->random_.uniforms(count, -1.0, 1.0));
    numbers.slopes = this->rounded(this->random_.uniforms(count, -1.0, 1.0));
    return numbers;
  }

  static std::vector<double> transposed(index_t n, const std::vector<double>& A) {
    const auto size = static_cast<std::size_t>(n);
    std::vector<double> T(A.size());
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j) T[j + i * size] = A[i + j * size];
    return T;
  }

  /// Columns in `stopped` have stopped before a start that takes notice of it.
  FixedPoint<Element> describe(const Problem& p, const Numbers& numbers,
                               const std::vector<std::size_t>& stopped = {}) {
    FixedPoint<Element> solve;
    A_ = this->to_csr(p.n, p.n, p.adjoint ? transposed(p.n, numbers.A) : numbers.A);
    CsrMap<Element> map;
    (p.adjoint ? map.transposed : map.A) = this->read_only(A_);
    // Of the other one nobody reads more than the sizes.
    if (p.adjoint) map.A = map.transposed;
    map.longest_row = p.n;
    solve.A = map;
    solve.transpose = p.adjoint;
    solve.batch_invariant = p.batch_invariant;
    solve.X = this->view(p.n, p.m, numbers.start);
    solve.product = this->view(p.n, p.m);
    const auto held = this->view(p.n, p.m, numbers.held);
    if (p.adjoint) {
      solve.f = AdjointMap<Element>{.G = held, .Psi = this->view(p.n, p.m, numbers.slopes)};
    } else {
      solve.f = PicardMap<Element>{.Z = held, .activation = {.kind = ActivationKind::tanh}};
    }
    this->set_columns(solve, p.m, 0, stopped);
    solve.decision = {.absolute = Element(k_tolerance), .max_iterations = p.most};
    if (p.certified) {
      const auto contraction = this->reals(1, k_contraction);
      solve.decision.contraction = contraction;
      solve.decision.certified = true;
    }
    solve.start = p.start;
    return solve;
  }

  Answer run(const Problem& p, const Numbers& numbers, LoopStrategy strategy,
             const std::vector<std::size_t>& stopped = {}) {
    const auto solve = describe(p, numbers, stopped);
    const auto program = this->compile(solve, strategy);
    EXPECT_EQ(program->strategy(), strategy);
    program->launch();
    return this->answer_of(solve);
  }

  /// X after `iterations[j]` applications to column j, in double.
  static std::vector<double> naive(const Problem& p, const Numbers& numbers,
                                   const std::vector<std::int32_t>& iterations) {
    const auto size = static_cast<std::size_t>(p.n);
    std::vector<double> X = numbers.start;
    if (p.start == SolveStart::zero) std::fill(X.begin(), X.end(), 0.0);
    for (std::size_t j = 0; j < static_cast<std::size_t>(p.m); ++j)
      for (std::int32_t iteration = 0; iteration < iterations[j]; ++iteration) {
        std::vector<double> next(size);
        for (std::size_t i = 0; i < size; ++i) {
          double sum = numbers.held[i + j * size];
          for (std::size_t k = 0; k < size; ++k)
            sum += numbers.A[p.adjoint ? k + i * size : i + k * size] * X[k + j * size];
          next[i] = p.adjoint ? numbers.slopes[i + j * size] * sum : std::tanh(sum);
        }
        std::copy(next.begin(), next.end(), X.begin() + static_cast<std::ptrdiff_t>(j * size));
      }
    return X;
  }

  void compare_with_naive(const Problem& p, const Numbers& numbers, LoopStrategy strategy) {
    SCOPED_TRACE(described(p));
    const auto got = run(p, numbers, strategy);
    EXPECT_EQ(got.active[0], 0);
    // Rounding of n terms of a contraction by 0.5, which amplifies by 1/(1 − 0.5); entries of V are
    // up to 2, as those of G and Ψ are up to 1.
    const double tolerance = 4.0 * (static_cast<double>(p.n) + 8) * this->unit();
    EXPECT_LT(max_difference(got.X, naive(p, numbers, got.iterations)), tolerance);
    for (std::size_t j = 0; j < static_cast<std::size_t>(p.m); ++j) {
      double norm = 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(p.n); ++i) {
        const double entry = std::abs(got.X[i + j * static_cast<std::size_t>(p.n)]);
        norm = p.adjoint ? norm + entry : std::max(norm, entry);
      }
      EXPECT_NEAR(got.norms[j], norm, p.adjoint ? norm * tolerance : 0.0);
      EXPECT_EQ(got.steps[j] <= static_cast<double>(static_cast<Element>(k_tolerance)),
                got.status[j] == static_cast<std::uint8_t>(SolveStatus::converged));
    }
  }

  /// With two columns that have stopped before, of the start `running`.
  void compare_with_generic(const Problem& p, LoopStrategy strategy, LoopStrategy generic_loop) {
    SCOPED_TRACE(described(p) + ", " + std::string(to_string(strategy)));
    const auto numbers = numbers_of(p);
    const std::vector<std::size_t> stopped = {1, 4};
    const auto got = run(p, numbers, strategy, stopped);
    const auto generic = run(p, numbers, generic_loop, stopped);
    EXPECT_EQ(got.status, generic.status);
    EXPECT_EQ(got.iterations, generic.iterations);
    EXPECT_EQ(got.active, generic.active);
    const auto size = static_cast<std::size_t>(p.n);
    EXPECT_LT(max_difference(got.X, generic.X),
              8.0 * (static_cast<double>(p.n) + 8) * this->unit());
    if (p.start != SolveStart::running) return;
    for (const std::size_t j : stopped)
      for (std::size_t i = 0; i < size; ++i)
        EXPECT_EQ(got.X[i + j * size], numbers.start[i + j * size]);
  }

  /// Where a derivative makes Psi.
  void compare_adjoint_with_derivative(SolveStart start, LoopStrategy strategy) {
    const Problem p = {.adjoint = true, .start = start};
    auto numbers = numbers_of(p);
    const auto S = this->view(p.n, p.m, numbers.held);
    const auto Z = this->view(p.n, p.m, numbers.slopes);
    auto solve = describe(p, numbers);
    auto& map = std::get<AdjointMap<Element>>(solve.f);
    map.derivative = {.S = S,
                      .Z = Z,
                      .Psi = MatrixView(this->view(p.n, p.m)),
                      .activation = {.kind = ActivationKind::tanh}};
    map.Psi = map.derivative->Psi;
    this->compile(solve, strategy)->launch();
    const auto got = this->answer_of(solve);
    for (std::size_t k = 0; k < numbers.slopes.size(); ++k) {
      const double x = std::tanh(numbers.held[k] + numbers.slopes[k]);
      numbers.slopes[k] = 1 - x * x;
    }
    EXPECT_LT(max_difference(got.X, naive(p, numbers, got.iterations)), 8.0 * 48 * this->unit());
  }

  void expect_nan_to_harm_no_other_column(bool adjoint, LoopStrategy strategy) {
    const Problem p = {.n = 45, .m = 5, .density = 0.2, .adjoint = adjoint};
    auto numbers = numbers_of(p);
    const auto clean = run(p, numbers, strategy);
    numbers.held[4 * 45 + 7] = k_nan;
    const auto got = run(p, numbers, strategy);
    EXPECT_EQ(got.status[4], static_cast<std::uint8_t>(SolveStatus::diverged));
    for (std::size_t j = 0; j < 4; ++j) {
      EXPECT_EQ(got.iterations[j], clean.iterations[j]);
      EXPECT_EQ(got.status[j], clean.status[j]);
      for (std::size_t i = 0; i < 45; ++i) EXPECT_EQ(got.X[i + j * 45], clean.X[i + j * 45]);
    }
  }

  /// Of the first and the last column of p.
  void expect_bits_of_columns_alone(const Problem& p, LoopStrategy strategy) {
    const auto numbers = numbers_of(p);
    const auto batch = run(p, numbers, strategy);
    const auto column_of = [&](const std::vector<double>& all, std::size_t j) {
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(j) * p.n;
      return std::vector<double>(first, first + p.n);
    };
    for (const std::size_t j : {std::size_t{0}, static_cast<std::size_t>(p.m - 1)}) {
      Problem one = p;
      one.m = 1;
      auto own = numbers;
      for (auto* all : {&own.start, &own.held, &own.slopes}) *all = column_of(*all, j);
      const auto alone = run(one, own, strategy);
      EXPECT_EQ(alone.X, column_of(batch.X, j)) << j;
      EXPECT_EQ(alone.steps[0], batch.steps[j]);
      EXPECT_EQ(alone.iterations[0], batch.iterations[j]);
    }
  }

  CsrView<Element> A_;  // what describe() has made last
};

}  // namespace idl::test
