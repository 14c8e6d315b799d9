// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "host/solver/iteration_state.hpp"
#include "idl/activation.hpp"
#include "idl/csr_matrix.hpp"
#include "idl/solver.hpp"

/// From the norms that a loop recorded to bounds that hold, rounding included.
///
/// Both loops iterate a map F with ‖F(x) − F(y)‖ <= κ‖x − y‖, κ = L_φ‖A‖∞, in floating point with
/// unit roundoff u: the last iterate is x = F(x_prev) + δ. Hence the residual of the returned x is
///     ‖F(x) − x‖ <= κ·step + ‖δ‖,   step = ‖x − x_prev‖.
/// It is no more in Gauss-Seidel sweeps, whose rows see some entries of x in the place of those of
/// x_prev: only the others contribute to the residual. The error is at most the gain
/// g >= ‖(I − L_φ|A|)⁻¹‖ times the residual. g = 1/(1−κ) where
/// κ < 1; otherwise a Perron vector may still give one (see perron_gain). With γ_k = ku/(1−ku),
/// which covers sums in any order (Higham, "Accuracy and Stability of Numerical Algorithms",
/// section 3.1):
///   state   (ℓ∞): ‖δ‖ <= L_φ(γ_{n+2}‖A‖∞‖x_prev‖ + γ_{p+2}‖B‖∞‖u‖) + ε_φ
///   adjoint (ℓ1): ‖δ‖ <= L_φ(γ_{n+4}‖A‖∞‖v_prev‖ + γ_4‖g‖)
/// where ε_φ bounds the error of evaluating φ itself. Added is what underflow can do: devices may
/// take subnormal numbers for zero, so that each term of a sum is off by up to η(1 + |a| + |x|), η
/// the least normal number. With A = LRᵀ this happens in Rᵀx, whose error L may magnify.
namespace idl::solver {

/// γ_k = ku/(1−ku): the relative error of k roundings, in any order; +inf where ku >= 1.
double gamma(double k, double u);

/// What the certificates need to know about the arithmetic and the model.
struct Arithmetic {
  double unit_roundoff = 0;  ///< u of the element type
  double least_normal = 0;   ///< η of the element type
  double rows = 0;           ///< n
  double states = 0;         ///< terms of a sum that makes an entry of AX: n where A is dense
  double inputs = 0;         ///< p'
  bool has_factors = false;  ///< A = LRᵀ
  Activation activation;
};

/// Called only where κ >= 1; returns a bound of ‖(I − L_φ|A|)⁻¹‖∞, or +inf.
using GainFallback = std::function<double()>;

/// Into `report`, whose memory is used again.
void certify_state(const IterationRecord& record, const Arithmetic& arithmetic,
                   const GainFallback& fallback, SolveReport& report);
/// As certify_state().
void certify_adjoint(const IterationRecord& record, const Arithmetic& arithmetic,
                     const GainFallback& fallback, SolveReport& report);

/// What an error in one row does to all rows where A is strictly upper triangular and M = L|A|;
/// rounded up.
struct SubstitutionGains {
  std::vector<double> v;   ///< (I − M)⁻¹1
  double largest = 0;      ///< max v = ‖(I − M)⁻¹‖∞
  double of_products = 0;  ///< max (I − M)⁻¹(v − 1) = max (I − M)⁻¹Mv
};

/// A is n×n, column-major, contiguous; what lies on and below its diagonal is not looked at.
SubstitutionGains substitution_gains(std::span<const double> A, index_t n, double lipschitz);
/// A is strictly upper triangular; `terms`: entries of its longest row, at least.
SubstitutionGains substitution_gains(const CsrArrays<double>& A, index_t terms, double lipschitz);

/// Of each column of a solve by substitution, with the weights of its gains.
struct WeightedNorms {
  std::vector<double> state;    ///< max |x_i|/v_i, or Σ v_i|v*_i| of the adjoint v*
  std::vector<double> forcing;  ///< Σ v_i|g_i|, adjoint only
};

/// Bounds of residual and error of a solve by substitution, x = F(x) + δ, into `report` where they
/// are smaller. With the bounds of δ_i above, row by row, and |x| <= s·v, s = max |x_i|/v_i,
///   state:    |x − x*| <= (I − M)⁻¹|δ|, |δ| <= γ_{n+2}s(v − 1) + ρ
///   adjoint:  ‖v − v*‖₁ <= Σ v_i|δ_i|
/// in which an error counts by the size of its own row, not of the largest: an A whose rows are
/// large makes some states large and not their relative errors.
void tighten_state(const IterationRecord& record, const Arithmetic& arithmetic,
                   const SubstitutionGains& gains, const WeightedNorms& norms, SolveReport& report);
/// As tighten_state().
void tighten_adjoint(const IterationRecord& record, const Arithmetic& arithmetic,
                     const SubstitutionGains& gains, const WeightedNorms& norms,
                     SolveReport& report);
/// L of the adjoint: the computed Ψ may exceed L_φ by a few ulps.
double adjoint_lipschitz(const Arithmetic& arithmetic);

/// |A| of an n×n matrix, as perron_gain() needs it.
struct AbsMap {
  index_t n = 0;
  index_t terms = 0;        ///< of the longest row
  double least_normal = 0;  ///< of the elements of A: smaller ones may count as zero
  /// |A|v in double, each sum in any order.
  std::function<std::vector<double>(const std::vector<double>& v)> apply;
};

/// ‖(I − L|A|)⁻¹‖∞ <= max(v)/c for a v > 0 with v − L|A|v >= c > 0, if one of v <- 1 + L|A|v is
/// found among the first 200, from v = 1; +inf if not.
/// Source: El Ghaoui et al. 2021, Theorem 2.2.
double perron_gain(const AbsMap& A, double lipschitz);

}  // namespace idl::solver
