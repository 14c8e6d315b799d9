// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>

#include "tests/kernels/kernel_test.hpp"
#include "tests/support/narrow_vectors.hpp"

namespace idl::test {
namespace {

template <class C>
class GemmTest : public KernelTest<C> {};
TYPED_TEST_SUITE(GemmTest, AllCases, CaseNames);

/// op(A) op(B) in double, and the sum of magnitudes for the error bound.
struct Product {
  std::vector<double> value;
  std::vector<double> magnitude;
};
Product naive(const std::vector<double>& A, bool tA, const std::vector<double>& B, bool tB,
              std::size_t r, std::size_t k, std::size_t m) {
  Product product{std::vector<double>(r * m, 0.0), std::vector<double>(r * m, 0.0)};
  for (std::size_t j = 0; j < m; ++j)
    for (std::size_t l = 0; l < k; ++l)
      for (std::size_t i = 0; i < r; ++i) {
        const double a = tA ? A[l + i * k] : A[i + l * r];
        const double b = tB ? B[j + l * m] : B[l + j * k];
        product.value[i + j * r] += a * b;
        product.magnitude[i + j * r] += std::abs(a * b);
      }
  return product;
}

TYPED_TEST(GemmTest, IntegersAreExactForEveryTranspositionAndShape) {
  using T = typename TypeParam::Scalar;
  for (const index_t r : {1, 3, 33, 100})
    for (const index_t k : {1, 5, 31})
      for (const index_t m : {1, 2, 33})
        for (int flags = 0; flags < 4; ++flags) {
          const bool tA = (flags & 1) != 0;
          const bool tB = (flags & 2) != 0;
          std::vector<double> A(static_cast<std::size_t>(r * k));
          std::vector<double> B(static_cast<std::size_t>(k * m));
          for (double& a : A) a = static_cast<double>(this->random_.integer(-4, 4));
          for (double& b : B) b = static_cast<double>(this->random_.integer(-4, 4));
          const auto C = this->view(r, m, k_nan);  // beta 0 must not read it
          this->run(Gemm<T>{.A = this->view(tA ? k : r, tA ? r : k, A),
                            .B = this->view(tB ? m : k, tB ? k : m, B),
                            .C = C,
                            .transpose_A = tA,
                            .transpose_B = tB});
          const auto expected = naive(A, tA, B, tB, static_cast<std::size_t>(r),
                                      static_cast<std::size_t>(k), static_cast<std::size_t>(m));
          ASSERT_EQ(this->fetch_double(C), expected.value) << r << " " << k << " " << m;
        }
  EXPECT_TRUE(this->frames_untouched());
}

// Whatever stays in a cache of the CPU: the panels of A, the columns of B, or neither, in one run
// over k or two.
TYPED_TEST(GemmTest, IntegersAreExactInLargeProducts) {
  using T = typename TypeParam::Scalar;
  std::vector<std::array<index_t, 3>> sizes = {{130, 150, 300}, {600, 300, 200}};
  if (this->context().device().kind == DeviceKind::cpu) {
    sizes.push_back({530, 1100, 310});
    sizes.push_back({300, 700, 700});
  }
  for (const auto& [r, k, m] : sizes)
    for (const bool tB : {false, true}) {
      std::vector<double> A(static_cast<std::size_t>(r * k));
      std::vector<double> B(static_cast<std::size_t>(k * m));
      for (double& a : A) a = static_cast<double>(this->random_.integer(-4, 4));
      for (double& b : B) b = static_cast<double>(this->random_.integer(-4, 4));
      const auto C = this->view(r, m, k_nan);
      this->run(Gemm<T>{.A = this->view(r, k, A),
                        .B = this->view(tB ? m : k, tB ? k : m, B),
                        .C = C,
                        .transpose_B = tB,
                        .batch_invariant = !tB});
      const std::vector<double> values = this->fetch_double(C);
      for (const index_t j : {index_t(0), index_t(17), m / 2, m - 1})
        for (index_t i = 0; i < r; ++i) {
          double exact = 0;
          for (index_t l = 0; l < k; ++l)
            exact += A[static_cast<std::size_t>(i + l * r)] *
                     B[static_cast<std::size_t>(tB ? j + l * m : l + j * k)];
          ASSERT_EQ(values[static_cast<std::size_t>(i + j * r)], exact)
              << r << " " << k << " " << m << ": " << i << ", " << j;
        }
    }
}

TYPED_TEST(GemmTest, RandomProductsStayWithinTheRoundingBound) {
  using T = typename TypeParam::Scalar;
  const index_t r = 100, k = 257, m = 65;
  const auto A = this->rounded(this->random_.uniforms(r * k, -1, 1));
  const auto B = this->rounded(this->random_.uniforms(k * m, -1, 1));
  const auto start = this->rounded(this->random_.uniforms(r * m, -1, 1));
  for (const bool invariant : {false, true}) {
    const auto C = this->view(r, m, start);
    this->run(Gemm<T>{.A = this->view(r, k, A),
                      .B = this->view(k, m, B),
                      .C = C,
                      .alpha = T(0.5),
                      .beta = T(2),
                      .batch_invariant = invariant});
    const Product expected = naive(A, false, B, false, 100, 257, 65);
    const auto values = this->fetch_double(C);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double exact = 0.5 * expected.value[i] + 2.0 * start[i];
      // k + 3 roundings of u = epsilon/2 on sums of magnitudes, in any order.
      const double bound =
          (257 + 3) * this->unit() / 2 * (0.5 * expected.magnitude[i] + 2.0 * std::abs(start[i]));
      ASSERT_NEAR(values[i], exact, bound);
    }
  }
}

TYPED_TEST(GemmTest, BatchInvariantColumnsHaveTheSameBitsAloneInABatchAndElsewhere) {
  using T = typename TypeParam::Scalar;
  const index_t r = 45, k = 101, m = 1000;
  for (const bool transposed : {false, true}) {
    const auto A =
        this->view(transposed ? k : r, transposed ? r : k, this->random_.uniforms(r * k, -1, 1));
    const std::vector<double> batch = this->random_.uniforms(k * m, -1, 1);
    const auto B = this->view(k, m, batch);
    const auto C = this->view(r, m);
    this->run(Gemm<T>{.A = A, .B = B, .C = C, .transpose_A = transposed, .batch_invariant = true});
    for (const index_t j : {0, 7, 500, 999}) {
      const auto alone = this->view(r, 1);
      this->run(Gemm<T>{.A = A,
                        .B = B.columns(j, 1),
                        .C = alone,
                        .transpose_A = transposed,
                        .batch_invariant = true});
      EXPECT_TRUE(same_bits(this->fetch(alone), this->fetch(C.columns(j, 1)))) << j;
      const index_t count = std::min<index_t>(13, m - j);
      const auto some = this->view(r, count);
      this->run(Gemm<T>{.A = A,
                        .B = B.columns(j, count),
                        .C = some,
                        .transpose_A = transposed,
                        .batch_invariant = true});
      EXPECT_TRUE(same_bits(this->fetch(alone), this->fetch(some.columns(0, 1)))) << j;
    }
  }
}

#if defined(__x86_64__) && defined(__OPTIMIZE__)
template <class C>
class CpuGemmTest : public KernelTest<C> {};
TYPED_TEST_SUITE(CpuGemmTest, CpuCases, CaseNames);

TYPED_TEST(CpuGemmTest, BatchInvariantSumsAreChainsOfFusedMultiplyAdds) {
  using T = typename TypeParam::Scalar;
  if (!has_fused_multiply_add()) GTEST_SKIP() << "vectors without fused multiply-add";
  for (const auto& [r, k, m] :
       {std::array<index_t, 3>{1, 1, 1}, {7, 3, 5}, {33, 100, 9}, {40, 1000, 17}, {100, 784, 30}})
    for (const bool transposed : {false, true}) {
      const auto A = this->random_.uniforms(r * k, -1.0, 1.0);
      const auto B = this->random_.uniforms(k * m, -1.0, 1.0);
      const auto C = this->view(r, m, k_nan);
      this->run(Gemm<T>{.A = this->view(transposed ? k : r, transposed ? r : k, A),
                        .B = this->view(k, m, B),
                        .C = C,
                        .transpose_A = transposed,
                        .batch_invariant = true});
      const auto answer = this->fetch(C);
      for (index_t j = 0; j < m; ++j)
        for (index_t i = 0; i < r; ++i) {
          T sum = T(0);
          for (index_t l = 0; l < k; ++l)
            sum = std::fma(
                static_cast<T>(A[static_cast<std::size_t>(transposed ? l + i * k : i + l * r)]),
                static_cast<T>(B[static_cast<std::size_t>(l + j * k)]), sum);
          ASSERT_EQ(answer[static_cast<std::size_t>(i + j * r)], sum)
              << r << "x" << k << "x" << m << " at " << i << ", " << j;
        }
    }
}
#endif

TYPED_TEST(GemmTest, EmptyInnerDimensionScalesCAndEmptyOutputsDoNothing) {
  using T = typename TypeParam::Scalar;
  const auto C = this->view(2, 2, {1, 2, 3, 4});
  this->run(Gemm<T>{.A = this->view(2, 0), .B = this->view(0, 2), .C = C, .beta = T(3)});
  EXPECT_EQ(this->fetch_double(C), (std::vector<double>{3, 6, 9, 12}));
  this->run(Gemm<T>{.A = this->view(2, 0), .B = this->view(0, 2), .C = C});
  EXPECT_EQ(this->fetch_double(C), (std::vector<double>{0, 0, 0, 0}));
  this->run(Gemm<T>{.A = this->view(2, 3), .B = this->view(3, 0), .C = this->view(2, 0)});
  this->run(Gemm<T>{.A = this->view(0, 3), .B = this->view(3, 4), .C = this->view(0, 4)});
}

TYPED_TEST(GemmTest, NanInOneColumnStaysInThatColumn) {
  using T = typename TypeParam::Scalar;
  std::vector<double> B = this->random_.uniforms(33 * 9, -1, 1);
  const auto A = this->view(20, 33, this->random_.uniforms(20 * 33, -1, 1));
  const auto clean = this->view(20, 9);
  this->run(Gemm<T>{.A = A, .B = this->view(33, 9, B), .C = clean});
  B[33 * 4 + 5] = k_nan;
  const auto spoiled = this->view(20, 9);
  this->run(Gemm<T>{.A = A, .B = this->view(33, 9, B), .C = spoiled});
  for (const index_t j : {0, 1, 2, 3, 5, 6, 7, 8})
    EXPECT_TRUE(same_bits(this->fetch(clean.columns(j, 1)), this->fetch(spoiled.columns(j, 1))));
  for (const double value : this->fetch_double(spoiled.columns(4, 1)))
    EXPECT_TRUE(std::isnan(value));
}

TYPED_TEST(GemmTest, WrongShapesAreRefusedWithBothShapes) {
  using T = typename TypeParam::Scalar;
  EXPECT_TRUE(holds(this->refusal_of(Gemm<T>{
                        .A = this->view(4, 3), .B = this->view(5, 2), .C = this->view(4, 2)}),
                    {"Gemm", "5", "3"}));
  EXPECT_TRUE(holds(this->refusal_of(Gemm<T>{
                        .A = this->view(4, 3), .B = this->view(3, 2), .C = this->view(4, 7)}),
                    {"Gemm", "7", "2"}));
  auto C = this->view(4, 2);
  C.ld = 3;
  EXPECT_TRUE(holds(this->refusal_of(Gemm<T>{.A = this->view(4, 3), .B = this->view(3, 2), .C = C}),
                    {"ld"}));
}

}  // namespace
}  // namespace idl::test
