// SPDX-License-Identifier: MIT
#include <algorithm>
#include <nlohmann/json.hpp>

#include "host/cli/progress_bar.hpp"
#include "idl/io.hpp"
#include "idl/model.hpp"
#include "idl/model_description.hpp"
#include "tests/cli/program.hpp"

namespace idl::test {
namespace {

class Program : public testing::Test {
 protected:
  void SetUp() override { write_tiny_mnist(data_); }

  std::vector<std::string> train(const std::string& out, const std::string& epochs,
                                 const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"train",
                                          "--data",
                                          data_.path().string(),
                                          "--out",
                                          (folder_ / out).string(),
                                          "--device",
                                          "cpu",
                                          "--epochs",
                                          epochs,
                                          "--hidden",
                                          "12",
                                          "--batch",
                                          "32"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  TemporaryFolder data_;
  TemporaryFolder folder_;
};

TEST_F(Program, SparsifiesAModelThatAllCommandsThenTake) {
  ASSERT_EQ(run_program(train("run", "20")).status, 0);
  const ProgramResult made =
      run_program({"sparsify", "--model", path("run/best.safetensors"), "--output",
                   path("sparse.safetensors"), "--density", "0.5", "--data", data_.path().string(),
                   "--calibration", "7", "--report", path("sparse.json"), "--device", "cpu"});
  ASSERT_EQ(made.status, 0) << made.err;
  const nlohmann::json report = nlohmann::json::parse(read_text(folder_ / "sparse.json"));
  EXPECT_EQ(report["bound"]["state"].size(), 7U);
  EXPECT_GT(report["bound"]["worst_output"].get<double>(), 0.0);
  const ProgramResult reduced = run_program(
      {"sparsify", "--model", path("run/best.safetensors"), "--output", path("small.safetensors"),
       "--density", "0.1", "--remove-dead", "--report", path("small.json"), "--device", "cpu"});
  ASSERT_EQ(reduced.status, 0) << reduced.err;
  const nlohmann::json left = nlohmann::json::parse(read_text(folder_ / "small.json"));
  const auto small = examine_model(folder_ / "small.safetensors").description.shape;
  EXPECT_EQ(static_cast<index_t>(left["kept_states"].size()), small.states);
  EXPECT_EQ(static_cast<index_t>(left["kept_inputs"].size()), small.inputs);
  EXPECT_LT(small.inputs, 16);
  EXPECT_NE(made.out.find("72 of       144 entries, 50.00 %"), std::string::npos) << made.out;
  EXPECT_NE(made.out.find("test accuracy"), std::string::npos);
  const std::string model = path("sparse.safetensors");
  const ProgramResult explained = run_program({"info", "--model", model, "--json"});
  ASSERT_EQ(explained.status, 0) << explained.err;
  const nlohmann::json info = nlohmann::json::parse(explained.out);
  EXPECT_EQ(info["states"], 12);
  EXPECT_EQ(info["inputs"], 16);
  EXPECT_EQ(info["parameters"], 22 * 28 / 2);
  EXPECT_NEAR(info["density_A"].get<double>(), 0.5, 1e-9);
  const ProgramResult evaluated = run_program(
      {"evaluate", "--model", model, "--data", data_.path().string(), "--device", "cpu", "--json"});
  ASSERT_EQ(evaluated.status, 0) << evaluated.err;
  const ProgramResult trained = run_program(train("again", "3", {"--init", model, "--lr", "1e-3"}));
  ASSERT_EQ(trained.status, 0) << trained.err;
  Context context(Device::cpu());
  const auto before = load_model<float>(context, model);
  const auto after = load_model<float>(context, folder_ / "again" / "last.safetensors");
  EXPECT_EQ(after.layout(), before.layout());
  EXPECT_TRUE(std::filesystem::exists(folder_ / "again" / "spy.png"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "again" / "weights.mat"));
}

TEST_F(Program, TrainsALowRankModelThatAllCommandsThenTake) {
  const ProgramResult trained = run_program(train("run", "2", {"--rank", "3"}));
  ASSERT_EQ(trained.status, 0) << trained.err;
  const std::string model = path("run/last.safetensors");
  const ProgramResult explained = run_program({"info", "--model", model, "--json"});
  ASSERT_EQ(explained.status, 0) << explained.err;
  const nlohmann::json info = nlohmann::json::parse(explained.out);
  EXPECT_EQ(info["rank"], 3);
  EXPECT_EQ(info["parameters"], 2 * 12 * 3 + 12 * 16 + 10 * 12 + 10 * 16);
  EXPECT_TRUE(info["well_posed"]);
  const ProgramResult evaluated = run_program(
      {"evaluate", "--model", model, "--data", data_.path().string(), "--device", "cpu"});
  EXPECT_EQ(evaluated.status, 0) << evaluated.err;
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run" / "spy.png"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run" / "weights.mat"));
  const ProgramResult resumed =
      run_program({"train", "--resume", "--out", path("run"), "--epochs", "3", "--device", "cpu"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(run_program(train("again", "1", {"--init", model})).status, 0);
  Context context(Device::cpu());
  EXPECT_EQ(load_model<float>(context, folder_ / "again" / "last.safetensors").options().rank, 3);
  const ProgramResult other = run_program(train("other", "1", {"--init", model, "--rank", "4"}));
  EXPECT_EQ(other.status, 2);
  EXPECT_NE(other.err.find("L R^T of rank 3, --rank is 4"), std::string::npos) << other.err;
  const ProgramResult sparsified = run_program(
      {"sparsify", "--model", model, "--output", path("sparse.safetensors"), "--density", "0.5"});
  EXPECT_EQ(sparsified.status, 2);
  EXPECT_NE(sparsified.err.find("A is L R^T of rank 3"), std::string::npos) << sparsified.err;
}

TEST_F(Program, KeepsTheDigitsOfADoubleModel) {
  ASSERT_EQ(run_program(train("run", "1", {"--precision", "f64"})).status, 0);
  const std::string model = path("run/last.safetensors");
  ASSERT_EQ(run_program({"sparsify", "--model", model, "--output", path("same.safetensors"),
                         "--density", "1", "--device", "cpu"})
                .status,
            0);
  Context context(Device::cpu());
  const auto B_of = [&](const std::string& file) {
    const auto loaded = load_model<double>(context, path(file));
    return loaded.is_sparse("B") ? download(context, loaded.csr("B")).values
                                 : download(context, loaded.B());
  };
  auto before = B_of("run/last.safetensors"), after = B_of("same.safetensors");
  std::ranges::sort(before);
  std::ranges::sort(after);
  EXPECT_EQ(before, after);
  ASSERT_EQ(run_program(train("again", "1", {"--init", model, "--lr", "0"})).status, 0);
  EXPECT_EQ(B_of("again/last.safetensors"), B_of("run/last.safetensors"));
  // Whoever wants less says so.
  ASSERT_EQ(run_program({"sparsify", "--model", model, "--output", path("f32.safetensors"),
                         "--density", "1", "--precision", "f32", "--device", "cpu"})
                .status,
            0);
  EXPECT_EQ(examine_model(folder_ / "f32.safetensors").type, io::DataType::f32);
}

TEST_F(Program, PutsFactorsInThePlaceOfAThatTrainingGoesOnWith) {
  ASSERT_EQ(run_program(train("run", "2")).status, 0);
  const std::string model = path("run/last.safetensors"), factors = path("factors.safetensors");
  const ProgramResult made =
      run_program({"sparsify", "--model", model, "--output", factors, "--rank", "3", "--data",
                   data_.path().string(), "--device", "cpu"});
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_NE(made.out.find("rank 3, 72 numbers"), std::string::npos) << made.out;
  EXPECT_NE(made.out.find("by the rank alone"), std::string::npos) << made.out;
  EXPECT_NE(made.out.find("% after"), std::string::npos) << made.out;
  EXPECT_EQ(run_program(train("again", "1", {"--init", factors})).status, 0);
  Context context(Device::cpu());
  EXPECT_EQ(load_model<float>(context, folder_ / "again" / "last.safetensors").options().rank, 3);
  const ProgramResult both = run_program(
      {"sparsify", "--model", model, "--output", path("both"), "--rank", "3", "--density", "0.5"});
  EXPECT_EQ(both.status, 2);
  EXPECT_NE(both.err.find("--density is of pruning"), std::string::npos) << both.err;
}

TEST_F(Program, PrunesWhileItTrains) {
  const ProgramResult trained = run_program(train(
      "run", "4",
      {"--sparsify", "0.25", "--gradual", "2", "--sparsify-interval", "1", "--prox", "0.01"}));
  ASSERT_EQ(trained.status, 0) << trained.err;
  Context context(Device::cpu());
  EXPECT_EQ(load_model<float>(context, folder_ / "run" / "last.safetensors").csr("A").nnz, 36);
  // Epochs before the last entry was pruned may be more accurate; they are not what was asked for.
  EXPECT_EQ(load_model<float>(context, folder_ / "run" / "best.safetensors").csr("A").nnz, 36);
  const ProgramResult longer =
      run_program(train("longer", "2", {"--sparsify", "0.25", "--gradual", "2"}));
  EXPECT_EQ(longer.status, 2);
  EXPECT_NE(longer.err.find("at least one must be left"), std::string::npos) << longer.err;
}

TEST_F(Program, MeasuresWhatDensityCosts) {
  ASSERT_EQ(run_program(train("run", "3")).status, 0);
  const ProgramResult measured =
      run_program({"sparsify", "--model", path("run/best.safetensors"), "--data",
                   data_.path().string(), "--curve", path("curve"), "--gradual", "1", "--fine-tune",
                   "1", "--batch", "32", "--device", "cpu"});
  ASSERT_EQ(measured.status, 0) << measured.err;
  EXPECT_NE(measured.out.find("density"), std::string::npos);
  const nlohmann::json json = nlohmann::json::parse(read_text(folder_ / "curve" / "density.json"));
  ASSERT_EQ(json["points"].size(), 7U);
  EXPECT_EQ(json["points"][1]["stored"], 22 * 28 / 2);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "curve" / "density.png"));
}

TEST_F(Program, RefusesToSparsifyWithoutKnowingWhatFor) {
  ASSERT_EQ(run_program(train("run", "1")).status, 0);
  const auto refusal = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"sparsify", "--model", path("run/best.safetensors")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.status, 2);
    return result.err;
  };
  EXPECT_NE(refusal({}).find("--output"), std::string::npos);
  EXPECT_NE(refusal({"--curve", path("c")}).find("--data"), std::string::npos);
  folder_.file("table.csv", "a,b\n1,2\n");
  EXPECT_NE(refusal({"--curve", path("c"), "--data", path("table.csv")}).find("is one table"),
            std::string::npos);
  EXPECT_NE(refusal({"--output", path("s"), "--by", "threshold"}).find("--threshold"),
            std::string::npos);
  EXPECT_NE(refusal({"--output", path("s"), "--by", "size"}).find("magnitude"), std::string::npos);
  EXPECT_NE(refusal({"--output", path("s"), "--density", "1.5"}).find("1.5"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "s"));
}

TEST_F(Program, TrainsEvaluatesExplainsAndPredicts) {
  const ProgramResult trained = run_program(train("run", "20"));
  ASSERT_EQ(trained.status, 0) << trained.err;
  EXPECT_NE(trained.out.find("device: CPU"), std::string::npos);
  EXPECT_NE(trained.out.find("epoch 20/20"), std::string::npos);
  EXPECT_EQ(trained.out.find('\r'), std::string::npos) << "a progress bar in a pipe";
  for (const char* name :
       {"config.json", "metrics.jsonl", "best.safetensors", "last.safetensors",
        "checkpoint.safetensors", "weights.mat", "training_curves.png", "spy.png", "row_sums.png"})
    EXPECT_TRUE(std::filesystem::exists(folder_ / "run" / name)) << name;

  const std::string model = path("run/best.safetensors");
  const ProgramResult evaluated = run_program(
      {"evaluate", "--model", model, "--data", data_.path().string(), "--device", "cpu", "--json"});
  ASSERT_EQ(evaluated.status, 0) << evaluated.err;
  const nlohmann::json evaluation = nlohmann::json::parse(evaluated.out);
  EXPECT_EQ(evaluation["samples"], 60);
  EXPECT_GT(evaluation["accuracy"].get<double>(), 0.9);

  const ProgramResult explained = run_program({"info", "--model", model, "--json"});
  ASSERT_EQ(explained.status, 0) << explained.err;
  const nlohmann::json info = nlohmann::json::parse(explained.out);
  EXPECT_EQ(info["states"], 12);
  EXPECT_EQ(info["inputs"], 16);
  EXPECT_EQ(info["outputs"], 10);
  EXPECT_TRUE(info["well_posed"].get<bool>());
  EXPECT_LE(info["inf_norm"].get<double>(), 0.95);
  EXPECT_LE(info["perron_root"].get<double>(), info["inf_norm"].get<double>() * (1 + 1e-9));

  std::vector<float> values(5 * 16);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 11) / 11.0F;
  io::write_npy(folder_ / "U.npy", io::Array::from<float>({5, 16}, values));
  const ProgramResult predicted =
      run_program({"predict", "--model", model, "--input", path("U.npy"), "--output", path("Y.npy"),
                   "--state", path("X.npy"), "--report", path("report.json"), "--device", "cpu"});
  ASSERT_EQ(predicted.status, 0) << predicted.err;
  const io::Array Y = io::read_npy(folder_ / "Y.npy");
  EXPECT_EQ(Y.shape, (std::vector<std::int64_t>{5, 10}));
  EXPECT_EQ(io::read_npy(folder_ / "X.npy").shape, (std::vector<std::int64_t>{5, 12}));

  Context context(Device::cpu());
  const auto loaded = load_model<float>(context, model);
  const auto U = Matrix<float>::from_host(context, 16, 5, values);
  const auto expected = loaded.predict(context, U);
  EXPECT_EQ(Y.as<float>(), download(context, expected.Y));
  const nlohmann::json report = nlohmann::json::parse(read_text(folder_ / "report.json"));
  ASSERT_EQ(report["samples"].size(), 5U);
  for (std::size_t j = 0; j < 5; ++j) {
    EXPECT_EQ(report["samples"][j]["status"], "converged");
    EXPECT_EQ(report["samples"][j]["iterations"], expected.report.iterations[j]);
    EXPECT_EQ(report["samples"][j]["error_bound"].get<double>(), expected.report.error_bound[j]);
  }
}

TEST_F(Program, TellsSamplesThatAreNotFiniteByNullsAndItsStatus) {
  ASSERT_EQ(run_program(train("run", "1")).status, 0);
  std::vector<float> values(2 * 16, 0.5F);
  values[3] = std::numeric_limits<float>::quiet_NaN();
  io::write_npy(folder_ / "U.npy", io::Array::from<float>({2, 16}, values));
  std::vector<std::string> arguments = {"predict",     "--model",     path("run/best.safetensors"),
                                        "--input",     path("U.npy"), "--output",
                                        path("Y.npy"), "--report",    path("report.json"),
                                        "--device",    "cpu"};
  const ProgramResult result = run_program(arguments);
  EXPECT_EQ(result.status, 3) << result.err;
  EXPECT_NE(result.err.find("idl: 1 of 2 samples did not converge, the first is sample 0; 1 of 2 "
                            "samples have outputs that are not finite, the first is sample 0"),
            std::string::npos)
      << result.err;
  EXPECT_TRUE(std::filesystem::exists(folder_ / "Y.npy"));
  arguments.emplace_back("--allow-unconverged");
  EXPECT_EQ(run_program(arguments).status, 0);
  const nlohmann::json report = nlohmann::json::parse(read_text(folder_ / "report.json"));
  EXPECT_EQ(report["samples"][0]["status"], "diverged");
  EXPECT_TRUE(report["samples"][0]["error_bound"].is_null());
  EXPECT_EQ(report["samples"][1]["status"], "converged");
}

TEST_F(Program, ResumedAfterAnInterruptEndsWithTheBitsOfAnUndisturbedRun) {
  ASSERT_EQ(run_program(train("undisturbed", "500")).status, 0);
  // Interrupted as often as it takes; each call goes on where the one before stopped.
  int interrupts = 0;
  std::vector<std::string> arguments = train("stopped", "500");
  for (int attempt = 0; attempt < 50; ++attempt) {
    const TemporaryFolder output;
    const RunningProgram program(output, arguments);
    std::this_thread::sleep_for(std::chrono::milliseconds(30 + 15 * attempt));
    program.signal(SIGINT);
    const ProgramResult result = program.wait();
    if (result.status == 0) break;
    // Before it is ready to stop cleanly the signal just ends it.
    ASSERT_TRUE(result.status == 130) << result.status << result.err;
    ++interrupts;
    if (std::filesystem::exists(folder_ / "stopped" / "config.json"))
      arguments = {"train", "--resume", "--device", "cpu", "--out", path("stopped")};
  }
  arguments = {"train", "--resume", "--device", "cpu", "--out", path("stopped")};
  ASSERT_EQ(run_program(arguments).status, 0);
  EXPECT_GT(interrupts, 0);
  for (const char* name : {"last.safetensors", "best.safetensors", "weights.mat"})
    EXPECT_EQ(read_text(folder_ / "undisturbed" / name), read_text(folder_ / "stopped" / name))
        << name;
}

TEST_F(Program, ResumesWithMoreEpochs) {
  ASSERT_EQ(run_program(train("whole", "4")).status, 0);
  ASSERT_EQ(run_program(train("longer", "2")).status, 0);
  ASSERT_EQ(run_program(
                {"train", "--resume", "--epochs", "4", "--out", path("longer"), "--device", "cpu"})
                .status,
            0);
  EXPECT_EQ(read_text(folder_ / "whole" / "last.safetensors"),
            read_text(folder_ / "longer" / "last.safetensors"));
}

TEST_F(Program, TrainsWithAsManyThreadsAsItIsTold) {
  const ProgramResult trained = run_program(train("three", "2", {"--threads", "3"}));
  ASSERT_EQ(trained.status, 0) << trained.err;
  EXPECT_NE(trained.out.find("device: CPU (3 threads"), std::string::npos) << trained.out;
  ASSERT_EQ(run_program({"train", "--resume", "--epochs", "4", "--threads", "1", "--out",
                         path("three"), "--device", "cpu"})
                .status,
            0);
  ASSERT_EQ(run_program(train("two", "4", {"--threads", "2"})).status, 0);
  EXPECT_EQ(read_text(folder_ / "three" / "last.safetensors"),
            read_text(folder_ / "two" / "last.safetensors"));
}

TEST_F(Program, StartsFromAModelFile) {
  ASSERT_EQ(run_program(train("first", "3", {"--activation", "tanh"})).status, 0);
  const ProgramResult result =
      run_program({"train", "--data", data_.path().string(), "--out", path("second"), "--device",
                   "cpu", "--epochs", "0", "--init", path("first/last.safetensors")});
  ASSERT_EQ(result.status, 0) << result.err;
  const nlohmann::json config = nlohmann::json::parse(read_text(folder_ / "second/config.json"));
  EXPECT_EQ(config["settings"]["activation"], "tanh");
  EXPECT_EQ(config["settings"]["hidden"], 12);
  EXPECT_EQ(read_text(folder_ / "first" / "weights.mat"),
            read_text(folder_ / "second" / "weights.mat"));
}

TEST_F(Program, ShowsHelpAndVersionOnStandardOutput) {
  for (const char* command : {"train", "evaluate", "predict", "info"}) {
    const ProgramResult help = run_program({command, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_NE(help.out.find("--"), std::string::npos);
    EXPECT_TRUE(help.err.empty());
  }
  const ProgramResult version = run_program({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out.rfind("idl ", 0), 0U) << version.out;
}

TEST(ProgressLine, FitsAnyTerminalAndKeepsTheMostImportant) {
  const StepMetrics metrics{.epoch = 3,
                            .step = 1350,
                            .steps_per_epoch = 600,
                            .loss = 0.4321,
                            .accuracy = 0.853,
                            .forward_iterations = 12.3,
                            .adjoint_iterations = 5.1};
  for (std::size_t columns = 5; columns < 200; ++columns)
    EXPECT_LE(cli::progress_line(metrics, 10, 65, 51234, columns).size(), columns);
  const std::string line = cli::progress_line(metrics, 10, 65, 51234, 79);
  for (const char* part : {"epoch 3/10", "25%", "loss 0.4321", "acc 85.3%", "left 1:05", "51.2k/s"})
    EXPECT_NE(line.find(part), std::string::npos) << line;
}

}  // namespace
}  // namespace idl::test
