// SPDX-License-Identifier: MIT
#pragma once

#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "host/solver/certificates.hpp"
#include "host/solver/compaction.hpp"
#include "host/solver/iteration_state.hpp"
#include "host/solver/refinement.hpp"
#include "idl/context.hpp"
#include "idl/error.hpp"
#include "kernels/primitives.hpp"

/// What the forward and the adjoint loop have in common.
namespace idl::solver {

/// How a loop goes about its columns, beside its tolerance.
struct LoopOptions {
  bool batch_invariant = false;
  Sweep sweep = Sweep::jacobi;
  Acceleration acceleration = Acceleration::none;
  CompactionRule compaction{};
  RefinementRule refinement{};
};

/// Whether a solve for X is refined: the products of the two others must stay as they are.
inline bool refines(const LoopOptions& options, const Tolerance& tolerance,
                    const MatrixView<float>& X) {
  return options.refinement.holds(X.device, X.rows, X.cols) && !options.batch_invariant &&
         options.sweep == Sweep::jacobi && options.acceleration == Acceleration::none &&
         tolerance.max_iterations > 0;
}

inline void append(Sequence& sequence, Sequence tail) {
  sequence.insert(sequence.end(), std::make_move_iterator(tail.begin()),
                  std::make_move_iterator(tail.end()));
}

/// The loop's only condition.
template <class T>
UpdateStatus<T> update_status(const IterationState<T>& iteration, const Tolerance& tolerance,
                              index_t n) {
  return {.step_norms = iteration.step_norms(),
          .state_norms = iteration.state_norms(),
          .columns = iteration.columns(),
          .contraction = iteration.contraction(),
          .absolute = static_cast<T>(tolerance.absolute),
          .relative = static_cast<T>(tolerance.relative),
          // Below this, relative to the state, steps are noise: γ_{n+4} bounds one application's
          // rounding.
          .rounding = static_cast<T>(n + 4) * std::numeric_limits<T>::epsilon() / T(2),
          .certified = tolerance.rule == StopRule::certified_bound,
          .max_iterations = tolerance.max_iterations};
}

/// κ = L_φ‖A‖∞ on the device, for the certified stopping rule.
template <class T>
Sequence contraction_of(ConstMatrixView<T> A, const Activation& activation, Vector<T>& row_sums,
                        const IterationState<T>& iteration) {
  return {RowAbsSums<T>{.A = A, .sums = row_sums},
          Reduce<T>{.x = row_sums,
                    .result = iteration.contraction(),
                    .kind = ReduceKind::max,
                    .scale = static_cast<T>(lipschitz_constant(activation))}};
}

template <class T>
Arithmetic arithmetic_of(index_t states, index_t inputs, const Activation& activation) {
  return {.unit_roundoff = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2.0,
          .least_normal = static_cast<double>(std::numeric_limits<T>::min()),
          .states = static_cast<double>(states),
          .inputs = static_cast<double>(inputs),
          .activation = activation};
}

/// A GainFallback: fetches A and looks for a Perron vector.
template <class T>
auto gain_fallback(Context& context, ConstMatrixView<T> A, const Activation& activation) {
  return [&context, A, activation] {
    const std::vector<T> values = download(context, A);
    return perron_gain(std::vector<double>(values.begin(), values.end()), A.rows,
                       lipschitz_constant(activation));
  };
}

}  // namespace idl::solver
