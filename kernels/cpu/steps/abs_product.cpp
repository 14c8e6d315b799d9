// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <variant>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {
namespace {

template <class T>
double magnitude_in_double(T value) {
  return std::abs(static_cast<double>(value));
}

// A task takes neighbouring rows, whose sums stay at hand while it walks the columns.
template <class T>
void multiply(const ConstMatrixView<T>& A, const double* v, double* y) {
  constexpr index_t k_task_rows = 64;
  const index_t tasks = (A.rows + k_task_rows - 1) / k_task_rows;
  parallel_for(tasks, k_task_rows * A.cols, [&](index_t task) {
    const index_t first = task * k_task_rows;
    const index_t count = std::min(k_task_rows, A.rows - first);
    std::array<double, k_task_rows> sums{};
    for (index_t j = 0; j < A.cols; ++j) {
      const T* column = A.data + first + j * A.ld;
      for (index_t i = 0; i < count; ++i)
        sums[static_cast<std::size_t>(i)] += magnitude_in_double(column[i]) * v[j];
    }
    std::copy_n(sums.begin(), count, y + first);
  });
}

template <class T>
void multiply(const ConstCsrView<T>& A, const double* v, double* y) {
  if (A.rows == 0) return;
  parallel_for(A.rows, A.nnz / A.rows + 1, [&](index_t i) {
    double sum = 0;
    for (std::int64_t e = A.row_offsets[i]; e < A.row_offsets[i + 1]; ++e)
      sum += magnitude_in_double(A.values[e]) * v[A.col_indices[e]];
    y[i] = sum;
  });
}

}  // namespace

template <class T>
void execute(const AbsProduct<T>& p, Scratch&) {
  std::visit([&](const auto& A) { multiply(A, p.v.data, p.y.data); }, p.A);
}

template void execute(const AbsProduct<float>&, Scratch&);
template void execute(const AbsProduct<double>&, Scratch&);

}  // namespace idl::cpu
