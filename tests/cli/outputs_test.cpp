// SPDX-License-Identifier: MIT
// What the program writes replaces nothing that it reads, and is there whole or not at all.
#include <filesystem>

#include "idl/io.hpp"
#include "tests/cli/program.hpp"

namespace idl::test {
namespace {

class Outputs : public testing::Test {
 protected:
  void SetUp() override {
    write_tiny_mnist(data_);
    const ProgramResult trained =
        run_program({"train", "--data", data_.path().string(), "--out", path("run"), "--epochs",
                     "1", "--hidden", "3", "--device", "cpu"});
    ASSERT_EQ(trained.status, 0) << trained.err;
    io::write_npy(folder_ / "U.npy", io::Array::from<float>({1, 16}, std::vector<float>(16, 1.0F)));
    folder_.file("Y.npy", "old");
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  ProgramResult predict(const std::vector<std::string>& outputs) const {
    std::vector<std::string> arguments = {"predict", "--model",     path("run/best.safetensors"),
                                          "--input", path("U.npy"), "--device",
                                          "cpu"};
    arguments.insert(arguments.end(), outputs.begin(), outputs.end());
    return run_program(arguments);
  }

  TemporaryFolder data_;
  TemporaryFolder folder_;
};

TEST_F(Outputs, OfAPredictionAreAllWrittenOrNone) {
  expect_refusal(predict({"--output", path("Y.npy"), "--report", path("nowhere/report.json")}),
                 {"nowhere"});
  expect_refusal(predict({"--output", path("Y.npy"), "--state", path("run")}), {"is a folder"});
  EXPECT_EQ(read_text(folder_ / "Y.npy"), "old");
  EXPECT_EQ(folder_.count(), 3) << "run, U.npy and Y.npy";
  const ProgramResult whole = predict(
      {"--output", path("Y.npy"), "--state", path("X.npy"), "--report", path("report.json")});
  EXPECT_EQ(whole.status, 0) << whole.err;
  EXPECT_EQ(io::read_npy(folder_ / "Y.npy").size(), 10);
  EXPECT_EQ(folder_.count(), 5);
}

TEST_F(Outputs, OfAPredictionDoNotReplaceOneAnotherNorWhatIsRead) {
  const auto refuse = [&](const std::vector<std::string>& outputs, const std::string& text) {
    expect_refusal(predict(outputs), {text, "are the same file"});
  };
  refuse({"--output", path("Z"), "--report", path("run/../Z")}, "--output and --report");
  refuse({"--output", path("Z"), "--state", path("Z")}, "--output and --state");
  refuse({"--output", path("U.npy")}, "--input and --output");
  refuse({"--output", path("Z"), "--report", path("run/best.safetensors")}, "--model and --report");
  std::filesystem::create_symlink(folder_ / "Z.npy", folder_ / "to_Z.npy");
  refuse({"--output", path("Z.npy"), "--state", path("to_Z.npy")}, "--output and --state");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "Z"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "Z.npy"));
  EXPECT_EQ(io::read_npy(folder_ / "U.npy").size(), 16);

  const auto in_folder = [&](const std::string& words) {
    return run_shell(folder_.path(), "'" IDL_PROGRAM "' " + words);
  };
  const std::string model = "--model run/best.safetensors ";
  for (const std::string& words :
       {"predict " + model + "--input U.npy --output Q.npy --state ./Q.npy",
        "sparsify " + model + "--output run/best.safetensors",
        "sparsify " + model + "--output q --report ./q",
        "sparsify " + model + "--output q --data " + data_.path().string() +
            " --report run/best.safetensors",
        "sparsify " + model + "--output q --data U.npy --labels Y.npy --report Y.npy",
        "plot " + model + "--output run/best.safetensors",
        "plot " + model + "--output p.png --row-sums p.png",
        "plot " + model + "--row-sums run/../run/best.safetensors"})
    expect_refusal(in_folder(words), {"are the same file"});
  EXPECT_EQ(in_folder("info run/best.safetensors").status, 0);
  EXPECT_EQ(read_text(folder_ / "Y.npy"), "old");
}

TEST_F(Outputs, StandWhereNothingOfKilledProcessesIsLeft) {
  folder_.file(".idl-4711-0.tmp", "half");
  EXPECT_EQ(predict({"--output", path("Y.npy")}).status, 0);
  EXPECT_FALSE(std::filesystem::exists(folder_ / ".idl-4711-0.tmp"));
}

TEST_F(Outputs, OfAPairAreBothWrittenOrNone) {
  const std::string model = path("run/best.safetensors");
  expect_refusal(run_program({"sparsify", "--model", model, "--output", path("q.safetensors"),
                              "--report", path("nowhere/report.json")}),
                 {"nowhere"});
  expect_refusal(run_program({"plot", "--model", model, "--output", path("spy.png"), "--row-sums",
                              path("nowhere/rows.png")}),
                 {"nowhere"});
  EXPECT_EQ(folder_.count(), 3) << "run, U.npy and Y.npy";
}

TEST_F(Outputs, OfATrainingRemoveNothingThatItReads) {
  const ProgramResult trained =
      run_program({"train", "--data", data_.path().string(), "--out", path("run"), "--overwrite",
                   "--init", path("run/last.safetensors"), "--epochs", "1", "--device", "cpu"});
  expect_refusal(trained, {"--init", "what --overwrite removes", "are the same file"});
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run/last.safetensors"));
  expect_refusal(
      run_program({"sparsify", "--model", path("run/best.safetensors"), "--data",
                   data_.path().string(), "--curve", path("curve"), "--report",
                   path("curve/density.json"), "--output", path("s"), "--device", "cpu"}),
      {"--report and --curve are the same file"});
}

TEST_F(Outputs, HoldNoWarningsWhereStandardErrorIsClosed) {
  const ProgramResult predicted =
      run_shell(folder_.path(),
                "'" IDL_PROGRAM
                "' predict --model run/best.safetensors --input U.npy --output Z.npy --device cpu "
                "--max-iterations 1 --allow-unconverged 2>&-");
  EXPECT_EQ(predicted.status, 0);
  EXPECT_EQ(io::read_npy(folder_ / "Z.npy").size(), 10);
  // What nobody can read is an error all the same.
  EXPECT_NE(run_shell(folder_.path(), "'" IDL_PROGRAM "' info run/best.safetensors >&-").status, 0);
}

TEST_F(Outputs, AreOfTheFormatThatTheirNameSays) {
  const ProgramResult csv = predict({"--output", path("Y.CSV")});
  EXPECT_EQ(csv.status, 0) << csv.err;
  EXPECT_EQ(read_text(folder_ / "Y.CSV").rfind("output 0", 0), 0U) << read_text(folder_ / "Y.CSV");
  for (const char* name : {"Y.txt", "Y.npz", "Y.mat"})
    expect_refusal(predict({"--output", path(name)}), {"--output is ", ".npy or a .csv"});
  expect_refusal(predict({"--output", path("Y2.npy"), "--state", path("X.csv")}), {"--state is "});
}

TEST_F(Outputs, ThatNobodyCanReadEndHelpWithAnError) {
  for (const char* words : {"--help", "--version", "train --help"}) {
    const ProgramResult full =
        run_shell(folder_.path(), "'" IDL_PROGRAM "' " + std::string(words) + " >/dev/full");
    expect_refusal(full, {"standard output"});
  }
}

}  // namespace
}  // namespace idl::test
