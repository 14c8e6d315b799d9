// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <optional>

#include "kernels/loop_updates.hpp"
#include "tests/kernels/sparse.hpp"

namespace idl::test {
namespace {

/// m samples of n states; all matrices m×n.
struct Numbers {
  index_t m, n;
  std::vector<double> A, S, from, held, slopes;
  std::vector<std::size_t> stopped{};
};

template <class C>
class SampleUpdateTest : public SparseTest<C> {
 protected:
  using Element = typename C::Scalar;

  struct Result {
    std::vector<double> X, steps, norms;
  };
  /// How it is run: f, where the sums come from, whether packs may be taken.
  struct Way {
    bool adjoint = false;
    bool multiplied = false;
    bool aligned = false;
  };

  Numbers random_numbers(index_t m, index_t n, double density) {
    const auto draw = [&](index_t count) {
      return this->rounded(this->random_.uniforms(count, -1.0, 1.0));
    };
    Numbers numbers = {m, n, draw(n * n), draw(m * n), draw(m * n), draw(m * n), draw(m * n)};
    for (double& a : numbers.A)
      if (this->random_.unit() >= density) a = 0.0;
    return numbers;
  }

  MatrixView<Element> place(const Way& way, index_t m, index_t n, const std::vector<double>& X) {
    if (!way.aligned) return this->view(m, n, X);
    aligned_.emplace_back(this->context(), m, n);
    this->put(aligned_.back(), X);
    return aligned_.back().view();
  }

  SampleUpdate<Element> describe(const Way& way, const Numbers& numbers) {
    const auto matrix = [&](const std::vector<double>& X) {
      return place(way, numbers.m, numbers.n, X);
    };
    SampleUpdate<Element> u;
    if (way.adjoint) {
      AdjointUpdate<Element> update;
      update.G = matrix(numbers.held);
      update.Psi = matrix(numbers.slopes);
      u.update = update;
    } else {
      PicardUpdate<Element> update;
      update.Z = matrix(numbers.held);
      update.activation = {.kind = ActivationKind::tanh};
      u.update = update;
    }
    const MatrixView<Element> from = matrix(numbers.from);
    u.from = from;
    std::visit(
        [&](auto& update) {
          state_of(update) =
              way.multiplied ? matrix(std::vector<double>(numbers.from.size(), k_nan)) : from;
          if (!way.multiplied) product_of(update) = matrix(numbers.S);
          update.step_norms = this->reals(numbers.m, -1.0);
          update.state_norms = this->reals(numbers.m, -1.0);
          update.status = this->statuses(numbers.m, numbers.stopped);
        },
        u.update);
    if (way.multiplied) u.A = this->read_only(this->to_csr(numbers.n, numbers.n, numbers.A));
    return u;
  }

  Result run_as(const Way& way, const Numbers& numbers) {
    const auto u = describe(way, numbers);
    this->run(u);
    EXPECT_TRUE(this->frames_untouched());
    return std::visit(
        [&](auto update) {
          return Result{this->fetch_double(state_of(update)), this->fetch_reals(update.step_norms),
                        this->fetch_reals(update.state_norms)};
        },
        u.update);
  }

  void compare_with_naive(const Way& way, const Numbers& p) {
    SCOPED_TRACE(std::to_string(p.m) + "x" + std::to_string(p.n) +
                 (way.adjoint ? ", adjoint" : "") + (way.multiplied ? ", multiplied" : "") +
                 (way.aligned ? ", aligned" : ""));
    const Result got = run_as(way, p);
    const auto m = static_cast<std::size_t>(p.m);
    const auto n = static_cast<std::size_t>(p.n);
    // n terms below 1 in magnitude, each sum rounded once; |φ'| and |ψ| are at most 1.
    const double tolerance = (static_cast<double>(n) + 8) * (static_cast<double>(n) + 8) *
                             (way.multiplied ? 1.0 : 0.1) * this->unit();
    for (std::size_t j = 0; j < m; ++j) {
      const bool stopped = std::ranges::find(p.stopped, j) != p.stopped.end();
      double step = 0.0, norm = 0.0;
      const auto join = [&](double a, double b) { return way.adjoint ? a + b : std::max(a, b); };
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t e = j + i * m;
        if (stopped) {
          ASSERT_EQ(got.X[e], p.from[e]);
          continue;
        }
        double sum = way.multiplied ? 0.0 : p.S[e];
        for (std::size_t l = 0; way.multiplied && l < n; ++l)
          sum += p.A[i + l * n] * p.from[j + l * m];
        sum += p.held[e];
        ASSERT_NEAR(got.X[e], way.adjoint ? p.slopes[e] * sum : std::tanh(sum), tolerance);
        step = join(step, std::abs(got.X[e] - p.from[e]));
        norm = join(norm, std::abs(got.X[e]));
      }
      // Differences are rounded once each, sums n times.
      const double rounding = (static_cast<double>(n) + 2) * this->unit();
      EXPECT_NEAR(got.steps[j], stopped ? -1.0 : step, stopped ? 0.0 : rounding * step);
      EXPECT_NEAR(got.norms[j], stopped ? -1.0 : norm, stopped ? 0.0 : rounding * norm);
    }
  }

  std::vector<Way> ways() const {
    return {{false, false}, {false, true}, {true, false}, {true, true}};
  }

 private:
  std::vector<Matrix<Element>> aligned_;
};
TYPED_TEST_SUITE(SampleUpdateTest, AllCases, CaseNames);

TYPED_TEST(SampleUpdateTest, ByHand) {
  // Two samples of two states: (1, 2) and (3, 4). A = (0 0.5; 0 0), so S = (1, 0) and (2, 0).
  Numbers p = {2, 2, {0, 0, 0.5, 0}, {}, {1, 3, 2, 4}, {0, 0, -1, 1}, {2, 2, 2, -2}};
  const auto got = this->run_as({.adjoint = true, .multiplied = true}, p);
  EXPECT_EQ(got.X, (std::vector<double>{2, 4, -2, -2}));
  EXPECT_EQ(got.steps, (std::vector<double>{1 + 4, 1 + 6}));
  EXPECT_EQ(got.norms, (std::vector<double>{4, 6}));
}

TYPED_TEST(SampleUpdateTest, AgreesWithNaiveLoopsAndCopiesWhatHasStopped) {
  for (const auto& way : this->ways())
    for (const auto& [m, n] : std::vector<std::pair<index_t, index_t>>{
             {0, 5}, {5, 0}, {1, 1}, {1, 33}, {33, 31}, {100, 9}, {5, 257}}) {
      Numbers p = this->random_numbers(m, n, 0.3);
      if (m > 2) p.stopped = {1, static_cast<std::size_t>(m - 1)};
      this->compare_with_naive(way, p);
    }
}

/// On the emulated device these take each form of the kernel; on others some of them.
TYPED_TEST(SampleUpdateTest, AgreesWithNaiveLoopsInPacksAndForMoreStatesThanABlockHolds) {
  for (const bool adjoint : {false, true})
    for (const auto& [m, n] :
         std::vector<std::pair<index_t, index_t>>{{256, 128}, {128, 520}, {3, 520}}) {
      Numbers p = this->random_numbers(m, n, 0.01);
      p.stopped = {1};
      this->compare_with_naive({.adjoint = adjoint, .multiplied = true, .aligned = true}, p);
      if (n == 520) continue;
      this->compare_with_naive({.adjoint = adjoint, .multiplied = false, .aligned = true}, p);
    }
}

TYPED_TEST(SampleUpdateTest, ATileWithoutARunningSampleIsCopied) {
  for (const auto& way : this->ways()) {
    Numbers p = this->random_numbers(40, 20, 0.3);
    for (std::size_t j = 0; j < 40; ++j) p.stopped.push_back(j);
    const auto got = this->run_as(way, p);
    EXPECT_EQ(got.X, p.from);
    EXPECT_EQ(got.steps, std::vector<double>(40, -1.0));
    EXPECT_EQ(got.norms, std::vector<double>(40, -1.0));
  }
}

TYPED_TEST(SampleUpdateTest, ASampleHasTheSameBitsAloneAndBesideOthersThatHoldNaN) {
  for (const auto& way : this->ways())
    for (const index_t m : {index_t{37}, index_t{256}}) {
      Numbers p = this->random_numbers(m, 100, 0.2);
      for (std::size_t i = 0; i < 100; ++i) p.from[i * static_cast<std::size_t>(m)] = k_nan;
      auto packed = way;
      packed.aligned = m == 256;
      const auto all = this->run_as(packed, p);
      EXPECT_TRUE(std::isnan(all.steps[0]));
      for (const std::size_t j : {std::size_t{1}, static_cast<std::size_t>(m - 1)}) {
        Numbers one = p;
        one.m = 1;
        for (auto* matrix : {&one.S, &one.from, &one.held, &one.slopes})
          for (std::size_t i = 0; i < 100; ++i)
            (*matrix)[i] = (*matrix)[j + i * static_cast<std::size_t>(m)];
        for (auto* matrix : {&one.S, &one.from, &one.held, &one.slopes}) matrix->resize(100);
        const auto alone = this->run_as(way, one);
        for (std::size_t i = 0; i < 100; ++i)
          ASSERT_EQ(alone.X[i], all.X[j + i * static_cast<std::size_t>(m)]);
        EXPECT_EQ(alone.steps[0], all.steps[j]);
        EXPECT_EQ(alone.norms[0], all.norms[j]);
      }
    }
}

TYPED_TEST(SampleUpdateTest, RefusesWhatItCannotDo) {
  using T = typename TypeParam::Scalar;
  const Numbers p = this->random_numbers(4, 3, 0.5);
  const auto refused = [&](bool multiplied, const auto& change,
                           std::initializer_list<std::string_view> parts) {
    auto u = this->describe({.multiplied = multiplied}, p);
    change(u, std::get<PicardUpdate<T>>(u.update));
    EXPECT_TRUE(holds(this->refusal_of(u), parts));
  };
  refused(false, [](auto&, auto& update) { update.join = true; }, {"SampleUpdate", "join"});
  refused(true, [](auto& u, auto& update) { u.from = update.X; }, {"SampleUpdate", "from", "X"});
  refused(false, [&](auto& u, auto&) { u.from = this->view(3, 3); },
          {"SampleUpdate", "from is 3x3", "4x3"});
  refused(false, [&](auto&, auto& update) { update.S = this->view(4, 2); },
          {"SampleUpdate", "S is 4x2", "4x3"});
  refused(true,
          [&](auto& u, auto&) {
            u.A = this->read_only(this->to_csr(2, 3, {1, 0, 0, 0, 0, 0}));
          },
          {"SampleUpdate", "A has 2 rows", "X has 3 columns"});
  refused(true, [&](auto&, auto& update) { update.step_norms = this->reals(3); },
          {"SampleUpdate", "step_norms has 3 elements", "X has 4 rows"});
}

}  // namespace
}  // namespace idl::test
