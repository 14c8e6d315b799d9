// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"
#include "tests/io/files.hpp"

/// Models as files: what is written, what is read back, what is refused.
namespace idl::test {
namespace {

namespace fs = std::filesystem;

template <class C>
class ModelFile : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  fs::path path() const { return folder_ / "model.safetensors"; }
  const fs::path& folder() const { return folder_.path(); }

  std::vector<Scalar> predictions(const ImplicitModel<Scalar>& model) {
    const auto p = model.shape().inputs;
    const auto U = this->matrix(p, 9, RandomValues(90).uniforms(9 * p, -1.0, 1.0));
    return this->fetch(model.predict(this->context(), U.view()).Y.view());
  }

  /// A file of the original package: the blocks of a model with n=3, p=2, q=1, and no metadata.
  static io::Safetensors plain_file() {
    io::Safetensors file;
    const auto add = [&](const char* name, std::vector<std::int64_t> shape, double scale) {
      std::vector<Scalar> values(static_cast<std::size_t>(shape[0] * shape[1]));
      for (std::size_t k = 0; k < values.size(); ++k)
        values[k] = static_cast<Scalar>(scale * static_cast<double>(k + 1));
      file.tensors[name] = io::Array::from<Scalar>(shape, values);
    };
    add("A", {3, 3}, 0x1p-6);
    add("B", {3, 2}, 0.5);
    add("C", {1, 3}, 0.25);
    add("D", {1, 2}, 2.0);
    return file;
  }

 private:
  TemporaryFolder folder_;
};
TYPED_TEST_SUITE(ModelFile, AllCases, CaseNames);

TYPED_TEST(ModelFile, GivesBackTheSameBitsForEveryKindOfModel) {
  using T = typename TypeParam::Scalar;
  for (const ModelOptions& options :
       {ModelOptions{}, ModelOptions{.bias = true}, ModelOptions{.no_D = true},
        ModelOptions{.bias = true, .no_D = true},
        ModelOptions{.activation = Activation::leaky_relu(0.3)},
        ModelOptions{.activation = {ActivationKind::tanh},
        .well_posedness = WellPosedness::inf_norm_ball(0.1)},
        ModelOptions{.activation = Activation::elu(),
        .well_posedness = WellPosedness::strictly_upper_triangular()},
        ModelOptions{.well_posedness = WellPosedness::none()}}) {
    const ImplicitModel<T> model(this->context(), {13, 6, 3}, options, 17);
    save_model(this->context(), model, this->path(), 5);
    const auto loaded = load_model<T>(this->context(), this->path());
    EXPECT_EQ(loaded.shape(), model.shape());
    EXPECT_EQ(loaded.options().activation, options.activation);
    EXPECT_EQ(loaded.options().well_posedness, options.well_posedness);
    EXPECT_EQ(loaded.options().bias, options.bias);
    EXPECT_EQ(loaded.options().no_D, options.no_D);
    EXPECT_TRUE(same_bits(this->fetch(loaded.M()), this->fetch(model.M())));
    EXPECT_TRUE(same_bits(this->predictions(loaded), this->predictions(model)));
  }
}

TYPED_TEST(ModelFile, HoldsWhatTheOriginalPackageExpects) {
  using T = typename TypeParam::Scalar;
  for (const bool bias : {false, true}) {
    const ImplicitModel<T> model(this->context(), {4, 2, 3}, {.bias = bias}, 1);
    save_model(this->context(), model, this->path());
    const io::Safetensors file = io::read_safetensors(this->path());
    const std::int64_t rows = bias ? 3 : 2;
    EXPECT_EQ(file.tensors.size(), 4U);
    EXPECT_EQ(file.at("A").shape, (std::vector<std::int64_t>{4, 4}));
    EXPECT_EQ(file.at("B").shape, (std::vector<std::int64_t>{4, rows}));
    EXPECT_EQ(file.at("C").shape, (std::vector<std::int64_t>{3, 4}));
    EXPECT_EQ(file.at("D").shape, (std::vector<std::int64_t>{3, rows}));
    const std::vector<T> B = this->fetch(model.B());  // column-major
    const std::vector<T> written = file.at("B").template as<T>();
    for (std::size_t i = 0; i < 4; ++i)
      for (std::size_t j = 0; j < static_cast<std::size_t>(rows); ++j)
        EXPECT_EQ(written[i * static_cast<std::size_t>(rows) + j], B[i + 4 * j]);
    const auto type = std::is_same_v<T, float> ? io::DataType::f32 : io::DataType::f64;
    for (const auto& [name, array] : file.tensors) EXPECT_EQ(array.type, type) << name;
  }
}

TYPED_TEST(ModelFile, HoldsNoDWhereTheModelHasNone) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), {4, 2, 3}, {.no_D = true}, 1);
  save_model(this->context(), model, this->path());
  const io::Safetensors file = io::read_safetensors(this->path());
  EXPECT_FALSE(file.tensors.contains("D"));
  EXPECT_EQ(file.tensors.size(), 3U);
}

TYPED_TEST(ModelFile, SaysWhatTheModelIs) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), {4, 2, 3},
                               {.activation = Activation::leaky_relu(0.25),
                                .well_posedness = WellPosedness::inf_norm_ball(0.7),
                                .bias = true});
  save_model(this->context(), model, this->path(), 1234);
  const auto metadata = io::read_safetensors(this->path()).metadata;
  EXPECT_EQ(metadata.at("activation"), "leaky_relu");
  EXPECT_EQ(std::stod(metadata.at("alpha")), 0.25);
  EXPECT_EQ(metadata.at("well_posedness"), "inf_norm_ball");
  EXPECT_EQ(std::stod(metadata.at("kappa")), 0.7);
  EXPECT_EQ(metadata.at("bias"), "true");
  EXPECT_EQ(metadata.at("step"), "1234");
}

TYPED_TEST(ModelFile, IsFeasibleWhateverHappenedBeforeAndSaysSo) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model(this->context(), {8, 2, 1}, {}, 1);
  this->put(model.A(), RandomValues(91).matrix_of_norm(8, 3.0));
  const std::vector<T> before = this->fetch(model.M());
  save_model(this->context(), model, this->path());
  EXPECT_TRUE(same_bits(this->fetch(model.M()), before)) << "saving changed the model";
  EXPECT_TRUE(holds(this->take_warnings().at(0), {"project()", "kappa is 0.95"}));
  const std::vector<double> A = io::read_safetensors(this->path()).at("A").template as<double>();
  for (std::size_t i = 0; i < 8; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < 8; ++j) sum += std::abs(A[8 * i + j]);
    EXPECT_LE(sum, 0.95) << "row " << i;
  }
}

TYPED_TEST(ModelFile, WithoutMetadataIsReadAsTheOriginalPackageMeansIt) {
  using T = typename TypeParam::Scalar;
  io::write_safetensors(this->path(), this->plain_file());
  const auto model = load_model<T>(this->context(), this->path());
  EXPECT_EQ(model.shape(), (ModelShape{3, 2, 1}));
  EXPECT_EQ(model.options().activation, Activation{});
  EXPECT_EQ(model.options().well_posedness, WellPosedness::inf_norm_ball(0.95));
  EXPECT_FALSE(model.options().bias);
  EXPECT_TRUE(holds(this->take_warnings().at(0), {"activation: relu (assumed"}));
  // Row-major 1..9 over 64, read column by column.
  EXPECT_EQ(this->fetch_double(model.A()),
            (std::vector<double>{1 / 64.0, 4 / 64.0, 7 / 64.0, 2 / 64.0, 5 / 64.0, 8 / 64.0,
                                 3 / 64.0, 6 / 64.0, 9 / 64.0}));
  EXPECT_EQ(this->fetch_double(model.B()), (std::vector<double>{0.5, 1.5, 2.5, 1.0, 2.0, 3.0}));
  EXPECT_EQ(this->fetch_double(model.D()), (std::vector<double>{2.0, 4.0}));
}

TYPED_TEST(ModelFile, IsReadWithTheOptionsThatTheCallerKnows) {
  using T = typename TypeParam::Scalar;
  io::write_safetensors(this->path(), this->plain_file());
  const auto model =
      load_model<T>(this->context(), this->path(),
                    {.activation = ActivationKind::tanh, .kappa = 0.4, .bias = true});
  EXPECT_EQ(model.shape(), (ModelShape{3, 1, 1}));
  EXPECT_EQ(model.options().activation.kind, ActivationKind::tanh);
  EXPECT_TRUE(model.options().bias);
  EXPECT_EQ(model.options().well_posedness, WellPosedness::inf_norm_ball(0.4));
  EXPECT_EQ(this->fetch_double(model.A()).at(8), 9 / 64.0);
}

TYPED_TEST(ModelFile, OfTheOtherPrecisionIsConverted) {
  using T = typename TypeParam::Scalar;
  using Other = std::conditional_t<std::is_same_v<T, float>, double, float>;
  const ImplicitModel<Other> model(this->context(), {5, 2, 2}, {}, 3);
  save_model(this->context(), model, this->path());
  const auto loaded = load_model<T>(this->context(), this->path());
  const std::vector<Other> values = download(this->context(), model.B());
  EXPECT_EQ(this->fetch(loaded.B()), std::vector<T>(values.begin(), values.end()));
}

TYPED_TEST(ModelFile, IsRefusedWhereSomethingIsWrongWithTheReason) {
  using T = typename TypeParam::Scalar;
  const auto refusal = [&](const std::function<void(io::Safetensors&)>& spoil) {
    io::Safetensors file = this->plain_file();
    spoil(file);
    io::write_safetensors(this->path(), file);
    return text_of<IoError>([&] { (void)load_model<T>(this->context(), this->path()); });
  };
  const std::string name = this->path().string();
  EXPECT_TRUE(holds(refusal([](auto& file) { file.tensors.erase("A"); }), {name, "A"}));
  EXPECT_TRUE(holds(refusal([](auto& file) { file.tensors.erase("C"); }), {name, "C"}));
  EXPECT_TRUE(holds(refusal([](auto& file) {
                      file.tensors["A"].shape = {1, 9};
                    }),
                    {name, "A", "(1, 9)", "(1, 1)"}));
  EXPECT_TRUE(holds(refusal([](auto& file) {
                      file.tensors["D"].shape = {2, 1};
                    }),
                    {name, "D", "(2, 1)", "(1, 2)"}));
  EXPECT_TRUE(
      holds(refusal([](auto& file) { file.tensors["B"].shape = {6}; }), {name, "B", "(6,)"}));
  EXPECT_TRUE(holds(refusal([](auto& file) {
                      const std::vector<T> values = {1, 2, std::numeric_limits<T>::quiet_NaN()};
                      file.tensors["C"] = io::Array::from<T>({1, 3}, values);
                    }),
                    {name, "C[0, 2]", "finite"}));
  const auto with = [&](const char* key, const char* value) {
    return refusal([&](auto& file) {
      file.metadata = {{"idl_format_version", "1"}, {key, value}};
    });
  };
  EXPECT_TRUE(holds(with("activation", "rellu"), {name, "rellu"}));
  EXPECT_TRUE(holds(with("alpha", "0.1x"), {name, "alpha", "0.1x"}));
  EXPECT_TRUE(holds(with("bias", "maybe"), {name, "bias", "maybe"}));
  EXPECT_TRUE(holds(with("kapa", "0.9"), {name, "kapa"}));
  EXPECT_TRUE(holds(with("no_D", "true"), {name, "no_D"}));
  EXPECT_TRUE(holds(refusal([](auto& file) {
                      file.metadata = {{"idl_format_version", "99"}};
                    }),
                    {name, "99"}));
}

TYPED_TEST(ModelFile, ThatIsMissingOrCannotBeWrittenIsTold) {
  using T = typename TypeParam::Scalar;
  EXPECT_TRUE(holds(text_of<IoError>([&] { (void)load_model<T>(this->context(), this->path()); }),
                    {this->path().string()}));
  const ImplicitModel<T> model(this->context(), {2, 1, 1});
  const fs::path nowhere = this->folder() / "missing" / "model.safetensors";
  EXPECT_TRUE(
      holds(text_of<IoError>([&] { save_model(this->context(), model, nowhere); }), {"missing"}));
}

TYPED_TEST(ModelFile, ReplacesAnOlderOneAndLeavesNothingElseBehind) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> first(this->context(), {2, 1, 1}, {}, 1);
  const ImplicitModel<T> second(this->context(), {3, 1, 1}, {}, 2);
  save_model(this->context(), first, this->path());
  save_model(this->context(), second, this->path());
  EXPECT_EQ(load_model<T>(this->context(), this->path()).shape().states, 3);
  EXPECT_EQ(std::distance(fs::directory_iterator(this->folder()), fs::directory_iterator{}), 1);
}

TYPED_TEST(ModelFile, FromAnotherDeviceGivesTheSameParameters) {
  using T = typename TypeParam::Scalar;
  Context cpu(Device::cpu());
  const ImplicitModel<T> model(cpu, {9, 4, 2}, {}, 8);
  save_model(cpu, model, this->path());
  const auto loaded = load_model<T>(this->context(), this->path());
  EXPECT_TRUE(same_bits(this->fetch(loaded.M()), download(cpu, model.M())));
}

}  // namespace
}  // namespace idl::test
