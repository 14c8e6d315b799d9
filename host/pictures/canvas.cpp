// SPDX-License-Identifier: MIT
#include "host/pictures/canvas.hpp"

#include <algorithm>
#include <cmath>
#include <new>

#include "idl/error.hpp"

namespace idl::pictures {
namespace {

/// cairo counts in 1/256 of a pixel in 32 bits, and does not say where they overflow.
double within_reach(double coordinate) { return std::clamp(coordinate, -1e6, 1e6); }

/// Nothing may be thrown through cairo.
cairo_status_t append(void* bytes, const unsigned char* data, unsigned int count) noexcept try {
  const auto* const first = reinterpret_cast<const std::byte*>(data);
  auto& target = *static_cast<std::vector<std::byte>*>(bytes);
  target.insert(target.end(), first, first + count);
  return CAIRO_STATUS_SUCCESS;
} catch (const std::bad_alloc&) {
  return CAIRO_STATUS_NO_MEMORY;
}

void check(cairo_status_t status) {
  if (status == CAIRO_STATUS_NO_MEMORY) throw OutOfMemory("cpu", 0, 0);
  if (status != CAIRO_STATUS_SUCCESS)
    throw Error(std::string("cairo: ") + cairo_status_to_string(status));
}

}  // namespace

// What fails in cairo leaves it in an error state, in which it draws nothing; png() checks that.
Canvas::Canvas(int width, int height) {
  cairo_surface_t* const surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
  cairo_.reset(cairo_create(surface));
  cairo_surface_destroy(surface);  // which cairo_ now holds
  // The same picture on every machine that has the same font, whatever its screen is like.
  cairo_font_options_t* const options = cairo_font_options_create();
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_set_font_options(cairo_.get(), options);
  cairo_font_options_destroy(options);
  cairo_set_line_cap(cairo_.get(), CAIRO_LINE_CAP_ROUND);
  cairo_set_line_join(cairo_.get(), CAIRO_LINE_JOIN_ROUND);
  fill(0, 0, width, height, k_white);
}

void Canvas::choose(Colour colour) {
  constexpr double k_most = 255;
  cairo_set_source_rgb(cairo_.get(), colour.red / k_most, colour.green / k_most,
                       colour.blue / k_most);
}

void Canvas::choose(const TextStyle& style) {
  choose(style.colour);
  cairo_select_font_face(cairo_.get(), "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                         style.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo_.get(), style.size);
}

void Canvas::fill(int x, int y, int width, int height, Colour colour) {
  choose(colour);
  cairo_rectangle(cairo_.get(), x, y, width, height);
  cairo_fill(cairo_.get());
}

void Canvas::frame(int x, int y, int width, int height, Colour colour) {
  fill(x - 1, y - 1, width + 2, 1, colour);
  fill(x - 1, y + height, width + 2, 1, colour);
  fill(x - 1, y, 1, height, colour);
  fill(x + width, y, 1, height, colour);
}

void Canvas::stroke(std::span<const Polyline> lines, double width, Colour colour) {
  choose(colour);
  cairo_set_line_width(cairo_.get(), width);
  for (const Polyline& line : lines) {
    if (line.empty()) continue;
    cairo_move_to(cairo_.get(), within_reach(line[0].x), within_reach(line[0].y));
    for (const Point& point : line)  // the first one again: a line of length 0 is a dot
      cairo_line_to(cairo_.get(), within_reach(point.x), within_reach(point.y));
  }
  cairo_stroke(cairo_.get());
}

double Canvas::text_width(const std::string& utf8, const TextStyle& style) {
  choose(style);
  cairo_text_extents_t extents{};
  cairo_text_extents(cairo_.get(), utf8.c_str(), &extents);
  return extents.x_advance;
}

void Canvas::text(Point anchor, const std::string& utf8, const TextStyle& style, Align align) {
  const double share = align == Align::left ? 0 : align == Align::centre ? 0.5 : 1;
  const double width = text_width(utf8, style);
  cairo_move_to(cairo_.get(), anchor.x - share * width, anchor.y);
  cairo_show_text(cairo_.get(), utf8.c_str());
  cairo_new_path(cairo_.get());  // which show_text begins after the text
}

void Canvas::text_upwards(Point anchor, const std::string& utf8, const TextStyle& style) {
  choose(style);
  cairo_save(cairo_.get());
  cairo_move_to(cairo_.get(), anchor.x, anchor.y);
  cairo_rotate(cairo_.get(), -M_PI / 2);
  cairo_show_text(cairo_.get(), utf8.c_str());
  cairo_restore(cairo_.get());
  cairo_new_path(cairo_.get());
}

std::string Canvas::shortened(std::string utf8, const TextStyle& style, double room) {
  // More than fit in any script, of which the width need not be found out.
  constexpr std::size_t k_most_bytes = 400;
  const auto continues_a_character = [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
  };
  if (utf8.size() > k_most_bytes) {
    std::size_t end = k_most_bytes;
    while (end > 0 && continues_a_character(utf8[end])) --end;
    utf8.resize(end);
  } else if (text_width(utf8, style) <= room) {
    return utf8;
  }
  const auto with_dots = [&] { return utf8 + "\u2026"; };
  while (!utf8.empty() && text_width(with_dots(), style) > room) {
    while (continues_a_character(utf8.back())) utf8.pop_back();
    utf8.pop_back();  // of a character of several bytes the first
  }
  return with_dots();
}

std::vector<std::byte> Canvas::png() const {
  check(cairo_status(cairo_.get()));
  std::vector<std::byte> bytes;
  check(cairo_surface_write_to_png_stream(cairo_get_target(cairo_.get()), append, &bytes));
  return bytes;
}

}  // namespace idl::pictures
