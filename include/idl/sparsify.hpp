// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include "idl/context.hpp"
#include "idl/export.hpp"
#include "idl/model.hpp"

namespace idl {

/// Which entries of a matrix are kept.
enum class SparsifyRule : std::uint8_t {
  magnitude,  ///< those of largest |value| in the matrix
  row_top_k,  ///< those of largest |value| in each row, of each row as many
  threshold,  ///< those of |value| >= SparsifyOptions::threshold
  random      ///< whichever, by SparsifyOptions::seed: what choosing by magnitude is compared with
};

/// "magnitude", "row-topk", "threshold", "random".
IDL_EXPORT std::string_view to_string(SparsifyRule rule);
/// @throws InvalidArgument with the list of names.
IDL_EXPORT SparsifyRule parse_sparsify_rule(std::string_view name);

/// Which matrices of a model are made sparse.
enum class SparsifyTarget : std::uint8_t {
  state_matrix,  ///< A alone
  all_matrices   ///< A, B, C and D, each by itself
};

/// "A", "M".
IDL_EXPORT std::string_view to_string(SparsifyTarget target);
/// @throws InvalidArgument with the list of names.
IDL_EXPORT SparsifyTarget parse_sparsify_target(std::string_view name);

/// How a model is made sparse.
struct SparsifyOptions {
  SparsifyTarget target = SparsifyTarget::all_matrices;  ///< which matrices
  SparsifyRule by = SparsifyRule::magnitude;             ///< which of their entries stay
  /// Of the rows·cols entries of a matrix, or of the cols of each row, so many stay, rounded to
  /// nearest; in [0, 1]. Of a row at least one, unless it is 0. Not looked at with
  /// SparsifyRule::threshold.
  double density = 0.1;
  double threshold = 0;    ///< >= 0; looked at with SparsifyRule::threshold alone
  std::uint64_t seed = 0;  ///< looked at with SparsifyRule::random alone
};

/// Pruning while training: every `interval` optimiser steps of the first `epochs` epochs the
/// entries of largest magnitude are chosen anew among those that are left, so many that the density
/// falls from 1 to `density` by a cubic schedule (Zhu & Gupta, "To prune, or not to prune", 2017);
/// from then on the pattern stays. With 0 epochs they are chosen once, before the first step.
struct PruningOptions {
  double density = 1;                                    ///< in [0, 1]; 1: nothing is pruned
  std::int64_t epochs = 0;                               ///< >= 0, fewer than those of the training
  std::int64_t interval = 100;                           ///< >= 1
  SparsifyTarget target = SparsifyTarget::all_matrices;  ///< which matrices
};

/// The model with the chosen entries of the chosen matrices in compressed rows, the others as they
/// are. Equal magnitudes are kept in the order of rows, then columns. A stored entry of a model
/// that is sparse already is kept or dropped; none is added.
/// @throws InvalidArgument (numbers out of their range, A = LRᵀ), NotFinite (an entry is NaN or
/// infinite), OutOfMemory
template <class T>
IDL_EXPORT ImplicitModel<T> sparsify(Context& context, const ImplicitModel<T>& model,
                                     const SparsifyOptions& options);

/// The model without the stored entries that are zero, which projections and proximal steps make.
/// Its matrices in compressed rows stay such. @throws InvalidArgument (A = LRᵀ), OutOfMemory
template <class T>
IDL_EXPORT ImplicitModel<T> compact(Context& context, const ImplicitModel<T>& model);

/// How far pruning moves a model's answers at most, for each sample of a calibration set. +inf says
/// that nothing is known.
struct PruningBound {
  std::vector<double> state;   ///< upper bounds of ‖x − x̃‖∞
  std::vector<double> output;  ///< upper bounds of ‖y − ỹ‖∞
  double worst_state = 0;      ///< the largest of `state`; 0 without samples
  double worst_output = 0;     ///< the largest of `output`; 0 without samples
};

/// Bounds of the difference between the exact answers x, y of `model` and x̃, ỹ of `pruned` to the
/// columns of U (p×m), rounding included:
///
///     |x − x̃| <= (I − L_φ|Ã|)⁻¹ L_φ (E_A|x| + E_B|u|),   |y − ỹ| <= |C̃||x − x̃| + E_C|x| + E_D|u|
///
/// with E_A = |A − Ã| and so on, u with its 1 where there is a bias, and a D that is missing for
/// zero. The bound is itself the prediction of an implicit model, with the parameters L_φ|Ã|,
/// L_φ[E_A E_B], |C̃|, [E_C E_D], φ the identity and [|x|; |u|] as its inputs, and its certificate
/// is added. Computed in double; what is sparse stays sparse. +inf for the samples of which either
/// solve has no certificate: of all where L_φ‖A‖∞ >= 1 and nothing else proves the model
/// well-posed, and of those that are not finite.
/// Source: El Ghaoui et al. 2021, Theorem 5.1, with the resolvent of the pruned matrix.
/// @throws InvalidArgument (the two differ in shape, activation or bias; A = LRᵀ; U has other rows;
/// another device), OutOfMemory
template <class T>
IDL_EXPORT PruningBound pruning_bound(Context& context, const ImplicitModel<T>& model,
                                      const ImplicitModel<T>& pruned,
                                      std::type_identity_t<ConstMatrixView<T>> U);

/// What is left of a model, and where it was.
template <class T>
struct ReducedModel {
  ImplicitModel<T> model;            ///< with the same outputs, dense where the old one is
  std::vector<index_t> kept_states;  ///< of each state its index in the old model, ascending
  std::vector<index_t> kept_inputs;  ///< of each input its index in the old model, ascending
};

/// The model without what its outputs do not depend on:
///  - states that no output reads, neither itself nor through other states;
///  - states that are always zero: φ(0) = 0, and neither an input nor the bias reaches them;
///  - with a bias, states that are constant: neither inputs nor other states reach them. What they
///    contribute goes into the bias, in double and rounded once; without D they stay where an
///    output reads them and they are not zero;
///  - inputs that nothing reads.
/// One state and one input stay in any case. All other parameters keep their bits. An entry that is
/// stored and zero counts as none. Answers stay the same up to rounding; the inputs of the smaller
/// model are the rows kept_inputs of U. @throws InvalidArgument (A = LRᵀ), OutOfMemory
template <class T>
IDL_EXPORT ReducedModel<T> remove_dead(Context& context, const ImplicitModel<T>& model);

/// A model with A = LRᵀ in the place of another A, and by how much these differ.
template <class T>
struct LowRankApproximation {
  ImplicitModel<T> model;  ///< with the B, C and D of the other
  double truncation = 0;   ///< upper bound of ‖A − A_r‖∞, rounding included
  double error = 0;        ///< upper bound of ‖A − LRᵀ‖∞, rounding included
};

/// The model with LRᵀ in the place of A, L and R n×r. First A becomes A_r, a best approximation of
/// rank r in the spectral and the Frobenius norm up to what the iteration leaves: its truncated
/// singular value decomposition, by subspace iteration from a random start, in double and on the
/// host, in some 40·(r + 10) operations for each stored entry of A. Of A_r = LRᵀ every column of R
/// is given the ℓ1 norm √κ, the most that the constraint allows, so that L is as small as it can
/// be. Where ‖|L||R|ᵀ‖∞ <= κ that is the answer; elsewhere the rows of L are projected, and `error`
/// tells what is lost by both. Without a constraint nothing is projected. A rank that A does not
/// have adds columns of zeros.
/// Source: Halko, Martinsson, Tropp, "Finding structure with randomness", SIAM Review 53(2), 2011.
/// @throws InvalidArgument (a rank < 0; an A that is LRᵀ or strictly upper triangular), NotFinite
/// (an entry of A is NaN or infinite), OutOfMemory
template <class T>
IDL_EXPORT LowRankApproximation<T> low_rank_approximation(Context& context,
                                                          const ImplicitModel<T>& model,
                                                          index_t rank);

}  // namespace idl
