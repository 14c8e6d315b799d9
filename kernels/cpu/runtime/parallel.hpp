// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>

#include "idl/matrix.hpp"
#include "kernels/base/processors.hpp"
#include "kernels/base/thread_team.hpp"
#include "kernels/cpu/runtime/flush_subnormals.hpp"

namespace idl::cpu {

inline constexpr std::size_t k_cache_line = 64;

/// Indices from `begin` up to `end`.
struct IndexRange {
  index_t begin;
  index_t end;
  bool empty() const { return begin >= end; }
};

/// What no thread has taken yet of [0, count). Each thread has a range of its own, so that it finds
/// what it wrote the last time in its cache, in a few pieces; when that is empty, it takes pieces
/// of the others'.
class WorkQueue {
 public:
  WorkQueue(index_t count, int threads, index_t pieces) : threads_(threads) {
    for (int thread = 0; thread < threads; ++thread) {
      Range& range = ranges_[static_cast<std::size_t>(thread)];
      range.begin = count * thread / threads;
      range.end = count * (thread + 1) / threads;
      range.pieces = std::min(pieces, range.end - range.begin);
      range.next = 0;
    }
  }

  /// Empty when nothing is left.
  IndexRange take(int thread) {
    for (int k = 0; k < threads_; ++k) {
      Range& range = ranges_[static_cast<std::size_t>((thread + k) % threads_)];
      // Many ask an empty range again and again, and a write would take the line from each other.
      const std::atomic_ref<index_t> next(range.next);
      if (next.load(std::memory_order_relaxed) >= range.pieces) continue;
      const index_t piece = next.fetch_add(1, std::memory_order_relaxed);
      if (piece < range.pieces) return {range.bound(piece), range.bound(piece + 1)};
    }
    return {0, 0};
  }

 private:
  // No std::atomic, whose constructor writes: of the most threads that there can be, not all come.
  struct alignas(k_cache_line) Range {
    index_t next;
    index_t begin;
    index_t end;
    index_t pieces;

    index_t bound(index_t piece) const { return begin + (end - begin) * piece / pieces; }
  };
  int threads_;
  std::array<Range, k_most_threads> ranges_;
};

/// Below this many cheap element operations, about 10 µs, a second thread brings little.
inline constexpr index_t k_parallel_work = 65536;

/// Threads for `count` bodies of `work_each` elements: half of k_parallel_work for each at least.
inline int threads_for(index_t count, index_t work_each) {
  if (count < 2 || work_each < 1) return 1;
  const index_t bodies = (k_parallel_work / 2 + work_each - 1) / work_each;  // enough for a thread
  const index_t most = std::min(count / bodies, count);
  return most < 2 ? 1 : static_cast<int>(std::min<index_t>(most, allowed_threads()));
}

/// body(i, thread) for i in [0, count) on so many threads. The bodies must be independent, but for
/// what belongs to their thread.
template <class F>
void on_threads(index_t count, int threads, const F& body) {
  if (threads == 1) {
    const FlushSubnormals flush;
    for (index_t i = 0; i < count; ++i) body(i, 0);
    return;
  }
  constexpr index_t k_pieces = 8;  // for a thread that was kept away, the others do the work
  WorkQueue queue(count, threads, k_pieces);
  run_together(threads, [&](int thread) {
    const FlushSubnormals flush;
    for (IndexRange piece = queue.take(thread); !piece.empty(); piece = queue.take(thread))
      for (index_t i = piece.begin; i < piece.end; ++i) body(i, thread);
  });
}

/// body(i) for i in [0, count), in parallel where count·work_each elements are worth it. The bodies
/// must be independent; then results do not depend on the number of threads. Bodies know no
/// subnormal numbers.
template <class F>
void parallel_for(index_t count, index_t work_each, const F& body) {
  on_threads(count, threads_for(count, work_each), [&](index_t i, int) { body(i); });
}

}  // namespace idl::cpu
