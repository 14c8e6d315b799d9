// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "host/pictures/canvas.hpp"
#include "idl/pictures.hpp"

namespace idl::pictures {

/// Curves in a frame with axes, and above it a heading and the legend.
struct Panel {
  std::string heading;
  std::vector<Curve> curves;  ///< at most four
  bool in_percent = false;    ///< y is a share, which is drawn in %
  bool whole_y = false;       ///< y are whole numbers
  std::string x_label;
  bool logarithmic_x = false;  ///< x > 0
  bool decades_y = false;      ///< y is drawn logarithmically where it spans decades
  bool legend_values = true;   ///< the legend says each curve's last value and its best
  int left = 80;               ///< of the frame, in pixels
  int top = 104;
  int width = 520;
  int height = 350;
};

/// @throws InvalidArgument (x and y of different lengths, more than four curves)
void draw_panel(Canvas& canvas, Panel panel);

}  // namespace idl::pictures
