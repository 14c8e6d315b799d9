// SPDX-License-Identifier: MIT
#include "host/train/score.hpp"

#include <cmath>
#include <limits>

namespace idl {

std::optional<RegressionScore> score_of(const Dataset& data, double variance, double loss) {
  if (!data.has_targets()) return std::nullopt;
  const Scaling& scaling = data.target_scaling();
  const double unit = data.outputs() == 1 && !scaling.empty() ? scaling.scale[0] : 1.0;
  return RegressionScore{
      .r2 = variance > 0.0 ? 1.0 - loss / variance : std::numeric_limits<double>::quiet_NaN(),
      .rmse = unit * std::sqrt(loss)};
}

bool is_finite(const EpochMetrics& metrics) {
  return std::isfinite(metrics.train_loss) && (!metrics.test || std::isfinite(metrics.test->loss));
}

}  // namespace idl
