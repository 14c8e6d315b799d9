// SPDX-License-Identifier: MIT
#include <bit>
#include <cmath>
#include <limits>

#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

/// x rounded to 8 bits of precision, by arithmetic: nothing but powers of two is exact.
double rounded_to_8_bits(double x) {
  if (x == 0.0 || !std::isfinite(x)) return x;
  const int exponent = std::ilogb(x) - 7;
  return std::ldexp(std::nearbyint(std::ldexp(x, -exponent)), exponent);
}

template <class C>
class RefinementKernels : public KernelTest<C> {
 protected:
  /// A matrix of bfloat16 with a leading dimension of its own.
  struct Low {
    VectorView<std::uint8_t> bytes;
    MatrixView<BFloat16> view;
  };
  Low low(index_t rows, index_t cols, index_t ld) {
    Low result;
    result.bytes = this->vector(
        std::vector<std::uint8_t>(static_cast<std::size_t>(2 * ld * cols), std::uint8_t{7}));
    result.view = {reinterpret_cast<BFloat16*>(result.bytes.data), rows, cols, ld,
                   this->context().device()};
    return result;
  }
  std::vector<double> fetch_low(const Low& matrix) {
    const auto bytes = this->fetch_vector(matrix.bytes);
    std::vector<double> values;
    for (index_t j = 0; j < matrix.view.cols; ++j)
      for (index_t i = 0; i < matrix.view.rows; ++i) {
        const auto at = static_cast<std::size_t>(2 * (i + j * matrix.view.ld));
        const std::uint32_t bits =
            (std::uint32_t{bytes[at + 1]} << 24U) | (std::uint32_t{bytes[at]} << 16U);
        values.push_back(static_cast<double>(std::bit_cast<float>(bits)));
      }
    return values;
  }
  InnerColumns inner(index_t m, std::int32_t active) {
    return {.status = this->statuses(m),
            .targets = this->reals(m, -1.0),
            .best_steps = this->reals(m, 5.0),
            .stalled = this->vector(std::vector<std::int32_t>(static_cast<std::size_t>(m), 9)),
            .active = this->vector(std::vector<std::int32_t>{active})};
  }
};
TYPED_TEST_SUITE(RefinementKernels, FloatCases, CaseNames);

TYPED_TEST(RefinementKernels, RoundsDifferencesToTheNearestWithTiesToEven) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto low = this->low(8, 1, 8);
  const auto X =
      this->matrix(8, 1, {1.0, 1.00390625, 1.01171875, -3.14159265, infinity, k_nan, 1e-30, 0.0});
  this->run(RoundToBFloat16{.X = X, .Y = low.view});
  const auto values = this->fetch_low(low);
  EXPECT_EQ(values[0], 1.0);
  EXPECT_EQ(values[1], 1.0);       // halfway between 1 and 1 + 2⁻⁷: to the even one
  EXPECT_EQ(values[2], 1.015625);  // halfway between 1 + 2⁻⁷ and 1 + 2⁻⁶
  EXPECT_EQ(values[3], -3.140625);
  EXPECT_EQ(values[4], infinity);
  EXPECT_TRUE(std::isnan(values[5]));
  EXPECT_EQ(values[7], 0.0);
}

TYPED_TEST(RefinementKernels, RoundsDifferencesInEveryShape) {
  for (const index_t rows : {1, 31, 33, 100})
    for (const index_t ld : {rows, (rows + 7) / 8 * 8, rows + 3}) {
      const auto x = this->rounded(this->random_.uniforms(rows * 3, -2, 2));
      const auto x0 = this->rounded(this->random_.uniforms(rows * 3, -2, 2));
      const auto low = this->low(rows, 3, ld);
      this->run(RoundToBFloat16{
          .X = this->view(rows, 3, x), .X0 = this->view(rows, 3, x0), .Y = low.view});
      const auto values = this->fetch_low(low);
      for (std::size_t e = 0; e < x.size(); ++e)
        ASSERT_EQ(values[e], rounded_to_8_bits(static_cast<double>(static_cast<float>(x[e]) -
                                                                   static_cast<float>(x0[e]))));
    }
}

TYPED_TEST(RefinementKernels, MultipliesTheRoundedMatrices) {
  for (const bool transpose : {false, true})
    for (const index_t n : {1, 33, 100}) {
      const index_t k = n + 5, m = 7;
      const auto a = this->rounded(this->random_.uniforms(n * k, -1, 1));
      const auto b = this->rounded(this->random_.uniforms(k * m, -1, 1));
      const index_t rows = transpose ? k : n, cols = transpose ? n : k;
      const auto A = this->low(rows, cols, rows + 8);
      const auto B = this->low(k, m, (k + 7) / 8 * 8);
      const auto C = this->view(n, m, 9.0);
      this->run(RoundToBFloat16{.X = this->view(rows, cols, a), .Y = A.view});
      this->run(RoundToBFloat16{.X = this->view(k, m, b), .Y = B.view});
      this->run(LowGemm{.A = A.view, .B = B.view, .C = C, .transpose_A = transpose});
      const auto values = this->fetch_double(C);
      const auto at = [](index_t i, index_t j, index_t ld) {
        return static_cast<std::size_t>(i + j * ld);
      };
      for (index_t j = 0; j < m; ++j)
        for (index_t i = 0; i < n; ++i) {
          double sum = 0, size = 0;
          for (index_t l = 0; l < k; ++l) {
            const double term =
                rounded_to_8_bits(transpose ? a[at(l, i, rows)] : a[at(i, l, rows)]) *
                rounded_to_8_bits(b[at(l, j, k)]);
            sum += term;
            size += std::abs(term);
          }
          // Products are exact in float; k sums, rounded or, in a tensor core, truncated.
          ASSERT_NEAR(values[at(i, j, n)], sum, 2 * static_cast<double>(k) * this->unit() * size);
        }
    }
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(RefinementKernels, RunningColumnsEnterWithTheLargerOfBothTargets) {
  const auto inner = this->inner(3, 77);
  BeginRefinement begin = {.status = this->statuses(3, {1}),
                           .step_norms = this->reals(std::vector<double>{4.0, 4.0, 1e-4}),
                           .state_norms = this->reals(std::vector<double>{2.0, 2.0, 2.0}),
                           .inner = inner,
                           .absolute = 0.001F,
                           .relative = 0.002F};
  this->run(begin);
  EXPECT_EQ(this->fetch_vector(inner.status), (std::vector<std::uint8_t>{0, 1, 0}));
  EXPECT_EQ(this->fetch_vector(inner.active), std::vector<std::int32_t>{2});
  auto targets = this->fetch_reals(inner.targets);
  EXPECT_NEAR(targets[0], 0.04, 1e-8);       // a hundredth of the step
  EXPECT_NEAR(targets[2], 0.005 / 2, 1e-8);  // half of what ends the solve
  EXPECT_EQ(this->fetch_vector(inner.stalled), (std::vector<std::int32_t>{0, 9, 0}));
  EXPECT_TRUE(std::isinf(this->fetch_reals(inner.best_steps)[0]));
  begin.certified = true;
  begin.contraction = this->reals(std::vector<double>{0.75});  // κ/(1−κ) = 3
  this->run(begin);
  targets = this->fetch_reals(inner.targets);
  EXPECT_NEAR(targets[2], 0.005 / 6, 1e-8);
}

TYPED_TEST(RefinementKernels, ManyRunningColumnsAreCounted) {
  constexpr index_t k_count = 2500;  // more than two rounds of a block
  const auto inner = this->inner(k_count, 77);
  const std::vector<double> ones(k_count, 1.0);
  this->run(BeginRefinement{.status = this->statuses(k_count, {1, 1023, 1024, 2499}),
                            .step_norms = this->reals(ones),
                            .state_norms = this->reals(ones),
                            .inner = inner,
                            .absolute = 0.001F,
                            .relative = 0.002F});
  EXPECT_EQ(this->fetch_vector(inner.active), std::vector<std::int32_t>{k_count - 4});
  const auto status = this->fetch_vector(inner.status);
  EXPECT_EQ(status[1024], 1);
  EXPECT_EQ(status[2498], 0);
}

TYPED_TEST(RefinementKernels, ColumnsLeaveAtTheirTargetWithNanOrWithoutProgress) {
  const auto inner = this->inner(5, 4);
  upload<std::uint8_t>(this->context(), std::vector<std::uint8_t>{0, 0, 0, 0, 1}, inner.status);
  upload<float>(this->context(), std::vector<float>(5, 0.5F), inner.targets);
  upload<float>(this->context(), std::vector<float>(5, 100.0F), inner.best_steps);
  upload<std::int32_t>(this->context(), std::vector<std::int32_t>(5, 0), inner.stalled);
  const auto low = this->vector(std::vector<std::int32_t>{0, 10, 0, 0, 0});
  const double steps[][5] = {{50, 0.5, k_nan, 99, 0.1},
                             {30, 1, 1, 98.5, 0.1},
                             {20, 1, 1, 99.5, 0.1},
                             {10, 1, 1, 98.2, 0.1},
                             {0.4, 1, 1, 98, 0.1}};
  const std::vector<std::vector<std::uint8_t>> status = {
      {0, 1, 1, 0, 1}, {0, 1, 1, 0, 1}, {0, 1, 1, 0, 1}, {0, 1, 1, 1, 1}, {1, 1, 1, 1, 1}};
  for (std::size_t k = 0; k < 5; ++k) {
    this->run(
        UpdateRefinement{.step_norms = this->reals(std::vector<double>(steps[k], steps[k] + 5)),
                         .inner = inner,
                         .low_iterations = low});
    EXPECT_EQ(this->fetch_vector(inner.status), status[k]) << "iteration " << k;
  }
  EXPECT_EQ(this->fetch_vector(inner.active), std::vector<std::int32_t>{0});
  EXPECT_EQ(this->fetch_vector(low), (std::vector<std::int32_t>{5, 11, 1, 4, 0}));
}

/// 1 % an iteration is more than 2 % in four.
TYPED_TEST(RefinementKernels, AColumnThatFallsSlowlyButSteadilyStays) {
  const auto inner = this->inner(1, 1);
  upload<std::int32_t>(this->context(), std::vector<std::int32_t>{0}, inner.stalled);
  upload<float>(this->context(), std::vector<float>{100.0F}, inner.best_steps);
  const auto low = this->vector(std::vector<std::int32_t>{0});
  double step = 100.0;
  for (int k = 0; k < 40; ++k) {
    step *= 0.99;
    this->run(UpdateRefinement{.step_norms = this->reals(std::vector<double>{step}),
                               .inner = inner,
                               .low_iterations = low});
  }
  EXPECT_EQ(this->fetch_vector(inner.status), std::vector<std::uint8_t>{0});
  EXPECT_EQ(this->fetch_vector(low), std::vector<std::int32_t>{40});
}

TYPED_TEST(RefinementKernels, WrongShapesAreRefused) {
  const auto A = this->low(4, 3, 4);
  const auto B = this->low(5, 2, 5);
  EXPECT_TRUE(holds(this->refusal_of(LowGemm{.A = A.view, .B = B.view, .C = this->view(4, 2)}),
                    {"LowGemm", "5", "3"}));
  EXPECT_TRUE(holds(this->refusal_of(RoundToBFloat16{.X = this->view(4, 2), .Y = A.view}),
                    {"RoundToBFloat16", "4x3", "4x2"}));
}

}  // namespace
}  // namespace idl::test
