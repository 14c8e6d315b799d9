// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <initializer_list>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idl/io.hpp"
#include "idl/model_description.hpp"
#include "idl/recurrent.hpp"
#include "tests/host/device_test.hpp"
#include "tests/io/files.hpp"

namespace idl::test {
namespace {

constexpr RecurrentShape k_file_shape{.inputs = 2, .states = 5, .hidden = 3, .outputs = 4};

template <class C>
class RecurrentFile : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "rnn.safetensors";

  ImplicitRnn<Element> model(RecurrentShape shape = k_file_shape) {
    return ImplicitRnn<Element>(
        this->context(), shape,
        {.activation = {ActivationKind::tanh}, .well_posedness = {.kappa = 0.5}, .bias = true}, 4);
  }
  void expect_same(const ImplicitRnn<Element>& a, const ImplicitRnn<Element>& b) {
    EXPECT_EQ(a.shape(), b.shape());
    EXPECT_EQ(a.cell().options(), b.cell().options());
    EXPECT_TRUE(same_bits(this->fetch(a.cell().M()), this->fetch(b.cell().M())));
    EXPECT_TRUE(same_bits(this->fetch(a.head()), this->fetch(b.head())));
  }
  ImplicitRnn<Element> load(const LoadOptions& options = {}) {
    return load_rnn<Element>(this->context(), path_, options);
  }
  /// The file as it is after `change`.
  template <class Change>
  void rewrite(const Change& change) {
    io::Safetensors file = io::read_safetensors(path_);
    change(file);
    io::write_safetensors(path_, file);
  }
};
TYPED_TEST_SUITE(RecurrentFile, AllCases, CaseNames);

TYPED_TEST(RecurrentFile, HasTheNamesOfTheOriginalPackageAndIsReadBackBitForBit) {
  const auto model = this->model();
  DataFormat data;
  data.classes = {"a", "b", "c", "d"};
  save_model(this->context(), model, this->path_, 12, data);
  const io::Safetensors file = io::read_safetensors(this->path_);
  const std::map<std::string, std::vector<std::int64_t>> expected = {
      {"recurrent.layer.A", {5, 5}}, {"recurrent.layer.B", {5, 6}}, {"recurrent.layer.C", {3, 5}},
      {"recurrent.layer.D", {3, 6}}, {"linear.weight", {4, 3}},     {"linear.bias", {4}}};
  EXPECT_EQ(file.tensors.size(), expected.size());
  for (const auto& [name, shape] : expected) EXPECT_EQ(file.at(name).shape, shape) << name;
  EXPECT_EQ(file.metadata.at("input_size"), "2");
  EXPECT_EQ(file.metadata.at("hidden_size"), "3");
  const std::vector<double> head = this->fetch_double(model.head());  // 4×4, column by column
  const std::vector<double> weight = file.at("linear.weight").template as<double>();
  const std::vector<double> bias = file.at("linear.bias").template as<double>();
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < 3; ++j) EXPECT_EQ(weight[3 * i + j], head[4 * j + i]);
    EXPECT_EQ(bias[i], head[4 * 3 + i]);
  }
  this->expect_same(model, this->load());
  const ModelDescription description = describe_model(this->path_);
  EXPECT_EQ(description.recurrent, k_file_shape);
  EXPECT_EQ(description.step, 12);
  EXPECT_EQ(description.data.classes.size(), 4U);
}

TYPED_TEST(RecurrentFile, WithoutAHeadItIsTheOriginalPackagesCell) {
  const auto model = this->model({.inputs = 2, .states = 5, .hidden = 3});
  save_model(this->context(), model, this->path_);
  const io::Safetensors file = io::read_safetensors(this->path_);
  EXPECT_EQ(file.tensors.size(), 4U);
  EXPECT_TRUE(file.contains("layer.A"));
  this->expect_same(model, this->load());
}

TYPED_TEST(RecurrentFile, OfTheOriginalPackageIsKnownByItsNamesOrItsMetadata) {
  const auto model = this->model();
  save_model(this->context(), model, this->path_);
  const LoadOptions said{.activation = ActivationKind::tanh, .kappa = 0.5, .bias = true};
  this->rewrite([](io::Safetensors& file) { file.metadata.clear(); });
  this->expect_same(model, this->load(said));
  this->rewrite([](io::Safetensors& file) {
    std::map<std::string, io::Array> renamed;
    for (const auto& [name, array] : file.tensors) renamed["module." + name] = array;
    file.tensors = renamed;
  });
  this->expect_same(model, this->load(said));

  const auto cell = this->model({.inputs = 2, .states = 5, .hidden = 3});
  save_model(this->context(), cell, this->path_);
  this->rewrite([](io::Safetensors& file) {
    file.metadata = {{"input_size", "2"}, {"hidden_size", "3"}};
  });
  this->expect_same(cell, this->load(said));
  this->rewrite([](io::Safetensors& file) { file.metadata.clear(); });
  EXPECT_TRUE(holds(text_of<IoError>([&] { this->load(said); }),
                    {"is no recurrent model", "input_size and hidden_size"}));
}

TYPED_TEST(RecurrentFile, ItsCellIsAModelAsAnyOther) {
  using T = typename TypeParam::Scalar;
  const auto model = this->model();
  save_model(this->context(), model, this->path_);
  const auto cell = load_model<T>(this->context(), this->path_, {.cell_alone = true});
  EXPECT_TRUE(same_bits(this->fetch(cell.M()), this->fetch(model.cell().M())));
  const auto [any, description] = load_any_model<T>(this->context(), this->path_);
  EXPECT_TRUE(std::holds_alternative<ImplicitRnn<T>>(any));
  EXPECT_EQ(examine_model(this->path_).parameters, model.cell().M().rows * model.cell().M().cols);
}

TYPED_TEST(RecurrentFile, IsRefusedWhereAModelWithoutRecurrenceIsExpected) {
  using T = typename TypeParam::Scalar;
  for (const index_t outputs : {4, 0}) {
    SCOPED_TRACE(std::to_string(outputs) + " outputs");
    save_model(this->context(),
               this->model({.inputs = 2, .states = 5, .hidden = 3, .outputs = outputs}),
               this->path_);
    const std::initializer_list<std::string_view> parts = {
        this->path_.native(), "is a recurrent model (hidden 3)", "load_rnn()", "idl predict"};
    EXPECT_TRUE(
        holds(text_of<InvalidArgument>([&] { (void)load_model<T>(this->context(), this->path_); }),
              parts));
    EXPECT_TRUE(holds(text_of<InvalidArgument>(
                          [&] { (void)load_described_model<T>(this->context(), this->path_); }),
                      parts));
    // So that the prefix is no way around it: it says where the cell is.
    const LoadOptions where{.prefix = outputs > 0 ? "recurrent.layer" : "layer"};
    EXPECT_TRUE(holds(
        text_of<InvalidArgument>([&] { (void)load_model<T>(this->context(), this->path_, where); }),
        parts));
  }
  // A cell of the original package whose file does not say that it is one is a plain model.
  this->rewrite([](io::Safetensors& file) { file.metadata.clear(); });
  const LoadOptions said{.activation = ActivationKind::tanh, .kappa = 0.5, .bias = true};
  EXPECT_EQ(load_model<T>(this->context(), this->path_, said).shape(), (ModelShape{5, 5, 3}));
}

TYPED_TEST(RecurrentFile, IsExaminedWithItsHead) {
  save_model(this->context(), this->model(), this->path_);
  this->rewrite([](io::Safetensors& file) {
    std::vector<float> W(12, 0.5F);
    W[7] = std::numeric_limits<float>::quiet_NaN();
    file.tensors["linear.weight"] = io::Array::from<float>({4, 3}, W);
  });
  EXPECT_TRUE(holds(text_of<IoError>([&] { (void)examine_model(this->path_); }),
                    {"linear.weight[2, 1] is not finite"}));
  this->rewrite([](io::Safetensors& file) {
    std::vector<double> W(12, 0.5);
    W[7] = 1e300;
    file.tensors["linear.weight"] = io::Array::from<double>({4, 3}, W);
  });
  EXPECT_TRUE(holds(examine_model(this->path_).beyond_float, {"linear.weight[2, 1] is 1e+300"}));
}

TYPED_TEST(RecurrentFile, HasBothOfItsSizesOrNeither) {
  save_model(this->context(), this->model(), this->path_);
  this->rewrite([](io::Safetensors& file) { file.metadata.erase("input_size"); });
  EXPECT_TRUE(holds(text_of<IoError>([&] { (void)describe_model(this->path_); }),
                    {"have hidden_size and no input_size"}));
  // Alone it may be anything of another program's.
  this->rewrite([](io::Safetensors& file) {
    file.metadata.erase("idl_format_version");
    file.metadata["hidden_size"] = "medium";
  });
  EXPECT_NO_THROW((void)describe_model(this->path_));
}

TYPED_TEST(RecurrentFile, ACellInCompressedRowsKeepsThem) {
  using T = typename TypeParam::Scalar;
  const auto model = this->model();
  ImplicitModel<T> sparse(this->context(),
                          {.A = CsrMatrix<T>::from_dense(this->context(), model.cell().A()),
                           .B = CsrMatrix<T>::from_dense(this->context(), model.cell().B()),
                           .C = CsrMatrix<T>::from_dense(this->context(), model.cell().C()),
                           .D = CsrMatrix<T>::from_dense(this->context(), model.cell().D())},
                          model.cell().options());
  const ImplicitRnn<T> rnn(this->context(), std::move(sparse), 2, model.head());
  save_model(this->context(), rnn, this->path_);
  const ImplicitRnn<T> loaded = this->load();
  EXPECT_TRUE(loaded.cell().is_sparse("A"));
  EXPECT_TRUE(loaded.cell().is_sparse("D"));
  this->expect_same(rnn, loaded);
}

TYPED_TEST(RecurrentFile, WhatDoesNotFitIsRefusedWithBothValues) {
  const auto model = this->model();
  const auto refusal = [&](const auto& change) {
    save_model(this->context(), model, this->path_);
    this->rewrite(change);
    return text_of<IoError>([&] { this->load(); });
  };
  EXPECT_TRUE(holds(refusal([](io::Safetensors& file) { file.metadata["hidden_size"] = "4"; }),
                    {"hidden_size is 4", "takes 5 numbers and gives 3"}));
  EXPECT_TRUE(holds(refusal([](io::Safetensors& file) { file.metadata["input_size"] = "two"; }),
                    {"input_size is 'two'"}));
  EXPECT_TRUE(holds(refusal([](io::Safetensors& file) { file.tensors.erase("linear.weight"); }),
                    {"linear.weight"}));
  EXPECT_TRUE(
      holds(refusal([](io::Safetensors& file) {
              file.tensors["linear.weight"] = io::Array::from<float>({4, 2}, std::vector<float>(8));
            }),
            {"linear.weight has shape (4, 2)", "expected (4, 3)"}));
  EXPECT_TRUE(holds(refusal([](io::Safetensors& file) {
                      file.tensors["linear.bias"] = io::Array::from<float>(
                          {4}, std::vector<float>(4, std::numeric_limits<float>::infinity()));
                    }),
                    {"linear.bias", "not finite"}));
}

TYPED_TEST(RecurrentFile, AHeadThatIsNotFiniteIsNotSaved) {
  using T = typename TypeParam::Scalar;
  auto model = this->model();
  std::vector<T> head = this->fetch(std::as_const(model).head());
  head[5] = std::numeric_limits<T>::quiet_NaN();
  upload<T>(this->context(), head, model.head());
  EXPECT_TRUE(holds(text_of<NotFinite>([&] { save_model(this->context(), model, this->path_); }),
                    {"1 of 12 entries of linear.weight"}));
  EXPECT_FALSE(std::filesystem::exists(this->path_));
}

}  // namespace
}  // namespace idl::test
