// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "idl/trainer.hpp"
#include "idl/well_posedness.hpp"

/// Pictures for people, as PNG files. They need no display; on a machine without fonts their
/// characters outside ASCII are boxes.
namespace idl::cli {

/// A polyline through (x, y), or bars from 0 to y. A value that is not finite interrupts it.
struct Curve {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
  double bar_width = 0;  ///< of bars around their x; 0: a polyline
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

/// How many samples took how many iterations, those apart that did not converge.
/// @param converged  of each sample whether it did
/// @throws IoError; InvalidArgument (spans of different lengths)
void write_iterations_png(const std::filesystem::path& path,
                          std::span<const std::int32_t> iterations,
                          const std::vector<bool>& converged);

/// What of the ball's radius κ the rows of A use: their sums of magnitudes, the largest first, and
/// κ as a line where the constraint has one. Sums that are not finite are left out and counted.
/// @throws IoError
void write_row_sums_png(const std::filesystem::path& path, std::span<const double> sums,
                        const WellPosedness& constraint);

/// Which classes are taken for which, a row for each true class.
struct Confusion {
  /// @param names  of the classes; empty: their numbers
  Confusion(index_t classes, const std::vector<std::string>& names);

  /// @param predicted  -1: none, as the outputs are not finite
  void add(std::int32_t label, std::int32_t predicted);
  double accuracy() const;

  std::vector<std::string> names;
  std::vector<std::int64_t> counts;  ///< of label i predicted as j at i·classes + j
  std::int64_t not_finite = 0;
};

/// More classes than this have no picture.
inline constexpr index_t k_most_confused_classes = 400;

/// Each cell shows the share of its row, and its count where it has room.
/// @throws IoError; InvalidArgument (more than k_most_confused_classes)
void write_confusion_png(const std::filesystem::path& path, const Confusion& confusion);

}  // namespace idl::cli
