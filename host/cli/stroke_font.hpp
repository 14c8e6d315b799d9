// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <vector>

/// A font of strokes, so that pictures carry text without any font on the machine. Covers ASCII and
/// the few other characters that the pictures use; what it does not have is drawn as a box.
namespace idl::cli {

struct Point {
  double x = 0;
  double y = 0;
};

using Polyline = std::vector<Point>;

/// In units in which capitals are 10 high, x to the right and y upwards from the baseline.
struct Text {
  std::vector<Polyline> strokes;
  double width = 0;
};

/// Sets a line of UTF-8 text. Bytes that are no UTF-8 become boxes.
Text set_text(std::string_view utf8);

}  // namespace idl::cli
