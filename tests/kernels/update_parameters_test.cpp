// SPDX-License-Identifier: MIT
// An optimiser's step and the projection after it: as one step, which a GPU may run as one kernel,
// and one by one.
#include <cmath>

#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

struct Sizes {
  index_t n, inputs, outputs;
};

template <class C>
class UpdateParametersTest : public KernelTest<C> {
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
      const auto update = optimiser(M, dM, m1, m2, left_out, step);
      const ProjectRowsL1<Element> projection = {
          .A = M.block(0, 0, shape.n, shape.n), .radius = Element(0.9), .zeros = zeros};
      if (together) {
        this->run(UpdateParameters<Element>{.update = update, .projection = projection});
      } else {
        this->run(update);
        this->run(projection);
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
      return AdamUpdate<Element>{.M = M,
                                 .dM = dM,
                                 .m1 = m1,
                                 .m2 = m2,
                                 .learning_rate = 1e-3,
                                 .weight_decay = 0.01,
                                 .step = step,
                                 .left_out = left_out};
    };
  }
  static auto sgd() {
    return [](auto M, auto dM, auto velocity, auto, auto left_out, std::int64_t) {
      return SgdUpdate<Element>{.M = M,
                                .dM = dM,
                                .velocity = velocity,
                                .learning_rate = 1e-3,
                                .momentum = 0.9,
                                .left_out = left_out};
    };
  }
};
TYPED_TEST_SUITE(UpdateParametersTest, AllCases, CaseNames);

TYPED_TEST(UpdateParametersTest, TogetherTheyGiveTheBitsOfOneAfterTheOther) {
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

TYPED_TEST(UpdateParametersTest, RowsThatAreNotFiniteAreUpdatedAndNotProjected) {
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

TYPED_TEST(UpdateParametersTest, GradientsThatAreNotFiniteAreLeftOutTogetherAsOneByOne) {
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

/// Rows that are too long for a block of threads.
TYPED_TEST(UpdateParametersTest, WhatCannotBeOneKernelIsDoneAllTheSame) {
  using T = typename TypeParam::Scalar;
  constexpr index_t k_cols = 1500;
  const auto values = this->rounded(this->random_.uniforms(5 * k_cols, -1, 1));
  const auto after = [&](bool together) {
    const auto M = this->view(5, k_cols, values);
    const auto dM = this->view(5, k_cols, 0.5);
    const auto velocity = this->view(5, k_cols, 0.0);
    const SgdUpdate<T> update = {.M = M, .dM = dM, .velocity = velocity, .learning_rate = 0.5};
    const ProjectRowsL1<T> projection = {.A = M.block(0, 0, 3, k_cols), .radius = T(0.25)};
    if (together) {
      this->run(UpdateParameters<T>{.update = update, .projection = projection});
    } else {
      this->run(update);
      this->run(projection);
    }
    return this->fetch(M);
  };
  EXPECT_EQ(after(true), after(false));
}

/// M <- M − 0.5·dM, by hand: [1 2; 3 4] − [1 1; 1 1] = [0 1; 2 3].
TYPED_TEST(UpdateParametersTest, AnyProjectionFollowsTheUpdateAndNoneToo) {
  using T = typename TypeParam::Scalar;
  const auto after = [&](auto projection_of) {
    const auto M = this->view(2, 2, std::vector<double>{1, 3, 2, 4});
    const auto dM = this->view(2, 2, 2.0);
    const auto velocity = this->view(2, 2, 0.0);
    const SgdUpdate<T> update = {.M = M, .dM = dM, .velocity = velocity, .learning_rate = 0.5};
    this->run(UpdateParameters<T>{.update = update, .projection = projection_of(M)});
    return this->fetch_double(M);
  };
  using Values = std::vector<double>;
  EXPECT_EQ(after([](auto) { return Projection<T>(); }), (Values{0, 2, 1, 3}));
  EXPECT_EQ(after([](auto M) { return Projection<T>(MaskStrictlyUpper<T>{.A = M}); }),
            (Values{0, 0, 1, 0}));
  const Values in_ball =
      after([](auto M) { return Projection<T>(ProjectRowsL1<T>{.A = M, .radius = T(3)}); });
  const Values expected = {0, 1, 1, 2};
  for (std::size_t k = 0; k < 4; ++k)
    EXPECT_NEAR(in_ball[k], expected[k], 4 * this->unit());  // rounded towards the ball's inside
}

TYPED_TEST(UpdateParametersTest, RefusesAnAThatIsNotTheLeadingBlockOfM) {
  using T = typename TypeParam::Scalar;
  const auto M = this->view(5, 6, 1.0);
  const auto other = this->view(5, 6, 1.0);
  const auto dM = this->view(5, 6, 1.0);
  const auto velocity = this->view(5, 6, 0.0);
  const SgdUpdate<T> update = {.M = M, .dM = dM, .velocity = velocity, .learning_rate = 0.5};
  const auto with = [&](MatrixView<T> A, VectorView<std::int32_t> counts = {}) {
    return UpdateParameters<T>{
        .update = update, .projection = ProjectRowsL1<T>{.A = A, .radius = T(1), .zeros = counts}};
  };
  for (const MatrixView<T>& A : {M.block(1, 1, 3, 3), other.block(0, 0, 3, 3)})
    EXPECT_TRUE(holds(this->refusal_of(with(A)), {"UpdateParameters", "A of the projection, 3x3",
                                                  "the leading block of M of the update, 5x6"}));
  EXPECT_TRUE(holds(this->refusal_of(UpdateParameters<T>{
                        .update = SgdUpdate<T>{.M = M, .dM = dM, .velocity = other.columns(0, 5)}}),
                    {"SgdUpdate", "velocity is 5x5", "M is 5x6"}));
  const VectorView<std::int32_t> in_dM = {reinterpret_cast<std::int32_t*>(dM.data), 3, dM.device};
  EXPECT_TRUE(holds(this->refusal_of(with(M.block(0, 0, 3, 3), in_dM)),
                    {"UpdateParameters", "dM", "zeros", "overlap"}));
}

/// The parameters of a sparse A are its values: here elements 2 to 6 of a column of
/// seven.
template <class C>
class UpdateSparseParametersTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  CsrView<Element> pattern(Element* values) {
    return {.row_offsets = this->vector(std::vector<std::int64_t>{0, 2, 2, 5}).data,
            .col_indices = this->vector(std::vector<std::int32_t>{0, 2, 0, 1, 2}).data,
            .values = values,
            .rows = 3,
            .cols = 3,
            .capacity = 5,
            .device = this->device()};
  }
};
TYPED_TEST_SUITE(UpdateSparseParametersTest, AllCases, CaseNames);

TYPED_TEST(UpdateSparseParametersTest, TogetherTheyGiveTheBitsOfOneAfterTheOther) {
  using T = typename TypeParam::Scalar;
  const auto after = [&](bool together) {
    const auto M = this->view(7, 1, {5, 6, 1, -0.5, 0.5, 0.25, 2});
    const auto dM = this->view(7, 1, {1, 1, -1, 1, 0.5, k_nan, 1});
    const auto m1 = this->view(7, 1, 0.0);
    const auto m2 = this->view(7, 1, 0.0);
    const auto zeros = this->vector(std::vector<std::int32_t>(3, -1));
    const AdamUpdate<T> update = {.M = M, .dM = dM, .m1 = m1, .m2 = m2, .learning_rate = 0.125};
    const ProjectCsrRowsL1<T> projection = {
        .A = this->pattern(M.data + 2), .radius = T(0.75), .zeros = zeros, .threshold = T(0.01)};
    if (together) {
      this->run(UpdateParameters<T>{.update = update, .projection = projection});
    } else {
      this->run(update);
      this->run(projection);
    }
    auto result = this->fetch_double(M);
    for (const std::int32_t count : this->fetch_vector(zeros)) result.push_back(count);
    return result;
  };
  const auto result = after(true);
  EXPECT_EQ(result, after(false));
  EXPECT_LE(std::abs(result[2]) + std::abs(result[3]), 0.75);
  EXPECT_GT(result[0], 4.8);  // beside A nothing is projected
}

TYPED_TEST(UpdateSparseParametersTest, RefusesValuesThatAreNotWithinAColumnOfM) {
  using T = typename TypeParam::Scalar;
  const auto M = this->view(7, 2, 1.0);
  const auto dM = this->view(7, 2, 1.0);
  const auto velocity = this->view(7, 2, 0.0);
  const auto with = [&](T* values) {
    return UpdateParameters<T>{
        .update = SgdUpdate<T>{.M = M, .dM = dM, .velocity = velocity, .learning_rate = 0.5},
        .projection = ProjectCsrRowsL1<T>{.A = this->pattern(values), .radius = T(1)}};
  };
  this->run(with(M.data));
  this->run(with(M.data + M.ld + 2));
  for (T* values : {M.data - 1, M.data + 3, M.data + 2 * M.ld, this->reals(5).data})
    EXPECT_TRUE(holds(this->refusal_of(with(values)),
                      {"UpdateParameters", "A.values of the projection, 5 elements",
                       "within a column of M of the update, 7x2"}));
  auto step = with(M.data);
  auto& zeros = std::get<ProjectCsrRowsL1<T>>(step.projection).zeros;
  zeros = {reinterpret_cast<std::int32_t*>(velocity.data), 3, M.device};
  EXPECT_TRUE(holds(this->refusal_of(step), {"UpdateParameters", "velocity", "zeros", "overlap"}));
}

TYPED_TEST(UpdateParametersTest, ByAThresholdTogetherTheyGiveTheBitsOfOneAfterTheOther) {
  using T = typename TypeParam::Scalar;
  const auto after = [&](bool together) {
    const auto M = this->view(40, 45, RandomValues(7).uniforms(40 * 45, -0.1, 0.1));
    const auto dM = this->view(40, 45, 0.25);
    const auto velocity = this->view(40, 45, 0.0);
    const SgdUpdate<T> update = {.M = M, .dM = dM, .velocity = velocity, .learning_rate = 0.1};
    const ProjectRowsL1<T> projection = {
        .A = M.block(0, 0, 33, 33), .radius = T(0.8), .schedule = this->reals(1, 0.04)};
    if (together) {
      this->run(UpdateParameters<T>{.update = update, .projection = projection});
    } else {
      this->run(update);
      this->run(projection);
    }
    return this->fetch(M);
  };
  EXPECT_EQ(after(true), after(false));
}

}  // namespace
}  // namespace idl::test
