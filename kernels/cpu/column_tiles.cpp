// SPDX-License-Identifier: MIT
#include "kernels/cpu/column_tiles.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>
#include <variant>

#include "kernels/cpu/parallel.hpp"

namespace idl::cpu {
namespace {

/// A and a tile of X, Z and S share the cache of a core with each other.
constexpr std::size_t k_cached_bytes = std::size_t(1) << 20;
/// Wide enough for a product to run at full speed, narrow enough to stop early.
constexpr index_t k_widest_tile = 128;

/// What the sequence must be to be cut: one product, one update, one decision, on one batch.
struct Inspection {
  std::size_t matrix_bytes = 0;
  std::optional<index_t> samples;
  VectorView<std::int32_t> active;
  bool separable = true;

  void batch_of(index_t count) {
    separable = separable && (!samples || *samples == count);
    samples = count;
  }
  template <class T>
  void operator()(const Gemm<T>& gemm) {
    separable = separable && !gemm.transpose_B;
    batch_of(gemm.C.cols);
    matrix_bytes += static_cast<std::size_t>(gemm.A.rows * gemm.A.cols) * sizeof(T);
  }
  template <class T>
  void operator()(const PicardUpdate<T>& update) {
    batch_of(update.X.cols);
  }
  template <class T>
  void operator()(const AdjointUpdate<T>& update) {
    batch_of(update.V.cols);
  }
  template <class T>
  void operator()(const UpdateStatus<T>& update) {
    separable = separable && active.data == nullptr;
    batch_of(update.step_norms.size);
    active = update.columns.active;
  }
  template <class T>
  void operator()(const AndersonMix<T>& mix) {
    batch_of(mix.X.cols);
  }
  template <class T>
  void operator()(const ActivationDerivative<T>& derivative) {
    batch_of(derivative.Psi.cols);
  }
  template <class Other>
  void operator()(const Other&) {
    separable = false;
  }
};

}  // namespace

std::unique_ptr<ColumnTiles> ColumnTiles::make(const Sequence& sequence,
                                               VectorView<const std::int32_t> active, int threads,
                                               bool from_zero) {
  Inspection inspection;
  for (const Primitive& step : sequence) std::visit(inspection, step);
  if (!inspection.separable || inspection.active.data != active.data ||
      inspection.matrix_bytes > k_cached_bytes)
    return nullptr;
  const index_t samples = inspection.samples.value_or(0);
  if (samples < 2) return nullptr;

  // A multiple of the number of threads, so that none waits for another.
  const index_t round = k_widest_tile * threads;
  const index_t wanted = threads * ((samples + round - 1) / round);
  const index_t width = (samples + wanted - 1) / wanted;
  auto tiles = std::make_unique<ColumnTiles>();
  tiles->active_ = inspection.active;
  tiles->samples_ = samples;
  tiles->width_ = width;
  tiles->from_zero_ = from_zero;
  const index_t count = (samples + width - 1) / width;
  for (index_t thread = 0; thread < std::min<index_t>(threads, count); ++thread) {
    auto loop = TileLoop::make(sequence, width, from_zero);
    if (!loop) return nullptr;
    tiles->loops_.push_back(std::move(loop));
  }
  return tiles;
}

void ColumnTiles::run(std::int32_t max_iterations) {
  if (!from_zero_ && (active_.data[0] == 0 || max_iterations == 0)) return;
  const index_t count = (samples_ + width_ - 1) / width_;
  std::exception_ptr error;
  std::int32_t active = 0;
#pragma omp parallel num_threads(static_cast <int>(loops_.size())) reduction(+ : active)
  {
    TileLoop& loop = *loops_[static_cast<std::size_t>(thread_number())];
    bool begun = false;
#pragma omp for schedule(dynamic)
    for (index_t t = 0; t < count; ++t) {
      // An exception must not leave the parallel region.
      try {
        if (!begun) loop.begin();
        begun = true;
        active += loop.run(t * width_, std::min(width_, samples_ - t * width_), max_iterations);
      } catch (...) {
#pragma omp critical(idl_column_tiles)
        error = std::current_exception();
      }
    }
  }
  if (error) std::rethrow_exception(error);
  active_.data[0] = active;
}

}  // namespace idl::cpu
