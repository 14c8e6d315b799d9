// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>

#include "idl/model.hpp"
#include "idl/recurrent.hpp"

namespace idl::cli {

/// Sequences, one after the other.
template <class T>
struct SequenceInputs {
  std::span<const T> x;                   ///< (sequences, steps, inputs), row-major
  std::span<const std::int32_t> lengths;  ///< the steps of each that count; none: all
  index_t steps;
};

/// Applies a recurrent model to sequences.
/// @returns  Y: what the head makes of the last h, or, without a head, that h; X: the last h. The
///           report has one entry for a sequence: the status of its first solve that did not
///           converge, the iterations of all its solves, their largest step and residual, and the
///           bound of the last h, in which that of all steps before is.
template <class T>
Prediction<T> predict_sequences(Context& context, const ImplicitRnn<T>& model,
                                const SequenceInputs<T>& inputs, const SolverOptions& solver);

}  // namespace idl::cli
