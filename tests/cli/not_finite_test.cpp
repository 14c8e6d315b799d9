// SPDX-License-Identifier: MIT
// What is not finite is never kept, never best, never right, and the exit status says so.
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "host/pictures/metrics_file.hpp"
#include "idl/model.hpp"
#include "tests/cli/program.hpp"

namespace idl::test {
namespace {

class NotFiniteProgram : public testing::Test {
 protected:
  void SetUp() override { write_tiny_mnist(data_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// A model of 4 states for the data, A = `a`·I and all else `rest`, unconstrained.
  std::string model(const std::string& name, float a, float rest) const {
    Context context(Device::cpu());
    ImplicitModel<float> model(context, {.states = 4, .inputs = 16, .outputs = 10},
                               {.activation = {ActivationKind::identity},
                                .well_posedness = WellPosedness::none(),
                                .allow_unproven = true});
    std::vector<float> M(14 * 20, rest);
    for (std::size_t j = 0; j < 4; ++j)
      for (std::size_t i = 0; i < 4; ++i) M[i + 14 * j] = i == j ? a : 0.0F;
    upload<float>(context, M, model.M());
    save_model(context, model, folder_ / name);
    return path(name);
  }
  ProgramResult evaluate(const std::string& model,
                         const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {
        "evaluate", "--model", model, "--data", data_.path().string(), "--device", "cpu", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }

  TemporaryFolder data_;
  TemporaryFolder folder_;
};

TEST_F(NotFiniteProgram, EvaluationOfOutputsThatAreNanIsZeroAndStatusThree) {
  const std::string diverging = model("diverging.safetensors", 3.0F, 1.0F);
  const ProgramResult result = evaluate(diverging);
  EXPECT_EQ(result.status, 3);
  const nlohmann::json json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["accuracy"], 0.0);
  EXPECT_TRUE(json["loss"].is_null());
  EXPECT_EQ(json["not_finite"], 60);
  EXPECT_EQ(json["not_converged"], 60);
  EXPECT_NE(result.err.find("60 of 60 samples did not converge, the first is sample 0"),
            std::string::npos)
      << result.err;
  EXPECT_EQ(evaluate(diverging, {"--allow-unconverged"}).status, 0);
  EXPECT_EQ(evaluate(model("good.safetensors", 0.5F, 0.1F)).status, 0);
}

TEST_F(NotFiniteProgram, ASquaredErrorThatOverflowsIsNotCalledAnOutput) {
  std::vector<float> inputs(3 * 2, 0.5F);
  io::write_npy(folder_ / "X.npy", io::Array::from<float>({3, 2}, inputs));
  // Its square is beyond float, itself it is not.
  io::write_npy(folder_ / "t.npy",
                io::Array::from<double>({3, 1}, std::vector<double>{1, 3e38, 2}));
  Context context(Device::cpu());
  save_model(context, ImplicitModel<float>(context, {2, 2, 1}), folder_ / "m");
  const std::vector<std::string> evaluate = {"evaluate",    "--model",     path("m"),
                                             "--data",      path("X.npy"), "--targets",
                                             path("t.npy"), "--device",    "cpu"};
  const ProgramResult result = run_program(evaluate);
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.err,
            "idl: 1 of 3 samples have a loss that is not finite, the first is sample 1 "
            "(--allow-unconverged accepts that)\n");
  const ProgramResult trained =
      run_program({"train", "--data", path("X.npy"), "--targets", path("t.npy"), "--hidden", "2",
                   "--epochs", "1", "--out", path("run"), "--device", "cpu"});
  EXPECT_EQ(trained.status, 1);
  EXPECT_NE(trained.err.find("the loss of 1 of 3 samples is not finite, the first is sample 1 of "
                             "the data (its target 0 is 3e+38, whose square float32 cannot hold)"),
            std::string::npos)
      << trained.err;
}

TEST_F(NotFiniteProgram, InfoSaysWhatPredictDoesOfNumbersBeyondFloat) {
  Context context(Device::cpu());
  save_model(context, ImplicitModel<double>(context, {2, 2, 1}, {.well_posedness = {.kappa = 0.5}}),
             folder_ / "m");
  io::Safetensors file = io::read_safetensors(folder_ / "m");
  // Above kappa by more than float64 rounds, and by less than float32 does.
  file.tensors["A"] = io::Array::from<double>({2, 2}, std::vector<double>{0.5 + 1e-6, 0, 0, 0});
  io::write_safetensors(folder_ / "m", file);
  io::write_npy(folder_ / "U.npy", io::Array::from<float>({1, 2}, std::vector<float>{1, 2}));
  const auto predict = [&](const std::string& precision) {
    return run_program({"predict", "--model", path("m"), "--input", path("U.npy"), "--output",
                        path("Y.npy"), "--device", "cpu", "--precision", precision});
  };
  const auto info = [&] { return run_program({"info", path("m")}).out; };
  EXPECT_EQ(predict("f32").status, 0);
  EXPECT_EQ(predict("f64").status, 2);
  EXPECT_NE(info().find("will be loaded, but not with --precision f64"), std::string::npos)
      << info();
  file.tensors["A"] = io::Array::from<double>({2, 2}, std::vector<double>{0.5, 0, 0, 0});
  file.tensors["B"] = io::Array::from<double>({2, 2}, std::vector<double>{1e300, 0, 0, 0});
  io::write_safetensors(folder_ / "m", file);
  const std::string beyond = "B[0, 0] is 1e+300, which float32 cannot hold: --precision f64";
  expect_refusal(predict("f32"), {beyond});
  EXPECT_NE(info().find(beyond), std::string::npos) << info();
}

TEST_F(NotFiniteProgram, SolvesThatRunOutOfIterationsAreStatusThreeAndWritten) {
  std::vector<float> values(3 * 16, 0.5F);
  io::write_npy(folder_ / "U.npy", io::Array::from<float>({3, 16}, values));
  const auto predict = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        "predict",     "--model",     model("slow.safetensors", 0.9F, 0.1F),
        "--input",     path("U.npy"), "--output",
        path("Y.npy"), "--device",    "cpu"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  const ProgramResult result = predict({"--max-iterations", "5"});
  EXPECT_EQ(result.status, 3);
  EXPECT_NE(result.err.find("idl: 3 of 3 samples did not converge, the first is sample 0"),
            std::string::npos)
      << result.err;
  EXPECT_TRUE(std::filesystem::exists(folder_ / "Y.npy"));
  EXPECT_EQ(predict({"--max-iterations", "5", "--allow-unconverged"}).status, 0);
  EXPECT_EQ(predict({"--max-iterations", "1000"}).status, 0);
}

TEST_F(NotFiniteProgram, TrainingThatDivergesEndsWithOneAndKeepsWhatWasGood) {
  // Without a constraint on A and with a far too large learning rate.
  const std::vector<std::string> arguments = {"train",
                                              "--data",
                                              data_.path().string(),
                                              "--out",
                                              path("run"),
                                              "--device",
                                              "cpu",
                                              "--epochs",
                                              "60",
                                              "--hidden",
                                              "5",
                                              "--lr",
                                              "0.3",
                                              "--activation",
                                              "elu",
                                              "--seed",
                                              "2",
                                              "--well-posedness",
                                              "none",
                                              "--allow-unproven"};
  const ProgramResult result = run_program(arguments);
  ASSERT_EQ(result.status, 1) << result.out << result.err;
  for (const char* part : {"idl: training: ", "epoch", "files of step"})
    EXPECT_NE(result.err.find(part), std::string::npos) << part << " is not in " << result.err;
  Context context(Device::cpu());
  for (const char* name : {"best", "last", "checkpoint"})  // whose parameters are all finite
    EXPECT_NO_THROW(load_model<float>(
        context, folder_ / "run" / (std::string(name) + ".safetensors"), {.allow_unproven = true}))
        << name;
  const std::size_t epochs = pictures::read_epochs(folder_ / "run" / "metrics.jsonl").size();
  ASSERT_GT(epochs, 0U);
  EXPECT_EQ(
      run_program({"train", "--resume", "--out", path("run"), "--epochs", std::to_string(epochs)})
          .status,
      0);
  EXPECT_EQ(run_program({"train", "--resume", "--out", path("run"), "--epochs", "60"}).status, 1);
}

TEST(MetricsFile, ReadsNullAsANumberThatIsNotFinite) {
  const TemporaryFolder folder;
  const auto file = folder.file(
      "metrics.jsonl",
      R"({"event":"epoch","epoch":1,"step":5,"train_loss":0.5,"train_accuracy":0.25,)"
      R"("test_loss":null,"test_accuracy":0.125,"best":false,"samples_per_second":null})"
      "\n");
  const std::vector<EpochMetrics> epochs = pictures::read_epochs(file);
  ASSERT_EQ(epochs.size(), 1U);
  EXPECT_EQ(epochs[0].train_loss, 0.5);
  EXPECT_TRUE(std::isnan(epochs[0].test->loss));
  EXPECT_EQ(epochs[0].test->accuracy, 0.125);
}

}  // namespace
}  // namespace idl::test
