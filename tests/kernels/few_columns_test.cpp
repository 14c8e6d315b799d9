// SPDX-License-Identifier: MIT
// A few columns are multiplied with A as it lies, many with a packed one. None of that may be seen
// in the bits.
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class FewColumns : public KernelTest<C> {};
TYPED_TEST_SUITE(FewColumns, CpuCases, CaseNames);

TYPED_TEST(FewColumns, HaveTheBitsThatTheyHaveAmongMany) {
  using T = typename TypeParam::Scalar;
  constexpr index_t k_many = 150;
  RandomValues random(3);
  for (const index_t rows : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 31, 33, 100, 191, 193, 260})
    for (const index_t inner : {1, 2, 50, 300}) {
      const auto A = this->view(rows, inner, random.uniforms(rows * inner, -1.0, 1.0));
      const auto B = this->view(inner, k_many, random.uniforms(inner * k_many, -1.0, 1.0));
      const auto all = this->view(rows, k_many);
      this->run(Gemm<T>{.A = A, .B = B, .C = all, .batch_invariant = true});
      for (const index_t count : {1, 2, 3, 4}) {
        const auto some = this->view(rows, count);
        this->run(Gemm<T>{.A = A, .B = B.columns(7, count), .C = some, .batch_invariant = true});
        ASSERT_TRUE(same_bits(this->fetch(some), this->fetch(all.columns(7, count))))
            << rows << " rows, " << inner << " terms, " << count << " columns";
      }
    }
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(FewColumns, AreSumsOfProducts) {
  using T = typename TypeParam::Scalar;
  RandomValues random(4);
  for (const index_t rows : {1, 6, 20, 100, 210})
    for (const index_t count : {1, 2, 3, 4}) {
      // Integers below 2^4: sums of 90 products are exact in either type.
      const index_t inner = 90;
      const auto integers = [&](index_t size) {
        std::vector<double> values = random.uniforms(size, -16.0, 16.0);
        for (double& value : values) value = std::floor(value);
        return values;
      };
      const std::vector<double> a = integers(rows * inner), b = integers(inner * count);
      const auto C = this->view(rows, count);
      this->run(Gemm<T>{.A = this->view(rows, inner, a),
                        .B = this->view(inner, count, b),
                        .C = C,
                        .batch_invariant = true});
      std::vector<double> expected(static_cast<std::size_t>(rows * count), 0.0);
      for (index_t j = 0; j < count; ++j)
        for (index_t k = 0; k < inner; ++k)
          for (index_t i = 0; i < rows; ++i)
            expected[static_cast<std::size_t>(j * rows + i)] +=
                a[static_cast<std::size_t>(k * rows + i)] *
                b[static_cast<std::size_t>(j * inner + k)];
      EXPECT_EQ(this->fetch_double(C), expected) << rows << " rows, " << count << " columns";
    }
}

}  // namespace
}  // namespace idl::test
