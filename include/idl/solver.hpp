// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "idl/export.hpp"
#include "idl/matrix.hpp"

namespace idl {

/// Why the iteration of one column ended.
enum class SolveStatus : std::uint8_t {
  running = 0,         ///< not ended; never in a finished report
  converged = 1,       ///< the stopping rule holds
  stagnated = 2,       ///< the step stopped falling at the level of rounding: no better answer in T
  max_iterations = 3,  ///< the rule does not hold after the last allowed iteration
  diverged = 4         ///< an infinite or NaN entry appeared
};

IDL_EXPORT std::string_view to_string(SolveStatus status);

/// What must become small for a column to count as converged.
enum class StopRule : std::uint8_t {
  /// ‖X_k − X_{k−1}‖ <= absolute + relative·‖X_k‖: the rule of the original PyTorch package.
  step,
  /// κ/(1−κ)·‖X_k − X_{k−1}‖ <= absolute + relative·‖X_k‖, which bounds the error itself, with
  /// κ = L_φ‖A‖∞. Never holds where κ >= 1.
  certified_bound
};

/// One loop's stopping rule. Norms: ℓ∞ per column for the state, ℓ1 per column for the adjoint.
struct Tolerance {
  std::int32_t max_iterations = 300;
  double absolute = 3e-6;
  double relative = 0.0;
  StopRule rule = StopRule::step;
};

struct SolverOptions {
  Tolerance forward{};
  Tolerance adjoint{};
  /// A sample's answer has the same bits alone, in a batch, or in another place of the batch.
  /// Slower: sums are taken in a fixed order instead of the BLAS's.
  bool batch_invariant = false;
};

/// The certificate of one solve, one entry per sample.
///
/// error_bound is a guaranteed bound in the norm of the loop, including the rounding of the
/// computation (MATH: a-posteriori bound of a contraction):
///  - state:   ‖X − X*‖∞ <= (κ·step + rounding)/(1−κ), X* the exact solution for the given A, B, U
///  - adjoint: ‖V − V*‖₁ <= (κ·step + rounding)/(1−κ), V* the exact solution of V = Ψ∘(AᵀV + G) for
///    the computed Ψ and G
/// It is +inf where κ = L_φ‖A‖∞ >= 1 gives none, or the column did not stay finite.
struct [[nodiscard]] SolveReport {
  std::vector<SolveStatus> status;
  std::vector<std::int32_t> iterations;  ///< applications of the map X -> φ(AX+Z)
  std::vector<double> step;  ///< ‖X_k − X_{k−1}‖ of the last iteration, the residual of X_{k−1}
  std::vector<double> residual;  ///< upper bound of ‖φ(AX+Z) − X‖ at the returned X
  std::vector<double> error_bound;
  double contraction = 0;  ///< κ = L_φ‖A‖∞

  IDL_EXPORT bool all_converged() const;
  /// Number of columns with this status.
  IDL_EXPORT std::size_t count(SolveStatus which) const;
  IDL_EXPORT std::int32_t max_iterations_used() const;
  IDL_EXPORT double mean_iterations() const;
  IDL_EXPORT double worst_error_bound() const;
};

}  // namespace idl
