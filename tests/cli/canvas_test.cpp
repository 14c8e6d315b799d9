// SPDX-License-Identifier: MIT
#include "host/cli/canvas.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace idl::cli {
namespace {

constexpr Colour k_white{255, 255, 255};
constexpr Colour k_black{0, 0, 0};

/// The area that is covered, in pixels: black counts 1, grey accordingly.
double ink(const Canvas& canvas) {
  double sum = 0;
  for (int y = 0; y < canvas.height(); ++y)
    for (int x = 0; x < canvas.width(); ++x) sum += 1 - canvas.pixel(x, y).red / 255.0;
  return sum;
}

TEST(Canvas, FillsExactlyTheRectangle) {
  Canvas canvas(10, 8, k_white);
  canvas.fill(2, 3, 4, 2, k_black);
  EXPECT_EQ(ink(canvas), 8);
  EXPECT_EQ(canvas.pixel(2, 3), k_black);
  EXPECT_EQ(canvas.pixel(5, 4), k_black);
  EXPECT_EQ(canvas.pixel(6, 4), k_white);
  canvas.fill(-5, -5, 7, 7, k_black);  // cut off at the border
  EXPECT_EQ(ink(canvas), 12);
}

TEST(Canvas, FramesLieOutsideTheirRectangle) {
  Canvas canvas(10, 8, k_white);
  canvas.frame(2, 2, 3, 3, k_black);
  EXPECT_EQ(ink(canvas), 16);  // 5·5 − 3·3
  EXPECT_EQ(canvas.pixel(1, 1), k_black);
  EXPECT_EQ(canvas.pixel(2, 2), k_white);
}

TEST(Canvas, LinesCoverTheirArea) {
  // Length times width, and two half discs at the ends; the edge of one pixel is linear in the
  // distance, so only the round ends err, by less than 2 %.
  const double expected = 100 * 6 + M_PI * 9;
  for (const Point end : {Point{130, 50}, Point{30 + 60, 50 + 80}, Point{30, 150}}) {
    Canvas canvas(200, 200, k_white);
    const Polyline line = {{30, 50}, end};
    canvas.stroke(std::span(&line, 1), 6, k_black);
    EXPECT_NEAR(ink(canvas), expected, 0.02 * expected);
  }
}

TEST(Canvas, CrossingLinesCountOnce) {
  Canvas once(60, 60, k_white);
  Canvas twice(60, 60, k_white);
  const Polyline line = {{10.3, 10}, {50, 40.7}};
  const std::vector<Polyline> both = {line, line};
  once.stroke(std::span(&line, 1), 2.2, k_black);
  twice.stroke(both, 2.2, k_black);
  EXPECT_EQ(ink(once), ink(twice));
  EXPECT_GT(ink(once), 50);
}

TEST(Canvas, CutsOffWhatLiesOutside) {
  Canvas canvas(20, 20, k_white);
  const Polyline far = {{-1e9, 10.5}, {1e9, 10.5}};
  canvas.stroke(std::span(&far, 1), 1, k_black);
  EXPECT_EQ(ink(canvas), 20);
  canvas.text({-500, -500}, "outside", {10, k_black});
  EXPECT_EQ(ink(canvas), 20);
}

TEST(Canvas, TextStandsOnItsBaseline) {
  Canvas canvas(60, 40, k_white);
  canvas.text({10, 30}, "H", {20, k_black, 0.1});
  int top = 40;
  int bottom = -1;
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 60; ++x) {
      if (canvas.pixel(x, y).red > 127) continue;
      top = std::min(top, y);
      bottom = std::max(bottom, y);
    }
  }
  EXPECT_EQ(top, 9);      // the top of a capital is at 30 − 20, the stroke is 2 wide
  EXPECT_EQ(bottom, 30);  // the last row that [29, 31] covers
}

TEST(Canvas, TextIsAlignedAsAsked) {
  const TextStyle style{10, k_black};
  const auto first_column = [&](double x, Align align) {
    Canvas canvas(200, 40, k_white);
    canvas.text({x, 30}, "text", style, align);
    for (int col = 0; col < 200; ++col)
      for (int row = 0; row < 40; ++row)
        if (canvas.pixel(col, row) != k_white) return col;
    return -1;
  };
  const double width = text_width("text", style);
  EXPECT_GT(width, 10);
  EXPECT_EQ(first_column(100, Align::left), first_column(100 + width, Align::right));
  EXPECT_EQ(first_column(100, Align::left), first_column(100 + width / 2, Align::centre));
}

TEST(StrokeFont, HasAllOfAscii) {
  const Text box = set_text("\xff");
  for (char c = '!'; c <= '~'; ++c) {
    const Text text = set_text(std::string(1, c));
    ASSERT_FALSE(text.strokes.empty()) << c;
    EXPECT_GT(text.width, 0) << c;
    const bool is_box = text.strokes.size() == 1 && text.strokes[0].size() == 5 &&
                        text.strokes[0][2].x == box.strokes[0][2].x &&
                        text.strokes[0][2].y == box.strokes[0][2].y;
    EXPECT_FALSE(is_box) << c;
    for (const Polyline& line : text.strokes) {
      for (const Point& point : line) {
        EXPECT_GE(point.y, -3.05) << c;
        EXPECT_LE(point.y, 11.25) << c;
        EXPECT_GE(point.x, 0) << c;
        EXPECT_LE(point.x, text.width) << c;
      }
    }
  }
}

TEST(StrokeFont, SetsCharactersOneAfterTheOther) {
  EXPECT_DOUBLE_EQ(set_text("ab").width, set_text("a").width + set_text("b").width);
  EXPECT_EQ(set_text("").width, 0);
  EXPECT_EQ(set_text("0").width, set_text("1").width) << "digits stand below each other";
}

TEST(StrokeFont, DrawsABoxForWhatItDoesNotHave) {
  const double box = set_text("\xff").width;
  EXPECT_EQ(set_text("\u4e2d").width, box);    // one character, one box
  EXPECT_EQ(set_text("\xe2\x82").width, box);  // cut short
  EXPECT_EQ(set_text("\xff\xff").width, 2 * box);
  EXPECT_EQ(set_text("\xc3").strokes.size(), 1U);
  EXPECT_NE(set_text("\u00d7").width, box);
}

}  // namespace
}  // namespace idl::cli
