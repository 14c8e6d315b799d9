// SPDX-License-Identifier: MIT
// Models of which some matrices are in compressed rows, against dense models with the same entries.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "idl/batch_pass.hpp"
#include "idl/optimizer.hpp"
#include "idl/sparsify.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"
#include "tests/io/files.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 40, .inputs = 9, .outputs = 5};
constexpr index_t k_samples = 17;

template <class C>
class SparseModelTest : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  /// A dense model about a third of whose entries are not zero.
  ImplicitModel<Element> thin_model(ModelOptions options = {}) {
    ImplicitModel<Element> model(this->context(), k_shape, options, 5);
    std::vector<Element> M = download(this->context(), model.M());
    for (std::size_t k = 0; k < M.size(); ++k)
      M[k] = random_.unit() < 0.35 ? 20 * M[k] : Element(0);
    upload<Element>(this->context(), M, model.M());
    model.project(this->context());
    return model;
  }
  ModelMatrix<Element> csr(ConstMatrixView<Element> matrix) {
    return CsrMatrix<Element>::from_dense(this->context(), matrix);
  }
  ModelMatrix<Element> dense(ConstMatrixView<Element> matrix) {
    Matrix<Element> copied(this->context(), matrix.rows, matrix.cols);
    copy<Element>(this->context(), matrix, copied);
    return copied;
  }
  /// The same model with A in compressed rows, and with `all` B, C and D too.
  ImplicitModel<Element> sparse_of(const ImplicitModel<Element>& model, bool all) {
    const auto other = [&](ConstMatrixView<Element> matrix) {
      return all ? csr(matrix) : dense(matrix);
    };
    ModelMatrices<Element> matrices = {
        .A = csr(model.A()), .B = other(model.B()), .C = other(model.C())};
    if (!model.options().no_D) matrices.D = other(model.D());
    return ImplicitModel<Element>(this->context(), matrices, model.options());
  }
  Matrix<Element> inputs() {
    const auto values = random_.uniforms(k_shape.inputs * k_samples, -1, 1);
    return Matrix<Element>::from_host(this->context(), k_shape.inputs, k_samples,
                                      std::vector<Element>(values.begin(), values.end()));
  }
  /// The entries of `parameters`, of the layout of a sparse model, as a dense M of `model` has
  /// them.
  std::vector<double> spread(const ImplicitModel<Element>& sparse,
                             ConstMatrixView<Element> parameters,
                             const ImplicitModel<Element>& model) {
    const std::vector<Element> values = download(this->context(), parameters);
    const auto rows = static_cast<std::size_t>(model.M().rows);
    std::vector<double> M(rows * static_cast<std::size_t>(model.M().cols), 0.0);
    for (const ParameterTensor& to : model.layout().tensors) {
      const auto place = [&](index_t i, index_t j) {
        return static_cast<std::size_t>(to.row + i) + static_cast<std::size_t>(to.col + j) * rows;
      };
      if (!sparse.is_sparse(to.name)) {
        const ParameterTensor& from = sparse.layout().at(to.name);
        for (index_t j = 0; j < to.cols; ++j)
          for (index_t i = 0; i < to.rows; ++i)
            M[place(i, j)] = values[static_cast<std::size_t>(from.row + i + j * from.ld)];
        continue;
      }
      const CsrArrays<Element> arrays = download(this->context(), sparse.csr(to.name));
      const auto first = static_cast<std::size_t>(sparse.layout().at(to.name + ".values").row);
      for (index_t i = 0; i < to.rows; ++i)
        for (auto k = static_cast<std::size_t>(arrays.row_offsets[static_cast<std::size_t>(i)]);
             k < static_cast<std::size_t>(arrays.row_offsets[static_cast<std::size_t>(i) + 1]); ++k)
          M[place(i, arrays.col_indices[k])] = values[first + k];
    }
    return M;
  }
  static double u() { return static_cast<double>(std::numeric_limits<Element>::epsilon()); }

  RandomValues random_{23};
};
TYPED_TEST_SUITE(SparseModelTest, AllCases, CaseNames);

TYPED_TEST(SparseModelTest, PredictsAsTheDenseModelWithinBothCertificates) {
  for (const bool all : {false, true})
    for (const bool bias : {false, true})
      for (const bool no_D : {false, true})
        for (const Acceleration acceleration : {Acceleration::none, Acceleration::anderson}) {
          const auto dense = this->thin_model({.bias = bias, .no_D = no_D});
          const auto sparse = this->sparse_of(dense, all);
          const auto U = this->inputs();
          const SolverOptions options = {.acceleration = acceleration};
          const auto expected = dense.predict(this->context(), U, options);
          const auto actual = sparse.predict(this->context(), U, options);
          ASSERT_TRUE(actual.report.all_converged());
          const auto X = this->fetch_double(expected.X.view());
          const auto X_sparse = this->fetch_double(actual.X.view());
          double error = 0;
          for (std::size_t k = 0; k < X.size(); ++k) {
            const std::size_t j = k / static_cast<std::size_t>(k_shape.states);
            ASSERT_LE(std::abs(X[k] - X_sparse[k]),
                      expected.report.error_bound[j] + actual.report.error_bound[j]);
            error = std::max(error, expected.report.error_bound[j] + actual.report.error_bound[j]);
          }
          // ‖C‖∞, with room.
          double C_norm = 0;
          for (const double entry : this->fetch_double(std::as_const(dense).C()))
            C_norm += std::abs(entry);
          const auto Y = this->fetch_double(expected.Y.view());
          const auto Y_sparse = this->fetch_double(actual.Y.view());
          for (std::size_t k = 0; k < Y.size(); ++k)
            ASSERT_NEAR(Y[k], Y_sparse[k], C_norm * error + 100 * this->u() * (1 + std::abs(Y[k])));
        }
}

TYPED_TEST(SparseModelTest, TheGradientIsThatOfTheDenseModelAtTheStoredEntries) {
  using T = typename TypeParam::Scalar;
  for (const bool all : {false, true}) {
    const auto dense = this->thin_model({.bias = true});
    const auto sparse = this->sparse_of(dense, all);
    const auto U = this->inputs();
    const auto dY = this->random_.uniforms(k_shape.outputs * k_samples, -1, 1);
    const auto run = [&](const ImplicitModel<T>& model) {
      auto pass = std::make_unique<BatchPass<T>>(
          this->context(), model, k_samples,
          BatchPassOptions{.solver = {.forward = {.absolute = 20 * this->u(), .relative = 0},
                                      .adjoint = {.absolute = 20 * this->u(), .relative = 0}},
                           .input_gradient = true});
      copy<T>(this->context(), U, pass->U());
      static_cast<void>(pass->forward());
      this->put(pass->dY(), dY);
      static_cast<void>(pass->backward());
      return pass;
    };
    const auto of_dense = run(dense);
    const auto of_sparse = run(sparse);
    const auto expected = this->fetch_double(of_dense->dM());
    const auto actual = this->spread(sparse, of_sparse->dM(), dense);
    const auto M = this->fetch_double(std::as_const(dense).M());
    const double tolerance = 2000 * this->u();
    for (std::size_t k = 0; k < M.size(); ++k) {
      const auto row = k % static_cast<std::size_t>(dense.M().rows);
      const auto col = k / static_cast<std::size_t>(dense.M().rows);
      const bool of_A = row < 40 && col < 40;
      const bool stored = (!all && !of_A) || M[k] != 0.0;
      ASSERT_NEAR(actual[k], stored ? expected[k] : 0.0, tolerance * (1 + std::abs(expected[k])))
          << all << ", " << row << ", " << col;
    }
    const auto dU = this->fetch_double(of_dense->dU());
    const auto dU_sparse = this->fetch_double(of_sparse->dU());
    for (std::size_t k = 0; k < dU.size(); ++k)
      ASSERT_NEAR(dU[k], dU_sparse[k], tolerance * (1 + std::abs(dU[k])));
  }
}

TYPED_TEST(SparseModelTest, OptimiserAndProjectionWalkTheStoredValues) {
  using T = typename TypeParam::Scalar;
  auto dense = this->thin_model();
  auto sparse = this->sparse_of(dense, true);
  const OptimizerOptions options = {.learning_rate = 0.05};
  Optimizer<T> of_dense(this->context(), dense, options);
  Optimizer<T> of_sparse(this->context(), sparse, options);
  const auto pattern = this->fetch_double(dense.M());
  for (int step = 0; step < 3; ++step) {
    const auto gradient = this->random_.uniforms(sparse.M().rows, -1, 1);
    Matrix<T> dM_sparse = Matrix<T>::from_host(this->context(), sparse.M().rows, 1,
                                               std::vector<T>(gradient.begin(), gradient.end()));
    const auto spread = this->spread(sparse, dM_sparse.view(), dense);
    Matrix<T> dM = Matrix<T>::from_host(this->context(), dense.M().rows, dense.M().cols,
                                        std::vector<T>(spread.begin(), spread.end()));
    of_dense.step(this->context(), dense, dM);
    of_sparse.step(this->context(), sparse, dM_sparse);
  }
  const auto expected = this->fetch_double(dense.M());
  const auto actual = this->spread(sparse, std::as_const(sparse).M(), dense);
  for (std::size_t k = 0; k < pattern.size(); ++k) {
    ASSERT_NEAR(actual[k], expected[k], 50 * this->u()) << k;
    if (pattern[k] == 0.0) {
      ASSERT_EQ(actual[k], 0.0);
    }
  }
  const CsrArrays<T> A = download(this->context(), sparse.csr("A"));
  for (std::size_t i = 0; i < 40; ++i) {
    double sum = 0;
    for (auto k = static_cast<std::size_t>(A.row_offsets[i]);
         k < static_cast<std::size_t>(A.row_offsets[i + 1]); ++k)
      sum += std::abs(static_cast<double>(A.values[k]));
    ASSERT_LE(sum, 0.95);
  }
}

TYPED_TEST(SparseModelTest, ADenseABesideSparseMatricesIsTrainedAndProjected) {
  using T = typename TypeParam::Scalar;
  auto whole = this->thin_model();
  ModelMatrices<T> matrices = {.A = this->dense(whole.A()),
                               .B = this->csr(whole.B()),
                               .C = this->csr(whole.C()),
                               .D = this->dense(whole.D())};
  ImplicitModel<T> mixed(this->context(), matrices, whole.options());
  const auto A_of = [&](const ImplicitModel<T>& model) {
    return model.layout().at("A").of(model.M());
  };
  for (const double prox : {0.0, 0.05}) {
    const OptimizerOptions options = {.learning_rate = 0.2, .prox = prox};
    Optimizer<T> of_whole(this->context(), whole, options);
    Optimizer<T> of_mixed(this->context(), mixed, options);
    const index_t n = whole.shape().states;
    const std::vector<double> gradient = this->random_.uniforms(n * n, -1, 1);
    auto dM = Matrix<T>::zeros(this->context(), whole.M().rows, whole.M().cols);
    auto dM_mixed = Matrix<T>::zeros(this->context(), mixed.M().rows, 1);
    this->put(dM.view().block(0, 0, n, n), gradient);
    this->put(mixed.layout().at("A").of(dM_mixed.view()), gradient);
    of_whole.step(this->context(), whole, dM);
    of_mixed.step(this->context(), mixed, dM_mixed);
    EXPECT_TRUE(same_bits(this->fetch(A_of(mixed)), this->fetch(A_of(whole))));
  }
}

TYPED_TEST(SparseModelTest, SavesAndLoadsWithTheSameBits) {
  using T = typename TypeParam::Scalar;
  const TemporaryFolder folder;
  for (const bool all : {false, true})
    for (const bool no_D : {false, true}) {
      const auto model = this->sparse_of(this->thin_model({.bias = true, .no_D = no_D}), all);
      const auto path = folder.path() / "sparse.safetensors";
      save_model(this->context(), model, path, 7);
      const auto loaded = load_model<T>(this->context(), path);
      EXPECT_EQ(loaded.shape(), model.shape());
      EXPECT_EQ(loaded.options(), model.options());
      EXPECT_EQ(loaded.layout(), model.layout());
      EXPECT_EQ(download(this->context(), loaded.M()), download(this->context(), model.M()));
      const CsrArrays<T> expected = download(this->context(), model.csr("A"));
      const CsrArrays<T> actual = download(this->context(), loaded.csr("A"));
      EXPECT_EQ(actual.row_offsets, expected.row_offsets);
      EXPECT_EQ(actual.col_indices, expected.col_indices);
      const auto copied = loaded.clone(this->context());
      const auto U = this->inputs();
      EXPECT_EQ(download(this->context(), copied.predict(this->context(), U).Y),
                download(this->context(), model.predict(this->context(), U).Y));
    }
}

TYPED_TEST(SparseModelTest, RefusesMatricesThatDoNotFitByNameAndSizes) {
  using T = typename TypeParam::Scalar;
  const auto model = this->thin_model();
  const auto refusal = [&](const auto& change, ModelOptions options = {}) {
    ModelMatrices<T> matrices = {.A = this->csr(model.A()),
                                 .B = this->dense(model.B()),
                                 .C = this->dense(model.C()),
                                 .D = this->dense(model.D())};
    change(matrices);
    return text_of<InvalidArgument>([&] { ImplicitModel<T>(this->context(), matrices, options); });
  };
  EXPECT_TRUE(holds(refusal([&](auto& m) { m.A = this->csr(model.A().columns(0, 39)); }),
                    {"A is 40x39", "40x40"}));
  EXPECT_TRUE(holds(refusal([&](auto& m) { m.B = this->dense(model.B().row_range(0, 3)); }),
                    {"B is 3x9", "40x9"}));
  EXPECT_TRUE(holds(refusal([&](auto& m) { m.D = this->csr(model.D().columns(0, 8)); }),
                    {"D is 5x8", "5x9"}));
  EXPECT_TRUE(holds(refusal([](auto& m) { m.D.reset(); }), {"no D", "no_D"}));
  EXPECT_TRUE(
      holds(refusal([](auto&) {}, {.well_posedness = WellPosedness::strictly_upper_triangular()}),
            {"strictly upper triangular", "row"}));
  const auto sparse = this->sparse_of(model, false);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { static_cast<void>(sparse.A()); }), {"csr()"}));
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([&] { static_cast<void>(sparse.csr("B")); }), {"'B'"}));
}

TYPED_TEST(SparseModelTest, IsCertifiedByAPerronVectorWhereItsNormIsAboveOne) {
  using T = typename TypeParam::Scalar;
  // 3 and 0.2 in turn above the diagonal and 0.05 below: ‖A‖∞ = 3.05, λ_pf <= √0.15 + √0.01 < ½.
  constexpr std::size_t k_n = 40;
  std::vector<double> A(k_n * k_n, 0.0);
  for (std::size_t i = 0; i + 1 < k_n; ++i) {
    A[i + (i + 1) * k_n] = i % 2 == 0 ? 3.0 : -0.2;
    A[i + 1 + i * k_n] = 0.05;
  }
  for (double& entry : A) entry = static_cast<double>(static_cast<T>(entry));
  const auto thin = this->thin_model();
  const ImplicitModel<T> model(this->context(),
                               ModelMatrices<T>{.A = this->csr(this->matrix(k_n, k_n, A).view()),
                                                .B = this->csr(thin.B()),
                                                .C = this->csr(thin.C()),
                                                .D = this->csr(thin.D())},
                               {.well_posedness = WellPosedness::none()});
  const auto U = this->inputs();
  const auto prediction = model.predict(this->context(), U);
  ASSERT_TRUE(prediction.report.all_converged());
  EXPECT_GE(prediction.report.contraction, 3.0);
  const auto B = this->fetch_double(thin.B());
  const auto inputs = this->fetch_double(U.view());
  const auto X = this->fetch_double(prediction.X.view());
  for (std::size_t j = 0; j < k_samples; ++j) {
    std::vector<double> z(k_n, 0.0);
    for (std::size_t k = 0; k < 9; ++k)
      for (std::size_t i = 0; i < k_n; ++i) z[i] += B[i + k_n * k] * inputs[k + 9 * j];
    std::vector<double> x(k_n, 0.0);
    for (int iteration = 0; iteration < 300; ++iteration) {  // 2⁻³⁰⁰ is left of the first error
      std::vector<double> next = z;
      for (std::size_t k = 0; k < k_n; ++k)
        for (std::size_t i = 0; i < k_n; ++i) next[i] += A[i + k_n * k] * x[k];
      for (std::size_t i = 0; i < k_n; ++i) x[i] = std::max(next[i], 0.0);
    }
    const double bound = prediction.report.error_bound[j];
    ASSERT_LE(bound, 1e4 * prediction.report.residual[j]);  // not infinite either
    for (std::size_t i = 0; i < k_n; ++i)
      ASSERT_LE(std::abs(X[i + k_n * j] - x[i]), bound + 1e-12) << "state " << i;
  }
}

TYPED_TEST(SparseModelTest, EmptyRowsAndAnEmptyAGiveTheMathematicallyRightAnswer) {
  using T = typename TypeParam::Scalar;
  const auto model = this->thin_model();
  const std::vector<std::int64_t> offsets(41, 0);
  ModelMatrices<T> matrices = {.A = CsrMatrix<T>(this->context(), 40, 40, offsets, {}, {}),
                               .B = this->csr(model.B()),
                               .C = this->csr(model.C()),
                               .D = this->csr(model.D())};
  const ImplicitModel<T> empty(this->context(), matrices);
  const auto U = this->inputs();
  const auto prediction = empty.predict(this->context(), U);
  ASSERT_TRUE(prediction.report.all_converged());
  const auto B = this->fetch_double(model.B());
  const auto inputs = this->fetch_double(U.view());
  const auto X = this->fetch_double(prediction.X.view());
  for (std::size_t j = 0; j < k_samples; ++j)
    for (std::size_t i = 0; i < 40; ++i) {
      double z = 0;
      for (std::size_t k = 0; k < 9; ++k) z += B[i + 40 * k] * inputs[k + 9 * j];
      ASSERT_NEAR(X[i + 40 * j], std::max(z, 0.0), 100 * this->u());
    }
}

}  // namespace
}  // namespace idl::test
