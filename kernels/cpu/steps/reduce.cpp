// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/sums.hpp"
#include "kernels/math/extrema.hpp"

namespace idl::cpu {
namespace {

// Blocks are fixed, so the order of summation does not depend on the number of threads.
constexpr index_t k_block = 4096;

template <class T>
double sum_of(const T* x, index_t n) {
  constexpr index_t k_lanes = 8;
  double sums[k_lanes] = {};
  index_t i = 0;
  for (; i + k_lanes <= n; i += k_lanes) {
    for (index_t l = 0; l < k_lanes; ++l) sums[l] += static_cast<double>(x[i + l]);
  }
  double sum = 0;
  for (const double lane : sums) sum += lane;
  for (; i < n; ++i) sum += static_cast<double>(x[i]);
  return sum;
}

// larger(), lane by lane.
template <class Lanes>
__attribute__((always_inline)) inline void join_larger(Lanes& lanes, const Lanes& next) {
  lanes = ((next > lanes) | (next != next)) ? next : lanes;
}

template <class T, std::size_t W>
__attribute__((always_inline)) inline T largest_lane(const Pack<T, W>& lanes) {
  if constexpr (W > 16) {
    Pack<T, W / 2> lower, upper;
    std::memcpy(&lower, &lanes, W / 2);
    std::memcpy(&upper, reinterpret_cast<const char*>(&lanes) + W / 2, W / 2);
    join_larger(lower, upper);
    return largest_lane<T, W / 2>(lower);
  } else {
    T max = lanes[0];
    for (std::size_t l = 1; l < W / sizeof(T); ++l) max = larger(max, lanes[l]);
    return max;
  }
}

// Each lane a maximum of its own, so that none waits for another. There is an entry at least.
template <class T>
double max_of(const T* x, index_t n) {
  T max = x[0];
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    constexpr auto k_lanes = static_cast<index_t>(width() / sizeof(T));
    index_t i = 0;
    if (n >= k_lanes) {
      Pack<T, width()> lanes;
      load<T, width()>(lanes, x);
      for (i = k_lanes; i + k_lanes <= n; i += k_lanes) {
        Pack<T, width()> next;
        load<T, width()>(next, x + i);
        join_larger(lanes, next);
      }
      max = largest_lane<T, width()>(lanes);
    }
    for (; i < n; ++i) max = larger(max, x[i]);
  });
  return static_cast<double>(max);
}

}  // namespace

template <class T>
void execute(const Reduce<T>& r, Scratch& scratch) {
  const index_t n = r.x.size;
  if (n == 0) {
    r.result.data[0] = T(0);
    return;
  }
  const bool is_sum = r.kind == ReduceKind::sum;
  const index_t blocks = (n + k_block - 1) / k_block;
  double* partial = scratch.take<double>(static_cast<std::size_t>(blocks));
  parallel_for(blocks, k_block, [&](index_t block) {
    const T* x = r.x.data + block * k_block;
    const index_t count = std::min(k_block, n - block * k_block);
    partial[block] = is_sum ? sum_of(x, count) : max_of(x, count);
  });
  const double all = is_sum ? sum_of(partial, blocks) : max_of(partial, blocks);
  r.result.data[0] = static_cast<T>(static_cast<double>(r.scale) * all);
}

template void execute(const Reduce<float>&, Scratch&);
template void execute(const Reduce<double>&, Scratch&);

}  // namespace idl::cpu
