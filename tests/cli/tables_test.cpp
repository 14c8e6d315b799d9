// SPDX-License-Identifier: MIT
// From a table of one's own to predictions by name, as a user of the program goes.
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "idl/context.hpp"
#include "idl/io.hpp"
#include "idl/model.hpp"
#include "idl/model_description.hpp"
#include "tests/cli/tables_fixture.hpp"

namespace idl::test {
namespace {

TEST_F(Tables, ClassesAreLearntAndToldByName) {
  const ProgramResult trained =
      train("trees.csv", "run",
            {"--label-column", "kind", "--standardise", "--validation", "0.2", "--epochs", "15"});
  ASSERT_EQ(trained.status, 0) << trained.err;
  for (const char* part : {"on trees.csv (72 + 18 samples)", "classes: 'ash', 'elm, young', 'oak'",
                           "1 of 3 features are the same", "'zero'"})
    EXPECT_NE(trained.out.find(part), std::string::npos) << part << trained.out;
  const nlohmann::json info = nlohmann::json::parse(
      run_program({"info", "--model", path("run/best.safetensors"), "--json"}).out);
  EXPECT_EQ(info["classes"], (std::vector<std::string>{"ash", "elm, young", "oak"}));
  EXPECT_EQ(info["features"], (std::vector<std::string>{"length", "weight", "zero"}));
  EXPECT_TRUE(info["scaled"].get<bool>());

  // The model knows which column is what.
  const ProgramResult evaluated =
      apply("evaluate", "run/best.safetensors", "trees.csv", {"--json"});
  ASSERT_EQ(evaluated.status, 0) << evaluated.err;
  EXPECT_GT(nlohmann::json::parse(evaluated.out)["accuracy"].get<double>(), 0.95);
  folder_.file("new.csv", "weight;length;zero\n2000;1;0\n0;2;0\n0;0;0\n");
  const ProgramResult predicted =
      apply("predict", "run/best.safetensors", "new.csv", {"--output", path("kinds.csv")});
  ASSERT_EQ(predicted.status, 0) << predicted.err;
  EXPECT_EQ(read_text(folder_ / "kinds.csv"), "kind\n\"elm, young\"\nash\noak\n");
  // A sparse model knows it too.
  ASSERT_EQ(run_program({"sparsify", "--model", path("run/best.safetensors"), "--output",
                         path("sparse.safetensors"), "--density", "0.8", "--device", "cpu"})
                .status,
            0);
  EXPECT_EQ(apply("evaluate", "sparse.safetensors", "trees.csv", {}).status, 0);

  folder_.file("other.csv", "length,weight,zero,kind\n1,2,0,oak\n1,2,0,fir\n");
  expect_refusal(apply("evaluate", "run/best.safetensors", "other.csv", {}),
                 {"line 3", "'fir'", "'ash'"});
  folder_.file("narrow.csv", "1,2\n");
  expect_refusal(
      apply("predict", "run/best.safetensors", "narrow.csv", {"--output", path("n.csv")}),
      {"narrow.csv", "2 values", "3 inputs"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "n.csv"));
}

TEST_F(Tables, TargetsAreLearntAndPredictedInTheirOwnUnit) {
  const ProgramResult trained = train(
      "prices.csv", "run",
      {"--target-columns", "price", "--standardise", "--validation", "0.3", "--epochs", "20"});
  ASSERT_EQ(trained.status, 0) << trained.err;
  for (const char* part : {"targets: 'price'", "R2 0.", "RMSE"})
    EXPECT_NE(trained.out.find(part), std::string::npos) << part << trained.out;
  const ProgramResult evaluated =
      apply("evaluate", "run/best.safetensors", "prices.csv", {"--json"});
  ASSERT_EQ(evaluated.status, 0) << evaluated.err;
  const nlohmann::json figures = nlohmann::json::parse(evaluated.out);
  EXPECT_GT(figures["r2"].get<double>(), 0.9);
  EXPECT_FALSE(figures.contains("accuracy"));

  ASSERT_EQ(
      apply("predict", "run/best.safetensors", "prices.csv", {"--output", path("Y.csv")}).status,
      0);
  ASSERT_EQ(
      apply("predict", "run/best.safetensors", "prices.csv", {"--output", path("Y.npy")}).status,
      0);
  std::istringstream predictions(read_text(folder_ / "Y.csv"));
  std::istringstream table(read_text(folder_ / "prices.csv"));
  std::string line;
  std::getline(predictions, line);
  EXPECT_EQ(line, "price");
  std::getline(table, line);
  const std::vector<double> array = io::read_npy(folder_ / "Y.npy").as<double>();
  double squares = 0;
  for (const double value : array) {
    std::getline(predictions, line);
    EXPECT_EQ(std::stod(line), value);
    std::getline(table, line);
    const double price = std::stod(line.substr(line.find(',') + 1));
    squares += (price - value) * (price - value);
  }
  ASSERT_EQ(array.size(), 90U);
  EXPECT_NEAR(figures["rmse"].get<double>(), std::sqrt(squares / 90), 1e-5);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run/training_curves.png"));
}

TEST_F(Tables, PicturesAreMadeAgainByteForByte) {
  ASSERT_EQ(train("trees.csv", "run", {"--label-column", "kind", "--epochs", "2"}).status, 0);
  const auto picture = [&](const char* name) { return folder_ / "run" / name; };
  std::vector<std::string> before;
  for (const char* name : {"training_curves.png", "spy.png", "row_sums.png"}) {
    before.push_back(read_text(picture(name)));
    std::filesystem::remove(picture(name));
  }
  const ProgramResult result = run_program({"plot", "--run", path("run")});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(read_text(picture("training_curves.png")), before[0]);
  EXPECT_EQ(read_text(picture("spy.png")), before[1]);
  EXPECT_EQ(read_text(picture("row_sums.png")), before[2]);
  ASSERT_EQ(
      run_program({"plot", "--model", path("run/last.safetensors"), "--output", path("again.png")})
          .status,
      0);
  EXPECT_EQ(read_text(folder_ / "again.png"), before[1]);
  // What cannot be drawn takes the place of nothing.
  const std::string metrics = read_text(folder_ / "run/metrics.jsonl");
  folder_.file("run/metrics.jsonl", "rubbish\n");
  expect_refusal(run_program({"plot", "--run", path("run")}), {"metrics.jsonl", "no epoch"});
  folder_.file("run/metrics.jsonl", "rubbish\n" + metrics);
  expect_refusal(run_program({"plot", "--run", path("run")}), {"line 1 is not JSON"});
  folder_.file("run/metrics.jsonl", metrics + "{\"event\":");
  EXPECT_EQ(run_program({"plot", "--run", path("run")}).status, 0);
  EXPECT_EQ(read_text(picture("training_curves.png")), before[0]);
  expect_refusal(run_program({"plot"}), {"--run", "--model"});
  expect_refusal(run_program({"plot", "--run", path("run"), "--model", path("run")}), {"both"});
  expect_refusal(run_program({"plot", "--run", folder_.path().string()}), {"no run"});
  expect_refusal(run_program({"plot", "--run", path("run"), "--output", "a.png"}), {"--output"});
}

TEST_F(Tables, SparseModelsAreComparedOnTheirSamples) {
  const auto sparsified = [&](const std::string& table, const std::string& out) {
    return run_program({"sparsify", "--model", path(out + "/last.safetensors"), "--output",
                        path(out + ".sparse"), "--density", "1", "--by", "random", "--data",
                        path(table), "--calibration", "7", "--device", "cpu"});
  };
  ASSERT_EQ(
      train("trees.csv", "kinds", {"--label-column", "kind", "--epochs", "9", "--standardise"})
          .status,
      0);
  const ProgramResult classes = sparsified("trees.csv", "kinds");
  ASSERT_EQ(classes.status, 0) << classes.err;
  const ProgramResult evaluated = apply("evaluate", "kinds/last.safetensors", "trees.csv", {});
  // "test accuracy 98.89 %, ..."; with all entries nothing changes.
  const std::string accuracy = evaluated.out.substr(0, evaluated.out.find(','));
  EXPECT_NE(
      classes.out.find(accuracy + " before, " + accuracy.substr(14) + " after, on 90 samples"),
      std::string::npos)
      << classes.out << evaluated.out;
  EXPECT_NE(classes.out.find("over 7 samples no state moves by more than "), std::string::npos);
  ASSERT_EQ(
      train("prices.csv", "prices", {"--target-columns", "price", "--epochs", "9", "--standardise"})
          .status,
      0);
  const ProgramResult prices = sparsified("prices.csv", "prices");
  ASSERT_EQ(prices.status, 0) << prices.err;
  const ProgramResult scored = apply("evaluate", "prices/last.safetensors", "prices.csv", {});
  const std::string score = scored.out.substr(0, scored.out.find(','));  // "test R2 0.9231"
  EXPECT_NE(prices.out.find(score + " before, " + score.substr(8) + " after"), std::string::npos)
      << prices.out << scored.out;
}

// Their differences are lost in float32, in which the model works.
TEST_F(Tables, TargetsFarFromZeroAreToldInTheirOwnDigits) {
  std::string text = "a,when\n";
  for (int k = 0; k < 60; ++k)
    text += std::to_string(k) + "," + std::to_string(1700000000 + 5 * k) + "\n";
  folder_.file("times.csv", text);
  ASSERT_EQ(train("times.csv", "times",
                  {"--target-columns", "when", "--standardise", "--epochs", "40", "--quiet"})
                .status,
            0);
  const std::string model = "times/last.safetensors";
  const ProgramResult evaluated = apply("evaluate", model, "times.csv", {"--json"});
  const double rmse = nlohmann::json::parse(evaluated.out)["rmse"].get<double>();
  ASSERT_LT(rmse, 30.0);
  ASSERT_EQ(apply("predict", model, "times.csv", {"--output", path("when.csv")}).status, 0);
  std::istringstream predictions(read_text(folder_ / "when.csv"));
  std::string line;
  std::getline(predictions, line);
  double squares = 0;
  for (int k = 0; std::getline(predictions, line); ++k)
    squares += std::pow(std::stod(line) - (1700000000.0 + 5 * k), 2);
  EXPECT_NEAR(std::sqrt(squares / 60), rmse, 1e-3 * rmse);
}

TEST_F(Tables, ThatCannotBeTrainedOnAreRefused) {
  const std::vector<std::string> kind = {"--label-column", "kind"};
  const auto with = [](std::vector<std::string> all, const std::vector<std::string>& more) {
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto refused = [&](const std::vector<std::string>& flags,
                           const std::vector<std::string>& parts) {
    expect_refusal(train("trees.csv", "run", flags), parts);
  };
  refused({}, {"--label-column", "'length', 'weight', 'zero', 'kind'"});
  refused({"--target-columns", "zero", "--ignore-columns", "kind"}, {"'zero'", "nothing to learn"});
  refused(with(kind, {"--ignore-columns", "length,weight", "--standardise"}), {"every feature"});
  refused(with(kind, {"--validation", "0.001"}), {"--validation 0.001", "0 to validate"});
  refused(with(kind, {"--validation", "1"}), {"--validation is 1", "(0, 1)"});
  refused(with(kind, {"--normalise", "1"}), {"--normalise is '1'", "MEAN,STD"});
  refused(with(kind, {"--normalise", "0,1", "--standardise"}), {"both"});
  refused(with(kind, {"--loss", "squared_error", "--labels", "y.npy"}), {".npy files"});
  refused({"--target-columns", "zero,length", "--ignore-columns", "kind", "--loss",
           "softmax_cross_entropy"},
          {"zero"});
  folder_.file("missing.csv", "length,kind\n1,oak\n2,NA\n3,elm\n");
  expect_refusal(train("missing.csv", "run", kind), {"line 3", "the value is missing ('NA')"});
  folder_.file("prices_too.csv", "length,price\n1,2\n2,3\n");
  refused(with(kind, {"--test-data", path("prices_too.csv")}), {"names 'kind'"});
  write_tiny_mnist(folder_);
  expect_refusal(run_program({"train", "--data", folder_.path().string(), "--label-column", "1",
                              "--out", path("run")}),
                 {"is a folder"});
  expect_refusal(run_program({"train", "--data", path("misspelt"), "--label-column", "kind",
                              "--out", path("run")}),
                 {"misspelt", "is no folder, and no file"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

TEST_F(Tables, FreezeMatricesAgainstPruningToo) {
  ASSERT_EQ(train("trees.csv", "frozen",
                  {"--label-column", "kind", "--epochs", "3", "--freeze", "A,D", "--sparsify",
                   "0.5", "--gradual", "1", "--quiet"})
                .status,
            0);
  const io::Safetensors model = io::read_safetensors(path("frozen/last.safetensors"));
  for (const char* name : {"A", "B.values", "C.values", "D"})
    EXPECT_TRUE(model.contains(name)) << name;
  expect_refusal(train("trees.csv", "none",
                       {"--label-column", "kind", "--epochs", "3", "--freeze", "A", "--sparsify",
                        "0.5", "--gradual", "1", "--sparsify-target", "A"}),
                 {"all that pruning may change is frozen (A)"});
}

// Its outputs are the classes 0, 1 and 2, of which the labels need not have all.
TEST_F(Tables, OfWholeLabelsAreComparedWithAModelThatNamesNone) {
  Context context(Device::cpu());
  const ImplicitModel<float> model(context, {.states = 5, .inputs = 2, .outputs = 3});
  save_model(context, model, folder_ / "unnamed.safetensors");
  io::write_npy(folder_ / "U.npy", io::Array::from<float>({4, 2}, std::vector<float>(8, 1.0F)));
  const auto evaluate = [&](const std::vector<std::int64_t>& labels) {
    io::write_npy(folder_ / "labels.npy", io::Array::from<std::int64_t>({4}, labels));
    return apply("evaluate", "unnamed.safetensors", "U.npy",
                 {"--labels", path("labels.npy"), "--json"});
  };
  double correct = 0;
  for (const std::int64_t label : {0, 1, 2}) {
    const ProgramResult measured = evaluate({label, label, label, label});
    ASSERT_EQ(measured.status, 0) << measured.err;
    correct += nlohmann::json::parse(measured.out)["accuracy"].get<double>();
  }
  EXPECT_EQ(correct, 1.0);
  expect_refusal(evaluate({0, 1, 2, 3}), {"'3'", "'0', '1', '2'"});
}

TEST_F(Tables, OfNumPyAreTrainedOnWithValuesNormalised) {
  RandomValues random(2);
  std::vector<double> X;
  std::vector<std::int64_t> y;
  for (int k = 0; k < 40; ++k) {
    X.insert(X.end(), {k % 2 == 0 ? 30.0 : -10.0, random.uniform(-1.0, 1.0)});
    y.push_back(k % 2 == 0 ? 5 : -5);
  }
  io::write_npy(folder_ / "X.npy", io::Array::from<double>({40, 2}, X));
  io::write_npy(folder_ / "y.npy", io::Array::from<std::int64_t>({40}, y));
  const ProgramResult trained =
      train("X.npy", "run",
            {"--labels", path("y.npy"), "--test-data", path("X.npy"), "--test-labels",
             path("y.npy"), "--normalise", "10,20", "--epochs", "10", "--precision", "f64"});
  ASSERT_EQ(trained.status, 0) << trained.err;
  EXPECT_NE(trained.out.find("classes: '-5', '5'"), std::string::npos) << trained.out;
  const ProgramResult predicted =
      apply("predict", "run/best.safetensors", "X.npy", {"--output", path("classes.csv")});
  ASSERT_EQ(predicted.status, 0) << predicted.err;
  EXPECT_EQ(read_text(folder_ / "classes.csv").substr(0, 12), "class\n5\n-5\n5");
  const ProgramResult evaluated =
      apply("evaluate", "run/best.safetensors", "X.npy", {"--labels", path("y.npy")});
  EXPECT_NE(evaluated.out.find("test accuracy 100.00 %"), std::string::npos) << evaluated.out;
}

TEST_F(Tables, LinesOfAHundredEpochsFitIntoATerminal) {
  const ProgramResult trained =
      train("trees.csv", "long",
            {"--label-column", "kind", "--epochs", "101", "--standardise", "--validation", "0.2"});
  EXPECT_EQ(trained.status, 0) << trained.err;
  std::istringstream lines(trained.out);
  int epochs = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("epoch ", 0) != 0) continue;
    EXPECT_LE(line.size(), 80U) << line;
    ++epochs;
  }
  EXPECT_EQ(epochs, 101);
}

}  // namespace
}  // namespace idl::test
