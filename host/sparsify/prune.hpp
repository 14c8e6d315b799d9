// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "idl/model.hpp"
#include "idl/optimizer.hpp"
#include "idl/sparsify.hpp"

namespace idl {

/// The density after `step` optimiser steps, of `steps` over which it falls from 1 to d:
/// d + (1 − d)(1 − step/steps)³ (Zhu & Gupta, "To prune, or not to prune", 2017).
double gradual_density(double d, std::int64_t step, std::int64_t steps);

/// Whether entries are to be chosen before the step that follows `step` others.
bool prunes_at(const PruningOptions& options, std::int64_t step, std::int64_t steps);

/// Whether the pattern of this epoch, counted from 0, is the one that was asked for.
bool has_ended(const PruningOptions& options, std::int64_t epoch);

/// Whether entries of this matrix may be left out; what is frozen ("A,D") stays as it is.
bool is_pruned(const std::string& matrix, SparsifyTarget target, const std::string& frozen);

/// Chooses entries of largest magnitude: the model holds no others from now on, and the optimiser
/// the moments of these alone. @throws NotFinite
template <class T>
void prune(Context& context, ImplicitModel<T>& model, Optimizer<T>& optimizer,
           SparsifyTarget target, double density);

}  // namespace idl
