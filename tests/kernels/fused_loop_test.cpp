// SPDX-License-Identifier: MIT
// Small solves in one kernel against the generic loop on the same device, and against naive loops
// in double.
#include <algorithm>
#include <memory>
#include <string>

#include "host/backend_of.hpp"
#include "idl/error.hpp"
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

/// A loop with everything that it needs; made twice from the same numbers.
template <class T>
struct Columns {
  Columns(Context& context, index_t m)
      : status(context, m),
        iterations(context, m),
        stalled(context, m),
        active(context, 1),
        best_steps(context, m),
        step_norms(context, m),
        state_norms(context, m) {}
  ColumnStatus<T> view() { return {status, iterations, best_steps, stalled, active}; }

  Vector<std::uint8_t> status;
  Vector<std::int32_t> iterations, stalled, active;
  Vector<T> best_steps, step_norms, state_norms;
};

template <class C>
class FusedLoopTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  struct Outcome {
    std::vector<double> X;
    std::vector<double> steps;
    std::vector<double> norms;
    std::vector<std::uint8_t> status;
    std::vector<std::int32_t> iterations;
    std::int32_t active = -1;
  };

  /// n×n with row sums (and, for the adjoint, column sums) of `factor`, not symmetric.
  std::vector<double> contraction(index_t n, double factor = 0.9) {
    const auto size = static_cast<std::size_t>(n);
    std::vector<double> A(size * size);
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t k = 0; k < size; ++k)
        A[i + k * size] = ((i * 7 + k * 3) % 11 < 6 ? factor : -factor) / static_cast<double>(n);
    return this->rounded(A);
  }

  /// Whether a loop runs on a cluster. The emulation has clusters, not every device does.
  bool clusters_run() {
    const auto size = static_cast<std::size_t>(k_above_block);
    try {
      solve(LoopStrategy::fused, false, k_above_block, 1, contraction(k_above_block),
            std::vector<double>(size, 0.5), std::vector<double>(size, 0.0), {}, {}, 1);
    } catch (const NotSupported&) {
      EXPECT_EQ(describe(Device::cuda(0)).find("emulation"), std::string::npos);
      return false;
    }
    return true;
  }

  /// One more than a block holds, and the most that a cluster of 16 holds.
  static constexpr index_t k_above_block = sizeof(Element) == 4 ? 209 : 145;
  static constexpr index_t k_most_rows = sizeof(Element) == 4 ? 896 : 576;

  /// Runs a loop to its end with a strategy. `held` is Z, or G and Ψ one after the other.
  Outcome solve(LoopStrategy strategy, bool adjoint, index_t n, index_t m,
                const std::vector<double>& A, const std::vector<double>& held,
                const std::vector<double>& start, const Activation& activation,
                const std::vector<std::size_t>& stopped = {}, std::int32_t most = 60) {
    this->forget_views();
    Backend& backend = *backend_of(this->context());
    Columns<Element> columns(this->context(), m);
    const auto P = this->view(n, n, A);
    const auto X = this->view(n, m, start);
    const auto S = this->view(n, m);
    const auto split = held.begin() + static_cast<std::ptrdiff_t>(n * m);
    const auto Z = this->view(n, m, std::vector<double>(held.begin(), split));
    const auto Psi = adjoint ? this->view(n, m, std::vector<double>(split, held.end())) : Z;
    backend.run(ResetStatus<Element>{columns.view(), columns.step_norms, columns.state_norms});
    std::vector<std::uint8_t> status(static_cast<std::size_t>(m), 0);
    for (const std::size_t j : stopped) status[j] = 1;
    upload<std::uint8_t>(this->context(), status, columns.status);
    upload<std::int32_t>(this->context(),
                         std::vector<std::int32_t>{static_cast<std::int32_t>(
                             static_cast<std::size_t>(m) - stopped.size())},
                         columns.active);
    FixedPoint<Element> solve = {.A = DenseMap<Element>{P},
                                 .transpose = adjoint,
                                 .X = X,
                                 .product = S,
                                 .f = PicardMap<Element>{.Z = Z, .activation = activation},
                                 .columns = columns.view(),
                                 .step_norms = columns.step_norms,
                                 .state_norms = columns.state_norms,
                                 .decision = {.absolute = Element(1e-5), .max_iterations = most},
                                 .start = SolveStart::running};
    if (adjoint) solve.f = AdjointMap<Element>{.G = Z, .Psi = Psi};
    backend.choose_loop_strategy(strategy);
    const auto program = backend.compile(solve);
    EXPECT_EQ(program->strategy(), strategy);
    program->launch();
    EXPECT_TRUE(this->frames_untouched());
    return {this->fetch_double(X),
            this->fetch_reals(columns.step_norms.view()),
            this->fetch_reals(columns.state_norms.view()),
            this->fetch_vector(columns.status.view()),
            this->fetch_vector(columns.iterations.view()),
            this->fetch_vector(columns.active.view())[0]};
  }

  /// X after `iterations[j]` applications to column j, in double.
  static std::vector<double> naive(bool adjoint, index_t n, index_t m, const std::vector<double>& A,
                                   const std::vector<double>& held, std::vector<double> X,
                                   const std::vector<std::int32_t>& iterations) {
    const auto size = static_cast<std::size_t>(n);
    for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j)
      for (std::int32_t iteration = 0; iteration < iterations[j]; ++iteration) {
        std::vector<double> next(size);
        for (std::size_t i = 0; i < size; ++i) {
          double sum = held[i + j * size];
          for (std::size_t k = 0; k < size; ++k)
            sum += (adjoint ? A[k + i * size] : A[i + k * size]) * X[k + j * size];
          next[i] =
              adjoint ? held[i + (j + static_cast<std::size_t>(m)) * size] * sum : std::tanh(sum);
        }
        std::copy(next.begin(), next.end(), X.begin() + static_cast<std::ptrdiff_t>(j * size));
      }
    return X;
  }

  /// A loop of at most `most` iterations from random values against the naive one.
  void compare_with_naive(bool adjoint, index_t n, index_t m, std::int32_t most) {
    const auto size = static_cast<std::size_t>(n);
    const auto count = static_cast<index_t>(size * static_cast<std::size_t>(m));
    const std::vector<double> A = contraction(n);
    const std::vector<double> held =
        this->rounded(this->random_.uniforms(count * (adjoint ? 2 : 1), -1.0, 1.0));
    const std::vector<double> start = this->rounded(this->random_.uniforms(count, -1.0, 1.0));
    const Activation activation = {.kind = ActivationKind::tanh};
    const auto got =
        solve(LoopStrategy::fused, adjoint, n, m, A, held, start, activation, {}, most);
    EXPECT_EQ(got.active, 0);
    const std::vector<double> expected = naive(adjoint, n, m, A, held, start, got.iterations);
    // Entries of V grow with the adjoint's sums.
    const double scale = adjoint ? 10.0 : 1.0;
    EXPECT_LT(max_difference(got.X, expected), scale * tolerance(n))
        << (adjoint ? "adjoint " : "Picard ") << n << "x" << m;
    for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
      double norm = 0;
      for (std::size_t i = 0; i < size; ++i) {
        const double entry = std::abs(got.X[i + j * size]);
        norm = adjoint ? norm + entry : std::max(norm, entry);
      }
      EXPECT_NEAR(got.norms[j], norm, adjoint ? norm * tolerance(n) : 0.0);
      EXPECT_EQ(got.steps[j] <= static_cast<double>(static_cast<Element>(1e-5)),
                got.status[j] == static_cast<std::uint8_t>(SolveStatus::converged));
    }
  }

  /// Some columns of a batch of m, which share blocks and clusters, against the same ones alone.
  void expect_bits_of_columns_alone(bool adjoint, index_t n, index_t m, std::int32_t most) {
    const auto size = static_cast<std::size_t>(n);
    const auto count = static_cast<std::size_t>(m);
    const std::vector<double> A = contraction(n);
    const std::vector<double> held =
        this->rounded(this->random_.uniforms(static_cast<index_t>(2 * size * count), -1.0, 1.0));
    const std::vector<double> start(size * count, 0.25);
    const Activation activation = {.kind = ActivationKind::tanh};
    const auto piece = [&](const std::vector<double>& all, std::size_t column) {
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(column * size);
      return std::vector<double>(first, first + static_cast<std::ptrdiff_t>(size));
    };
    const auto batch =
        solve(LoopStrategy::fused, adjoint, n, m, A, held, start, activation, {}, most);
    for (const std::size_t j : {count / 2 - 1, count - 1}) {
      std::vector<double> own = piece(held, j);
      const std::vector<double> slope = piece(held, j + count);
      own.insert(own.end(), slope.begin(), slope.end());
      const auto alone =
          solve(LoopStrategy::fused, adjoint, n, 1, A, own, piece(start, j), activation, {}, most);
      EXPECT_EQ(alone.X, piece(batch.X, j)) << "column " << j << " of " << n << "x" << m;
      EXPECT_EQ(alone.iterations[0], batch.iterations[j]);
      EXPECT_EQ(alone.steps[0], batch.steps[j]);
      EXPECT_EQ(alone.norms[0], batch.norms[j]);
    }
  }

  /// Rounding of n terms of a contraction by 0.9, which amplifies by 1/(1 − 0.9).
  static double tolerance(index_t n) {
    return 10.0 * (static_cast<double>(n) + 8) * KernelTest<C>::unit();
  }
};
TYPED_TEST_SUITE(FusedLoopTest, CudaCases, CaseNames);

constexpr Activation k_tanh = {.kind = ActivationKind::tanh};

TYPED_TEST(FusedLoopTest, AgreesWithNaiveLoopsForAwkwardSizes) {
  for (const bool adjoint : {false, true})
    for (const index_t n : {1, 3, 31, 33, 64, 65, 100, 129, 144, 193, 208}) {
      if (n >= this->k_above_block) continue;
      for (const index_t m : {1, 9}) this->compare_with_naive(adjoint, n, m, 15);
    }
}

TYPED_TEST(FusedLoopTest, ClustersAgreeWithNaiveLoopsInEveryShape) {
  if (!this->clusters_run()) GTEST_SKIP() << "the device has no clusters of blocks";
  const bool is_float = sizeof(typename TypeParam::Scalar) == 4;
  const std::vector<index_t> sizes =
      is_float ? std::vector<index_t>{209, 256, 257, 288, 289, 320, 321, 384, 385, 416}
               : std::vector<index_t>{145, 192, 193, 256, 257, 288};
  for (const bool adjoint : {false, true})
    for (const index_t n : sizes) this->compare_with_naive(adjoint, n, 1, 3);
}

TYPED_TEST(FusedLoopTest, LargeClustersAgreeWithNaiveLoops) {
  if (!this->clusters_run()) GTEST_SKIP() << "the device has no clusters of blocks";
  const bool is_float = sizeof(typename TypeParam::Scalar) == 4;
  const std::vector<index_t> sizes = is_float ? std::vector<index_t>{417, 512, 576, 768, 896}
                                              : std::vector<index_t>{289, 384, 385, 512, 576};
  for (const bool adjoint : {false, true})
    for (const index_t n : sizes) this->compare_with_naive(adjoint, n, 1, 2);
}

TYPED_TEST(FusedLoopTest, ClustersTakeSeveralColumns) {
  if (!this->clusters_run()) GTEST_SKIP() << "the device has no clusters of blocks";
  for (const bool adjoint : {false, true}) {
    this->compare_with_naive(adjoint, 210, 5, 2);
    this->compare_with_naive(adjoint, 300, 3, 2);
    this->compare_with_naive(adjoint, 300, 7, 2);
    this->compare_with_naive(adjoint, 330, 3, 2);
    this->compare_with_naive(adjoint, 420, 2, 2);
  }
}

TYPED_TEST(FusedLoopTest, CountsAsTheGenericLoopDoes) {
  const index_t n = 100;
  const index_t m = 11;
  const std::vector<double> A = this->contraction(n);
  for (const bool adjoint : {false, true}) {
    const std::vector<double> held = this->rounded(this->random_.uniforms(
        static_cast<index_t>(static_cast<std::size_t>(2 * n * m)), -1.0, 1.0));
    const std::vector<double> start(static_cast<std::size_t>(n * m), 0.0);
    const auto fused = this->solve(LoopStrategy::fused, adjoint, n, m, A, held, start, k_tanh);
    const auto generic =
        this->solve(LoopStrategy::conditional_node, adjoint, n, m, A, held, start, k_tanh);
    EXPECT_EQ(fused.status, generic.status);
    EXPECT_EQ(fused.iterations, generic.iterations);
    EXPECT_EQ(fused.active, generic.active);
    EXPECT_LT(max_difference(fused.X, generic.X), 10.0 * this->tolerance(n));
  }
}

TYPED_TEST(FusedLoopTest, EveryActivationIsTheGenericOne) {
  const index_t n = 33;
  const index_t m = 3;
  const std::vector<double> A = this->contraction(n);
  const std::vector<double> held = this->rounded(
      this->random_.uniforms(static_cast<index_t>(static_cast<std::size_t>(n * m)), -2.0, 2.0));
  const std::vector<double> start(static_cast<std::size_t>(n * m), 0.0);
  for (const ActivationKind kind : all_activations()) {
    const std::string_view name = to_string(kind);
    const Activation activation = parse_activation(name);
    const auto fused = this->solve(LoopStrategy::fused, false, n, m, A, held, start, activation);
    const auto generic =
        this->solve(LoopStrategy::conditional_node, false, n, m, A, held, start, activation);
    EXPECT_LT(max_difference(fused.X, generic.X), 10.0 * this->tolerance(n)) << name;
    EXPECT_EQ(fused.status, generic.status) << name;
  }
}

TYPED_TEST(FusedLoopTest, ColumnsHaveTheSameBitsInAnyBatch) {
  for (const bool adjoint : {false, true}) this->expect_bits_of_columns_alone(adjoint, 100, 13, 60);
  // On a device of 132 multiprocessors, where so many columns are four a block, two and two;
  // doubles four, one and one.
  this->expect_bits_of_columns_alone(true, 64, 300, 2);
  this->expect_bits_of_columns_alone(false, 128, 300, 2);
  this->expect_bits_of_columns_alone(false, this->k_above_block == 209 ? 192 : 144, 150, 2);
}

TYPED_TEST(FusedLoopTest, StoppedColumnsAndOneWithNaNHarmNoOther) {
  const index_t n = 40;
  const index_t m = 10;
  const auto size = static_cast<std::size_t>(n);
  const std::vector<double> A = this->contraction(n);
  std::vector<double> held = this->rounded(
      this->random_.uniforms(static_cast<index_t>(size * static_cast<std::size_t>(m)), -1.0, 1.0));
  const std::vector<double> start(size * static_cast<std::size_t>(m), 0.5);
  const auto clean = this->solve(LoopStrategy::fused, false, n, m, A, held, start, k_tanh, {2, 9});
  held[4 * size + 7] = k_nan;
  const auto got = this->solve(LoopStrategy::fused, false, n, m, A, held, start, k_tanh, {2, 9});
  for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
    if (j == 4) continue;
    EXPECT_EQ(got.iterations[j], clean.iterations[j]);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_EQ(got.X[i + j * size], j == 2 || j == 9 ? 0.5 : clean.X[i + j * size]);
  }
  EXPECT_EQ(got.status[4], static_cast<std::uint8_t>(SolveStatus::diverged));
  EXPECT_EQ(got.iterations[2], 0);
  EXPECT_EQ(got.active, 0);
}

TYPED_TEST(FusedLoopTest, ClustersStopEachColumnByItself) {
  if (!this->clusters_run()) GTEST_SKIP() << "the device has no clusters of blocks";
  const index_t n = this->k_above_block;
  const index_t m = 6;  // in the emulation two columns per cluster of floats
  const auto size = static_cast<std::size_t>(n);
  const std::vector<double> A = this->contraction(n, 0.2);
  const std::vector<std::size_t> stopped = {1, 2, 3};
  for (const bool adjoint : {false, true}) {
    std::vector<double> held = this->rounded(this->random_.uniforms(
        static_cast<index_t>(2 * size * static_cast<std::size_t>(m)), -1.0, 1.0));
    held[4 * size + 7] = k_nan;
    for (std::size_t i = 0; i < size; ++i) held[5 * size + i] = 1e-4 * held[5 * size + i];
    const std::vector<double> start(size * static_cast<std::size_t>(m), 0.5);
    const auto run = [&](LoopStrategy strategy) {
      return this->solve(strategy, adjoint, n, m, A, held, start, k_tanh, stopped);
    };
    const auto fused = run(LoopStrategy::fused);
    const auto generic = run(LoopStrategy::conditional_node);
    EXPECT_EQ(fused.status, generic.status);
    EXPECT_EQ(fused.iterations, generic.iterations);
    EXPECT_EQ(fused.active, 0);
    EXPECT_EQ(fused.status[4], static_cast<std::uint8_t>(SolveStatus::diverged));
    for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j)
      for (std::size_t i = 0; i < size && j != 4; ++i) {
        if (j >= 1 && j <= 3) {
          EXPECT_EQ(fused.X[i + j * size], 0.5);
        }
        EXPECT_NEAR(fused.X[i + j * size], generic.X[i + j * size], this->tolerance(n));
      }
  }
}

TYPED_TEST(FusedLoopTest, ClustersGiveAColumnTheSameBitsInAnyBatch) {
  if (!this->clusters_run()) GTEST_SKIP() << "the device has no clusters of blocks";
  if (sizeof(typename TypeParam::Scalar) == 8)
    return this->expect_bits_of_columns_alone(false, this->k_above_block, 5, 4);
  // Floats are two columns a cluster, four and two, both on a device that runs two clusters at a
  // time and on one that runs 66, 32 and 16.
  this->expect_bits_of_columns_alone(false, 256, 70, 1);
  this->expect_bits_of_columns_alone(false, 320, 66, 1);
  this->expect_bits_of_columns_alone(true, 512, 18, 1);
}

TYPED_TEST(FusedLoopTest, StopsAtTheLimitOfIterations) {
  const index_t n = 10;
  const std::vector<double> A = this->contraction(n);
  const std::vector<double> held(10, 0.5);
  const std::vector<double> start(10, -1.0);
  const auto got = this->solve(LoopStrategy::fused, false, n, 1, A, held, start, k_tanh, {}, 2);
  EXPECT_EQ(got.iterations[0], 2);
  EXPECT_EQ(got.status[0], static_cast<std::uint8_t>(SolveStatus::max_iterations));
  EXPECT_EQ(got.active, 0);
}

TYPED_TEST(FusedLoopTest, RefusesWhatDoesNotFit) {
  const index_t n = this->k_most_rows + 1;
  const auto count = static_cast<std::size_t>(n);
  EXPECT_THROW(
      this->solve(LoopStrategy::fused, false, n, 1, this->contraction(n),
                  std::vector<double>(count, 0.5), std::vector<double>(count, 0.0), k_tanh),
      NotSupported);
}

}  // namespace
}  // namespace idl::test
