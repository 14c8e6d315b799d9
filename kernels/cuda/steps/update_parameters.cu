// SPDX-License-Identifier: MIT
// A step of the optimiser on M and the projection of its leading block A: in one kernel where the
// projection is that of rows onto the l1 ball and a row fits a block of threads, else in two.
//
// In the one kernel the first blocks take eight rows of A each (l1_rows.cuh): they update the
// entries, keep them in shared memory, and write them once, projected. The others take the rest of
// M entry by entry, first what lies to the right of A and right below that, then what lies below A.
// Beside the optimiser's own reads and writes nothing goes through memory.
#include <variant>

#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/l1_rows.cuh"
#include "kernels/cuda/device/left_out.cuh"
#include "kernels/cuda/runtime/launchers.hpp"
#include "kernels/optimiser_factors.hpp"

namespace idl::cuda {
namespace {

/// The optimisers: what they hold, the block of it that belongs to a block of M, and one entry:
/// what is read of it, then the new M_ij, which the caller writes; all else is written here.
template <class T>
struct Adam {
  struct Entry {
    T M, dM, m1, m2;
  };

  AdamUpdate<T> u;
  AdamFactors<T> factors;

  const MatrixView<T>& M() const { return u.M; }
  Adam block(index_t row, index_t col, index_t rows, index_t cols) const {
    Adam part = *this;
    part.u.M = u.M.block(row, col, rows, cols);
    part.u.dM = u.dM.block(row, col, rows, cols);
    part.u.m1 = u.m1.block(row, col, rows, cols);
    part.u.m2 = u.m2.block(row, col, rows, cols);
    return part;
  }
  __device__ Adam scheduled() const { return {u, with_schedule(factors, u.schedule)}; }
  __device__ Entry load(index_t i, index_t j) const {
    return {u.M.data[i + j * u.M.ld], u.dM.data[i + j * u.dM.ld], u.m1.data[i + j * u.m1.ld],
            u.m2.data[i + j * u.m2.ld]};
  }
  __device__ T operator()(index_t i, index_t j, Entry entry) const {
    if (!adam_entry(factors, entry.M, entry.dM, entry.m1, entry.m2)) note_left_out(u.left_out);
    u.m1.data[i + j * u.m1.ld] = entry.m1;
    u.m2.data[i + j * u.m2.ld] = entry.m2;
    return entry.M;
  }
};

template <class T>
struct Sgd {
  struct Entry {
    T M, dM, velocity;
  };

  SgdUpdate<T> u;
  SgdFactors<T> factors;

  const MatrixView<T>& M() const { return u.M; }
  Sgd block(index_t row, index_t col, index_t rows, index_t cols) const {
    Sgd part = *this;
    part.u.M = u.M.block(row, col, rows, cols);
    part.u.dM = u.dM.block(row, col, rows, cols);
    part.u.velocity = u.velocity.block(row, col, rows, cols);
    return part;
  }
  __device__ Sgd scheduled() const { return {u, with_schedule(factors, u.schedule)}; }
  __device__ Entry load(index_t i, index_t j) const {
    return {u.M.data[i + j * u.M.ld], u.dM.data[i + j * u.dM.ld],
            u.velocity.data[i + j * u.velocity.ld]};
  }
  __device__ T operator()(index_t i, index_t j, Entry entry) const {
    if (!sgd_entry(factors, entry.M, entry.dM, entry.velocity)) note_left_out(u.left_out);
    u.velocity.data[i + j * u.velocity.ld] = entry.velocity;
    return entry.M;
  }
};

/// Entries of a part of M, two per thread, whose reads are under way together; neighbouring threads
/// have neighbouring rows.
constexpr int k_each = 2;
template <class Optimiser>
__device__ void update_entries(const Optimiser& optimiser, index_t block) {
  const auto& M = optimiser.u.M;
  const index_t count = M.rows * M.cols;
  const index_t first = block * (k_each * k_slab_threads) + static_cast<index_t>(threadIdx.x);
  EntryPlace places[k_each];
  typename Optimiser::Entry entries[k_each];
#pragma unroll
  for (int e = 0; e < k_each; ++e) {
    const index_t number = first + e * k_slab_threads;
    if (number >= count) continue;
    places[e] = entry_place(number, M.rows, count <= k_most_short);
    entries[e] = optimiser.load(places[e].row, places[e].col);
  }
#pragma unroll
  for (int e = 0; e < k_each; ++e) {
    if (first + e * k_slab_threads >= count) continue;
    const EntryPlace at = places[e];
    M.data[at.row + at.col * M.ld] = optimiser(at.row, at.col, entries[e]);
  }
}

template <class T, class Optimiser>
__global__ void update_and_project_kernel(Optimiser A, Optimiser right, Optimiser below,
                                          ProjectRowsL1<T> projection, index_t slabs,
                                          index_t right_blocks) {
  __shared__ SharedArray<T, k_kept_cols<T> * k_slab_rows> kept;
  __shared__ SlabShared<double, 2> doubles;
  __shared__ SlabShared<unsigned long long> words;
  const auto block = static_cast<index_t>(blockIdx.x);
  if (block >= slabs) {
    const bool is_right = block < slabs + right_blocks;
    const index_t first = is_right ? slabs : slabs + right_blocks;
    update_entries((is_right ? right : below).scheduled(), block - first);
    return;
  }

  const RowSeat seat = row_seat();
  const Optimiser optimiser = A.scheduled();
  const MatrixView<T>& M = A.u.M;
  const index_t i = block * k_slab_rows + seat.row;
  T* row = i < M.rows ? M.data + i : nullptr;
  const RowShare<T, true> share = {row, M.ld, M.cols, kept, doubles, words};
  const L1Prox prox = prox_of(projection);
  RowSummary summary;
  if (row != nullptr) {
    for (index_t j = seat.rank; j < M.cols; j += k_row_threads) {
      const T a = optimiser(i, j, optimiser.load(i, j));
      kept[static_cast<int>(j) * k_slab_rows + seat.row] = a;
      summary.take(a, prox);
    }
  }
  bool changed = false;
  std::int64_t zero_count = project_row(share, summary, row != nullptr, M.cols, prox, changed,
                                        [&](index_t j, T value) { row[j * M.ld] = value; });
  if (!changed) share.for_each([&](index_t j, T a) { row[j * M.ld] = a; });
  if (projection.zeros.size == 0) return;
  zero_count = share.sum(zero_count);
  if (seat.rank == 0 && row != nullptr)
    projection.zeros.data[i] = static_cast<std::int32_t>(zero_count);
}

template <class T, class Optimiser>
void launch_with(const Optimiser& optimiser, const ProjectRowsL1<T>& p, CUstream_st* stream) {
  const MatrixView<T>& M = optimiser.M();
  const index_t n = p.A.rows;
  const index_t k = p.A.cols;
  const Optimiser right = optimiser.block(0, k, M.rows, M.cols - k);
  const Optimiser below = optimiser.block(n, 0, M.rows - n, k);
  const auto blocks_of = [](const Optimiser& part) {
    constexpr index_t k_block = k_each * k_slab_threads;
    return (part.M().rows * part.M().cols + k_block - 1) / k_block;
  };
  const index_t slabs = (n + k_slab_rows - 1) / k_slab_rows;
  const index_t right_blocks = blocks_of(right);
  const LaunchShape shape = {
      .grid = dim3(static_cast<unsigned>(slabs + right_blocks + blocks_of(below))),
      .block = dim3(static_cast<unsigned>(k_slab_threads)),
      .shared_bytes = 0};
  launch(update_and_project_kernel<T, Optimiser>, shape, stream, optimiser.block(0, 0, n, k), right,
         below, p, slabs, right_blocks);
}

template <class T>
bool fits_one_kernel(const ProjectRowsL1<T>& p) {
  return p.A.rows > 0 && p.A.cols > 0 && p.A.cols <= k_kept_cols<T>;
}

template <class T>
Adam<T> optimiser_of(const AdamUpdate<T>& update) {
  return {update, adam_factors(update)};
}
template <class T>
Sgd<T> optimiser_of(const SgdUpdate<T>& update) {
  return {update, sgd_factors(update)};
}

/// One overload per part of UpdateParameters.
struct LaunchOf {
  CUstream_st* stream;

  void operator()(const std::monostate&) const {}
  template <class T>
  void operator()(const AdamUpdate<T>& update) const {
    adam_update(update, stream);
  }
  template <class T>
  void operator()(const SgdUpdate<T>& update) const {
    sgd_update(update, stream);
  }
  template <class T>
  void operator()(const ProjectRowsL1<T>& projection) const {
    project_rows_l1(projection, stream);
  }
  template <class T>
  void operator()(const ProjectCsrRowsL1<T>& projection) const {
    project_csr_rows_l1(projection, stream);
  }
  template <class T>
  void operator()(const MaskStrictlyUpper<T>& mask) const {
    mask_strictly_upper(mask, stream);
  }
};

}  // namespace

template <class T>
void update_parameters(const UpdateParameters<T>& step, CUstream_st* stream) {
  const auto* rows = std::get_if<ProjectRowsL1<T>>(&step.projection);
  if (rows != nullptr && fits_one_kernel(*rows)) {
    std::visit([&](const auto& update) { launch_with<T>(optimiser_of(update), *rows, stream); },
               step.update);
    return;
  }
  std::visit(LaunchOf{stream}, step.update);
  std::visit(LaunchOf{stream}, step.projection);
}

template void update_parameters(const UpdateParameters<float>&, CUstream_st*);
template void update_parameters(const UpdateParameters<double>&, CUstream_st*);

}  // namespace idl::cuda
