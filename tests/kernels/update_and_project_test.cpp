// SPDX-License-Identifier: MIT
// An optimiser's step and the projection behind it: as one sequence, which a GPU may run as one
// kernel, and one by one.
#include <cmath>

#include "host/backend_of.hpp"
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

struct Sizes {
  index_t n, inputs, outputs;
};

template <class C>
class UpdateAndProject : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  struct Parameters {
    std::vector<Element> M, m1, m2;
    std::vector<std::int32_t> zeros, left_out;
    bool operator==(const Parameters&) const = default;
  };

  /// Two steps. Some rows of A begin inside the ball and some outside.
  template <class Optimiser>
  Parameters train(bool together, const Sizes& shape, Optimiser optimiser,
                   const std::vector<double>& start, const std::vector<index_t>& bad = {}) {
    const index_t rows = shape.n + shape.outputs, cols = shape.n + shape.inputs;
    RandomValues random(5);
    const auto M = this->view(rows, cols, start);
    auto gradient = random.uniforms(rows * cols, -1, 1);
    for (const index_t entry : bad) gradient[static_cast<std::size_t>(entry)] = k_nan;
    const auto dM = this->view(rows, cols, gradient);
    const auto m1 = this->view(rows, cols, 0.0);
    const auto m2 = this->view(rows, cols, 0.0);
    const auto zeros =
        this->vector(std::vector<std::int32_t>(static_cast<std::size_t>(shape.n), -1));
    const auto left_out = this->vector(std::vector<std::int32_t>{0});
    for (std::int64_t step = 1; step <= 2; ++step) {
      const Sequence steps = {
          optimiser(M, dM, m1, m2, left_out, step),
          ProjectRowsL1<Element>{
              .A = M.block(0, 0, shape.n, shape.n), .radius = Element(0.9), .zeros = zeros}};
      Backend& backend = *backend_of(this->context());
      if (together) {
        backend.run_in_order(steps);
      } else {
        for (const Primitive& each : steps) backend.run(each);
      }
    }
    EXPECT_TRUE(this->frames_untouched());
    return {this->fetch(M), this->fetch(m1), this->fetch(m2), this->fetch_vector(zeros),
            this->fetch_vector(left_out)};
  }

  std::vector<double> start(const Sizes& shape) {
    const index_t rows = shape.n + shape.outputs, cols = shape.n + shape.inputs;
    RandomValues random(9);
    auto values = random.uniforms(rows * cols, -1, 1);
    for (index_t j = 0; j < cols; ++j)
      for (index_t i = 0; i < rows; i += 2)
        values[static_cast<std::size_t>(i + j * rows)] /= 100.0 * static_cast<double>(shape.n);
    return values;
  }

  static auto adam() {
    return [](auto M, auto dM, auto m1, auto m2, auto left_out, std::int64_t step) {
      return Primitive(AdamUpdate<Element>{.M = M,
                                           .dM = dM,
                                           .m1 = m1,
                                           .m2 = m2,
                                           .learning_rate = 1e-3,
                                           .weight_decay = 0.01,
                                           .step = step,
                                           .left_out = left_out});
    };
  }
  static auto sgd() {
    return [](auto M, auto dM, auto velocity, auto, auto left_out, std::int64_t) {
      return Primitive(SgdUpdate<Element>{.M = M,
                                          .dM = dM,
                                          .velocity = velocity,
                                          .learning_rate = 1e-3,
                                          .momentum = 0.9,
                                          .left_out = left_out});
    };
  }
};
TYPED_TEST_SUITE(UpdateAndProject, AllCases, CaseNames);

TYPED_TEST(UpdateAndProject, TogetherTheyGiveTheBitsOfOneAfterTheOther) {
  for (const Sizes& shape :
       {Sizes{1, 1, 1}, Sizes{7, 3, 0}, Sizes{8, 0, 4}, Sizes{33, 20, 5}, Sizes{100, 31, 10}}) {
    const auto start = this->start(shape);
    EXPECT_TRUE(this->train(true, shape, this->adam(), start) ==
                this->train(false, shape, this->adam(), start))
        << shape.n;
    EXPECT_TRUE(this->train(true, shape, this->sgd(), start) ==
                this->train(false, shape, this->sgd(), start))
        << shape.n;
  }
}

TYPED_TEST(UpdateAndProject, RowsThatAreNotFiniteAreUpdatedAndNotProjected) {
  const Sizes shape{9, 4, 2};
  auto start = this->start(shape);
  start[3] = k_nan;
  const auto together = this->train(true, shape, this->adam(), start);
  const auto apart = this->train(false, shape, this->adam(), start);
  for (std::size_t k = 0; k < together.M.size(); ++k) {
    EXPECT_EQ(std::isnan(together.M[k]), k == 3);
    if (k != 3) {
      EXPECT_EQ(together.M[k], apart.M[k]);
    }
  }
}

TYPED_TEST(UpdateAndProject, GradientsThatAreNotFiniteAreLeftOutTogetherAsOneByOne) {
  const Sizes shape{9, 4, 2};  // M is 11x13, A its leading 9x9
  const auto start = this->start(shape);
  for (const index_t bad : {2 * 11 + 3, 2 * 11 + 10, 10 * 11 + 4}) {  // in A, below A, beside A
    const auto together = this->train(true, shape, this->adam(), start, {bad});
    EXPECT_EQ(together.left_out, std::vector<std::int32_t>{1});
    EXPECT_EQ(together.m1[static_cast<std::size_t>(bad)], 0);
    EXPECT_TRUE(together == this->train(false, shape, this->adam(), start, {bad}));
    EXPECT_TRUE(this->train(true, shape, this->sgd(), start, {bad}) ==
                this->train(false, shape, this->sgd(), start, {bad}));
  }
  EXPECT_EQ(this->train(true, shape, this->adam(), start).left_out, std::vector<std::int32_t>{0});
}

/// A block elsewhere in M, or rows that are too long for a block of threads.
TYPED_TEST(UpdateAndProject, WhatCannotBeOneKernelIsDoneAllTheSame) {
  using T = typename TypeParam::Scalar;
  for (const index_t cols : {6, 1500}) {
    const auto values = this->rounded(this->random_.uniforms(5 * cols, -1, 1));
    const auto M = this->view(5, cols, values);
    const auto zero = this->view(5, cols, 0.0);
    const auto velocity = this->view(5, cols, 0.0);
    const index_t first = cols == 6 ? 1 : 0;
    const auto A = M.block(first, first, 3, cols - first);
    backend_of(this->context())
        ->run_in_order(
            {SgdUpdate<T>{.M = M, .dM = zero, .velocity = velocity, .learning_rate = 0.5},
             ProjectRowsL1<T>{.A = A, .radius = T(0.25)}});
    const auto after = this->fetch_double(M);
    for (std::size_t i = 0; i < 5; ++i) {
      double sum = 0;
      for (std::size_t j = static_cast<std::size_t>(first); j < static_cast<std::size_t>(cols); ++j)
        sum += std::abs(after[i + 5 * j]);
      const auto row = static_cast<index_t>(i);
      if (row >= first && row < first + 3) {
        EXPECT_LE(sum, 0.25);
        EXPECT_NEAR(sum, 0.25, 1e-4);
      } else {
        EXPECT_GT(sum, 0.25);
      }
    }
  }
}

}  // namespace
}  // namespace idl::test
