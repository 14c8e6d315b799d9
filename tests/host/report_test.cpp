// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "host/solver/certificates.hpp"
#include "idl/solver.hpp"

namespace idl::test {
namespace {

constexpr double k_infinity = std::numeric_limits<double>::infinity();
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

TEST(Report, CountsItsColumns) {
  SolveReport report;
  report.status = {SolveStatus::converged, SolveStatus::diverged, SolveStatus::converged,
                   SolveStatus::max_iterations, SolveStatus::stagnated};
  report.iterations = {3, 1, 9, 300, 27};
  report.error_bound = {1e-6, k_infinity, 3e-5, 2e-3, 0.0};
  EXPECT_FALSE(report.all_converged());
  EXPECT_EQ(report.count(SolveStatus::converged), 2U);
  EXPECT_EQ(report.count(SolveStatus::diverged), 1U);
  EXPECT_EQ(report.count(SolveStatus::stagnated), 1U);
  EXPECT_EQ(report.count(SolveStatus::max_iterations), 1U);
  EXPECT_EQ(report.count(SolveStatus::running), 0U);
  EXPECT_EQ(report.max_iterations_used(), 300);
  EXPECT_DOUBLE_EQ(report.mean_iterations(), 68.0);
  EXPECT_EQ(report.worst_error_bound(), k_infinity);
  report.error_bound[1] = 1e-9;
  EXPECT_EQ(report.worst_error_bound(), 2e-3);
  report.error_bound[2] = k_nan;
  EXPECT_EQ(report.worst_error_bound(), k_infinity);
}

TEST(Report, AllConvergedMeansEveryColumn) {
  SolveReport report;
  report.status = {SolveStatus::converged, SolveStatus::converged};
  EXPECT_TRUE(report.all_converged());
  report.status.push_back(SolveStatus::stagnated);
  EXPECT_FALSE(report.all_converged());
}

TEST(Report, OfNoColumnsIsConvergedAndZero) {
  const SolveReport report;
  EXPECT_TRUE(report.all_converged());
  EXPECT_EQ(report.max_iterations_used(), 0);
  EXPECT_EQ(report.mean_iterations(), 0.0);
  EXPECT_EQ(report.worst_error_bound(), 0.0);
}

TEST(Report, NamesItsStatuses) {
  EXPECT_EQ(to_string(SolveStatus::running), "running");
  EXPECT_EQ(to_string(SolveStatus::converged), "converged");
  EXPECT_EQ(to_string(SolveStatus::stagnated), "stagnated");
  EXPECT_EQ(to_string(SolveStatus::max_iterations), "max_iterations");
  EXPECT_EQ(to_string(SolveStatus::diverged), "diverged");
}

/// perron_gain of a matrix by columns, whose products are made here.
double gain_of(const std::vector<double>& A, index_t n, double lipschitz) {
  const auto apply = [&](const std::vector<double>& v) {
    std::vector<double> product(v.size(), 0.0);
    for (std::size_t j = 0; j < v.size(); ++j)
      for (std::size_t i = 0; i < v.size(); ++i) product[i] += std::abs(A[i + j * v.size()]) * v[j];
    return product;
  };
  return solver::perron_gain(
      {.n = n, .terms = n, .least_normal = std::numeric_limits<double>::min(), .apply = apply},
      lipschitz);
}

// ‖(I − |A|)⁻¹‖∞ for A = [0 3; 0 0] is 4, and for A = ½P, P a permutation, 2.
TEST(PerronGain, BoundsTheInverse) {
  const double triangular = gain_of({0.0, 0.0, 3.0, 0.0}, 2, 1.0);
  EXPECT_GE(triangular, 4.0);
  EXPECT_LE(triangular, 4.0 * (1.0 + 1e-12));
  const double permutation = gain_of({0.0, -0.5, 0.5, 0.0}, 2, 1.0);
  EXPECT_GE(permutation, 2.0);
  // Any v with |A|v < v is a proof; the one that is found need not be the best.
  EXPECT_LE(permutation, 8.0);
}

TEST(PerronGain, IsFoundWhereTheNormIsAboveOneButTheRootBelow) {
  // |A| = [0.1 4; 0.1 0.1]: row sum 4.1, λ = 0.1 + √0.4 = 0.73.
  // (I − |A|)⁻¹ = [0.9 4; 0.1 0.9]/(0.81 − 0.4): its row sum is 4.9/0.41 = 11.95.
  const double gain = gain_of({0.1, 0.1, -4.0, 0.1}, 2, 1.0);
  EXPECT_GE(gain, 4.9 / 0.41);
  EXPECT_LE(gain, 4.0 * 4.9 / 0.41);
}

TEST(PerronGain, IsInfiniteWhereThereIsNoProof) {
  EXPECT_EQ(gain_of({0.0, 1.0, 1.0, 0.0}, 2, 1.0), k_infinity);
  EXPECT_EQ(gain_of({2.0}, 1, 1.0), k_infinity);
  EXPECT_EQ(gain_of({0.9}, 1, 1.2), k_infinity);
  EXPECT_EQ(gain_of({k_nan}, 1, 1.0), k_infinity);
}

TEST(PerronGain, TakesWhatMayHaveCountedAsZeroIntoAccount) {
  const auto none = [](const std::vector<double>& v) { return std::vector<double>(v.size(), 0.0); };
  const solver::AbsMap A = {.n = 2, .terms = 2, .least_normal = 0.125, .apply = none};
  // v = 1; each row may lack two terms of ⅛.
  EXPECT_GE(solver::perron_gain(A, 1.0), 1.0 / 0.75);
  EXPECT_LE(solver::perron_gain(A, 1.0), 1.0 / 0.75 * (1.0 + 1e-12));
}

}  // namespace
}  // namespace idl::test
