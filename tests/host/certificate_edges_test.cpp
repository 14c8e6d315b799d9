// SPDX-License-Identifier: MIT
// Bounds and statuses where numbers are smallest, norms are closest to 1 and matrices are of
// different kinds.
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "idl/batch_pass.hpp"
#include "idl/sparsify.hpp"
#include "idl/well_posedness.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

template <class C>
class CertificateEdges : public DeviceTest<C> {
 protected:
  using Element = typename C::Scalar;

  static constexpr bool k_is_float = std::is_same_v<Element, float>;
  static constexpr ActivationKind k_identity = ActivationKind::identity;

  Matrix<Element> numbers(index_t rows, index_t cols, std::vector<double> values) {
    return this->matrix(rows, cols, std::move(values));
  }
  CsrMatrix<Element> sparse(index_t rows, index_t cols, std::vector<double> values) {
    return CsrMatrix<Element>::from_dense(this->context(), numbers(rows, cols, std::move(values)));
  }
};
TYPED_TEST_SUITE(CertificateEdges, AllCases, CaseNames);

TYPED_TEST(CertificateEdges, FactorsMagnifyWhatUnderflowsBetweenThem) {
  using T = typename TypeParam::Scalar;
  const double l = this->k_is_float ? 0x1p100 : 0x1p900;
  const double u = this->k_is_float ? 1e-8 : 1e-40;
  const ImplicitModel<T> model(
      this->context(),
      ModelMatrices<T>{
          .A = LowRankMatrix<T>{this->numbers(1, 1, {l}), this->numbers(1, 1, {0.5 / l})},
          .B = this->numbers(1, 1, {1}),
          .C = this->numbers(1, 1, {1}),
          .D = this->numbers(1, 1, {0})},
      {.activation = {this->k_identity}, .well_posedness = WellPosedness::none()});
  BatchPass<T> pass(this->context(), model, 1,
                    {.solver = {.forward = {.absolute = 0.0, .relative = 1e-7}}});
  upload<T>(this->context(), std::vector<T>{static_cast<T>(u)}, pass.U());
  upload<T>(this->context(), std::vector<T>{static_cast<T>(u)}, pass.dY());
  const SolveReport forward = pass.forward();
  const SolveReport backward = pass.backward();
  this->take_warnings();
  const double exact = 2.0 * static_cast<double>(static_cast<T>(u));
  EXPECT_LE(std::abs(this->fetch_double(pass.X())[0] - exact), forward.error_bound[0]);
  EXPECT_LE(std::abs(this->fetch_double(pass.V())[0] - exact), backward.error_bound[0]);
}

TYPED_TEST(CertificateEdges, NothingIsCertifiedWhereTheSumsMayHaveReachedOne) {
  using T = typename TypeParam::Scalar;
  constexpr index_t n = 32;
  // Sums lose the small entries, each of which is less than half an ulp of 1.
  const int bits = this->k_is_float ? 20 : 49;
  const double tiny = std::ldexp(0x1.fp0, this->k_is_float ? -26 : -55);
  std::vector<double> A(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) A[i + j * n] = j == 0 ? 1.0 - std::ldexp(1.0, -bits) : tiny;
  const ImplicitModel<T> model(
      this->context(),
      ModelMatrices<T>{.A = this->numbers(n, n, A),
                       .B = this->numbers(n, 1, std::vector<double>(n, std::ldexp(1.0, -bits))),
                       .C = this->numbers(1, n, std::vector<double>(n, 1.0)),
                       .D = this->numbers(1, 1, {0})},
      {.activation = {this->k_identity}, .well_posedness = WellPosedness::none()});
  const SolverOptions options = {
      .forward = {.max_iterations = 5, .absolute = 1.0, .rule = StopRule::certified_bound},
      .sweep = Sweep::jacobi,
      .acceleration = Acceleration::none};
  const SolveReport report =
      model.predict(this->context(), this->numbers(1, 1, {1}), options).report;
  this->take_warnings();
  EXPECT_EQ(report.status[0], SolveStatus::max_iterations) << report.error_bound[0];
}

TYPED_TEST(CertificateEdges, AStrictlyUpperAIsOneBesideCompressedRows) {
  using T = typename TypeParam::Scalar;
  constexpr index_t n = 9, p = 4, q = 3, m = 5;
  RandomValues random(11);
  std::vector<double> A = random.uniforms(n * n, -2, 2);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) A[i + j * n] = 0.0;
  const auto B = random.uniforms(n * p, -1, 1);
  const auto C = random.uniforms(q * n, -1, 1);
  const auto D = random.uniforms(q * p, -1, 1);
  const ModelOptions options = {.activation = {ActivationKind::tanh},
                                .well_posedness = WellPosedness::strictly_upper_triangular()};
  const auto model_with = [&](ModelMatrix<T> B_given) {
    return ImplicitModel<T>(this->context(),
                            ModelMatrices<T>{.A = this->numbers(n, n, A),
                                             .B = std::move(B_given),
                                             .C = this->numbers(q, n, C),
                                             .D = this->numbers(q, p, D)},
                            options);
  };
  const ImplicitModel<T> dense = model_with(this->numbers(n, p, B));
  const ImplicitModel<T> mixed = model_with(this->sparse(n, p, B));
  const auto U = random.uniforms(p * m, -1, 1);
  const auto dY = random.uniforms(q * m, -1, 1);
  const auto gradient_of_A = [&](const ImplicitModel<T>& model) {
    BatchPass<T> pass(this->context(), model, m);
    upload<T>(this->context(), std::vector<T>(U.begin(), U.end()), pass.U());
    upload<T>(this->context(), std::vector<T>(dY.begin(), dY.end()), pass.dY());
    const SolveReport forward = pass.forward();
    const SolveReport backward = pass.backward();
    EXPECT_EQ(forward.max_iterations_used(), 1);
    EXPECT_EQ(backward.max_iterations_used(), 1);
    return this->fetch_double(model.layout().at("A").of(pass.dM()));
  };
  const auto expected = gradient_of_A(dense);
  const auto given = gradient_of_A(mixed);
  for (std::size_t k = 0; k < expected.size(); ++k) {
    EXPECT_NEAR(given[k], expected[k], 1e-4) << k;
    if (k % n >= k / n) {
      EXPECT_EQ(given[k], 0.0) << k;
    }
  }
  const ImplicitModel<T> copy = mixed.clone(this->context());
  EXPECT_EQ(gradient_of_A(copy), given);
}

TYPED_TEST(CertificateEdges, AnInputThatIsNotFiniteDivergesThoughNoStateReadsIt) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), ModelMatrices<T>{.A = this->numbers(1, 1, {0.5}),
                                                                 .B = this->sparse(1, 2, {1, 0}),
                                                                 .C = this->numbers(1, 1, {1}),
                                                                 .D = this->numbers(1, 2, {1, 1})});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto prediction = model.predict(this->context(), this->numbers(2, 3, {1, 2, 1, nan, 1, 2}));
  this->take_warnings();
  EXPECT_EQ(prediction.report.status,
            (std::vector<SolveStatus>{SolveStatus::converged, SolveStatus::diverged,
                                      SolveStatus::converged}));
}

TYPED_TEST(CertificateEdges, ANormThatRoundingHidesProvesNothing) {
  using T = typename TypeParam::Scalar;
  constexpr index_t n = 8;
  std::vector<double> A(n * n, 0.9 * 0x1p-54);
  for (std::size_t i = 0; i < n; ++i) A[i] = 1.0 - (this->k_is_float ? 0.0 : 0x1p-53);
  const WellPosednessReport report =
      examine_well_posedness<T>(this->context(), this->numbers(n, n, A), {ActivationKind::relu});
  EXPECT_EQ(report.proof, WellPosednessProof::none);
}

TYPED_TEST(CertificateEdges, APrunedEntryCountsThoughItsProductUnderflows) {
  using T = typename TypeParam::Scalar;
  if (this->k_is_float) return;  // whose smallest products are normal in the bound's double
  const auto model = [&](double D) {
    return ImplicitModel<T>(this->context(), ModelMatrices<T>{.A = this->numbers(1, 1, {0.5}),
                                                              .B = this->numbers(1, 1, {0}),
                                                              .C = this->numbers(1, 1, {1}),
                                                              .D = this->numbers(1, 1, {D})});
  };
  const PruningBound bound =
      pruning_bound<T>(this->context(), model(1e-155), model(0), this->numbers(1, 1, {1e-153}));
  EXPECT_GE(bound.worst_output, 1e-308);
  const PruningBound of_nothing = pruning_bound<T>(this->context(), model(1e-155), model(1e-155),
                                                   this->numbers(1, 1, {1e-153}));
  EXPECT_LE(of_nothing.worst_output, 1e-300);
}

}  // namespace
}  // namespace idl::test
