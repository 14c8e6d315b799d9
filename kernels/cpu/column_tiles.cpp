// SPDX-License-Identifier: MIT
#include "kernels/cpu/column_tiles.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>
#include <variant>

#include "idl/solver.hpp"
#include "kernels/cpu/execute.hpp"

namespace idl::cpu {
namespace {

/// A and a tile of X, Z and S share the cache of a core with each other.
constexpr std::size_t k_cached_bytes = std::size_t(1) << 20;
/// Wide enough for a product to run at full speed, narrow enough to stop early.
constexpr index_t k_widest_tile = 128;

/// Restricts primitives to the columns [first, first + count).
struct Restriction {
  index_t first;
  index_t count;
  VectorView<std::int32_t> active;

  template <class View>
  View columns(const View& view) const {
    return view.columns(first, count);
  }
  template <class T>
  VectorView<T> range(const VectorView<T>& view) const {
    return view.range(first, count);
  }

  template <class T>
  Primitive operator()(Gemm<T> gemm) const {
    gemm.B = columns(gemm.B);
    gemm.C = columns(gemm.C);
    return gemm;
  }
  template <class T>
  Primitive operator()(PicardUpdate<T> update) const {
    update.S = columns(update.S);
    update.Z = columns(update.Z);
    update.X = columns(update.X);
    restrict_norms(update);
    return update;
  }
  template <class T>
  Primitive operator()(AdjointUpdate<T> update) const {
    update.W = columns(update.W);
    update.G = columns(update.G);
    update.Psi = columns(update.Psi);
    update.V = columns(update.V);
    restrict_norms(update);
    return update;
  }
  template <class T>
  Primitive operator()(UpdateStatus<T> update) const {
    update.step_norms = range(update.step_norms);
    update.state_norms = range(update.state_norms);
    ColumnStatus<T>& status = update.columns;
    status.status = range(status.status);
    status.iterations = range(status.iterations);
    status.best_steps = range(status.best_steps);
    status.stalled = range(status.stalled);
    status.active = active;
    return update;
  }
  /// Never asked for: looks_separable has seen to that.
  template <class Other>
  Primitive operator()(const Other& other) const {
    return other;
  }

 private:
  template <class Update>
  void restrict_norms(Update& update) const {
    update.step_norms = range(update.step_norms);
    update.state_norms = range(update.state_norms);
    update.status = range(update.status);
  }
};

/// What the sequence must be to be cut: one product, one update, one decision, on one batch.
struct Inspection {
  std::size_t matrix_bytes = 0;
  std::optional<index_t> samples;
  VectorView<std::int32_t> active;
  VectorView<const std::uint8_t> status;
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
    status = update.columns.status;
  }
  template <class Other>
  void operator()(const Other&) {
    separable = false;
  }
};

}  // namespace

std::unique_ptr<ColumnTiles> ColumnTiles::make(const Sequence& sequence,
                                               VectorView<const std::int32_t> active, int threads) {
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
  for (index_t first = 0; first < samples; first += width) {
    const index_t count = std::min(width, samples - first);
    Tile tile{.steps = {},
              .status = inspection.status.range(first, count),
              .active = std::make_unique<std::int32_t>(0),
              .scratch = std::make_unique<Scratch>()};
    const Restriction restriction{first, count, {tile.active.get(), 1, active.device}};
    for (const Primitive& step : sequence) tile.steps.push_back(std::visit(restriction, step));
    tiles->tiles_.push_back(std::move(tile));
  }
  return tiles;
}

void ColumnTiles::run_tile(Tile& tile, std::int32_t max_iterations) {
  std::int32_t& active = *tile.active;
  active =
      static_cast<std::int32_t>(std::count(tile.status.data, tile.status.data + tile.status.size,
                                           static_cast<std::uint8_t>(SolveStatus::running)));
  for (std::int32_t k = 0; active > 0 && k < max_iterations; ++k)
    for (const Primitive& step : tile.steps)
      std::visit([&](const auto& primitive) { execute(primitive, *tile.scratch); }, step);
}

void ColumnTiles::run(std::int32_t max_iterations) {
  if (active_.data[0] == 0 || max_iterations == 0) return;
  const auto count = static_cast<index_t>(tiles_.size());
  std::exception_ptr error;
  // An exception must not leave the parallel region.
#pragma omp parallel for schedule(dynamic)
  for (index_t t = 0; t < count; ++t) {
    try {
      run_tile(tiles_[static_cast<std::size_t>(t)], max_iterations);
    } catch (...) {
#pragma omp critical(idl_column_tiles)
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
  std::int32_t active = 0;
  for (const Tile& tile : tiles_) active += *tile.active;
  active_.data[0] = active;
}

}  // namespace idl::cpu
