// SPDX-License-Identifier: MIT
#include "host/pictures/spy_plot.hpp"

#include <algorithm>
#include <utility>

#include "host/pictures/axis.hpp"
#include "host/pictures/canvas.hpp"
#include "idl/error.hpp"

namespace idl::pictures {
namespace {

constexpr Colour k_border{90, 90, 90};
constexpr Colour k_red{214, 39, 40};

constexpr TextStyle k_letter{16, k_ink, true};
constexpr TextStyle k_label{12, k_grey};

constexpr int k_left = 36;
constexpr int k_top = 96;
constexpr int k_gap = 8;         // between blocks
constexpr int k_bar_space = 30;  // between the blocks and the colour bar
constexpr int k_bar_width = 16;
constexpr int k_right = 84;   // for the numbers of the colour bar
constexpr int k_bottom = 56;  // for the labels of C and D
constexpr int k_widest = 1400;
constexpr int k_square = 420;       // A is at most so wide and high
constexpr int k_label_width = 212;  // no block is narrower, so that its label has room
constexpr int k_lowest = 24;        // nor lower

/// Fits `count` entries into `room` pixels; each takes at most `largest`, but together they take at
/// least `least`.
SpyScale fit(index_t count, int room, int largest, int least) {
  if (count > room) return {count, (count + room - 1) / room, 1};
  const int n = static_cast<int>(count);
  return {count, 1, std::max(std::min(room / n, largest), (least + n - 1) / n)};
}

std::array<SpyMatrix, 4> make_matrices(index_t n, index_t p, index_t q) {
  IDL_CHECK(n >= 1 && p >= 1 && q >= 1, "n, p and q must be at least 1; they are " +
                                            std::to_string(n) + ", " + std::to_string(p) + " and " +
                                            std::to_string(q));
  constexpr int k_largest_entry = 40;
  const SpyScale states = fit(n, k_square, k_largest_entry, k_label_width);
  const int room =
      k_widest - k_left - states.length() - k_gap - k_bar_space - k_bar_width - k_right;
  const SpyScale inputs = fit(p, room, states.pixels, k_label_width);
  const SpyScale outputs = fit(q, k_square, states.pixels, k_lowest);
  return {SpyMatrix(states, states), SpyMatrix(states, inputs), SpyMatrix(outputs, states),
          SpyMatrix(outputs, inputs)};
}

constexpr std::array k_names = {"A", "B", "C", "D"};

/// Of a matrix, its first pixel.
struct Place {
  int x = 0;
  int y = 0;
};

struct Layout {
  std::array<Place, 4> places;
  int width;  ///< of the matrices together
  int height;
};

Layout lay_out(const std::array<SpyMatrix, 4>& matrices) {
  const int x = k_left + matrices[0].cols().length() + k_gap;
  const int y = k_top + matrices[0].rows().length() + k_gap;
  return {{Place{k_left, k_top}, Place{x, k_top}, Place{k_left, y}, Place{x, y}},
          x + matrices[3].cols().length() - k_left,
          y + matrices[3].rows().length() - k_top};
}

/// Viridis (van der Walt and Smith), darkest for the largest and fading towards the white of zero
/// for the smallest: t in [0, 1].
Colour dark_is_large(double t) {
  constexpr std::array k_anchors = {
      Colour{253, 248, 206}, Colour{253, 231, 37}, Colour{173, 220, 48}, Colour{94, 201, 98},
      Colour{40, 174, 128},  Colour{33, 145, 140}, Colour{44, 114, 142}, Colour{59, 82, 139},
      Colour{71, 45, 123},   Colour{68, 1, 84}};
  const double position = std::clamp(t, 0.0, 1.0) * static_cast<double>(k_anchors.size() - 1);
  const auto low = std::min(static_cast<std::size_t>(position), k_anchors.size() - 2);
  const double share = position - static_cast<double>(low);
  const auto mix = [&](std::uint8_t a, std::uint8_t b) {
    return static_cast<std::uint8_t>(std::lround(a + share * (b - a)));
  };
  const Colour a = k_anchors[low];
  const Colour b = k_anchors[low + 1];
  return {mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue)};
}

/// Magnitudes from `low` to `high` on a logarithmic scale; what lies outside gets the end's colour.
struct ColourScale {
  double low = 0;
  double high = 0;  ///< 0 where there is no magnitude but zero
  bool cut_below = false;
  bool cut_above = false;

  double share(double magnitude) const { return std::log(magnitude / low) / std::log(high / low); }
  Colour colour(double magnitude) const {
    if (magnitude == 0) return k_white;
    return std::isnan(magnitude) ? k_red : dark_is_large(share(magnitude));
  }
};

/// Leaves out the smallest percent and the largest per mille, and what is below 10⁻⁴ of the rest:
/// single entries of many shall not take the colours from all others.
ColourScale choose_scale(const std::array<SpyMatrix, 4>& matrices) {
  constexpr double k_darkest_to_palest = 1e-4;
  std::vector<double> values;
  for (const SpyMatrix& matrix : matrices)
    for (index_t col = 0; col < matrix.cols().cells(); ++col)
      for (index_t row = 0; row < matrix.rows().cells(); ++row)
        if (const double mean = matrix.mean(row, col); mean > 0 && std::isfinite(mean))
          values.push_back(mean);
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const double high = values[values.size() - 1 - values.size() / 1000];
  const double low = std::max(values[values.size() / 100], k_darkest_to_palest * high);
  return {low < 0.5 * high ? low : 0.1 * high, high, values.front() < low, values.back() > high};
}

void draw_matrix(Canvas& canvas, const SpyMatrix& matrix, const Place& at,
                 const ColourScale& scale) {
  const int high = matrix.rows().pixels;
  const int wide = matrix.cols().pixels;
  for (index_t col = 0; col < matrix.cols().cells(); ++col)
    for (index_t row = 0; row < matrix.rows().cells(); ++row)
      canvas.fill(at.x + static_cast<int>(col) * wide, at.y + static_cast<int>(row) * high, wide,
                  high, scale.colour(matrix.mean(row, col)));
  canvas.frame(at.x, at.y, matrix.cols().length(), matrix.rows().length(), k_border);
}

/// "12.3 % nonzero"; 100 only where all are.
std::string density_text(index_t nonzero, index_t entries) {
  const double percent = 100.0 * static_cast<double>(nonzero) / static_cast<double>(entries);
  return short_number(nonzero < entries ? std::min(percent, 99.9) : percent, 3) + " % nonzero";
}

void draw_label(Canvas& canvas, const char* name, const SpyMatrix& matrix, int left,
                double baseline) {
  const double x = left - 1.0;
  const index_t rows = matrix.rows().count;
  const index_t cols = matrix.cols().count;
  canvas.text({x, baseline}, name, k_letter);
  canvas.text({x + canvas.text_width(name, k_letter) + 5, baseline},
              std::to_string(rows) + "\u00d7" + std::to_string(cols) + " \u00b7 " +
                  density_text(matrix.nonzero(), rows * cols),
              k_label);
}

void draw_colour_bar(Canvas& canvas, const ColourScale& scale, int x, int height) {
  if (scale.high == 0) return;
  for (int row = 0; row < height; ++row)
    canvas.fill(x, k_top + row, k_bar_width, 1, dark_is_large(1 - (row + 0.5) / height));
  canvas.frame(x, k_top, k_bar_width, height, k_border);
  const auto draw_tick = [&](double value, const std::string& label) {
    const double y = k_top + height * (1 - scale.share(value));
    canvas.fill(x + k_bar_width + 1, static_cast<int>(y), 4, 1, k_border);
    canvas.text({x + k_bar_width + 9.0, y + k_label.capitals() / 2}, label, k_label);
  };
  draw_tick(scale.low, (scale.cut_below ? "\u2264 " : "") + short_number(scale.low, 2));
  draw_tick(scale.high, (scale.cut_above ? "\u2265 " : "") + short_number(scale.high, 2));
  for (const Tick& tick : logarithmic_ticks(scale.low, scale.high)) {
    const double share = scale.share(tick.value);
    if (height * std::min(share, 1 - share) > 1.5 * k_label.size) draw_tick(tick.value, tick.label);
  }
  canvas.text({x - 1.0, k_top - 14.0}, "magnitude", k_label);
}

std::string footnote(const std::array<SpyMatrix, 4>& matrices, index_t not_finite) {
  if (not_finite > 0)
    return std::to_string(not_finite) +
           (not_finite == 1 ? " entry is not finite (red)" : " entries are not finite (red)");
  for (const SpyMatrix& matrix : matrices)
    if (matrix.rows().entries * matrix.cols().entries > 1)
      return "A pixel that stands for several entries shows their mean magnitude";
  return {};
}

}  // namespace

SpyMatrix::SpyMatrix(SpyScale rows, SpyScale cols)
    : rows_(rows),
      cols_(cols),
      sums_(static_cast<std::size_t>(rows.cells()) * static_cast<std::size_t>(cols.cells())),
      row_sums_(static_cast<std::size_t>(rows.count)) {}

double SpyMatrix::mean(index_t row_cell, index_t col_cell) const {
  const auto entries_of = [](const SpyScale& scale, index_t cell) {
    return std::min(scale.entries, scale.count - cell * scale.entries);
  };
  const index_t entries = entries_of(rows_, row_cell) * entries_of(cols_, col_cell);
  return sums_[static_cast<std::size_t>(col_cell * rows_.cells() + row_cell)] /
         static_cast<double>(entries);
}

SpyPlot::SpyPlot(std::string title, index_t n, index_t p, index_t q)
    : title_(std::move(title)), matrices_(make_matrices(n, p, q)) {}

SpyMatrix& SpyPlot::matrix(std::string_view name) {
  const auto found = std::find(k_names.begin(), k_names.end(), name);
  IDL_CHECK(found != k_names.end(),
            "a picture of a model has A, B, C and D, not '" + std::string(name) + "'");
  return matrices_[static_cast<std::size_t>(found - k_names.begin())];
}

std::vector<std::byte> SpyPlot::png() const {
  const Layout layout = lay_out(matrices_);
  index_t not_finite = 0;
  for (const SpyMatrix& matrix : matrices_) not_finite += matrix.not_finite();
  const ColourScale scale = choose_scale(matrices_);
  const std::string note = footnote(matrices_, not_finite);

  const int title_width = static_cast<int>(Canvas(1, 1).text_width(title_, k_title));
  Canvas canvas(k_left + std::max(layout.width + k_bar_space + k_bar_width + k_right,
                                  std::min(title_width, k_widest - 2 * k_left) + k_left),
                k_top + layout.height + k_bottom + (note.empty() ? 0 : 20));
  canvas.text({k_left - 1.0, 44}, title_, k_title);
  const double above = k_top - 14;
  const double below = k_top + layout.height + 16 + k_letter.capitals();
  for (std::size_t i = 0; i < k_names.size(); ++i) {
    draw_matrix(canvas, matrices_[i], layout.places[i], scale);
    draw_label(canvas, k_names[i], matrices_[i], layout.places[i].x, i < 2 ? above : below);
  }
  draw_colour_bar(canvas, scale, k_left + layout.width + k_bar_space, layout.height);
  canvas.text({k_left - 1.0, below + 26}, note, {k_label.size, not_finite > 0 ? k_red : k_grey});
  return canvas.png();
}

}  // namespace idl::pictures
