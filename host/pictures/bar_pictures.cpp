// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>

#include "host/pictures/axis.hpp"
#include "host/pictures/canvas.hpp"
#include "host/pictures/panel.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"
#include "idl/pictures.hpp"

namespace idl::pictures {
namespace {

/// A picture of one panel.
void write_panel(const std::filesystem::path& path, const std::string& title, Panel panel) {
  panel.width = 760;
  panel.legend_values = false;
  Canvas canvas(panel.left + panel.width + 60, panel.top + panel.height + 70);
  canvas.text({panel.left - 1.0, 44}, title, k_title);
  draw_panel(canvas, std::move(panel));
  io::write_file_atomically(path, canvas.png());
}

/// Whole numbers counted over bins of equal width.
class Histogram {
 public:
  Histogram(std::int32_t least, std::int32_t largest)
      : least_(least), bin_((largest - least) / k_most_bars + 1) {
    for (std::int64_t from = least; from <= largest; from += bin_) {
      centres_.push_back(static_cast<double>(from) + static_cast<double>(bin_ - 1) / 2);
      counts_.push_back(0);
    }
  }
  void add(std::int32_t value) { ++counts_[static_cast<std::size_t>((value - least_) / bin_)]; }
  std::int64_t bin() const { return bin_; }
  Curve bars(std::string name) const {
    return {std::move(name), centres_, counts_, static_cast<double>(bin_)};
  }

 private:
  static constexpr std::int64_t k_most_bars = 80;
  std::int64_t least_;
  std::int64_t bin_;
  std::vector<double> centres_;
  std::vector<double> counts_;
};

}  // namespace

void write_iterations_png(const std::filesystem::path& path,
                          std::span<const std::int32_t> iterations,
                          const std::vector<bool>& converged) {
  IDL_CHECK(iterations.size() == converged.size(),
            std::to_string(iterations.size()) + " samples have iterations, " +
                std::to_string(converged.size()) + " a status");
  Panel panel = {
      .heading = "Samples", .curves = {}, .whole_y = true, .x_label = "iterations of the solve"};
  std::string title = "Iterations of no samples";
  if (!iterations.empty()) {
    const auto [least, largest] = std::ranges::minmax(iterations);
    Histogram all(least, largest);
    Histogram failed(least, largest);
    double sum = 0;
    for (std::size_t k = 0; k < iterations.size(); ++k) {
      sum += iterations[k];
      all.add(iterations[k]);
      if (!converged[k]) failed.add(iterations[k]);
    }
    const auto missed = std::ranges::count(converged, false);
    const auto with_count = [](const char* name, std::ptrdiff_t count) {
      return name + (" (" + std::to_string(count) + ")");
    };
    const auto samples = std::ssize(iterations);
    panel.curves.push_back(all.bars(with_count("converged", samples - missed)));
    if (missed > 0) panel.curves.push_back(failed.bars(with_count("not converged", missed)));
    if (all.bin() > 1) panel.heading += ", in steps of " + std::to_string(all.bin());
    title = "Iterations of " + counted(samples, "sample") + ": ";
    if (least < largest)
      title += short_number(sum / static_cast<double>(samples), 3) + " on average, " +
               std::to_string(least) + " to ";
    title += std::to_string(largest);
  }
  write_panel(path, title, std::move(panel));
}

void write_row_sums_png(const std::filesystem::path& path, std::span<const double> sums,
                        const WellPosedness& constraint) {
  std::vector<double> sorted;
  for (const double sum : sums)
    if (std::isfinite(sum)) sorted.push_back(sum);
  std::ranges::sort(sorted, std::greater<>());
  Curve rows = {"rows of A", {}, sorted, 1};
  for (std::size_t i = 0; i < sorted.size(); ++i) rows.x.push_back(static_cast<double>(i + 1));
  Panel panel = {.heading = "Sum of the magnitudes of a row",
                 .curves = {std::move(rows)},
                 .x_label = "rows of A, the largest sum first"};
  std::string title = "Row sums of A, n = " + std::to_string(sums.size());
  if (constraint.kind == WellPosednessKind::inf_norm_ball) {
    // Of what the projection leaves, up to rounding.
    const double at_least = constraint.kappa * (1 - 1e-5);
    const double at_most = constraint.kappa * (1 + 1e-5);
    const auto used = std::ranges::count_if(sorted, [&](double sum) { return sum >= at_least; });
    const auto above = std::ranges::count_if(sorted, [&](double sum) { return sum > at_most; });
    title = "Use of \u03ba = " + short_number(constraint.kappa, 4) + ": " +
            std::to_string(above > 0 ? above : used) + " of " + counted(std::ssize(sums), "row") +
            " of A " + (above > 0 ? "above it" : "at it");
    panel.curves.push_back({"\u03ba",
                            {0.5, static_cast<double>(sums.size()) + 0.5},
                            {constraint.kappa, constraint.kappa}});
  }
  if (sorted.size() < sums.size())
    title += ", " + std::to_string(sums.size() - sorted.size()) + " not finite";
  write_panel(path, title, std::move(panel));
}

}  // namespace idl::pictures
