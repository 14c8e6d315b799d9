// SPDX-License-Identifier: MIT
#include <utility>

#include "host/pictures/canvas.hpp"
#include "host/pictures/panel.hpp"
#include "idl/io.hpp"
#include "idl/pictures.hpp"

namespace idl::pictures {
namespace {

constexpr int k_width = 1280;
constexpr int k_height = 520;

}  // namespace

TrainingCurves training_curves(std::string title, std::span<const EpochMetrics> epochs) {
  TrainingCurves curves{std::move(title),
                        {{"train", {}, {}}, {"test", {}, {}}},
                        {{"train", {}, {}}, {"test", {}, {}}},
                        !epochs.empty() && epochs.front().regression};
  const auto add = [](Curve& curve, std::int64_t epoch, double value) {
    curve.x.push_back(static_cast<double>(epoch));
    curve.y.push_back(value);
  };
  // Far below zero, as an untrained model may be, R² would hide all that follows.
  const auto score = [](double accuracy, const std::optional<RegressionScore>& regression) {
    if (!regression) return accuracy;
    return regression->r2 < 0.0 ? 0.0 : regression->r2;
  };
  for (const EpochMetrics& metrics : epochs) {
    add(curves.loss[0], metrics.epoch, metrics.train_loss);
    add(curves.accuracy[0], metrics.epoch, score(metrics.train_accuracy, metrics.regression));
    if (!metrics.test) continue;
    add(curves.loss[1], metrics.epoch, metrics.test->loss);
    add(curves.accuracy[1], metrics.epoch, score(metrics.test->accuracy, metrics.test->regression));
  }
  if (curves.loss[1].x.empty()) {
    curves.loss.pop_back();
    curves.accuracy.pop_back();
  }
  return curves;
}

void write_training_curves_png(const std::filesystem::path& path, const TrainingCurves& curves) {
  Canvas canvas(k_width, k_height);
  Panel loss = {.heading = "Loss", .curves = curves.loss, .x_label = "epoch"};
  loss.decades_y = true;
  canvas.text({loss.left - 1.0, 44},
              canvas.shortened(curves.title, k_title, k_width - 2.0 * loss.left), k_title);
  draw_panel(canvas, loss);
  draw_panel(canvas, {.heading = curves.regression ? "R² (0 where negative)" : "Accuracy (%)",
                      .curves = curves.accuracy,
                      .in_percent = !curves.regression,
                      .x_label = "epoch",
                      .left = 720});
  io::write_file_atomically(path, canvas.png());
}

}  // namespace idl::pictures
