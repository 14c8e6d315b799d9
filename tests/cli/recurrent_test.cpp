// SPDX-License-Identifier: MIT
// From sequences of one's own to predictions, as a user of the program goes.
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "idl/io.hpp"
#include "idl/recurrent.hpp"
#include "tests/cli/program.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

/// 60 sequences of 4 steps of 2 numbers around (100, 0); whether the first numbers rise, and by how
/// much.
class Sequences : public testing::Test {
 protected:
  static constexpr std::int64_t k_count = 60;

  void SetUp() override {
    RandomValues random(3);
    std::vector<std::int64_t> labels;
    std::vector<double> rises;
    for (std::int64_t k = 0; k < k_count; ++k) {
      const std::size_t first = x_.size();
      for (int t = 0; t < 4; ++t) {
        x_.push_back(100 + 10 * random.uniform(-1, 1));
        x_.push_back(random.uniform(-1, 1));
      }
      rises.push_back(x_[first + 6] - x_[first]);
      labels.push_back(rises.back() > 0 ? 1 : 0);
    }
    write("X.npy", io::Array::from<double>({k_count, 4, 2}, x_));
    write("labels.npy", io::Array::from<std::int64_t>({k_count}, labels));
    write("rises.npy", io::Array::from<double>({k_count, 1}, rises));
  }

  void write(const std::string& name, const io::Array& array) const {
    io::write_npy(folder_ / name, array);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::vector<std::string> arguments(const std::string& answers, const std::string& out) const {
    return {"train",
            "--data",
            path("X.npy"),
            "--" + answers,
            path(answers == "labels" ? "labels.npy" : "rises.npy"),
            "--out",
            path(out),
            "--recurrent",
            "6",
            "--hidden",
            "8",
            "--device",
            "cpu",
            "--batch",
            "20",
            "--lr",
            "0.03",
            "--epochs",
            "30",
            "--standardise",
            "--bias",
            "--precision",
            "f64"};
  }
  ProgramResult train(const std::string& answers, const std::string& out,
                      const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = arguments(answers, out);
    all.insert(all.end(), more.begin(), more.end());
    return run_program(all);
  }

  TemporaryFolder folder_;
  std::vector<double> x_;
};

TEST_F(Sequences, AreLearntToldAndEvaluatedByARecurrentModel) {
  const ProgramResult trained = train("labels", "run");
  ASSERT_EQ(trained.status, 0) << trained.err;
  EXPECT_NE(trained.out.find("p = 2, q = 2, h of 6, 4 steps on X.npy (60 samples)"),
            std::string::npos)
      << trained.out;
  const std::string model = path("run/last.safetensors");

  const ProgramResult told = run_program({"info", model});
  ASSERT_EQ(told.status, 0) << told.err;
  EXPECT_NE(told.out.find("2 inputs in each step, h of 6, 2 outputs of the last h"),
            std::string::npos)
      << told.out;
  const auto info = nlohmann::json::parse(run_program({"info", model, "--json"}).out);
  EXPECT_EQ(info["recurrent"], (nlohmann::json{{"inputs", 2}, {"hidden", 6}, {"outputs", 2}}));

  const ProgramResult evaluated =
      run_program({"evaluate", "--model", model, "--data", path("X.npy"), "--labels",
                   path("labels.npy"), "--json", "--device", "cpu"});
  ASSERT_EQ(evaluated.status, 0) << evaluated.err;
  const auto measured = nlohmann::json::parse(evaluated.out);
  EXPECT_GT(measured["accuracy"].get<double>(), 0.9);
  EXPECT_EQ(measured["not_converged"], 0);

  const ProgramResult predicted =
      run_program({"predict", "--model", model, "--input", path("X.npy"), "--output", path("Y.csv"),
                   "--state", path("h.npy"), "--report", path("report.json"), "--device", "cpu"});
  ASSERT_EQ(predicted.status, 0) << predicted.err;
  EXPECT_NE(read_text(path("Y.csv")).find('\n'), std::string::npos);
  EXPECT_EQ(io::read_npy(path("h.npy")).shape, (std::vector<std::int64_t>{k_count, 6}));
  const auto report = nlohmann::json::parse(read_text(path("report.json")));
  EXPECT_EQ(report["samples"].size(), static_cast<std::size_t>(k_count));
  EXPECT_EQ(report["samples"][7]["status"], "converged");
  EXPECT_GE(report["samples"][7]["iterations"].get<int>(), 4);  // one a step at least
}

TEST_F(Sequences, TargetsAreToldInTheirOwnUnitAsThePassHasThem) {
  ASSERT_EQ(train("targets", "run", {"--validation", "0.2"}).status, 0);
  const std::string model = path("run/last.safetensors");
  ASSERT_EQ(run_program({"predict", "--model", model, "--input", path("X.npy"), "--output",
                         path("Y.npy"), "--precision", "f64", "--device", "cpu"})
                .status,
            0);
  const std::vector<double> Y = io::read_npy(path("Y.npy")).as<double>();
  Context context(Device::cpu());
  const auto [any, description] = load_any_model<double>(context, model);
  const auto& rnn = std::get<ImplicitRnn<double>>(any);
  const DataFormat& data = description.data;
  ASSERT_EQ(data.feature_scaling.mean.size(), 2U);
  EXPECT_NEAR(data.feature_scaling.mean[0], 100.0, 5.0);
  RecurrentPass<double> pass(context, rnn, k_count, 4, {.backward = false});
  std::vector<double> x = x_;
  data.feature_scaling.apply<double>(x);
  upload<double>(context, x, pass.x());
  EXPECT_TRUE(pass.forward().solves.all_converged());
  std::vector<double> expected = download(context, pass.Y());
  data.target_scaling.undo<double>(expected);
  ASSERT_EQ(Y.size(), expected.size());
  for (std::size_t k = 0; k < Y.size(); ++k) EXPECT_EQ(Y[k], expected[k]) << k;
}

TEST_F(Sequences, ARunIsResumedAndEndsAsIfItHadNotStopped) {
  ASSERT_EQ(train("labels", "whole", {"--quiet"}).status, 0);
  std::vector<std::string> half = arguments("labels", "half");
  for (std::string& argument : half)
    if (argument == "30") argument = "15";
  ASSERT_EQ(run_program(half).status, 0);
  ASSERT_EQ(run_program({"train", "--resume", "--out", path("half"), "--epochs", "30"}).status, 0);
  EXPECT_EQ(read_text(path("whole/last.safetensors")), read_text(path("half/last.safetensors")));
  EXPECT_EQ(read_text(path("whole/weights.mat")).size(),
            read_text(path("half/weights.mat")).size());
  const ProgramResult refined =
      run_program({"train", "--data", path("X.npy"), "--labels", path("labels.npy"), "--recurrent",
                   "6", "--init", path("whole/last.safetensors"), "--out", path("refined"),
                   "--epochs", "1", "--precision", "f64", "--device", "cpu"});
  EXPECT_EQ(refined.status, 0) << refined.err;
}

TEST_F(Sequences, OfTwoDimensionsHaveOneNumberAStep) {
  write("flat.npy", io::Array::from<double>({k_count, 8}, x_));
  const ProgramResult trained =
      run_program({"train", "--data", path("flat.npy"), "--labels", path("labels.npy"), "--out",
                   path("flat"), "--recurrent", "3", "--hidden", "4", "--epochs", "1", "--device",
                   "cpu", "--normalise", "100,10"});
  ASSERT_EQ(trained.status, 0) << trained.err;
  EXPECT_NE(trained.out.find("p = 1, q = 2, h of 3, 8 steps"), std::string::npos) << trained.out;
}

TEST_F(Sequences, MayEndEarlier) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t k = 0; k < k_count; ++k) lengths.push_back(1 + k % 4);
  write("lengths.npy", io::Array::from<std::int64_t>({k_count}, lengths));
  ASSERT_EQ(train("labels", "run", {"--lengths", path("lengths.npy")}).status, 0);
  const auto predict = [&](const std::string& output) {
    return run_program({"predict", "--model", path("run/last.safetensors"), "--input",
                        path("X.npy"), "--lengths", path("lengths.npy"), "--output", path(output),
                        "--device", "cpu"});
  };
  ASSERT_EQ(predict("Y.npy").status, 0);
  for (std::size_t k = 0; k < static_cast<std::size_t>(k_count); ++k)
    for (std::size_t i = 2 * static_cast<std::size_t>(lengths[k]); i < 8; ++i) x_[8 * k + i] = 1e3;
  write("X.npy", io::Array::from<double>({k_count, 4, 2}, x_));
  ASSERT_EQ(predict("again.npy").status, 0);
  EXPECT_EQ(read_text(path("Y.npy")), read_text(path("again.npy")));
  lengths[3] = 5;
  write("lengths.npy", io::Array::from<std::int64_t>({k_count}, lengths));
  expect_refusal(predict("none.npy"), {"length 3 is 5", "[1, 4]"});
}

TEST_F(Sequences, ThatEndEarlierHaveTheCertificateOfTheirLastStep) {
  ASSERT_EQ(train("labels", "run").status, 0);
  const auto report_of = [&](const std::string& data, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        "predict",     "--model",  path("run/last.safetensors"), "--input",  path(data), "--output",
        path("Y.npy"), "--report", path("report.json"),          "--device", "cpu"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(run_program(arguments).status, 0);
    std::vector<double> bounds;
    const auto report = nlohmann::json::parse(read_text(path("report.json")));
    for (const auto& sample : report["samples"]) bounds.push_back(sample["error_bound"]);
    return bounds;
  };
  std::vector<double> short_x;
  for (std::size_t k = 0; k < static_cast<std::size_t>(k_count); ++k)
    short_x.insert(short_x.end(), x_.begin() + static_cast<std::ptrdiff_t>(8 * k),
                   x_.begin() + static_cast<std::ptrdiff_t>(8 * k + 4));
  write("short.npy", io::Array::from<double>({k_count, 2, 2}, short_x));
  write("lengths.npy",
        io::Array::from<std::int64_t>({k_count}, std::vector<std::int64_t>(k_count, 2)));
  const std::vector<double> expected = report_of("short.npy", {});
  EXPECT_GT(expected[0], 0.0);
  EXPECT_EQ(report_of("X.npy", {"--lengths", path("lengths.npy")}), expected);
}

TEST_F(Sequences, MayHoldAnythingAfterTheirEnds) {
  write("lengths.npy",
        io::Array::from<std::int64_t>({k_count}, std::vector<std::int64_t>(k_count, 3)));
  const std::vector<std::string> lengths = {"--lengths", path("lengths.npy")};
  for (std::size_t i = 0; i < x_.size(); ++i)
    if (i % 8 >= 6) x_[i] = 0.0;
  write("X.npy", io::Array::from<double>({k_count, 4, 2}, x_));
  ASSERT_EQ(train("labels", "zeros", lengths).status, 0);
  for (std::size_t i = 0; i < x_.size(); ++i)
    if (i % 8 >= 6) x_[i] = std::numeric_limits<double>::quiet_NaN();
  write("X.npy", io::Array::from<double>({k_count, 4, 2}, x_));
  const ProgramResult trained = train("labels", "nan", lengths);
  ASSERT_EQ(trained.status, 0) << trained.err;
  EXPECT_EQ(io::read_safetensors(path("nan/last.safetensors")).tensors.size(),
            io::read_safetensors(path("zeros/last.safetensors")).tensors.size());
  const auto evaluated = [&](const std::string& run) {
    auto json = nlohmann::json::parse(
        run_program({"evaluate", "--model", path(run + "/last.safetensors"), "--data",
                     path("X.npy"), "--labels", path("labels.npy"), "--lengths",
                     path("lengths.npy"), "--json", "--device", "cpu"})
            .out);
    json.erase("seconds");
    json.erase("model");
    return json;
  };
  EXPECT_EQ(evaluated("nan"), evaluated("zeros"));
}

TEST_F(Sequences, WhatDoesNotFitIsRefused) {
  const std::vector<std::string> plain = {
      "train", "--data", path("X.npy"), "--labels", path("labels.npy"), "--out", path("none")};
  expect_refusal(run_program(plain), {"3 dimensions", "(samples, features)"});
  ASSERT_EQ(train("labels", "run", {"--epochs=1"}).status, 2);  // twice
  std::vector<std::string> once = arguments("labels", "run");
  for (std::string& argument : once)
    if (argument == "30") argument = "1";
  ASSERT_EQ(run_program(once).status, 0);
  write("wide.npy", io::Array::from<double>({2, 4, 3}, std::vector<double>(24)));
  expect_refusal(run_program({"predict", "--model", path("run/last.safetensors"), "--input",
                              path("wide.npy"), "--output", path("Y.npy")}),
                 {"steps of 3 values", "2 inputs"});
  expect_refusal(run_program({"train", "--data", path("X.npy"), "--labels", path("labels.npy"),
                              "--recurrent", "7", "--init", path("run/last.safetensors"), "--out",
                              path("other"), "--device", "cpu"}),
                 {"remembers 6 numbers", "--recurrent is 7"});
  expect_refusal(run_program({"train", "--data", path("X.npy"), "--labels", path("labels.npy"),
                              "--recurrent", "0", "--out", path("other")}),
                 {"--recurrent is '0'"});
}

TEST_F(Sequences, ModelsAreRefusedWhereOnesWithoutRecurrenceAreExpected) {
  ASSERT_EQ(train("labels", "run").status, 0);
  const std::string model = path("run/best.safetensors");
  for (const std::vector<std::string>& how :
       {std::vector<std::string>{}, {"--rank", "2"}, {"--remove-dead"}}) {
    std::vector<std::string> arguments = {"sparsify", "--model", model, "--output", path("q")};
    arguments.insert(arguments.end(), how.begin(), how.end());
    expect_refusal(run_program(arguments), {model, "is a recurrent model (hidden 6)"});
    EXPECT_FALSE(std::filesystem::exists(folder_ / "q"));
  }
  write("flat.npy", io::Array::from<double>({k_count, 8}, x_));  // as many inputs as its cell has
  expect_refusal(run_program({"train", "--data", path("flat.npy"), "--labels", path("labels.npy"),
                              "--init", model, "--out", path("other"), "--device", "cpu"}),
                 {model, "is a recurrent model", "--recurrent 6"});
  // Pictures show its cell.
  EXPECT_EQ(run_program({"plot", "--model", model, "--output", path("cell.png")}).status, 0);
  EXPECT_EQ(run_program({"plot", "--run", path("run")}).status, 0);
}

TEST_F(Sequences, ModelsAreShownOnlyWhereTheirHeadIsFiniteToo) {
  ASSERT_EQ(train("labels", "run").status, 0);
  io::Safetensors file = io::read_safetensors(path("run/best.safetensors"));
  file.tensors["linear.bias"] = io::Array::from<double>(
      {2}, std::vector<double>{0.5, std::numeric_limits<double>::quiet_NaN()});
  io::write_safetensors(folder_ / "spoiled", file);
  expect_refusal(run_program({"info", path("spoiled")}), {"linear.bias[1] is not finite"});
}

TEST_F(Sequences, ThatAreOthersAreNotTrainedOnWithAResumedRun) {
  ASSERT_EQ(train("labels", "run").status, 0);
  const std::vector<std::string> resume = {"train",     "--resume", "--out",
                                           path("run"), "--epochs", "31"};
  // Nothing that is scaled, counted or named changes.
  std::vector<std::int64_t> labels;
  for (std::int64_t k = 0; k < k_count; ++k) labels.push_back(k % 2);
  write("labels.npy", io::Array::from<std::int64_t>({k_count}, labels));
  expect_refusal(run_program(resume), {"resumed with other data", "CRC-32"});
}

}  // namespace
}  // namespace idl::test
