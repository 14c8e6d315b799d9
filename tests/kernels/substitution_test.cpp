// SPDX-License-Identifier: MIT
// Solves with a strictly upper triangular A: by substitution, against a naive one in double and
// against the loop.
#include "kernels/loop/substitution.hpp"
#include "tests/kernels/solve_test.hpp"

namespace idl::test {
namespace {

/// What A is.
enum class Kind : std::uint8_t { dense, sparse, blocks };
constexpr Kind k_kinds[] = {Kind::dense, Kind::sparse, Kind::blocks};

/// What is described.
struct Form {
  index_t n = 0;
  index_t m = 0;
  Kind kind = Kind::dense;
  bool adjoint = false;
  std::int32_t most = 300;
  bool integers = false;  ///< of which every sum is exact, with relu
};

template <class C>
class SubstitutionTest : public SolveTest<C> {
 protected:
  using Element = typename C::Scalar;
  using Answer = typename SolveTest<C>::Answer;

  struct Numbers {
    std::vector<double> A, F, Psi;
  };
  Numbers numbers(const Form& form) {
    const index_t n = form.n;
    const index_t m = form.m;
    const auto draw = [&](index_t count, double size) {
      std::vector<double> values(static_cast<std::size_t>(count));
      for (double& value : values)
        value = form.integers ? static_cast<double>(this->random_.integer(-1, 1))
                              : this->random_.uniform(-size, size);
      return this->rounded(values);
    };
    // Rows whose ℓ1 norm is about 2, and some entries of integers, lest they grow too large.
    Numbers numbers = {draw(n * n, 8.0 / static_cast<double>(n + 1)), draw(n * m, 1.0),
                       draw(n * m, 1.0)};
    for (index_t j = 0; j < n; ++j)
      for (index_t i = 0; i < n; ++i)
        if (i >= j || (form.integers && (i * 7 + j) % n > 3) ||
            (form.kind != Kind::dense && (i * 3 + j * 5) % 7 > 1))
          numbers.A[static_cast<std::size_t>(i + j * n)] = 0.0;
    return numbers;
  }

  FixedPoint<Element> describe(const Form& form, const Numbers& numbers) {
    const index_t n = form.n;
    const index_t m = form.m;
    FixedPoint<Element> solve;
    if (form.kind == Kind::blocks)
      solve.A = this->grid_of(n, numbers.A, false);
    else if (form.kind == Kind::sparse)
      solve.A = this->compressed(n, n, numbers.A);
    else
      solve.A = StrictlyUpperMap<Element>{this->view(n, n, numbers.A)};
    solve.transpose = form.adjoint;
    solve.batch_invariant = true;
    solve.X = this->view(n, m, 123.0);  // which must not matter
    solve.product = this->view(n, m, k_nan);
    const auto F = this->view(n, m, numbers.F);
    if (form.adjoint)
      solve.f = AdjointMap<Element>{.G = F, .Psi = this->view(n, m, numbers.Psi)};
    else
      solve.f = PicardMap<Element>{.Z = F, .activation = activation(form)};
    this->set_columns(solve, m, 7);
    solve.decision = {.max_iterations = form.most};
    return solve;
  }

  Answer substituted(const FixedPoint<Element>& solve) {
    LoopStrategy taken = LoopStrategy::automatic;
    const Answer answer = this->launch(solve, LoopStrategy::automatic, taken);
    EXPECT_EQ(taken, LoopStrategy::substitution);
    return answer;
  }

  /// φ(0) is not 0 but with integers.
  static Activation activation(const Form& form) {
    return {.kind = form.integers ? ActivationKind::relu : ActivationKind::softplus};
  }

  /// Column j and, beside each entry, the amplified rounding of all sums before it.
  struct Column {
    std::vector<double> x, rounding;
  };
  Column by_hand(const Form& form, const Numbers& numbers, std::size_t j) const {
    const auto n = static_cast<std::size_t>(form.n);
    Column column = {std::vector<double>(n, 0.0), std::vector<double>(n, 0.0)};
    for (std::size_t step = 0; step < n; ++step) {
      const std::size_t i = form.adjoint ? step : n - 1 - step;
      double s = numbers.F[i + j * n];
      double size = std::abs(s);
      double earlier = 0.0;
      for (std::size_t l = 0; l < n; ++l) {
        const double a = form.adjoint ? numbers.A[l + i * n] : numbers.A[i + l * n];
        s += a * column.x[l];
        size += std::abs(a * column.x[l]);
        earlier += std::abs(a) * column.rounding[l];
      }
      // |φ'| and |Ψ| are at most 1; n+3 roundings of unit/2 each, and some ulps for φ.
      column.rounding[i] = earlier + this->unit() * ((static_cast<double>(n) + 3) * size + 8);
      if (form.adjoint)
        column.x[i] = numbers.Psi[i + j * n] * s;
      else if (form.integers)
        column.x[i] = std::max(s, 0.0);
      else
        column.x[i] = std::max(s, 0.0) + std::log1p(std::exp(-std::abs(s)));
    }
    return column;
  }
};
TYPED_TEST_SUITE(SubstitutionTest, AllCases, CaseNames);

/// Awkward ones for each kind; fewer where an emulated device has more to do.
std::vector<Form> awkward_forms() {
  std::vector<Form> all;
  const auto add = [&](Kind kind, std::initializer_list<index_t> sizes,
                       std::initializer_list<index_t> columns) {
    for (const index_t n : sizes)
      for (const index_t m : columns)
        for (const bool adjoint : {false, true})
          all.push_back({.n = n, .m = m, .kind = kind, .adjoint = adjoint});
  };
  add(Kind::dense, {0, 1, 33, 64, 65, 127, 200}, {0, 1, 33});
  add(Kind::sparse, {0, 1, 33, 110}, {0, 1, 5});
  add(Kind::blocks, {0, 1, 33, 110}, {0, 1, 5});
  return all;
}

std::vector<std::pair<Kind, bool>> kinds_and_sides() {
  std::vector<std::pair<Kind, bool>> all;
  for (const Kind kind : k_kinds)
    for (const bool adjoint : {false, true}) all.emplace_back(kind, adjoint);
  return all;
}

TYPED_TEST(SubstitutionTest, IsTheNaiveOneInEveryShape) {
  for (const Form& form : awkward_forms()) {
    const auto& [n, m, kind, adjoint, most, integers] = form;
    SCOPED_TRACE(std::to_string(n) + "x" + std::to_string(m) + (adjoint ? ", adjoint" : "") +
                 ", kind " + std::to_string(static_cast<int>(kind)));
    const auto numbers = this->numbers(form);
    const auto got = this->substituted(this->describe(form, numbers));
    const auto size = static_cast<std::size_t>(n);
    for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
      const auto column = this->by_hand(form, numbers, j);
      double norm = 0.0;
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_NEAR(got.X[i + j * size], column.x[i], column.rounding[i]) << i << ", " << j;
        const double x = std::abs(got.X[i + j * size]);
        norm = adjoint ? norm + x : std::max(norm, x);
      }
      EXPECT_EQ(got.status[j], static_cast<std::uint8_t>(SolveStatus::converged));
      EXPECT_EQ(got.iterations[j], 1);
      EXPECT_EQ(got.fallbacks[j], 0);
      EXPECT_EQ(got.steps[j], 0.0);
      EXPECT_NEAR(got.norms[j], norm, (static_cast<double>(n) + 1) * this->unit() * norm);
    }
    EXPECT_EQ(got.active[0], 0);
  }
}

TYPED_TEST(SubstitutionTest, EndsWhereTheLoopEndsAfterAsManyIterationsAsStates) {
  for (const auto& [n, kind] : {std::pair<index_t, Kind>{1, Kind::dense},
                                {40, Kind::sparse},
                                {40, Kind::blocks},
                                {130, Kind::dense}})
    for (const LoopStrategy strategy :
         {LoopStrategy::step_by_step, LoopStrategy::conditional_node, LoopStrategy::compacted}) {
      const Form form = {
          .n = n, .m = 5, .kind = kind, .most = static_cast<std::int32_t>(n) + 1, .integers = true};
      const auto numbers = this->numbers(form);
      const auto expected = this->substituted(this->describe(form, numbers));
      LoopStrategy taken = LoopStrategy::automatic;
      const auto got = this->launch(this->describe(form, numbers), strategy, taken);
      EXPECT_NE(taken, LoopStrategy::substitution);
      EXPECT_EQ(got.X, expected.X);  // all of it in integers
      EXPECT_EQ(got.norms, expected.norms);
      EXPECT_EQ(got.status, expected.status);
    }
}

TYPED_TEST(SubstitutionTest, IsTheSameWhateverTheLoopWasToldToDo) {
  for (const auto& [kind, adjoint] : kinds_and_sides()) {
    const index_t n = kind == Kind::dense ? 100 : 40;
    const index_t m = kind == Kind::dense ? 20 : 4;
    const Form form = {.n = n, .m = m, .kind = kind, .adjoint = adjoint};
    const auto numbers = this->numbers(form);
    const auto expected = this->substituted(this->describe(form, numbers)).X;
    const auto check = [&](const char* what, auto&& change) {
      SCOPED_TRACE(what);
      auto solve = this->describe(form, numbers);
      change(solve);
      const auto got = this->substituted(solve);
      EXPECT_EQ(got.X, expected);
      EXPECT_EQ(got.iterations, std::vector<std::int32_t>(static_cast<std::size_t>(m), 1));
    };
    check("sweep", [](auto& solve) { solve.sweep = Sweep::gauss_seidel; });
    check("start", [](auto& solve) { solve.start = SolveStart::given; });
    check("precision", [](auto& solve) { solve.low_precision = true; });
    check("one iteration", [](auto& solve) { solve.decision.max_iterations = 1; });
    check("certified stop", [&](auto& solve) {
      solve.decision.certified = true;
      const auto contraction = this->reals(1, 4.0);
      solve.decision.contraction = {contraction.data, 1, contraction.device};
    });
    check("acceleration", [&](auto& solve) { solve.mix = this->history(n, m); });
  }
}

TYPED_TEST(SubstitutionTest, AColumnHasTheSameBitsAloneAndBesideOneThatIsNotANumber) {
  for (const auto& [kind, adjoint] : kinds_and_sides()) {
    const auto n = std::size_t{kind == Kind::dense ? 150U : 45U};
    const auto rows = static_cast<index_t>(n);
    const Form form = {.n = rows, .m = 9, .kind = kind, .adjoint = adjoint};
    auto numbers = this->numbers(form);
    const auto all = this->substituted(this->describe(form, numbers));
    for (const std::size_t j : {std::size_t{0}, std::size_t{8}}) {
      auto alone = numbers;
      for (auto* part : {&alone.F, &alone.Psi})
        *part = {part->begin() + static_cast<std::ptrdiff_t>(j * n),
                 part->begin() + static_cast<std::ptrdiff_t>(j * n + n)};
      const auto one = this->substituted(
          this->describe({.n = rows, .m = 1, .kind = kind, .adjoint = adjoint}, alone));
      for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(one.X[i], all.X[i + j * n]);
    }
    numbers.F[4 * n + n / 2] = k_nan;
    const auto spoiled = this->substituted(this->describe(form, numbers));
    for (std::size_t j = 0; j < 9; ++j) {
      EXPECT_EQ(spoiled.status[j],
                static_cast<std::uint8_t>(j == 4 ? SolveStatus::diverged : SolveStatus::converged));
      for (std::size_t i = 0; i < n && j != 4; ++i)
        EXPECT_EQ(spoiled.X[i + j * n], all.X[i + j * n]);
    }
    EXPECT_EQ(spoiled.active[0], 0);
  }
}

TYPED_TEST(SubstitutionTest, AnInfiniteStateHasDiverged) {
  const Form form = {.n = 3, .m = 2};
  auto numbers = this->numbers(form);
  numbers.F[4] = std::numeric_limits<double>::infinity();
  const auto got = this->substituted(this->describe(form, numbers));
  EXPECT_EQ(got.status,
            (std::vector<std::uint8_t>{static_cast<std::uint8_t>(SolveStatus::converged),
                                       static_cast<std::uint8_t>(SolveStatus::diverged)}));
}

TYPED_TEST(SubstitutionTest, WithoutAnIterationNothingIsSolved) {
  LoopStrategy taken = LoopStrategy::automatic;
  const Form form = {.n = 70, .m = 3, .most = 0};
  const auto got =
      this->launch(this->describe(form, this->numbers(form)), LoopStrategy::automatic, taken);
  EXPECT_NE(taken, LoopStrategy::substitution);
  EXPECT_EQ(got.iterations, std::vector<std::int32_t>(3, 0));
  EXPECT_EQ(got.X, std::vector<double>(210, 0.0));
}

TYPED_TEST(SubstitutionTest, ThoseThatRunAlreadyGoOnAlone) {
  for (const Kind kind : k_kinds) {
    const Form form = {.n = 70, .m = 4, .kind = kind};
    const auto numbers = this->numbers(form);
    const auto all = this->substituted(this->describe(form, numbers));
    auto solve = this->describe(form, numbers);
    solve.start = SolveStart::running;
    solve.columns.status = this->statuses(4, {2});
    solve.columns.active = this->vector(std::vector<std::int32_t>{3});
    const auto got = this->substituted(solve);
    for (std::size_t j = 0; j < 4; ++j) {
      EXPECT_EQ(got.iterations[j], j == 2 ? 7 : 8);
      for (std::size_t i = 0; i < 70; ++i)
        EXPECT_EQ(got.X[i + j * 70], j == 2 ? 123.0 : all.X[i + j * 70]);
    }
    EXPECT_EQ(got.active[0], 0);
  }
}

TYPED_TEST(SubstitutionTest, LevelsAreAsFewAsThePatternAllows) {
  // Rows 0 and 2 wait for 3, row 1 for 2; a chain, rows without entries, and all of them apart.
  const auto of = [&](const std::vector<double>& A, bool transpose) {
    const auto map = this->compressed(4, 4, A);
    const RowLevels levels = transpose ? map.transposed_levels : map.levels;
    std::vector<std::vector<std::int32_t>> all;
    if (levels.offsets.size == 0) return all;
    const auto rows = download<std::int32_t>(this->context(), levels.rows);
    const auto offsets = download<std::int64_t>(this->context(), levels.offsets);
    for (std::size_t l = 0; l + 1 < offsets.size(); ++l)
      all.emplace_back(rows.begin() + offsets[l], rows.begin() + offsets[l + 1]);
    return all;
  };
  using Levels = std::vector<std::vector<std::int32_t>>;
  const std::vector<double> A = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0};
  EXPECT_EQ(of(A, false), (Levels{{3}, {0, 2}, {1}}));
  EXPECT_EQ(of(A, true), (Levels{{0, 1}, {2}, {3}}));
  EXPECT_EQ(of(std::vector<double>(16, 0.0), false), (Levels{{0, 1, 2, 3}}));
  EXPECT_EQ(of({1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false), Levels{});
  EXPECT_EQ(of({0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, true), Levels{});
}

TYPED_TEST(SubstitutionTest, IsForNoOtherA) {
  using T = typename TypeParam::Scalar;
  const auto check = [&](Kind kind, const auto& change) {
    const Form form = {.n = 10, .m = 3, .kind = kind};
    auto solve = this->describe(form, this->numbers(form));
    EXPECT_TRUE(can_be_substituted(solve));
    change(solve.A);
    EXPECT_FALSE(can_be_substituted(solve));
    LoopStrategy taken = LoopStrategy::automatic;
    this->launch(solve, LoopStrategy::substitution, taken);
    EXPECT_NE(taken, LoopStrategy::substitution);
  };
  check(Kind::dense, [](auto& A) { A = DenseMap<T>{std::get<StrictlyUpperMap<T>>(A).A}; });
  check(Kind::sparse, [](auto& A) { std::get<CsrMap<T>>(A).levels = {}; });
  const auto grid = [&](const auto& change) {
    check(Kind::blocks, [&](auto& A) { change(std::get<BlocksMap<T>>(A).blocks); });
  };
  grid([](auto& blocks) { blocks.erase(blocks.begin()); });
  grid([](auto& blocks) { std::get<CsrMap<T>>(blocks[3].map).levels = {}; });
  grid([&](auto& blocks) {
    blocks.insert(blocks.begin() + 3, {1, 0, DenseMap<T>{this->view(3, 3)}});
  });
}

}  // namespace
}  // namespace idl::test
