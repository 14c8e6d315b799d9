// SPDX-License-Identifier: MIT
// Names and paths of any bytes: they work, and what tells of them is valid JSON.
#include <nlohmann/json.hpp>

#include "idl/io.hpp"
#include "tests/cli/program.hpp"

namespace idl::test {
namespace {

namespace fs = std::filesystem;

/// Latin-1, which is not UTF-8; quotes, a line break, what shells and JSON escape; UTF-8.
const std::vector<std::string> k_names = {"caf\xe9", "a \"b\" 'c'\n\\d", "%E9 $HOME",
                                          "caf\u00e9 \u20ac"};

class Names : public testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    data_ = folder_ / (name() + " data");
    fs::create_directory(data_);
    write_tiny_mnist(origin_);
    fs::copy(origin_.path(), data_);
  }
  static const std::string& name() { return k_names[GetParam()]; }
  std::string path(const std::string& file) const { return (folder_ / file).string(); }

  void expect_success(const std::vector<std::string>& arguments) const {
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
  }
  void train(const std::string& out, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"train",    "--data", data_.string(), "--out", out,
                                          "--hidden", "3",      "--device",     "cpu",   "--epochs",
                                          "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    expect_success(arguments);
  }

  /// What a string of bytes is in JSON, read by hand.
  static std::string bytes(const nlohmann::json& json) {
    if (json.is_string()) return json.get<std::string>();
    const std::string text = json.at("percent_encoded").get<std::string>();
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == '%') {
        result += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        result += text[i];
      }
    return result;
  }

  TemporaryFolder folder_;
  TemporaryFolder origin_;
  fs::path data_;
};

TEST_P(Names, OfARunAndItsDataSurviveResuming) {
  const std::string out = path(name() + " run");
  train(out, {});
  const auto config = nlohmann::json::parse(read_text(fs::path(out) / "config.json"));
  EXPECT_EQ(bytes(config["settings"]["data"]), data_.string());
  EXPECT_EQ(bytes(config["data"]["name"]), data_.filename().string());
  expect_success({"train", "--resume", "--out", out, "--epochs", "2"});

  const std::string init = out + "/last.safetensors";
  const std::string second = path(name() + " second");
  train(second, {"--init", init});
  expect_success({"train", "--resume", "--out", second, "--epochs", "2"});
  expect_refusal(run_program({"train", "--resume", "--out", second, "--init", "caf\xe9"}),
                 {"--init", "percent_encoded"});
}

TEST_P(Names, OfModelsAndInputsAreToldInValidJson) {
  const std::string out = path(name() + " run");
  train(out, {});
  const std::string model = out + "/best.safetensors";
  const ProgramResult info = run_program({"info", "--json", model});
  ASSERT_EQ(info.status, 0) << info.err;
  EXPECT_EQ(bytes(nlohmann::json::parse(info.out)["file"]), model);
  EXPECT_NE(run_program({"info", model}).out.find(model), std::string::npos);

  const ProgramResult evaluated = run_program(
      {"evaluate", "--model", model, "--data", data_.string(), "--device", "cpu", "--json"});
  ASSERT_EQ(evaluated.status, 0) << evaluated.err;
  EXPECT_EQ(bytes(nlohmann::json::parse(evaluated.out)["model"]), model);

  const std::string input = path(name() + " U.npy");
  io::write_npy(input, io::Array::from<float>({1, 16}, std::vector<float>(16, 0.5F)));
  const std::string report = path(name() + " report.json");
  expect_success({"predict", "--model", model, "--input", input, "--output",
                  path(name() + " Y.npy"), "--report", report, "--device", "cpu"});
  const auto told = nlohmann::json::parse(read_text(report));
  EXPECT_EQ(bytes(told["model"]), model);
  EXPECT_EQ(bytes(told["input"]), input);
}

TEST_P(Names, ThatDoNotExistAreNamedInOneLine) {
  const std::string missing = path(name() + " missing");
  expect_refusal(run_program({"info", missing}), {"cannot be opened"});
  expect_refusal(run_program({"train", "--data", missing, "--out", path("run")}), {"is no folder"});
  expect_refusal(run_program({"train", "--data", data_.string(), "--activation", name()}),
                 {"relu"});
  expect_refusal(run_program({name()}), {"unknown command"});
}

INSTANTIATE_TEST_SUITE_P(Bytes, Names, testing::Range<std::size_t>(0, k_names.size()));

}  // namespace
}  // namespace idl::test
