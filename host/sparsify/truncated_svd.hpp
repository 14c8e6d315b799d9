// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <vector>

#include "idl/csr_matrix.hpp"

namespace idl {

/// The columns of a matrix.
using Columns = std::vector<std::vector<double>>;

/// LRᵀ = Σ_c σ_c l_c r_cᵀ with orthonormal l_c and r_c, of which L and R hold √σ_c l_c and √σ_c
/// r_c, the largest σ_c first.
struct SingularFactors {
  Columns L;
  Columns R;
};

/// The `rank` largest singular values of a square A with finite entries, fewer where A has fewer
/// above rounding. By subspace iteration from a random start on 10 vectors more, until
/// what these hold of ‖A‖_F grows by less than 1e-10, 20 iterations at most: ‖A − LRᵀ‖₂ is
/// σ_{rank+1} up to a factor near 1. Source: Halko, Martinsson, Tropp, "Finding structure with
/// randomness", SIAM Review 53(2), 2011.
SingularFactors truncated_svd(CsrArrays<double> A, std::size_t rank);

}  // namespace idl
