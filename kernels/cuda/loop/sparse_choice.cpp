// SPDX-License-Identifier: MIT
#include "kernels/cuda/loop/sparse_choice.hpp"

#include <algorithm>

#include "idl/cuda/launch.cuh"
#include "kernels/loop/in_rows.hpp"

namespace idl::cuda {
namespace {

/// What a device of 132 multiprocessors does, in float (estimates, which bench_sparse_loops will
/// confirm or refute). A multiply-add takes a word of X: from shared memory, from the second-level
/// cache for samples side by side, or from there with a column to each lane.
struct Rates {
  static constexpr double k_multiprocessors = 132;
  double launches = 5.5e-6;  ///< seconds of an iteration that does nothing
  double product = 1e-6;     ///< of a kernel more
  double staged_flops = 10e12;
  double gathered_flops = 3e12;
  double library_flops = 3.5e12;
  double column_flops = 1.5e12;
  double bytes = 3.5e12;  ///< per second, to and from memory
};
constexpr Rates k_rates;

index_t rounded_up(index_t count, index_t to) { return (count + to - 1) / to * to; }

/// An iteration reads what f holds and X, and writes X; where the sums are made before, these too.
template <class T>
double bytes_of_update(const FixedPoint<T>& solve, bool sums_are_made) {
  const double matrices =
      (std::holds_alternative<AdjointMap<T>>(solve.f) ? 4.0 : 3.0) + (sums_are_made ? 2.0 : 0.0);
  return matrices * static_cast<double>(sizeof(T)) * static_cast<double>(solve.X.rows) *
         static_cast<double>(solve.X.cols);
}

}  // namespace

template <class T>
SparseSeconds expect_seconds(const FixedPoint<T>& solve, int multiprocessors) {
  const double share = multiprocessors / Rates::k_multiprocessors * 4.0 / sizeof(T);
  const index_t m = solve.X.cols;
  const auto seconds = [&](index_t columns, double flops, bool sums_are_made) {
    const double update = bytes_of_update(solve, sums_are_made) / k_rates.bytes;
    return std::max(k_rates.launches, product_flops(solve.A, columns) / (flops * share) + update);
  };
  constexpr index_t k_lanes = 32;        // samples of a warp
  constexpr index_t k_column_group = 8;  // columns that share the entries of A
  const auto tile = static_cast<std::size_t>(solve.X.rows * k_lanes) * sizeof(T);
  const double split = tile <= most_shared_bytes() ? k_rates.staged_flops : k_rates.gathered_flops;
  return {.row_split = seconds(rounded_up(m, k_lanes), split, false),
          .library_product = seconds(m, k_rates.library_flops, true) + k_rates.product,
          .step_by_step = seconds(rounded_up(m, k_column_group), k_rates.column_flops, true)};
}

template <class T>
std::optional<LoopStrategy> choose_sparse_way(const FixedPoint<T>& solve,
                                              std::optional<double> fused,
                                              const SparseDevice& device) {
  if (!can_run_in_rows(solve)) return std::nullopt;
  if (solve.batch_invariant) return fused ? LoopStrategy::fused : LoopStrategy::row_split;
  const SparseSeconds expected = expect_seconds(solve, device.multiprocessors);
  const double others = std::min(expected.row_split, expected.step_by_step);
  if (fused && *fused <= std::min(others, expected.library_product)) return LoopStrategy::fused;
  if (expected.library_product < others && device.has_library())
    return LoopStrategy::library_product;
  if (fused && *fused <= others) return LoopStrategy::fused;
  if (expected.row_split <= expected.step_by_step) return LoopStrategy::row_split;
  return std::nullopt;
}

template SparseSeconds expect_seconds(const FixedPoint<float>&, int);
template SparseSeconds expect_seconds(const FixedPoint<double>&, int);
template std::optional<LoopStrategy> choose_sparse_way(const FixedPoint<float>&,
                                                       std::optional<double>, const SparseDevice&);
template std::optional<LoopStrategy> choose_sparse_way(const FixedPoint<double>&,
                                                       std::optional<double>, const SparseDevice&);

}  // namespace idl::cuda
