// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "idl/activation.hpp"
#include "idl/csr_matrix.hpp"
#include "idl/export.hpp"
#include "idl/matrix.hpp"

namespace idl {

class Context;

/// The constraint on A that training keeps, so that X = φ(AX+BU) has exactly one solution.
enum class WellPosednessKind : std::uint8_t {
  none,           ///< A is free; nothing is promised
  inf_norm_ball,  ///< ‖A‖∞ <= κ, by projecting each row onto the ℓ1 ball of radius κ
  strictly_upper_triangular  ///< A_ij = 0 for i >= j: solved exactly, by substitution
};

/// A constraint on A with its radius.
struct WellPosedness {
  WellPosednessKind kind = WellPosednessKind::inf_norm_ball;  ///< which constraint
  double kappa = 0.95;  ///< used by inf_norm_ball only; in (0, 1)

  /// No constraint: nothing is promised.
  static constexpr WellPosedness none() { return {WellPosednessKind::none, 0.95}; }
  /// ‖A‖∞ <= kappa, kappa in (0, 1).
  static constexpr WellPosedness inf_norm_ball(double kappa = 0.95) {
    return {WellPosednessKind::inf_norm_ball, kappa};
  }
  /// A_ij = 0 for i >= j.
  static constexpr WellPosedness strictly_upper_triangular() {
    return {WellPosednessKind::strictly_upper_triangular, 0.95};
  }

  /// The same kind and the same kappa.
  friend bool operator==(const WellPosedness&, const WellPosedness&) = default;
};

/// "none", "inf_norm_ball", "strictly_upper_triangular".
IDL_EXPORT std::string_view to_string(WellPosednessKind kind);
/// @throws InvalidArgument with the list of names.
IDL_EXPORT WellPosednessKind parse_well_posedness(std::string_view name);

/// Applies the constraint to A in place: A <- argmin ‖A' − A‖_F over the ball, or the strictly
/// upper triangle of A, or nothing. A row keeps its bits if its sum, as double adds it up, is at
/// most κ, rounded down to T; of n entries it may then exceed κ by n·2⁻⁵³κ. In stream order.
/// @param A  n×n
/// @throws InvalidArgument (A is not square or on another device; kappa of a ball outside (0, 1))
template <class T>
IDL_EXPORT void project(Context& context, const WellPosedness& constraint, MatrixView<T> A);

/// Why X = φ(AX+BU) is known to have exactly one solution for every U.
enum class WellPosednessProof : std::uint8_t {
  none,        ///< not known
  norm,        ///< L_φ‖A‖∞ < 1
  triangular,  ///< A is strictly upper triangular
  perron       ///< L_φ λ_pf(|A|) < 1, shown by a v > 0 with L_φ|A|v < v
};

/// What is known about a matrix A together with an activation.
struct WellPosednessReport {
  double inf_norm = 0;     ///< ‖A‖∞
  double contraction = 0;  ///< L_φ‖A‖∞
  /// λ_pf(|A|), an upper bound (Collatz–Wielandt), tight to 1e-6 relative where 20,000 steps of
  /// power iteration suffice, which for long cycles of very different entries they may not.
  double perron_root = 0;
  double density = 0;                                   ///< share of entries of A that are not zero
  WellPosednessProof proof = WellPosednessProof::none;  ///< the simplest that was found

  /// Whether a proof was found. False does not mean that there is more than one solution.
  bool well_posed() const { return proof != WellPosednessProof::none; }
};

/// Examines A in double on the host. A step of the power iteration takes the time of one pass over
/// the entries that are not 0. An A that holds NaN or infinities has no proof.
/// Source: El Ghaoui et al. 2021, Theorem 2.2.
/// @param A  n×n
/// @throws InvalidArgument (A is not square, or on another device)
template <class T>
IDL_EXPORT WellPosednessReport examine_well_posedness(Context& context, ConstMatrixView<T> A,
                                                      const Activation& activation);
/// The same of an A in compressed rows, n×n. @throws as that
template <class T>
IDL_EXPORT WellPosednessReport examine_well_posedness(Context& context, ConstCsrView<T> A,
                                                      const Activation& activation);
/// The same of A = LRᵀ by |L||R|ᵀ, whose norm and λ_pf bound those of A: well posed where
/// L_φ λ_pf(|R|ᵀ|L|) < 1. The density is that of L and R. Takes the memory of L and R.
/// @param L, R  n×r both
/// @throws InvalidArgument (different shapes, another device)
template <class T>
IDL_EXPORT WellPosednessReport examine_well_posedness(Context& context, ConstMatrixView<T> L,
                                                      ConstMatrixView<T> R,
                                                      const Activation& activation);

}  // namespace idl
