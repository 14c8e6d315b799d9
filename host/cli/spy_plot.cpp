// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>

#include "host/cli/axis.hpp"
#include "host/cli/canvas.hpp"
#include "host/cli/picture.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"

namespace idl::cli {
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

/// How many entries stand in a row or column of the picture: one entry takes `pixels` pixels, or
/// `entries` entries share one.
struct Scale {
  index_t count;
  index_t entries;
  int pixels;

  int length() const { return static_cast<int>((count + entries - 1) / entries) * pixels; }
};

/// Fits `count` entries into `room` pixels; each takes at most `largest`, but together they take at
/// least `least`.
Scale fit(index_t count, int room, int largest, int least) {
  if (count > room) return {count, (count + room - 1) / room, 1};
  const int n = static_cast<int>(count);
  return {count, 1, std::max(std::min(room / n, largest), (least + n - 1) / n)};
}

struct Block {
  const char* letter;
  index_t row, col;  ///< of its first entry in M
  Scale rows, cols;
  int x = 0, y = 0;  ///< of its first pixel
};

struct Layout {
  std::array<Block, 4> blocks;
  int width;  ///< of the blocks together
  int height;
};

Layout lay_out(const SpyPlot& plot) {
  constexpr int k_largest_entry = 40;
  const Scale states = fit(plot.n, k_square, k_largest_entry, k_label_width);
  const int room =
      k_widest - k_left - states.length() - k_gap - k_bar_space - k_bar_width - k_right;
  const Scale inputs = fit(plot.p, room, states.pixels, k_label_width);
  const Scale outputs = fit(plot.q, k_square, states.pixels, k_lowest);
  const int x = k_left + states.length() + k_gap;
  const int y = k_top + states.length() + k_gap;
  return {{Block{"A", 0, 0, states, states, k_left, k_top},
           Block{"B", 0, plot.n, states, inputs, x, k_top},
           Block{"C", plot.n, 0, outputs, states, k_left, y},
           Block{"D", plot.n, plot.n, outputs, inputs, x, y}},
          x + inputs.length() - k_left,
          y + outputs.length() - k_top};
}

/// One block, one number for each picture element: the mean magnitude of its entries; NaN where one
/// of them is not finite.
struct Magnitudes {
  index_t rows, cols;
  std::vector<double> means;
  index_t nonzero = 0;
  index_t not_finite = 0;
};

Magnitudes measure(const SpyPlot& plot, const Block& block) {
  const Scale& r = block.rows;
  const Scale& c = block.cols;
  Magnitudes result{
      (r.count + r.entries - 1) / r.entries, (c.count + c.entries - 1) / c.entries, {}};
  result.means.resize(static_cast<std::size_t>(result.rows * result.cols));
  std::vector<index_t> counts(result.means.size());
  for (index_t col = 0; col < c.count; ++col) {
    for (index_t row = 0; row < r.count; ++row) {
      const float entry =
          plot.M[static_cast<std::size_t>((block.col + col) * (plot.n + plot.q) + block.row + row)];
      const auto cell = static_cast<std::size_t>(col / c.entries * result.rows + row / r.entries);
      if (entry != 0) ++result.nonzero;
      if (!std::isfinite(entry)) ++result.not_finite;
      result.means[cell] += std::isfinite(entry) ? std::abs(static_cast<double>(entry)) : NAN;
      ++counts[cell];
    }
  }
  for (std::size_t i = 0; i < counts.size(); ++i) result.means[i] /= static_cast<double>(counts[i]);
  return result;
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

  double share(double magnitude) const { return std::log(magnitude / low) / std::log(high / low); }
  Colour colour(double magnitude) const {
    if (magnitude == 0) return k_white;
    return std::isnan(magnitude) ? k_red : dark_is_large(share(magnitude));
  }
};

/// Leaves out the smallest percent and the largest per mille, and what is below 10⁻⁴ of the rest:
/// single entries shall not take the colours from all others.
ColourScale choose_scale(const std::array<Magnitudes, 4>& blocks) {
  constexpr double k_darkest_to_palest = 1e-4;
  std::vector<double> values;
  for (const Magnitudes& block : blocks)
    for (const double mean : block.means)
      if (mean > 0 && std::isfinite(mean)) values.push_back(mean);
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  const double high = at(0.999);
  const double low = std::max(at(0.01), k_darkest_to_palest * high);
  return {low < 0.5 * high ? low : 0.1 * high, high};
}

void draw_block(Canvas& canvas, const Block& block, const Magnitudes& magnitudes,
                const ColourScale& scale) {
  const int high = block.rows.pixels;
  const int wide = block.cols.pixels;
  for (index_t col = 0; col < magnitudes.cols; ++col)
    for (index_t row = 0; row < magnitudes.rows; ++row)
      canvas.fill(
          block.x + static_cast<int>(col) * wide, block.y + static_cast<int>(row) * high, wide,
          high,
          scale.colour(magnitudes.means[static_cast<std::size_t>(col * magnitudes.rows + row)]));
  canvas.frame(block.x, block.y, block.cols.length(), block.rows.length(), k_border);
}

/// "12.3 % nonzero"; 100 only where all are.
std::string density_text(index_t nonzero, index_t entries) {
  const double percent = 100.0 * static_cast<double>(nonzero) / static_cast<double>(entries);
  return short_number(nonzero < entries ? std::min(percent, 99.9) : percent, 3) + " % nonzero";
}

void draw_label(Canvas& canvas, const Block& block, const Magnitudes& magnitudes, double baseline) {
  const double x = block.x - 1.0;
  canvas.text({x, baseline}, block.letter, k_letter);
  canvas.text({x + canvas.text_width(block.letter, k_letter) + 5, baseline},
              std::to_string(block.rows.count) + "\u00d7" + std::to_string(block.cols.count) +
                  " \u00b7 " +
                  density_text(magnitudes.nonzero, block.rows.count * block.cols.count),
              k_label);
}

void draw_colour_bar(Canvas& canvas, const ColourScale& scale, int x, int height) {
  if (scale.high == 0) return;
  for (int row = 0; row < height; ++row)
    canvas.fill(x, k_top + row, k_bar_width, 1, dark_is_large(1 - (row + 0.5) / height));
  canvas.frame(x, k_top, k_bar_width, height, k_border);
  for (const Tick& tick : logarithmic_ticks(scale.low, scale.high)) {
    const double y = k_top + height * (1 - scale.share(tick.value));
    canvas.fill(x + k_bar_width + 1, static_cast<int>(y), 4, 1, k_border);
    canvas.text({x + k_bar_width + 9.0, y + k_label.capitals() / 2}, tick.label, k_label);
  }
  canvas.text({x - 1.0, k_top - 14.0}, "magnitude", k_label);
}

std::string footnote(const Layout& layout, index_t not_finite) {
  if (not_finite > 0)
    return std::to_string(not_finite) +
           (not_finite == 1 ? " entry is not finite (red)" : " entries are not finite (red)");
  for (const Block& block : layout.blocks)
    if (block.rows.entries * block.cols.entries > 1)
      return "A pixel that stands for several entries shows their mean magnitude";
  return {};
}

void check(const SpyPlot& plot) {
  IDL_CHECK(plot.n >= 1 && plot.p >= 1 && plot.q >= 1,
            "n, p and q must be at least 1; they are " + std::to_string(plot.n) + ", " +
                std::to_string(plot.p) + " and " + std::to_string(plot.q));
  IDL_CHECK(plot.M.size() == static_cast<std::size_t>((plot.n + plot.q) * (plot.n + plot.p)),
            "M has " + std::to_string(plot.M.size()) + " entries, expected (" +
                std::to_string(plot.n) + "+" + std::to_string(plot.q) + ")x(" +
                std::to_string(plot.n) + "+" + std::to_string(plot.p) + ")");
}

}  // namespace

void write_spy_png(const std::filesystem::path& path, const SpyPlot& plot) {
  check(plot);
  const Layout layout = lay_out(plot);
  std::array<Magnitudes, 4> magnitudes;
  index_t not_finite = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    magnitudes[i] = measure(plot, layout.blocks[i]);
    not_finite += magnitudes[i].not_finite;
  }
  const ColourScale scale = choose_scale(magnitudes);
  const std::string note = footnote(layout, not_finite);

  const int title_width = static_cast<int>(Canvas(1, 1).text_width(plot.title, k_title));
  Canvas canvas(k_left + std::max(layout.width + k_bar_space + k_bar_width + k_right,
                                  std::min(title_width, k_widest - 2 * k_left) + k_left),
                k_top + layout.height + k_bottom + (note.empty() ? 0 : 20));
  canvas.text({k_left - 1.0, 44}, plot.title, k_title);
  const double above = k_top - 14;
  const double below = k_top + layout.height + 16 + k_letter.capitals();
  for (std::size_t i = 0; i < 4; ++i) {
    draw_block(canvas, layout.blocks[i], magnitudes[i], scale);
    draw_label(canvas, layout.blocks[i], magnitudes[i], i < 2 ? above : below);
  }
  draw_colour_bar(canvas, scale, k_left + layout.width + k_bar_space, layout.height);
  canvas.text({k_left - 1.0, below + 26}, note, {k_label.size, not_finite > 0 ? k_red : k_grey});
  io::write_file_atomically(path, canvas.png());
}

}  // namespace idl::cli
