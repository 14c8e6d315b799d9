// SPDX-License-Identifier: MIT
#pragma once

#include "idl/solver.hpp"
#include "kernels/primitives.hpp"

namespace idl::solver {

/// One application of the map to all columns: `product` makes op(A)·X, `update` takes it to the
/// next X. With Sweep::gauss_seidel both are cut into blocks of rows, each of which sees the rows
/// above it as they have just become; `update` then joins the norms of the blocks.
template <class T, class Update>
Sequence sweep_of(Sweep sweep, const Gemm<T>& product, const Update& update);

extern template Sequence sweep_of(Sweep, const Gemm<float>&, const PicardUpdate<float>&);
extern template Sequence sweep_of(Sweep, const Gemm<double>&, const PicardUpdate<double>&);
extern template Sequence sweep_of(Sweep, const Gemm<float>&, const AdjointUpdate<float>&);
extern template Sequence sweep_of(Sweep, const Gemm<double>&, const AdjointUpdate<double>&);

}  // namespace idl::solver
