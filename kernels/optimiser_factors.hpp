// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include "idl/detail/cuda_callable.hpp"
#include "kernels/math/adam.hpp"
#include "kernels/math/l1_projection.hpp"
#include "kernels/primitives.hpp"

/// What a step of an optimiser multiplies all entries by. It depends on the step alone and is taken
/// in double once.
namespace idl {

template <class T>
AdamFactors<T> adam_factors(const AdamUpdate<T>& update) {
  const auto t = static_cast<double>(update.step);
  const double decay = update.learning_rate * update.weight_decay;
  return {static_cast<T>(update.beta1),
          static_cast<T>(1 - update.beta1),
          static_cast<T>(update.beta2),
          static_cast<T>(1 - update.beta2),
          static_cast<T>(update.learning_rate / (1 - std::pow(update.beta1, t))),
          static_cast<T>(1 / std::sqrt(1 - std::pow(update.beta2, t))),
          static_cast<T>(update.epsilon),
          static_cast<T>(update.decoupled ? 0 : update.weight_decay),
          static_cast<T>(update.decoupled ? 1 - decay : 1)};
}

/// The factors that change from step to step, in the order of AdamUpdate::schedule.
template <class T>
IDL_CUDA_CALLABLE inline AdamFactors<T> with_schedule(AdamFactors<T> factors,
                                                      const VectorView<const T>& schedule) {
  if (schedule.size == 0) return factors;
  factors.step_size = schedule.data[0];
  factors.root_correction2 = schedule.data[1];
  factors.keep = schedule.data[2];
  return factors;
}

template <class T>
SgdFactors<T> sgd_factors(const SgdUpdate<T>& update) {
  return {static_cast<T>(update.learning_rate), static_cast<T>(update.momentum),
          static_cast<T>(update.weight_decay), update.nesterov};
}

template <class T>
IDL_CUDA_CALLABLE inline SgdFactors<T> with_schedule(SgdFactors<T> factors,
                                                     const VectorView<const T>& schedule) {
  if (schedule.size > 0) factors.learning_rate = schedule.data[0];
  return factors;
}

/// Of ProjectRowsL1 or ProjectCsrRowsL1, whose threshold may change from step to step.
template <class Project>
IDL_CUDA_CALLABLE inline L1Prox prox_of(const Project& projection) {
  return {static_cast<double>(projection.radius),
          static_cast<double>(projection.schedule.size > 0 ? projection.schedule.data[0]
                                                           : projection.threshold)};
}

}  // namespace idl
