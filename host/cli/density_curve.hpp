// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "idl/data.hpp"
#include "idl/pictures.hpp"
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

using pictures::DensityCurve;
using pictures::DensityPoint;

/// The densities of a curve.
inline constexpr double k_curve_densities[] = {1, .5, .2, .1, .05, .02, .01};

/// Measures the densities one after the other; after each on_point is given all so far.
template <class T>
void measure_density_curve(Context& context, const ImplicitModel<T>& model, const DatasetPair& data,
                           const DensityCurveSettings& settings,
                           const std::function<void(const std::vector<DensityPoint>&)>& on_point);

/// density.json. @throws IoError
void write_density_json(const std::filesystem::path& path, const DensityCurveSettings& settings,
                        const DensityCurve& curve);
/// What is needed to draw it again. Where data and states are missing, as earlier versions of the
/// program left them out, they are empty and 0. @throws IoError
DensityCurve read_density_json(const std::filesystem::path& path);

}  // namespace idl::cli
