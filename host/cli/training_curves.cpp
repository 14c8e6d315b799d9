// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>

#include "host/cli/axis.hpp"
#include "host/cli/canvas.hpp"
#include "host/cli/picture.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"

namespace idl::cli {
namespace {

constexpr Colour k_grid{232, 232, 232};
constexpr Colour k_line{150, 150, 150};

/// Okabe and Ito's colours, which colour-blind people tell apart.
constexpr std::array k_colours = {Colour{0, 114, 178}, Colour{213, 94, 0}, Colour{0, 158, 115},
                                  Colour{204, 121, 167}};

constexpr int k_width = 1280;
constexpr int k_height = 520;
constexpr int k_panel_width = 520;
constexpr int k_panel_height = 350;
constexpr int k_panel_top = 104;
constexpr std::array k_panel_lefts = {80, 720};

constexpr TextStyle k_heading{16, k_ink, true};
constexpr TextStyle k_number{12, k_grey};
constexpr TextStyle k_axis_label{12.5, k_ink};

struct Panel {
  const char* heading;
  std::vector<Curve> curves;  ///< in the unit in which they are drawn
  bool in_percent;
};

/// Whether a point has a place in a picture. Of larger numbers the differences may overflow.
bool is_drawn(const Curve& curve, std::size_t i) {
  constexpr double k_largest = 1e300;
  return std::abs(curve.x[i]) <= k_largest && std::abs(curve.y[i]) <= k_largest;  // NaN is not
}

/// The least and the largest value that is drawn; nothing where there is none.
bool find_range(const std::vector<Curve>& curves, std::vector<double> Curve::*values, double& low,
                double& high) {
  low = std::numeric_limits<double>::infinity();
  high = -low;
  for (const Curve& curve : curves) {
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      if (!is_drawn(curve, i)) continue;
      low = std::min(low, (curve.*values)[i]);
      high = std::max(high, (curve.*values)[i]);
    }
  }
  return low <= high;
}

Axis vertical_axis(double low, double high, bool in_percent) {
  const double least = std::max(1e-9, 1e-6 * std::max(std::abs(low), std::abs(high)));
  const double margin = std::max(0.06 * (high - low), high - low < least ? 10 * least : 0.0);
  const bool from_zero = low >= 0 && low < 0.3 * high;
  low = from_zero ? 0 : low - margin;
  high += margin;
  if (in_percent) {
    low = std::max(low, 0.0);
    high = std::clamp(high, low + 1e-6, 100.0 + 1e-6);
  }
  return linear_axis(low, high, 6, false);
}

Axis horizontal_axis(double low, double high) {
  const double margin = high > low ? 0.02 * (high - low) : 1;
  return linear_axis(low - margin, high + margin, 10, true);
}

/// "0.3721" or "86.62 %".
std::string value_text(double value, bool in_percent) {
  if (!std::isfinite(value)) return "not finite";
  if (!in_percent) return short_number(value, 4);
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.2f %%", value);
  return buffer.data();
}

/// "test 86.41 % (best 86.62 %)".
std::string legend_text(const Curve& curve, bool in_percent) {
  if (curve.y.empty()) return curve.name;
  std::string text = curve.name + " " + value_text(curve.y.back(), in_percent);
  const double best =
      std::accumulate(curve.y.begin(), curve.y.end(), -std::numeric_limits<double>::infinity(),
                      [](double a, double b) { return b > a ? b : a; });  // NaN is not the best
  if (in_percent && std::isfinite(best) && !(best <= curve.y.back()))
    text += " (best " + value_text(best, in_percent) + ")";
  return text;
}

/// Right-aligned above the panel, where it hides nothing.
void draw_legend(Canvas& canvas, const Panel& panel, int left) {
  constexpr double k_sample = 22;
  constexpr double k_space = 20;
  const double baseline = k_panel_top - 16;
  double right = left + k_panel_width;
  for (std::size_t i = panel.curves.size(); i-- > 0;) {
    const std::string text = legend_text(panel.curves[i], panel.in_percent);
    const double width = canvas.text_width(text, k_axis_label);
    canvas.text({right - width, baseline}, text, k_axis_label);
    const double end = right - width - 4;
    const double middle = baseline - k_axis_label.capitals() / 2;
    const Polyline sample = {{end - k_sample, middle}, {end, middle}};
    canvas.stroke(std::span(&sample, 1), 3, k_colours[i]);
    right = end - k_sample - k_space;
  }
}

void draw_axes(Canvas& canvas, const Axis& x, const Axis& y, int left) {
  for (const Tick& tick : y.ticks) {
    const double row = k_panel_top + k_panel_height * (1 - y.share(tick.value));
    canvas.fill(left, static_cast<int>(std::lround(row)), k_panel_width, 1, k_grid);
    canvas.text({left - 6.0, row + k_number.capitals() / 2}, tick.label, k_number, Align::right);
  }
  for (const Tick& tick : x.ticks) {
    const double col = left + k_panel_width * x.share(tick.value);
    canvas.fill(static_cast<int>(std::lround(col)), k_panel_top, 1, k_panel_height, k_grid);
    canvas.fill(static_cast<int>(std::lround(col)), k_panel_top + k_panel_height, 1, 5, k_line);
    canvas.text({col, k_panel_top + k_panel_height + 8 + k_number.capitals()}, tick.label, k_number,
                Align::centre);
  }
  canvas.fill(left - 1, k_panel_top, 1, k_panel_height, k_line);
  canvas.fill(left - 1, k_panel_top + k_panel_height, k_panel_width + 1, 1, k_line);
  canvas.text({left + k_panel_width / 2.0, k_panel_top + k_panel_height + 42.0}, "epoch",
              k_axis_label, Align::centre);
}

void draw_curve(Canvas& canvas, const Curve& curve, const Axis& x, const Axis& y, int left,
                Colour colour) {
  constexpr std::size_t k_most_markers = 60;
  std::vector<Polyline> lines(1);
  std::vector<Polyline> markers;
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    if (!is_drawn(curve, i)) {
      lines.emplace_back();
      continue;
    }
    const Point point{left + k_panel_width * x.share(curve.x[i]),
                      k_panel_top + k_panel_height * (1 - y.share(curve.y[i]))};
    lines.back().push_back(point);
    markers.push_back({point});
  }
  canvas.stroke(lines, 2.2, colour);
  if (curve.x.size() <= k_most_markers) {
    canvas.stroke(markers, 9, k_white);
    canvas.stroke(markers, 6.5, colour);
  }
}

void draw_panel(Canvas& canvas, const Panel& panel, int left) {
  canvas.text({left - 1.0, k_panel_top - 16.0}, panel.heading, k_heading);
  double x_low = 0;
  double x_high = 0;
  double y_low = 0;
  double y_high = 0;
  const bool any = find_range(panel.curves, &Curve::x, x_low, x_high) &&
                   find_range(panel.curves, &Curve::y, y_low, y_high);
  if (!any) {
    canvas.frame(left, k_panel_top, k_panel_width, k_panel_height, k_grid);
    canvas.text({left + k_panel_width / 2.0, k_panel_top + k_panel_height / 2.0}, "no data",
                k_axis_label, Align::centre);
    return;
  }
  const Axis x = horizontal_axis(x_low, x_high);
  const Axis y = vertical_axis(y_low, y_high, panel.in_percent);
  draw_axes(canvas, x, y, left);
  draw_legend(canvas, panel, left);
  for (std::size_t i = 0; i < panel.curves.size(); ++i)
    draw_curve(canvas, panel.curves[i], x, y, left, k_colours[i]);
}

void check(const std::vector<Curve>& curves) {
  IDL_CHECK(curves.size() <= k_colours.size(),
            "a panel has " + std::to_string(curves.size()) + " curves, at most " +
                std::to_string(k_colours.size()) + " are possible");
  for (const Curve& curve : curves)
    IDL_CHECK(curve.x.size() == curve.y.size(), "the curve " + curve.name + " has " +
                                                    std::to_string(curve.x.size()) + " x and " +
                                                    std::to_string(curve.y.size()) + " y");
}

}  // namespace

TrainingCurves training_curves(std::string title, std::span<const EpochMetrics> epochs) {
  TrainingCurves curves{std::move(title),
                        {{"train", {}, {}}, {"test", {}, {}}},
                        {{"train", {}, {}}, {"test", {}, {}}}};
  const auto add = [](Curve& curve, std::int64_t epoch, double value) {
    curve.x.push_back(static_cast<double>(epoch));
    curve.y.push_back(value);
  };
  for (const EpochMetrics& metrics : epochs) {
    add(curves.loss[0], metrics.epoch, metrics.train_loss);
    add(curves.accuracy[0], metrics.epoch, metrics.train_accuracy);
    if (!metrics.test) continue;
    add(curves.loss[1], metrics.epoch, metrics.test->loss);
    add(curves.accuracy[1], metrics.epoch, metrics.test->accuracy);
  }
  if (curves.loss[1].x.empty()) {
    curves.loss.pop_back();
    curves.accuracy.pop_back();
  }
  return curves;
}

void write_training_curves_png(const std::filesystem::path& path, const TrainingCurves& curves) {
  check(curves.loss);
  check(curves.accuracy);
  Panel loss{"Loss", curves.loss, false};
  Panel accuracy{"Accuracy (%)", curves.accuracy, true};
  for (Curve& curve : accuracy.curves)
    for (double& value : curve.y) value *= 100;

  Canvas canvas(k_width, k_height);
  canvas.text({k_panel_lefts[0] - 1.0, 44}, curves.title, k_title);
  draw_panel(canvas, loss, k_panel_lefts[0]);
  draw_panel(canvas, accuracy, k_panel_lefts[1]);
  io::write_file_atomically(path, canvas.png());
}

}  // namespace idl::cli
