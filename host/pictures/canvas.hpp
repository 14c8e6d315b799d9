// SPDX-License-Identifier: MIT
#pragma once

#include <cairo.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace idl::pictures {

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
};

// What the pictures have in common.
inline constexpr Colour k_white{255, 255, 255};
inline constexpr Colour k_ink{38, 38, 38};
inline constexpr Colour k_grey{110, 110, 110};

struct Point {
  double x = 0;
  double y = 0;
};

using Polyline = std::vector<Point>;

enum class Align { left, centre, right };

/// A sans-serif font of the machine; where it has none, cairo's own, of ASCII only.
struct TextStyle {
  double size = 12;  ///< of the font, in pixels
  Colour colour;
  bool bold = false;

  /// The height of capitals in pixels, as most such fonts have it.
  double capitals() const { return 0.72 * size; }
};

inline constexpr TextStyle k_title{19, k_ink, true};

/// A picture that cairo draws, white at first. x to the right, y downwards, in pixels; the pixel
/// (0, 0) covers [0, 1]×[0, 1]. What lies outside is cut off.
class Canvas {
 public:
  Canvas(int width, int height);

  void fill(int x, int y, int width, int height, Colour colour);
  /// A frame of one pixel whose inside is x, y, width, height.
  void frame(int x, int y, int width, int height, Colour colour);

  /// Anti-aliased lines with round ends; a line of one point is a dot. Where they overlap they
  /// count once.
  void stroke(std::span<const Polyline> lines, double width, Colour colour);

  /// `anchor` is on the baseline. Texts are UTF-8.
  void text(Point anchor, const std::string& utf8, const TextStyle& style,
            Align align = Align::left);
  /// The same turned by a quarter: from `anchor` upwards.
  void text_upwards(Point anchor, const std::string& utf8, const TextStyle& style);
  /// Pixels from left to right.
  double text_width(const std::string& utf8, const TextStyle& style);
  /// The text, or as many of its first characters as fit into `room` pixels, and an ellipsis.
  std::string shortened(std::string utf8, const TextStyle& style, double room);

  /// As a PNG file. @throws OutOfMemory; Error (cairo could not draw: a text that is no UTF-8, ...)
  std::vector<std::byte> png() const;

 private:
  struct Destroy {
    void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
  };
  std::unique_ptr<cairo_t, Destroy> cairo_;

  void choose(Colour colour);
  void choose(const TextStyle& style);
};

}  // namespace idl::pictures
