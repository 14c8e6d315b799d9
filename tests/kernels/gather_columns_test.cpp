// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class GatherColumnsTest : public KernelTest<C> {};
TYPED_TEST_SUITE(GatherColumnsTest, AllCases, CaseNames);

TYPED_TEST(GatherColumnsTest, GathersInTheOrderOfTheIndicesAndScattersBack) {
  using T = typename TypeParam::Scalar;
  for (const index_t rows : {1, 33, 257}) {
    const auto values = this->rounded(this->random_.uniforms(rows * 9, -1, 1));
    const auto X = this->view(rows, 9, values);
    const auto indices = this->vector(std::vector<std::int32_t>{8, 0, 5, 3});
    const auto Y = this->view(rows, 4);
    this->run(GatherColumns<T>{.X = X, .indices = indices, .Y = Y});
    const auto gathered = this->fetch_double(Y);
    const std::size_t order[] = {8, 0, 5, 3};
    const auto size = static_cast<std::size_t>(rows);
    for (std::size_t k = 0; k < 4; ++k)
      for (std::size_t i = 0; i < size; ++i)
        ASSERT_EQ(gathered[i + k * size], values[i + order[k] * size]);
    const auto back = this->view(rows, 9, 5.0);
    this->run(ScatterColumns<T>{.X = Y, .indices = indices, .Y = back});
    const auto scattered = this->fetch_double(back);
    for (std::size_t j = 0; j < 9; ++j) {
      const bool listed = j == 8 || j == 0 || j == 5 || j == 3;
      for (std::size_t i = 0; i < size; ++i)
        ASSERT_EQ(scattered[i + j * size], listed ? values[i + j * size] : 5.0);
    }
  }
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(GatherColumnsTest, AnIndexOfMinusOneMovesNothing) {
  using T = typename TypeParam::Scalar;
  const auto X = this->view(3, 2, {1, 2, 3, 4, 5, 6});
  const auto Y = this->view(3, 3, 9.0);
  const auto indices = this->vector(std::vector<std::int32_t>{1, -1, 0});
  this->run(GatherColumns<T>{.X = X, .indices = indices, .Y = Y});
  EXPECT_EQ(this->fetch_double(Y), (std::vector<double>{4, 5, 6, 9, 9, 9, 1, 2, 3}));
  const auto back = this->view(3, 2, 7.0);
  const auto first = this->vector(std::vector<std::int32_t>{-1, -1, 1});
  this->run(ScatterColumns<T>{.X = Y, .indices = first, .Y = back});
  EXPECT_EQ(this->fetch_double(back), (std::vector<double>{7, 7, 7, 1, 2, 3}));
}

TYPED_TEST(GatherColumnsTest, NoIndicesDoNothingAndWrongShapesAreRefused) {
  using T = typename TypeParam::Scalar;
  const auto none = this->vector(std::vector<std::int32_t>{});
  this->run(GatherColumns<T>{.X = this->view(3, 4), .indices = none, .Y = this->view(3, 0)});
  EXPECT_TRUE(holds(
      this->refusal_of(GatherColumns<T>{.X = this->view(3, 4),
                                        .indices = this->vector(std::vector<std::int32_t>{1, 2}),
                                        .Y = this->view(3, 3)}),
      {"3", "2"}));
}

}  // namespace
}  // namespace idl::test
