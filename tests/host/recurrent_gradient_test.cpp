// SPDX-License-Identifier: MIT
// Gradients of recurrent passes against finite differences and each other.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tests/host/recurrent_fixture.hpp"
#include "tests/host/recurrent_oracle.hpp"

namespace idl::test {
namespace {

double inner_product(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

template <class C>
class RecurrentGradientTest : public RecurrentFixture<C> {
 protected:
  using Data = typename RecurrentFixture<C>::Data;

  /// Σ d_outputs∘outputs + Σ d_last∘last.
  static double loss(const RecurrentOracle& oracle, const Data& data) {
    const auto trajectory = oracle.run(data.x, data.h0, data.lengths);
    return inner_product(in_double(trajectory.outputs), data.d_outputs) +
           inner_product(in_double(trajectory.last), data.d_last);
  }
};
TYPED_TEST_SUITE(RecurrentGradientTest, AllCases, CaseNames);

template <class C>
class RecurrentDifferencesTest : public RecurrentGradientTest<C> {};
TYPED_TEST_SUITE(RecurrentDifferencesTest, DoubleCases, CaseNames);

TYPED_TEST(RecurrentDifferencesTest, EqualsFiniteDifferencesInEachEntry) {
  const ImplicitRnn<double> model = this->model_of(CellKind::dense);
  auto data = this->data_of();
  RecurrentPass<double> pass(this->context(), model, 3, 5, this->exact());
  const auto given = this->gradients_of(pass, data);
  RecurrentOracle oracle = RecurrentOracle::of(this->context(), model);
  // Third derivatives of the loss are of the size of 10², so that h²/6 of them is below 1e-9.
  constexpr double k_step = 1e-6;
  const auto slope = [&](auto& entry) {
    const auto value = entry;
    entry = value + k_step;
    const double above = this->loss(oracle, data);
    entry = value - k_step;
    const double below = this->loss(oracle, data);
    entry = value;
    return (above - below) / (2.0 * k_step);
  };
  std::vector<double> dM(given.dM.size());
  const std::size_t n = oracle.A.rows;
  const std::size_t rows = n + oracle.C.rows;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < n + oracle.B.cols; ++j) {
      auto& matrix = i < n ? (j < n ? oracle.A : oracle.B) : (j < n ? oracle.C : oracle.D);
      dM[i + j * rows] = slope(matrix(i < n ? i : i - n, j < n ? j : j - n));
    }
  std::vector<double> dx, dh0;
  for (double& entry : data.x) dx.push_back(slope(entry));
  for (double& entry : data.h0) dh0.push_back(slope(entry));
  // The loss, of the size of 10, is rounded to 2e-15, over 2e-6.
  this->expect_same(given, {dM, dx, dh0}, 1e-8);
}

TYPED_TEST(RecurrentDifferencesTest, OfEveryKindOfMatrixEqualsDifferencesOfTheLoss) {
  for (const CellKind kind : k_cell_kinds) {
    ImplicitRnn<double> model = this->model_of(kind);
    auto data = this->data_of();
    RecurrentPass<double> pass(this->context(), model, 3, 5, this->exact());
    const auto given = this->gradients_of(pass, data);
    const auto loss = [&] { return this->loss(RecurrentOracle::of(this->context(), model), data); };
    constexpr double k_step = 1e-6;
    const auto along = [&](std::vector<double>& values, const std::vector<double>& direction,
                           const auto& use) {
      const std::vector<double> before = values;
      const auto at = [&](double step) {
        for (std::size_t k = 0; k < values.size(); ++k) values[k] = before[k] + step * direction[k];
        use();
        return loss();
      };
      const double slope = (at(k_step) - at(-k_step)) / (2.0 * k_step);
      values = before;
      use();
      return slope;
    };
    std::vector<double> M = download(this->context(), model.cell().M());
    // Where dM is zero by its structure, below the diagonal, the direction is, too.
    std::vector<double> direction = this->random_.uniforms(std::ssize(M), -1.0, 1.0);
    for (std::size_t k = 0; k < M.size(); ++k)
      if (given.dM[k] == 0.0) direction[k] = 0.0;
    EXPECT_NEAR(along(M, direction, [&] { upload<double>(this->context(), M, model.cell().M()); }),
                inner_product(given.dM, direction), 1e-6);
    const auto nothing = [] {};
    const auto of_x = this->random_.uniforms(std::ssize(data.x), -1.0, 1.0);
    EXPECT_NEAR(along(data.x, of_x, nothing), inner_product(given.dx, of_x), 1e-6);
    const auto of_h = this->random_.uniforms(std::ssize(data.h0), -1.0, 1.0);
    EXPECT_NEAR(along(data.h0, of_h, nothing), inner_product(given.dh0, of_h), 1e-6);
  }
}

TYPED_TEST(RecurrentGradientTest, ChunksGoOnWhereTheOneBeforeHasEnded) {
  using T = typename TypeParam::Scalar;
  const ImplicitRnn<T> model = this->model_of(CellKind::dense);
  auto data = this->data_of();
  data.lengths = {5, 5, 5};
  RecurrentPass<T> whole(this->context(), model, 3, 5, this->exact());
  auto options = this->exact();
  options.truncate = 2;
  RecurrentPass<T> truncated(this->context(), model, 3, 5, options);
  const auto expected = this->gradients_of(truncated, data);
  (void)this->gradients_of(whole, data);
  EXPECT_TRUE(same_bits(this->fetch(whole.outputs()), this->fetch(truncated.outputs())));

  // Chunks of 2, 2 and 1 steps, gradients of each by itself: what truncation comes to.
  std::vector<double> outputs(data.d_outputs.size());
  std::vector<double> dM(expected.dM.size(), 0.0);
  std::vector<double> dx(data.x.size());
  std::vector<double> dh0, h = data.h0;
  const auto move_chunk = [](auto& all, auto& part, std::size_t rows, std::size_t first,
                             std::size_t count, bool back) {
    for (std::size_t b = 0; b < 3; ++b)
      for (std::size_t k = 0; k < rows * count; ++k) {
        auto& one = all[(5 * b + first) * rows + k];
        auto& other = part[count * rows * b + k];
        (back ? one : other) = back ? other : one;
      }
  };
  for (const std::size_t first : {0u, 2u, 4u}) {
    const std::size_t count = first == 4 ? 1 : 2;
    decltype(data) chunk = {
        .x = std::vector<double>(2 * 3 * count),
        .h0 = h,
        .d_outputs = std::vector<double>(4 * 3 * count),
        .d_last = std::vector<double>(12, 0.0),
        .lengths = std::vector<std::int32_t>(3, static_cast<std::int32_t>(count))};
    move_chunk(data.x, chunk.x, 2, first, count, false);
    move_chunk(data.d_outputs, chunk.d_outputs, 4, first, count, false);
    if (first == 4) chunk.d_last = data.d_last;
    RecurrentPass<T> pass(this->context(), model, 3, static_cast<index_t>(count), this->exact());
    auto part = this->gradients_of(pass, chunk);
    auto of_chunk = this->fetch_double(pass.outputs());
    move_chunk(outputs, of_chunk, 4, first, count, true);
    move_chunk(dx, part.dx, 2, first, count, true);
    for (std::size_t k = 0; k < dM.size(); ++k) dM[k] += part.dM[k];
    if (first == 0) dh0 = part.dh0;
    h = this->fetch_double(pass.last());
  }
  this->expect_near(outputs, this->fetch_double(whole.outputs()), this->close(), "outputs");
  this->expect_same({dM, dx, dh0}, expected, this->close());
}

TYPED_TEST(RecurrentGradientTest, StatesThatAreSolvedForAgainGiveTheSameGradients) {
  using T = typename TypeParam::Scalar;
  const std::pair<CellKind, index_t> cases[] = {{CellKind::dense, 1},
                                                {CellKind::dense, 2},
                                                {CellKind::compressed_rows, 3},
                                                {CellKind::low_rank, 2},
                                                {CellKind::strictly_upper, 9}};
  for (const auto& [kind, kept] : cases) {
    const ImplicitRnn<T> model = this->model_of(kind);
    const auto data = this->data_of();
    RecurrentPass<T> all(this->context(), model, 3, 5, this->exact());
    const auto expected = this->gradients_of(all, data);
    auto options = this->exact();
    options.recompute = kept;
    RecurrentPass<T> pass(this->context(), model, 3, 5, options);
    this->expect_same(this->gradients_of(pass, data), expected, this->close());
    this->expect_near(this->fetch_double(pass.outputs()), this->fetch_double(all.outputs()),
                      this->close(), "outputs");
    // Another backward pass of the same states, and its certificate.
    const SolveReport report = pass.backward();
    EXPECT_TRUE(this->ended(report));
    EXPECT_LT(report.worst_error_bound(), 1e-2);
    this->expect_near(this->fetch_double(pass.dM()), expected.dM, this->close(), "dM");
  }
}

}  // namespace
}  // namespace idl::test
