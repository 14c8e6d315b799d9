// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "idl/context.hpp"
#include "idl/export.hpp"
#include "idl/matrix.hpp"
#include "idl/model.hpp"
#include "idl/trainer.hpp"
#include "idl/well_posedness.hpp"

/// Pictures for people, as PNG files: what the program `idl` draws. They need no display; on a
/// machine without fonts their characters outside ASCII are boxes.
///
/// They are in a library of their own, idl::idl_pictures (find_package(idl_cuda COMPONENTS
/// pictures)), which needs cairo; programs that draw nothing need neither.
namespace idl::pictures {

/// A polyline through (x, y), or bars from 0 to y. A value that is not finite interrupts it.
struct Curve {
  std::string name;       ///< in the legend, UTF-8
  std::vector<double> x;  ///< of its points
  std::vector<double> y;  ///< as many
  double bar_width = 0;   ///< of bars around their x; 0: a polyline
};

/// Two panels over the epochs. At most four curves each; curve i has the same colour in both.
struct TrainingCurves {
  std::string title;            ///< UTF-8
  std::vector<Curve> loss;      ///< in the loss's own unit
  std::vector<Curve> accuracy;  ///< in [0, 1], drawn in %; of a regression max(R², 0)
  bool regression = false;      ///< whether it is one
};

/// Curves "train" and "test" (where epochs were evaluated).
IDL_EXPORT TrainingCurves training_curves(std::string title, std::span<const EpochMetrics> epochs);

/// @throws IoError; InvalidArgument (x and y of different lengths, more than four curves)
IDL_EXPORT void write_training_curves_png(const std::filesystem::path& path,
                                          const TrainingCurves& curves);

/// How many samples took how many iterations, those apart that did not converge.
/// @param converged  of each sample whether it did
/// @throws IoError; InvalidArgument (spans of different lengths)
IDL_EXPORT void write_iterations_png(const std::filesystem::path& path,
                                     std::span<const std::int32_t> iterations,
                                     const std::vector<bool>& converged);

/// What of the ball's radius κ the rows of A use: their sums of magnitudes, the largest first, and
/// κ as a line where the constraint has one. Sums that are not finite are left out and counted.
/// @throws IoError
IDL_EXPORT void write_row_sums_png(const std::filesystem::path& path, std::span<const double> sums,
                                   const WellPosedness& constraint);

/// Which classes are taken for which, a row for each true class.
struct IDL_EXPORT Confusion {
  /// @param classes  how many there are, >= 0
  /// @param names    of the first classes, at most as many; those without one have their number
  Confusion(index_t classes, const std::vector<std::string>& names);

  /// @param predicted  -1: none, as the outputs are not finite
  /// @throws InvalidArgument (no such label, a prediction that is no class)
  void add(std::int32_t label, std::int32_t predicted);
  /// The share of all samples whose predicted class is their label.
  double accuracy() const;

  std::vector<std::string> names;    ///< of the classes
  std::vector<std::int64_t> counts;  ///< of label i predicted as j at i·classes + j
  std::int64_t not_finite = 0;       ///< samples without a predicted class
};

/// More classes than this have no picture.
inline constexpr index_t k_most_confused_classes = 400;

/// Each cell shows the share of its row, and its count where it has room.
/// @throws IoError; InvalidArgument (more than k_most_confused_classes)
IDL_EXPORT void write_confusion_png(const std::filesystem::path& path, const Confusion& confusion);

/// What a model loses by having fewer entries: the test accuracies of one density, in [0, 1].
struct DensityPoint {
  double density = 0;     ///< that was asked for
  index_t stored = 0;     ///< entries of the model
  double one_shot = 0;    ///< of the largest entries as they are
  double fine_tuned = 0;  ///< of the same after fine-tuning
  /// Pruned while training from random parameters, then fine-tuned.
  double gradual = 0;
  double random = 0;      ///< of entries at random, fine-tuned: the control
  double iterations = 0;  ///< of a solve of the model pruned gradually, mean
};

/// What was measured of a model on a data set.
struct DensityCurve {
  std::string model;                   ///< its file
  std::string data;                    ///< its name
  index_t states = 0;                  ///< n of the model
  std::vector<DensityPoint> points{};  ///< in the order in which they were measured
};

/// The accuracies over the density, on a logarithmic axis. @throws IoError
IDL_EXPORT void write_density_png(const std::filesystem::path& path, const DensityCurve& curve);

/// The picture of M = [A B; C D], each pixel the mean magnitude of the entries it stands for on a
/// logarithmic scale, and that of the row sums of A; an empty path: not this one.
/// @throws IoError
template <class T>
IDL_EXPORT void write_model_pictures(Context& context, const ImplicitModel<T>& model,
                                     const std::filesystem::path& spy,
                                     const std::filesystem::path& row_sums);

/// training_curves.png, spy.png and row_sums.png in the folder of a training, as its end writes
/// them: of the epochs that metrics.jsonl there tells of, and of `model`, its last.safetensors.
/// @throws IoError, also where metrics.jsonl tells of no epoch and there is a picture of some
template <class T>
IDL_EXPORT void write_run_pictures(Context& context, const ImplicitModel<T>& model,
                                   const std::filesystem::path& run);

}  // namespace idl::pictures
