// SPDX-License-Identifier: MIT
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class CopyStepTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  /// What a step leaves in a Y of 9s, of a 2×4 X of 1, ..., 8 and sequences of 3, 1, 2, 3 steps.
  std::vector<double> left_by(CopyStep<Element> copy) {
    copy.lengths = this->vector(std::vector<std::int32_t>{3, 1, 2, 3});
    copy.Y = this->view(2, 4, 9.0);
    this->run(copy);
    return this->fetch_double(copy.Y);
  }
  MatrixView<Element> one_to_eight() { return this->view(2, 4, {1, 2, 3, 4, 5, 6, 7, 8}); }
};
TYPED_TEST_SUITE(CopyStepTest, AllCases, CaseNames);

TYPED_TEST(CopyStepTest, TakesTheStepOfSequencesThatHaveIt) {
  using List = std::vector<double>;
  const auto X = this->one_to_eight();
  EXPECT_EQ(this->left_by({.X = X, .step = 0}), (List{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(this->left_by({.X = X, .step = 1}), (List{1, 2, 0, 0, 5, 6, 7, 8}));
  EXPECT_EQ(this->left_by({.X = X, .step = 2, .keep = true}), (List{1, 2, 9, 9, 9, 9, 7, 8}));
  EXPECT_EQ(this->left_by({.X = X, .step = 2, .add = true}), (List{10, 11, 0, 0, 0, 0, 16, 17}));
  EXPECT_EQ(this->left_by({.X = X, .step = 1, .add = true, .keep = true}),
            (List{10, 11, 9, 9, 14, 15, 16, 17}));
  EXPECT_EQ(this->left_by({.step = 2}), List(8, 0.0));
  EXPECT_EQ(this->left_by({.step = 2, .keep = true}), (List{0, 0, 9, 9, 9, 9, 0, 0}));
  EXPECT_EQ(this->left_by({.step = 2, .add = true}), (List{9, 9, 0, 0, 0, 0, 9, 9}));
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(CopyStepTest, OfAnySizeWithNaNAfterTheEnd) {
  using T = typename TypeParam::Scalar;
  for (const index_t rows : {0, 1, 3, 4, 33})
    for (const index_t m : k_awkward_sizes) {
      auto values = this->rounded(this->random_.uniforms(rows * m, -1, 1));
      std::vector<std::int32_t> lengths;
      const auto height = static_cast<std::size_t>(rows);
      auto expected = values;
      for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
        lengths.push_back(static_cast<std::int32_t>(1 + j % 3));
        for (std::size_t k = j * height; lengths[j] < 3 && k < (j + 1) * height; ++k) {
          values[k] = k_nan;
          expected[k] = 0.0;
        }
      }
      const auto Y = this->view(rows, m, 5.0);
      this->run(CopyStep<T>{
          .X = this->view(rows, m, values), .Y = Y, .lengths = this->vector(lengths), .step = 2});
      EXPECT_EQ(this->fetch_double(Y), expected) << rows << "x" << m;
    }
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(CopyStepTest, OneStepOfWholeSequencesIsAView) {
  using T = typename TypeParam::Scalar;
  // Two sequences of three steps, one after the other: 1x6.
  const auto X = this->view(1, 6, {1, 2, 3, 4, 5, 6});
  const auto Y = this->view(1, 2);
  this->run(CopyStep<T>{.X = step_of(X, 1, 2),
                        .Y = Y,
                        .lengths = this->vector(std::vector<std::int32_t>{3, 3}),
                        .step = 1});
  EXPECT_EQ(this->fetch_double(Y), (std::vector<double>{2, 5}));
}

TYPED_TEST(CopyStepTest, WrongShapesAreRefused) {
  using T = typename TypeParam::Scalar;
  const auto lengths = this->vector(std::vector<std::int32_t>{1, 1, 1});
  EXPECT_TRUE(holds(this->refusal_of(CopyStep<T>{
                        .X = this->view(3, 3), .Y = this->view(2, 3), .lengths = lengths}),
                    {"CopyStep", "3x3", "2x3"}));
  EXPECT_TRUE(holds(this->refusal_of(CopyStep<T>{
                        .X = this->view(3, 4), .Y = this->view(3, 4), .lengths = lengths}),
                    {"lengths has 3", "4 columns"}));
}

}  // namespace
}  // namespace idl::test
