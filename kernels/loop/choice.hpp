// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "kernels/backend.hpp"
#include "kernels/fixed_point.hpp"

/// The choice of the ways that are made of other programs: substitution wherever it can be, the
/// others by size on a GPU, and elsewhere only where a strategy asks for them.
namespace idl {

/// The solve by substitution, where that is not ruled out and can be; otherwise nullptr.
template <class T>
std::unique_ptr<Program> compile_substitution_if_chosen(LoopStrategy strategy, Backend& backend,
                                                        const FixedPoint<T>& solve);

/// The solve, refined, where it is to be and can be; otherwise nullptr.
template <class T>
std::unique_ptr<Program> compile_refined_if_chosen(LoopStrategy strategy,
                                                   const std::shared_ptr<Backend>& backend,
                                                   const FixedPoint<T>& solve);

/// The solve with its samples in rows, where a strategy asks for that and it can be.
template <class T>
std::unique_ptr<Program> compile_in_rows_if_chosen(LoopStrategy strategy,
                                                   const std::shared_ptr<Backend>& backend,
                                                   const FixedPoint<T>& solve);

/// The solve, compacted, where it is to be and can be; otherwise nullptr.
template <class T>
std::unique_ptr<Program> compile_compacted_if_chosen(LoopStrategy strategy,
                                                     const std::shared_ptr<Backend>& backend,
                                                     const FixedPoint<T>& solve);

}  // namespace idl
