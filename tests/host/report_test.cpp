// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <limits>

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

// ‖(I − |A|)⁻¹‖∞ for A = [0 3; 0 0] is 4, and for A = ½P, P a permutation, 2.
TEST(PerronGain, BoundsTheInverse) {
  const double triangular = solver::perron_gain(std::vector<double>{0.0, 0.0, 3.0, 0.0}, 2, 1.0);
  EXPECT_GE(triangular, 4.0);
  EXPECT_LE(triangular, 4.0 * (1.0 + 1e-12));
  const double permutation = solver::perron_gain(std::vector<double>{0.0, -0.5, 0.5, 0.0}, 2, 1.0);
  EXPECT_GE(permutation, 2.0);
  // Any v with |A|v < v is a proof; the one that is found need not be the best.
  EXPECT_LE(permutation, 8.0);
}

TEST(PerronGain, IsFoundWhereTheNormIsAboveOneButTheRootBelow) {
  // |A| = [0.1 4; 0.1 0.1]: row sum 4.1, λ = 0.1 + √0.4 = 0.73.
  // (I − |A|)⁻¹ = [0.9 4; 0.1 0.9]/(0.81 − 0.4): its row sum is 4.9/0.41 = 11.95.
  const double gain = solver::perron_gain(std::vector<double>{0.1, 0.1, -4.0, 0.1}, 2, 1.0);
  EXPECT_GE(gain, 4.9 / 0.41);
  EXPECT_LE(gain, 4.0 * 4.9 / 0.41);
}

TEST(PerronGain, IsInfiniteWhereThereIsNoProof) {
  EXPECT_EQ(solver::perron_gain(std::vector<double>{0.0, 1.0, 1.0, 0.0}, 2, 1.0), k_infinity);
  EXPECT_EQ(solver::perron_gain(std::vector<double>{2.0}, 1, 1.0), k_infinity);
  EXPECT_EQ(solver::perron_gain(std::vector<double>{0.9}, 1, 1.2), k_infinity);
  EXPECT_EQ(solver::perron_gain(std::vector<double>{k_nan}, 1, 1.0), k_infinity);
}

}  // namespace
}  // namespace idl::test
