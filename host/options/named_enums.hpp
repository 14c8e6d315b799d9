// SPDX-License-Identifier: MIT
#pragma once

#include "idl/loss.hpp"
#include "idl/optimizer.hpp"
#include "idl/solver.hpp"
#include "idl/sparsify.hpp"
#include "idl/well_posedness.hpp"
#include "kernels/base/named_enum.hpp"
#include "kernels/math/activations.hpp"

/// The names of the library's enumerations; those of activations stand in their rows. From here
/// come to_string and parse_*, what flags, files and metadata may hold, and the help texts.
namespace idl {

namespace names {
inline constexpr NamedValue<SolveStatus> k_solve_status[] = {
    {SolveStatus::running, "running"},
    {SolveStatus::converged, "converged"},
    {SolveStatus::stagnated, "stagnated"},
    {SolveStatus::max_iterations, "max_iterations"},
    {SolveStatus::diverged, "diverged"}};
inline constexpr NamedValue<Sweep> k_sweep[] = {
    {Sweep::jacobi, "jacobi", "Picard"},
    {Sweep::gauss_seidel, "gauss_seidel"},
    {Sweep::automatic, "automatic", "what is faster here"}};
inline constexpr NamedValue<Acceleration> k_acceleration[] = {
    {Acceleration::none, "none"},
    {Acceleration::anderson, "anderson"},
    {Acceleration::automatic, "automatic", "what is faster here"}};
inline constexpr NamedValue<Precision> k_precision[] = {
    {Precision::full, "full"},
    {Precision::automatic, "automatic", "bfloat16 inside, where a GPU gains by it"}};
inline constexpr NamedValue<WellPosednessKind> k_well_posedness[] = {
    {WellPosednessKind::none, "none"},
    {WellPosednessKind::inf_norm_ball, "inf_norm_ball"},
    {WellPosednessKind::strictly_upper_triangular, "strictly_upper_triangular"}};
inline constexpr NamedValue<WellPosednessProof> k_proof[] = {
    {WellPosednessProof::none, "none",
     "not known: neither the norm nor the Perron root of |A| proves it"},
    {WellPosednessProof::norm, "norm", "yes: L*|A|_inf < 1, the iteration contracts"},
    {WellPosednessProof::triangular, "triangular",
     "yes: A is strictly upper triangular, exact after at most n iterations"},
    {WellPosednessProof::perron, "perron", "yes: L*lambda_pf(|A|) < 1"}};
inline constexpr NamedValue<LossKind> k_loss[] = {
    {LossKind::softmax_cross_entropy, "softmax_cross_entropy"},
    {LossKind::squared_error, "squared_error"}};
inline constexpr NamedValue<OptimizerKind> k_optimizer[] = {
    {OptimizerKind::adam, "adam"}, {OptimizerKind::adamw, "adamw"}, {OptimizerKind::sgd, "sgd"}};
inline constexpr NamedValue<ScheduleKind> k_schedule[] = {{ScheduleKind::constant, "constant"},
                                                          {ScheduleKind::step, "step"},
                                                          {ScheduleKind::cosine, "cosine"}};
inline constexpr NamedValue<SparsifyRule> k_sparsify_rule[] = {
    {SparsifyRule::magnitude, "magnitude", "the largest of the matrix"},
    {SparsifyRule::row_top_k, "row-topk", "the largest of each row"},
    {SparsifyRule::threshold, "threshold", "those of at least --threshold"},
    {SparsifyRule::random, "random", "whichever, by --seed"}};
inline constexpr NamedValue<SparsifyTarget> k_sparsify_target[] = {
    {SparsifyTarget::state_matrix, "A"},
    {SparsifyTarget::all_matrices, "M", "A, B, C and D, each by itself"}};
}  // namespace names

template <>
inline constexpr NamedEnum<SolveStatus> k_named<SolveStatus>{"status", names::k_solve_status};
template <>
inline constexpr NamedEnum<Sweep> k_named<Sweep>{"sweep", names::k_sweep};
template <>
inline constexpr NamedEnum<Acceleration> k_named<Acceleration>{"acceleration",
                                                               names::k_acceleration};
template <>
inline constexpr NamedEnum<Precision> k_named<Precision>{"precision", names::k_precision};
template <>
inline constexpr NamedEnum<WellPosednessKind> k_named<WellPosednessKind>{"well-posedness",
                                                                         names::k_well_posedness};
template <>
inline constexpr NamedEnum<WellPosednessProof> k_named<WellPosednessProof>{"proof", names::k_proof};
template <>
inline constexpr NamedEnum<LossKind> k_named<LossKind>{"loss", names::k_loss};
template <>
inline constexpr NamedEnum<OptimizerKind> k_named<OptimizerKind>{"optimizer", names::k_optimizer};
template <>
inline constexpr NamedEnum<ScheduleKind> k_named<ScheduleKind>{"schedule", names::k_schedule};
template <>
inline constexpr NamedEnum<SparsifyRule> k_named<SparsifyRule>{"by", names::k_sparsify_rule};
template <>
inline constexpr NamedEnum<SparsifyTarget> k_named<SparsifyTarget>{"target",
                                                                   names::k_sparsify_target};

}  // namespace idl
