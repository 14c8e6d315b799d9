// SPDX-License-Identifier: MIT
// AddScaled, CopyMatrix, Fill and Convert: one pass over the entries each.
#include <algorithm>
#include <cstring>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"

namespace idl::cpu {
namespace {

template <class T>
void add_scaled_column(const T* __restrict x, T* __restrict y, T alpha, index_t n) {
  with_widest_vectors([=](auto) __attribute__((always_inline)) {
    for (index_t i = 0; i < n; ++i) y[i] += alpha * x[i];
  });
}

template <class From, class To>
void convert_column(const From* __restrict x, To* __restrict y, index_t n) {
  with_widest_vectors([=](auto) __attribute__((always_inline)) {
    for (index_t i = 0; i < n; ++i) y[i] = static_cast<To>(x[i]);
  });
}

}  // namespace

template <class T>
void execute(const AddScaled<T>& add, Scratch&) {
  parallel_for(add.Y.cols, add.Y.rows, [&](index_t j) {
    add_scaled_column(add.X.data + j * add.X.ld, add.Y.data + j * add.Y.ld, add.alpha, add.Y.rows);
  });
}

template <class T>
void execute(const CopyMatrix<T>& copy, Scratch&) {
  if (copy.Y.rows == 0) return;
  const std::size_t bytes = static_cast<std::size_t>(copy.Y.rows) * sizeof(T);
  parallel_for(copy.Y.cols, copy.Y.rows, [&](index_t j) {
    std::memcpy(copy.Y.data + j * copy.Y.ld, copy.X.data + j * copy.X.ld, bytes);
  });
}

template <class T>
void execute(const Fill<T>& fill, Scratch&) {
  parallel_for(fill.Y.cols, fill.Y.rows, [&](index_t j) {
    std::fill_n(fill.Y.data + j * fill.Y.ld, fill.Y.rows, fill.value);
  });
}

template <class T>
void execute(const Convert<T>& convert, Scratch&) {
  parallel_for(convert.Y.cols, convert.Y.rows, [&](index_t j) {
    convert_column(convert.X.data + j * convert.X.ld, convert.Y.data + j * convert.Y.ld,
                   convert.Y.rows);
  });
}

template void execute(const AddScaled<float>&, Scratch&);
template void execute(const AddScaled<double>&, Scratch&);
template void execute(const CopyMatrix<float>&, Scratch&);
template void execute(const CopyMatrix<double>&, Scratch&);
template void execute(const Fill<float>&, Scratch&);
template void execute(const Fill<double>&, Scratch&);
template void execute(const Convert<float>&, Scratch&);
template void execute(const Convert<double>&, Scratch&);

}  // namespace idl::cpu
