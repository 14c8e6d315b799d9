// SPDX-License-Identifier: MIT
// LRᵀ in the place of A, against matrices whose singular values are known.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "idl/sparsify.hpp"
#include "tests/host/dense_oracle.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

template <class C>
class LowRankApproximationTest : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  static double u() { return static_cast<double>(std::numeric_limits<Element>::epsilon()); }
  static ModelOptions free() { return {.well_posedness = WellPosedness::none()}; }

  Dense<double> random(index_t rows, index_t cols) {
    return {static_cast<std::size_t>(rows), static_cast<std::size_t>(cols),
            random_.uniforms(rows * cols, -1, 1)};
  }
  /// HA, H the reflection I − 2hhᵀ/hᵀh of a random h.
  Dense<double> reflected(const Dense<double>& A) {
    const std::vector<double> h = random_.uniforms(static_cast<index_t>(A.rows), -1, 1);
    double square = 0.0;
    for (const double entry : h) square += entry * entry;
    Dense<double> HA = A;
    for (std::size_t j = 0; j < A.cols; ++j) {
      double along = 0.0;
      for (std::size_t i = 0; i < A.rows; ++i) along += h[i] * A(i, j);
      for (std::size_t i = 0; i < A.rows; ++i) HA(i, j) -= 2.0 * along / square * h[i];
    }
    return HA;
  }
  /// These are its singular values.
  Dense<double> with_singular_values(const std::vector<double>& values) {
    Dense<double> A(values.size(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i) A(i, i) = values[i];
    return transpose(reflected(transpose(reflected(A))));
  }
  ImplicitModel<Element> model(const Dense<double>& A, ModelOptions options) {
    const auto n = static_cast<index_t>(A.rows);
    return {this->context(),
            {.A = this->matrix(n, n, A.values),
             .B = this->matrix(n, 2, random_.uniforms(2 * n, -1, 1)),
             .C = this->matrix(1, n, random_.uniforms(n, -1, 1)),
             .D = this->matrix(1, 2, {1, 2})},
            options};
  }
  Dense<double> dense(ConstMatrixView<Element> view) {
    return {static_cast<std::size_t>(view.rows), static_cast<std::size_t>(view.cols),
            this->fetch_double(view)};
  }
  /// A − LRᵀ.
  Dense<double> difference(const Dense<double>& A, const ImplicitModel<Element>& low_rank) {
    Dense<double> left = A;
    const auto product = multiply(dense(low_rank.L()), transpose(dense(low_rank.R())));
    for (std::size_t k = 0; k < left.values.size(); ++k) left.values[k] -= product.values[k];
    return left;
  }
  static double inf_norm(const Dense<double>& A) {
    double norm = 0.0;
    for (std::size_t i = 0; i < A.rows; ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < A.cols; ++j) sum += std::abs(A(i, j));
      norm = std::max(norm, sum);
    }
    return norm;
  }
  /// That the bound holds, and says no more than rounding beyond what is so.
  void check_error(const Dense<double>& A, const LowRankApproximation<Element>& found) {
    const double exact = inf_norm(difference(A, found.model));
    EXPECT_GE(found.error, exact * (1 - 1e-13));
    EXPECT_LE(found.error, exact * (1 + 1e-10) + 1e-12 * (1 + inf_norm(A)));
  }

  RandomValues random_{41};
};
TYPED_TEST_SUITE(LowRankApproximationTest, AllCases, CaseNames);

TYPED_TEST(LowRankApproximationTest, ReproducesAMatrixOfThatRankToRounding) {
  const Dense<double> A = multiply(this->random(23, 4), this->random(4, 23));
  const auto model = this->model(A, this->free());
  const Dense<double> rounded = this->dense(model.A());
  const auto found = low_rank_approximation(this->context(), model, 4);
  EXPECT_EQ(found.model.options().rank, 4);
  // Each of the 23 entries of a row is rounded in A, and so are the factors.
  EXPECT_LE(found.error, 100 * this->u() * this->inf_norm(A));
  // Nothing is projected; the rounding of the factors is a part of the error alone.
  EXPECT_LE(found.truncation, 100 * this->u() * this->inf_norm(A));
  this->check_error(rounded, found);
}

TYPED_TEST(LowRankApproximationTest, LeavesWhatABestApproximationLeaves) {
  constexpr std::size_t n = 40, rank = 5;
  std::vector<double> falling, flat;
  for (std::size_t k = 0; k < n; ++k) {
    falling.push_back(3.0 * std::pow(0.7, static_cast<double>(k)));
    flat.push_back(1.0 - static_cast<double>(k) / 80.0);
  }
  for (const auto& values : {falling, flat}) {
    const auto model = this->model(this->with_singular_values(values), this->free());
    const Dense<double> A = this->dense(model.A());
    const auto found = low_rank_approximation(this->context(), model, rank);
    this->check_error(A, found);
    double best = 0.0, left = 0.0;
    for (std::size_t k = rank; k < n; ++k) best += values[k] * values[k];
    for (const double entry : this->difference(A, found.model).values) left += entry * entry;
    EXPECT_LE(std::sqrt(left), 1.01 * std::sqrt(best) + 100 * this->u());
    EXPECT_GE(std::sqrt(left), std::sqrt(best) - 100 * this->u());
  }
}

TYPED_TEST(LowRankApproximationTest, KeepsTheConstraintAndTellsWhatThatTakes) {
  const auto check_budgets = [&](const auto& model) {
    const double budget = std::sqrt(model.options().well_posedness.kappa) * (1 + 40 * this->u());
    EXPECT_LE(this->inf_norm(this->dense(model.L())), budget);
    EXPECT_LE(this->inf_norm(transpose(this->dense(model.R()))), budget);
  };
  const ModelOptions ball = {.well_posedness = WellPosedness::inf_norm_ball(0.9)};
  // Random rows that fill the ball: of their factors the product of magnitudes does not fit into
  // it.
  const auto full = this->model({30, 30, this->random_.matrix_of_norm(30, 0.9)}, ball);
  const auto found = low_rank_approximation(this->context(), full, 6);
  check_budgets(found.model);
  EXPECT_GT(found.error, found.truncation);
  this->check_error(this->dense(full.A()), found);
  // Of a rank-one A the norm is that of the product: nothing is lost.
  Dense<double> A = multiply(this->random(30, 1), this->random(1, 30));
  const double norm = this->inf_norm(A);
  for (double& entry : A.values) entry *= 0.89 / norm;
  const auto one = this->model(A, ball);
  const auto fits = low_rank_approximation(this->context(), one, 1);
  check_budgets(fits.model);
  EXPECT_LE(fits.error, 200 * this->u());
  this->check_error(this->dense(one.A()), fits);
}

TYPED_TEST(LowRankApproximationTest, TakesEveryRankAndWhatIsStoredAlone) {
  using T = typename TypeParam::Scalar;
  const auto dense = this->model(this->random(12, 12), this->free());
  const auto sparse = sparsify(this->context(), dense, {.density = 0.3});
  const Dense<double> A = [&] {
    Dense<double> all(12, 12);
    const CsrArrays<T> stored = download(this->context(), sparse.csr("A"));
    for (std::size_t i = 0; i < 12; ++i)
      stored.for_row(i, [&](std::size_t j, T value) { all(i, j) = static_cast<double>(value); });
    return all;
  }();
  for (const index_t rank : {0, 1, 12, 20}) {
    SCOPED_TRACE("rank " + std::to_string(rank));
    const auto found = low_rank_approximation(this->context(), sparse, rank);
    EXPECT_EQ(std::as_const(found.model).L().cols, rank);
    this->check_error(A, found);
    if (rank == 0) {
      EXPECT_NEAR(found.error, this->inf_norm(A), 1e-12);
    }
    if (rank >= 12) {
      EXPECT_LE(found.error, 1000 * this->u());
    }
    for (const char* matrix : {"B", "C", "D"})
      EXPECT_EQ(download(this->context(), found.model.csr(matrix)).values,
                download(this->context(), sparse.csr(matrix)).values);
  }
  const auto nothing = this->model(Dense<double>(5, 5), this->free());
  EXPECT_EQ(low_rank_approximation(this->context(), nothing, 2).error, 0.0);
}

TYPED_TEST(LowRankApproximationTest, RefusesWhatHasNoFactors) {
  using T = typename TypeParam::Scalar;
  const auto refused = [&](const ImplicitModel<T>& model, index_t rank) {
    return text_of<InvalidArgument>([&] { low_rank_approximation(this->context(), model, rank); });
  };
  auto model = this->model(this->random(5, 5), this->free());
  EXPECT_TRUE(holds(refused(model, -1), {"rank is -1"}));
  const auto low_rank = low_rank_approximation(this->context(), model, 2);
  EXPECT_TRUE(holds(refused(low_rank.model, 1), {"A is L R^T of rank 2 already"}));
  const auto upper = this->model(this->random(5, 5),
                                 {.well_posedness = WellPosedness::strictly_upper_triangular()});
  EXPECT_TRUE(holds(refused(upper, 1), {"rank is 1", "strictly upper"}));
  this->put(model.A(), std::vector<double>(25, std::nan("")));
  EXPECT_THROW(low_rank_approximation(this->context(), model, 2), NotFinite);
}

}  // namespace
}  // namespace idl::test
