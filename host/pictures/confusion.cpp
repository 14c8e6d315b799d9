// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

#include "host/pictures/axis.hpp"
#include "host/pictures/canvas.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"
#include "idl/pictures.hpp"

namespace idl::pictures {
namespace {

constexpr TextStyle k_class_name{12, k_ink};
constexpr TextStyle k_side_note{12, k_grey};

constexpr int k_margin = 36;
constexpr int k_title_space = 70;
constexpr double k_longest_name = 150;  // in pixels; longer names are cut

/// A cell's colour by its share of the row: from white to a dark blue, faster at first, since the
/// shares that are looked for are the small ones.
Colour colour_of_share(double share) {
  constexpr Colour k_all{8, 48, 107};
  const double t = std::sqrt(std::clamp(share, 0.0, 1.0));
  const auto mix = [&](std::uint8_t end) {
    return static_cast<std::uint8_t>(std::lround(255 + t * (end - 255)));
  };
  return {mix(k_all.red), mix(k_all.green), mix(k_all.blue)};
}

/// "1234", or "1.2M" where that is too wide for a cell; nothing where both are.
std::string count_text(Canvas& canvas, std::int64_t count, const TextStyle& style, double room) {
  constexpr std::array<std::pair<double, const char*>, 4> k_units = {
      {{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}}};
  std::string whole = std::to_string(count);
  if (canvas.text_width(whole, style) < room) return whole;
  for (const auto& [unit, name] : k_units) {
    const double value = static_cast<double>(count) / unit;
    if (value >= 999.5) continue;
    const std::string text = short_number(value, value < 9.95 ? 2 : 3) + name;
    return canvas.text_width(text, style) < room ? text : std::string();
  }
  return {};
}

/// Where things are.
struct Grid {
  int cell;
  int left;
  int top;
  std::size_t step;  ///< every so many classes have their name: those that have room
  bool upright;      ///< names of columns, that have room so
};

std::string name_of(Canvas& canvas, const std::string& name) {
  return canvas.shortened(name, k_class_name, k_longest_name);
}

Grid lay_out(Canvas& measure, const std::vector<std::string>& names) {
  constexpr int k_room = 620;
  const int classes = static_cast<int>(names.size());
  const int cell = std::clamp(k_room / classes, 2, 54);
  double longest = 0;
  constexpr int k_line = 22;
  constexpr int k_apart = 18;  // of names where not all have room
  int step = 1;
  for (const int more : {2, 5, 10, 20})
    if (cell < k_class_name.size && step * cell < k_apart) step = more;
  for (std::size_t k = 0; k < names.size(); k += static_cast<std::size_t>(step))
    longest = std::max(longest, measure.text_width(name_of(measure, names[k]), k_class_name));
  const bool upright = longest <= step * cell - 4;
  const int label = static_cast<int>(longest) + 10;
  const int above = upright ? k_line : label;
  return {cell, k_margin + 24 + label, k_title_space + 20 + above, static_cast<std::size_t>(step),
          upright};
}

void draw_row(Canvas& canvas, const Grid& grid, const Confusion& confusion, std::size_t i) {
  const std::size_t classes = confusion.names.size();
  const std::int64_t* const counts = confusion.counts.data() + i * classes;
  std::int64_t sum = 0;
  for (std::size_t j = 0; j < classes; ++j) sum += counts[j];
  const int y = grid.top + static_cast<int>(i) * grid.cell;
  for (std::size_t j = 0; j < classes; ++j) {
    const int x = grid.left + static_cast<int>(j) * grid.cell;
    const double share = sum > 0 ? static_cast<double>(counts[j]) / static_cast<double>(sum) : 0;
    canvas.fill(x, y, grid.cell, grid.cell, colour_of_share(share));
    constexpr double k_dark = 0.3;  // on which white is read more easily
    const TextStyle style{11.5, share > k_dark ? k_white : k_ink, i == j};
    if (counts[j] > 0)
      canvas.text({x + grid.cell / 2.0, y + grid.cell / 2.0 + style.capitals() / 2},
                  count_text(canvas, counts[j], style, grid.cell - 3), style, Align::centre);
  }
  if (i % grid.step != 0) return;
  const double baseline = y + grid.cell / 2.0 + k_class_name.capitals() / 2;
  canvas.text({grid.left - 8.0, baseline}, name_of(canvas, confusion.names[i]), k_class_name,
              Align::right);
  if (sum == 0 || grid.step > 1) return;
  std::array<char, 32> recall{};
  std::snprintf(recall.data(), recall.size(), "%.1f %%",
                100.0 * static_cast<double>(counts[i]) / static_cast<double>(sum));
  canvas.text({grid.left + static_cast<int>(classes) * grid.cell + 8.0, baseline}, recall.data(),
              k_side_note);
}

void draw_column_names(Canvas& canvas, const Grid& grid, const std::vector<std::string>& names) {
  for (std::size_t k = 0; k < names.size(); k += grid.step) {
    const double middle = grid.left + (static_cast<double>(k) + 0.5) * grid.cell;
    const std::string text = name_of(canvas, names[k]);
    if (grid.upright)
      canvas.text({middle, grid.top - 8.0}, text, k_class_name, Align::centre);
    else
      canvas.text_upwards({middle + k_class_name.capitals() / 2, grid.top - 8.0}, text,
                          k_class_name);
  }
}

std::string title_of(const Confusion& confusion) {
  std::int64_t samples = confusion.not_finite;
  for (const std::int64_t count : confusion.counts) samples += count;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "Accuracy %.2f %% on ", 100.0 * confusion.accuracy());
  std::string title = text.data() + counted(samples, "sample");
  if (confusion.not_finite > 0)
    title += ", " + std::to_string(confusion.not_finite) + " without finite outputs";
  return title;
}

}  // namespace

Confusion::Confusion(index_t classes, const std::vector<std::string>& class_names)
    : names(class_names), counts(static_cast<std::size_t>(classes * classes)) {
  for (index_t k = static_cast<index_t>(names.size()); k < classes; ++k)
    names.push_back(std::to_string(k));
}

void Confusion::add(std::int32_t label, std::int32_t predicted) {
  const auto classes = static_cast<std::int32_t>(names.size());
  IDL_CHECK(label >= 0 && label < classes && predicted < classes,
            "Confusion: label " + std::to_string(label) + " predicted as " +
                std::to_string(predicted) + ", expected numbers of " + std::to_string(classes) +
                " classes");
  if (predicted < 0)
    ++not_finite;
  else
    ++counts[static_cast<std::size_t>(label) * names.size() + static_cast<std::size_t>(predicted)];
}

double Confusion::accuracy() const {
  std::int64_t right = 0;
  std::int64_t all = not_finite;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    all += counts[k];
    if (k % (names.size() + 1) == 0) right += counts[k];
  }
  return all > 0 ? static_cast<double>(right) / static_cast<double>(all) : 0.0;
}

void write_confusion_png(const std::filesystem::path& path, const Confusion& confusion) {
  const auto classes = static_cast<int>(confusion.names.size());
  IDL_CHECK(classes >= 1 && classes <= k_most_confused_classes,
            "a confusion matrix of " + std::to_string(classes) +
                " classes has no picture, at most " + std::to_string(k_most_confused_classes) +
                " are possible");
  Canvas measure(1, 1);
  const Grid grid = lay_out(measure, confusion.names);
  const std::string title = title_of(confusion);
  const int side = classes * grid.cell;
  const int recall_space = grid.step == 1 ? 80 : k_margin;
  const int width = std::max(grid.left + side + recall_space,
                             static_cast<int>(measure.text_width(title, k_title)) + 2 * k_margin);
  Canvas canvas(width, grid.top + side + k_margin);
  canvas.text({k_margin - 1.0, 44}, title, k_title);
  for (std::size_t i = 0; i < confusion.names.size(); ++i) draw_row(canvas, grid, confusion, i);
  canvas.frame(grid.left, grid.top, side, side, k_grey);
  draw_column_names(canvas, grid, confusion.names);
  canvas.text({grid.left + side / 2.0, k_title_space + 6.0}, "predicted class", k_side_note,
              Align::centre);
  const double half = canvas.text_width("true class", k_side_note) / 2;
  canvas.text_upwards({k_margin + 4.0, grid.top + side / 2.0 + half}, "true class", k_side_note);
  io::write_file_atomically(path, canvas.png());
}

}  // namespace idl::pictures
