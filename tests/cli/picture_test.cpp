// SPDX-License-Identifier: MIT
#include "idl/pictures.hpp"

#include <cmath>
#include <span>
#include <tuple>
#include <vector>

#include "host/pictures/spy_plot.hpp"
#include "idl/io.hpp"
#include "tests/cli/png.hpp"
#include "tests/io/files.hpp"

namespace idl::pictures {
namespace {

using test::expect_error;
using test::read_text;
using test::TemporaryFolder;

using test::Pixel;

constexpr Pixel k_white{255, 255, 255};
constexpr Pixel k_blue{0, 114, 178};   // of the first curve
constexpr Pixel k_orange{213, 94, 0};  // of the second
constexpr Pixel k_red{214, 39, 40};

/// A picture file.
class Png : public test::Png {
 public:
  explicit Png(const std::filesystem::path& path) : test::Png(read_text(path)) {}

  /// How often a colour occurs in the columns [from, to).
  int count(Pixel colour, int from, int to) const {
    return count_if(from, to, 0, height(), [&](Pixel pixel) { return pixel == colour; });
  }
  int count(Pixel colour) const { return count(colour, 0, width()); }
};

int brightness(Pixel pixel) { return pixel[0] + pixel[1] + pixel[2]; }

EpochMetrics epoch(std::int64_t number, double loss, double accuracy) {
  EpochMetrics metrics;
  metrics.epoch = number;
  metrics.train_loss = loss;
  metrics.train_accuracy = accuracy;
  return metrics;
}

std::vector<EpochMetrics> ten_epochs() {
  std::vector<EpochMetrics> epochs;
  for (int i = 1; i <= 10; ++i) {
    epochs.push_back(epoch(i, 1.0 / i, 1 - 0.5 / i));
    Evaluation test;
    test.loss = 1.2 / i;
    test.accuracy = 0.9 - 0.5 / i;
    epochs.back().test = test;
  }
  return epochs;
}

TEST(TrainingCurves, TakesTheTestOnlyWhereThereIsOne) {
  auto epochs = ten_epochs();
  epochs[3].test.reset();
  const TrainingCurves curves = training_curves("title", epochs);
  ASSERT_EQ(curves.loss.size(), 2U);
  EXPECT_EQ(curves.loss[0].x.size(), 10U);
  EXPECT_EQ(curves.loss[1].x.size(), 9U);
  EXPECT_EQ(curves.loss[1].x[3], 5);
  EXPECT_EQ(curves.accuracy[1].y[0], 0.9 - 0.5);
  for (EpochMetrics& metrics : epochs) metrics.test.reset();
  EXPECT_EQ(training_curves("title", epochs).loss.size(), 1U);
  EXPECT_EQ(training_curves("title", epochs).accuracy.size(), 1U);
}

TEST(TrainingCurves, DrawsBothCurvesInBothPanels) {
  const TemporaryFolder folder;
  write_training_curves_png(folder / "f.png", training_curves("Title", ten_epochs()));
  EXPECT_EQ(folder.count(), 1);
  const Png png(folder / "f.png");
  EXPECT_EQ(png.width(), 1280);
  EXPECT_EQ(png.height(), 520);
  for (const Pixel& colour : {k_blue, k_orange}) {
    // Ten markers of 6.5 pixels alone have more than 250 pixels.
    EXPECT_GT(png.count(colour, 0, 640), 250);
    EXPECT_GT(png.count(colour, 640, 1280), 250);
  }
  EXPECT_EQ(png.at(0, 0), k_white);
}

TEST(TrainingCurves, APointIsDrawnAtItsValues) {
  const TemporaryFolder folder;
  // One epoch: the panel of the accuracy reaches from epoch 0 at x = 720 to epoch 2 at x = 1240.
  write_training_curves_png(folder / "f.png",
                            training_curves("", std::vector<EpochMetrics>{epoch(1, 2.0, 0.5)}));
  const Png png(folder / "f.png");
  int left = png.width();
  int right = 0;
  for (int y = 110; y < 450; ++y) {
    for (int x = 640; x < 1280; ++x) {
      if (png.at(x, y) != k_blue) continue;
      left = std::min(left, x);
      right = std::max(right, x);
    }
  }
  EXPECT_NEAR((left + right + 1) / 2.0, 980, 1);
  EXPECT_NEAR(right - left, 6, 2);
}

TEST(TrainingCurves, AValueThatIsNotFiniteInterruptsTheCurve) {
  const TemporaryFolder folder;
  auto epochs = ten_epochs();
  for (EpochMetrics& metrics : epochs) metrics.test.reset();
  write_training_curves_png(folder / "whole.png", training_curves("", epochs));
  epochs[4].train_loss = std::nan("");
  epochs[5].train_loss = HUGE_VAL;
  write_training_curves_png(folder / "broken.png", training_curves("", epochs));
  const Png whole(folder / "whole.png");
  const Png broken(folder / "broken.png");
  // The panel of the loss spans 520 pixels from x = 80 on; epochs 5 and 6 lie in its middle.
  EXPECT_GT(whole.count(k_blue, 320, 360), 0);
  EXPECT_EQ(broken.count(k_blue, 320, 360), 0);
  EXPECT_GT(broken.count(k_blue, 80, 280), 0);
}

TEST(TrainingCurves, ALossOverDecadesHasALogarithmicAxis) {
  const TemporaryFolder folder;
  std::vector<EpochMetrics> epochs;
  for (int k = 0; k <= 6; ++k) {
    epochs.push_back(epoch(k, std::pow(10.0, -k), 0.5));
    epochs.back().test.reset();
  }
  write_training_curves_png(folder / "f.png", training_curves("", epochs));
  // A straight line through the middle of the panel, x from 80 to 600, y from 104 to 454.
  EXPECT_EQ(Png(folder / "f.png").at(340, 279), k_blue);
  epochs[6].train_loss = 0;  // has no logarithm
  write_training_curves_png(folder / "f.png", training_curves("", epochs));
  EXPECT_NE(Png(folder / "f.png").at(340, 279), k_blue);
}

TEST(TrainingCurves, ALossOverDecadesMayBeOfAnySize) {
  const TemporaryFolder folder;
  for (const double loss : {1e305, 1e303, 1e300, 1e-300, 1e-318, 5e-324}) {
    std::vector<EpochMetrics> epochs = {epoch(1, loss, 0.5), epoch(2, 1, 0.5), epoch(3, 1, 0.5)};
    for (EpochMetrics& metrics : epochs) metrics.test.reset();
    write_training_curves_png(folder / "f.png", training_curves("", epochs));
    EXPECT_GT(Png(folder / "f.png").count(k_blue, 80, 600), 0) << loss;
  }
}

TEST(TrainingCurves, ALongTitleEndsInThePicture) {
  const TemporaryFolder folder;
  const auto ink_at_the_edge = [&](const std::string& title) {
    write_training_curves_png(folder / "f.png", training_curves(title, ten_epochs()));
    int count = 0;
    const Png png(folder / "f.png");
    for (int y = 20; y < 60; ++y)
      for (int x = 1240; x < 1280; ++x) count += png.at(x, y) == Pixel{255, 255, 255} ? 0 : 1;
    return count;
  };
  EXPECT_EQ(ink_at_the_edge(std::string(300, 'M')), 0);
}

TEST(TrainingCurves, ValuesTooLargeForAnAxisAreGapsAndLargeOnesAreDrawn) {
  const TemporaryFolder folder;
  auto epochs = ten_epochs();
  for (EpochMetrics& metrics : epochs) metrics.test.reset();
  epochs[4].train_loss = std::numeric_limits<double>::max();
  epochs[5].train_loss = std::numeric_limits<double>::lowest();
  write_training_curves_png(folder / "f.png", training_curves("", epochs));
  EXPECT_EQ(Png(folder / "f.png").count(k_blue, 320, 360), 0);
  EXPECT_GT(Png(folder / "f.png").count(k_blue, 80, 280), 0);
  epochs[4].train_loss = 9e299;
  epochs[5].train_loss = -9e299;
  write_training_curves_png(folder / "f.png", training_curves("", epochs));
  EXPECT_GT(Png(folder / "f.png").count(k_blue, 320, 360), 0);
}

TEST(TrainingCurves, WorksWithoutAnyData) {
  const TemporaryFolder folder;
  write_training_curves_png(folder / "f.png", training_curves("nothing", {}));
  EXPECT_EQ(Png(folder / "f.png").count(k_blue), 0);
  const std::vector<EpochMetrics> bad = {epoch(1, std::nan(""), -HUGE_VAL)};
  write_training_curves_png(folder / "f.png", training_curves("bad", bad));
  EXPECT_EQ(Png(folder / "f.png").count(k_blue), 0);
}

TEST(TrainingCurves, RefusesCurvesThatDoNotFit) {
  const TemporaryFolder folder;
  TrainingCurves curves;
  curves.loss = {{"a", {1, 2}, {1}}};
  expect_error<InvalidArgument>([&] { write_training_curves_png(folder / "f", curves); },
                                {"curve a has 2 x and 1 y"});
  curves.loss.assign(5, {"a", {}, {}});
  expect_error<InvalidArgument>([&] { write_training_curves_png(folder / "f", curves); },
                                {"5 curves"});
  EXPECT_EQ(folder.count(), 0);
}

/// The picture of M = [A B; C D], (n+q)×(n+p), column-major.
void write_spy(const std::filesystem::path& path, index_t n, index_t p, index_t q,
               std::span<const float> M) {
  SpyPlot plot("M", n, p, q);
  for (index_t col = 0; col < n + p; ++col)
    for (index_t row = 0; row < n + q; ++row) {
      const float value = M[static_cast<std::size_t>(col * (n + q) + row)];
      const bool above = row < n;
      const bool left = col < n;
      plot.matrix(above ? (left ? "A" : "B") : (left ? "C" : "D"))
          .add(above ? row : row - n, left ? col : col - n, value);
    }
  io::write_file_atomically(path, plot.png());
}

/// M of zeros with n = p = q = 10; an entry takes 40×40 pixels, A begins at (36, 96), and 8 pixels
/// separate the blocks.
struct SmallM {
  static constexpr index_t k_n = 10;
  std::vector<float> values = std::vector<float>(400);

  float& at(index_t row, index_t col) { return values[static_cast<std::size_t>(col * 20 + row)]; }
  void write(const std::filesystem::path& path) const { write_spy(path, k_n, k_n, k_n, values); }
  static Pixel seen(const Png& png, int row, int col) {
    const auto middle = [](int i) { return 40 * i + 20 + (i >= 10 ? 8 : 0); };
    return png.at(36 + middle(col), 96 + middle(row));
  }
};

TEST(SpyPlot, ShowsEachEntryInItsPlace) {
  const TemporaryFolder folder;
  SmallM M;
  M.at(2, 7) = 1;
  M.at(0, 15) = -0.01F;
  M.at(13, 3) = 0.1F;
  M.at(19, 19) = -1;
  M.write(folder / "f.png");
  const Png png(folder / "f.png");
  for (int row = 0; row < 20; ++row) {
    for (int col = 0; col < 20; ++col) {
      EXPECT_EQ(SmallM::seen(png, row, col) == k_white, M.at(row, col) == 0) << row << " " << col;
    }
  }
  EXPECT_LT(brightness(SmallM::seen(png, 2, 7)), brightness(SmallM::seen(png, 13, 3)));
  EXPECT_LT(brightness(SmallM::seen(png, 13, 3)), brightness(SmallM::seen(png, 0, 15)));
  EXPECT_EQ(SmallM::seen(png, 2, 7), SmallM::seen(png, 19, 19)) << "signs do not matter";
  EXPECT_NE(png.at(35, 300), k_white) << "the border of A";
}

TEST(SpyPlot, EntriesThatAreNotFiniteAreRed) {
  const TemporaryFolder folder;
  SmallM M;
  M.at(1, 1) = 1;
  M.at(4, 4) = NAN;
  M.at(4, 14) = -HUGE_VALF;
  M.write(folder / "f.png");
  const Png png(folder / "f.png");
  EXPECT_EQ(SmallM::seen(png, 4, 4), k_red);
  EXPECT_EQ(SmallM::seen(png, 4, 14), k_red);
  EXPECT_NE(SmallM::seen(png, 1, 1), k_red);
}

TEST(SpyPlot, WorksWhereAllIsZero) {
  const TemporaryFolder folder;
  SmallM().write(folder / "f.png");
  const Png png(folder / "f.png");
  EXPECT_EQ(SmallM::seen(png, 5, 5), k_white);
}

TEST(SpyPlot, OneEntryAmongManyInAPixelIsSeen) {
  const TemporaryFolder folder;
  constexpr index_t k_n = 1000;  // 3×3 entries of A share a pixel
  std::vector<float> M((k_n + 1) * (k_n + 1));
  M[(k_n + 1) * 400 + 700] = 1e-3F;  // row 700, column 400
  write_spy(folder / "f.png", k_n, 1, 1, M);
  const Png png(folder / "f.png");
  EXPECT_NE(png.at(36 + 400 / 3, 96 + 700 / 3), k_white);
  EXPECT_EQ(png.at(36 + 400 / 3 + 1, 96 + 700 / 3), k_white);
  EXPECT_EQ(png.at(36 + 400 / 3, 96 + 700 / 3 - 1), k_white);
}

TEST(SpyPlot, FitsOnAScreenForEverySize) {
  const TemporaryFolder folder;
  for (const auto& [n, p, q] : std::vector<std::tuple<index_t, index_t, index_t>>{
           {1, 1, 1}, {100, 784, 10}, {3, 5000, 2}, {2000, 3, 700}, {421, 813, 421}}) {
    const std::vector<float> M(static_cast<std::size_t>((n + q) * (n + p)), 1.0F);
    write_spy(folder / "f.png", n, p, q, M);
    const Png png(folder / "f.png");
    EXPECT_LE(png.width(), 1400) << n << " " << p << " " << q;
    EXPECT_LE(png.height(), 1100) << n << " " << p << " " << q;
    EXPECT_GE(png.width(), 400) << n << " " << p << " " << q;
  }
}

TEST(SpyPlot, TheLargestOfFewEntriesHasAColourOfItsOwn) {
  const TemporaryFolder folder;
  const std::vector<float> M = {0.9F, 0.5F, 0.7F, 2.44F};  // A, C, B, D
  write_spy(folder / "f.png", 1, 1, 1, M);
  const Png png(folder / "f.png");
  // Blocks of 212×212 pixels, 8 apart.
  EXPECT_NE(png.at(36 + 100, 96 + 100), png.at(36 + 320, 96 + 320));
  EXPECT_EQ(png.at(36 + 320, 96 + 320), (Pixel{68, 1, 84}));
}

TEST(SpyPlot, EntriesMayComeInAnyOrderAndZerosNotAtAll) {
  const TemporaryFolder folder;
  constexpr index_t k_n = 1000;
  std::vector<float> M((k_n + 1) * (k_n + 1));
  SpyPlot plot("M", k_n, 1, 1);
  for (index_t i = k_n; i-- > 0;) {
    const index_t j = i * 7 % k_n;
    const auto value = static_cast<float>(i % 5 + 1);  // sums of which are exact
    M[static_cast<std::size_t>(j * (k_n + 1) + i)] = value;
    plot.matrix("A").add(i, j, value);
  }
  write_spy(folder / "all.png", k_n, 1, 1, M);
  io::write_file_atomically(folder / "stored.png", plot.png());
  EXPECT_EQ(read_text(folder / "stored.png"), read_text(folder / "all.png"));
  EXPECT_EQ(plot.matrix("A").nonzero(), k_n);
}

TEST(SpyPlot, OfASparseModelIsThatOfTheDenseOneWithTheSameEntries) {
  Context context({.device = Device::cpu(), .log = [](Severity, std::string_view) {}});
  const ImplicitModel<float> dense(context, {30, 5, 2}, {.bias = true}, 3);
  const auto csr = [&](ConstMatrixView<float> matrix) {
    return CsrMatrix<float>::from_dense(context, matrix);
  };
  const ModelMatrices<float> matrices = {
      .A = csr(dense.A()), .B = csr(dense.B()), .C = csr(dense.C()), .D = csr(dense.D())};
  const ImplicitModel<float> sparse(context, matrices, dense.options());
  const TemporaryFolder folders[2];
  write_run_pictures(context, dense, folders[0].path());
  write_run_pictures(context, sparse, folders[1].path());
  EXPECT_EQ(read_text(folders[1] / "spy.png"), read_text(folders[0] / "spy.png"));
}

TEST(SpyPlot, OfALowRankModelIsThatOfTheDenseOneWithTheProductOfItsFactors) {
  Context context({.device = Device::cpu(), .log = [](Severity, std::string_view) {}});
  const ImplicitModel<float> low_rank(context, {30, 5, 2}, {.rank = 2}, 3);
  ImplicitModel<float> dense(context, {30, 5, 2}, {.well_posedness = WellPosedness::none()}, 3);
  const std::vector<float> L = download(context, low_rank.L());
  const std::vector<float> R = download(context, low_rank.R());
  std::vector<float> A(30 * 30);
  for (std::size_t j = 0; j < 30; ++j)
    for (std::size_t i = 0; i < 30; ++i) A[i + 30 * j] = L[i] * R[j] + L[i + 30] * R[j + 30];
  upload<float>(context, A, dense.A());
  for (const char* name : {"B", "C", "D"})
    copy<float>(context, low_rank.layout().at(name).of(low_rank.M()),
                dense.layout().at(name).of(dense.M()));
  const TemporaryFolder folders[2];
  write_run_pictures(context, dense, folders[0].path());
  write_run_pictures(context, low_rank, folders[1].path());
  EXPECT_EQ(read_text(folders[1] / "spy.png"), read_text(folders[0] / "spy.png"));
}

TEST(SpyPlot, RefusesSizesThatAreNoneAndNamesOfNoMatrix) {
  expect_error<InvalidArgument>([] { SpyPlot("M", 0, 2, 3); }, {"0, 2 and 3"});
  expect_error<InvalidArgument>([] { SpyPlot("M", 1, 1, 1).matrix("E"); },
                                {"A, B, C and D", "'E'"});
}

}  // namespace
}  // namespace idl::pictures
