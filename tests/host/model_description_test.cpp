// SPDX-License-Identifier: MIT
// What a file and its user say of a model: nothing is changed and nothing guessed without a word.
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "idl/model_description.hpp"
#include "tests/host/device_test.hpp"
#include "tests/io/files.hpp"

namespace idl::test {
namespace {

class DescribedModel : public DeviceTest<Case<DeviceKind::cpu, double>> {
 protected:
  /// n = 2, p = 3, q = 1; ‖A‖∞ = 0.75.
  static io::Safetensors blocks(const std::string& prefix = "") {
    io::Safetensors file;
    put(file, prefix + "A", {2, 2}, {0.5, -0.25, 0.125, 0.25});
    put(file, prefix + "B", {2, 3}, {1, 2, 3, 4, 5, 6});
    put(file, prefix + "C", {1, 2}, {7, 8});
    put(file, prefix + "D", {1, 3}, {9, 10, 11});
    return file;
  }
  static void put(io::Safetensors& file, const std::string& name, std::vector<std::int64_t> shape,
                  const std::vector<double>& values) {
    file.tensors[name] = io::Array::from<double>(std::move(shape), values);
  }
  static io::Safetensors ours(std::map<std::string, std::string> metadata) {
    io::Safetensors file = blocks();
    file.metadata = std::move(metadata);
    file.metadata["idl_format_version"] = "1";
    return file;
  }

  ImplicitModel<double> load(const io::Safetensors& file, const LoadOptions& options = {}) {
    io::write_safetensors(folder_ / "f", file);
    return load_model<double>(context(), folder_ / "f", options);
  }
  ModelOptions options_of(const io::Safetensors& file, const LoadOptions& options = {}) {
    return load(file, options).options();
  }
  template <class E = IoError>
  std::string refusal(const io::Safetensors& file, const LoadOptions& options = {}) {
    return text_of<E>([&] { (void)load(file, options); });
  }
  std::vector<double> A_of(const ImplicitModel<double>& model) { return fetch(model.A()); }

  TemporaryFolder folder_;
};

TEST_F(DescribedModel, WhoseMetadataSayEverythingIsLoadedWithoutAWord) {
  const auto options = options_of(ours({{"activation", "elu"},
                                        {"alpha", "0.5"},
                                        {"well_posedness", "inf_norm_ball"},
                                        {"kappa", "0.8"},
                                        {"bias", "true"},
                                        {"no_D", "false"}}));
  EXPECT_EQ(options.activation, Activation::elu(0.5));
  EXPECT_EQ(options.well_posedness, WellPosedness::inf_norm_ball(0.8));
  EXPECT_TRUE(options.bias);
}

TEST_F(DescribedModel, MayHaveAnyKappaWhereItIsNotUsedAndNoneOutsideItsRangeWhereItIs) {
  for (const char* kind : {"none", "strictly_upper_triangular"}) {
    io::Safetensors file =
        ours({{"activation", "relu"}, {"bias", "false"}, {"well_posedness", kind}, {"kappa", "0"}});
    put(file, "A", {2, 2}, {0, -0.25, 0, 0});
    EXPECT_EQ(to_string(options_of(file).well_posedness.kind), kind);
  }
  EXPECT_TRUE(holds(refusal(ours({{"well_posedness", "inf_norm_ball"}, {"kappa", "0"}})),
                    {(folder_ / "f").string(), "kappa is 0", "(0, 1)"}));
}

TEST_F(DescribedModel, IsUnderstoodWhereAnotherProgramWroteTheSameKeys) {
  io::Safetensors file = blocks();
  file.metadata = {{"activation", "leaky_relu"},
                   {"alpha", "0.25"},
                   {"kappa", "0.75"},
                   {"bias", "False"},
                   {"author", "someone"}};
  const auto options = options_of(file);
  EXPECT_EQ(options.activation, Activation::leaky_relu(0.25));
  EXPECT_EQ(options.well_posedness, WellPosedness::inf_norm_ball(0.75));
  EXPECT_FALSE(options.bias);
  file.metadata["activation"] = "ReLU6";
  EXPECT_TRUE(holds(refusal(file), {"activation", "ReLU6", "leaky_relu"}));
}

TEST_F(DescribedModel, IsCompletedByWhatTheCallerKnows) {
  const auto options = options_of(blocks(), {.activation = ActivationKind::elu,
                                             .alpha = 0.5,
                                             .well_posedness = WellPosednessKind::none,
                                             .bias = true});
  EXPECT_EQ(options.activation, Activation::elu(0.5));
  EXPECT_EQ(options.well_posedness.kind, WellPosednessKind::none);
  EXPECT_TRUE(options.bias);
  EXPECT_TRUE(take_warnings().empty());
  EXPECT_EQ(options_of(blocks(), {.activation = ActivationKind::elu}).activation,
            Activation::elu(1.0));
  EXPECT_TRUE(holds(take_warnings().at(0), {"alpha: 1 (assumed"}));
}

TEST_F(DescribedModel, ContradictedByTheCallerIsRefusedUnlessTheCallerInsists) {
  const io::Safetensors file = ours({{"activation", "relu"},
                                     {"alpha", "0.01"},
                                     {"well_posedness", "inf_norm_ball"},
                                     {"kappa", "0.8"},
                                     {"bias", "false"}});
  LoadOptions insist{.activation = ActivationKind::elu, .kappa = 0.9, .bias = true};
  for (const auto& [given, key, theirs, mine] :
       {std::tuple{LoadOptions{.activation = ActivationKind::tanh}, "activation", "relu", "tanh"},
        std::tuple{LoadOptions{.kappa = 0.9}, "kappa", "0.8", "0.9"},
        std::tuple{LoadOptions{.bias = true}, "bias", "false", "true"},
        std::tuple{LoadOptions{.well_posedness = WellPosednessKind::none}, "well_posedness",
                   "inf_norm_ball", "none"}})
    EXPECT_TRUE(
        holds(refusal<InvalidArgument>(file, given), {key, theirs, mine, "--override-metadata"}));
  const io::Safetensors by_kappa =
      ours({{"activation", "relu"}, {"kappa", "0.8"}, {"bias", "false"}});
  EXPECT_TRUE(holds(
      refusal<InvalidArgument>(by_kappa, LoadOptions{.well_posedness = WellPosednessKind::none}),
      {"kappa", "inf_norm_ball", "none", "--override-metadata"}));
  insist.override_metadata = true;
  const auto options = options_of(file, insist);
  // The file's alpha was that of another activation.
  EXPECT_EQ(options.activation, Activation::elu(1.0));
  EXPECT_EQ(options.well_posedness, WellPosedness::inf_norm_ball(0.9));
  EXPECT_TRUE(options.bias);
  EXPECT_TRUE(holds(take_warnings().at(0), {"alpha: 1 (assumed"}));
  // The same as the file says is no contradiction.
  EXPECT_EQ(options_of(file, {.kappa = 0.8}).well_posedness, WellPosedness::inf_norm_ball(0.8));
}

TEST_F(DescribedModel, IsRefusedWhereTheCallerContradictsHimself) {
  EXPECT_TRUE(holds(
      refusal<InvalidArgument>(blocks(), {.well_posedness = WellPosednessKind::none, .kappa = 0.5}),
      {"kappa", "none"}));
  EXPECT_TRUE(
      holds(refusal<InvalidArgument>(blocks(), {.activation = ActivationKind::relu, .alpha = 0.5}),
            {"alpha", "relu"}));
}

TEST_F(DescribedModel, OutsideItsConstraintIsRefusedOrProjectedAsAskedFor) {
  io::Safetensors file = blocks();
  put(file, "A", {2, 2}, {0.5, 0.25, 2.0, -1.0});
  const LoadOptions said{.activation = ActivationKind::relu, .kappa = 0.9, .bias = false};
  // ‖A‖∞ = 3; projecting moves the second row by 3 − 0.9 in the ℓ1 norm.
  EXPECT_TRUE(holds(refusal(file, said), {"|A|_inf is 3,", "kappa is 0.9", "2.1", "--project"}));
  LoadOptions project = said;
  project.project = true;
  const std::vector<double> A = A_of(load(file, project));
  EXPECT_TRUE(holds(take_warnings().at(0), {"projected", "2.1"}));
  // Column by column; of (2, -1) each entry would lose 1.05, so the second vanishes.
  EXPECT_LE(max_difference(A, {0.5, 0.9, 0.25, 0.0}), 1e-15);

  const LoadOptions upper{.activation = ActivationKind::relu,
                          .well_posedness = WellPosednessKind::strictly_upper_triangular,
                          .bias = false};
  EXPECT_TRUE(holds(refusal(file, upper), {"strictly_upper_triangular", "by up to 3"}));
  file.metadata = {{"idl_format_version", "1"}, {"well_posedness", "inf_norm_ball"}};
  EXPECT_TRUE(holds(refusal(file), {"|A|_inf is 3,", "kappa: 0.95 (assumed"}));
}

TEST_F(DescribedModel, OutsideByRoundingOnlyIsWithin) {
  io::Safetensors file = blocks();
  const LoadOptions said{.activation = ActivationKind::relu, .kappa = 0.7, .bias = false};
  const float half = std::nextafter(0.35F, 1.0F);  // above 0.35 by 2.4e-8
  file.tensors["A"] = io::Array::from<float>({2, 2}, std::vector<float>{half, half, 0.0F, 0.0F});
  EXPECT_NEAR(fetch(load(file, said).A()).at(0), 0.35, 1e-7);
  put(file, "A", {2, 2}, {0.7 + 1e-6, 0.0, 0.0, 0.0});
  EXPECT_TRUE(holds(refusal(file, said), {"kappa is 0.7"}));
}

TEST_F(DescribedModel, StrictlyUpperTriangularIsRecognisedByExactZerosOnly) {
  io::Safetensors file = blocks();
  put(file, "A", {2, 2}, {0.0, 40.0, 0.0, 0.0});
  const auto model = load(file);
  EXPECT_EQ(model.options().well_posedness.kind, WellPosednessKind::strictly_upper_triangular);
  EXPECT_EQ(A_of(model), (std::vector<double>{0.0, 0.0, 40.0, 0.0}));
  EXPECT_TRUE(holds(take_warnings().at(0), {"strictly_upper_triangular (recognised"}));
  put(file, "A", {2, 2}, {0.0, 40.0, 0.0, 1e-300});
  EXPECT_TRUE(holds(refusal(file), {"|A|_inf is 40,"}));
  // In the ball it may be either; the ball changes nothing.
  put(file, "A", {2, 2}, {0.0, 0.5, 0.0, 0.0});
  EXPECT_EQ(options_of(file).well_posedness, WellPosedness::inf_norm_ball());
  (void)take_warnings();
}

TEST_F(DescribedModel, InCompressedRowsIsStrictlyUpperTriangularByItsPattern) {
  io::Safetensors file = blocks();
  const auto put_A = [&](const std::vector<std::int64_t>& offsets,
                         const std::vector<std::int64_t>& columns,
                         const std::vector<double>& values) {
    file.tensors.erase("A");
    file.tensors["A.crow_indices"] = io::Array::from<std::int64_t>({3}, offsets);
    const auto count = static_cast<std::int64_t>(columns.size());
    file.tensors["A.col_indices"] = io::Array::from<std::int64_t>({count}, columns);
    put(file, "A.values", {count}, values);
  };
  put_A({0, 1, 1}, {1}, {40.0});
  const auto model = load(file);
  EXPECT_EQ(model.options().well_posedness.kind, WellPosednessKind::strictly_upper_triangular);
  EXPECT_TRUE(holds(take_warnings().at(0), {"strictly_upper_triangular (recognised"}));
  const auto U = matrix(3, 1, {1, 0, -1});
  // x₂ = (4 − 6)₊ and x₁ = (1 − 3 + 40·x₂)₊.
  EXPECT_EQ(fetch(model.predict(context(), U.view()).X), (std::vector<double>{0, 0}));
  EXPECT_EQ(model.predict(context(), U.view()).report.iterations, std::vector<std::int32_t>{1});
  const LoadOptions upper{.activation = ActivationKind::relu,
                          .well_posedness = WellPosednessKind::strictly_upper_triangular,
                          .bias = false};
  put_A({0, 1, 2}, {1, 0}, {40.0, 0.5});
  EXPECT_TRUE(holds(refusal(file, upper),
                    {"/f", "A is to be strictly upper triangular", "row 1", "column 0"}));
  put_A({0, 1, 2}, {1, 1}, {40.0, 0.0});  // stored, and an optimiser might change it
  EXPECT_TRUE(holds(refusal(file, upper), {"/f", "row 1", "column 1"}));
}

TEST_F(DescribedModel, IsFoundBehindAPrefixWhereThereIsOnlyOne) {
  const LoadOptions said{.activation = ActivationKind::relu, .kappa = 0.95, .bias = false};
  const std::vector<double> A = A_of(load(blocks(), said));
  for (const char* prefix : {"module.", "_orig_mod.", "implicit.", "model.implicit."}) {
    io::Safetensors file = blocks(prefix);
    put(file, "classifier.A", {3}, {1, 2, 3});  // an A alone is no model
    EXPECT_EQ(A_of(load(file, said)), A) << prefix;
  }
  io::Safetensors both = blocks("module.");
  both.tensors.merge(blocks("ema.").tensors);
  EXPECT_TRUE(holds(refusal(both, said), {"'module.A'", "'ema.A'", "--prefix"}));
  both.tensors.merge(blocks().tensors);
  EXPECT_TRUE(holds(refusal(both, said), {"'A'", "'module.A'", "'ema.A'"}));
  for (const char* prefix : {"ema", "ema.", ""}) {
    LoadOptions given = said;
    given.prefix = prefix;
    EXPECT_EQ(A_of(load(both, given)), A) << prefix;
  }
  LoadOptions given = said;
  given.prefix = "emma";
  EXPECT_TRUE(holds(refusal(both, given), {"'emma.A'", "'emma.B'", "ema.A (2, 2)"}));
}

TEST_F(DescribedModel, IsNotHinderedByOtherTensors) {
  // A and its like as F32, beside types that no array holds.
  const std::string f32 = R"("dtype":"F32","shape":[1,1],"data_offsets":)";
  const std::string header = R"({"A":{)" + f32 + R"([0,4]},"B":{)" + f32 + R"([4,8]},"C":{)" + f32 +
                             R"([8,12]},"D":{)" + f32 +
                             R"([12,16]},"num_batches_tracked":{"dtype":"I64","shape":[],)"
                             R"("data_offsets":[16,24]},"scale":{"dtype":"F8_E4M3","shape":[3],)"
                             R"("data_offsets":[24,27]},"mask":{"dtype":"BOOL","shape":[1],)"
                             R"("data_offsets":[27,28]},"half":{"dtype":"BF16","shape":[2],)"
                             R"("data_offsets":[28,32]}})";
  folder_.file("f", little_endian(header.size(), 8) + header + raw<float>({0.5F, 2, 3, 4}) +
                        std::string(16, '\1'));
  const auto model = load_model<double>(
      context(), folder_ / "f", {.activation = ActivationKind::relu, .kappa = 0.95, .bias = false});
  EXPECT_EQ(fetch(model.M()), (std::vector<double>{0.5, 3, 2, 4}));
}

TEST_F(DescribedModel, WhoseTensorsDoNotFitIsRefusedWithTheirNamesAndShapes) {
  io::Safetensors file = blocks();
  put(file, "B", {3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_TRUE(
      holds(refusal(file), {"B has shape (3, 3), expected (2, 3)", "A (2, 2)", "C (1, 2)"}));
  file = blocks();
  file.tensors.erase("D");
  EXPECT_TRUE(holds(refusal(file), {"'D'", "A (2, 2)", "B (2, 3)", "C (1, 2)", "--no-D"}));
  EXPECT_TRUE(options_of(file, {.no_D = true}).no_D);
  EXPECT_TRUE(holds(refusal(blocks(), {.no_D = true}), {"no_D", "D (1, 3)"}));
  file = blocks();
  file.tensors.erase("B");
  EXPECT_TRUE(holds(refusal(file), {"'B'", "A (2, 2)", "D (1, 3)"}));
  file = blocks();
  file.tensors["A"] = io::Array::from<std::uint8_t>({2, 2}, std::vector<std::uint8_t>{1, 0, 0, 1});
  EXPECT_TRUE(holds(refusal(file), {"A holds integers", "F32"}));
  (void)take_warnings();
}

TEST_F(DescribedModel, ThatWasChangedWithoutProjectingIsSavedProjectedWithAWarning) {
  ImplicitModel<double> model(context(), {2, 3, 1});
  DeviceTest::put(model.A(), {0.5, 2.0, 0.25, -1.0});
  save_model(context(), model, folder_ / "f");
  EXPECT_TRUE(holds(take_warnings().at(0), {"project()", "|A|_inf is 3,", "2.05"}));
  EXPECT_LE(
      max_difference(A_of(load_model<double>(context(), folder_ / "f")), {0.5, 0.95, 0.25, 0.0}),
      1e-15);
}

TEST_F(DescribedModel, IsExaminedAsItLiesInItsFile) {
  io::Safetensors file = ours({{"activation", "tanh"}, {"kappa", "0.6"}, {"step", "7"}});
  put(file, "D", {1, 3}, {9, 0, 0});
  file.tensors["A"] = io::Array::from<float>({2, 2}, std::vector<float>{0.5F, -0.25F, 0, 0.25F});
  io::write_safetensors(folder_ / "f", file);
  // ‖A‖∞ = 0.75, which no model of kappa = 0.6 may have; the root of |A| is its larger diagonal
  // entry; 3 of the 15 entries of M are zero.
  const ModelExamination model = examine_model(folder_ / "f");
  const ModelDescription described = describe_model(folder_ / "f");
  EXPECT_EQ(described.shape, model.description.shape);
  EXPECT_EQ(described.options, model.description.options);
  EXPECT_EQ(described.constraint.inf_norm, model.description.constraint.inf_norm);
  EXPECT_EQ(model.description.shape, (ModelShape{2, 3, 1}));
  EXPECT_EQ(model.description.options.activation.kind, ActivationKind::tanh);
  EXPECT_EQ(model.description.step, 7);
  EXPECT_TRUE(model.description.constraint.outside());
  ASSERT_EQ(model.description.assumptions.size(), 1U);
  EXPECT_EQ(model.description.assumptions[0].key, "bias");
  EXPECT_EQ(model.type, io::DataType::f32);
  EXPECT_EQ(model.parameters, 15);
  EXPECT_DOUBLE_EQ(model.density, 12.0 / 15.0);
  EXPECT_EQ(model.well_posedness.inf_norm, 0.75);
  EXPECT_EQ(model.well_posedness.density, 0.75);
  EXPECT_NEAR(model.well_posedness.perron_root, 0.5, 1e-6);
  EXPECT_EQ(model.well_posedness.proof, WellPosednessProof::norm);
  put(file, "B", {2, 3}, {1, 2, 3, 4, std::numeric_limits<double>::quiet_NaN(), 6});
  io::write_safetensors(folder_ / "f", file);
  EXPECT_TRUE(holds(text_of<IoError>([&] { (void)examine_model(folder_ / "f"); }),
                    {"B[1, 1] is not finite"}));
}

TEST_F(DescribedModel, IsLoadedWithItsDescription) {
  io::write_safetensors(folder_ / "f", blocks("module."));
  const auto [model, description] = load_described_model<double>(context(), folder_ / "f");
  EXPECT_EQ(description.prefix, "module.");
  EXPECT_EQ(description.layout(), model.layout());
  EXPECT_EQ(description.assumptions.size(), 4U);  // activation, well_posedness, kappa, bias
  EXPECT_FALSE(take_warnings().empty());
}

TEST_F(DescribedModel, WhoseMetadataSayOtherInputsThanItsMatricesHaveIsRefused) {
  const std::map<std::string, std::string> rest = {
      {"activation", "relu"}, {"kappa", "0.8"}, {"bias", "false"}};
  const auto with = [&](const std::string& inputs, std::map<std::string, std::string> metadata) {
    metadata["inputs"] = inputs;
    return ours(std::move(metadata));
  };
  for (const char* inputs : {"0x3", "-1", "three", ""})
    EXPECT_TRUE(holds(refusal(with(inputs, rest)), {"metadata inputs", inputs}));
  for (const char* inputs : {"4", "0", "999999999999"})
    EXPECT_TRUE(holds(refusal(with(inputs, rest)),
                      {"metadata inputs is " + std::string(inputs), "the model has 3"}));
  EXPECT_EQ(load(with("3", rest)).shape().inputs, 3);
  auto biased = rest;
  biased["bias"] = "true";
  EXPECT_EQ(load(with("2", biased)).shape().inputs, 2);
  EXPECT_TRUE(
      holds(refusal(with("3", biased)), {"inputs is 3", "the model has 2 beside the bias"}));
  // Another program may call something else so.
  io::Safetensors foreign = with("pixels", rest);
  foreign.metadata.erase("idl_format_version");
  EXPECT_EQ(load(foreign).shape().inputs, 3);
}

TEST_F(DescribedModel, OutsideByLessThanFloatRoundsIsExaminedAsItIsLoaded) {
  // Of two states and kappa = 0.5, 4·(2 + 4)·2⁻²³·0.5 = 1.4e-6 may be the rounding of a float.
  io::Safetensors file = ours({{"activation", "relu"},
                               {"well_posedness", "inf_norm_ball"},
                               {"kappa", "0.5"},
                               {"bias", "false"}});
  put(file, "A", {2, 2}, {0.5 + 1e-6, 0, 0, 0});
  EXPECT_TRUE(holds(refusal(file), {"A lies outside its constraint"}));
  EXPECT_EQ(load_model<float>(context(), folder_ / "f").shape().states, 2);
  const ModelExamination within = examine_model(folder_ / "f");
  EXPECT_TRUE(within.description.constraint.outside());
  EXPECT_FALSE(within.constraint_in_float.outside());
  put(file, "A", {2, 2}, {0.5 + 2e-6, 0, 0, 0});
  io::write_safetensors(folder_ / "f", file);
  EXPECT_THROW((void)load_model<float>(context(), folder_ / "f"), IoError);
  EXPECT_TRUE(examine_model(folder_ / "f").constraint_in_float.outside());
}

TEST_F(DescribedModel, OfNumbersThatFloatCannotHoldIsSaidToNeedDouble) {
  io::Safetensors file = ours({{"activation", "relu"}, {"kappa", "0.8"}, {"bias", "false"}});
  put(file, "B", {2, 3}, {1, 2, 3, 4, -1e300, 6});
  EXPECT_EQ(fetch(load(file).B()).at(3), -1e300);  // column by column
  const auto in_float = [&] {
    return text_of<IoError>([&] { (void)load_model<float>(context(), folder_ / "f"); });
  };
  EXPECT_TRUE(holds(in_float(), {"B[1, 1] is -1e+300", "float32 cannot hold", "--precision f64"}));
  EXPECT_TRUE(
      holds(examine_model(folder_ / "f").beyond_float, {"B[1, 1] is -1e+300", "--precision f64"}));
  file = ours({{"activation", "relu"}, {"kappa", "0.8"}, {"bias", "false"}});
  file.tensors.erase("C");
  put(file, "C.values", {1}, {3.5e38});  // above 3.4028235e38
  file.tensors["C.crow_indices"] =
      io::Array::from<std::int64_t>({2}, std::vector<std::int64_t>{0, 1});
  file.tensors["C.col_indices"] = io::Array::from<std::int64_t>({1}, std::vector<std::int64_t>{1});
  io::write_safetensors(folder_ / "f", file);
  EXPECT_TRUE(holds(in_float(), {"C.values[0] is 3.5e+38", "--precision f64"}));
  EXPECT_TRUE(holds(examine_model(folder_ / "f").beyond_float, {"C.values[0] is 3.5e+38"}));
  put(file, "C.values", {1}, {3e38});
  io::write_safetensors(folder_ / "f", file);
  EXPECT_EQ(examine_model(folder_ / "f").beyond_float, "");
}

}  // namespace
}  // namespace idl::test
