// SPDX-License-Identifier: MIT
#include "host/pictures/canvas.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "idl/error.hpp"
#include "tests/cli/png.hpp"

namespace idl::pictures {
namespace {

using test::Pixel;
using test::Png;

constexpr Colour k_black{0, 0, 0};
constexpr Pixel k_black_pixel{0, 0, 0};
constexpr Pixel k_white_pixel{255, 255, 255};

/// The area that is covered, in pixels: black counts 1, grey accordingly.
double ink(const Canvas& canvas) {
  const Png png(canvas.png());
  double sum = 0;
  for (int y = 0; y < png.height(); ++y)
    for (int x = 0; x < png.width(); ++x) sum += 1 - png.at(x, y)[0] / 255.0;
  return sum;
}

TEST(Canvas, IsWhiteAndOfTheSizeAskedFor) {
  const Png png(Canvas(10, 8).png());
  EXPECT_EQ(png.width(), 10);
  EXPECT_EQ(png.height(), 8);
  EXPECT_EQ(png.count_if(0, 10, 0, 8, [](Pixel pixel) { return pixel == k_white_pixel; }), 80);
}

TEST(Canvas, FillsExactlyTheRectangle) {
  Canvas canvas(10, 8);
  canvas.fill(2, 3, 4, 2, k_black);
  EXPECT_EQ(ink(canvas), 8);
  const Png png(canvas.png());
  EXPECT_EQ(png.at(2, 3), k_black_pixel);
  EXPECT_EQ(png.at(5, 4), k_black_pixel);
  EXPECT_EQ(png.at(6, 4), k_white_pixel);
  canvas.fill(-5, -5, 7, 7, k_black);  // cut off at the border
  EXPECT_EQ(ink(canvas), 12);
}

TEST(Canvas, KeepsEveryColourExactly) {
  Canvas canvas(256, 1);
  for (int i = 0; i < 256; ++i) {
    const auto value = static_cast<std::uint8_t>(i);
    canvas.fill(i, 0, 1, 1, {value, static_cast<std::uint8_t>(255 - value), 7});
  }
  const Png png(canvas.png());
  for (int i = 0; i < 256; ++i) EXPECT_EQ(png.at(i, 0), (Pixel{i, 255 - i, 7}));
}

TEST(Canvas, FramesLieOutsideTheirRectangle) {
  Canvas canvas(10, 8);
  canvas.frame(2, 2, 3, 3, k_black);
  EXPECT_EQ(ink(canvas), 16);  // 5·5 − 3·3
  const Png png(canvas.png());
  EXPECT_EQ(png.at(1, 1), k_black_pixel);
  EXPECT_EQ(png.at(2, 2), k_white_pixel);
}

TEST(Canvas, LinesCoverTheirArea) {
  // Length times width, and two half discs at the ends; coverage is counted on a grid within a
  // pixel, whose 15 columns err by less than 2 %.
  const double expected = 100 * 6 + M_PI * 9;
  for (const Point end : {Point{130, 50}, Point{30 + 60, 50 + 80}, Point{30, 150}}) {
    Canvas canvas(200, 200);
    const Polyline line = {{30, 50}, end};
    canvas.stroke(std::span(&line, 1), 6, k_black);
    EXPECT_NEAR(ink(canvas), expected, 0.02 * expected);
  }
}

TEST(Canvas, ALineOfOnePointIsADot) {
  Canvas canvas(40, 40);
  const std::vector<Polyline> lines = {{}, {{20, 20}}};
  canvas.stroke(lines, 12, k_black);
  EXPECT_NEAR(ink(canvas), M_PI * 36, 0.02 * M_PI * 36);
}

TEST(Canvas, CrossingLinesCountOnce) {
  Canvas once(60, 60);
  Canvas twice(60, 60);
  const Polyline line = {{10.3, 10}, {50, 40.7}};
  const std::vector<Polyline> both = {line, line};
  once.stroke(std::span(&line, 1), 2.2, k_black);
  twice.stroke(both, 2.2, k_black);
  EXPECT_EQ(ink(once), ink(twice));
  EXPECT_GT(ink(once), 50);
}

TEST(Canvas, CutsOffWhatLiesOutside) {
  Canvas canvas(20, 20);
  const Polyline far = {{-1e250, 10.5}, {1e250, 10.5}};
  canvas.stroke(std::span(&far, 1), 1, k_black);
  EXPECT_EQ(ink(canvas), 20);
  canvas.text({-500, -500}, "outside", {10, k_black});
  EXPECT_EQ(ink(canvas), 20);
}

TEST(Canvas, TextStandsOnItsBaseline) {
  Canvas canvas(60, 100);
  const TextStyle style{50, k_black};
  canvas.text({10, 80}, "H", style);
  const Png png(canvas.png());
  int top = 100;
  int bottom = -1;
  for (int y = 0; y < 100; ++y) {
    if (png.count_if(0, 60, y, y + 1, [](Pixel pixel) { return pixel[0] < 127; }) == 0) continue;
    top = std::min(top, y);
    bottom = y;
  }
  EXPECT_NEAR(bottom, 79, 1);
  // Fonts differ in how high capitals are: 0.66 to 0.76 of the size, the half of a stroke besides.
  EXPECT_NEAR(80 - top, style.capitals(), 5);
}

TEST(Canvas, TextIsAlignedAsAsked) {
  const TextStyle style{12, k_black};
  const auto first_column = [&](double x, Align align) {
    Canvas canvas(200, 40);
    canvas.text({x, 30}, "text", style, align);
    const Png png(canvas.png());
    for (int col = 0; col < 200; ++col)
      if (png.count_if(col, col + 1, 0, 40, [](Pixel pixel) { return pixel[0] < 200; }) > 0)
        return col;
    return -1;
  };
  const double width = Canvas(1, 1).text_width("text", style);
  EXPECT_GT(width, 10);
  EXPECT_LT(width, 4 * 12);
  EXPECT_NEAR(first_column(100, Align::left), first_column(100 + width, Align::right), 1);
  EXPECT_NEAR(first_column(100, Align::left), first_column(100 + width / 2, Align::centre), 1);
}

TEST(Canvas, TextHasTheColourAndTheWeightAskedFor) {
  const auto drawn = [](bool bold) {
    Canvas canvas(200, 40);
    canvas.text({10, 30}, "M = [A B; C D]", {20, {255, 0, 0}, bold});
    return canvas;
  };
  const Png png(drawn(false).png());
  EXPECT_GT(png.count_if(0, 200, 0, 40, [](Pixel pixel) { return pixel[1] < 100; }), 100);
  // Between white and red: as much green as blue, and red throughout.
  EXPECT_EQ(png.count_if(0, 200, 0, 40,
                         [](Pixel pixel) { return pixel[0] != 255 || pixel[1] != pixel[2]; }),
            0);
  const auto green = [](const Png& picture) {
    return picture.count_if(0, 200, 0, 40, [](Pixel pixel) { return pixel[1] < 127; });
  };
  EXPECT_GT(green(Png(drawn(true).png())), green(png));
}

TEST(Canvas, RefusesTextThatIsNoUtf8AndHarmsNoOther) {
  Canvas bad(60, 40);
  bad.text({10, 30}, "\xff\xfe", {20, k_black});
  EXPECT_THROW(static_cast<void>(bad.png()), Error);
  Canvas good(60, 40);
  good.text({10, 30}, "\u00d7", {20, k_black});
  EXPECT_GT(ink(good), 5);
}

TEST(Canvas, RefusesSizesThatNoPictureHas) {
  EXPECT_THROW(static_cast<void>(Canvas(1 << 20, 1 << 20).png()), Error);
}

}  // namespace
}  // namespace idl::pictures
