// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "kernels/cpu/loop/column_loop.hpp"
#include "kernels/cpu/loop/column_slots.hpp"
#include "kernels/cpu/loop/packed_products.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {

/// An A of this size shares the cache of a core with the columns at work.
inline constexpr std::size_t k_cached_bytes = std::size_t(1) << 20;
/// Columns that a thread works on at a time: few enough to stay in the cache, and enough for A to
/// be read seldom, which where it comes from farther away takes more of them.
inline constexpr index_t k_slots = 16;
inline constexpr index_t k_slots_beside_large = 128;
/// With fewer columns a thread, it takes longer for each of them to read all of a large A than for
/// all to read their part: n = 4096 with 2 columns each took 2.4 times as long.
inline constexpr index_t k_least_beside_large = 8;

template <class T>
bool stays_in_cache(const PackedProducts<T>& products) {
  return products.bytes() <= k_cached_bytes;
}

template <class T, class Update>
class SeparableLoop final : public ColumnLoop {
 public:
  SeparableLoop(const ColumnSteps<T, Update>& steps, const FixedPoint<T>& solve, int threads)
      : SeparableLoop(steps, solve, threads, nullptr, solve.X.cols) {}
  /// Of so many chains of columns.
  SeparableLoop(const ColumnSteps<T, Update>& steps, const FixedPoint<T>& solve, int threads,
                ColumnChain* chain, index_t chains)
      : steps_(steps), product_(solve), chains_(chains) {
    const index_t most = std::min<index_t>(threads, chains);
    const index_t slots = std::min(stays_in_cache(product_) ? k_slots : k_slots_beside_large,
                                   (chains + most - 1) / most);
    for (index_t thread = 0; thread < most; ++thread)
      slots_.push_back(std::make_unique<ColumnSlots<T, Update>>(steps, product_, slots, chain));
  }

  void run() override {
    std::int32_t& active = *steps_.decision.columns.active.data;
    if (!steps_.starts_itself() && (active == 0 || steps_.decision.max_iterations == 0)) return;
    product_.prepare();
    const int threads = std::min(static_cast<int>(slots_.size()), worthwhile_threads());
    WorkQueue queue(chains_, threads, chains_);
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
  index_t chains_;  ///< or columns, which are a chain each
  std::vector<std::unique_ptr<ColumnSlots<T, Update>>> slots_;  ///< one for each thread
};

}  // namespace idl::cpu
