// SPDX-License-Identifier: MIT
// The update of samples that lie in rows: X(j,:) <- f(S(j,:)) with the norms of step and state of
// each sample, S given or made on the way, S = from·Aᵀ with A in compressed rows.
//
// A warp takes eight rows of A, one after the other, and 32 samples, or as many packs of 16 bytes;
// a lane has its samples to itself. An entry of A is read by the whole warp at once, and multiplies
// 32 neighbours of `from`: these come from shared memory where a block can hold the tile of its
// samples through all states, otherwise from the caches, side by side. So a sample is summed from
// left to right by one lane, whatever the form. A tile of which no sample runs is copied.
//
// Norms: a warp leaves those of its eight rows in the working memory; a second kernel puts them
// together in an order that depends on n alone. Reads beside the products: `from`, what f holds,
// and an eighth of both written and read again as norms; X is written.
#include <algorithm>
#include <cmath>

#include "idl/cuda/device/pack.cuh"
#include "idl/detail/column_status.hpp"
#include "idl/detail/rounded.hpp"
#include "kernels/cuda/loop/fused_maps.cuh"
#include "kernels/cuda/runtime/launchers.hpp"
#include "kernels/loop_updates.hpp"

namespace idl::cuda {
namespace {

constexpr int k_sample_warps = 16;
constexpr int k_sample_threads = k_sample_warps * k_warp;
constexpr int k_group = 8;           // rows whose norms a warp puts together
constexpr index_t k_busy_warps = 8;  // of a multiprocessor, to hide what reading takes

/// Where the sums come from.
enum class Sums { given, gathered, staged };

template <class T>
struct SampleRows {
  ConstMatrixView<T> from;
  MatrixView<T> X;
  const std::uint8_t* status;
  index_t groups;
  ConstCsrView<T> A{};     ///< where sums are not given
  ConstMatrixView<T> S{};  ///< where they are
  index_t tiles = 0;
};

/// A warp's samples.
template <class T, class Map, Sums Kind, int V>
class SampleTile {
  using Word = Pack<T, V>;
  using Norm = typename Map::Norm;
  using Combine = typename Map::Combine;

 public:
  __device__ SampleTile(const SampleRows<T>& rows, const Map& map)
      : rows_(rows),
        map_(map),
        words_(0),
        lane_(static_cast<int>(threadIdx.x) % k_warp),
        warp_(static_cast<int>(threadIdx.x) / k_warp) {
    const index_t j = (static_cast<index_t>(blockIdx.x) % rows.tiles * k_warp + lane_) * V;
    inside_ = j < rows.X.rows;
    j_ = inside_ ? j : 0;  // where lanes without samples read
    for (int v = 0; v < V; ++v)
      if (inside_ && rows.status[j_ + v] == k_running) running_ |= 1U << v;
  }

  __device__ void run(Norm* norms) {
    const bool any = __any_sync(k_full_warp, running_ != 0 ? 1 : 0) != 0;
    if (!any && rows_.from.data == rows_.X.data) return;
    if (Kind == Sums::staged && any) stage();
    const index_t first = static_cast<index_t>(blockIdx.x) / rows_.tiles;
    const index_t row_blocks = static_cast<index_t>(gridDim.x) / rows_.tiles;
    for (index_t group = first + row_blocks * warp_; group < rows_.groups;
         group += row_blocks * k_sample_warps)
      any ? update(group, norms) : copy(group);
  }

 private:
  /// All samples of the block through all states; every warp of the block decides as this one.
  __device__ void stage() {
    for (index_t i = warp_; i < rows_.X.cols; i += k_sample_warps)
      words_[static_cast<int>(i) * k_warp + lane_] = load_pack<V>(at(rows_.from, i));
    __syncthreads();
  }

  template <class View>
  __device__ auto at(const View& view, index_t i) const {
    return view.data + j_ + i * view.ld;
  }
  __device__ index_t end_of(index_t group) const {
    const index_t end = (group + 1) * k_group;
    return end < rows_.X.cols ? end : rows_.X.cols;
  }

  __device__ Word state(index_t i) const {
    if constexpr (Kind == Sums::staged)
      return words_[static_cast<int>(i) * k_warp + lane_];
    else
      return load_pack<V>(at(rows_.from, i));
  }

  __device__ Word sum_of_row(index_t i) const {
    if constexpr (Kind == Sums::given) {
      return load_pack<V>(at(rows_.S, i));
    } else {
      Word sum = {};
      const std::int64_t end = rows_.A.row_offsets[i + 1];
#pragma unroll 4
      for (std::int64_t e = rows_.A.row_offsets[i]; e < end; ++e) {
        const T a = rows_.A.values[e];
        const Word x = state(rows_.A.col_indices[e]);
#pragma unroll
        for (int v = 0; v < V; ++v) sum.x[v] = std::fma(a, x.x[v], sum.x[v]);
      }
      return sum;
    }
  }

  __device__ void update(index_t group, Norm* norms) const {
    Norm steps[V] = {};
    Norm states[V] = {};
    for (index_t i = group * k_group; i < end_of(group); ++i) {
      const Word sum = sum_of_row(i);
      Word x = state(i);
#pragma unroll
      for (int v = 0; v < V; ++v) {
        if ((running_ >> v & 1U) == 0) continue;
        const T next = map_(sum.x[v], map_.hold(j_ + v, i));
        // Never fused with what made `next`: at a fixed point the step is 0.
        steps[v] = Combine{}(steps[v], Map::measure(rounded::add(next, -x.x[v])));
        states[v] = Combine{}(states[v], Map::measure(next));
        x.x[v] = next;
      }
      if (inside_) store_pack(at(rows_.X, i), x);
    }
    if (!inside_) return;
    const index_t m = rows_.X.rows;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      norms[2 * group * m + j_ + v] = steps[v];
      norms[(2 * group + 1) * m + j_ + v] = states[v];
    }
  }

  __device__ void copy(index_t group) const {
    if (!inside_) return;
    for (index_t i = group * k_group; i < end_of(group); ++i)
      store_pack(at(rows_.X, i), load_pack<V>(at(rows_.from, i)));
  }

  const SampleRows<T>& rows_;
  const Map& map_;
  DynamicShared<Word> words_;  // from: [state][lane]
  int lane_;
  int warp_;
  index_t j_;  // the first sample
  bool inside_;
  unsigned running_ = 0;  // bit v: sample j + v runs
};

template <class T, class Map, Sums Kind, int V>
__global__ void __launch_bounds__(k_sample_threads)
    sample_update_kernel(SampleRows<T> rows, Map map, typename Map::Norm* norms) {
  SampleTile<T, Map, Kind, V>(rows, map).run(norms);
}

/// A block puts the norms of 32 samples together, each warp every 16th group of rows.
template <class T, class Map>
__global__ void __launch_bounds__(k_sample_threads)
    sample_norms_kernel(const typename Map::Norm* norms, index_t groups,
                        VectorView<const std::uint8_t> status, VectorView<T> step_norms,
                        VectorView<T> state_norms) {
  using Norm = typename Map::Norm;
  using Combine = typename Map::Combine;
  __shared__ SharedArray<Norm, 2 * k_sample_threads> shared;
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % k_warp;
  const int warp = thread / k_warp;
  const index_t m = status.size;
  const index_t j = static_cast<index_t>(blockIdx.x) * k_warp + lane;
  const bool runs = j < m && status.data[j] == k_running;
  Norm step = 0;
  Norm state = 0;
  if (runs) {
#pragma unroll 4
    for (index_t group = warp; group < groups; group += k_sample_warps) {
      step = Combine{}(step, norms[2 * group * m + j]);
      state = Combine{}(state, norms[(2 * group + 1) * m + j]);
    }
  }
  shared[thread] = step;
  shared[k_sample_threads + thread] = state;
  __syncthreads();
  if (warp > 1 || !runs) return;
  Norm total = 0;
  for (int w = 0; w < k_sample_warps; ++w) {
    const Norm part = shared[warp * k_sample_threads + w * k_warp + lane];
    total = Combine{}(total, part);
  }
  (warp == 0 ? step_norms : state_norms).data[j] = Map::value(total);
}

template <class T>
FusedPicard<T> map_of(const PicardUpdate<T>& u) {
  return picard_map(u.Z, u.activation);
}
template <class T>
FusedAdjoint<T> map_of(const AdjointUpdate<T>& u) {
  return {u.G, u.Psi};
}

/// All blocks at once where there is work for them; what is staged is staged by few.
template <class T, class Map, Sums Kind, int V>
void launch_update(SampleRows<T> rows, const Map& map, typename Map::Norm* norms,
                   CUstream_st* stream) {
  rows.tiles = (rows.X.rows + k_warp * V - 1) / (k_warp * V);
  const index_t full = (rows.groups + k_sample_warps - 1) / k_sample_warps;
  const index_t even = (multiprocessor_count() + rows.tiles - 1) / rows.tiles;
  const index_t row_blocks = Kind == Sums::staged ? std::min(even, rows.groups)
                                                  : std::max(full, std::min(even, rows.groups));
  const LaunchShape shape = {
      .grid = dim3(static_cast<unsigned>(rows.tiles * row_blocks)),
      .block = dim3(static_cast<unsigned>(k_sample_threads)),
      .shared_bytes = Kind == Sums::staged
                          ? static_cast<std::size_t>(rows.X.cols) * k_warp * V * sizeof(T)
                          : 0};
  launch(sample_update_kernel<T, Map, Kind, V>, shape, stream, rows, map, norms);
}

template <class T, int V>
bool can_be_staged(const SampleRows<T>& rows) {
  const auto bytes = static_cast<std::size_t>(rows.X.cols) * k_warp * V * sizeof(T);
  return bytes <= most_shared_bytes();
}

/// Packs where they fit and leave every multiprocessor warps enough; the bits are the same.
template <class T, class Map>
void choose_update(const SampleRows<T>& rows, const Map& map, bool given, typename Map::Norm* norms,
                   CUstream_st* stream) {
  constexpr int k_wide = k_pack<T>;
  const auto start = [&]<Sums Kind, int V>() {
    launch_update<T, Map, Kind, V>(rows, map, norms, stream);
  };
  const bool fits = rows.X.rows % k_wide == 0 && packs_fit(rows.S, rows.from, rows.X);
  const index_t wide_warps = rows.X.rows / (k_warp * k_wide) * rows.groups;
  const bool wide = fits && wide_warps >= k_busy_warps * multiprocessor_count();
  if (given)
    return wide ? start.template operator()<Sums::given, k_wide>()
                : start.template operator()<Sums::given, 1>();
  if (wide && can_be_staged<T, k_wide>(rows))
    return start.template operator()<Sums::staged, k_wide>();
  if (can_be_staged<T, 1>(rows)) return start.template operator()<Sums::staged, 1>();
  wide ? start.template operator()<Sums::gathered, k_wide>()
       : start.template operator()<Sums::gathered, 1>();
}

template <class T, class Update>
void run(const SampleUpdate<T>& u, Update update, void* scratch, CUstream_st* stream) {
  const auto map = map_of(update);
  using Map = std::remove_const_t<decltype(map)>;
  const MatrixView<T> X = state_of(update);
  if (X.rows == 0) return;
  SampleRows<T> rows = {.from = u.from,
                        .X = X,
                        .status = update.status.data,
                        .groups = (X.cols + k_group - 1) / k_group};
  if (u.A)
    rows.A = *u.A;
  else
    rows.S = product_of(update);
  auto* norms = static_cast<typename Map::Norm*>(scratch);
  if (X.cols > 0) choose_update(rows, map, !u.A, norms, stream);
  const LaunchShape shape = {.grid = dim3(static_cast<unsigned>((X.rows + k_warp - 1) / k_warp)),
                             .block = dim3(static_cast<unsigned>(k_sample_threads)),
                             .shared_bytes = 0};
  launch(sample_norms_kernel<T, Map>, shape, stream, norms, rows.groups, update.status,
         update.step_norms, update.state_norms);
}

}  // namespace

template <class T>
std::size_t sample_update_bytes(const SampleUpdate<T>& u) {
  const auto groups = static_cast<std::size_t>((u.from.cols + k_group - 1) / k_group);
  return 2 * groups * static_cast<std::size_t>(u.from.rows) * sizeof(T);
}

template <class T>
void sample_update(const SampleUpdate<T>& u, void* scratch, CUstream_st* stream) {
  std::visit([&](const auto& update) { run(u, update, scratch, stream); }, u.update);
}

template std::size_t sample_update_bytes(const SampleUpdate<float>&);
template std::size_t sample_update_bytes(const SampleUpdate<double>&);
template void sample_update(const SampleUpdate<float>&, void*, CUstream_st*);
template void sample_update(const SampleUpdate<double>&, void*, CUstream_st*);

}  // namespace idl::cuda
