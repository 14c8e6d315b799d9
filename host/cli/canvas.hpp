// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "host/cli/stroke_font.hpp"

namespace idl::cli {

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;

  friend bool operator==(Colour, Colour) = default;
};

// What the pictures have in common.
inline constexpr Colour k_white{255, 255, 255};
inline constexpr Colour k_ink{38, 38, 38};
inline constexpr Colour k_grey{110, 110, 110};

enum class Align { left, centre, right };

/// How text looks: the height of capitals in pixels, and the width of the strokes as a share of it.
struct TextStyle {
  double size = 10;
  Colour colour;
  double weight = 0.12;
};

inline constexpr TextStyle k_title{14, k_ink, 0.15};

/// A picture that is drawn on. x to the right, y downwards, in pixels; the pixel (0, 0) covers
/// [0, 1]×[0, 1]. What lies outside is cut off.
class Canvas {
 public:
  Canvas(int width, int height, Colour background);

  int width() const { return width_; }
  int height() const { return height_; }

  Colour pixel(int x, int y) const;
  void set_pixel(int x, int y, Colour colour);
  void fill(int x, int y, int width, int height, Colour colour);
  /// A frame of one pixel whose inside is x, y, width, height.
  void frame(int x, int y, int width, int height, Colour colour);

  /// Anti-aliased lines with round ends. Where they overlap they count once.
  void stroke(std::span<const Polyline> lines, double width, Colour colour);

  /// `anchor` is on the baseline.
  void text(Point anchor, std::string_view utf8, const TextStyle& style, Align align = Align::left);
  /// Upwards; `anchor` is the middle of the baseline.
  void text_upwards(Point anchor, std::string_view utf8, const TextStyle& style);

  /// As a PNG file.
  std::vector<std::byte> png() const;

 private:
  int width_;
  int height_;
  std::vector<Colour> pixels_;
};

/// Pixels from left to right.
double text_width(std::string_view utf8, const TextStyle& style);

}  // namespace idl::cli
