// SPDX-License-Identifier: MIT
#include "host/solver/sweep.hpp"

#include <algorithm>
#include <string>

#include "idl/error.hpp"
#include "kernels/row_blocks.hpp"

namespace idl {

std::string_view to_string(Sweep sweep) {
  switch (sweep) {
    case Sweep::jacobi:
      return "jacobi";
    case Sweep::gauss_seidel:
      return "gauss_seidel";
    case Sweep::automatic:
      return "automatic";
  }
  return "unknown";
}

Sweep parse_sweep(std::string_view name) {
  for (const Sweep known : {Sweep::jacobi, Sweep::gauss_seidel, Sweep::automatic})
    if (to_string(known) == name) return known;
  throw InvalidArgument("unknown sweep '" + std::string(name) +
                        "', known are: jacobi, gauss_seidel, automatic");
}

namespace solver {
namespace {

/// Smaller blocks save hardly any iteration, and products of fewer rows are slower.
constexpr index_t k_least_rows = 32;
/// More blocks would only make the products of large models smaller.
constexpr index_t k_most_blocks = 16;

index_t block_rows(index_t n) {
  const index_t rows = (n + k_most_blocks - 1) / k_most_blocks;
  return (rows + k_least_rows - 1) / k_least_rows * k_least_rows;
}

}  // namespace

template <class T, class Update>
Sequence sweep_of(Sweep sweep, const Gemm<T>& product, const Update& update) {
  const index_t n = product.C.rows;
  if (sweep == Sweep::jacobi || n == 0) return {product, update};
  Sequence sequence;
  const index_t rows = block_rows(n);
  for (index_t first = 0; first < n; first += rows) {
    const index_t count = std::min(rows, n - first);
    sequence.push_back(rows_of(product, first, count));
    sequence.push_back(rows_of(update, first, count));
  }
  return sequence;
}

template Sequence sweep_of(Sweep, const Gemm<float>&, const PicardUpdate<float>&);
template Sequence sweep_of(Sweep, const Gemm<double>&, const PicardUpdate<double>&);
template Sequence sweep_of(Sweep, const Gemm<float>&, const AdjointUpdate<float>&);
template Sequence sweep_of(Sweep, const Gemm<double>&, const AdjointUpdate<double>&);

}  // namespace solver
}  // namespace idl
