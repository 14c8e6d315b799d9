// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "idl/matrix.hpp"
#include "kernels/cpu/product/sparse_rows.hpp"

namespace idl::cpu {

/// panel(i, lanes_k) <- columns_k[i] for i < `rows`; lanes ascend.
template <class T>
void columns_to_lanes(std::span<const T* const> columns, std::span<const index_t> lanes,
                      index_t rows, SamplePanel<T> panel);

/// columns_k[i] <- panel(i, lanes_k) for i < `rows`; lanes ascend.
template <class T>
void lanes_to_columns(SamplePanel<const T> panel, std::span<const index_t> lanes, index_t rows,
                      std::span<T* const> columns);

/// panel(i, l) <- X(i, l), and 0 in the lanes after the last column.
template <class T>
void samples_to_lanes(const ConstMatrixView<T>& X, SamplePanel<T> panel);

/// X(i, l) <- panel(i, l).
template <class T>
void lanes_to_samples(SamplePanel<const T> panel, const MatrixView<T>& X);

extern template void samples_to_lanes(const ConstMatrixView<float>&, SamplePanel<float>);
extern template void samples_to_lanes(const ConstMatrixView<double>&, SamplePanel<double>);
extern template void lanes_to_samples(SamplePanel<const float>, const MatrixView<float>&);
extern template void lanes_to_samples(SamplePanel<const double>, const MatrixView<double>&);
extern template void columns_to_lanes(std::span<const float* const>, std::span<const index_t>,
                                      index_t, SamplePanel<float>);
extern template void columns_to_lanes(std::span<const double* const>, std::span<const index_t>,
                                      index_t, SamplePanel<double>);
extern template void lanes_to_columns(SamplePanel<const float>, std::span<const index_t>, index_t,
                                      std::span<float* const>);
extern template void lanes_to_columns(SamplePanel<const double>, std::span<const index_t>, index_t,
                                      std::span<double* const>);

}  // namespace idl::cpu
