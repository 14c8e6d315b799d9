// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "idl/data.hpp"
#include "idl/sparsify.hpp"
#include "idl/trainer.hpp"

/// What a model loses by having fewer entries.
namespace idl::cli {

/// How the curve is measured.
struct DensityCurveSettings {
  SparsifyTarget target = SparsifyTarget::all_matrices;
  std::int64_t gradual_epochs = 5;    ///< over which pruning takes place
  std::int64_t fine_tune_epochs = 2;  ///< after it, with the pattern that is left
  index_t batch_size = 100;
  double learning_rate = 2e-3;  ///< at first; it falls by a cosine
  std::uint64_t seed = 0;
};

/// The test accuracies of one density, in [0, 1].
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

/// The densities of a curve.
inline constexpr double k_curve_densities[] = {1, .5, .2, .1, .05, .02, .01};

/// Measures the densities one after the other; on_point is told of each.
template <class T>
std::vector<DensityPoint> measure_density_curve(
    Context& context, const ImplicitModel<T>& model, const DatasetPair& data,
    const DensityCurveSettings& settings, const std::function<void(const DensityPoint&)>& on_point);

/// What was measured.
struct DensityCurve {
  std::string model;  ///< its file
  std::string data;   ///< its name
  index_t states = 0;
  std::vector<DensityPoint> points{};
};

/// density.json. @throws IoError
void write_density_json(const std::filesystem::path& path, const DensityCurveSettings& settings,
                        const DensityCurve& curve);
/// What is needed to draw it again. Where data and states are missing, as earlier versions of the
/// program left them out, they are empty and 0. @throws IoError
DensityCurve read_density_json(const std::filesystem::path& path);
/// The accuracies over the density, on a logarithmic axis. @throws IoError
void write_density_png(const std::filesystem::path& path, const DensityCurve& curve);

}  // namespace idl::cli
