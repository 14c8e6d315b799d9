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
const MatrixView<T>& state_of(const PicardUpdate<T>& u) {
  return u.X;
}
template <class T>
MatrixView<T>& state_of(AdjointUpdate<T>& u) {
  return u.V;
}
template <class T>
const MatrixView<T>& state_of(const AdjointUpdate<T>& u) {
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
  /// What precedes the first iteration of a whole solve.
  struct Start {
    std::optional<ActivationDerivative<T>> derivative;
  };

  SeparableLoop(const Steps& steps, const std::optional<Start>& start, index_t widest)
      : whole_(steps),
        start_(start),
        rows_(state_of(whole_.update).rows),
        fates_(widest),
        columns_(static_cast<std::size_t>(widest)),
        running_(columns_),
        state_(static_cast<std::size_t>(rows_ * widest)),
        product_(state_.size()) {
    whole_.decision.columns.active.data = &active_;
    held_.resize(held_by(whole_.update).size() + (whole_.mix ? held_by(*whole_.mix).size() : 0),
                 state_);
  }

  void begin() override {
    packed_ = PackedGemm<T>::fits(whole_.product) && takes_fixed_order(whole_.product) &&
              std::ranges::all_of(whole_.first_rows, PackedGemm<T>::begins_at);
    if (packed_) packed_product_.pack(whole_.product);
  }

  std::int32_t run(index_t first, index_t count, std::int32_t max_iterations) override {
    tile_ = restricted(first, count);
    if (start_) start(first, count);
    count_running();
    if (active_ == 0 || max_iterations == 0) return active_;
    index_t width = gather(tile_, count, false);
    Steps work = buffered(width);
    std::int32_t done = 0;
    if (start_) {
      first_iteration(work);
      done = 1;
    }
    for (; active_ > 0 && done < max_iterations; ++done) {
      if (packed_) {
        list_running(width);
      } else if (width > k_narrowest && 4 * active_ <= 3 * width) {
        width = gather(work, width, true);
        work = buffered(width);
      }
      for (std::size_t b = 0; b < work.first_rows.size(); ++b) apply(work, b);
      decide(work);
    }
    for (index_t k = 0; k < width; ++k) put_back(k);
    return active_;
  }

 private:
  void start(index_t first, index_t count) {
    execute(
        ResetStatus<T>{tile_.decision.columns, tile_.update.step_norms, tile_.update.state_norms},
        scratch_);
    if (!start_->derivative) return;
    ActivationDerivative<T> derivative = *start_->derivative;
    derivative.S = derivative.S.columns(first, count);
    derivative.Z = derivative.Z.columns(first, count);
    derivative.Psi = derivative.Psi.columns(first, count);
    execute(derivative, scratch_);
  }

  void count_running() {
    const VectorView<std::uint8_t> status = tile_.decision.columns.status;
    active_ = static_cast<std::int32_t>(std::count(
        status.data, status.data + status.size, static_cast<std::uint8_t>(SolveStatus::running)));
  }

  /// From a state of zero, whose product is zero.
  void first_iteration(const Steps& work) {
    const MatrixView<T>& state = state_of(work.update);
    std::fill_n(state_.begin(), rows_ * state.cols, T(0));
    std::fill_n(product_.begin(), rows_ * state.cols, T(0));
    if (work.mix) std::fill_n(work.mix->Y.data, rows_ * state.cols, T(0));
    execute(work.update, scratch_);
    decide(work);
  }

  /// The map, for a block of its rows.
  void apply(const Steps& work, std::size_t block) {
    const index_t first = work.first_rows[block];
    const index_t rows = work.rows_from(block);
    if (packed_) {
      packed_product_.multiply(work.product, first, rows, running_);
    } else {
      execute(rows_of(work.product, first, rows), scratch_);
    }
    execute(rows_of(work.update, first, rows), scratch_);
  }

  void list_running(index_t width) {
    running_.clear();
    for (index_t k = 0; k < width; ++k)
      if (fates_.status[static_cast<std::size_t>(k)] ==
          static_cast<std::uint8_t>(SolveStatus::running))
        running_.push_back(k);
  }

  void decide(const Steps& work) {
    execute(work.decision, scratch_);
    if (work.mix) execute(*work.mix, scratch_);
  }

  /// f(view, buffer) for what an iteration needs of a column beside the state and the product.
  template <class F>
  void for_each_held(Steps& steps, F f) {
    std::size_t h = 0;
    for (auto* view : held_by(steps.update)) f(*view, held_[h++]);
    if (!steps.mix) return;
    for (auto* view : held_by(*steps.mix)) f(*view, held_[h++]);
  }

  /// The steps on the columns [first, first + count) where they lie.
  Steps restricted(index_t first, index_t count) {
    Steps steps = whole_;
    const auto columns = [&](auto& view) { view = view.columns(first, count); };
    const auto range = [&](auto& view) { view = view.range(first, count); };
    columns(state_of(steps.update));
    for_each_held(steps, [&](auto& view, std::vector<T>&) { columns(view); });
    range(steps.update.step_norms);
    range(steps.update.state_norms);
    range(steps.update.status);
    ColumnStatus<T>& at = steps.decision.columns;
    range(at.status);
    range(at.iterations);
    range(at.best_steps);
    range(at.stalled);
    if (at.fallbacks.size > 0) range(at.fallbacks);
    if (at.low_iterations.size > 0) range(at.low_iterations);
    if (!steps.mix) return steps;
    range(steps.mix->accepted);
    range(steps.mix->points);
    range(steps.mix->fallbacks);
    return steps;
  }

  /// Moves the running ones of `width` columns, which are `from` the tile or already in the
  /// buffers, to the front of the buffers, and puts those back that have stopped there. Returns how
  /// many run.
  index_t gather(Steps& from, index_t width, bool in_buffers) {
    index_t running = 0;
    const ColumnStatus<T>& at = from.decision.columns;
    const bool fresh = start_ && !in_buffers;
    for (index_t k = 0; k < width; ++k) {
      if (at.status.data[k] != static_cast<std::uint8_t>(SolveStatus::running)) {
        if (in_buffers) put_back(k);
        continue;
      }
      const auto to = static_cast<std::size_t>(running);
      columns_[to] = in_buffers ? columns_[static_cast<std::size_t>(k)] : k;
      fates_.status[to] = at.status.data[k];
      fates_.iterations[to] = at.iterations.data[k];
      fates_.best_steps[to] = at.best_steps.data[k];
      fates_.stalled[to] = at.stalled.data[k];
      fates_.step_norms[to] = from.update.step_norms.data[k];
      fates_.state_norms[to] = from.update.state_norms.data[k];
      if (from.mix) {
        fates_.accepted[to] = from.mix->accepted.data[k];
        fates_.points[to] = from.mix->points.data[k];
        fates_.fallbacks[to] = from.mix->fallbacks.data[k];
      }
      const auto move = [&](auto& view, std::vector<T>& buffer) {
        move_column(view, k, buffer, running);
      };
      if (fresh) {  // there is no state yet, nor anything to mix
        std::size_t h = 0;
        for (auto* view : held_by(from.update)) move(*view, held_[h++]);
      } else {
        move(state_of(from.update), state_);
        for_each_held(from, move);
      }
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

  /// The steps on the first `width` columns of the buffers.
  Steps buffered(index_t width) {
    Steps steps = whole_;
    const Device device = state_of(steps.update).device;
    const MatrixView<T> state = {state_.data(), rows_, width, rows_, device};
    const MatrixView<T> product = {product_.data(), rows_, width, rows_, device};
    state_of(steps.update) = state;
    for_each_held(steps, [&](auto& view, std::vector<T>& buffer) {
      view = {buffer.data(), rows_, width, rows_, device};
    });
    steps.product.B = state;
    steps.product.C = product;
    product_of(steps.update) = product;
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
    const MatrixView<T>& state = state_of(tile_.update);
    const T* source = state_.data() + k * rows_;
    std::copy(source, source + rows_, state.data + j * state.ld);
    const ColumnStatus<T>& columns = tile_.decision.columns;
    columns.status.data[j] = fates_.status[from];
    columns.iterations.data[j] = fates_.iterations[from];
    columns.best_steps.data[j] = fates_.best_steps[from];
    columns.stalled.data[j] = fates_.stalled[from];
    if (tile_.mix) tile_.mix->fallbacks.data[j] = fates_.fallbacks[from];
    tile_.update.step_norms.data[j] = fates_.step_norms[from];
    tile_.update.state_norms.data[j] = fates_.state_norms[from];
  }

  Steps whole_;
  std::optional<Start> start_;
  Steps tile_;
  index_t rows_;
  Fates<T> fates_;
  std::vector<index_t> columns_;  ///< where in the tile the columns of the buffers belong
  std::vector<index_t> running_;  ///< which columns of the buffers
  std::vector<T> state_;
  std::vector<T> product_;
  std::vector<std::vector<T>> held_;
  std::int32_t active_ = 0;
  bool packed_ = false;
  PackedGemm<T> packed_product_;
  Scratch scratch_;
};

template <class T, class Update>
std::unique_ptr<TileLoop> make_loop(Sequence steps, index_t widest, bool from_zero) {
  using Loop = SeparableLoop<T, Update>;
  std::optional<typename Loop::Start> start;
  if (from_zero) start.emplace();
  const auto* derivative = std::get_if<ActivationDerivative<T>>(&steps.front());
  if (from_zero && derivative != nullptr) {
    start->derivative = *derivative;
    steps.erase(steps.begin());
  }
  const auto sweep = leading_sweep<T, Update>(steps);
  if (!sweep) return nullptr;
  const std::size_t next = 2 * sweep->first_rows.size();
  const std::size_t behind = steps.size() - next;
  if (behind != 1 && behind != 2) return nullptr;
  const auto* decision = std::get_if<UpdateStatus<T>>(&steps[next]);
  const auto* mix = behind == 2 ? std::get_if<AndersonMix<T>>(&steps[next + 1]) : nullptr;
  if (decision == nullptr || (behind == 2 && mix == nullptr)) return nullptr;
  typename Loop::Steps whole = {*sweep, *decision, std::nullopt};
  if (mix != nullptr) whole.mix = *mix;
  return std::make_unique<Loop>(whole, start, widest);
}

}  // namespace

std::unique_ptr<TileLoop> TileLoop::make(const Sequence& steps, index_t widest, bool from_zero) {
  if (steps.empty()) return nullptr;
  auto loop = make_loop<float, PicardUpdate<float>>(steps, widest, from_zero);
  if (!loop) loop = make_loop<double, PicardUpdate<double>>(steps, widest, from_zero);
  if (!loop) loop = make_loop<float, AdjointUpdate<float>>(steps, widest, from_zero);
  if (!loop) loop = make_loop<double, AdjointUpdate<double>>(steps, widest, from_zero);
  return loop;
}

}  // namespace idl::cpu
