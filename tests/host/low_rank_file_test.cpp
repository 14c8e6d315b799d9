// SPDX-License-Identifier: MIT
// Models whose A is LRᵀ in files.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "idl/io.hpp"
#include "idl/model_description.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"
#include "tests/io/files.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 12, .inputs = 5, .outputs = 3};

template <class C>
class LowRankFileTest : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  ImplicitModel<Element> model(ModelOptions options) {
    ImplicitModel<Element> model(this->context(), k_shape, options, 5);
    this->put(model.R(), random_.uniforms(k_shape.states * *options.rank, -2, 2));
    model.project(this->context());
    return model;
  }
  Matrix<Element> inputs() { return this->matrix(5, 4, random_.uniforms(5 * 4, -1, 1)); }

  RandomValues random_{29};
};
TYPED_TEST_SUITE(LowRankFileTest, AllCases, CaseNames);

TYPED_TEST(LowRankFileTest, SavesAndLoadsWithTheSameBits) {
  using T = typename TypeParam::Scalar;
  const TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  const auto U = this->inputs();
  const auto check = [&](const ImplicitModel<T>& model) {
    save_model(this->context(), model, path, 7);
    const auto loaded = load_model<T>(this->context(), path);
    EXPECT_EQ(loaded.shape(), model.shape());
    EXPECT_EQ(loaded.options(), model.options());
    EXPECT_EQ(loaded.layout(), model.layout());
    EXPECT_TRUE(same_bits(this->fetch(loaded.M()), this->fetch(model.M())));
    EXPECT_TRUE(
        same_bits(this->fetch(loaded.clone(this->context()).predict(this->context(), U).Y.view()),
                  this->fetch(model.predict(this->context(), U).Y.view())));
  };
  for (const index_t rank : {0, 3, 40})
    for (const bool bias : {false, true})
      check(this->model({.bias = bias, .no_D = bias, .rank = rank}));
  // Beside matrices in compressed rows.
  const auto model = this->model({.rank = 3});
  const auto csr = [&](ConstMatrixView<T> matrix) {
    return CsrMatrix<T>::from_dense(this->context(), matrix);
  };
  const auto copied = [&](ConstMatrixView<T> view) {
    return this->matrix(view.rows, view.cols, this->fetch_double(view));
  };
  ModelMatrices<T> matrices = {
      .A = LowRankMatrix<T>{.L = copied(model.L()), .R = copied(model.R())},
      .B = csr(model.B()),
      .C = csr(model.C()),
      .D = csr(model.D())};
  const ImplicitModel<T> mixed(this->context(), matrices);
  EXPECT_EQ(mixed.options(), model.options());
  EXPECT_TRUE(same_bits(this->fetch(mixed.L()), this->fetch(model.L())));
  const auto Y = this->fetch_double(model.predict(this->context(), U).Y.view());
  const auto Y_mixed = this->fetch_double(mixed.predict(this->context(), U).Y.view());
  for (std::size_t k = 0; k < Y.size(); ++k) EXPECT_NEAR(Y_mixed[k], Y[k], 1e-4);
  check(mixed);
}

using Shape = std::vector<std::int64_t>;

/// A file of a model with 3 states, 2 inputs and 2 outputs whose A has rank 2.
io::Safetensors good_file() {
  io::Safetensors file;
  const auto put = [&](const std::string& name, const Shape& shape) {
    const std::vector<float> values(static_cast<std::size_t>(shape[0] * shape[1]), 0.25F);
    file.tensors[name] = io::Array::from<float>(shape, std::span<const float>(values));
  };
  put("L", {3, 2});
  put("R", {3, 2});
  put("B", {3, 2});
  put("C", {2, 3});
  put("D", {2, 2});
  file.metadata = {{"idl_format_version", "1"},
                   {"activation", "relu"},
                   {"well_posedness", "inf_norm_ball"},
                   {"kappa", "0.95"},
                   {"bias", "false"}};
  return file;
}

/// What is said of the file after this change.
template <class Change>
std::string refusal(const Change& change, const LoadOptions& options = {}) {
  const TemporaryFolder folder;
  io::Safetensors file = good_file();
  change(file);
  io::write_safetensors(folder / "model.safetensors", file);
  Context context(Device::cpu());
  return text_of<IoError>(
      [&] { load_model<float>(context, folder / "model.safetensors", options); });
}

io::Array floats(const Shape& shape, const std::vector<float>& values) {
  return io::Array::from<float>(shape, std::span<const float>(values));
}

TEST(LowRankFile, IsRefusedWithTheNamesAndSizesThatDoNotFit) {
  EXPECT_TRUE(holds(refusal([](auto& file) {
                      file.tensors["A"] = floats({1, 1}, {0});
                    }),
                    {"A is there twice", "'L'"}));
  EXPECT_TRUE(holds(refusal([](auto& file) {
                      const std::vector<std::int64_t> none(4, 0);
                      const std::vector<std::int64_t> empty;
                      file.tensors["A.crow_indices"] =
                          io::Array::from<std::int64_t>({4}, std::span<const std::int64_t>(none));
                      file.tensors["A.col_indices"] =
                          io::Array::from<std::int64_t>({0}, std::span<const std::int64_t>(empty));
                      file.tensors["A.values"] = floats({0}, {});
                    }),
                    {"A is there twice", "'L'"}));
  EXPECT_TRUE(holds(refusal([](auto& file) { file.tensors.erase("R"); }), {"by 'L'", "no 'R'"}));
  EXPECT_TRUE(holds(refusal([](auto& file) { file.tensors.erase("L"); }), {"by 'R'", "no 'L'"}));
  EXPECT_TRUE(holds(refusal([](auto& file) {
                      file.tensors["R"] = floats({3, 1}, {0, 0, 0});
                    }),
                    {"R has shape", "(3, 1)", "(3, 2)"}));
  EXPECT_TRUE(holds(refusal([](auto& file) {
                      file.tensors["L"] = floats({2, 1}, {0, 0});
                    }),
                    {"R has shape", "(3, 2)", "(2, 1)"}));
  EXPECT_TRUE(holds(refusal([](auto& file) {
                      file.tensors["L"] = floats({3}, {0, 0, 0});
                    }),
                    {"L has shape (3,)", "two dimensions"}));
  EXPECT_TRUE(holds(refusal([](auto& file) {
                      file.tensors["L"] = floats({3, 2}, {0, 0, 0, 0, 0, std::nanf("")});
                    }),
                    {"L[2, 1] is not finite"}));
  EXPECT_TRUE(holds(
      refusal([](auto& file) { file.metadata["well_posedness"] = "strictly_upper_triangular"; }),
      {"L R^T", "strictly upper"}));
}

TEST(LowRankFile, OutsideItsConstraintIsToldByTheNormsOfTheFactorsAndProjectedWhereAsked) {
  // Rows of L sum to 1, columns of R to 0.75.
  const auto widen = [](auto& file) {
    file.tensors["L"] = floats({3, 2}, {0.5F, 0.5F, 0, 0, 0, 0});
  };
  EXPECT_TRUE(holds(refusal(widen),
                    {"the larger of |L|_inf and |R^T|_inf is 1", "kappa is 0.95", "--project"}));
  const TemporaryFolder folder;
  io::Safetensors file = good_file();
  widen(file);
  file.metadata.clear();
  io::write_safetensors(folder / "model.safetensors", file);
  std::vector<std::string> told;
  Context context({.device = Device::cpu(),
                   .log = [&](Severity, std::string_view text) { told.emplace_back(text); }});
  const LoadOptions free = {.well_posedness = WellPosednessKind::none};
  const auto as_it_is = load_model<double>(context, folder / "model.safetensors", free);
  EXPECT_EQ(download(context, as_it_is.L())[0], 0.5);
  const auto projected =
      load_model<double>(context, folder / "model.safetensors", {.kappa = 0.36, .project = true});
  EXPECT_NEAR(download(context, projected.L())[0], 0.3, 1e-12);
  // 0.75 is to become 0.6 by the same from each.
  for (const double entry : download(context, projected.R())) EXPECT_NEAR(entry, 0.2, 1e-12);
  const ModelExamination examined = examine_model(folder / "model.safetensors", free);
  EXPECT_EQ(examined.description.options.rank, 2);
  EXPECT_EQ(examined.parameters, 6 + 6 + 6 + 6 + 4);
  EXPECT_EQ(examined.density, 24.0 / 28.0);
  EXPECT_EQ(examined.well_posedness.density, 8.0 / 12.0);
  EXPECT_EQ(examined.well_posedness.inf_norm, 0.75);
  EXPECT_FALSE(told.empty());
}

TEST(LowRankFile, ChangedWithoutProjectionIsSavedProjected) {
  const TemporaryFolder folder;
  std::vector<std::string> told;
  Context context({.device = Device::cpu(),
                   .log = [&](Severity, std::string_view text) { told.emplace_back(text); }});
  ImplicitModel<double> model(context, k_shape, {.rank = 1}, 5);
  upload<double>(context, std::vector<double>(12, 1.0), model.R());
  save_model(context, model, folder / "model.safetensors");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(holds(told[0], {"|R^T|_inf is 12"}));
  const auto loaded = load_model<double>(context, folder / "model.safetensors");
  for (const double entry : download(context, loaded.R()))
    EXPECT_NEAR(entry, std::sqrt(0.95) / 12, 1e-12);
}

}  // namespace
}  // namespace idl::test
