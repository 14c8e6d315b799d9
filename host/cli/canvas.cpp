// SPDX-License-Identifier: MIT
#include "host/cli/canvas.hpp"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "idl/error.hpp"

namespace idl::cli {
namespace {

static_assert(sizeof(Colour) == 3, "libpng takes the pixels as they are");

constexpr double k_font_units = 10;  // height of capitals in set_text

/// A rectangle of pixels: [left, right)×[top, bottom).
struct Box {
  int left;
  int top;
  int right;
  int bottom;
};

/// The pixels that a line from a to b touches.
Box reach(Point a, Point b, double radius, const Canvas& canvas) {
  const auto low = [&](double p, double q, int limit) {
    return static_cast<int>(std::clamp(std::floor(std::min(p, q) - radius), 0.0, double(limit)));
  };
  const auto high = [&](double p, double q, int limit) {
    return static_cast<int>(std::clamp(std::ceil(std::max(p, q) + radius), 0.0, double(limit)));
  };
  return {low(a.x, b.x, canvas.width()), low(a.y, b.y, canvas.height()),
          high(a.x, b.x, canvas.width()), high(a.y, b.y, canvas.height())};
}

double distance_to_segment(Point point, Point a, Point b) {
  const double dx = b.x - a.x;
  const double dy = b.y - a.y;
  const double squared = dx * dx + dy * dy;
  const double along = (point.x - a.x) * dx + (point.y - a.y) * dy;
  const double t = squared > 0 ? std::clamp(along / squared, 0.0, 1.0) : 0.0;
  return std::hypot(point.x - a.x - t * dx, point.y - a.y - t * dy);
}

/// How much of each pixel is covered, in [0, 1].
class Mask {
 public:
  explicit Mask(const Canvas& canvas)
      : width_(canvas.width()),
        values_(static_cast<std::size_t>(canvas.width()) *
                static_cast<std::size_t>(canvas.height())) {}

  float& at(int x, int y) {
    return values_[static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
                   static_cast<std::size_t>(x)];
  }

  /// Covers what is nearer to the line than half its width, with an edge of one pixel.
  void add_line(Point a, Point b, double width, const Canvas& canvas) {
    const Box box = reach(a, b, width / 2 + 1, canvas);
    for (int y = box.top; y < box.bottom; ++y) {
      for (int x = box.left; x < box.right; ++x) {
        const double distance = distance_to_segment({x + 0.5, y + 0.5}, a, b);
        const double cover = std::clamp(width / 2 + 0.5 - distance, 0.0, 1.0);
        at(x, y) = std::max(at(x, y), static_cast<float>(cover));
      }
    }
  }

 private:
  int width_;
  std::vector<float> values_;
};

std::uint8_t mixed(std::uint8_t below, std::uint8_t above, float cover) {
  const auto from = static_cast<float>(below);
  return static_cast<std::uint8_t>(std::lround(from + cover * (static_cast<float>(above) - from)));
}

}  // namespace

Canvas::Canvas(int width, int height, Colour background)
    : width_(width),
      height_(height),
      pixels_(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), background) {}

Colour Canvas::pixel(int x, int y) const {
  return pixels_[static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
                 static_cast<std::size_t>(x)];
}

void Canvas::set_pixel(int x, int y, Colour colour) {
  if (x < 0 || y < 0 || x >= width_ || y >= height_) return;
  pixels_[static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
          static_cast<std::size_t>(x)] = colour;
}

void Canvas::fill(int x, int y, int width, int height, Colour colour) {
  for (int row = std::max(y, 0); row < std::min(y + height, height_); ++row)
    for (int col = std::max(x, 0); col < std::min(x + width, width_); ++col)
      set_pixel(col, row, colour);
}

void Canvas::frame(int x, int y, int width, int height, Colour colour) {
  fill(x - 1, y - 1, width + 2, 1, colour);
  fill(x - 1, y + height, width + 2, 1, colour);
  fill(x - 1, y, 1, height, colour);
  fill(x + width, y, 1, height, colour);
}

void Canvas::stroke(std::span<const Polyline> lines, double width, Colour colour) {
  Mask mask(*this);
  Box all{width_, height_, 0, 0};
  for (const Polyline& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const Point a = line[i == 0 ? 0 : i - 1];  // a single point becomes a dot
      mask.add_line(a, line[i], width, *this);
      const Box box = reach(a, line[i], width / 2 + 1, *this);
      all = {std::min(all.left, box.left), std::min(all.top, box.top),
             std::max(all.right, box.right), std::max(all.bottom, box.bottom)};
    }
  }
  for (int y = all.top; y < all.bottom; ++y) {
    for (int x = all.left; x < all.right; ++x) {
      const float cover = mask.at(x, y);
      if (cover == 0) continue;
      const Colour below = pixel(x, y);
      set_pixel(x, y,
                {mixed(below.red, colour.red, cover), mixed(below.green, colour.green, cover),
                 mixed(below.blue, colour.blue, cover)});
    }
  }
}

double text_width(std::string_view utf8, const TextStyle& style) {
  return set_text(utf8).width * style.size / k_font_units;
}

void Canvas::text(Point anchor, std::string_view utf8, const TextStyle& style, Align align) {
  Text text = set_text(utf8);
  const double scale = style.size / k_font_units;
  const double share = align == Align::left ? 0 : align == Align::centre ? 0.5 : 1;
  const double left = anchor.x - share * text.width * scale;
  for (Polyline& line : text.strokes)
    for (Point& point : line) point = {left + scale * point.x, anchor.y - scale * point.y};
  stroke(text.strokes, style.weight * style.size, style.colour);
}

void Canvas::text_upwards(Point anchor, std::string_view utf8, const TextStyle& style) {
  Text text = set_text(utf8);
  const double scale = style.size / k_font_units;
  const double bottom = anchor.y + text.width * scale / 2;
  for (Polyline& line : text.strokes)
    for (Point& point : line) point = {anchor.x - scale * point.y, bottom - scale * point.x};
  stroke(text.strokes, style.weight * style.size, style.colour);
}

std::vector<std::byte> Canvas::png() const {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width_);
  image.height = static_cast<png_uint_32>(height_);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::vector<std::byte> bytes(size);
  if (png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels_.data(), 0, nullptr) == 0)
    throw Error("libpng: " + std::string(image.message));
  bytes.resize(size);
  return bytes;
}

}  // namespace idl::cli
