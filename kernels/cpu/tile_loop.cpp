// SPDX-License-Identifier: MIT
#include "kernels/cpu/tile_loop.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "idl/solver.hpp"
#include "kernels/cpu/execute.hpp"
#include "kernels/cpu/gemm.hpp"
#include "kernels/cpu/scratch.hpp"
#include "kernels/row_blocks.hpp"

namespace idl::cpu {
namespace {

/// Narrower products are not much faster.
constexpr index_t k_narrowest = 8;

// What the two kinds of updates call by different names.
template <class T>
MatrixView<T>& state_of(PicardUpdate<T>& u) {
  return u.X;
}
template <class T>
MatrixView<T>& state_of(AdjointUpdate<T>& u) {
  return u.V;
}
template <class T>
ConstMatrixView<T>& product_of(PicardUpdate<T>& u) {
  return u.S;
}
template <class T>
ConstMatrixView<T>& product_of(AdjointUpdate<T>& u) {
  return u.W;
}
template <class T>
std::array<ConstMatrixView<T>*, 1> held_by(PicardUpdate<T>& u) {
  return {&u.Z};
}
template <class T>
std::array<ConstMatrixView<T>*, 2> held_by(AdjointUpdate<T>& u) {
  return {&u.G, &u.Psi};
}
template <class T>
std::array<MatrixView<T>*, 5> held_by(AndersonMix<T>& mix) {
  return {&mix.Y, &mix.F_even, &mix.G_even, &mix.F_odd, &mix.G_odd};
}

/// The entries of ColumnStatus and of the norms that belong to the columns at work.
template <class T>
struct Fates {
  std::vector<std::uint8_t> status;
  std::vector<std::int32_t> iterations;
  std::vector<T> best_steps;
  std::vector<std::int32_t> stalled;
  std::vector<T> step_norms;
  std::vector<T> state_norms;
  std::vector<T> accepted;
  std::vector<std::int32_t> points;
  std::vector<std::int32_t> fallbacks;

  explicit Fates(index_t columns)
      : status(static_cast<std::size_t>(columns)),
        iterations(status.size()),
        best_steps(status.size()),
        stalled(status.size()),
        step_norms(status.size()),
        state_norms(status.size()),
        accepted(status.size()),
        points(status.size()),
        fallbacks(status.size()) {}
};

template <class T, class Update>
class SeparableLoop final : public TileLoop {
 public:
  /// The steps of one iteration; `mix` where it is accelerated.
  struct Steps : RowSweep<T, Update> {
    UpdateStatus<T> decision;
    std::optional<AndersonMix<T>> mix;
  };

  SeparableLoop(const Steps& steps, index_t first, index_t count)
      : whole_(steps),
        rows_(state_of(whole_.update).rows),
        fates_(count),
        columns_(static_cast<std::size_t>(count)),
        state_(buffer_size(count)) {
    held_.resize(held_by(whole_.update).size() + (whole_.mix ? held_by(*whole_.mix).size() : 0),
                 state_);
    restrict(first, count);
  }

  std::int32_t run(std::int32_t max_iterations) override {
    Steps work = whole_;
    const VectorView<std::uint8_t> status = whole_.decision.columns.status;
    active_ = static_cast<std::int32_t>(std::count(
        status.data, status.data + status.size, static_cast<std::uint8_t>(SolveStatus::running)));
    index_t width = status.size;
    bool moved = false;
    packed_ = PackedGemm<T>::fits(work.product) && takes_fixed_order(work.product) &&
              std::ranges::all_of(work.first_rows, PackedGemm<T>::begins_at);
    if (packed_ && active_ > 0 && max_iterations > 0) packed_product_.pack(work.product);
    for (std::int32_t k = 0; active_ > 0 && k < max_iterations; ++k) {
      if (width > k_narrowest && 4 * active_ <= 3 * width) {
        width = gather(work, width, moved);
        moved = true;
        work = moved_steps(width);
      }
      for (std::size_t b = 0; b < work.first_rows.size(); ++b) apply(work, b);
      execute(work.decision, scratch_);
      if (work.mix) execute(*work.mix, scratch_);
    }
    if (moved)
      for (index_t k = 0; k < width; ++k) put_back(k);
    return active_;
  }

 private:
  /// The map, for a block of its rows.
  void apply(const Steps& work, std::size_t block) {
    const index_t first = work.first_rows[block];
    const index_t rows = work.rows_from(block);
    if (packed_) {
      packed_product_.multiply(work.product, first, rows);
    } else {
      execute(rows_of(work.product, first, rows), scratch_);
    }
    execute(rows_of(work.update, first, rows), scratch_);
  }

  /// f(view, buffer) for what an iteration needs of a column beside the state and the product.
  template <class F>
  void for_each_held(Steps& steps, F f) {
    std::size_t h = 0;
    for (auto* view : held_by(steps.update)) f(*view, held_[h++]);
    if (!steps.mix) return;
    for (auto* view : held_by(*steps.mix)) f(*view, held_[h++]);
  }

  std::size_t buffer_size(index_t count) const { return static_cast<std::size_t>(rows_ * count); }

  void restrict(index_t first, index_t count) {
    const auto columns = [&](auto& view) { view = view.columns(first, count); };
    const auto range = [&](auto& view) { view = view.range(first, count); };
    columns(whole_.product.B);
    columns(whole_.product.C);
    columns(state_of(whole_.update));
    columns(product_of(whole_.update));
    for_each_held(whole_, [&](auto& view, std::vector<T>&) { columns(view); });
    range(whole_.update.step_norms);
    range(whole_.update.state_norms);
    range(whole_.update.status);
    UpdateStatus<T>& decision = whole_.decision;
    range(decision.step_norms);
    range(decision.state_norms);
    range(decision.columns.status);
    range(decision.columns.iterations);
    range(decision.columns.best_steps);
    range(decision.columns.stalled);
    decision.columns.active.data = &active_;
    if (!whole_.mix) return;
    AndersonMix<T>& mix = *whole_.mix;
    columns(mix.X);
    range(mix.accepted);
    range(mix.points);
    range(mix.step_norms);
    range(mix.fallbacks);
    range(mix.status);
    range(mix.iterations);
  }

  /// Moves the running ones of the `width` columns at work to the front of the buffers and puts
  /// those back that have stopped. Returns how many run.
  index_t gather(Steps& work, index_t width, bool moved) {
    index_t running = 0;
    const ColumnStatus<T>& at = work.decision.columns;
    for (index_t k = 0; k < width; ++k) {
      if (at.status.data[k] != static_cast<std::uint8_t>(SolveStatus::running)) {
        if (moved) put_back(k);
        continue;
      }
      const auto to = static_cast<std::size_t>(running);
      columns_[to] = moved ? columns_[static_cast<std::size_t>(k)] : k;
      fates_.status[to] = at.status.data[k];
      fates_.iterations[to] = at.iterations.data[k];
      fates_.best_steps[to] = at.best_steps.data[k];
      fates_.stalled[to] = at.stalled.data[k];
      fates_.step_norms[to] = work.update.step_norms.data[k];
      fates_.state_norms[to] = work.update.state_norms.data[k];
      if (work.mix) {
        fates_.accepted[to] = work.mix->accepted.data[k];
        fates_.points[to] = work.mix->points.data[k];
        fates_.fallbacks[to] = work.mix->fallbacks.data[k];
      }
      move_column(state_of(work.update), k, state_, running);
      for_each_held(
          work, [&](auto& view, std::vector<T>& buffer) { move_column(view, k, buffer, running); });
      running += 1;
    }
    return running;
  }

  template <class View>
  void move_column(const View& from, index_t k, std::vector<T>& to, index_t place) {
    const T* source = from.data + k * from.ld;
    T* target = to.data() + place * rows_;
    if (target != source) std::copy(source, source + rows_, target);
  }

  /// The steps on the first `width` columns of the buffers. The product goes where it always goes.
  Steps moved_steps(index_t width) {
    Steps steps = whole_;
    const Device device = state_of(steps.update).device;
    const MatrixView<T> state = {state_.data(), rows_, width, rows_, device};
    state_of(steps.update) = state;
    for_each_held(steps, [&](auto& view, std::vector<T>& buffer) {
      view = {buffer.data(), rows_, width, rows_, device};
    });
    steps.product.B = state;
    steps.product.C = steps.product.C.columns(0, width);
    product_of(steps.update) = product_of(steps.update).columns(0, width);
    steps.update.step_norms = {fates_.step_norms.data(), width, device};
    steps.update.state_norms = {fates_.state_norms.data(), width, device};
    steps.update.status = {fates_.status.data(), width, device};
    steps.decision.step_norms = steps.update.step_norms;
    steps.decision.state_norms = steps.update.state_norms;
    ColumnStatus<T>& columns = steps.decision.columns;
    columns.status = {fates_.status.data(), width, device};
    columns.iterations = {fates_.iterations.data(), width, device};
    columns.best_steps = {fates_.best_steps.data(), width, device};
    columns.stalled = {fates_.stalled.data(), width, device};
    if (steps.mix) {
      steps.mix->X = state;
      steps.mix->accepted = {fates_.accepted.data(), width, device};
      steps.mix->points = {fates_.points.data(), width, device};
      steps.mix->step_norms = steps.update.step_norms;
      steps.mix->fallbacks = {fates_.fallbacks.data(), width, device};
      steps.mix->status = steps.update.status;
      steps.mix->iterations = columns.iterations;
    }
    return steps;
  }

  /// Column k of the buffers, to where it belongs.
  void put_back(index_t k) {
    const auto from = static_cast<std::size_t>(k);
    const index_t j = columns_[from];
    const MatrixView<T>& state = state_of(whole_.update);
    const T* source = state_.data() + k * rows_;
    std::copy(source, source + rows_, state.data + j * state.ld);
    const ColumnStatus<T>& columns = whole_.decision.columns;
    columns.status.data[j] = fates_.status[from];
    columns.iterations.data[j] = fates_.iterations[from];
    columns.best_steps.data[j] = fates_.best_steps[from];
    columns.stalled.data[j] = fates_.stalled[from];
    if (whole_.mix) whole_.mix->fallbacks.data[j] = fates_.fallbacks[from];
    whole_.update.step_norms.data[j] = fates_.step_norms[from];
    whole_.update.state_norms.data[j] = fates_.state_norms[from];
  }

  Steps whole_;
  index_t rows_;
  Fates<T> fates_;
  std::vector<index_t> columns_;  ///< where the columns of the buffers belong
  std::vector<T> state_;
  std::vector<std::vector<T>> held_;
  std::int32_t active_ = 0;
  bool packed_ = false;
  PackedGemm<T> packed_product_;
  Scratch scratch_;
};

template <class T, class Update>
std::unique_ptr<TileLoop> make_loop(const Sequence& steps, index_t first, index_t count) {
  const auto sweep = leading_sweep<T, Update>(steps);
  if (!sweep) return nullptr;
  const std::size_t next = 2 * sweep->first_rows.size();
  const std::size_t behind = steps.size() - next;
  if (behind != 1 && behind != 2) return nullptr;
  const auto* decision = std::get_if<UpdateStatus<T>>(&steps[next]);
  const auto* mix = behind == 2 ? std::get_if<AndersonMix<T>>(&steps[next + 1]) : nullptr;
  if (decision == nullptr || (behind == 2 && mix == nullptr)) return nullptr;
  typename SeparableLoop<T, Update>::Steps whole = {*sweep, *decision, std::nullopt};
  if (mix != nullptr) whole.mix = *mix;
  return std::make_unique<SeparableLoop<T, Update>>(whole, first, count);
}

}  // namespace

std::unique_ptr<TileLoop> TileLoop::make(const Sequence& steps, index_t first, index_t count) {
  auto loop = make_loop<float, PicardUpdate<float>>(steps, first, count);
  if (!loop) loop = make_loop<double, PicardUpdate<double>>(steps, first, count);
  if (!loop) loop = make_loop<float, AdjointUpdate<float>>(steps, first, count);
  if (!loop) loop = make_loop<double, AdjointUpdate<double>>(steps, first, count);
  return loop;
}

}  // namespace idl::cpu
