// SPDX-License-Identifier: MIT
// What the program is told of a model file, and what it tells of what it had to assume.
#include <cmath>
#include <nlohmann/json.hpp>

#include "host/cli/model_flags.hpp"
#include "tests/cli/program.hpp"
#include "tests/golden/golden_file.hpp"

namespace idl::test {
namespace {

class ModelFlags : public testing::Test {
 protected:
  /// A file with the parameters of a model of the original package, and nothing else; and its
  /// inputs and outputs (tests/data/golden/README.md).
  void take(const std::string& name, bool outside = false) {
    golden_ = read_golden(name);
    if (outside) leave_the_ball(golden_);
    io::Safetensors file;
    for (const char* block : {"A", "B", "C", "D"}) file.tensors[block] = golden_.at(block);
    io::write_safetensors(folder_ / "model", file);
    io::write_npy(folder_ / "U.npy", golden_.at("U"));
    std::filesystem::remove(folder_ / "Y.npy");
  }
  ProgramResult predict(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"predict", "--model", path("model"), "--input", path("U.npy"),
                               "--output", path("Y.npy"), "--precision", "f64", "--device", "cpu",
                               "--report", path("report.json"), "--tolerance", "1e-12"});
    return run_program(more);
  }
  /// max |Y − Y of the package|.
  double error() const {
    const std::vector<double> theirs = golden_.at("Y").as<double>();
    const std::vector<double> ours = io::read_npy(folder_ / "Y.npy").as<double>();
    EXPECT_EQ(ours.size(), theirs.size());
    double worst = 0.0;
    for (std::size_t i = 0; i < ours.size(); ++i)
      worst = std::max(worst, std::abs(ours[i] - theirs[i]));
    return worst;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  nlohmann::json json(const std::string& name) const {
    return nlohmann::json::parse(read_text(folder_ / name));
  }

  TemporaryFolder folder_;
  io::Safetensors golden_;
};

TEST_F(ModelFlags, PredictSolvesARecognisedTriangularModelAndTellsWhatItAssumed) {
  take("triu");
  const ProgramResult result = predict();
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_LE(error(), 1e-9);
  for (const char* part : {"activation: relu (assumed; the file does not say)",
                           "well_posedness: strictly_upper_triangular (recognised",
                           "bias: false (assumed; the file does not say)"})
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
  const nlohmann::json assumed = json("report.json")["assumed"];
  EXPECT_EQ(assumed["activation"], "relu");
  EXPECT_EQ(assumed["well_posedness"], "strictly_upper_triangular");
}

TEST_F(ModelFlags, PredictTakesFromTheCallerWhatTheFileDoesNotSay) {
  take("tanh");
  ASSERT_EQ(predict().status, 0);
  EXPECT_GT(error(), 1e-3) << "relu answers as tanh does; the next lines prove nothing";
  const ProgramResult said = predict({"--activation", "tanh", "--kappa", "0.95", "--no-bias"});
  ASSERT_EQ(said.status, 0) << said.err;
  EXPECT_EQ(said.err, "");
  EXPECT_LE(error(), 1e-9);
  EXPECT_TRUE(json("report.json")["assumed"].empty());
}

TEST_F(ModelFlags, PredictRefusesToMoveAUnlessAsked) {
  take("unconstrained", true);
  expect_refusal(predict(), {"|A|_inf is", "0.95", "--kappa", "--well-posedness", "--project"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "Y.npy"));
  ASSERT_EQ(predict({"--well-posedness", "none"}).status, 0);
  EXPECT_LE(error(), 1e-9);
  const ProgramResult projected = predict({"--project"});
  EXPECT_EQ(projected.status, 0);
  EXPECT_NE(projected.err.find("A is projected"), std::string::npos) << projected.err;
  EXPECT_GT(error(), 1e-4);
}

TEST_F(ModelFlags, InfoTellsWhatIsAssumedAndWhatLoadingWouldRefuse) {
  take("unconstrained", true);
  const ProgramResult shown = run_program({"info", path("model")});
  ASSERT_EQ(shown.status, 0) << shown.err;
  for (const char* part : {"activation: relu (assumed; the file does not say)",
                           "kappa: 0.95 (assumed", "A lies outside its constraint"})
    EXPECT_NE(shown.out.find(part), std::string::npos) << shown.out;
  const ProgramResult said =
      run_program({"info", path("model"), "--json", "--activation", "leaky_relu", "--alpha", "0.5",
                   "--well-posedness", "none", "--bias"});
  ASSERT_EQ(said.status, 0) << said.err;
  const nlohmann::json info = nlohmann::json::parse(said.out);
  EXPECT_TRUE(info["assumed"].empty());
  EXPECT_EQ(info["outside"], 0.0);
  EXPECT_EQ(info["alpha"], 0.5);
  EXPECT_EQ(info["inputs"], 11);
  EXPECT_TRUE(info["bias"].get<bool>());
}

TEST_F(ModelFlags, OfAFileOfAnotherFormatEndsWithItsNameAndTheWayOut) {
  const std::string pt =
      folder_.file("model.pt", std::string("PK\3\4") + std::string(26, '0') + "model/data.pkl")
          .string();
  expect_refusal(run_program({"info", pt}), {"a PyTorch file", "torch.load('" + pt + "'"});
}

/// Of training and evaluating, on the tiny data.
class TrainedModelFlags : public ModelFlags {
 protected:
  void SetUp() override { write_tiny_mnist(data_); }
  std::string data() const { return data_.path().string(); }
  ProgramResult train(const std::string& out, std::vector<std::string> more) const {
    more.insert(more.begin(), {"train", "--data", data(), "--out", path(out), "--device", "cpu",
                               "--epochs", "1"});
    return run_program(more);
  }
  nlohmann::json settings(const std::string& out) const {
    return json(out + "/config.json")["settings"];
  }
  /// A file of 12 states for these data that says nothing of itself.
  void plain_file(double A_entry) const {
    io::Safetensors file;
    const auto put = [&](const char* name, std::int64_t rows, std::int64_t cols, double value) {
      std::vector<float> values(static_cast<std::size_t>(rows * cols), static_cast<float>(value));
      for (std::size_t k = 0; *name != 'A' && k < values.size(); ++k)
        values[k] *= static_cast<float>(k % 7);
      file.tensors[name] = io::Array::from<float>({rows, cols}, values);
    };
    put("A", 12, 12, A_entry);
    put("B", 12, 16, 0.1);
    put("C", 10, 12, 0.1);
    put("D", 10, 16, 0.1);
    io::write_safetensors(folder_ / "plain", file);
  }

 private:
  TemporaryFolder data_;
};

TEST_F(TrainedModelFlags, InitTakesFlagsOverNothingAndRefusesThoseThatContradict) {
  ASSERT_EQ(train("first", {"--hidden", "12", "--activation", "elu", "--alpha", "0.5"}).status, 0);
  EXPECT_EQ(settings("first")["alpha"], 0.5);
  const std::string init = path("first/last.safetensors");
  expect_refusal(train("no", {"--init", init, "--activation", "tanh"}),
                 {"elu", "tanh", "--override-metadata"});
  expect_refusal(train("no", {"--init", init, "--alpha", "0.25"}), {"alpha", "0.5", "0.25"});
  expect_refusal(train("no", {"--project"}), {"--project", "--init"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "no"));
  const ProgramResult insisted = train("second", {"--init", init, "--activation", "tanh", "--kappa",
                                                  "0.9", "--override-metadata", "--project"});
  ASSERT_EQ(insisted.status, 0) << insisted.err;
  EXPECT_EQ(settings("second")["activation"], "tanh");
  EXPECT_EQ(settings("second")["kappa"], 0.9);
  EXPECT_TRUE(settings("second")["alpha"].is_null());
}

TEST_F(TrainedModelFlags, InitSaysWhatItAssumesAndARunWithoutCheckpointKeepsWhatWasSaid) {
  plain_file(0.05);
  const ProgramResult first = train("run", {"--init", path("plain"), "--activation", "sigmoid"});
  ASSERT_EQ(first.status, 0) << first.err;
  EXPECT_NE(first.err.find("bias: false (assumed; the file does not say)"), std::string::npos)
      << first.err;
  EXPECT_EQ(first.err.find("activation"), std::string::npos) << first.err;
  std::filesystem::remove(folder_ / "run/checkpoint.safetensors");
  const ProgramResult resumed =
      run_program({"train", "--resume", "--out", path("run"), "--epochs", "1", "--device", "cpu"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(io::read_safetensors(folder_ / "run/last.safetensors").metadata.at("activation"),
            "sigmoid");
  plain_file(0.5);
  expect_refusal(train("no", {"--init", path("plain")}), {"|A|_inf is 6", "--project"});
  EXPECT_EQ(train("projected", {"--init", path("plain"), "--project"}).status, 0);
}

TEST_F(TrainedModelFlags, EvaluateTellsWhatItAssumedAndTakesFlags) {
  plain_file(0.05);
  const std::vector<std::string> evaluate = {"evaluate", "--model",  path("plain"), "--data",
                                             data(),     "--device", "cpu",         "--json"};
  const ProgramResult plain = run_program(evaluate);
  ASSERT_EQ(plain.status, 0) << plain.err;
  EXPECT_NE(plain.err.find("activation: relu (assumed; the file does not say)"), std::string::npos);
  const nlohmann::json answer = nlohmann::json::parse(plain.out);
  EXPECT_EQ(answer["assumed"]["activation"], "relu");
  std::vector<std::string> said = evaluate;
  said.insert(said.end(), {"--activation", "tanh", "--kappa", "0.9", "--no-bias"});
  const ProgramResult with_flags = run_program(said);
  ASSERT_EQ(with_flags.status, 0) << with_flags.err;
  EXPECT_EQ(with_flags.err, "");
  EXPECT_NE(nlohmann::json::parse(with_flags.out)["loss"], answer["loss"]);
}

TEST(PrecisionOfAFile, IsThatOfItsModelWhateverItsScalingHas) {
  const TemporaryFolder folder;
  io::Safetensors file;
  file.tensors["A"] = io::Array::from<float>({1, 1}, std::vector<float>{0.5F});
  file.tensors["data.feature_mean"] = io::Array::from<double>({1}, std::vector<double>{0.5});
  io::write_safetensors(folder / "f32", file);
  EXPECT_EQ(cli::precision_of_file(folder / "f32"), "f32");
  file.tensors["A"] = io::Array::from<double>({1, 1}, std::vector<double>{0.5});
  io::write_safetensors(folder / "f64", file);
  EXPECT_EQ(cli::precision_of_file(folder / "f64"), "f64");
}

}  // namespace
}  // namespace idl::test
