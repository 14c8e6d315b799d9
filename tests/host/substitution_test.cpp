// SPDX-License-Identifier: MIT
// Models with a strictly upper triangular A: what their reports say of solves by substitution,
// against substitution in a wider type.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/host/dense_oracle.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

template <class C>
class SubstitutionReports : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;
  using Wide = std::conditional_t<std::is_same_v<Scalar, float>, double, long double>;

  static constexpr index_t k_inputs = 3;
  static constexpr index_t k_samples = 5;

  /// A, with inputs to all rows and one output; with `sparse` in compressed rows.
  ImplicitModel<Scalar> model_of(index_t n, const std::vector<double>& A, Activation activation,
                                 bool bias, bool sparse = false) {
    ImplicitModel<Scalar> model(this->context(), {n, k_inputs, 1},
                                {.activation = activation,
                                 .well_posedness = WellPosedness::strictly_upper_triangular(),
                                 .bias = bias});
    this->put(model.A(), A);
    this->put(model.B(), random_.uniforms(n * model.input_rows(), -1.0, 1.0));
    this->put(model.C(), random_.uniforms(n, -1.0, 1.0));
    return sparse ? compressed(model, model.options().well_posedness) : std::move(model);
  }
  /// With A in compressed rows, and without D.
  ImplicitModel<Scalar> compressed(const ImplicitModel<Scalar>& model, WellPosedness constraint) {
    const auto copied = [&](ConstMatrixView<Scalar> matrix) {
      Matrix<Scalar> copy_of(this->context(), matrix.rows, matrix.cols);
      copy<Scalar>(this->context(), matrix, copy_of);
      return copy_of;
    };
    ModelOptions options = model.options();
    options.well_posedness = constraint;
    options.no_D = true;
    return ImplicitModel<Scalar>(
        this->context(),
        ModelMatrices<Scalar>{.A = CsrMatrix<Scalar>::from_dense(this->context(), model.A()),
                              .B = copied(model.B()),
                              .C = copied(model.C())},
        options);
  }

  /// Layers of one width, the last first, as a network's weights lie in A.
  std::vector<double> layers(index_t width, index_t count, double size) {
    const index_t n = width * count;
    std::vector<double> A(static_cast<std::size_t>(n * n), 0.0);
    for (index_t j = width; j < n; ++j)
      for (index_t i = (j / width - 1) * width; i < j / width * width; ++i)
        A[static_cast<std::size_t>(i + j * n)] = random_.uniform(-size, size);
    return A;
  }
  std::vector<double> full(index_t n, double size) {
    std::vector<double> A = random_.uniforms(n * n, -size, size);
    for (index_t j = 0; j < n; ++j)
      for (index_t i = j; i < n; ++i) A[static_cast<std::size_t>(i + j * n)] = 0.0;
    return A;
  }

  Dense<Wide> wide(ConstMatrixView<Scalar> view) {
    return {static_cast<std::size_t>(view.rows), static_cast<std::size_t>(view.cols),
            this->fetch(view)};
  }

  Dense<Wide> A_of(const ImplicitModel<Scalar>& model) {
    if (!model.is_sparse("A")) return wide(model.A());
    const CsrArrays<Scalar> arrays = download(this->context(), model.csr("A"));
    const auto n = static_cast<std::size_t>(arrays.rows);
    Dense<Wide> A(n, n);
    for (std::size_t i = 0; i < n; ++i)
      arrays.for_row(i, [&](std::size_t j, Scalar value) { A(i, j) = Wide(value); });
    return A;
  }

  /// x_i = f(i, z_i + Σ_j op(A)_ij x_j), from the last row, or of Aᵀ from the first.
  template <class F>
  static std::vector<Wide> substitute(const Dense<Wide>& A, const std::vector<Wide>& z,
                                      bool transpose, const F& f) {
    std::vector<Wide> x(A.rows, Wide(0));
    for (std::size_t step = 0; step < A.rows; ++step) {
      const std::size_t i = transpose ? step : A.rows - 1 - step;
      Wide s = z[i];
      for (std::size_t l = 0; l < A.rows; ++l) s += (transpose ? A(l, i) : A(i, l)) * x[l];
      x[i] = f(i, s);
    }
    return x;
  }

  void check(const ImplicitModel<Scalar>& model);

  /// Of all bounds so far, relative to the norm of what they are for.
  double loosest_ = 0;
  RandomValues random_{5};
};

template <class C>
void SubstitutionReports<C>::check(const ImplicitModel<Scalar>& model) {
  BatchPass<Scalar> pass(this->context(), model, k_samples);
  this->put(pass.U(), random_.uniforms(k_inputs * k_samples, -1.0, 1.0));
  this->put(pass.dY(), std::vector<double>(k_samples, 1.0));
  const SolveReport forward = pass.forward();
  const SolveReport backward = pass.backward();
  const Dense<Wide> A = A_of(model);
  const Dense<Wide> B = wide(model.B());
  Dense<Wide> U(B.cols, k_samples);
  const Dense<Wide> given = wide(pass.U());
  for (std::size_t j = 0; j < k_samples; ++j)
    for (std::size_t i = 0; i < B.cols; ++i) U(i, j) = i < k_inputs ? given(i, j) : Wide(1);
  const Dense<Wide> Z = multiply(B, U);
  const Dense<Wide> G = wide(model.C());
  const Dense<Wide> X = wide(pass.X());
  const Dense<Wide> V = wide(pass.V());
  const Activation& activation = model.options().activation;
  for (std::size_t j = 0; j < k_samples; ++j) {
    std::vector<Wide> z(A.rows), g(A.rows);
    for (std::size_t i = 0; i < A.rows; ++i) {
      z[i] = Z(i, j);
      g[i] = G(0, i);
    }
    const auto x = substitute(A, z, false, [&](std::size_t, Wide s) { return phi(activation, s); });
    Wide error = 0, norm = 0, adjoint_error = 0, adjoint_norm = 0;
    for (std::size_t i = 0; i < A.rows; ++i) {
      error = std::max(error, std::abs(X(i, j) - x[i]));
      norm = std::max(norm, std::abs(x[i]));
    }
    EXPECT_LE(static_cast<double>(error), forward.error_bound[j]);
    EXPECT_LE(forward.residual[j], forward.error_bound[j]);
    loosest_ = std::max(loosest_, forward.error_bound[j] / static_cast<double>(norm));
    EXPECT_EQ(forward.iterations[j], 1);
    EXPECT_EQ(forward.step[j], 0.0);
    EXPECT_EQ(forward.status[j], SolveStatus::converged);
    EXPECT_EQ(backward.iterations[j], 1);
    if (activation.kind != ActivationKind::relu) continue;  // of which Ψ is known exactly
    const auto v = substitute(
        A, g, true, [&](std::size_t i, Wide s) { return X(i, j) > Wide(0) ? s : Wide(0); });
    for (std::size_t i = 0; i < A.rows; ++i) {
      adjoint_error += std::abs(V(i, j) - v[i]);
      adjoint_norm += std::abs(v[i]);
    }
    EXPECT_LE(static_cast<double>(adjoint_error), backward.error_bound[j]);
    EXPECT_LE(backward.residual[j], backward.error_bound[j]);
    if (adjoint_norm > Wide(0))
      loosest_ = std::max(loosest_, backward.error_bound[j] / static_cast<double>(adjoint_norm));
  }
}

TYPED_TEST_SUITE(SubstitutionReports, AllCases, CaseNames);

TYPED_TEST(SubstitutionReports, BoundTheErrorOfANetworkWithHugeWeightsToSomeDigits) {
  using T = typename TypeParam::Scalar;
  for (const double size : {1.0, 1e3})
    for (const bool bias : {false, true})
      for (const bool sparse : {false, true}) {
        SCOPED_TRACE(size);
        const auto model = this->model_of(48, this->layers(12, 4, size), {}, bias, sparse);
        EXPECT_GT(size * 12, 1.0);
        this->check(model);
      }
  // Four layers of 12: each sum of a layer may cancel to a 12th or so of its terms, and γ is 50u.
  const double u = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2.0;
  EXPECT_LE(this->loosest_, 50.0 * u * 4.0 * 12.0 * 12.0 * 12.0);
}

TYPED_TEST(SubstitutionReports, BoundTheErrorWithEveryActivationAndFullRows) {
  for (const ActivationKind kind : all_activations())
    for (const index_t n : {1, 20, 70})
      for (const double size : {0.01, 0.3}) {
        SCOPED_TRACE(std::string(to_string(kind)) + " " + std::to_string(n));
        const Activation activation = parse_activation(to_string(kind));
        this->check(this->model_of(n, this->full(n, size), activation, true));
        std::vector<double> A = this->full(n, 4 * size);
        for (std::size_t k = 0; k < A.size(); ++k)
          if (k % 5 < 4) A[k] = 0.0;
        this->check(this->model_of(n, A, activation, true, /*sparse=*/true));
      }
}

TYPED_TEST(SubstitutionReports, OptionsAndAStartChangeNothing) {
  for (const bool sparse : {false, true}) {
    const auto model =
        this->model_of(70, this->full(70, 0.2), {.kind = ActivationKind::softplus}, false, sparse);
    const auto U = this->matrix(this->k_inputs, 5, this->random_.uniforms(15, -1.0, 1.0));
    const auto X0 = this->matrix(70, 5, this->random_.uniforms(350, -1.0, 1.0));
    const auto usual = model.predict(this->context(), U.view());
    SolverOptions options = {.forward = {.max_iterations = 1, .rule = StopRule::certified_bound},
                             .sweep = Sweep::gauss_seidel,
                             .acceleration = Acceleration::anderson,
                             .precision = Precision::automatic};
    const auto other = model.predict(this->context(), U.view(), options, X0.view());
    EXPECT_TRUE(other.report.all_converged());
    EXPECT_EQ(this->fetch(other.X), this->fetch(usual.X));
    EXPECT_EQ(other.report.error_bound, usual.report.error_bound);
  }
}

TYPED_TEST(SubstitutionReports, APatternIsRecognisedUnderEveryConstraint) {
  const auto model = this->model_of(33, this->layers(11, 3, 0.05), {}, true, true);
  const auto U = this->matrix(this->k_inputs, 5, this->random_.uniforms(15, -1.0, 1.0));
  for (const auto& constraint : {WellPosedness::inf_norm_ball(), WellPosedness::none()}) {
    const auto other =
        this->compressed(this->model_of(33, this->layers(11, 3, 0.05), {}, true), constraint);
    const SolveReport report = other.predict(this->context(), U.view()).report;
    EXPECT_EQ(report.iterations, std::vector<std::int32_t>(5, 1));
    EXPECT_EQ(report.step, std::vector<double>(5, 0.0));
    EXPECT_TRUE(report.all_converged());
  }
  const auto copied = model.clone(this->context());
  const auto expected = model.predict(this->context(), U.view());
  const auto got = copied.predict(this->context(), U.view());
  EXPECT_EQ(got.report.iterations, std::vector<std::int32_t>(5, 1));
  EXPECT_EQ(this->fetch(got.X), this->fetch(expected.X));
}

}  // namespace
}  // namespace idl::test
