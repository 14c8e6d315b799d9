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

/// "converged", "stagnated", "max_iterations", "diverged", "running".
IDL_EXPORT std::string_view to_string(SolveStatus status);

/// What must become small for a column to count as converged.
enum class StopRule : std::uint8_t {
  /// ‖X_k − X_{k−1}‖ <= absolute + relative·‖X_k‖: the rule of the original PyTorch package.
  step,
  /// κ/(1−κ)·‖X_k − X_{k−1}‖ <= absolute + relative·‖X_k‖, which bounds the error itself but for
  /// rounding, with κ = L_φ‖A‖∞. Where κ >= 1 nothing is certified: it holds for a step of 0 alone,
  /// and the error bound is +inf.
  certified_bound
};

/// One loop's stopping rule. Norms: ℓ∞ per column for the state, ℓ1 per column for the adjoint.
/// An absolute tolerance of the adjoint has to fit dY, to which V is proportional. The default is
/// for gradients of a mean over about a hundred samples. With a mean over many more, or a small
/// weight of the loss, gradients are off by much while the columns count as converged: choose it in
/// proportion, or take a relative one. Trainer does so for the size of its batches alone.
/// Whoever takes one throws InvalidArgument for numbers out of their range, NaN and infinities too.
struct Tolerance {
  std::int32_t max_iterations = 300;  ///< applications of the map at most, >= 0
  double absolute = 3e-6;             ///< >= 0, in the units of the state, or of V: those of dY
  double relative = 0.0;              ///< >= 0, times the norm of the column's iterate
  StopRule rule = StopRule::step;     ///< what is compared with them

  /// All the same.
  friend bool operator==(const Tolerance&, const Tolerance&) = default;
};

/// Which states the rows of an iteration see.
enum class Sweep : std::uint8_t {
  /// Picard iteration X <- φ(AX + Z): those of the last iterate, for all rows at once.
  jacobi,
  /// Block Gauss-Seidel: rows are taken in blocks of 32, or of a sixteenth of them all where that
  /// is more, and each block sees what those before it have just become. The fixed point, the
  /// stopping rule and the certificate are those of Picard iteration: wherever κ < 1 bounds a step
  /// of that, it bounds a step of this. A fifth to 30 % fewer iterations on trained models, for the
  /// same flops each and up to a tenth more time in float on a CPU; on a GPU worth it for large
  /// states alone, since small solves run in one kernel without it.
  /// Source: Ortega, Rheinboldt, Iterative Solution of Nonlinear Equations in Several Variables
  /// (1970), section 7.4.
  gauss_seidel,
  /// gauss_seidel on the CPU for models in the ∞-norm ball whose A is no LRᵀ, otherwise jacobi. The
  /// rows of one or two samples are faster all at once, so that up to 512 states these are solved
  /// by jacobi, unless batch_invariant asks for the bits that they have in a batch.
  automatic
};

/// "jacobi", "gauss_seidel", "automatic".
IDL_EXPORT std::string_view to_string(Sweep sweep);
/// @throws InvalidArgument for an unknown name, listing the known ones
IDL_EXPORT Sweep parse_sweep(std::string_view name);

/// How a loop goes from one iterate to the next.
enum class Acceleration : std::uint8_t {
  /// The next iterate is the map's value: steps shrink by κ.
  none,
  /// Anderson acceleration of depth 2, each column by itself: the next iterate is the combination
  /// of the last three values of the map whose residuals combine to the least. Safeguarded: where
  /// the residual does not fall, the column goes back and takes a plain step. The stopping rule,
  /// the
  /// certificate and the fixed point are the same. It halves the iterations of trained models and
  /// needs five more n×m matrices; small solves on a GPU are faster without it, in one kernel.
  /// Source: Walker, Ni, SIAM J. Numer. Anal. 49 (2011), 1715-1735.
  anderson,
  /// anderson on the CPU for models in the ∞-norm ball, otherwise none; none in a recurrent pass
  /// with warm_start.
  automatic
};

/// "none", "anderson", "automatic".
IDL_EXPORT std::string_view to_string(Acceleration acceleration);
/// @throws InvalidArgument for an unknown name, listing the known ones
IDL_EXPORT Acceleration parse_acceleration(std::string_view name);

/// In which arithmetic a loop makes its products. What is promised is the answer: both end by the
/// same rule on the same float or double residual, with the same certificate.
enum class Precision : std::uint8_t {
  full,  ///< that of the model, without TF32
  /// Large solves in float on a GPU are refined from iterations in bfloat16 around exact residuals;
  /// everything else as with `full`: small ones, models in double, accelerated, Gauss-Seidel and
  /// batch-invariant solves, the CPU. The number of iterations is then not that of Picard
  /// iteration.
  automatic
};

/// "full", "automatic".
IDL_EXPORT std::string_view to_string(Precision precision);
/// @throws InvalidArgument for an unknown name, listing the known ones
IDL_EXPORT Precision parse_precision(std::string_view name);

/// How both loops of a pass are solved. Where A is strictly upper triangular they are solved by
/// substitution: of the tolerances only `max_iterations` counts then, if it is 0.
struct SolverOptions {
  Tolerance forward{};             ///< of the state X
  Tolerance adjoint{};             ///< of the adjoint V, in the units of dY; for gradients only
  Sweep sweep = Sweep::automatic;  ///< of both loops
  Acceleration acceleration = Acceleration::automatic;  ///< of both loops
  Precision precision = Precision::full;                ///< of both loops
  /// A sample's answer has the same bits alone, in a batch, or in another place of the batch.
  /// On a GPU slower: sums are taken in a fixed order, not in cuBLASLt's.
  bool batch_invariant = false;

  /// All the same.
  friend bool operator==(const SolverOptions&, const SolverOptions&) = default;
};

/// The certificate of one solve, one entry per sample.
///
/// error_bound is a guaranteed bound in the norm of the loop, including the rounding of the
/// computation (the a-posteriori bound of a contraction, with one perturbed application):
///  - state:   ‖X − X*‖∞ <= (κ·step + rounding)/(1−κ), X* the exact solution for the given A, B, U
///  - adjoint: ‖V − V*‖₁ <= (κ·step + rounding)/(1−κ), V* the exact solution of V = Ψ∘(AᵀV + G) for
///    the computed Ψ and G
/// Where κ >= 1, 1/(1−κ) is replaced by a bound of ‖(I − L_φ|A|)⁻¹‖∞ from a vector v > 0 with
/// L_φ|A|v < v, if one is found (El Ghaoui et al. 2021, Theorem 2.2). It is +inf where none is, and
/// where the column did not stay finite.
///
/// A strictly upper triangular A is solved by substitution, row by row from the last, and its
/// adjoint from the first. That is one iteration whatever the options say, its step is 0, and what
/// the bounds hold is rounding alone: each row's, passed on through (I − L_φ|A|)⁻¹.
struct [[nodiscard]] SolveReport {
  std::vector<SolveStatus> status;       ///< why the iteration ended
  std::vector<std::int32_t> iterations;  ///< applications of the map X -> φ(AX+Z)
  std::vector<std::int32_t> fallbacks;   ///< iterates that the acceleration had to throw away
  /// Applications with products in bfloat16, beside `iterations`, which counts the exact ones.
  std::vector<std::int32_t> low_precision_iterations;
  /// ‖X_k − X_{k−1}‖ of the last iteration; of Picard iteration, where X_k = φ(A X_{k−1} + Z), the
  /// residual of X_{k−1}.
  std::vector<double> step;
  std::vector<double> residual;     ///< upper bound of ‖φ(AX+Z) − X‖ at the returned X
  std::vector<double> error_bound;  ///< upper bound of ‖X − X*‖, see above
  double contraction = 0;           ///< κ = L_φ‖A‖∞, rounded up

  /// Whether every column has SolveStatus::converged.
  IDL_EXPORT bool all_converged() const;
  /// Number of columns with this status.
  IDL_EXPORT std::size_t count(SolveStatus which) const;
  /// The most iterations of a column; 0 without columns.
  IDL_EXPORT std::int32_t max_iterations_used() const;
  /// Iterations per column; 0 without columns.
  IDL_EXPORT double mean_iterations() const;
  /// Iterates that the acceleration threw away, in all columns together.
  IDL_EXPORT std::int64_t total_fallbacks() const;
  /// Applications in low precision, in all columns together.
  IDL_EXPORT std::int64_t total_low_precision_iterations() const;
  /// The largest bound of a column; +inf where one is not known; 0 without columns.
  IDL_EXPORT double worst_error_bound() const;
};

}  // namespace idl
