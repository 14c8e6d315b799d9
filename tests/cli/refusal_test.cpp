// SPDX-License-Identifier: MIT
// Wrong flags, missing and corrupt files, impossible sizes: one line, status 2, nothing left.
#include <sys/stat.h>

#include "idl/io.hpp"
#include "tests/cli/program.hpp"

namespace idl::test {
namespace {

class Refusal : public testing::Test {
 protected:
  void SetUp() override { write_tiny_mnist(data_); }

  std::vector<std::string> train(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"train", "--data", data_.path().string(), "--out",
                                          out().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  std::filesystem::path out() const { return folder_ / "run"; }
  void expect_nothing_written() const { EXPECT_FALSE(std::filesystem::exists(out())); }

  TemporaryFolder data_;
  TemporaryFolder folder_;
};

TEST_F(Refusal, OfUnknownCommandsAndFlags) {
  expect_refusal(run_program({}));
  expect_refusal(run_program({"dance"}));
  expect_refusal(run_program(train({"--hiden", "5"})), {"--hiden"});
  expect_refusal(run_program(train({"--hidden", "many"})), {"hidden"});
  expect_refusal(run_program(train({"--hidden"})));
  expect_nothing_written();
}

TEST_F(Refusal, OfNamesThatDoNotExist) {
  expect_refusal(run_program(train({"--activation", "relux"})), {"relux", "leaky_relu"});
  expect_refusal(run_program(train({"--optimizer", "adamm"})), {"adamm", "adamw"});
  expect_refusal(run_program(train({"--schedule", "linear"})), {"linear", "cosine"});
  expect_refusal(run_program(train({"--loss", "hinge"})), {"hinge", "squared_error"});
  expect_refusal(run_program(train({"--well-posedness", "two_norm"})), {"two_norm"});
  expect_refusal(run_program(train({"--precision", "f16"})), {"f16"});
  expect_refusal(run_program(train({"--device", "tpu"})), {"tpu"});
  expect_refusal(run_program(train({"--device", "cuda:4711"})), {"cuda:4711"});
  expect_nothing_written();
}

TEST_F(Refusal, OfImpossibleNumbers) {
  expect_refusal(run_program(train({"--hidden", "0"})), {"--hidden is '0'", "[1, "});
  expect_refusal(run_program(train({"--hidden", "-3"})));
  expect_refusal(run_program(train({"--hidden", "99999999"})), {"out of memory"});
  expect_refusal(run_program(train({"--hidden", "4", "--rank", "1099511627776"})),
                 {"out of memory"});
  expect_refusal(run_program(train({"--batch", "0"})), {"--batch is '0'", "[1, "});
  expect_refusal(run_program(train({"--epochs", "-1"})));
  expect_refusal(run_program(train({"--kappa", "1"})), {"kappa"});
  expect_refusal(run_program(train({"--threads", "-1"})), {"--threads is '-1'", "256"});
  expect_refusal(run_program(train({"--threads", "257"})), {"--threads is '257'", "256"});
  expect_refusal(run_program(train({"--kappa", "nan"})), {"kappa"});
  expect_refusal(run_program(train({"--lr", "-1"})), {"--lr is '-1'", "[0, "});
  expect_refusal(run_program(train({"--tolerance", "-1"})));
  expect_refusal(run_program(train({"--max-iterations", "-1"})));
  expect_refusal(run_program(train({"--activation", "silu"})), {"Lipschitz", "kappa"});
  expect_nothing_written();
}

TEST_F(Refusal, OfDataThatAreMissingOrCorrupt) {
  expect_refusal(run_program({"train", "--out", out().string()}), {"--data"});
  expect_refusal(run_program({"train", "--data", "/nowhere", "--out", out().string()}),
                 {"/nowhere"});
  const auto labels = data_ / "train-labels-idx1-ubyte";
  std::filesystem::resize_file(labels, std::filesystem::file_size(labels) - 5);
  expect_refusal(run_program(train({})), {"train-labels-idx1-ubyte"});
  expect_nothing_written();
}

TEST_F(Refusal, OfModelsThatAreMissingOrCorrupt) {
  const std::string data = data_.path().string();
  for (const std::string command : {"evaluate", "info"}) {
    std::vector<std::string> arguments = {command, "--model", (folder_ / "none").string()};
    if (command == "evaluate") arguments.insert(arguments.end(), {"--data", data});
    expect_refusal(run_program(arguments), {"none"});
    arguments[2] = folder_.file("garbage", "this is no model at all").string();
    expect_refusal(run_program(arguments), {"garbage"});
  }
  expect_refusal(run_program(train({"--init", (folder_ / "none").string()})), {"none"});
  expect_nothing_written();
}

TEST_F(Refusal, OfInputsThatDoNotFitTheModelLeavesNoOutput) {
  ASSERT_EQ(run_program(train({"--hidden", "5", "--epochs", "1"})).status, 0);
  const std::vector<float> values(2 * 15, 0.5F);
  io::write_npy(folder_ / "U.npy", io::Array::from<float>({2, 15}, values));
  const auto Y = folder_ / "Y.npy";
  expect_refusal(
      run_program({"predict", "--model", (out() / "best.safetensors").string(), "--input",
                   (folder_ / "U.npy").string(), "--output", Y.string(), "--device", "cpu"}),
      {"15", "16"});
  EXPECT_FALSE(std::filesystem::exists(Y));
}

TEST_F(Refusal, OfFlagsThatWouldHaveNoEffect) {
  const auto refuse = [&](const std::vector<std::string>& flags, const std::string& needed) {
    expect_refusal(run_program(train(flags)), {flags.front() + " has no effect", needed});
  };
  refuse({"--momentum", "0.9"}, "--optimizer sgd");
  refuse({"--kappa", "0.5", "--well-posedness", "none"}, "inf_norm_ball");
  refuse({"--schedule-gamma", "0.5"}, "--schedule step");
  refuse({"--schedule-period", "2", "--schedule", "cosine"}, "--schedule step");
  refuse({"--gradual", "2"}, "--sparsify");
  refuse({"--sparsify-target", "A"}, "--sparsify");
  refuse({"--test-labels", "l.npy"}, "--test-data");
  refuse({"--project"}, "--init");
  expect_refusal(run_program(train({"--resume", "--overwrite"})), {"both are given"});
  expect_nothing_written();
  const auto sparsify = [&](const std::vector<std::string>& flags, const std::string& needed) {
    std::vector<std::string> arguments = {"sparsify", "--model", "m", "--output", "q"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    expect_refusal(run_program(arguments), {flags.front() + " has no effect", needed});
  };
  sparsify({"--threshold", "5"}, "--by threshold");
  sparsify({"--density", "0.5", "--by", "threshold", "--threshold", "1"}, "--by");
  sparsify({"--seed", "3"}, "--by random");
  sparsify({"--lr", "0.1"}, "--curve");
  sparsify({"--calibration", "10"}, "--data");
}

TEST_F(Refusal, OfFlagsOfTablesBesideAFolder) {
  ASSERT_EQ(run_program(train({"--epochs", "1", "--hidden", "3", "--device", "cpu"})).status, 0);
  const std::string model = (out() / "last.safetensors").string();
  for (const std::vector<std::string>& flags :
       std::vector<std::vector<std::string>>{{"--label-column", "x"},
                                             {"--header", "no"},
                                             {"--ignore-columns", "x"},
                                             {"--labels", "x.npy"}}) {
    for (const char* command : {"evaluate", "sparsify"}) {
      std::vector<std::string> arguments = {command, "--model", model, "--data",
                                            data_.path().string()};
      if (command == std::string("sparsify")) arguments.insert(arguments.end(), {"--output", "x"});
      arguments.insert(arguments.end(), flags.begin(), flags.end());
      expect_refusal(run_program(arguments), {"is a folder", "for tables"});
    }
    std::vector<std::string> arguments = {"sparsify", "--model", model, "--output", "x"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    expect_refusal(run_program(arguments), {flags[0] + " has no effect without --data"});
  }
  expect_refusal(run_program({"train", "--data", "nowhere.tsv", "--label-column", "x"}),
                 {"nowhere.tsv", "No such file"});
}

TEST_F(Refusal, OfFoldersInWhichARunWouldReplaceSomething) {
  std::filesystem::create_directory(out());
  folder_.file("precious.safetensors", "old");
  std::filesystem::create_symlink(folder_ / "precious.safetensors", out() / "best.safetensors");
  expect_refusal(run_program(train({"--epochs", "1"})),
                 {"best.safetensors already", "--overwrite"});
  EXPECT_EQ(read_text(folder_ / "precious.safetensors"), "old");
  std::filesystem::remove(out() / "best.safetensors");
  ASSERT_EQ(::mkfifo((out() / "metrics.jsonl").c_str(), 0600), 0);
  expect_refusal(run_program(train({"--epochs", "1"})), {"metrics.jsonl already"});
}

TEST_F(Refusal, OfFoldersThatHoldARunAlready) {
  ASSERT_EQ(run_program(train({"--hidden", "5", "--epochs", "1"})).status, 0);
  const std::string before = read_text(out() / "last.safetensors");
  expect_refusal(run_program(train({"--hidden", "6"})), {"--resume", "--overwrite"});
  expect_refusal(run_program(train({"--hidden", "6", "--resume"})), {"--hidden is 6", "5"});
  // A refusal after --overwrite must not have removed anything either.
  expect_refusal(run_program(train({"--overwrite", "--lr", "-1"})));
  EXPECT_EQ(read_text(out() / "last.safetensors"), before);
  EXPECT_EQ(run_program(train({"--hidden", "6", "--epochs", "1", "--overwrite"})).status, 0);
  EXPECT_NE(read_text(out() / "last.safetensors"), before);
}

TEST_F(Refusal, OfResumingResultsWhoseCheckpointIsGone) {
  ASSERT_EQ(run_program(train({"--hidden", "5", "--epochs", "2"})).status, 0);
  const std::string metrics = read_text(out() / "metrics.jsonl");
  const auto resume = [&] { return run_program({"train", "--resume", "--out", out().string()}); };
  std::ofstream(out() / "metrics.jsonl") << metrics.substr(0, metrics.size() - 5);
  expect_refusal(resume(), {"metrics.jsonl", "has to be put back"});
  std::ofstream(out() / "metrics.jsonl") << metrics;
  std::filesystem::remove(out() / "checkpoint.safetensors");
  expect_refusal(resume(), {"no checkpoint.safetensors", "--overwrite"});
  EXPECT_EQ(read_text(out() / "metrics.jsonl"), metrics);
}

TEST_F(Refusal, OfResumingWhereThereIsNoRunOrASpoiledConfiguration) {
  expect_refusal(run_program({"train", "--resume"}), {"--out"});
  expect_refusal(run_program({"train", "--resume", "--out", out().string()}), {"no run"});
  ASSERT_EQ(run_program(train({"--hidden", "5", "--epochs", "1"})).status, 0);
  const std::string config = read_text(out() / "config.json");
  std::string spoiled = config;
  spoiled.insert(config.find("\"hidden\""), "\"hiden\": 7, ");
  std::ofstream(out() / "config.json") << spoiled;
  expect_refusal(run_program({"train", "--resume", "--out", out().string()}), {"hiden"});
  const auto resume = [&] { return run_program({"train", "--resume", "--out", out().string()}); };
  for (const std::string& text :
       {std::string("{"), config + '\0', config + std::string("\0 more", 6), config + " more",
        "{\"settings\": {}, " + config.substr(config.find('{') + 1)}) {
    std::ofstream(out() / "config.json") << text;
    expect_refusal(resume(), {"config.json"});
  }
  const auto with = [&](const std::string& setting, const std::string& value) {
    const std::size_t begin = config.find("\"" + setting + "\": ") + setting.size() + 4;
    std::string changed = config;
    changed.replace(begin, changed.find_first_of(",\n", begin) - begin, value);
    std::ofstream(out() / "config.json") << changed;
  };
  with("lr", "-1");
  expect_refusal(resume(), {"config.json", "lr is -1", "[0, "});
  with("kappa", "1");
  expect_refusal(resume(), {"config.json", "kappa is 1", "(0, 1)"});
  with("limit", "-5");
  expect_refusal(resume(), {"config.json", "limit is -5", "[0, "});
  std::string without_data = config;
  const std::size_t data = config.find(data_.path().string());
  without_data.erase(data, data_.path().string().size());
  std::ofstream(out() / "config.json") << without_data;
  expect_refusal(resume(), {"config.json", "data is missing"});
  with("init", R"("a\u0000b")");
  expect_refusal(resume(), {"config.json", "init"});
}

}  // namespace
}  // namespace idl::test
