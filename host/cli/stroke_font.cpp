// SPDX-License-Identifier: MIT
#include "host/cli/stroke_font.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace idl::cli {
namespace {

/// How a character is drawn: M x y moves the pen, L x y draws a line, C draws a cubic Bézier curve
/// (two control points, end), E an elliptical arc (centre x y, radii x y, first and last angle in
/// degrees) after a line to its beginning, N lifts the pen.
struct Glyph {
  char32_t code;
  double width;
  const char* path;
};

constexpr std::array k_glyphs = {
    Glyph{U' ', 2, ""},
    Glyph{U'!', 0, "M 0 10 L 0 3 M 0 0 L 0 .3"},
    Glyph{U'"', 1.8, "M 0 10 L 0 7.6 M 1.8 10 L 1.8 7.6"},
    Glyph{U'#', 6.6, "M 1.4 0 L 2.6 10 M 4 0 L 5.2 10 M 0 3.2 L 6.2 3.2 M .4 6.8 L 6.6 6.8"},
    Glyph{U'$', 6, "E 3 7.5 2.8 2.5 25 270 E 3 2.5 3 2.5 90 -155 M 3 11.2 L 3 -1.2"},
    Glyph{U'%', 8.4, "E 1.9 7.8 1.9 2.2 0 360 N E 6.5 2.2 1.9 2.2 0 360 M 6.9 10 L 1.5 0"},
    Glyph{U'&', 6.4,
          "M 6.4 0 L 1.4 6.8 C -.2 9 1.4 10 2.7 10 C 4.4 10 5 8.6 4.4 7.4 C 3.6 5.8 0 5 0 2.6 "
          "C 0 .8 1.4 0 2.8 0 C 4.8 0 6 2 6.2 4.2"},
    Glyph{U'\'', 0, "M 0 10 L 0 7.6"},
    Glyph{U'(', 2, "M 2 11 C -.6 8 -.6 1 2 -2"},
    Glyph{U')', 2, "M 0 11 C 2.6 8 2.6 1 0 -2"},
    Glyph{U'*', 4, "M 2 10 L 2 6 M .3 9 L 3.7 7 M 3.7 9 L .3 7"},
    Glyph{U'+', 6, "M 0 4 L 6 4 M 3 1 L 3 7"},
    Glyph{U',', .4, "M .3 .4 L -.3 -1.7"},
    Glyph{U'-', 3.4, "M 0 3.8 L 3.4 3.8"},
    Glyph{U'.', 0, "M 0 0 L 0 .3"},
    Glyph{U'/', 4, "M 0 -1.5 L 4 11"},
    Glyph{U'0', 6, "M 0 3 L 0 7 E 3 7 3 3 180 0 L 6 3 E 3 3 3 3 0 -180"},
    Glyph{U'1', 6, "M 1 7.9 L 3.7 10 L 3.7 0"},
    Glyph{U'2', 6, "E 3 7.1 2.9 2.9 170 -44 L .1 0 L 6 0"},
    Glyph{U'3', 6, "E 2.9 7.6 2.5 2.4 155 -90 E 2.9 2.6 2.95 2.6 90 -155 M 1.8 5.2 L 2.9 5.2"},
    Glyph{U'4', 6, "M 4.4 0 L 4.4 10 L -.1 2.8 L 6.1 2.8"},
    Glyph{U'5', 6, "M 5.4 10 L .9 10 L .6 5.26 E 2.9 3.2 3 3.2 140 -150"},
    Glyph{U'6', 6, "E 3 3.1 3 3.1 0 360 M 0 3.1 C 0 6.2 2 8.8 4.4 10"},
    Glyph{U'7', 6, "M 0 10 L 6 10 L 2 0"},
    Glyph{U'8', 6, "E 3 7.6 2.5 2.4 -90 270 E 3 2.6 3 2.6 90 450"},
    Glyph{U'9', 6, "E 3 6.9 3 3.1 0 360 M 6 6.9 C 6 3.8 4 1.2 1.6 0"},
    Glyph{U':', 0, "M 0 0 L 0 .3 M 0 5.6 L 0 5.9"},
    Glyph{U';', .4, "M .3 .4 L -.3 -1.7 M .1 5.6 L .1 5.9"},
    Glyph{U'<', 5, "M 5 7 L 0 4 L 5 1"},
    Glyph{U'=', 6, "M 0 5.4 L 6 5.4 M 0 2.6 L 6 2.6"},
    Glyph{U'>', 5, "M 0 7 L 5 4 L 0 1"},
    Glyph{U'?', 4.8, "E 2.4 7.5 2.4 2.5 165 -45 C 3.4 5.2 2.4 4.8 2.4 3 M 2.4 0 L 2.4 .3"},
    Glyph{U'@', 8.4,
          "E 4.2 4 2 2.3 0 360 M 6.2 6.3 L 6.2 3 C 6.2 1.6 8.4 1.6 8.4 4.4 C 8.4 8 6.4 9.4 4.2 9.4 "
          "C 1.6 9.4 0 7.2 0 4 C 0 .8 1.8 -1.4 4.4 -1.4 C 5.6 -1.4 6.6 -1 7.2 -.6"},
    Glyph{U'A', 7, "M 0 0 L 3.5 10 L 7 0 M 1.2 3.4 L 5.8 3.4"},
    Glyph{U'B', 6,
          "M 0 0 L 0 10 L 3.2 10 E 3.2 7.6 2.4 2.4 90 -90 L 0 5.2 M 3.2 5.2 E 3.4 2.6 2.6 2.6 90 "
          "-90 L 0 0"},
    Glyph{U'C', 6, "E 3.1 6.9 3.1 3.1 20 180 L 0 3.1 E 3.1 3.1 3.1 3.1 180 340"},
    Glyph{U'D', 6.4,
          "M 0 0 L 0 10 L 2.8 10 E 2.8 6.4 3.6 3.6 90 0 L 6.4 3.6 E 2.8 3.6 3.6 3.6 0 -90 L 0 0"},
    Glyph{U'E', 5.4, "M 5.4 10 L 0 10 L 0 0 L 5.4 0 M 0 5.2 L 4.6 5.2"},
    Glyph{U'F', 5.2, "M 5.2 10 L 0 10 L 0 0 M 0 5.2 L 4.4 5.2"},
    Glyph{U'G', 6.2, "E 3.1 6.9 3.1 3.1 25 180 L 0 3.1 E 3.1 3.1 3.1 3.1 180 360 L 6.2 5 L 3.6 5"},
    Glyph{U'H', 6.2, "M 0 0 L 0 10 M 6.2 0 L 6.2 10 M 0 5.2 L 6.2 5.2"},
    Glyph{U'I', 0, "M 0 0 L 0 10"},
    Glyph{U'J', 4, "M 4 10 L 4 2.5 E 1.5 2.5 2.5 2.5 0 -140"},
    Glyph{U'K', 6.2, "M 0 0 L 0 10 M 6 10 L 0 3.8 M 2 5.8 L 6.2 0"},
    Glyph{U'L', 5, "M 0 10 L 0 0 L 5 0"},
    Glyph{U'M', 7.6, "M 0 0 L 0 10 L 3.8 3.6 L 7.6 10 L 7.6 0"},
    Glyph{U'N', 6.4, "M 0 0 L 0 10 L 6.4 0 L 6.4 10"},
    Glyph{U'O', 6.6, "M 0 3.3 L 0 6.7 E 3.3 6.7 3.3 3.3 180 0 L 6.6 3.3 E 3.3 3.3 3.3 3.3 0 -180"},
    Glyph{U'P', 6, "M 0 0 L 0 10 L 3.2 10 E 3.2 7.2 2.8 2.8 90 -90 L 0 4.4"},
    Glyph{U'Q', 6.8,
          "M 0 3.3 L 0 6.7 E 3.3 6.7 3.3 3.3 180 0 L 6.6 3.3 E 3.3 3.3 3.3 3.3 0 -180 M 4.2 2.4 "
          "L 6.8 -.4"},
    Glyph{U'R', 6.2, "M 0 0 L 0 10 L 3.2 10 E 3.2 7.2 2.8 2.8 90 -90 L 0 4.4 M 3 4.4 L 6.2 0"},
    Glyph{U'S', 6, "E 3 7.5 2.8 2.5 25 270 E 3 2.5 3 2.5 90 -155"},
    Glyph{U'T', 6.4, "M 0 10 L 6.4 10 M 3.2 10 L 3.2 0"},
    Glyph{U'U', 6.2, "M 0 10 L 0 3.1 E 3.1 3.1 3.1 3.1 180 360 L 6.2 10"},
    Glyph{U'V', 6.8, "M 0 10 L 3.4 0 L 6.8 10"},
    Glyph{U'W', 9.6, "M 0 10 L 2.4 0 L 4.8 9 L 7.2 0 L 9.6 10"},
    Glyph{U'X', 6.4, "M 0 10 L 6.4 0 M 6.4 10 L 0 0"},
    Glyph{U'Y', 6.4, "M 0 10 L 3.2 4.8 L 6.4 10 M 3.2 4.8 L 3.2 0"},
    Glyph{U'Z', 6, "M 0 10 L 6 10 L 0 0 L 6 0"},
    Glyph{U'[', 2, "M 2 11 L 0 11 L 0 -2 L 2 -2"},
    Glyph{U'\\', 4, "M 0 11 L 4 -1.5"},
    Glyph{U']', 2, "M 0 11 L 2 11 L 2 -2 L 0 -2"},
    Glyph{U'^', 4.8, "M 0 7 L 2.4 10 L 4.8 7"},
    Glyph{U'_', 5.6, "M 0 -1.5 L 5.6 -1.5"},
    Glyph{U'`', 1.4, "M 0 10 L 1.4 8.4"},
    Glyph{U'a', 5,
          "E 2.6 4.6 2.4 2.4 155 0 L 5 0 M 5 4.1 L 2.1 4.1 E 2.1 2.05 2.1 2.05 90 270 "
          "C 3.6 0 5 .7 5 2.2"},
    Glyph{U'b', 5.4,
          "M 0 0 L 0 10 M 0 4.3 E 2.7 4.3 2.7 2.7 180 0 L 5.4 2.7 E 2.7 2.7 2.7 2.7 0 -180"},
    Glyph{U'c', 4.9, "E 2.6 4.4 2.6 2.6 28 180 L 0 2.6 E 2.6 2.6 2.6 2.6 180 332"},
    Glyph{U'd', 5.4,
          "M 5.4 0 L 5.4 10 M 5.4 4.3 E 2.7 4.3 2.7 2.7 0 180 L 0 2.7 E 2.7 2.7 2.7 2.7 180 360"},
    Glyph{U'e', 5.2,
          "M 0 3.7 L 5.2 3.7 L 5.2 4.4 E 2.6 4.4 2.6 2.6 0 180 L 0 2.6 E 2.6 2.6 2.6 2.6 180 328"},
    Glyph{U'f', 3.5, "M 3.6 10 C 2 10.2 1.2 9.3 1.2 8 L 1.2 0 M 0 7 L 3.3 7"},
    Glyph{U'g', 5.4,
          "M 5.4 4.3 E 2.7 4.3 2.7 2.7 0 180 L 0 2.7 E 2.7 2.7 2.7 2.7 180 360 M 5.4 7 L 5.4 -.5 "
          "E 2.8 -.5 2.6 2.5 0 -145"},
    Glyph{U'h', 5, "M 0 0 L 0 10 M 0 4.5 E 2.5 4.5 2.5 2.5 180 0 L 5 0"},
    Glyph{U'i', 0, "M 0 0 L 0 7 M 0 9.5 L 0 9.9"},
    Glyph{U'j', 1, "M 1 7 L 1 -1.4 C 1 -2.5 .4 -3 -.8 -3 M 1 9.5 L 1 9.9"},
    Glyph{U'k', 4.8, "M 0 0 L 0 10 M 4.5 7 L 0 2.7 M 1.7 4.3 L 4.8 0"},
    Glyph{U'l', 1.3, "M 0 10 L 0 1.6 C 0 .4 .5 0 1.5 0"},
    Glyph{U'm', 8.4,
          "M 0 0 L 0 7 M 0 4.9 E 2.1 4.9 2.1 2.1 180 0 L 4.2 0 M 4.2 4.9 E 6.3 4.9 2.1 2.1 180 0 "
          "L 8.4 0"},
    Glyph{U'n', 5, "M 0 0 L 0 7 M 0 4.5 E 2.5 4.5 2.5 2.5 180 0 L 5 0"},
    Glyph{U'o', 5.4, "M 0 2.7 L 0 4.3 E 2.7 4.3 2.7 2.7 180 0 L 5.4 2.7 E 2.7 2.7 2.7 2.7 0 -180"},
    Glyph{U'p', 5.4,
          "M 0 7 L 0 -3 M 0 4.3 E 2.7 4.3 2.7 2.7 180 0 L 5.4 2.7 E 2.7 2.7 2.7 2.7 0 -180"},
    Glyph{U'q', 5.4,
          "M 5.4 7 L 5.4 -3 M 5.4 4.3 E 2.7 4.3 2.7 2.7 0 180 L 0 2.7 E 2.7 2.7 2.7 2.7 180 360"},
    Glyph{U'r', 3.1, "M 0 0 L 0 7 M 0 4.4 C 0 6.2 1.2 7.1 3.2 6.9"},
    Glyph{U's', 4.6, "E 2.3 5.3 2.1 1.7 25 270 E 2.3 1.8 2.3 1.8 90 -155"},
    Glyph{U't', 3.5, "M 1.3 9.2 L 1.3 1.8 C 1.3 .5 2 -.1 3.6 .1 M 0 7 L 3.4 7"},
    Glyph{U'u', 5, "M 0 7 L 0 2.5 E 2.5 2.5 2.5 2.5 180 360 M 5 7 L 5 0"},
    Glyph{U'v', 5.2, "M 0 7 L 2.6 0 L 5.2 7"},
    Glyph{U'w', 7.6, "M 0 7 L 1.9 0 L 3.8 6.4 L 5.7 0 L 7.6 7"},
    Glyph{U'x', 5, "M 0 7 L 5 0 M 5 7 L 0 0"},
    Glyph{U'y', 5.2, "M 0 7 L 2.7 .2 M 5.2 7 L 2.3 -1.6 C 1.9 -2.7 1.3 -3 .2 -3"},
    Glyph{U'z', 4.6, "M 0 7 L 4.6 7 L 0 0 L 4.6 0"},
    Glyph{U'{', 2.2, "M 2.2 11 C .4 11 1.6 5.6 0 4.5 C 1.6 3.4 .4 -2 2.2 -2"},
    Glyph{U'|', 0, "M 0 -3 L 0 11"},
    Glyph{U'}', 2.2, "M 0 11 C 1.8 11 .6 5.6 2.2 4.5 C .6 3.4 1.8 -2 0 -2"},
    Glyph{U'~', 6, "M 0 3.6 C 1.4 5.6 2.2 4.6 3 4 C 3.8 3.4 4.6 2.4 6 4.4"},
    Glyph{U'\u00b7', 0, "M 0 3.8 L 0 4.1"},
    Glyph{U'\u00d7', 4.6, "M 0 1.2 L 4.6 5.8 M 0 5.8 L 4.6 1.2"},
    Glyph{U'\u03ba', 4.8, "M 0 0 L 0 7 M 4.5 7 L 0 2.7 M 1.7 4.3 L 4.8 0"},
    Glyph{U'\u03bb', 5.4, "M .2 9.9 C 1.4 10.1 1.7 9.4 2 8.4 L 5 0 M 2.8 6.2 L 0 0"},
    Glyph{U'\u03c6', 6.4,
          "M 1.6 6.8 C -.6 5.4 -.8 0 3.2 0 C 7 0 7.4 7 4.8 7 C 3.6 7 3.2 6 3.2 4.8 L 3.2 -3"},
    Glyph{U'\u2013', 5, "M 0 3.8 L 5 3.8"},
    Glyph{U'\u2016', 1.8, "M 0 -2 L 0 11 M 1.8 -2 L 1.8 11"},
    Glyph{U'\u2212', 6, "M 0 4 L 6 4"},
    Glyph{U'\u2265', 5, "M 0 8 L 5 5 L 0 2 M 0 .2 L 5 .2"},
    Glyph{U'\u2264', 5, "M 5 8 L 0 5 L 5 2 M 0 .2 L 5 .2"},
    Glyph{U'\u221e', 8.8, "E 2.2 3.8 2.2 2 0 360 N E 6.6 3.8 2.2 2 180 -180"},
};

constexpr Glyph k_box = {0, 5, "M 0 0 L 0 10 L 5 10 L 5 0 L 0 0"};

constexpr double k_bearing = 1.1;  // free space on each side of a character

class PathReader {
 public:
  PathReader(const char* path, double shift, std::vector<Polyline>& strokes)
      : rest_(path), shift_(shift), strokes_(strokes) {}

  void read() {
    while (!rest_.empty()) {
      const char command = rest_.front();
      rest_.remove_prefix(1);
      if (command == 'M' || command == 'N') pen_is_down_ = false;
      if (command == 'M' || command == 'L') draw_to(point());
      if (command == 'C') curve();
      if (command == 'E') arc();
    }
  }

 private:
  double number() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
    double value = 0;
    const auto result = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    rest_.remove_prefix(static_cast<std::size_t>(result.ptr - rest_.data()));
    return value;
  }

  Point point() {
    const double x = number();
    return {x, number()};
  }

  void draw_to(Point point) {
    if (!pen_is_down_) strokes_.emplace_back();
    pen_is_down_ = true;
    strokes_.back().push_back({point.x + shift_, point.y});
    pen_ = point;
  }

  void curve() {
    constexpr int k_pieces = 12;
    const Point p0 = pen_;
    const Point p1 = point();
    const Point p2 = point();
    const Point p3 = point();
    for (int i = 1; i <= k_pieces; ++i) {
      const double t = static_cast<double>(i) / k_pieces;
      const double s = 1 - t;
      const double a = s * s * s;
      const double b = 3 * s * s * t;
      const double c = 3 * s * t * t;
      const double d = t * t * t;
      draw_to(
          {a * p0.x + b * p1.x + c * p2.x + d * p3.x, a * p0.y + b * p1.y + c * p2.y + d * p3.y});
    }
  }

  void arc() {
    constexpr double k_degrees_per_piece = 10;
    const Point centre = point();
    const Point radii = point();
    const Point angles = point();
    const double pieces = std::ceil(std::abs(angles.y - angles.x) / k_degrees_per_piece);
    for (double i = 0; i <= pieces; ++i) {
      const double angle = (angles.x + (angles.y - angles.x) * i / pieces) * std::numbers::pi / 180;
      draw_to({centre.x + radii.x * std::cos(angle), centre.y + radii.y * std::sin(angle)});
    }
  }

  std::string_view rest_;
  double shift_;
  std::vector<Polyline>& strokes_;
  bool pen_is_down_ = false;
  Point pen_;
};

/// The next character, which is removed; 0 for bytes that are no UTF-8.
char32_t next_character(std::string_view& utf8) {
  const auto lead = static_cast<unsigned char>(utf8.front());
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
  std::size_t used = 1;
  while (used < length && used < utf8.size() &&
         (static_cast<unsigned char>(utf8[used]) & 0xC0U) == 0x80)
    code = code << 6U | (static_cast<unsigned char>(utf8[used++]) & 0x3FU);
  utf8.remove_prefix(used);
  return used == length ? code : 0;
}

const Glyph& find_glyph(char32_t code) {
  const auto* const found = std::find_if(k_glyphs.begin(), k_glyphs.end(),
                                         [code](const Glyph& glyph) { return glyph.code == code; });
  return found == k_glyphs.end() ? k_box : *found;
}

}  // namespace

Text set_text(std::string_view utf8) {
  Text text;
  while (!utf8.empty()) {
    const Glyph& glyph = find_glyph(next_character(utf8));
    PathReader(glyph.path, text.width + k_bearing, text.strokes).read();
    text.width += glyph.width + 2 * k_bearing;
  }
  return text;
}

}  // namespace idl::cli
