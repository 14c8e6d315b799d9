// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include "host/backend_of.hpp"
#include "kernels/linear_map.hpp"
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {

/// Dense values of which about two thirds are zero, or as many as asked for, and the same as CSR on
/// the device.
template <class C>
class SparseTest : public KernelTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  std::vector<double> sparse_values(index_t rows, index_t cols, double density = 0.33) {
    std::vector<double> values(static_cast<std::size_t>(rows * cols), 0.0);
    for (double& value : values)
      if (this->random_.unit() < density) value = static_cast<double>(this->random_.integer(1, 9));
    return values;
  }
  CsrView<Element> to_csr(index_t rows, index_t cols, const std::vector<double>& dense) {
    std::vector<std::int32_t> columns;
    std::vector<double> values;
    offsets_.assign(1, 0);
    for (index_t i = 0; i < rows; ++i) {
      for (index_t j = 0; j < cols; ++j) {
        const double value = dense[static_cast<std::size_t>(i + j * rows)];
        if (value == 0.0) continue;
        columns.push_back(static_cast<std::int32_t>(j));
        values.push_back(value);
      }
      offsets_.push_back(static_cast<std::int64_t>(values.size()));
    }
    const auto nnz = static_cast<index_t>(values.size());
    columns.push_back(0);  // never empty, so that there is memory
    values.push_back(0);
    memory_.emplace_back(this->context(), offsets_.size() * sizeof(std::int64_t));
    const std::size_t bytes = offsets_.size() * sizeof(std::int64_t);
    backend_of(this->context())
        ->upload({.destination = memory_.back().data(),
                  .destination_pitch = bytes,
                  .source = offsets_.data(),
                  .source_pitch = bytes,
                  .width = bytes});
    return {.row_offsets = static_cast<std::int64_t*>(memory_.back().data()),
            .col_indices = this->vector(columns).data,
            .values = this->reals(values).data,
            .rows = rows,
            .cols = cols,
            .capacity = nnz,
            .device = this->device()};
  }
  /// What `dense`, n×n, holds with about this share of its entries, and rows without any.
  CsrMap<Element> sparse_map(index_t n, std::vector<double> dense, double density) {
    RandomValues random(17);
    std::vector<double> transposed(dense.size());
    for (std::size_t j = 0, size = static_cast<std::size_t>(n); j < size; ++j)
      for (std::size_t i = 0; i < size; ++i) {
        double& value = dense[i + j * size];
        const bool is_left = random.unit() < density && i % 7 != 5;
        if (!is_left && !std::isnan(value)) value = 0.0;
        transposed[j + i * size] = value;
      }
    return {.A = read_only(to_csr(n, n, dense)),
            .transposed = read_only(to_csr(n, n, transposed)),
            .longest_row = n};
  }
  static ConstCsrView<Element> read_only(const CsrView<Element>& P) {
    return {P.row_offsets, P.col_indices, P.values, P.rows, P.cols, P.capacity, P.device};
  }

 private:
  std::vector<std::int64_t> offsets_;
  std::vector<DeviceMemory> memory_;
};

}  // namespace idl::test
