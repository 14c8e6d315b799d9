// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/column_loop.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <variant>
#include <vector>

#include "kernels/cpu/loop/column_slots.hpp"
#include "kernels/cpu/loop/packed_products.hpp"
#include "kernels/cpu/loop/sparse_loop.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {
namespace {

/// An A of this size shares the cache of a core with the columns at work.
constexpr std::size_t k_cached_bytes = std::size_t(1) << 20;
/// Columns that a thread works on at a time: few enough to stay in the cache, and enough for A to
/// be read seldom, which where it comes from farther away takes more of them.
constexpr index_t k_slots = 16;
constexpr index_t k_slots_beside_large = 128;
/// With fewer columns a thread, it takes longer for each of them to read all of a large A than for
/// all to read their part: n = 4096 with 2 columns each took 2.4 times as long.
constexpr index_t k_least_beside_large = 8;

template <class T>
bool stays_in_cache(const PackedProducts<T>& products) {
  return products.bytes() <= k_cached_bytes;
}

template <class T, class Update>
class SeparableLoop final : public MovableColumnLoop<T> {
 public:
  SeparableLoop(const ColumnSteps<T, Update>& steps, const FixedPoint<T>& solve, int threads)
      : steps_(steps), product_(solve) {
    const index_t most = std::min<index_t>(threads, product_.columns());
    const index_t slots = std::min(stays_in_cache(product_) ? k_slots : k_slots_beside_large,
                                   (product_.columns() + most - 1) / most);
    for (index_t thread = 0; thread < most; ++thread)
      slots_.push_back(std::make_unique<ColumnSlots<T, Update>>(steps, product_, slots));
  }

  void move_to(const FixedPoint<T>& solve) override {
    steps_.update = std::get<Update>(update_of(solve));
    steps_.decision = decision_of(solve);
    steps_.mix = mix_of(solve);
    for (auto& slots : slots_) slots->move_to(steps_);
  }

  void run() override {
    std::int32_t& active = *steps_.decision.columns.active.data;
    if (!steps_.from_zero && (active == 0 || steps_.decision.max_iterations == 0)) return;
    product_.prepare();
    const int threads = std::min(static_cast<int>(slots_.size()), worthwhile_threads());
    const index_t samples = product_.columns();
    WorkQueue queue(samples, threads, samples);
    std::atomic<index_t> next_panel = 0;
    std::atomic<index_t> packed_panels = 0;
    run_together(threads, [&](int thread) {
      const index_t panels = product_.panels();
      for (index_t panel = next_panel++; panel < panels; panel = next_panel++) {
        product_.pack(panel);
        packed_panels.fetch_add(1, std::memory_order_release);
      }
      // Only for those that have begun to pack one, which takes a moment unless they are
      // interrupted.
      constexpr int k_pauses = 1000;
      for (int k = 0; packed_panels.load(std::memory_order_acquire) < panels; ++k) {
        if (k < k_pauses)
          pause_briefly();
        else
          std::this_thread::yield();
      }
      slots_[static_cast<std::size_t>(thread)]->run(queue, thread);
    });
    active = 0;
  }

 private:
  /// A solve that is done in a few microseconds takes one thread.
  int worthwhile_threads() const {
    constexpr index_t k_iterations = 8;   // or more
    constexpr index_t k_operations = 16;  // multiplications and additions that cost one element
    constexpr index_t k_passes = 8;       // over the entries of a state beside the product
    const index_t passes = product_.rows() * k_passes;
    return threads_for(product_.columns(),
                       k_iterations * (product_.entries() / k_operations + passes));
  }

  ColumnSteps<T, Update> steps_;
  PackedProducts<T> product_;
  std::vector<std::unique_ptr<ColumnSlots<T, Update>>> slots_;  ///< one for each thread
};

/// Nothing where A or its blocks of rows are none that PackedGemm takes.
template <class T, class Update>
std::unique_ptr<MovableColumnLoop<T>> make_packed_loop(const FixedPoint<T>& solve, int threads) {
  if (std::holds_alternative<BlocksMap<T>>(solve.A)) return nullptr;
  const PackedProducts<T> products(solve);
  const auto steps = column_steps<T, Update>(solve);
  if (!products.fit(steps.blocks)) return nullptr;
  if (!stays_in_cache(products) && solve.X.cols < k_least_beside_large * threads) return nullptr;
  return std::make_unique<SeparableLoop<T, Update>>(steps, solve, threads);
}

template <class T, class Update>
std::unique_ptr<ColumnLoop> make_loop(const FixedPoint<T>& solve, int threads) {
  if (const auto* sparse = std::get_if<CsrMap<T>>(&solve.A))
    return make_sparse_loop(column_steps<T, Update>(solve),
                            solve.transpose ? sparse->transposed : sparse->A, threads);
  return make_packed_loop<T, Update>(solve, threads);
}

template <class T>
bool has_columns_to_run(const FixedPoint<T>& solve) {
  return solve.X.cols >= 1 && (solve.start != SolveStart::zero || starts_from_zero(solve));
}

}  // namespace

template <class T>
std::unique_ptr<MovableColumnLoop<T>> MovableColumnLoop<T>::make(const FixedPoint<T>& solve,
                                                                 int threads) {
  if (!has_columns_to_run(solve) || std::holds_alternative<CsrMap<T>>(solve.A)) return nullptr;
  return std::holds_alternative<PicardMap<T>>(solve.f)
             ? make_packed_loop<T, PicardUpdate<T>>(solve, threads)
             : make_packed_loop<T, AdjointUpdate<T>>(solve, threads);
}

template <class T>
std::unique_ptr<ColumnLoop> ColumnLoop::make(const FixedPoint<T>& solve, int threads) {
  if (!has_columns_to_run(solve)) return nullptr;
  return std::holds_alternative<PicardMap<T>>(solve.f)
             ? make_loop<T, PicardUpdate<T>>(solve, threads)
             : make_loop<T, AdjointUpdate<T>>(solve, threads);
}

template class MovableColumnLoop<float>;
template class MovableColumnLoop<double>;
template std::unique_ptr<ColumnLoop> ColumnLoop::make(const FixedPoint<float>&, int);
template std::unique_ptr<ColumnLoop> ColumnLoop::make(const FixedPoint<double>&, int);

}  // namespace idl::cpu
