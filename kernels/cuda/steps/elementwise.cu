// SPDX-License-Identifier: MIT
// AddScaled Y <- Y + alpha X, CopyMatrix Y <- X, Fill Y <- value, Convert Y <- X in the other
// precision: entry by entry (entries.cuh). 2 reads and 1 write, 1 and 1, 0 and 1, 1 and 1.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

template <class T, int N>
__global__ void add_scaled_kernel(AddScaled<T> add, Entries<N> entries) {
  const EntrySpan at = entries.span();
  by_packs<N>(at.count, [&](auto width, int part) {
    constexpr int W = decltype(width)::value;
    const Pack<T, W> x = load_pack<W>(entry_of(add.X, at) + part);
    Pack<T, W> y = load_pack<W>(entry_of(add.Y, at) + part);
    for (int e = 0; e < W; ++e) y.x[e] += add.alpha * x.x[e];
    store_pack(entry_of(add.Y, at) + part, y);
  });
}

template <class T, int N>
__global__ void copy_matrix_kernel(CopyMatrix<T> copy, Entries<N> entries) {
  const EntrySpan at = entries.span();
  by_packs<N>(at.count, [&](auto width, int part) {
    store_pack(entry_of(copy.Y, at) + part,
               load_pack<decltype(width)::value>(entry_of(copy.X, at) + part));
  });
}

template <class T, int N>
__global__ void fill_kernel(Fill<T> fill, Entries<N> entries) {
  const EntrySpan at = entries.span();
  by_packs<N>(at.count, [&](auto width, int part) {
    constexpr int W = decltype(width)::value;
    Pack<T, W> value;
    for (int e = 0; e < W; ++e) value.x[e] = fill.value;
    store_pack(entry_of(fill.Y, at) + part, value);
  });
}

// Two elements at a time: a pack of the wider precision is 16 bytes then.
template <class T, int N>
__global__ void convert_kernel(Convert<T> convert, Entries<N> entries) {
  using Other = typename Convert<T>::Other;
  const EntrySpan at = entries.span();
  by_packs<N>(at.count, [&](auto width, int part) {
    constexpr int W = decltype(width)::value;
    const Pack<T, W> x = load_pack<W>(entry_of(convert.X, at) + part);
    Pack<Other, W> y;
    for (int e = 0; e < W; ++e) y.x[e] = static_cast<Other>(x.x[e]);
    store_pack(entry_of(convert.Y, at) + part, y);
  });
}

template <int N, class T, class P>
void launch_entries(void (*kernel)(P, Entries<N>), const P& primitive, const MatrixView<T>& shape,
                    CUstream_st* stream) {
  const Entries<N> entries(shape.rows, shape.cols);
  launch(kernel, entries.shape(), stream, primitive, entries);
}

}  // namespace

template <class T>
void add_scaled(const AddScaled<T>& add, CUstream_st* stream) {
  AddScaled<T> p = add;
  if (p.Y.rows == 0 || p.Y.cols == 0) return;
  join_columns(p.Y, p.X);
  packs_fit(p.X, p.Y) ? launch_entries(add_scaled_kernel<T, k_pack<T>>, p, p.Y, stream)
                      : launch_entries(add_scaled_kernel<T, 1>, p, p.Y, stream);
}

template <class T>
void copy_matrix(const CopyMatrix<T>& copy, CUstream_st* stream) {
  CopyMatrix<T> p = copy;
  if (p.Y.rows == 0 || p.Y.cols == 0) return;
  join_columns(p.Y, p.X);
  packs_fit(p.X, p.Y) ? launch_entries(copy_matrix_kernel<T, k_pack<T>>, p, p.Y, stream)
                      : launch_entries(copy_matrix_kernel<T, 1>, p, p.Y, stream);
}

template <class T>
void fill(const Fill<T>& fill, CUstream_st* stream) {
  Fill<T> p = fill;
  if (p.Y.rows == 0 || p.Y.cols == 0) return;
  join_columns(p.Y);
  packs_fit(p.Y) ? launch_entries(fill_kernel<T, k_pack<T>>, p, p.Y, stream)
                 : launch_entries(fill_kernel<T, 1>, p, p.Y, stream);
}

template <class T>
void convert(const Convert<T>& convert, CUstream_st* stream) {
  Convert<T> p = convert;
  if (p.Y.rows == 0 || p.Y.cols == 0) return;
  join_columns(p.Y, p.X);
  packs_fit(p.X, p.Y) ? launch_entries(convert_kernel<T, 2>, p, p.Y, stream)
                      : launch_entries(convert_kernel<T, 1>, p, p.Y, stream);
}

template void add_scaled(const AddScaled<float>&, CUstream_st*);
template void add_scaled(const AddScaled<double>&, CUstream_st*);
template void copy_matrix(const CopyMatrix<float>&, CUstream_st*);
template void copy_matrix(const CopyMatrix<double>&, CUstream_st*);
template void fill(const Fill<float>&, CUstream_st*);
template void fill(const Fill<double>&, CUstream_st*);
template void convert(const Convert<float>&, CUstream_st*);
template void convert(const Convert<double>&, CUstream_st*);

}  // namespace idl::cuda
