// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "idl/trainer.hpp"

/// Pictures for people, as PNG files. They need no display; on a machine without fonts their
/// characters outside ASCII are boxes.
namespace idl::cli {

/// A polyline through (x, y). A value that is not finite interrupts it.
struct Curve {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
};

/// Two panels over the epochs. At most four curves each; curve i has the same colour in both.
struct TrainingCurves {
  std::string title;            ///< UTF-8
  std::vector<Curve> loss;      ///< in the loss's own unit
  std::vector<Curve> accuracy;  ///< in [0, 1], drawn in %; of a regression max(R², 0)
  bool regression = false;      ///< whether it is one
};

/// Curves "train" and "test" (where epochs were evaluated).
TrainingCurves training_curves(std::string title, std::span<const EpochMetrics> epochs);

/// @throws IoError; InvalidArgument (x and y of different lengths, more than four curves)
void write_training_curves_png(const std::filesystem::path& path, const TrainingCurves& curves);

}  // namespace idl::cli
