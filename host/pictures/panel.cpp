// SPDX-License-Identifier: MIT
#include "host/pictures/panel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <span>

#include "host/pictures/axis.hpp"
#include "idl/error.hpp"

namespace idl::pictures {
namespace {

constexpr Colour k_grid{232, 232, 232};
constexpr Colour k_line{150, 150, 150};

/// Okabe and Ito's colours, which colour-blind people tell apart.
constexpr std::array k_colours = {Colour{0, 114, 178}, Colour{213, 94, 0}, Colour{0, 158, 115},
                                  Colour{204, 121, 167}};

constexpr TextStyle k_heading{16, k_ink, true};
constexpr TextStyle k_number{12, k_grey};
constexpr TextStyle k_axis_label{12.5, k_ink};

/// Of larger numbers the differences may overflow: they have no place in a picture.
constexpr double k_largest_drawn = 1e300;

bool is_drawn(const Curve& curve, std::size_t i) {
  return std::abs(curve.x[i]) <= k_largest_drawn &&
         std::abs(curve.y[i]) <= k_largest_drawn;  // no NaN
}

/// The least and the largest value that is drawn, bars with all of their area; nothing where there
/// is none.
bool find_range(const std::vector<Curve>& curves, std::vector<double> Curve::*values, double& low,
                double& high) {
  low = std::numeric_limits<double>::infinity();
  high = -low;
  for (const Curve& curve : curves) {
    const double half = values == &Curve::x ? curve.bar_width / 2 : 0;
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      if (!is_drawn(curve, i)) continue;
      low = std::min(low, (curve.*values)[i] - half);
      high = std::max(high, (curve.*values)[i] + half);
    }
    if (values == &Curve::y && curve.bar_width > 0) low = std::min(low, 0.0);
  }
  return low <= high;
}

Axis vertical_axis(double low, double high, const Panel& panel) {
  const double size = std::max(std::abs(low), std::abs(high));
  // Of what is the same everywhere, as far as anyone cares, the digits are no steps.
  const double margin = high - low > 1e-6 * size ? 0.06 * (high - low) : std::max(0.1 * size, 1e-9);
  const bool from_zero = low >= 0 && low < 0.3 * high;
  low = from_zero ? 0 : low - margin;
  high += margin;
  if (panel.in_percent) {
    low = std::max(low, 0.0);
    high = std::clamp(high, low + 1e-6, 100.0 + 1e-6);
  }
  return linear_axis(low, high, 6, panel.whole_y);
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
void draw_legend(Canvas& canvas, const Panel& panel) {
  constexpr double k_sample = 22;
  constexpr double k_space = 20;
  const double baseline = panel.top - 16;
  double right = panel.left + panel.width;
  for (std::size_t i = panel.curves.size(); i-- > 0;) {
    const std::string text =
        panel.legend_values ? legend_text(panel.curves[i], panel.in_percent) : panel.curves[i].name;
    const double width = canvas.text_width(text, k_axis_label);
    canvas.text({right - width, baseline}, text, k_axis_label);
    const double end = right - width - 4;
    const double middle = baseline - k_axis_label.capitals() / 2;
    if (panel.curves[i].bar_width > 0) {
      constexpr int k_square = 11;
      canvas.fill(static_cast<int>(end) - k_square, static_cast<int>(middle) - k_square / 2,
                  k_square, k_square, k_colours[i]);
      right = end - k_square - k_space;
      continue;
    }
    const Polyline sample = {{end - k_sample, middle}, {end, middle}};
    canvas.stroke(std::span(&sample, 1), 3, k_colours[i]);
    right = end - k_sample - k_space;
  }
}

void draw_axes(Canvas& canvas, const Panel& panel, const Axis& x, const Axis& y) {
  for (const Tick& tick : y.ticks) {
    const double row = panel.top + panel.height * (1 - y.share(tick.value));
    canvas.fill(panel.left, static_cast<int>(std::lround(row)), panel.width, 1, k_grid);
    canvas.text({panel.left - 6.0, row + k_number.capitals() / 2}, tick.label, k_number,
                Align::right);
  }
  for (const Tick& tick : x.ticks) {
    const double col = panel.left + panel.width * x.share(tick.value);
    canvas.fill(static_cast<int>(std::lround(col)), panel.top, 1, panel.height, k_grid);
    canvas.fill(static_cast<int>(std::lround(col)), panel.top + panel.height, 1, 5, k_line);
    canvas.text({col, panel.top + panel.height + 8 + k_number.capitals()}, tick.label, k_number,
                Align::centre);
  }
  canvas.fill(panel.left - 1, panel.top, 1, panel.height, k_line);
  canvas.fill(panel.left - 1, panel.top + panel.height, panel.width + 1, 1, k_line);
  canvas.text({panel.left + panel.width / 2.0, panel.top + panel.height + 42.0}, panel.x_label,
              k_axis_label, Align::centre);
}

void draw_bars(Canvas& canvas, const Panel& panel, const Curve& curve, const Axis& x, const Axis& y,
               Colour colour) {
  constexpr int k_widest_without_gap = 4;
  const auto column = [&](double value) {
    return panel.left + static_cast<int>(std::lround(panel.width * x.share(value)));
  };
  const auto row = [&](double value) {
    return panel.top + static_cast<int>(std::lround(panel.height * (1 - y.share(value))));
  };
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    if (!is_drawn(curve, i)) continue;
    const int from = column(curve.x[i] - curve.bar_width / 2);
    const int width = column(curve.x[i] + curve.bar_width / 2) - from;
    // What there is, is seen, however little it is beside the rest.
    constexpr int k_lowest = 3;
    const int height = curve.y[i] > 0 ? std::max(row(0) - row(curve.y[i]), k_lowest) : 0;
    canvas.fill(from, row(0) - height,
                std::max(width > k_widest_without_gap ? width - 1 : width, 1), height, colour);
  }
}

void draw_curve(Canvas& canvas, const Panel& panel, const Curve& curve, const Axis& x,
                const Axis& y, Colour colour) {
  if (curve.bar_width > 0) return draw_bars(canvas, panel, curve, x, y, colour);
  constexpr std::size_t k_most_markers = 60;
  std::vector<Polyline> lines(1);
  std::vector<Polyline> markers;
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    if (!is_drawn(curve, i)) {
      lines.emplace_back();
      continue;
    }
    const Point point{panel.left + panel.width * x.share(curve.x[i]),
                      panel.top + panel.height * (1 - y.share(curve.y[i]))};
    lines.back().push_back(point);
    markers.push_back({point});
  }
  canvas.stroke(lines, 2.2, colour);
  // Over bars a line is a level, of which no point matters.
  const bool over_bars =
      std::ranges::any_of(panel.curves, [](const Curve& other) { return other.bar_width > 0; });
  if (curve.x.size() <= k_most_markers && !over_bars) {
    canvas.stroke(markers, 9, k_white);
    canvas.stroke(markers, 6.5, colour);
  }
}

/// The axis of a logarithm to base 10, whose labels are those of the numbers.
Axis logarithmic_axis(double low, double high) {
  const double margin = high > low ? 0.02 * (high - low) : 1;
  Axis axis{low - margin, high + margin, {}};
  using Limits = std::numeric_limits<double>;
  const auto number = [](double log) {
    return std::clamp(std::pow(10, log), Limits::min(), k_largest_drawn);
  };
  for (const Tick& tick : logarithmic_ticks(number(axis.low), number(axis.high)))
    axis.ticks.push_back({std::log10(tick.value), tick.label});
  return axis;
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

void draw_panel(Canvas& canvas, Panel panel) {
  check(panel.curves);
  for (Curve& curve : panel.curves) {
    if (panel.in_percent)
      for (double& value : curve.y) value *= 100;
    if (panel.logarithmic_x)
      for (double& value : curve.x) value = std::log10(value);
  }
  double x_low = 0;
  double x_high = 0;
  double y_low = 0;
  double y_high = 0;
  const bool any = find_range(panel.curves, &Curve::x, x_low, x_high) &&
                   find_range(panel.curves, &Curve::y, y_low, y_high);
  // Below that share of the largest, values could not be told from 0.
  constexpr double k_visible = 0.003;
  const bool decades = panel.decades_y && y_low > 0 && y_low < k_visible * y_high;
  canvas.text({panel.left - 1.0, panel.top - 16.0},
              panel.heading + (decades ? ", logarithmic" : ""), k_heading);
  if (!any) {
    canvas.frame(panel.left, panel.top, panel.width, panel.height, k_grid);
    canvas.text({panel.left + panel.width / 2.0, panel.top + panel.height / 2.0}, "no data",
                k_axis_label, Align::centre);
    return;
  }
  const Axis x =
      panel.logarithmic_x ? logarithmic_axis(x_low, x_high) : horizontal_axis(x_low, x_high);
  const Axis y = decades ? logarithmic_axis(std::log10(y_low), std::log10(y_high))
                         : vertical_axis(y_low, y_high, panel);
  draw_axes(canvas, panel, x, y);
  draw_legend(canvas, panel);
  if (decades) {
    for (Curve& curve : panel.curves)
      for (std::size_t i = 0; i < curve.y.size(); ++i)
        curve.y[i] = is_drawn(curve, i) ? std::log10(curve.y[i]) : std::nan("");
  }
  for (std::size_t i = 0; i < panel.curves.size(); ++i)
    draw_curve(canvas, panel, panel.curves[i], x, y, k_colours[i]);
}

}  // namespace idl::pictures
