// SPDX-License-Identifier: MIT
#include <utility>

#include "host/pictures/canvas.hpp"
#include "host/pictures/panel.hpp"
#include "idl/io.hpp"
#include "idl/pictures.hpp"

namespace idl::pictures {

void write_density_png(const std::filesystem::path& path, const DensityCurve& measured) {
  Panel panel = {.heading = "Test accuracy (%)",
                 .curves = {},
                 .in_percent = true,
                 .x_label = "density: share of the entries that is stored",
                 .logarithmic_x = true,
                 .legend_values = false,
                 .width = 760,
                 .height = 420};
  const std::pair<const char*, double DensityPoint::*> curves[] = {
      {"gradual", &DensityPoint::gradual},
      {"fine-tuned", &DensityPoint::fine_tuned},
      {"one-shot", &DensityPoint::one_shot},
      {"random mask, fine-tuned", &DensityPoint::random}};
  for (const auto& [name, accuracy] : curves) {
    Curve curve{name, {}, {}};
    for (const DensityPoint& point : measured.points) {
      curve.x.push_back(point.density);
      curve.y.push_back(point.*accuracy);
    }
    panel.curves.push_back(std::move(curve));
  }
  Canvas canvas(panel.left + panel.width + 60, panel.top + panel.height + 70);
  std::string title = "Accuracy and density";
  const std::string states =
      measured.states > 0 ? ", n = " + std::to_string(measured.states) : std::string();
  if (!measured.data.empty()) {
    title += " on ";
    const double room = panel.width + 40 - canvas.text_width(title + states, k_title);
    title += canvas.shortened(measured.data, k_title, room);
  }
  title += states;
  canvas.text({panel.left - 1.0, 44}, title, k_title);
  draw_panel(canvas, std::move(panel));
  io::write_file_atomically(path, canvas.png());
}

}  // namespace idl::pictures
