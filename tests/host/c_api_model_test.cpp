// SPDX-License-Identifier: MIT
// Models of the C interface: made of settings, of the caller's memory and of compressed rows; their
// tensors by name.
#include <cmath>
#include <cstring>
#include <map>

#include "tests/host/c_api_fixture.hpp"
#include "tests/io/files.hpp"

namespace idl::test {
namespace {

template <class C>
class CApiModel : public CApiFixture<C> {
 protected:
  using Element = typename C::Scalar;

  std::vector<Element> predict(const idl_model* model, std::int64_t q) {
    const std::vector<Element> U = this->inputs();
    std::vector<Element> Y(static_cast<std::size_t>(q) * sample_count());
    EXPECT_EQ(idl_model_predict(this->c_context_.get(), model, this->k_m, U.data(), this->k_p,
                                Y.data(), q, nullptr, 0, IDL_MEMORY_HOST, nullptr, nullptr),
              IDL_STATUS_OK)
        << idl_last_error();
    return Y;
  }
  static constexpr std::size_t sample_count() {
    return static_cast<std::size_t>(CApiFixture<C>::k_m);
  }
  /// [ .5 0 . . . ; ... ]: 5×5 with an empty row.
  std::vector<std::int64_t> offsets_ = {0, 2, 3, 3, 4, 6};
  std::vector<std::int32_t> columns_ = {0, 3, 1, 0, 2, 4};
  std::vector<Element> stored_ = {Element(0.5),  Element(-0.25), Element(0.25),
                                  Element(-0.5), Element(0.125), Element(0.5)};

  idl_matrix sparse_A() const {
    auto A = sized<idl_matrix>();
    A.rows = A.cols = this->k_n;
    A.values = stored_.data();
    A.row_offsets = offsets_.data();
    A.col_indices = columns_.data();
    return A;
  }
};
TYPED_TEST_SUITE(CApiModel, AllCases, CaseNames);

TYPED_TEST(CApiModel, IsMadeOfSettingsAndDescribesItselfByThem) {
  using T = typename TypeParam::Scalar;
  const double alpha = 0.25;
  auto settings = this->model_settings();
  settings.activation = "leaky_relu";
  settings.alpha = &alpha;
  settings.kappa = 0.5;
  settings.bias = 1;
  settings.seed = 11;
  const auto made = this->template made<idl_model>([&](idl_model** model) {
    return idl_model_create_with(this->c_context_.get(), &settings, model);
  });
  const ImplicitModel<T> expected(this->context(), {.states = 5, .inputs = 4, .outputs = 3},
                                  {.activation = Activation::leaky_relu(0.25),
                                   .well_posedness = WellPosedness::inf_norm_ball(0.5),
                                   .bias = true},
                                  11);
  EXPECT_EQ(this->parameters(made.get()), this->fetch(expected.M()));
  auto told = sized<idl_model_settings>();
  ASSERT_EQ(idl_model_describe(made.get(), &told), IDL_STATUS_OK);
  EXPECT_STREQ(told.activation, "leaky_relu");
  EXPECT_EQ(*told.alpha, 0.25);
  EXPECT_STREQ(told.well_posedness, "inf_norm_ball");
  EXPECT_EQ(told.kappa, 0.5);
  EXPECT_EQ(told.states, 5);
  EXPECT_EQ(told.precision, TestFixture::k_precision);
  EXPECT_EQ(told.bias, 1);
  told.seed = 11;
  const auto again = this->template made<idl_model>([&](idl_model** model) {
    return idl_model_create_with(this->c_context_.get(), &told, model);
  });
  EXPECT_EQ(this->parameters(again.get()), this->parameters(made.get()));
}

TYPED_TEST(CApiModel, BorrowsMemoryWhoseValuesMayChange) {
  using T = typename TypeParam::Scalar;
  constexpr std::int64_t rows = TestFixture::k_n + TestFixture::k_q;
  constexpr std::int64_t cols = TestFixture::k_n + TestFixture::k_p;
  const ImplicitModel<T> owner = this->cpp_model();
  const std::vector<T> values = this->fetch(owner.M());
  // As PyTorch has it: without gaps.
  Vector<T> memory = Vector<T>::from_host(this->context(), values);
  this->context().synchronize();  // two contexts
  const auto settings = this->model_settings();
  const auto model = this->template made<idl_model>([&](idl_model** made) {
    return idl_model_borrow(this->c_context_.get(), &settings, memory.data(), rows,
                            IDL_MEMORY_DEVICE, made);
  });
  EXPECT_EQ(this->parameters(model.get()), values);
  const std::vector<T> before = this->predict(model.get(), TestFixture::k_q);
  std::vector<T> doubled = values;
  for (std::size_t j = 0; j < cols; ++j)
    for (std::size_t i = TestFixture::k_n; i < rows; ++i) doubled[i + j * rows] *= T(2);
  upload<T>(this->context(), doubled, memory);
  this->context().synchronize();
  const std::vector<T> after = this->predict(model.get(), TestFixture::k_q);
  for (std::size_t k = 0; k < before.size(); ++k) EXPECT_EQ(after[k], T(2) * before[k]) << k;

  // The projection is done in the caller's memory.
  doubled[0] = T(7);
  upload<T>(this->context(), doubled, memory);
  this->context().synchronize();
  ASSERT_EQ(idl_model_project(this->c_context_.get(), model.get()), IDL_STATUS_OK);
  ASSERT_EQ(idl_context_synchronize(this->c_context_.get()), IDL_STATUS_OK);
  const std::vector<T> projected =
      this->fetch(ConstMatrixView<T>{memory.data(), rows, cols, rows, this->device()});
  double sum = 0.0;
  for (std::size_t j = 0; j < TestFixture::k_n; ++j)
    sum += std::abs(static_cast<double>(projected[j * rows]));
  EXPECT_NEAR(sum, 0.95, 1e-6);

  idl_model* none = nullptr;
  expect_refused(idl_model_borrow(this->c_context_.get(), &settings, memory.data(), rows - 1,
                                  IDL_MEMORY_DEVICE, &none),
                 "ld is 7");
  expect_refused(
      idl_model_borrow(this->c_context_.get(), &settings, nullptr, rows, IDL_MEMORY_DEVICE, &none),
      "M is a null pointer");
  if (this->device().kind == DeviceKind::cuda)
    expect_refused(idl_model_borrow(this->c_context_.get(), &settings, doubled.data(), rows,
                                    IDL_MEMORY_HOST, &none),
                   "M is on cpu, the context on cuda:0");
  EXPECT_EQ(none, nullptr);
}

TYPED_TEST(CApiModel, IsMadeOfCompressedRowsBesideDenseMatrices) {
  using T = typename TypeParam::Scalar;
  constexpr auto n = TestFixture::k_n, p = TestFixture::k_p, q = TestFixture::k_q;
  const std::vector<T> B = this->values(n * p, 3), C = this->values(q * n, 4),
                       D = this->values(q * p, 5);
  const idl_matrix matrices[] = {this->sparse_A(), this->dense(B, n, p), this->dense(C, q, n),
                                 this->dense(D, q, p)};
  auto settings = this->model_settings();
  const auto model = this->template made<idl_model>([&](idl_model** made) {
    return idl_model_create_of(this->c_context_.get(), &settings, &matrices[0], &matrices[1],
                               &matrices[2], &matrices[3], made);
  });
  const ImplicitModel<T> expected(
      this->context(),
      {.A = CsrMatrix<T>(this->context(), n, n, this->offsets_, this->columns_, this->stored_),
       .B = Matrix<T>::from_host(this->context(), n, p, B),
       .C = Matrix<T>::from_host(this->context(), q, n, C),
       .D = Matrix<T>::from_host(this->context(), q, p, D)});
  EXPECT_EQ(this->parameters(model.get()), this->fetch(expected.M()));
  const auto predicted = expected.predict(
      this->context(), Matrix<T>::from_host(this->context(), p, TestFixture::k_m, this->inputs()));
  EXPECT_EQ(this->predict(model.get(), q), this->fetch(predicted.Y));

  std::int64_t count = 0, entries = 0;
  ASSERT_EQ(idl_model_tensor_count(model.get(), &count), IDL_STATUS_OK);
  ASSERT_EQ(count, 4);
  auto tensor = sized<idl_tensor>();
  ASSERT_EQ(idl_model_tensor(model.get(), 0, &tensor), IDL_STATUS_OK);
  EXPECT_STREQ(tensor.name, "A.values");
  EXPECT_EQ(tensor.kind, IDL_TENSOR_CSR_VALUES);
  EXPECT_EQ(tensor.rows, 6);
  std::vector<std::int64_t> offsets(n + 1);
  std::vector<std::int32_t> columns(6);
  ASSERT_EQ(idl_model_read_pattern(this->c_context_.get(), model.get(), "A", &entries,
                                   offsets.data(), columns.data()),
            IDL_STATUS_OK);
  EXPECT_EQ(entries, 6);
  EXPECT_EQ(offsets, this->offsets_);
  EXPECT_EQ(columns, this->columns_);
  std::vector<T> stored(6);
  ASSERT_EQ(idl_model_read(this->c_context_.get(), model.get(), "A.values", stored.data(), 6,
                           IDL_MEMORY_HOST),
            IDL_STATUS_OK);
  EXPECT_EQ(stored, this->stored_);
  expect_refused(
      idl_model_read_pattern(this->c_context_.get(), model.get(), "B", &entries, nullptr, nullptr),
      "no 'B' in compressed rows");
}

TYPED_TEST(CApiModel, RefusesMatricesThatAreNoneOrDoNotFit) {
  using T = typename TypeParam::Scalar;
  constexpr auto n = TestFixture::k_n, p = TestFixture::k_p, q = TestFixture::k_q;
  const std::vector<T> values = this->values(n * n, 3);
  const idl_matrix B = this->dense(values, n, p), C = this->dense(values, q, n),
                   D = this->dense(values, q, p);
  auto settings = this->model_settings();
  idl_model* model = nullptr;
  const auto make = [&](const idl_matrix& A, const idl_matrix* of_D) {
    return idl_model_create_of(this->c_context_.get(), &settings, &A, &B, &C, of_D, &model);
  };
  const idl_matrix good = this->sparse_A();
  expect_refused(make(good, nullptr), "there is no D");
  expect_refused(make(this->dense(values, n, n - 1), &D), "A is 5x4");
  idl_matrix A = good;
  A.struct_size = 4;
  expect_refused(make(A, &D), "struct_size of idl_matrix is 4");
  A = good;
  A.col_indices = nullptr;
  expect_refused(make(A, &D), "A.col_indices is a null pointer");
  A = good;
  A.row_offsets = nullptr;
  expect_refused(make(A, &D), "A.col_indices are there");
  A = this->dense(values, n, n);
  A.ld = n - 1;
  expect_refused(make(A, &D), "A.ld is 4");
  A = this->dense(values, -1, n);
  expect_refused(make(A, &D), "A.rows is -1");
  A = good;
  const std::vector<std::int32_t> twice = {0, 0, 1, 0, 2, 4};
  A.col_indices = twice.data();
  expect_refused(make(A, &D), "row 0");
  settings.states = 6;
  expect_refused(make(good, &D), "states is 6, by the matrices it is 5");
  EXPECT_EQ(model, nullptr);
}

TYPED_TEST(CApiModel, NamesItsTensorsReadsAndWritesThem) {
  using T = typename TypeParam::Scalar;
  const idl_model* model = this->c_model_.get();
  const std::vector<T> M = this->parameters(model);
  std::map<std::string, idl_tensor> tensors;
  std::int64_t count = 0;
  ASSERT_EQ(idl_model_tensor_count(model, &count), IDL_STATUS_OK);
  for (std::int64_t k = 0; k < count; ++k) {
    auto tensor = sized<idl_tensor>();
    ASSERT_EQ(idl_model_tensor(model, k, &tensor), IDL_STATUS_OK);
    tensors[tensor.name] = tensor;
  }
  ASSERT_EQ(tensors.size(), 4U);
  for (const auto& [name, tensor] : tensors) {
    constexpr T gap = T(-7);
    const std::int64_t ld = tensor.rows + 2;
    std::vector<T> values(static_cast<std::size_t>(ld * tensor.cols), gap);
    ASSERT_EQ(idl_model_read(this->c_context_.get(), model, name.c_str(), values.data(), ld,
                             IDL_MEMORY_HOST),
              IDL_STATUS_OK);
    for (std::int64_t j = 0; j < tensor.cols; ++j) {
      for (std::int64_t i = 0; i < tensor.rows; ++i)
        EXPECT_EQ(values[static_cast<std::size_t>(i + j * ld)],
                  M[static_cast<std::size_t>(tensor.offset + i + j * tensor.ld)]);
      EXPECT_EQ(values[static_cast<std::size_t>(tensor.rows + j * ld)], gap);
    }
  }
  const idl_tensor& B = tensors.at("B");
  const std::vector<T> values = this->values(B.rows * B.cols, 8);
  ASSERT_EQ(idl_model_write(this->c_context_.get(), this->c_model_.get(), "B", values.data(),
                            B.rows, IDL_MEMORY_HOST),
            IDL_STATUS_OK);
  const std::vector<T> changed = this->parameters(model);
  EXPECT_EQ(changed[static_cast<std::size_t>(B.offset)], values[0]);
  EXPECT_EQ(changed[0], M[0]);

  auto tensor = sized<idl_tensor>();
  expect_refused(idl_model_tensor(model, 4, &tensor), "index is 4, the model has 4 tensors");
  expect_refused(idl_model_write(this->c_context_.get(), this->c_model_.get(), "W", values.data(),
                                 5, IDL_MEMORY_HOST),
                 "no tensor 'W', it has: A, B, C, D");
  expect_refused(idl_model_write(this->c_context_.get(), this->c_model_.get(), "B", values.data(),
                                 4, IDL_MEMORY_HOST),
                 "ld is 4");
}

TYPED_TEST(CApiModel, TakesAnotherKappaWithItsProjection) {
  using T = typename TypeParam::Scalar;
  ASSERT_EQ(idl_model_set_kappa(this->c_context_.get(), this->c_model_.get(), 0.25), IDL_STATUS_OK)
      << idl_last_error();
  const std::vector<T> M = this->parameters(this->c_model_.get());
  constexpr std::size_t rows = TestFixture::k_n + TestFixture::k_q;
  for (std::size_t i = 0; i < TestFixture::k_n; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < TestFixture::k_n; ++j)
      sum += std::abs(static_cast<double>(M[i + j * rows]));
    EXPECT_LE(sum, 0.25 * (1 + 1e-6));
  }
  auto told = sized<idl_model_settings>();
  ASSERT_EQ(idl_model_describe(this->c_model_.get(), &told), IDL_STATUS_OK);
  EXPECT_EQ(told.kappa, 0.25);
  expect_refused(idl_model_set_kappa(this->c_context_.get(), this->c_model_.get(), 1.0), "kappa");
  auto settings = this->model_settings();
  settings.well_posedness = "none";
  const auto free = this->template made<idl_model>([&](idl_model** model) {
    return idl_model_create_with(this->c_context_.get(), &settings, model);
  });
  expect_refused(idl_model_set_kappa(this->c_context_.get(), free.get(), 0.5),
                 "only inf_norm_ball has a kappa");
}

TYPED_TEST(CApiModel, SavesTheStepThatItIsOf) {
  const TemporaryFolder folder;
  const std::string path = (folder / "model.safetensors").string();
  auto settings = sized<idl_save_settings>();
  settings.step = 42;
  ASSERT_EQ(
      idl_model_save_with(this->c_context_.get(), this->c_model_.get(), path.c_str(), &settings),
      IDL_STATUS_OK);
  EXPECT_EQ(io::read_safetensors(path).metadata.at("step"), "42");
  settings.step = -1;
  expect_refused(
      idl_model_save_with(this->c_context_.get(), this->c_model_.get(), path.c_str(), &settings),
      "step is -1");
}

TYPED_TEST(CApiModel, RefusesSettingsThatContradictEachOther) {
  const double alpha = 0.5;
  idl_model* model = nullptr;
  const auto refused = [&](auto change, const std::string& part) {
    auto settings = this->model_settings();
    change(settings);
    expect_refused(idl_model_create_with(this->c_context_.get(), &settings, &model), part);
    EXPECT_EQ(model, nullptr);
  };
  refused([&](auto& s) { s.alpha = &alpha; }, "the activation relu has none");
  refused([](auto& s) { s.activation = "rellu"; }, "rellu");
  refused([](auto& s) { s.well_posedness = "none", s.kappa = 0.5; }, "only inf_norm_ball has one");
  refused([](auto& s) { s.kappa = 1.5; }, "kappa is 1.5");
  refused([](auto& s) { s.states = 0; }, "states is 0");
  refused([](auto& s) { s.precision = 7; }, "precision is 7");
  refused([](auto& s) { s.activation = "gelu"; }, "Lipschitz");
  expect_refused(idl_model_create_with(this->c_context_.get(), nullptr, &model),
                 "settings is a null pointer");
}

}  // namespace
}  // namespace idl::test
