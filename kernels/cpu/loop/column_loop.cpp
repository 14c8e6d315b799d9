// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/column_loop.hpp"

#include <variant>

#include "kernels/cpu/loop/separable_loop.hpp"
#include "kernels/cpu/loop/sparse_loop.hpp"

namespace idl::cpu {
namespace {

/// Nothing where A or its blocks of rows are none that PackedGemm takes.
template <class T, class Update>
std::unique_ptr<ColumnLoop> make_packed_loop(const FixedPoint<T>& solve, int threads) {
  if (std::holds_alternative<BlocksMap<T>>(solve.A)) return nullptr;
  const PackedProducts<T> products(solve);
  const auto steps = column_steps<T, Update>(solve);
  if (!products.fit(steps.blocks)) return nullptr;
  if (!stays_in_cache(products) && solve.X.cols < k_least_beside_large * threads) return nullptr;
  return std::make_unique<SeparableLoop<T, Update>>(steps, solve, threads);
}

template <class T, class Update>
std::unique_ptr<ColumnLoop> make_loop(const FixedPoint<T>& solve, int threads) {
  if (const auto* sparse = std::get_if<CsrMap<T>>(&solve.A))
    return make_sparse_loop(column_steps<T, Update>(solve),
                            solve.transpose ? sparse->transposed : sparse->A, threads);
  return make_packed_loop<T, Update>(solve, threads);
}

}  // namespace

template <class T>
std::unique_ptr<ColumnLoop> ColumnLoop::make(const FixedPoint<T>& solve, int threads) {
  if (solve.X.cols < 1) return nullptr;
  if (solve.start == SolveStart::zero && !starts_from_zero(solve)) return nullptr;
  return std::holds_alternative<PicardMap<T>>(solve.f)
             ? make_loop<T, PicardUpdate<T>>(solve, threads)
             : make_loop<T, AdjointUpdate<T>>(solve, threads);
}

template std::unique_ptr<ColumnLoop> ColumnLoop::make(const FixedPoint<float>&, int);
template std::unique_ptr<ColumnLoop> ColumnLoop::make(const FixedPoint<double>&, int);

}  // namespace idl::cpu
