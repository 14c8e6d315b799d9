// SPDX-License-Identifier: MIT
// The rows of Aᵀ from the rows of A: a stable radix sort of the entries by column, so the result
// depends on nothing but the pattern. Run once for many products: A changes rarely.
#include "kernels/cuda/product/transpose_pattern.hpp"

#include <cub/device/device_radix_sort.cuh>

#include "idl/cuda/launch.cuh"

namespace idl::cuda {
namespace {

constexpr int k_pattern_threads = 256;

/// The parts of the memory, each aligned to 256 bytes; `total` is the end of the last.
struct Layout {
  std::size_t row_offsets = 0;
  std::size_t col_indices = 0;
  std::size_t entries = 0;
  std::size_t columns = 0;  // of the entries, sorted
  std::size_t numbers = 0;  // 0, 1, 2, …
  std::size_t sorter = 0;
  std::size_t sorter_bytes = 0;
  std::size_t total = 0;
};

int bits_of(index_t cols) {
  int bits = 1;
  while (bits < 31 && (index_t{1} << bits) < cols) bits += 1;
  return bits;
}

/// With sorter == nullptr only asks for sorter_bytes.
void sort_entries(const Pattern& p, void* sorter, std::size_t& sorter_bytes,
                  std::int32_t* sorted_columns, const std::int64_t* numbers, std::int64_t* entries,
                  CUstream_st* stream) {
  IDL_CUDA_CHECK(cub::DeviceRadixSort::SortPairs(sorter, sorter_bytes, p.col_indices,
                                                 sorted_columns, numbers, entries, p.nnz, 0,
                                                 bits_of(p.cols), stream));
}

Layout layout_of(const Pattern& p) {
  Layout layout;
  const auto nnz = static_cast<std::size_t>(p.nnz);
  const auto take = [&layout](std::size_t bytes) {
    const std::size_t at = layout.total;
    layout.total += (bytes + 255) / 256 * 256;
    return at;
  };
  layout.row_offsets = take((static_cast<std::size_t>(p.cols) + 1) * sizeof(std::int64_t));
  layout.col_indices = take(nnz * sizeof(std::int32_t));
  layout.entries = take(nnz * sizeof(std::int64_t));
  layout.columns = take(nnz * sizeof(std::int32_t));
  layout.numbers = take(nnz * sizeof(std::int64_t));
  if (p.nnz > 0) {
    sort_entries(p, nullptr, layout.sorter_bytes, nullptr, nullptr, nullptr, nullptr);
  }
  layout.sorter = take(layout.sorter_bytes);
  return layout;
}

template <class V>
V* at(void* memory, std::size_t offset) {
  return reinterpret_cast<V*>(static_cast<char*>(memory) + offset);
}

__global__ void number_kernel(std::int64_t* numbers, index_t count) {
  const index_t i = static_cast<index_t>(blockIdx.x) * k_pattern_threads + threadIdx.x;
  if (i < count) numbers[i] = i;
}

/// The first of the ascending `values` that is >= (Above: >) `bound`.
template <bool Above, class V>
__device__ index_t first_from(const V* values, index_t count, V bound) {
  index_t low = 0;
  index_t high = count;
  while (low < high) {
    const index_t middle = low + (high - low) / 2;
    if (Above ? values[middle] <= bound : values[middle] < bound) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/// One thread per column of A, and one for the end.
__global__ void find_columns_kernel(const std::int32_t* sorted_columns, index_t nnz,
                                    std::int64_t* offsets, index_t cols) {
  const index_t j = static_cast<index_t>(blockIdx.x) * k_pattern_threads + threadIdx.x;
  if (j > cols) return;
  offsets[j] =
      j == cols ? nnz : first_from<false>(sorted_columns, nnz, static_cast<std::int32_t>(j));
}

/// One thread per entry: its row in A.
__global__ void find_rows_kernel(const std::int64_t* row_offsets, index_t rows,
                                 const std::int64_t* entries, index_t nnz,
                                 std::int32_t* row_of_entry) {
  const index_t i = static_cast<index_t>(blockIdx.x) * k_pattern_threads + threadIdx.x;
  if (i >= nnz) return;
  row_of_entry[i] =
      static_cast<std::int32_t>(first_from<true>(row_offsets, rows + 1, entries[i]) - 1);
}

}  // namespace

std::size_t transposed_pattern_bytes(const Pattern& pattern) { return layout_of(pattern).total; }

TransposedPattern transposed_pattern_in(void* memory, const Pattern& pattern) {
  const Layout layout = layout_of(pattern);
  return {.row_offsets = at<std::int64_t>(memory, layout.row_offsets),
          .col_indices = at<std::int32_t>(memory, layout.col_indices),
          .entries = at<std::int64_t>(memory, layout.entries)};
}

void transpose_pattern(const Pattern& p, void* memory, CUstream_st* stream) {
  Layout layout = layout_of(p);
  const TransposedPattern result = transposed_pattern_in(memory, p);
  auto* columns = at<std::int32_t>(memory, layout.columns);
  auto* numbers = at<std::int64_t>(memory, layout.numbers);
  if (p.nnz > 0) {
    launch(number_kernel, one_thread_each(p.nnz, k_pattern_threads), stream, numbers, p.nnz);
    sort_entries(p, at<void>(memory, layout.sorter), layout.sorter_bytes, columns, numbers,
                 result.entries, stream);
    launch(find_rows_kernel, one_thread_each(p.nnz, k_pattern_threads), stream, p.row_offsets,
           p.rows, result.entries, p.nnz, result.col_indices);
  }
  launch(find_columns_kernel, one_thread_each(p.cols + 1, k_pattern_threads), stream, columns,
         p.nnz, result.row_offsets, p.cols);
}

}  // namespace idl::cuda
