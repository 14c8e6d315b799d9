// SPDX-License-Identifier: MIT
// Pictures of what models answer, of the rows of A and of what density costs.
#include "host/cli/answer_pictures.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "host/cli/density_curve.hpp"
#include "idl/pictures.hpp"
#include "tests/cli/png.hpp"
#include "tests/cli/program.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

using pictures::Confusion;

constexpr Pixel k_bar{0, 114, 178};        // of the first bars
constexpr Pixel k_second_bar{213, 94, 0};  // of the second, and of lines over bars
constexpr Pixel k_empty_cell{255, 255, 255};
constexpr Pixel k_full_cell{8, 48, 107};

/// The frame of a single panel: x from 80 to 840, y from 104 to 454.
int bar_pixels(const Png& png, Pixel colour, int from, int to) {
  return png.count_if(from, to, 104, 454, [&](Pixel pixel) { return pixel == colour; });
}

TEST(IterationsPicture, HasABarForEachNumberAsHighAsItsSamples) {
  const TemporaryFolder folder;
  // 10 samples of 4 iterations, 5 of 6, none of 5: three columns of 3.12 units.
  std::vector<std::int32_t> iterations(10, 4);
  iterations.insert(iterations.end(), 5, 6);
  const std::vector<bool> converged(15, true);
  pictures::write_iterations_png(folder / "f.png", iterations, converged);
  const Png png(read_text(folder / "f.png"));
  const int fours = bar_pixels(png, k_bar, 80, 330);
  const int sixes = bar_pixels(png, k_bar, 590, 840);
  EXPECT_EQ(bar_pixels(png, k_bar, 340, 580), 0);
  EXPECT_GT(sixes, 20000);
  EXPECT_NEAR(static_cast<double>(fours) / sixes, 2.0, 0.03);
  EXPECT_EQ(bar_pixels(png, k_second_bar, 80, 840), 0);
}

TEST(IterationsPicture, ShowsASingleSampleThatDidNotConvergeAmongMany) {
  const TemporaryFolder folder;
  std::vector<std::int32_t> iterations(100000, 7);
  std::vector<bool> converged(iterations.size(), true);
  converged[5] = false;
  pictures::write_iterations_png(folder / "f.png", iterations, converged);
  EXPECT_GE(bar_pixels(Png(read_text(folder / "f.png")), k_second_bar, 80, 840), 3 * 400);
}

TEST(IterationsPicture, TellsSamplesApartThatDidNotConverge) {
  const TemporaryFolder folder;
  pictures::write_iterations_png(folder / "f.png", std::vector<std::int32_t>{7, 7, 300, 300, 300},
                                 {true, true, true, false, false});
  const Png png(read_text(folder / "f.png"));
  EXPECT_EQ(bar_pixels(png, k_second_bar, 80, 800), 0);
  EXPECT_GT(bar_pixels(png, k_second_bar, 800, 840), 100);
  EXPECT_NEAR(static_cast<double>(bar_pixels(png, k_second_bar, 800, 840)) /
                  bar_pixels(png, k_bar, 800, 840),
              2.0, 0.1);
  expect_error<InvalidArgument>(
      [&] {
        pictures::write_iterations_png(folder / "g.png", std::vector<std::int32_t>{1, 2}, {true});
      },
      {"2 samples have iterations, 1 a status"});
  pictures::write_iterations_png(folder / "none.png", {}, {});
  EXPECT_EQ(bar_pixels(Png(read_text(folder / "none.png")), k_bar, 80, 840), 0);
}

TEST(ConfusionPicture, KnowsNoOtherClassesThanItsOwn) {
  Confusion confusion(3, {});
  confusion.add(2, 1);
  confusion.add(2, -1);
  for (const auto& [label, predicted] : {std::pair(7, 0), {0, 7}, {-1, 0}, {3, 3}})
    EXPECT_THROW(confusion.add(label, predicted), InvalidArgument);
  EXPECT_EQ(std::accumulate(confusion.counts.begin(), confusion.counts.end(), std::int64_t(0)), 1);
}

TEST(ConfusionPicture, NamesSomeOfManyClasses) {
  const TemporaryFolder folder;
  pictures::write_confusion_png(folder / "f.png", Confusion(100, {}));
  const Png png(read_text(folder / "f.png"));
  // The frame of 100 cells of 6 pixels ends 36 pixels above the lower edge.
  const auto is_ink = [](Pixel pixel) { return pixel == Pixel{38, 38, 38}; };
  const int bottom = png.height() - 36;
  EXPECT_GT(png.count_if(36, png.width() - 600 - 36 - 4, bottom - 600, bottom, is_ink), 100);
}

// As where a column of texts was taken for the classes.
TEST(ConfusionPicture, CutsNamesOfAnyLength) {
  const TemporaryFolder folder;
  std::string umlauts(1, 'x');
  for (int k = 0; k < 300; ++k) umlauts += "\u00FC";
  Confusion confusion(3, {"short", std::string(1000000, 'w'), umlauts});
  confusion.add(1, 2);
  pictures::write_confusion_png(folder / "f.png", confusion);
  EXPECT_LT(Png(read_text(folder / "f.png")).width(), 900);
}

TEST(RowSumsPicture, ShowsTheLargestFirstAndWhereKappaIs) {
  const TemporaryFolder folder;
  const std::vector<double> sums = {0.2, 0.9, 0.45, std::numeric_limits<double>::quiet_NaN()};
  pictures::write_row_sums_png(folder / "ball.png", sums, WellPosedness::inf_norm_ball(0.9));
  const Png png(read_text(folder / "ball.png"));
  const int first = bar_pixels(png, k_bar, 80, 250);
  const int second = bar_pixels(png, k_bar, 280, 450);
  const int third = bar_pixels(png, k_bar, 480, 640);
  EXPECT_GT(first, second);
  EXPECT_GT(second, third);
  EXPECT_GT(third, 3000);
  EXPECT_EQ(bar_pixels(png, k_bar, 660, 840), 0) << "a sum that is not finite";
  EXPECT_GT(bar_pixels(png, k_second_bar, 80, 840), 500) << "the line of kappa";
  pictures::write_row_sums_png(folder / "free.png", sums, WellPosedness::none());
  EXPECT_EQ(bar_pixels(Png(read_text(folder / "free.png")), k_second_bar, 80, 840), 0);
}

TEST(ConfusionPicture, ShadesEachCellByTheShareOfItsRow) {
  const TemporaryFolder folder;
  Confusion confusion(3, {"a", "b", "c"});
  for (int k = 0; k < 4; ++k) confusion.add(0, 0);
  confusion.add(1, 0);
  confusion.add(1, 1);
  confusion.add(2, 1);
  confusion.add(2, -1);
  EXPECT_EQ(confusion.accuracy(), 5.0 / 8.0);
  EXPECT_EQ(confusion.not_finite, 1);
  pictures::write_confusion_png(folder / "f.png", confusion);
  const Png png(read_text(folder / "f.png"));
  // Cells of 54 pixels; the frame ends 36 pixels above the lower edge.
  const int top = png.height() - 36 - 3 * 54;
  int left = 0;
  while (png.at(left, top + 5) != k_full_cell) ++left;
  const auto cell = [&](int row, int col) {
    return png.at(left + 54 * col + 4, top + 54 * row + 4);
  };
  EXPECT_EQ(cell(0, 0), k_full_cell);
  EXPECT_EQ(cell(0, 1), k_empty_cell);
  EXPECT_EQ(cell(1, 0), cell(1, 1));
  EXPECT_NE(cell(1, 0), k_full_cell);
  EXPECT_NE(cell(1, 0), k_empty_cell);
  EXPECT_EQ(cell(2, 1), k_full_cell);
  EXPECT_EQ(cell(2, 2), k_empty_cell);
}

TEST(ConfusionPicture, FitsOnAScreenForEveryNumberOfClassesAndLengthOfNames) {
  const TemporaryFolder folder;
  for (const index_t classes : {1, 2, 17, 100, 400}) {
    Confusion confusion(classes,
                        {"a name that is much longer than any cell is wide, \u00e9\u00e9"});
    confusion.add(0, static_cast<std::int32_t>(classes - 1));
    pictures::write_confusion_png(folder / "f.png", confusion);
    const Png png(read_text(folder / "f.png"));
    EXPECT_LE(png.width(), 1150) << classes;
    EXPECT_LE(png.height(), 1150) << classes;
  }
  expect_error<InvalidArgument>(
      [&] { pictures::write_confusion_png(folder / "g.png", Confusion(401, {})); },
      {"401 classes"});
}

TEST(AnswerPictures, AreOfTheModelsAnswersToEachSample) {
  const TemporaryFolder folder;
  Context context(Device::cpu());
  const ImplicitModel<float> model(context, {.states = 5, .inputs = 4, .outputs = 3}, {}, 1);
  RandomValues random(2);
  std::vector<float> values(44);
  for (float& value : values) value = static_cast<float>(random.uniform(-1.0, 1.0));
  const auto answer = model.predict(context, Matrix<float>::from_host(context, 4, 11, values),
                                    {.batch_invariant = true});
  const std::vector<float> Y = download(context, answer.Y);
  const std::vector<std::int32_t> labels = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1};
  Confusion expected(3, {});
  for (std::size_t k = 0; k < labels.size(); ++k) {
    const auto y = Y.begin() + static_cast<std::ptrdiff_t>(3 * k);
    expected.add(labels[k], static_cast<std::int32_t>(std::max_element(y, y + 3) - y));
  }
  pictures::write_confusion_png(folder / "expected.png", expected);
  pictures::write_iterations_png(folder / "iterations.png", answer.report.iterations,
                                 std::vector<bool>(11, true));
  const Dataset data = Dataset::from_values(values, labels, 4, 3);
  const auto files = cli::write_answer_pictures(
      context, model, data, {}, 4, {.batch_invariant = true}, folder / "new" / "folder");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(read_text(files[0]), read_text(folder / "iterations.png"));
  EXPECT_EQ(read_text(files[1]), read_text(folder / "expected.png"));
}

class Pictures : public testing::Test {
 protected:
  void SetUp() override {
    write_tiny_mnist(data_);
    ASSERT_EQ(run_program({"train", "--data", data_.path().string(), "--out", path("run"),
                           "--device", "cpu", "--epochs", "2", "--hidden", "6", "--quiet"})
                  .status,
              0);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  TemporaryFolder data_;
  TemporaryFolder folder_;
};

TEST_F(Pictures, AreMadeByEvaluateAndPlot) {
  const ProgramResult evaluated =
      run_program({"evaluate", "--model", path("run/last.safetensors"), "--data",
                   data_.path().string(), "--device", "cpu", "--plot", path("plots")});
  ASSERT_EQ(evaluated.status, 0) << evaluated.err;
  for (const char* name : {"plots/iterations.png", "plots/confusion.png"}) {
    EXPECT_TRUE(std::filesystem::exists(folder_ / name)) << name;
    EXPECT_NE(evaluated.out.find("wrote " + path(name)), std::string::npos) << evaluated.out;
  }
  const std::string row_sums = read_text(folder_ / "run" / "row_sums.png");
  ASSERT_EQ(run_program({"plot", "--model", path("run/last.safetensors"), "--output",
                         path("spy.png"), "--row-sums", path("rows.png")})
                .status,
            0);
  EXPECT_EQ(read_text(folder_ / "rows.png"), row_sums);
  EXPECT_EQ(read_text(folder_ / "spy.png"), read_text(folder_ / "run" / "spy.png"));
  expect_refusal(run_program({"plot", "--run", path("run"), "--row-sums", "a.png"}),
                 {"--row-sums is for --model"});
  expect_refusal(run_program({"plot", "--run", path("run"), "--kappa", "0.5"}),
                 {"--kappa is for --model"});
}

TEST_F(Pictures, AreMadeOfAFileThatItsUserHasToExplain) {
  io::Safetensors file = io::read_safetensors(folder_ / "run" / "last.safetensors");
  file.metadata.clear();
  file.tensors.erase("D");
  io::write_safetensors(folder_ / "bare.safetensors", file);
  const std::vector<std::string> call = {"plot", "--model", path("bare.safetensors"), "--output",
                                         path("bare.png")};
  expect_refusal(run_program(call), {"--no-D"});
  std::vector<std::string> explained = call;
  explained.insert(explained.end(), {"--no-D", "--no-bias", "--activation", "tanh"});
  const ProgramResult result = run_program(explained);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(std::filesystem::exists(folder_ / "bare.png"));
}

TEST_F(Pictures, OfDensityAreMadeAgainOfWhatWasMeasured) {
  const std::vector<pictures::DensityPoint> points = {
      {.density = 1, .stored = 100, .one_shot = 0.9, .fine_tuned = 0.92, .gradual = 0.91},
      {.density = 0.1, .stored = 10, .one_shot = 0.2, .fine_tuned = 0.7, .gradual = 0.8}};
  cli::write_density_json(folder_ / "run" / "density.json", {}, {"m", "tiny", 6, points});
  const pictures::DensityCurve curve = cli::read_density_json(folder_ / "run" / "density.json");
  EXPECT_EQ(curve.data, "tiny");
  EXPECT_EQ(curve.states, 6);
  ASSERT_EQ(curve.points.size(), 2U);
  EXPECT_EQ(curve.points[1].stored, 10);
  EXPECT_EQ(curve.points[1].gradual, 0.8);
  pictures::write_density_png(folder_ / "expected.png", {"m", "tiny", 6, points});
  const ProgramResult result = run_program({"plot", "--run", path("run")});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(read_text(folder_ / "run" / "density.png"), read_text(folder_ / "expected.png"));
  std::filesystem::create_directory(folder_ / "curve");
  const auto refused = [&](const std::string& text, const std::vector<std::string>& parts) {
    folder_.file("curve/density.json", text);
    expect_refusal(run_program({"plot", "--run", path("curve")}), parts);
  };
  refused("[]", {"density.json", "with points"});
  refused(R"({"points": [1]})", {"point 1 is no JSON object"});
  refused(R"({"points": [{"density": "x"}]})", {"point 1: density is \"x\""});
  refused(R"({"points": [{"density": 1}]})", {"point 1: stored is missing"});
}

}  // namespace
}  // namespace idl::test
