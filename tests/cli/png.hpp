// SPDX-License-Identifier: MIT
#pragma once

#include <cairo.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>

#include "idl/error.hpp"

namespace idl::test {

using Pixel = std::array<int, 3>;  // red, green, blue

/// What libpng, by cairo, reads from a PNG file.
class Png {
 public:
  explicit Png(std::span<const std::byte> file) {
    const auto read = [](void* rest, unsigned char* target, unsigned int count) {
      auto& bytes = *static_cast<std::span<const std::byte>*>(rest);
      if (bytes.size() < count) return CAIRO_STATUS_READ_ERROR;
      std::memcpy(target, bytes.data(), count);
      bytes = bytes.subspan(count);
      return CAIRO_STATUS_SUCCESS;
    };
    surface_ = cairo_image_surface_create_from_png_stream(read, &file);
    if (const cairo_status_t status = cairo_surface_status(surface_);
        status != CAIRO_STATUS_SUCCESS)
      throw Error(cairo_status_to_string(status));
  }
  explicit Png(const std::string& file) : Png(std::as_bytes(std::span(file))) {}
  ~Png() { cairo_surface_destroy(surface_); }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;

  int width() const { return cairo_image_surface_get_width(surface_); }
  int height() const { return cairo_image_surface_get_height(surface_); }

  Pixel at(int x, int y) const {
    const unsigned char* const line =
        cairo_image_surface_get_data(surface_) +
        static_cast<std::ptrdiff_t>(y) * cairo_image_surface_get_stride(surface_);
    unsigned value = 0;
    std::memcpy(&value, line + static_cast<std::ptrdiff_t>(x) * 4, sizeof value);
    return {static_cast<int>(value >> 16U & 255U), static_cast<int>(value >> 8U & 255U),
            static_cast<int>(value & 255U)};
  }

  /// How many pixels of the columns [from, to) and the rows [top, bottom) `is` says yes to.
  template <class Is>
  int count_if(int from, int to, int top, int bottom, const Is& is) const {
    int count = 0;
    for (int y = std::max(top, 0); y < std::min(bottom, height()); ++y)
      for (int x = std::max(from, 0); x < std::min(to, width()); ++x) count += is(at(x, y)) ? 1 : 0;
    return count;
  }

 private:
  cairo_surface_t* surface_;
};

}  // namespace idl::test
