// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/column_loop.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <type_traits>
#include <variant>
#include <vector>

#include "kernels/cpu/loop/column_slots.hpp"
#include "kernels/cpu/loop/lane_loop.hpp"
#include "kernels/cpu/loop/packed_products.hpp"
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
class SeparableLoop final : public ColumnLoop<T> {
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
    steps_.move_to(solve);
    for (auto& slots : slots_) slots->move_to(steps_);
  }

  void run() override {
    if (!steps_.has_work()) return;
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
    *steps_.decision.columns.active.data = 0;
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
std::unique_ptr<ColumnLoop<T>> make_packed_loop(const ColumnSteps<T, Update>& steps,
                                                const FixedPoint<T>& solve, int threads) {
  const PackedProducts<T> products(solve);
  if (!products.fit(steps.blocks)) return nullptr;
  if (!stays_in_cache(products) && solve.X.cols < k_least_beside_large * threads) return nullptr;
  return std::make_unique<SeparableLoop<T, Update>>(steps, solve, threads);
}

template <class T, class Update>
std::unique_ptr<ColumnLoop<T>> make_loop(const FixedPoint<T>& solve, int threads) {
  const auto steps = column_steps<T, Update>(solve);
  return std::visit(
      [&]<class Kind>(const Kind& kind) -> std::unique_ptr<ColumnLoop<T>> {
        if constexpr (k_is_blocks<Kind>) {
          return nullptr;
        } else if constexpr (k_is_sparse<Kind>) {
          return make_lane_loop(steps, solve.transpose ? kind.transposed : kind.A, threads);
        } else if constexpr (k_is_low_rank<Kind>) {
          return make_packed_loop(steps, solve, threads);
        } else {
          // The norms of an adjoint are sums, which take longer lane by lane.
          if constexpr (std::is_same_v<Update, PicardUpdate<T>>)
            if (auto lanes = solve.transpose ? nullptr : make_lane_loop(steps, kind.A, threads))
              return lanes;
          return make_packed_loop(steps, solve, threads);
        }
      },
      solve.A);
}

template <class T>
bool has_columns_to_run(const FixedPoint<T>& solve) {
  return solve.X.cols >= 1 && (solve.start != SolveStart::zero || starts_from_zero(solve));
}

}  // namespace

template <class T>
std::unique_ptr<ColumnLoop<T>> ColumnLoop<T>::make(const FixedPoint<T>& solve, int threads) {
  if (!has_columns_to_run(solve)) return nullptr;
  return std::holds_alternative<PicardMap<T>>(solve.f)
             ? make_loop<T, PicardUpdate<T>>(solve, threads)
             : make_loop<T, AdjointUpdate<T>>(solve, threads);
}

template class ColumnLoop<float>;
template class ColumnLoop<double>;

}  // namespace idl::cpu
