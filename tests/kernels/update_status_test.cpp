// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <limits>

#include "idl/detail/column_status.hpp"
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

constexpr std::uint8_t k_running = 0, k_converged = 1, k_stagnated = 2, k_max = 3, k_diverged = 4;

template <class C>
class UpdateStatusTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  void SetUp() override {
    KernelTest<C>::SetUp();
    if (this->IsSkipped()) return;
    begin(1);
  }
  void begin(index_t m) {
    columns_ = {
        .status = this->vector(std::vector<std::uint8_t>(static_cast<std::size_t>(m), 9)),
        .iterations = this->vector(std::vector<std::int32_t>(static_cast<std::size_t>(m), 9)),
        .best_steps = this->reals(m, 9),
        .stalled = this->vector(std::vector<std::int32_t>(static_cast<std::size_t>(m), 9)),
        .active = this->vector(std::vector<std::int32_t>{9})};
    steps_ = this->reals(m, 9);
    norms_ = this->reals(m, 9);
    this->run(ResetStatus<Element>{columns_, steps_, norms_});
    rule_ = {.step_norms = steps_,
             .state_norms = norms_,
             .columns = columns_,
             .contraction = this->reals(std::vector<double>{0.5}),
             .absolute = Element(0.125),
             .relative = Element(0),
             .rounding = Element(0),
             .certified = false,
             .max_iterations = 100};
  }
  /// One decision for these step and state norms.
  void decide(const std::vector<double>& steps, const std::vector<double>& norms) {
    upload<Element>(this->context(), std::vector<Element>(steps.begin(), steps.end()), steps_);
    upload<Element>(this->context(), std::vector<Element>(norms.begin(), norms.end()), norms_);
    this->run(rule_);
  }
  std::uint8_t decide(double step, double norm = 1.0) {
    decide(std::vector<double>{step}, std::vector<double>{norm});
    return status()[0];
  }
  std::vector<std::uint8_t> status() { return this->fetch_vector(columns_.status); }
  std::vector<std::int32_t> iterations() { return this->fetch_vector(columns_.iterations); }
  std::int32_t active() { return this->fetch_vector(columns_.active)[0]; }

  ColumnStatus<Element> columns_;
  VectorView<Element> steps_;
  VectorView<Element> norms_;
  UpdateStatus<Element> rule_;
};
TYPED_TEST_SUITE(UpdateStatusTest, AllCases, CaseNames);

TYPED_TEST(UpdateStatusTest, ResetMakesAllColumnsRunning) {
  this->begin(70);
  EXPECT_EQ(this->status(), std::vector<std::uint8_t>(70, k_running));
  EXPECT_EQ(this->iterations(), std::vector<std::int32_t>(70, 0));
  EXPECT_EQ(this->active(), 70);
  EXPECT_TRUE(std::isinf(this->fetch_reals(this->steps_)[69]));
}

TYPED_TEST(UpdateStatusTest, StepAtTheToleranceConvergesAndAboveItDoesNot) {
  EXPECT_EQ(this->decide(0.126), k_running);
  EXPECT_EQ(this->decide(0.125), k_converged);
  EXPECT_EQ(this->iterations()[0], 2);
  EXPECT_EQ(this->active(), 0);
}

TYPED_TEST(UpdateStatusTest, RelativeToleranceGrowsWithTheState) {
  this->rule_.relative = 0.25;
  EXPECT_EQ(this->decide(3.0, 8.0), k_running);
  EXPECT_EQ(this->decide(3.0, 12.0), k_converged);
}

TYPED_TEST(UpdateStatusTest, CertifiedRuleWeighsTheStepByTheContraction) {
  using T = typename TypeParam::Scalar;
  this->rule_.certified = true;
  this->rule_.contraction = this->reals(std::vector<double>{0.75});  // factor 3
  EXPECT_EQ(this->decide(0.125), k_running);
  EXPECT_EQ(this->decide(0.03125), k_converged);
  this->begin(1);
  this->rule_.certified = true;
  this->rule_.contraction = VectorView<const T>(this->reals(std::vector<double>{1.0}));
  EXPECT_EQ(this->decide(1e-30), k_running) << "nothing is certified without a contraction";
  EXPECT_EQ(this->decide(0.0), k_converged) << "but a fixed point is one";
}

TYPED_TEST(UpdateStatusTest, NanAndInfinityDiverge) {
  EXPECT_EQ(this->decide(k_nan), k_diverged);
  this->begin(1);
  EXPECT_EQ(this->decide(std::numeric_limits<double>::infinity()), k_diverged);
  this->begin(1);
  EXPECT_EQ(this->decide(1.0, std::numeric_limits<double>::infinity()), k_diverged);
  EXPECT_EQ(this->active(), 0);
}

TYPED_TEST(UpdateStatusTest, StagnatesOnlyAtRoundingLevelAndOnlyAfterTheWindow) {
  this->rule_.absolute = 0;
  this->rule_.rounding = 0.5;
  EXPECT_EQ(this->decide(0.25), k_running);
  for (int k = 1; k < k_stagnation_window; ++k) EXPECT_EQ(this->decide(0.25), k_running) << k;
  EXPECT_EQ(this->decide(0.25), k_stagnated);
  this->begin(1);
  this->rule_.absolute = 0;
  this->rule_.rounding = 0.5;
  for (int k = 0; k < 20; ++k) EXPECT_EQ(this->decide(0.75), k_running) << "above the level";
  this->begin(1);
  this->rule_.absolute = 0;
  this->rule_.rounding = 0.5;
  for (int k = 0; k < 20; ++k) EXPECT_EQ(this->decide(0.25 / (k + 1)), k_running) << "it falls";
}

TYPED_TEST(UpdateStatusTest, StopsAtTheLastAllowedIteration) {
  this->rule_.max_iterations = 3;
  EXPECT_EQ(this->decide(1), k_running);
  EXPECT_EQ(this->decide(1), k_running);
  EXPECT_EQ(this->decide(1), k_max);
  EXPECT_EQ(this->decide(0), k_max) << "a stopped column stays as it is";
  EXPECT_EQ(this->iterations()[0], 3);
  EXPECT_EQ(this->active(), 0);
}

TYPED_TEST(UpdateStatusTest, ColumnsDecideForThemselvesAndActiveCountsTheRest) {
  const std::size_t m = 1000;
  this->begin(static_cast<index_t>(m));
  std::vector<double> steps(m, 1.0);
  std::int32_t expected = static_cast<std::int32_t>(m);
  for (std::size_t j = 0; j < m; j += 3) {
    steps[j] = j % 2 == 0 ? 0.0 : k_nan;
    --expected;
  }
  this->decide(steps, std::vector<double>(m, 1.0));
  EXPECT_EQ(this->active(), expected);
  const auto status = this->status();
  for (std::size_t j = 0; j < m; ++j) {
    const std::uint8_t wanted = j % 3 != 0 ? k_running : (j % 2 == 0 ? k_converged : k_diverged);
    ASSERT_EQ(status[j], wanted) << j;
  }
}

// Many columns are decided about together, those that go on as most do apart from the others.
TYPED_TEST(UpdateStatusTest, AColumnAmongManyIsDecidedAboutAsIfItWereAlone) {
  const index_t m = 75;
  const auto count = static_cast<std::size_t>(m);
  constexpr int k_iterations = 12;
  constexpr double k_inf = std::numeric_limits<double>::infinity();
  RandomValues random(4);
  std::vector<std::vector<double>> steps, norms;
  for (int k = 0; k < k_iterations; ++k) {
    steps.push_back(random.uniforms(m, 0.3, 0.5));
    norms.push_back(random.uniforms(m, 0.5, 1.0));
    // The first columns do as most do in all iterations.
    for (std::size_t j = 0; j < count; ++j) {
      if (j < 40 || j % 3 == 0) steps.back()[j] = 2.0 / (k + 1.0);
      if (j == 50 + static_cast<std::size_t>(k)) steps.back()[j] = k % 2 == 0 ? k_nan : 0.0;
      if (j == 64 + static_cast<std::size_t>(k)) norms.back()[j] = k % 2 == 0 ? k_nan : k_inf;
    }
  }
  const auto decide_all = [&](std::size_t first, std::size_t columns) {
    this->begin(static_cast<index_t>(columns));
    this->rule_.relative = 0.25;
    this->rule_.rounding = 0.75;
    this->rule_.max_iterations = k_iterations - 1;
    for (std::size_t k = 0; k < k_iterations; ++k) {
      const auto part = [&](const std::vector<double>& all) {
        const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
        return std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(columns));
      };
      this->decide(part(steps[k]), part(norms[k]));
    }
  };
  decide_all(0, count);
  const auto status = this->status();
  const auto iterations = this->iterations();
  const auto best = this->fetch_reals(this->columns_.best_steps);
  const auto stalled = this->fetch_vector(this->columns_.stalled);
  EXPECT_EQ(std::count(status.begin(), status.end(), k_running), this->active());
  for (std::size_t j = 0; j < count; ++j) {
    decide_all(j, 1);
    EXPECT_EQ(status[j], this->status()[0]) << j;
    EXPECT_EQ(iterations[j], this->iterations()[0]) << j;
    EXPECT_EQ(best[j], this->fetch_reals(this->columns_.best_steps)[0]) << j;
    EXPECT_EQ(stalled[j], this->fetch_vector(this->columns_.stalled)[0]) << j;
  }
}

TYPED_TEST(UpdateStatusTest, SequencesThatHaveEndedDoNotRun) {
  using T = typename TypeParam::Scalar;
  // More than a block of threads.
  constexpr index_t k_columns = 1000;
  this->begin(k_columns);
  std::vector<std::int32_t> lengths;
  for (std::int32_t j = 0; j < k_columns; ++j) lengths.push_back(1 + j % 4);
  this->run(ResetStatus<T>{this->columns_, this->steps_, this->norms_, this->vector(lengths),
                           /*step=*/2});
  EXPECT_EQ(this->active(), 500);
  const auto status = this->status();
  const auto steps = this->fetch_reals(this->steps_);
  for (std::size_t j = 0; j < k_columns; ++j) {
    ASSERT_EQ(status[j], j % 4 < 2 ? 1 : 0);
    ASSERT_EQ(steps[j], j % 4 < 2 ? 0.0 : std::numeric_limits<double>::infinity());
  }
  EXPECT_TRUE(holds(this->refusal_of(ResetStatus<T>{this->columns_, this->steps_, this->norms_,
                                                    this->vector(std::vector<std::int32_t>{1, 2})}),
                    {"ResetStatus", "lengths has 2", "1000"}));
}

}  // namespace
}  // namespace idl::test
