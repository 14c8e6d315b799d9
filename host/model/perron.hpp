// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <vector>

#include "idl/matrix.hpp"

namespace idl {

/// The strongly connected components of the graph i -> j where A_ij != 0, each a list of nodes.
/// A is n×n, column-major, contiguous. Source: Tarjan, SIAM J. Comput. 1(2), 1972.
std::vector<std::vector<index_t>> strongly_connected_components(std::span<const double> A,
                                                                index_t n);

/// λ_pf(A) of a nonnegative matrix, rounded up: the largest over the strongly connected components
/// of max_i (Av)_i / v_i for the v that power iteration with a shift ends in (Collatz–Wielandt). It
/// never is below λ_pf, and within 1e-6 relative where 20,000 steps suffice for that.
/// NaN or infinite entries give +inf.
double perron_root(std::span<const double> A, index_t n);

}  // namespace idl
